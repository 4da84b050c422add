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
    house.turn_over(NOW);
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
    house.turn_over(NOW);
    assert_eq!(house.keys.generation(), 1);
    house.keys.withdraw(None, NOW).unwrap();
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

const DAY: u64 = 24 * 60 * 60;

/// Gives the state of each key, the next one first.
fn states(house: &House, now: Timestamp) -> Vec<TokenKeyState> {
    house.keys.list(now).into_iter().map(|it| it.state).collect()
}

#[test]
fn a_key_signs_for_a_day_and_the_next_is_published_before_it_does() {
    let house = House::new();
    let first = house.keys.signing().name.clone();
    assert_eq!(house.keys.tend(later(DAY - 301)).unwrap(), None);
    let Some(TokenKeyChange::Published { key, signs_from }) =
        house.keys.tend(later(DAY - 300)).unwrap()
    else {
        panic!("no key was published")
    };
    assert_eq!(signs_from, later(DAY));
    // It is published and signs nothing, and whoever asks again gets the same.
    let now = later(DAY - 1);
    assert_eq!(names(&house.keys.jwks(now)), [first.clone(), key.clone()]);
    assert_eq!(house.keys.tend(now).unwrap(), None);
    let again = TokenKeyChange::Published { key: key.clone(), signs_from };
    assert_eq!(house.keys.rotate(now).unwrap(), again);
    assert_eq!(house.keys.signing().name, first);
    assert_eq!(key_files(&house).len(), 2);

    let signs = Some(TokenKeyChange::Signs { key: key.clone() });
    assert_eq!(house.keys.tend(later(DAY)).unwrap(), signs);
    assert_eq!(house.keys.signing().name, key);
    let until = later(DAY + 600);
    assert_eq!(
        states(&house, later(DAY)),
        [TokenKeyState::Current(later(DAY)), TokenKeyState::Previous(until)]
    );
    assert_eq!(names(&house.keys.jwks(until)), [key]);
    assert_eq!(key_files(&house).len(), 1);
}

#[test]
fn a_restart_goes_on_with_the_next_key_and_what_a_crash_left_is_deleted() {
    let house = House::new();
    house.keys.rotate(NOW).unwrap();
    let stray = house.root.path().join("keys/token-stray.pem");
    crate::private::write_private(&stray, b"left by a crash").unwrap();
    let again = TokenKeys::load_or_create(&house.root.path().join("keys"), later(10)).unwrap();
    assert_eq!(again.list(NOW), house.keys.list(NOW));
    assert!(!stray.exists());
    assert_eq!(again.tend(later(299)).unwrap(), None);
    assert!(matches!(again.tend(later(300)).unwrap(), Some(TokenKeyChange::Signs { .. })));
}

#[test]
fn one_key_is_withdrawn_and_the_others_stay() {
    let house = House::new();
    let old = house.token();
    let first = house.keys.signing().name.clone();
    house.turn_over(NOW);
    let current = house.token();
    house.verify(old.expose(), NOW).unwrap();
    house.verify(current.expose(), NOW).unwrap();

    let gone = house.keys.withdraw(Some(&first), NOW).unwrap();
    assert_eq!(gone, [TokenKeyChange::Withdrawn { key: first.clone() }]);
    assert_eq!(house.verify(old.expose(), NOW), Err(TokenError::UnknownKey));
    house.verify(current.expose(), NOW).unwrap();
    let unknown = house.keys.withdraw(Some(&first), NOW);
    assert!(matches!(unknown, Err(TokenKeysError::Unknown { .. })), "{unknown:?}");

    // The next key lies beside the current one: what took the one may have taken the other.
    house.keys.rotate(NOW).unwrap();
    let name = house.keys.signing().name.clone();
    let changes = house.keys.withdraw(Some(&name), NOW).unwrap();
    assert_eq!(changes.len(), 3, "{changes:?}");
    assert_eq!(house.verify(current.expose(), NOW), Err(TokenError::UnknownKey));
    assert_eq!(states(&house, NOW), [TokenKeyState::Current(NOW)]);
    house.verify(house.token().expose(), NOW).unwrap();
}

#[test]
fn a_clock_that_jumps_neither_skips_the_publication_nor_keeps_a_key_for_longer() {
    let house = House::new();
    // A month asleep: the next key is published first all the same.
    let woken = later(30 * DAY);
    assert!(matches!(house.keys.tend(woken).unwrap(), Some(TokenKeyChange::Published { .. })));
    assert_eq!(house.keys.tend(woken).unwrap(), None);
    house.keys.tend(woken.after(Duration::from_secs(300))).unwrap();
    // Files of a clock that ran a month ahead, read by one that is right.
    let keys = TokenKeys::load_or_create(&house.root.path().join("keys"), NOW).unwrap();
    let found: Vec<_> = keys.list(NOW).into_iter().map(|it| it.state).collect();
    let wanted = [TokenKeyState::Current(NOW), TokenKeyState::Previous(later(600))];
    assert_eq!(found, wanted);
    assert!(matches!(keys.tend(later(DAY)).unwrap(), Some(TokenKeyChange::Published { .. })));
}

proptest::proptest! {
    /// However time passes, and whatever is asked for: what signs was published for five minutes, unless
    /// what was there was withdrawn, and no token of five minutes outlives its key.
    #[test]
    fn what_signs_was_published_before(steps in proptest::collection::vec((0_u8..4, 0_u64..90_000), 1..40)) {
        let house = House::new();
        let mut now = NOW;
        let mut known = std::collections::BTreeMap::from([(house.keys.signing().name.clone(), None)]);
        let mut withdrawn = false;
        for (what, seconds) in steps {
            now = now.after(Duration::from_secs(if what == 3 { seconds } else { seconds % 400 }));
            let token = house.mint.mint_for(&Task { deadline: now.after(Duration::from_secs(900)), ..task() }, "p", now).unwrap();
            match what {
                0 => drop(house.keys.rotate(now).unwrap()),
                1 if seconds % 7 == 0 => {
                    house.keys.withdraw(None, now).unwrap();
                    withdrawn = true;
                }
                _ => {
                    house.keys.tend(now).unwrap();
                    proptest::prop_assert!(house.verify(token.expose(), now).is_ok());
                    house.keys.tend(now.after(Duration::from_secs(299))).unwrap();
                    proptest::prop_assert!(house.verify(token.expose(), now.after(Duration::from_secs(299))).is_ok());
                    now = now.after(Duration::from_secs(299));
                }
            }
            let signs = house.keys.signing().name.clone();
            if let Some(Some(published)) = known.get(&signs) {
                let early = now < Timestamp::after(*published, Duration::from_secs(300));
                proptest::prop_assert!(!early, "{signs} signs too early");
            } else {
                proptest::prop_assert!(known.contains_key(&signs) || withdrawn, "{signs} was never published");
            }
            if withdrawn {
                known.insert(signs, None);
                withdrawn = false;
            }
            for key in house.keys.list(now) {
                if let TokenKeyState::Next(from) = key.state {
                    let published = Timestamp::from_millis(from.millis().saturating_sub(300_000));
                    known.entry(key.name).or_insert(Some(published));
                }
            }
        }
    }
}
