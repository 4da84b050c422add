//! A person's word, and every way to look as if there were one.

use std::{fs, time::Duration};

use bailiwick_model::JsonLimits;
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};

use super::*;
use crate::es256::Es256Key;

const NOW: Timestamp = Timestamp::from_millis(1_800_000_000_000);
const OURS: &str = "https://governor.example";
const PROVIDER: &str = "https://idp.example";
const HEADER: &str = r#"{"alg":"ES256","kid":"k","typ":"oauth-id-jag+jwt"}"#;

fn later(seconds: u64) -> Timestamp {
    NOW.after(Duration::from_secs(seconds))
}

/// A provider of people, one with tenants, and an issuer that vouches for identities alone. One key is
/// called `k` by all of them.
struct World {
    key: Es256Key,
    other: Es256Key,
    attestor: Attestor,
    _dir: tempfile::TempDir,
}

impl World {
    fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let (key, other) = (Es256Key::generate().unwrap(), Es256Key::generate().unwrap());
        let place = |file: &str, key: &Es256Key| {
            let mut members = key.public().jwk();
            members.insert("kid".to_owned(), Json::Text("k".to_owned()));
            members.insert("use".to_owned(), Json::Text("sig".to_owned()));
            let path = dir.path().join(file);
            fs::write(&path, format!(r#"{{"keys":[{}]}}"#, Json::Object(members).canonical()))
                .unwrap();
            KeyPlace::File(path)
        };
        let algorithms = || vec![Algorithm::Es256];
        let issuer = |name: &str, tenant: Option<&str>| MandateIssuer {
            issuer: name.to_owned(),
            keys: place("provider", &key),
            algorithms: algorithms(),
            tenant: tenant.map(str::to_owned),
        };
        let vouches = super::super::TrustedIssuer {
            issuer: "https://tokens.example".to_owned(),
            keys: place("other", &other),
            algorithms: algorithms(),
            once: true,
        };
        let mandates = vec![issuer(PROVIDER, None), issuer("https://many.example", Some("acme"))];
        let attestor = Attestor::new(OURS, NOW, Vec::new(), vec![vouches]).with_mandates(mandates);
        Self { key, other, attestor, _dir: dir }
    }

    async fn takes(&self, header: &str, claims: &str) -> Result<IdJag, ProofError> {
        self.attestor.id_jag(&signed(&self.key, header, claims), NOW).await
    }
}

fn signed(key: &Es256Key, header: &str, claims: &str) -> String {
    let part = |it: &str| URL_SAFE_NO_PAD.encode(it);
    let text = format!("{}.{}", part(header), part(claims));
    format!("{text}.{}", key.sign(&text).unwrap())
}

/// Gives the claims of a good grant, some of them changed or (`null`) left out.
fn claims(changes: &str) -> String {
    let read = |text: &str| match Json::parse(text.as_bytes(), JsonLimits::default()) {
        Ok(Json::Object(members)) => members,
        other => panic!("{other:?}"),
    };
    let good = format!(
        r#"{{"iss":"{PROVIDER}","sub":"U0194","aud":"{OURS}","client_id":"triage-agent","jti":"9e43",
            "iat":1800000000,"exp":1800000300}}"#
    );
    let mut all = read(&good);
    for (name, value) in read(changes) {
        if value == Json::Null {
            all.remove(&name);
        } else {
            all.insert(name, value);
        }
    }
    Json::Object(all).canonical()
}

#[tokio::test]
async fn a_grant_says_for_whom_which_client_works_on_what() {
    let world = World::new();
    let all = claims(
        r#"{"resource":"https://governor.example/mcp/files","scope":"mcp:files chat.read",
            "authorization_details":[{"type":"bailiwick/task/v1","template":"triage"}],
            "act":{"sub":"wlp-7","act":{"sub":"portal"}},"auth_time":1799999999,"amr":["hwk"]}"#,
    );
    let grant = world.takes(HEADER, &all).await.unwrap();
    let through = vec!["wlp-7".to_owned(), "portal".to_owned()];
    let (issuer, subject) = (PROVIDER.to_owned(), "U0194".to_owned());
    let on_behalf = OnBehalf { issuer, subject, through, only: None };
    assert_eq!((grant.on_behalf, grant.client.as_str()), (on_behalf, "triage-agent"));
    assert_eq!(grant.resource.as_deref(), Some("https://governor.example/mcp/files"));
    assert_eq!(grant.scope.as_deref(), Some("mcp:files chat.read"));
    let details = r#"[{"template":"triage","type":"bailiwick/task/v1"}]"#;
    assert_eq!(grant.details.unwrap().canonical(), details);
}

#[tokio::test]
async fn a_grant_is_used_once_by_its_jti_and_not_before_it_is_used() {
    let world = World::new();
    let client = "triage-agent".parse().unwrap();
    let first = world.takes(HEADER, &claims("{}")).await.unwrap();
    let again = world.takes(HEADER, &claims("{}")).await.unwrap();
    // Signed anew, with other words, it is the same grant.
    let reworded = world.takes(HEADER, &claims(r#"{"scope":"mcp"}"#)).await.unwrap();
    assert_eq!(world.attestor.use_up_grant(&first, &client, NOW), Ok(()));
    for it in [again, reworded] {
        assert_eq!(world.attestor.use_up_grant(&it, &client, later(9)), Err(ProofError::Replayed));
    }
    let other = world.takes(HEADER, &claims(r#"{"jti":"9e44"}"#)).await.unwrap();
    assert_eq!(world.attestor.use_up_grant(&other, &client, NOW), Ok(()));
    // Given back, it counts once more, and the other one does not.
    world.attestor.give_back_grant(&first, &client);
    assert_eq!(world.attestor.use_up_grant(&first, &client, NOW), Ok(()));
    for it in [first, other] {
        assert_eq!(world.attestor.use_up_grant(&it, &client, NOW), Err(ProofError::Replayed));
    }
}

#[tokio::test]
async fn however_many_grants_a_client_used_its_own_proofs_have_their_room() {
    let world = World::new();
    let client: IdentityId = "triage-agent".parse().unwrap();
    let grant = world.takes(HEADER, &claims("{}")).await.unwrap();
    let numbered = |number: usize| IdJag {
        once: Once { name: number.to_string(), ..grant.once.clone() },
        ..grant.clone()
    };
    for number in 0..LIVE_MAX {
        let used = world.attestor.use_up_grant(&numbered(number), &client, NOW);
        assert_eq!(used, Ok(()), "{number}");
    }
    let used = world.attestor.use_up_grant(&grant, &client, NOW);
    assert_eq!(used, Err(ProofError::TooMany));
    let assertion =
        claims(r#"{"iss":"https://tokens.example","jti":null,"client_id":null,"exp":1800000200}"#);
    let assertion = signed(&world.other, r#"{"alg":"ES256","kid":"k","typ":"JWT"}"#, &assertion);
    let vouched = world.attestor.oidc(&assertion, NOW).await.unwrap();
    assert_eq!(world.attestor.use_up(&vouched, &client, NOW), Ok(()));
    assert_eq!(world.attestor.use_up(&vouched, &client, NOW), Err(ProofError::Replayed));
}

#[tokio::test]
async fn what_only_looks_like_a_persons_word_is_none() {
    let world = World::new();
    let missing = |name| ProofError::Shape(ShapeError::Missing { name });
    let wrong = |name, wanted| ProofError::Shape(ShapeError::Wrong { name, wanted });
    let audience = || ProofError::WrongAudience { wanted: OURS.to_owned() };
    for (change, error) in [
        (r#"{"iss":"https://evil.example"}"#, ProofError::UnknownTrust),
        // One who vouches for identities does not speak for people.
        (r#"{"iss":"https://tokens.example"}"#, ProofError::UnknownTrust),
        (r#"{"aud":"https://governor.example/"}"#, audience()),
        (r#"{"aud":"https://governor.example/oauth2/token"}"#, audience()),
        (r#"{"aud":["https://governor.example"]}"#, wrong("aud", "a text")),
        (r#"{"aud":null}"#, missing("aud")),
        (r#"{"sub":null}"#, missing("sub")),
        (r#"{"sub":""}"#, wrong("sub", "a text")),
        (r#"{"client_id":null}"#, missing("client_id")),
        (r#"{"client_id":["triage-agent"]}"#, wrong("client_id", "a text")),
        (r#"{"jti":null}"#, missing("jti")),
        (r#"{"iat":null}"#, missing("iat")),
        (r#"{"exp":null}"#, missing("exp")),
        (r#"{"exp":"1800000300"}"#, wrong("exp", "a whole number")),
        (r#"{"exp":1800000000}"#, ProofError::Expired),
        (r#"{"exp":1800003601}"#, ProofError::GrantLivesTooLong),
        (r#"{"iat":1800000031}"#, ProofError::NotYet),
        (r#"{"nbf":1800000031}"#, ProofError::NotYet),
        // Before the start it may have been used.
        (r#"{"iat":1799999999}"#, ProofError::BeforeStart),
        (r#"{"tenant":"acme"}"#, ProofError::OtherTenant),
        (r#"{"iss":"https://many.example"}"#, ProofError::OtherTenant),
        (r#"{"iss":"https://many.example","tenant":"evil"}"#, ProofError::OtherTenant),
        (r#"{"resource":["https://governor.example/mcp"]}"#, wrong("resource", "a text")),
        (r#"{"scope":["mcp"]}"#, wrong("scope", "a text")),
        (r#"{"act":"portal"}"#, wrong("act", "a chain of 4 actors at most")),
        (r#"{"act":{"iss":"x"}}"#, wrong("act", "a chain of 4 actors at most")),
    ] {
        assert_eq!(world.takes(HEADER, &claims(change)).await, Err(error), "{change}");
    }
    let ours = claims(r#"{"iss":"https://many.example","tenant":"acme"}"#);
    assert!(world.takes(HEADER, &ours).await.is_ok());
    let deep =
        (0..5).fold(r#"{"sub":"x"}"#.to_owned(), |it, _| format!(r#"{{"sub":"x","act":{it}}}"#));
    let deep = claims(&format!(r#"{{"act":{deep}}}"#));
    assert!(matches!(world.takes(HEADER, &deep).await, Err(ProofError::Shape(_))));
    let long = claims(&format!(r#"{{"jti":"{}"}}"#, "x".repeat(129)));
    assert!(matches!(world.takes(HEADER, &long).await, Err(ProofError::Shape(_))));
}

#[tokio::test]
async fn no_token_of_another_kind_passes_for_a_grant_nor_a_grant_for_another_kind() {
    let world = World::new();
    let kind = ProofError::Shape(ShapeError::WrongType { wanted: KIND });
    for typ in [
        r#""typ":"JWT","#,
        r#""typ":"at+jwt","#,
        r#""typ":"client-authentication+jwt","#,
        r#""typ":"OAuth-ID-JAG+jwt","#,
        r#""typ":"application/oauth-id-jag+jwt","#,
        r#""typ":["oauth-id-jag+jwt"],"#,
        "",
    ] {
        let header = format!(r#"{{{typ}"alg":"ES256","kid":"k"}}"#);
        assert!(!is_id_jag(&signed(&world.key, &header, &claims("{}"))), "{typ}");
        assert_eq!(world.takes(&header, &claims("{}")).await, Err(kind.clone()), "{typ}");
    }
    for (header, error) in [
        (r#"{"typ":"oauth-id-jag+jwt","alg":"none","kid":"k"}"#, ShapeError::OtherAlgorithm),
        (r#"{"typ":"oauth-id-jag+jwt","alg":"RS256","kid":"k"}"#, ShapeError::OtherAlgorithm),
        (r#"{"typ":"oauth-id-jag+jwt","alg":"ES256"}"#, ShapeError::Missing { name: "kid" }),
        (r#"{"typ":"oauth-id-jag+jwt","alg":"ES256","kid":"k","crit":[]}"#, ShapeError::Critical),
    ] {
        assert_eq!(world.takes(header, &claims("{}")).await, Err(error.into()), "{header}");
    }
    // Its issuer's word for people proves no identity, whoever signs what.
    let of_issuer = claims(r#"{"iss":"https://tokens.example"}"#);
    let shown = signed(&world.other, HEADER, &of_issuer);
    let refused = ProofError::Shape(ShapeError::WrongType { wanted: "JWT" });
    assert_eq!(world.attestor.oidc(&shown, NOW).await, Err(refused));
    let plain = signed(&world.key, r#"{"alg":"ES256","kid":"k"}"#, &claims("{}"));
    assert_eq!(world.attestor.oidc(&plain, NOW).await, Err(ProofError::UnknownTrust));
    let stranger = signed(&world.other, HEADER, &claims("{}"));
    assert_eq!(world.attestor.id_jag(&stranger, NOW).await, Err(ProofError::ForeignSignature));
}

/// What another implementation signed once, by this edition's text: read as it was then.
#[tokio::test]
async fn the_vector_of_this_edition_is_read() {
    assert_eq!(ID_JAG_EDITION, "draft-ietf-oauth-identity-assertion-authz-grant-05");
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("keys");
    fs::write(&path, include_str!("vector/keys.json")).unwrap();
    let issuer = MandateIssuer {
        issuer: "https://acme.idp.example/".to_owned(),
        keys: KeyPlace::File(path),
        algorithms: vec![Algorithm::Rs256],
        tenant: None,
    };
    let at = Timestamp::from_millis(1_795_000_060_000);
    let started = Timestamp::from_millis(1_795_000_000_000);
    let ours = "https://acme.chat.example/";
    let attestor = Attestor::new(ours, started, Vec::new(), Vec::new()).with_mandates(vec![issuer]);
    let grant = attestor.id_jag(include_str!("vector/grant.jwt").trim_end(), at).await.unwrap();
    assert_eq!(grant.on_behalf.subject, "U019488227");
    assert_eq!(grant.on_behalf.through, ["f53f191f9311af35"]);
    assert_eq!(grant.client, "f53f191f9311af35");
    assert_eq!(grant.resource.as_deref(), Some("https://api.chat.example/"));
    assert_eq!(grant.scope.as_deref(), Some("chat.read chat.history"));
}

proptest::proptest! {
    #[test]
    fn no_text_is_taken_for_a_grant_or_makes_it_panic(text in "\\PC{0,300}") {
        proptest::prop_assert!(!is_id_jag(&text));
    }
}
