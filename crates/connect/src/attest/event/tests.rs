//! What is told, and every way to look as if it were.

use std::{collections::BTreeMap, fs, sync::LazyLock};

use aws_lc_rs::hmac;
use bailiwick_model::JsonLimits;
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};

use super::*;
use crate::{Rs256Key, es256::Es256Key};

const NOW: Timestamp = Timestamp::from_millis(1_800_000_000_000);
const ISSUER: &str = "https://idp.example";
const OURS: &str = "https://governor.example";

// To make one takes its time.
static OWN: LazyLock<Rs256Key> = LazyLock::new(|| Rs256Key::generate().unwrap());
static OTHER: LazyLock<Rs256Key> = LazyLock::new(|| Rs256Key::generate().unwrap());

fn verifier(keys: &[Json]) -> (tempfile::TempDir, EventVerifier) {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("keys");
    let set = Json::Object([("keys".to_owned(), Json::List(keys.to_vec()))].into());
    fs::write(&path, set.canonical()).unwrap();
    let transmitter = TrustedTransmitter {
        issuer: ISSUER.to_owned(),
        audience: OURS.to_owned(),
        keys: KeyPlace::File(path),
        max_age: Duration::from_secs(3600),
    };
    (dir, EventVerifier::new(transmitter))
}

async fn verify(token: &str) -> Result<SecurityEvent, EventError> {
    let (_dir, verifier) = verifier(&[OWN.jwk()]);
    verifier.verify(token, NOW, NOW).await
}

fn json(text: &str) -> Json {
    Json::parse(text.as_bytes(), JsonLimits::default()).unwrap()
}

/// Good claims, with something changed.
fn claims(change: impl FnOnce(&mut BTreeMap<String, Json>)) -> Json {
    let text = format!(
        r#"{{"iss":"{ISSUER}","aud":"{OURS}","iat":1800000000,"jti":"one",
        "sub_id":{{"format":"iss_sub","iss":"{ISSUER}","sub":"alice"}},
        "events":{{"https://schemas.openid.net/secevent/caep/event-type/session-revoked":{{"event_timestamp":1800000000}}}}}}"#
    );
    let Json::Object(mut members) = json(&text) else { panic!("claims") };
    change(&mut members);
    Json::Object(members)
}

fn with(name: &str, value: &str) -> Json {
    claims(|it| drop(it.insert(name.to_owned(), json(value))))
}

fn without(name: &str) -> Json {
    claims(|it| drop(it.remove(name)))
}

async fn told(claims: &Json) -> Result<SecurityEvent, EventError> {
    verify(&OWN.token(KIND, claims).unwrap()).await
}

#[tokio::test]
async fn what_is_told_is_read_by_whom_about_whom() {
    let event = told(&claims(|_| {})).await.unwrap();
    assert_eq!((event.jti.as_str(), event.event), ("one", SignalEvent::SessionRevoked));
    let alice = SubjectName::IssSub { iss: ISSUER.to_owned(), sub: "alice".to_owned() };
    assert_eq!(event.subject, EventSubject { names: vec![alice.clone()], session: None });
    assert!(!format!("{event:?}").contains("alice"), "whom it is about is not for logs");
    let about = async |id: &str| told(&with("sub_id", id)).await.unwrap().subject;
    let mail = SubjectName::Email("alice@example.org".to_owned());
    assert_eq!(
        about(r#"{"format":"email","email":"Alice@Example.org"}"#).await.names,
        std::slice::from_ref(&mail)
    );
    let complex = format!(
        r#"{{"format":"complex","user":{{"format":"iss_sub","iss":"{ISSUER}","sub":"alice"}},
        "session":{{"format":"opaque","id":"task_1"}},"device":{{"format":"opaque","id":"d"}}}}"#
    );
    let subject = about(&complex).await;
    assert_eq!(subject, EventSubject { names: vec![alice], session: Some("task_1".to_owned()) });
    let aliases = r#"{"format":"aliases","identifiers":[{"format":"opaque","id":"x"},{"format":"email","email":"alice@example.org"},{"format":"phone_number","phone_number":"+1"}]}"#;
    assert_eq!(about(aliases).await.names, [SubjectName::Opaque("x".to_owned()), mail]);
    // A list that names us among others, and ages up to the bound.
    assert!(told(&with("aud", &format!(r#"["x","{OURS}"]"#))).await.is_ok());
    assert!(told(&with("iat", "1799996400")).await.is_ok());
}

#[tokio::test]
async fn what_only_looks_like_an_event_is_none() {
    let shape = |name, wanted| EventError::Shape(ShapeError::Wrong { name, wanted });
    let missing = |name| EventError::Shape(ShapeError::Missing { name });
    let one = shape("events", "exactly one event");
    let sub_id = shape("sub_id", "a subject identifier of RFC 9493");
    let revoked = SignalEvent::SessionRevoked.uri();
    let disabled = SignalEvent::AccountDisabled.uri();
    let nested = r#"{"format":"aliases","identifiers":[{"format":"aliases","identifiers":[]}]}"#;
    for (claims, error) in [
        (with("exp", "1800000300"), EventError::Forbidden { name: "exp" }),
        (with("exp", "null"), EventError::Forbidden { name: "exp" }),
        (with("sub", "\"alice\""), EventError::Forbidden { name: "sub" }),
        (with("iss", "\"https://idp.example/\""), EventError::Issuer),
        (with("iss", "[\"https://idp.example\"]"), EventError::Issuer),
        (without("iss"), EventError::Issuer),
        (with("aud", "\"https://other.example\""), EventError::Audience),
        (with("aud", "[]"), EventError::Audience),
        (without("aud"), missing("aud")),
        (with("iat", "1800000031"), EventError::NotYet),
        (with("iat", "1799996399"), EventError::Old),
        (without("iat"), missing("iat")),
        (without("jti"), missing("jti")),
        (with("jti", "\"a b\""), shape("jti", "at most 256 letters, digits and signs")),
        (without("sub_id"), missing("sub_id")),
        (without("events"), one.clone()),
        (with("events", "{}"), one.clone()),
        (with("events", &format!("{{{revoked:?}:{{}},{disabled:?}:{{}}}}")), one.clone()),
        (with("events", &format!("{{{revoked:?}:true}}")), one.clone()),
        (with("events", &format!("[{revoked:?}]")), one),
        (with("events", "{\"https://evil.example/session-revoked\":{}}"), EventError::Unknown),
        (with("sub_id", "\"alice\""), sub_id.clone()),
        (with("sub_id", "{\"format\":\"email\"}"), sub_id.clone()),
        (with("sub_id", "{\"email\":\"alice@example.org\"}"), sub_id),
        (with("sub_id", nested), shape("sub_id", "at most 16 names, each by itself")),
        (
            with(
                "sub_id",
                "{\"format\":\"complex\",\"tenant\":{\"format\":\"opaque\",\"id\":\"t\"}}",
            ),
            shape("sub_id", "about a `user` or a `session`"),
        ),
    ] {
        assert_eq!(told(&claims).await, Err(error), "{}", claims.canonical());
    }
}

#[tokio::test]
async fn only_the_transmitters_own_rsa_key_tells() {
    let good = claims(|_| {});
    // Another's key, under its own name and under the right one.
    assert_eq!(verify(&OTHER.token(KIND, &good).unwrap()).await, Err(EventError::Key));
    let header = |text: String| json(&text);
    let kid = OWN.name();
    let claimed = header(format!(r#"{{"alg":"RS256","typ":"{KIND}","kid":"{kid}"}}"#));
    assert!(verify(&OWN.signed(&claimed, &good).unwrap()).await.is_ok());
    assert_eq!(verify(&OTHER.signed(&claimed, &good).unwrap()).await, Err(EventError::Key));
    for (text, error) in [
        (format!(r#"{{"alg":"RS256","kid":"{kid}"}}"#), ShapeError::WrongType { wanted: KIND }),
        (
            format!(r#"{{"alg":"RS256","kid":"{kid}","typ":"JWT"}}"#),
            ShapeError::WrongType { wanted: KIND },
        ),
        (
            format!(r#"{{"alg":"RS256","kid":"{kid}","typ":"at+jwt"}}"#),
            ShapeError::WrongType { wanted: KIND },
        ),
        (
            format!(r#"{{"alg":"RS256","kid":"{kid}","typ":"{KIND}","crit":["x"]}}"#),
            ShapeError::Critical,
        ),
        (format!(r#"{{"alg":"none","kid":"{kid}","typ":"{KIND}"}}"#), ShapeError::OtherAlgorithm),
        (format!(r#"{{"alg":"PS256","kid":"{kid}","typ":"{KIND}"}}"#), ShapeError::OtherAlgorithm),
        (format!(r#"{{"alg":"RS512","kid":"{kid}","typ":"{KIND}"}}"#), ShapeError::OtherAlgorithm),
        (format!(r#"{{"alg":"RS256","typ":"{KIND}"}}"#), ShapeError::Missing { name: "kid" }),
    ] {
        let token = OWN.signed(&header(text.clone()), &good).unwrap();
        assert_eq!(verify(&token).await, Err(error.into()), "{text}");
    }
    // The public key as the secret of an HMAC, and a key that the token brings along.
    let text = format!(r#"{{"alg":"HS256","kid":"{kid}","typ":"{KIND}"}}"#);
    let part = |it: &str| URL_SAFE_NO_PAD.encode(it);
    let unsigned = format!("{}.{}", part(&text), part(&good.canonical()));
    let key = hmac::Key::new(hmac::HMAC_SHA256, OWN.jwk().canonical().as_bytes());
    let tag = URL_SAFE_NO_PAD.encode(hmac::sign(&key, unsigned.as_bytes()).as_ref());
    let told = verify(&format!("{unsigned}.{tag}")).await;
    assert_eq!(told, Err(ShapeError::OtherAlgorithm.into()));
    let jwk = OTHER.jwk().canonical();
    let brought = header(format!(r#"{{"alg":"RS256","kid":"{kid}","typ":"{KIND}","jwk":{jwk}}}"#));
    assert_eq!(verify(&OTHER.signed(&brought, &good).unwrap()).await, Err(EventError::Key));
    assert!(verify(&format!("{unsigned}.")).await.is_err());
}

#[tokio::test]
async fn a_key_of_another_kind_under_the_right_name_signs_nothing() {
    let key = Es256Key::generate().unwrap();
    let mut members = key.public().jwk();
    members.insert("kid".to_owned(), Json::Text("k".to_owned()));
    let (_dir, verifier) = verifier(&[Json::Object(members)]);
    let header = json(&format!(r#"{{"alg":"RS256","typ":"{KIND}","kid":"k"}}"#));
    let text = crate::jws::signing_text(&header, &claims(|_| {}));
    let token = format!("{text}.{}", key.sign(&text).unwrap());
    assert_eq!(verifier.verify(&token, NOW, NOW).await, Err(EventError::Key));
}

#[tokio::test]
async fn a_clock_that_went_ahead_once_makes_nothing_old() {
    let (_dir, verifier) = verifier(&[OWN.jwk()]);
    let token = OWN.token(KIND, &claims(|_| {})).unwrap();
    let ahead = NOW.after(Duration::from_secs(30 * 24 * 3600));
    assert!(verifier.verify(&token, ahead, NOW).await.is_ok());
    assert!(verifier.verify(&token, NOW, ahead).await.is_ok());
    assert_eq!(verifier.verify(&token, ahead, ahead).await, Err(EventError::Old));
}

#[tokio::test]
async fn what_is_too_long_or_too_deep_is_not_looked_at() {
    let long = claims(|it| drop(it.insert("x".to_owned(), Json::Text("x".repeat(9000)))));
    assert!(matches!(told(&long).await, Err(EventError::Shape(ShapeError::TooLong { .. }))));
    let deep = with("x", &format!("{}{}", "[".repeat(40), "]".repeat(40)));
    assert!(matches!(told(&deep).await, Err(EventError::Shape(_))));
}
