//! Whom others vouch for, and every way to look as if they did.

use std::{fs, path::PathBuf};

use aws_lc_rs::hmac;
use bailiwick_model::JsonLimits;

use super::*;
use crate::es256::Es256Key;

const NOW: Timestamp = Timestamp::from_millis(1_800_000_000_000);
const OURS: &str = "https://governor.example";
const PLATFORM: &str = "https://tokens.example";

fn later(seconds: u64) -> Timestamp {
    NOW.after(Duration::from_secs(seconds))
}

fn jwk(key: &Es256Key, name: &str, purpose: &str) -> String {
    let mut members = key.public().jwk();
    members.insert("kid".to_owned(), Json::Text(name.to_owned()));
    members.insert("use".to_owned(), Json::Text(purpose.to_owned()));
    Json::Object(members).canonical()
}

/// Two trust domains and an issuer, each with a key of its own that is called `k`.
struct World {
    dir: tempfile::TempDir,
    own: Es256Key,
    other: Es256Key,
    platform: Es256Key,
    attestor: Attestor,
}

impl World {
    fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let key = || Es256Key::generate().unwrap();
        let (own, other, platform) = (key(), key(), key());
        let place = |file: &str| KeyPlace::File(dir.path().join(file));
        let domain = |name: &str, file| TrustedDomain {
            domain: name.parse().unwrap(),
            keys: place(file),
            once: false,
        };
        let domains = vec![domain("example.org", "own"), domain("partner.example", "other")];
        let issuer = TrustedIssuer {
            issuer: PLATFORM.to_owned(),
            keys: place("platform"),
            algorithms: vec![Algorithm::Es256, Algorithm::Rs256],
            once: true,
        };
        let attestor = Attestor::new(OURS, NOW, domains, vec![issuer]);
        let world = Self { dir, own, other, platform, attestor };
        world.publish("own", &[jwk(&world.own, "k", "jwt-svid")]);
        world.publish("other", &[jwk(&world.other, "k", "jwt-svid")]);
        world.publish("platform", &[jwk(&world.platform, "k", "sig")]);
        world
    }

    fn publish(&self, file: &str, keys: &[String]) -> PathBuf {
        let path = self.dir.path().join(file);
        fs::write(&path, format!(r#"{{"keys":[{}]}}"#, keys.join(","))).unwrap();
        path
    }

    async fn spiffe(&self, token: &str) -> Result<Attested, ProofError> {
        self.spiffe_at(token, NOW).await
    }

    async fn spiffe_at(&self, token: &str, now: Timestamp) -> Result<Attested, ProofError> {
        let vouched = self.attestor.spiffe(token, now).await?;
        self.use_up(vouched, now)
    }

    async fn oidc(&self, token: &str, now: Timestamp) -> Result<Attested, ProofError> {
        let vouched = self.attestor.oidc(token, now).await?;
        self.use_up(vouched, now)
    }

    fn use_up(&self, vouched: Vouched, now: Timestamp) -> Result<Attested, ProofError> {
        self.attestor.use_up(&vouched, &release_job(), now)?;
        Ok(vouched.who)
    }
}

fn release_job() -> IdentityId {
    "release-job".parse().unwrap()
}

fn signed(key: &Es256Key, header: &str, claims: &str) -> String {
    let part = |it: &str| URL_SAFE_NO_PAD.encode(it);
    let text = format!("{}.{}", part(header), part(claims));
    format!("{text}.{}", key.sign(&text).unwrap())
}

const HEADER: &str = r#"{"alg":"ES256","kid":"k","typ":"JWT"}"#;

/// Gives the claims of a good JWT-SVID after `change`.
fn svid(change: impl FnOnce(&mut BTreeMap<String, Json>)) -> String {
    let text = format!(
        r#"{{"sub":"spiffe://example.org/triage","aud":["{OURS}"],"iat":1800000000,"exp":1800000300}}"#
    );
    let Json::Object(mut claims) = Json::parse(text.as_bytes(), JsonLimits::default()).unwrap()
    else {
        panic!("claims")
    };
    change(&mut claims);
    Json::Object(claims).canonical()
}

fn set(name: &str, value: Json) -> impl FnOnce(&mut BTreeMap<String, Json>) {
    let name = name.to_owned();
    move |it| drop(it.insert(name, value))
}

fn text(value: &str) -> Json {
    Json::Text(value.to_owned())
}

#[tokio::test]
async fn a_workload_is_proved_by_its_own_trust_domain_alone() {
    let world = World::new();
    let id = |text: &str| Attested::Spiffe(text.parse().unwrap());
    let good = signed(&world.own, HEADER, &svid(|_| {}));
    assert_eq!(world.spiffe(&good).await, Ok(id("spiffe://example.org/triage")));
    assert_eq!(
        world.spiffe(&good).await,
        Ok(id("spiffe://example.org/triage")),
        "agents keep them"
    );
    for header in [r#"{"alg":"ES256","kid":"k"}"#, r#"{"alg":"ES256","kid":"k","typ":"JOSE"}"#] {
        assert!(world.spiffe(&signed(&world.own, header, &svid(|_| {}))).await.is_ok());
    }
    let partner = svid(set("sub", text("spiffe://partner.example/triage")));
    let partners = signed(&world.other, HEADER, &partner);
    assert_eq!(world.spiffe(&partners).await, Ok(id("spiffe://partner.example/triage")));

    // The key of one domain, under the same name, counts for nobody of the other.
    let crossed = signed(&world.other, HEADER, &svid(|_| {}));
    assert_eq!(world.spiffe(&crossed).await, Err(ProofError::ForeignSignature));
    let crossed = signed(&world.own, HEADER, &partner);
    assert_eq!(world.spiffe(&crossed).await, Err(ProofError::ForeignSignature));
    let nobodys = svid(set("sub", text("spiffe://nobody.example/triage")));
    let nobodys = signed(&world.own, HEADER, &nobodys);
    assert_eq!(world.spiffe(&nobodys).await, Err(ProofError::UnknownTrust));
    // The platform's key proves no workload.
    let platform = signed(&world.platform, HEADER, &svid(|_| {}));
    assert_eq!(world.spiffe(&platform).await, Err(ProofError::ForeignSignature));
}

#[tokio::test]
async fn what_only_looks_like_a_proof_is_none() {
    let world = World::new();
    let shape = |name, wanted| ProofError::Shape(ShapeError::Wrong { name, wanted });
    let one = shape("aud", "exactly one audience");
    let both = Json::List(vec![text(OURS), text("https://other.example")]);
    let int = |it: i128| Json::Int(it);
    for (claims, error) in [
        (svid(set("sub", text("triage"))), shape("sub", "a SPIFFE ID")),
        (svid(set("sub", text("spiffe://example.org/../x"))), shape("sub", "a SPIFFE ID")),
        (svid(set("aud", both)), one.clone()),
        (svid(set("aud", Json::List(Vec::new()))), one),
        (
            svid(set("aud", text("https://governor.example/"))),
            ProofError::WrongAudience { wanted: OURS.to_owned() },
        ),
        (svid(|it| drop(it.remove("aud"))), ProofError::Shape(ShapeError::Missing { name: "aud" })),
        (svid(|it| drop(it.remove("exp"))), ProofError::Shape(ShapeError::Missing { name: "exp" })),
        (svid(set("exp", int(1_800_000_000))), ProofError::Expired),
        (svid(set("exp", int(1_800_090_000))), ProofError::LivesTooLong),
        (svid(set("iat", int(1_800_000_031))), ProofError::NotYet),
        (svid(set("nbf", int(1_800_000_031))), ProofError::NotYet),
        (svid(set("exp", text("1800000300"))), shape("exp", "a whole number")),
    ] {
        let told = world.spiffe(&signed(&world.own, HEADER, &claims)).await;
        assert_eq!(told, Err(error), "{claims}");
    }
    for (header, error) in [
        (r#"{"alg":"none","kid":"k"}"#, ShapeError::OtherAlgorithm),
        (r#"{"alg":"HS256","kid":"k"}"#, ShapeError::OtherAlgorithm),
        (r#"{"alg":"EdDSA","kid":"k"}"#, ShapeError::OtherAlgorithm),
        (r#"{"alg":"es256","kid":"k"}"#, ShapeError::OtherAlgorithm),
        (r#"{"kid":"k"}"#, ShapeError::OtherAlgorithm),
        (r#"{"alg":"ES256"}"#, ShapeError::Missing { name: "kid" }),
        (r#"{"alg":"ES256","kid":["k"]}"#, ShapeError::Wrong { name: "kid", wanted: "a text" }),
        (r#"{"alg":"ES256","kid":"k","crit":["exp"],"exp":1}"#, ShapeError::Critical),
        (r#"{"alg":"ES256","kid":"k","typ":"at+jwt"}"#, ShapeError::WrongType { wanted: "JWT" }),
        (r#"{"alg":"ES256","kid":"k","typ":"dpop+jwt"}"#, ShapeError::WrongType { wanted: "JWT" }),
        (r#"{"alg":"ES256","kid":"k","typ":null}"#, ShapeError::WrongType { wanted: "JWT" }),
    ] {
        let told = world.spiffe(&signed(&world.own, header, &svid(|_| {}))).await;
        assert_eq!(told, Err(error.into()), "{header}");
    }
    // A key that a stranger brings along, in whatever way, is not looked at.
    let stranger = Es256Key::generate().unwrap();
    let brought = jwk(&stranger, "k", "jwt-svid");
    let header =
        format!(r#"{{"alg":"ES256","kid":"k","jwk":{brought},"jku":"https://evil.example"}}"#);
    let told = world.spiffe(&signed(&stranger, &header, &svid(|_| {}))).await;
    assert_eq!(told, Err(ProofError::ForeignSignature));
    let unknown = r#"{"alg":"ES256","kid":"../../etc/passwd"}"#;
    let told = world.spiffe(&signed(&world.own, unknown, &svid(|_| {}))).await;
    assert_eq!(told, Err(ProofError::UnknownKey));
    // The public key as the secret of an HMAC.
    let part = |it: &str| URL_SAFE_NO_PAD.encode(it);
    let unsigned = format!("{}.{}", part(r#"{"alg":"HS256","kid":"k"}"#), part(&svid(|_| {})));
    for secret in [world.own.public().to_pem(), jwk(&world.own, "k", "jwt-svid")] {
        let key = hmac::Key::new(hmac::HMAC_SHA256, secret.as_bytes());
        let tag = hmac::sign(&key, unsigned.as_bytes());
        let token = format!("{unsigned}.{}", URL_SAFE_NO_PAD.encode(tag.as_ref()));
        assert_eq!(world.spiffe(&token).await, Err(ShapeError::OtherAlgorithm.into()));
        let said = token.replace(&part(r#"{"alg":"HS256","kid":"k"}"#), &part(HEADER));
        assert_eq!(world.spiffe(&said).await, Err(ProofError::ForeignSignature));
    }
    assert!(world.spiffe(&format!("{unsigned}.")).await.is_err());
    // Said twice, too deep, too long.
    let twice = svid(|_| {}).replacen('{', r#"{"sub":"spiffe://example.org/admin","#, 1);
    let deep =
        svid(|_| {}).replacen('{', &format!("{{\"x\":{}{},", "[".repeat(40), "]".repeat(40)), 1);
    let long = svid(set("x", text(&"x".repeat(9000))));
    for claims in [twice, deep, long] {
        let told = world.spiffe(&signed(&world.own, HEADER, &claims)).await;
        assert!(matches!(told, Err(ProofError::Shape(_))), "{told:?}");
    }
}

fn platforms(subject: &str, audience: &str, issued: i64) -> String {
    format!(
        r#"{{"iss":"{PLATFORM}","sub":"{subject}","aud":"{audience}","iat":{issued},"exp":{}}}"#,
        issued.saturating_add(600)
    )
}

#[tokio::test]
async fn an_issuers_token_says_who_for_whom_and_counts_once() {
    let world = World::new();
    let (job, at) = ("repo:acme/shop:ref:refs/heads/main", NOW.seconds());
    let token = signed(&world.platform, HEADER, &platforms(job, "deployments", at));
    assert!(world.attestor.is_of_issuer(&token));
    let wanted = Attested::Oidc {
        issuer: PLATFORM.to_owned(),
        subject: job.to_owned(),
        audience: "deployments".to_owned(),
    };
    assert_eq!(world.oidc(&token, NOW).await, Ok(wanted));
    assert_eq!(world.oidc(&token, later(5)).await, Err(ProofError::Replayed));
    // Made before the start, it may have been used.
    let before = signed(&world.platform, HEADER, &platforms(job, OURS, at.saturating_sub(1)));
    assert_eq!(world.oidc(&before, NOW).await, Err(ProofError::BeforeStart));

    let other = platforms(job, OURS, at).replace(PLATFORM, "https://evil.example");
    let other = signed(&world.platform, HEADER, &other);
    assert!(!world.attestor.is_of_issuer(&other));
    assert_eq!(world.oidc(&other, NOW).await, Err(ProofError::UnknownTrust));
    // What it is not said to sign with, and keys of others.
    let header = r#"{"alg":"ES384","kid":"k"}"#;
    let token = signed(&world.platform, header, &platforms(job, OURS, at));
    assert_eq!(world.oidc(&token, NOW).await, Err(ShapeError::OtherAlgorithm.into()));
    let token = signed(&world.own, HEADER, &platforms(job, OURS, at));
    assert_eq!(world.oidc(&token, NOW).await, Err(ProofError::ForeignSignature));
    for garbage in ["", "a.b.c", "....", "garbage"] {
        assert!(!world.attestor.is_of_issuer(garbage));
        assert!(world.oidc(garbage, NOW).await.is_err());
    }
}

#[tokio::test]
async fn a_rotated_key_is_found_and_one_that_was_taken_away_counts_no_more() {
    let world = World::new();
    let good = signed(&world.own, HEADER, &svid(|_| {}));
    assert!(world.spiffe(&good).await.is_ok());
    let next = Es256Key::generate().unwrap();
    world.publish("own", &[jwk(&next, "next", "jwt-svid")]);
    let fresh = signed(&next, r#"{"alg":"ES256","kid":"next"}"#, &svid(|_| {}));
    // Read a moment ago, it is not read again at once.
    assert_eq!(world.spiffe(&fresh).await, Err(ProofError::UnknownKey));
    assert!(world.spiffe_at(&fresh, later(10)).await.is_ok());
    assert_eq!(world.spiffe_at(&good, later(11)).await, Err(ProofError::UnknownKey));
}

#[tokio::test]
async fn after_a_day_without_its_keys_the_first_who_comes_reads_them_again() {
    let world = World::new();
    let fresh = |now: Timestamp| {
        let claims = svid(|it| {
            it.insert("iat".to_owned(), Json::Int(now.seconds().into()));
            it.insert(
                "exp".to_owned(),
                Json::Int(now.after(Duration::from_secs(60)).seconds().into()),
            );
        });
        signed(&world.own, HEADER, &claims)
    };
    assert!(world.spiffe(&fresh(NOW)).await.is_ok());
    let path = world.dir.path().join("own");
    let bundle = fs::read_to_string(&path).unwrap();
    fs::remove_file(&path).unwrap();
    let half = later(12 * 3600);
    let told = world.attestor.tend(half).await;
    assert!(told.iter().any(|(_, text)| text.contains("count until")), "{told:?}");
    assert!(world.spiffe_at(&fresh(half), half).await.is_ok());
    // A day is over: nobody is proved, and it is not told once more.
    let day = later(24 * 3600);
    assert_eq!(world.spiffe_at(&fresh(day), day).await, Err(ProofError::UnknownKey));
    assert!(world.attestor.tend(day).await.iter().all(|(whose, _)| !whose.contains("example.org")));
    fs::write(&path, bundle).unwrap();
    let back = later(24 * 3600 + 10);
    assert!(world.spiffe_at(&fresh(back), back).await.is_ok());
    assert!(world.attestor.tend(back).await.is_empty());
}
