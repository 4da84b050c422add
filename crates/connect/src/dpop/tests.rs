//! Proofs of possession, and every way to have none.

use std::collections::BTreeMap;

use super::*;
use crate::es256::Es256Key;

const NOW: Timestamp = Timestamp::from_millis(1_800_000_000_000);
const ADDRESS: &str = "https://governor.example/mcp/files";
const TOKEN: &str = "a.b.c";

fn later(seconds: u64) -> Timestamp {
    NOW.after(Duration::from_secs(seconds))
}

fn request() -> DpopRequest<'static> {
    DpopRequest { method: "POST", address: ADDRESS, token: Some(TOKEN) }
}

/// A verifier that has run for a while.
fn verifier() -> DpopVerifier {
    DpopVerifier::new(Timestamp::from_millis(NOW.millis().saturating_sub(600_000))).unwrap()
}

fn holder() -> IdentityId {
    "a".parse().unwrap()
}

/// Verifies a proof and uses it up.
fn shown(
    verifier: &DpopVerifier,
    proof: &str,
    request: DpopRequest<'_>,
    now: Timestamp,
) -> Result<String, DpopError> {
    let proof = verifier.verify(proof, request, now)?;
    verifier.use_up(proof, &holder(), now)
}

struct Proof {
    key: Es256Key,
    header: BTreeMap<String, Json>,
    claims: BTreeMap<String, Json>,
}

fn text(value: &str) -> Json {
    Json::Text(value.to_owned())
}

impl Proof {
    fn new(id: &str) -> Self {
        let key = Es256Key::generate().unwrap();
        let header = [
            ("typ".to_owned(), text(KIND)),
            ("alg".to_owned(), text("ES256")),
            ("jwk".to_owned(), Json::Object(key.public().jwk())),
        ];
        let ath = URL_SAFE_NO_PAD.encode(Digest::of(TOKEN.as_bytes()).as_bytes());
        let claims = [
            ("htm".to_owned(), text("POST")),
            ("htu".to_owned(), text(ADDRESS)),
            ("ath".to_owned(), text(&ath)),
            ("jti".to_owned(), text(id)),
            ("iat".to_owned(), Json::Int(NOW.seconds().into())),
        ];
        Self { key, header: header.into(), claims: claims.into() }
    }

    fn says(mut self, name: &str, value: Json) -> Self {
        self.claims.insert(name.to_owned(), value);
        self
    }

    fn heads(mut self, name: &str, value: Json) -> Self {
        self.header.insert(name.to_owned(), value);
        self
    }

    fn signed(&self) -> String {
        let part = |it: &BTreeMap<String, Json>| {
            URL_SAFE_NO_PAD.encode(Json::Object(it.clone()).canonical())
        };
        let signed = format!("{}.{}", part(&self.header), part(&self.claims));
        format!("{signed}.{}", self.key.sign(&signed).unwrap())
    }
}

#[test]
fn a_proof_is_for_one_request_once() {
    let verifier = verifier();
    let proof = Proof::new("1");
    let (signed, key) = (proof.signed(), proof.key.public().thumbprint());
    assert_eq!(shown(&verifier, &signed, request(), NOW), Ok(key));
    assert_eq!(shown(&verifier, &signed, request(), later(1)), Err(DpopError::Replayed));
    // Another key may use the same name; a query is not covered.
    let other = Proof::new("1").says("htu", text(&format!("{ADDRESS}?x=1#y")));
    assert!(shown(&verifier, &other.signed(), request(), NOW).is_ok());
}

#[test]
fn a_proof_that_is_not_used_up_takes_no_room() {
    let verifier = verifier();
    let signed = Proof::new("1").signed();
    for _ in 0..3 {
        let proof = verifier.verify(&signed, request(), NOW).unwrap();
        assert!(!proof.is_of("another"));
    }
    assert!(shown(&verifier, &signed, request(), NOW).is_ok());
}

#[test]
fn a_proof_for_something_else_proves_nothing() {
    let other = |what| DpopError::OtherRequest { what };
    let missing = |name| DpopError::Shape(ShapeError::Missing { name });
    let int = |it: i64| Json::Int(it.into());
    let at = NOW.seconds();
    for (name, value, error) in [
        ("htm", text("GET"), other("htm")),
        ("htm", text("post"), other("htm")),
        ("htu", text("https://governor.example/mcp"), other("htu")),
        ("htu", text("http://governor.example/mcp/files"), other("htu")),
        ("htu", text("https://governor.example/mcp/files/"), other("htu")),
        ("ath", text("AAAA"), other("ath")),
        ("iat", int(at.saturating_sub(61)), DpopError::NotNow),
        ("iat", int(at.saturating_add(61)), DpopError::NotNow),
        ("nonce", text("made up"), DpopError::NeedsNonce),
        (
            "jti",
            text(&"x".repeat(257)),
            DpopError::Shape(ShapeError::Wrong { name: "jti", wanted: "at most 256 bytes" }),
        ),
    ] {
        let proof = Proof::new("1").says(name, value).signed();
        assert_eq!(shown(&verifier(), &proof, request(), NOW), Err(error), "{name}");
    }
    for name in ["htm", "htu", "ath", "iat", "jti"] {
        let mut proof = Proof::new("1");
        proof.claims.remove(name);
        assert_eq!(shown(&verifier(), &proof.signed(), request(), NOW), Err(missing(name)));
    }
    // Where a token is asked for, there is none to be bound to.
    let mut asking = Proof::new("1");
    asking.claims.remove("ath");
    let request = DpopRequest { token: None, ..request() };
    assert!(shown(&verifier(), &asking.signed(), request, NOW).is_ok());
}

#[test]
fn the_key_signs_what_it_is_in_and_is_no_secret() {
    let stranger = Es256Key::generate().unwrap();
    let mut private = stranger.public().jwk();
    private.insert("d".to_owned(), text("AAAA"));
    let secret: BTreeMap<_, _> =
        [("kty".to_owned(), text("oct")), ("k".to_owned(), text("AAAA"))].into();
    let shape = DpopError::Shape;
    for (name, value, error) in [
        ("typ", text("JWT"), shape(ShapeError::WrongType { wanted: KIND })),
        ("typ", text("at+jwt"), shape(ShapeError::WrongType { wanted: KIND })),
        ("alg", text("none"), shape(ShapeError::OtherAlgorithm)),
        ("alg", text("HS256"), shape(ShapeError::OtherAlgorithm)),
        ("alg", text("ES384"), DpopError::Signature),
        ("crit", Json::List(vec![text("b64")]), shape(ShapeError::Critical)),
        ("jwk", Json::Object(stranger.public().jwk()), DpopError::Signature),
        ("jwk", Json::Object(private), DpopError::Key),
        ("jwk", Json::Object(secret), DpopError::Key),
        ("jwk", text("key"), DpopError::Key),
    ] {
        let proof = Proof::new("1").heads(name, value).signed();
        assert_eq!(shown(&verifier(), &proof, request(), NOW), Err(error), "{name}");
    }
}

#[test]
fn just_after_a_start_a_nonce_is_needed_and_one_of_ours_is_taken_for_a_while() {
    let fresh = DpopVerifier::new(NOW).unwrap();
    let proof = Proof::new("1").signed();
    assert_eq!(shown(&fresh, &proof, request(), NOW), Err(DpopError::NeedsNonce));
    let nonce = fresh.nonce(NOW);
    let with = |id: &str, nonce: &str| Proof::new(id).says("nonce", text(nonce)).signed();
    assert!(shown(&fresh, &with("2", &nonce), request(), NOW).is_ok());
    // Dated a minute after the start, nobody can have used it before.
    let dated = |id: &str, seconds: i64| {
        Proof::new(id).says("iat", Json::Int(NOW.seconds().saturating_add(seconds).into())).signed()
    };
    assert_eq!(shown(&fresh, &dated("3", 60), request(), later(61)), Err(DpopError::NeedsNonce));
    assert!(shown(&fresh, &dated("4", 61), request(), later(61)).is_ok());
    // Another process's, one of before, one that is changed.
    let other = DpopVerifier::new(NOW).unwrap().nonce(NOW);
    let old = fresh.nonce(Timestamp::from_millis(NOW.millis().saturating_sub(300_000)));
    let ahead = fresh.nonce(later(1));
    for nonce in [other, old, ahead, format!("{nonce}A"), String::from("A")] {
        let told = shown(&fresh, &with("5", &nonce), request(), NOW);
        assert_eq!(told, Err(DpopError::NeedsNonce), "{nonce}");
    }
}
