//! What an assertion proves, and what is refused.

use bailiwick_model::{IdentityKind, JsonLimits};
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use proptest::prelude::*;

use super::*;

const ISSUER: &str = "http://127.0.0.1:8470";
const NOW: Timestamp = Timestamp::from_millis(1_800_000_000_500);

fn later(seconds: u64) -> Timestamp {
    NOW.after(Duration::from_secs(seconds))
}

fn identity() -> IdentityId {
    "triage-agent".parse().unwrap()
}

fn charter(proof: Vec<Proof>) -> Charter {
    Charter {
        identity: identity(),
        kind: IdentityKind::Agent,
        class: "interactive-agent".parse().unwrap(),
        owner: "team-support".to_owned(),
        purpose: "Triage support tickets".to_owned(),
        proof,
        templates: [].into(),
        servers: [].into(),
        targets: std::collections::BTreeSet::new(),
        delegates_to: [].into(),
    }
}

fn key_proof(key: &IdentityKey) -> Proof {
    Proof::Key { path: "keys/a.pub.pem".to_owned(), pem: key.public_pem() }
}

fn key() -> IdentityKey {
    IdentityKey::generate().unwrap()
}

fn verifier() -> AssertionVerifier {
    AssertionVerifier::new(ISSUER, NOW)
}

/// Signs the given claims as they are.
fn sign(key: &IdentityKey, kind: &str, claims: &str) -> String {
    let claims = Json::parse(claims.as_bytes(), JsonLimits::default()).unwrap();
    let signed = jws::signing_text(&jws::header(kind, "any".to_owned()), &claims);
    format!("{signed}.{}", key.0.sign(&signed).unwrap())
}

const GOOD: &str = r#"{"iss":"triage-agent","sub":"triage-agent","aud":"http://127.0.0.1:8470",
    "jti":"1","iat":1800000000,"exp":1800000060}"#;

/// Verifies the good claims with `from` replaced by `to`.
fn with(from: &str, to: &str) -> Result<(), ProofError> {
    let key = key();
    assert!(GOOD.contains(from), "{from}");
    let assertion = sign(&key, KIND, &GOOD.replacen(from, to, 1));
    verifier().verify(&assertion, (&charter(vec![key_proof(&key)]), &[]), NOW).map(|_| ())
}

#[test]
fn an_assertion_proves_its_identity_once() {
    let key = IdentityKey::generate().unwrap();
    let key = IdentityKey::from_pem(&key.private_pem()).unwrap();
    let charter = charter(vec![Proof::Uid(1000), key_proof(&key)]);
    let verifier = verifier();
    let assertion = key.assertion(&identity(), ISSUER, NOW).unwrap();
    assert_eq!(AssertionVerifier::claimed(assertion.expose()), Ok(identity()));
    let name = check_public_pem(&key.public_pem()).unwrap();
    let proved = verifier.verify(assertion.expose(), (&charter, &[]), NOW).unwrap();
    assert_eq!(proved.as_str(), name);
    assert_eq!(
        verifier.verify(assertion.expose(), (&charter, &[]), later(1)),
        Err(ProofError::Replayed)
    );
    let second = key.assertion(&identity(), ISSUER, NOW).unwrap();
    assert!(verifier.verify(second.expose(), (&charter, &[]), later(1)).is_ok());
}

#[test]
fn any_key_of_the_charter_counts_and_no_other() {
    let (old, new, other) = (
        IdentityKey::generate().unwrap(),
        IdentityKey::generate().unwrap(),
        IdentityKey::generate().unwrap(),
    );
    let charter = charter(vec![key_proof(&old), key_proof(&new)]);
    let verifier = verifier();
    for key in [&old, &new] {
        let assertion = key.assertion(&identity(), ISSUER, NOW).unwrap();
        assert!(verifier.verify(assertion.expose(), (&charter, &[]), NOW).is_ok());
    }
    let forged = other.assertion(&identity(), ISSUER, NOW).unwrap();
    let error = verifier.verify(forged.expose(), (&charter, &[]), NOW).unwrap_err();
    assert_eq!(error, ProofError::BadSignature { signer: "triage-agent".to_owned() });
}

#[test]
fn an_account_number_is_no_key() {
    let key = IdentityKey::generate().unwrap();
    let assertion = key.assertion(&identity(), ISSUER, NOW).unwrap();
    let error = verifier().verify(assertion.expose(), (&charter(vec![Proof::Uid(0)]), &[]), NOW);
    assert_eq!(error, Err(ProofError::NoKey { signer: "triage-agent".to_owned() }));
    let broken = Proof::Key { path: "a".to_owned(), pem: "-----BEGIN PUBLIC KEY-----".to_owned() };
    let error = verifier().verify(assertion.expose(), (&charter(vec![broken]), &[]), NOW);
    assert_eq!(error, Err(ProofError::NoKey { signer: "triage-agent".to_owned() }));
}

#[test]
fn issuer_subject_and_client_are_the_identity() {
    let other = ProofError::OtherSigner { wanted: "triage-agent".to_owned() };
    assert_eq!(with(r#""iss":"triage-agent""#, r#""iss":"other""#), Err(other.clone()));
    assert_eq!(with(r#""sub":"triage-agent""#, r#""sub":"other""#), Err(other.clone()));
    assert_eq!(with(r#""jti""#, r#""client_id":"other","jti""#), Err(other));
    assert_eq!(with(r#""jti""#, r#""client_id":"triage-agent","jti""#), Ok(()));
}

#[test]
fn the_audience_is_exactly_the_issuer_and_never_a_list() {
    let wrong = Err(ProofError::WrongAudience { wanted: ISSUER.to_owned() });
    for audience in [
        r#"["http://127.0.0.1:8470"]"#,
        r#""http://127.0.0.1:8470/""#,
        r#""http://127.0.0.1:8470/oauth2/token""#,
        "7",
    ] {
        assert_eq!(with(r#""http://127.0.0.1:8470""#, audience), wrong, "{audience}");
    }
}

#[test]
fn times_are_narrow() {
    assert_eq!(with("1800000060", "1800000000"), Err(ProofError::Expired));
    assert_eq!(with("1800000060", "1800000301"), Err(ProofError::TooLongLived));
    assert_eq!(with("1800000060", "1800000300"), Ok(()));
    assert_eq!(with("1800000000", "1799999999"), Err(ProofError::BeforeStart));
    assert_eq!(with("1800000000", "1800000031"), Err(ProofError::NotYet));
    assert_eq!(with("\"jti\"", "\"nbf\":1800000031,\"jti\""), Err(ProofError::NotYet));
}

#[test]
fn an_assertion_of_a_clock_that_runs_ahead_counts_once_whatever_restarts() {
    let (root, key) = (tempfile::tempdir().unwrap(), key());
    let started =
        |at| AssertionVerifier::new(ISSUER, at).kept_at(&root.path().join("latest")).unwrap();
    let verify = |verifier: &AssertionVerifier, iat: &str, now| {
        let claims = GOOD.replacen("1800000000", iat, 1);
        verifier
            .verify(&sign(&key, KIND, &claims), (&charter(vec![key_proof(&key)]), &[]), now)
            .map(|_| ())
    };
    assert_eq!(verify(&started(NOW), "1800000025", NOW), Ok(()));
    let second = started(later(3));
    assert_eq!(verify(&second, "1800000025", later(3)), Err(ProofError::BeforeStart));
    assert_eq!(verify(&second, "1800000026", later(4)), Ok(()));
    assert_eq!(verify(&second, "1800000026", later(4)), Err(ProofError::Replayed));
}

#[test]
fn what_is_missing_or_misshapen_is_named() {
    for name in ["iss", "sub", "jti", "iat", "exp"] {
        let error = with(&format!("\"{name}\""), "\"x\"").unwrap_err();
        assert!(
            matches!(error, ProofError::Shape(ShapeError::Missing { name: missing }) if missing == name),
            "{name}: {error}"
        );
    }
    let long = format!("\"jti\":\"{}\"", "x".repeat(129));
    assert!(matches!(with("\"jti\":\"1\"", &long), Err(ProofError::Shape(_))));
}

#[test]
fn a_token_of_another_type_is_no_assertion() {
    let key = IdentityKey::generate().unwrap();
    let charter = charter(vec![key_proof(&key)]);
    for kind in ["JWT", "at+jwt", "Client-Authentication+jwt"] {
        let error = verifier().verify(&sign(&key, kind, GOOD), (&charter, &[]), NOW).unwrap_err();
        assert_eq!(error, ShapeError::WrongType { wanted: KIND }.into());
    }
}

#[test]
fn secrets_never_appear_in_debug_of_keys_and_assertions() {
    let key = IdentityKey::generate().unwrap();
    let assertion = key.assertion(&identity(), ISSUER, NOW).unwrap();
    let printed = format!("{key:?} {:?} {assertion:?} {:?}", key.private_pem(), verifier());
    assert!(!printed.contains(assertion.expose()));
    for line in key.private_pem().expose().lines().filter(|it| !it.starts_with('-')) {
        assert!(!printed.contains(line));
    }
}

#[test]
fn a_public_pem_is_checked_and_named() {
    let key = IdentityKey::generate().unwrap();
    assert_eq!(check_public_pem(&key.public_pem()).unwrap().len(), 43);
    assert_eq!(check_public_pem("PEM"), Err(KeyError::NotPublic));
    assert!(IdentityKey::from_pem(&Secret::new("PEM")).is_err());
}

proptest! {
    #[test]
    fn any_flipped_byte_is_refused(place in any::<prop::sample::Index>(), flip in 1_u8..128) {
        let key = IdentityKey::generate().unwrap();
        let charter = charter(vec![key_proof(&key)]);
        let mut bytes = key.assertion(&identity(), ISSUER, NOW).unwrap().expose().as_bytes().to_vec();
        let at = place.index(bytes.len());
        bytes[at] ^= flip;
        if let Ok(text) = std::str::from_utf8(&bytes) {
            prop_assert!(verifier().verify(text, (&charter, &[]), NOW).is_err());
        }
    }

    #[test]
    fn no_text_makes_it_panic(text in "\\PC{0,200}") {
        let _ = AssertionVerifier::claimed(&text);
        prop_assert!(verifier().verify(&text, (&charter(vec![]), &[]), NOW).is_err());
    }

    #[test]
    fn unsigned_claims_never_pass(claims in prop::sample::select(vec![GOOD])) {
        let key = IdentityKey::generate().unwrap();
        let part = |it: &str| URL_SAFE_NO_PAD.encode(it);
        for header in [
            format!(r#"{{"typ":"{KIND}","alg":"none"}}"#),
            format!(r#"{{"typ":"{KIND}","alg":"HS256"}}"#),
            format!(r#"{{"typ":"{KIND}","alg":"ES256"}}"#),
        ] {
            let text = format!("{}.{}.{}", part(&header), part(claims), URL_SAFE_NO_PAD.encode([1; 64]));
            prop_assert!(verifier().verify(&text, (&charter(vec![key_proof(&key)]), &[]), NOW).is_err());
        }
    }
}

#[test]
fn a_key_that_was_brought_in_counts_where_the_charter_takes_such() {
    let (key, own) = (key(), key());
    let made = || key.assertion(&identity(), ISSUER, NOW).unwrap();
    let enrolled = [key.public_pem()];
    let taking = charter(vec![key_proof(&own), Proof::Enrolled]);
    let proved = verifier().verify(made().expose(), (&taking, &enrolled), NOW).unwrap();
    assert_eq!(proved.as_str(), check_public_pem(&key.public_pem()).unwrap());
    let refused = verifier().verify(made().expose(), (&taking, &[]), NOW);
    assert!(matches!(refused, Err(ProofError::BadSignature { .. })), "{refused:?}");
    let not_taking = charter(vec![key_proof(&own)]);
    let refused = verifier().verify(made().expose(), (&not_taking, &enrolled), NOW);
    assert!(matches!(refused, Err(ProofError::BadSignature { .. })), "{refused:?}");
    let pem = key.public_pem();
    assert!(verifier().verify_new(made().expose(), (&identity(), &pem), NOW).is_ok());
    let other = "other".parse().unwrap();
    assert!(verifier().verify_new(made().expose(), (&other, &pem), NOW).is_err());
    assert!(verifier().verify_new(made().expose(), (&identity(), &own.public_pem()), NOW).is_err());
}
