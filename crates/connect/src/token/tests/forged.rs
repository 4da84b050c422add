//! What somebody else made, or what was changed on the way.

use aws_lc_rs::hmac;
use proptest::prelude::*;

use super::*;
use crate::{
    es256::Es256Key,
    jws::{ShapeError, TOKEN_MAX},
};

fn refused(house: &House, token: &str) -> TokenError {
    house.verify(token, NOW).unwrap_err()
}

#[test]
fn a_token_without_a_signature_is_refused() {
    let house = House::new();
    let good = house.token();
    let claims = good.expose().split('.').nth(1).unwrap();
    for alg in ["none", "None", "NONE", "nOnE", ""] {
        let header = house.header().replace("ES256", alg);
        let header = URL_SAFE_NO_PAD.encode(header);
        let signature = good.expose().rsplit('.').next().unwrap();
        for signature in ["", signature] {
            let error = refused(&house, &format!("{header}.{claims}.{signature}"));
            assert_eq!(error, ShapeError::WrongAlgorithm.into(), "{alg}");
        }
    }
}

#[test]
fn the_public_key_is_no_hmac_secret() {
    let house = House::new();
    let public = house.keys.signing().key.public().to_pem();
    let claims = claims_of(house.token().expose()).canonical();
    for alg in ["HS256", "ES256"] {
        let part = |it: &str| URL_SAFE_NO_PAD.encode(it);
        let signed = format!("{}.{}", part(&house.header().replace("ES256", alg)), part(&claims));
        let key = hmac::Key::new(hmac::HMAC_SHA512, public.as_bytes());
        let tag = URL_SAFE_NO_PAD.encode(hmac::sign(&key, signed.as_bytes()));
        let expected = if alg == "ES256" {
            TokenError::BadSignature
        } else {
            ShapeError::WrongAlgorithm.into()
        };
        assert_eq!(refused(&house, &format!("{signed}.{tag}")), expected);
    }
}

#[test]
fn another_key_under_our_keys_name_is_refused() {
    let house = House::new();
    let other = Es256Key::generate().unwrap();
    let claims = claims_of(house.token().expose());
    let header = jws::header(KIND, house.keys.signing().name.clone());
    let signed = jws::signing_text(&header, &claims);
    let forged = format!("{signed}.{}", other.sign(&signed).unwrap());
    assert_eq!(refused(&house, &forged), TokenError::BadSignature);
    let header = jws::header(KIND, other.public().thumbprint());
    let signed = jws::signing_text(&header, &claims);
    let forged = format!("{signed}.{}", other.sign(&signed).unwrap());
    assert_eq!(refused(&house, &forged), TokenError::UnknownKey);
}

#[test]
fn a_key_that_the_token_brings_along_is_never_used() {
    let house = House::new();
    let other = Es256Key::generate().unwrap();
    let Json::Object(mut header) = jws::header(KIND, house.keys.signing().name.clone()) else {
        panic!("header")
    };
    header.insert("jwk".to_owned(), Json::Object(other.public().jwk()));
    header.insert("jku".to_owned(), Json::Text("http://evil.example/jwks".to_owned()));
    for name in [house.keys.signing().name.clone(), other.public().thumbprint()] {
        header.insert("kid".to_owned(), Json::Text(name));
        let signed =
            jws::signing_text(&Json::Object(header.clone()), &claims_of(house.token().expose()));
        let error = refused(&house, &format!("{signed}.{}", other.sign(&signed).unwrap()));
        assert!(matches!(error, TokenError::BadSignature | TokenError::UnknownKey), "{error}");
    }
}

#[test]
fn header_mistakes_are_refused_even_when_we_signed_them() {
    let house = House::new();
    let claims = claims_of(house.token().expose()).canonical();
    let good = house.header();
    let kid = house.keys.signing().name.clone();
    assert!(house.verify(&house.sign(&good, &claims), NOW).is_ok());
    let open_header = good.replacen('{', "{\"x-new\":[1],", 1);
    assert!(house.verify(&house.sign(&open_header, &claims), NOW).is_ok());
    let shape = |it: ShapeError| TokenError::from(it);
    for (header, error) in [
        (good.replace("at+jwt", "JWT"), shape(ShapeError::WrongType { wanted: "at+jwt" })),
        (good.replace("at+jwt", "AT+JWT"), shape(ShapeError::WrongType { wanted: "at+jwt" })),
        (good.replace("ES256", "ES384"), shape(ShapeError::WrongAlgorithm)),
        (good.replacen('{', "{\"crit\":[\"exp\"],", 1), shape(ShapeError::Critical)),
        (good.replace("\"kid\"", "\"kit\""), TokenError::NoKeyId),
        (good.replace(&kid, ""), shape(ShapeError::Wrong { name: "kid", wanted: "a text" })),
        (good.replace(&kid, "../../etc/passwd"), TokenError::UnknownKey),
        (
            good.replacen('{', "{\"typ\":\"at+jwt\",", 1),
            shape(ShapeError::Malformed { why: "its header is not plain JSON" }),
        ),
    ] {
        assert_eq!(refused(&house, &house.sign(&header, &claims)), error, "{header}");
    }
}

#[test]
fn every_claim_is_needed_and_none_may_be_of_another_kind() {
    let house = House::new();
    for name in
        ["iss", "aud", "sub", "client_id", "txn", "jti", "iat", "exp", "scope", GENERATION, POLICY]
    {
        let missing = house.with(|it| drop(it.remove(name)));
        assert_eq!(refused(&house, &missing), ShapeError::Missing { name }.into());
        for value in [Json::Null, Json::Bool(true), Json::Float(1.5), Json::List(Vec::new())] {
            let changed = house.with(|it| drop(it.insert(name.to_owned(), value)));
            let error = refused(&house, &changed);
            let expected = matches!(
                error,
                TokenError::Shape(ShapeError::Wrong { name: found, .. }) if found == name
            ) || (name == "aud" && error == TokenError::WrongAudience);
            assert!(expected, "{name}: {error}");
        }
    }
}

#[test]
fn claims_that_say_something_else_are_refused() {
    let house = House::new();
    let text = |it: &str| Json::Text(it.to_owned());
    let our_list = Json::List(vec![text("http://127.0.0.1:8470/mcp")]);
    let one = "the thumbprint of one key (`jkt`) or one certificate (`x5t#S256`)";
    let bound = ShapeError::Wrong { name: "cnf", wanted: one };
    let bound = TokenError::Shape(bound);
    for (name, value, error) in [
        ("iss", text("http://127.0.0.1:8470/"), TokenError::WrongIssuer),
        ("iss", text("https://evil.example"), TokenError::WrongIssuer),
        ("aud", text("https://evil.example/mcp"), TokenError::WrongAudience),
        ("aud", text("http://127.0.0.1:8470"), TokenError::WrongAudience),
        ("aud", text("http://127.0.0.1:8470/mcp/"), TokenError::WrongAudience),
        ("aud", our_list, TokenError::WrongAudience),
        (
            "cnf",
            Json::Object([("jkt".to_owned(), text(&"x".repeat(43)))].into()),
            TokenError::Bound,
        ),
        ("cnf", Json::Object([("jkt".to_owned(), text("x"))].into()), bound.clone()),
        ("cnf", Json::Object([("x5t#S256".to_owned(), text("x"))].into()), bound.clone()),
        ("cnf", Json::Object([].into()), bound.clone()),
        ("cnf", Json::Object([("kid".to_owned(), text(&"x".repeat(43)))].into()), bound.clone()),
        (
            "cnf",
            Json::Object(
                ["jkt", "x5t#S256"].map(|it| (it.to_owned(), text(&"x".repeat(43)))).into(),
            ),
            bound.clone(),
        ),
        ("cnf", Json::Null, bound),
        ("iat", Json::Int(1_800_000_031), TokenError::NotYet),
        ("nbf", Json::Int(1_800_000_031), TokenError::NotYet),
        ("exp", Json::Int(1_800_000_301), TokenError::TooLongLived),
        ("txn", text("task_01JD8X00000000000000000001"), TokenError::NoTask),
    ] {
        let changed = house.with(|it| drop(it.insert(name.to_owned(), value)));
        assert_eq!(refused(&house, &changed), error, "{name}");
    }
    let past = house.with(|it| drop(it.insert("exp".to_owned(), Json::Int(1_800_000_000))));
    assert!(matches!(refused(&house, &past), TokenError::Expired(_)));
    for generation in [6, 8] {
        let changed =
            house.with(|it| drop(it.insert(GENERATION.to_owned(), Json::Int(generation))));
        assert!(matches!(refused(&house, &changed), TokenError::Stale(_)));
    }
    for (name, value) in [
        ("sub", text("Not A Name")),
        ("client_id", text("other-agent")),
        ("txn", text("task_1")),
        ("jti", text(&"x".repeat(65))),
        ("scope", text("mcp admin")),
        ("iat", Json::Int(-1)),
        ("exp", text("1800000300")),
    ] {
        let changed = house.with(|it| drop(it.insert(name.to_owned(), value)));
        let error = refused(&house, &changed);
        assert!(
            matches!(error, TokenError::Shape(ShapeError::Wrong { name: found, .. }) if found == name),
            "{name}: {error}"
        );
    }
}

#[test]
fn a_chain_that_is_not_one_of_ours_is_refused() {
    let house = House::new();
    let chain = |text: &str| {
        let act = Json::parse(text.as_bytes(), JsonLimits::default()).unwrap();
        let token = house.with(|it| drop(it.insert("act".to_owned(), act)));
        house.verify(&token, NOW)
    };
    let good = r#"{"sub":"triage-agent","act":{"sub":"a"}}"#;
    assert_eq!(chain(good).unwrap().via, ["a".parse().unwrap()]);
    let deep = (0..5).fold("{\"sub\":\"x\"}".to_owned(), |all, _| {
        format!("{{\"sub\":\"triage-agent\",\"act\":{all}}}")
    });
    for text in [
        deep.as_str(),
        r#"{"sub":"a","act":{"sub":"triage-agent"}}"#,
        r#"{"sub":"triage-agent"}"#,
        r#"{"sub":"triage-agent","act":{}}"#,
        r#"{"sub":"triage-agent","act":{"sub":7}}"#,
        r#"{"sub":"triage-agent","act":{"sub":"Not A Name"}}"#,
        r#"{"sub":"triage-agent","act":null}"#,
        r#"{"sub":"triage-agent","act":"a"}"#,
        "[]",
        "null",
    ] {
        let error = chain(text).unwrap_err();
        let shape = matches!(error, TokenError::Shape(ShapeError::Wrong { name: "act", .. }));
        assert!(shape, "{text}: {error}");
    }
}

#[test]
fn duplicate_names_and_bombs_are_refused_even_when_we_signed_them() {
    let house = House::new();
    let claims = claims_of(house.token().expose()).canonical();
    let twice = claims.replacen('{', "{\"sub\":\"other-agent\",", 1);
    let deep = claims.replacen('{', &format!("{{\"a\":{}{},", "[".repeat(40), "]".repeat(40)), 1);
    for bad in [twice, deep] {
        let error = refused(&house, &house.sign(&house.header(), &bad));
        let why = "its claims are not plain JSON";
        assert_eq!(error, ShapeError::Malformed { why }.into());
    }
    let long = claims.replacen('{', &format!("{{\"a\":\"{}\",", "x".repeat(TOKEN_MAX)), 1);
    let long = house.sign(&house.header(), &long);
    assert_eq!(refused(&house, &long), ShapeError::TooLong { len: long.len() }.into());
}

#[test]
fn an_assertion_is_no_task_token() {
    let house = House::new();
    let header = house.header().replace("at+jwt", "client-authentication+jwt");
    let claims = claims_of(house.token().expose()).canonical();
    let error = refused(&house, &house.sign(&header, &claims));
    assert_eq!(error, ShapeError::WrongType { wanted: "at+jwt" }.into());
}

#[test]
fn no_message_holds_a_part_of_the_token() {
    let house = House::new();
    let marked = house.with(|it| {
        it.insert("sub".to_owned(), Json::Text("MARKED".to_owned()));
    });
    let header = house.header().replacen('{', "{\"MARKED\":1,\"MARKED\":2,", 1);
    let twice = house.sign(&header, "{}");
    for token in [marked, twice] {
        let error = refused(&house, &token);
        assert!(!format!("{error} {error:?}").contains("MARKED"), "{error:?}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    #[test]
    fn any_flipped_byte_is_refused(place in any::<prop::sample::Index>(), flip in 1_u8..128) {
        let house = House::new();
        let good = house.token();
        house.verify(good.expose(), NOW).unwrap();
        let mut bytes = good.expose().as_bytes().to_vec();
        let at = place.index(bytes.len());
        bytes[at] ^= flip;
        if let Ok(text) = std::str::from_utf8(&bytes) {
            prop_assert!(house.verify(text, NOW).is_err());
        }
    }

    #[test]
    fn any_cut_or_grown_token_is_refused(cut in any::<prop::sample::Index>(), more in "[A-Za-z0-9_.=-]{1,8}") {
        let house = House::new();
        let good = house.token().expose().to_owned();
        house.verify(&good, NOW).unwrap();
        let (start, end) = good.split_at(cut.index(good.len()));
        prop_assert!(house.verify(start, NOW).is_err());
        prop_assert!(house.verify(end, NOW).is_err() || start.is_empty());
        let grown = format!("{start}{more}{end}");
        prop_assert!(house.verify(&grown, NOW).is_err());
    }

    #[test]
    fn any_claim_changed_under_the_old_signature_is_refused(
        name in prop::sample::select(vec!["aud", "sub", "txn", "exp", "iat", "jti", GENERATION, "new"]),
        value in any::<u32>(),
    ) {
        let house = House::new();
        let good = house.token().expose().to_owned();
        let Json::Object(mut claims) = claims_of(&good) else { panic!("claims") };
        claims.insert(name.to_owned(), Json::Int(value.into()));
        let parts: Vec<&str> = good.split('.').collect();
        let payload = URL_SAFE_NO_PAD.encode(Json::Object(claims).canonical());
        let error = refused(&house, &format!("{}.{payload}.{}", parts[0], parts[2]));
        prop_assert_eq!(error, TokenError::BadSignature);
    }

    #[test]
    fn no_text_makes_it_panic(text in "\\PC{0,300}") {
        let house = House::new();
        prop_assert!(house.verify(&text, NOW).is_err());
    }
}
