//! Keys are kept, rotated and withdrawn, on disk as in memory.

use std::{fs, os::unix::fs::PermissionsExt, path::PathBuf};

use super::*;
use crate::private::{PrivateError, check_private_tree};

fn reload(house: &House, now: Timestamp) -> Result<TokenVerifier, TokenKeysError> {
    let keys = TokenKeys::load_or_create(&house.root.path().join("keys"), now)?;
    Ok(TokenVerifier::new(Arc::new(keys), Issuer::new(URL)))
}

fn key_files(house: &House) -> Vec<PathBuf> {
    fs::read_dir(house.root.path().join("keys"))
        .unwrap()
        .map(|it| it.unwrap().path())
        .filter(|it| it.extension().is_some_and(|it| it == "pem"))
        .collect()
}

fn names(jwks: &Json) -> Vec<String> {
    let Some(Json::List(keys)) = jwks.get("keys") else { panic!("keys") };
    keys.iter().map(|it| it.get("kid").and_then(Json::as_text).unwrap().to_owned()).collect()
}

#[test]
fn keys_survive_a_restart_and_are_private() {
    let house = House::new();
    let token = house.token();
    check_private_tree(&house.root.path().join("keys")).unwrap();
    let again = reload(&house, NOW).unwrap();
    assert!(again.verify(token.expose(), &Audience::All, NOW, &open).is_ok());
    let files = key_files(&house);
    let name = &house.keys.signing().name;
    assert_eq!(files, [house.root.path().join(format!("keys/token-{name}.pem"))]);
}

#[test]
fn a_previous_key_verifies_until_its_last_token_is_dead() {
    let house = House::new();
    let token = house.token();
    let old = house.keys.signing().name.clone();
    house.keys.rotate(NOW).unwrap();
    let new = house.keys.signing().name.clone();
    assert_ne!(old, new);
    assert_eq!(names(&house.keys.jwks(NOW)), [new.clone(), old]);
    for verifier in [&house.verifier, &reload(&house, NOW).unwrap()] {
        assert!(verifier.verify(token.expose(), &Audience::All, later(299), &open).is_ok());
    }
    assert_eq!(names(&house.keys.jwks(later(600))), [new]);
    assert_eq!(house.verify(token.expose(), later(600)), Err(TokenError::UnknownKey));
    assert_eq!(key_files(&house).len(), 1, "the previous private key is gone");
}

#[test]
fn withdrawal_survives_a_restart() {
    let house = House::new();
    let token = house.token();
    house.keys.rotate(NOW).unwrap();
    assert_eq!(house.keys.generation(), 1);
    house.keys.withdraw().unwrap();
    assert_eq!(house.keys.generation(), 2);
    let again = reload(&house, NOW).unwrap();
    for verifier in [&house.verifier, &again] {
        let result = verifier.verify(token.expose(), &Audience::All, NOW, &open);
        assert_eq!(result, Err(TokenError::UnknownKey));
    }
    assert_eq!(key_files(&house).len(), 1);
    let keys = TokenKeys::load_or_create(&house.root.path().join("keys"), NOW).unwrap();
    assert_eq!(keys.generation(), 2);
}

#[test]
fn the_published_keys_hold_no_private_part() {
    let house = House::new();
    let jwks = house.keys.jwks(NOW);
    let Some(Json::List(keys)) = jwks.get("keys") else { panic!("keys") };
    let Json::Object(members) = &keys[0] else { panic!("key") };
    let names: Vec<&str> = members.keys().map(String::as_str).collect();
    assert_eq!(names, ["alg", "crv", "kid", "kty", "use", "x", "y"]);
}

#[test]
fn an_open_key_file_is_not_used() {
    let house = House::new();
    let path = key_files(&house).remove(0);
    fs::set_permissions(&path, fs::Permissions::from_mode(0o640)).unwrap();
    let error = reload(&house, NOW).unwrap_err();
    assert!(matches!(error, TokenKeysError::Private(PrivateError::Open { .. })), "{error}");
}

#[test]
fn damaged_files_are_errors_and_never_replaced_by_new_keys() {
    let house = House::new();
    let (pem, index) =
        (key_files(&house).remove(0), house.root.path().join("keys/token-keys.json"));
    let good = (fs::read_to_string(&pem).unwrap(), fs::read_to_string(&index).unwrap());
    let other = crate::es256::Es256Key::generate().unwrap().to_pem();
    for bad in ["", "garbage", other.expose()] {
        fs::write(&pem, bad).unwrap();
        let error = reload(&house, NOW).unwrap_err();
        assert!(matches!(error, TokenKeysError::Damaged { .. }), "{error}");
    }
    fs::write(&pem, &good.0).unwrap();
    let name = house.keys.signing().name.clone();
    for bad in [
        String::new(),
        "{}".to_owned(),
        good.1.replace(&name, "../other"),
        good.1.replacen('{', "{\"more\":1,", 1),
        good.1.replace("[]", r#"[{"public":"garbage","not_after":"2099-01-01T00:00:00Z"}]"#),
    ] {
        fs::write(&index, &bad).unwrap();
        let error = reload(&house, NOW).unwrap_err();
        assert!(matches!(error, TokenKeysError::Damaged { .. }), "{bad}: {error}");
    }
    fs::write(&index, &good.1).unwrap();
    reload(&house, NOW).unwrap();
    fs::remove_file(&pem).unwrap();
    assert!(reload(&house, NOW).is_err());
}
