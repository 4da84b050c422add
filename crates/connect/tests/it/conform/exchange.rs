//! Tokens in trade for our word: an authorization server of ours that is strict, and reads what it is given.

use std::time::Duration;

use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED, UnparsedPublicKey};
use bailiwick_connect::{
    Broker, BrokerError, Credential, IdentityKey, OAuth, OAuthTarget, Secret, SecretSource, Traded,
    TradedFor,
};
use bailiwick_model::{OnBehalf, Timestamp};
use bailiwick_testkit::{
    broker::{Limit, Stay, Trial, Waited, conforms, ended, order},
    service::{Authority, Stub},
};
use base64::{
    Engine as _,
    engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD},
};
use serde_json::{Value, json};

use crate::real::field;

pub(crate) const LIMITS: &[Limit] =
    &[Limit::NothingStays, Limit::NothingIsListed, Limit::UnheardLives];

const NOW: Timestamp = Timestamp::from_millis(1_800_000_000_000);
const OURS: &str = "https://governor.example";
const THEIRS: &str = "https://as.example";
const IDP: &str = "https://idp.example";

struct Tried(Authority, OAuth);

impl Trial for Tried {
    fn broker(&self) -> &dyn Broker {
        &self.1
    }

    fn limits(&self) -> &'static [Limit] {
        LIMITS
    }

    fn wants(&self) -> Vec<String> {
        vec!["orders:read".into()]
    }

    fn unfit(&self) -> Option<String> {
        Some("orders:write".into())
    }

    fn now(&self) -> Timestamp {
        NOW
    }

    fn is_let_in<'a>(&'a self, credential: &'a Credential) -> Waited<'a, bool> {
        Box::pin(async { self.0.lets_in(&field(credential, "access_token")) })
    }

    fn stays<'a>(&'a self, _: &'a Credential) -> Waited<'a, Option<Box<dyn Stay>>> {
        Box::pin(async { None })
    }

    fn away(&self, away: bool) -> Waited<'_, ()> {
        self.0.set_away(away);
        Box::pin(async {})
    }

    fn late(&self, at: Timestamp) -> Waited<'_, ()> {
        self.0.wait(at.since(NOW));
        Box::pin(async {})
    }
}

/// Gives the claims of a word that a key of ours signed, else nothing.
fn read(word: &str, public: &str) -> Option<Value> {
    let der: String = public.lines().filter(|it| !it.starts_with('-')).collect();
    let der = STANDARD.decode(der).ok()?;
    let point = der.get(der.len().checked_sub(65)?..)?;
    let (signed, signature) = word.rsplit_once('.')?;
    let key = UnparsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, point);
    key.verify(signed.as_bytes(), &URL_SAFE_NO_PAD.decode(signature).ok()?).ok()?;
    let (header, claims) = signed.split_once('.')?;
    let header: Value = serde_json::from_slice(&URL_SAFE_NO_PAD.decode(header).ok()?).ok()?;
    let claims: Value = serde_json::from_slice(&URL_SAFE_NO_PAD.decode(claims).ok()?).ok()?;
    (header["typ"] == "JWT" && header["alg"] == "ES256").then_some(claims)
}

/// A strict server that trades our word, and what it was given last.
async fn trades(subject: TradedFor) -> (Authority, OAuth, Stub) {
    let key = IdentityKey::generate().unwrap();
    let public = key.public_pem();
    let now = NOW.seconds();
    // It takes each word once, for itself alone, from us, in its minute.
    let used = std::sync::Mutex::new(std::collections::BTreeSet::new());
    let takes = move |word: &str| {
        let Some(claims) = read(word, &public) else { return false };
        let fresh = claims["iat"] == json!(now) && claims["exp"] == json!(now.saturating_add(60));
        let id = claims["jti"].as_str().unwrap_or_default().to_owned();
        claims["iss"] == OURS
            && claims["aud"] == THEIRS
            && claims["sub"].is_string()
            && fresh
            && used.lock().unwrap().insert(id)
    };
    let server = Authority::trading(NOW, takes);
    let stub = server.serve().await;
    let [client, secret] = Authority::CLIENT;
    let target = OAuthTarget {
        token_endpoint: format!("{}/token", stub.url),
        revocation_endpoint: format!("{}/revoke", stub.url),
        ca: None,
        client: client.into(),
        secret: SecretSource::Held(Secret::new(secret)),
        resource: Some(Authority::RESOURCE.into()),
        scopes: vec!["orders:read".into()],
        longest: Duration::from_secs(3600),
        traded: Some(Traded {
            issuer: OURS.into(),
            audience: THEIRS.into(),
            key: SecretSource::Held(key.private_pem()),
            subject,
            person_issuer: (subject == TradedFor::Person).then(|| IDP.into()),
        }),
    };
    let broker = OAuth::new("orders-api".parse().unwrap(), target).unwrap();
    (server, broker, stub)
}

#[tokio::test]
async fn the_broker_conforms_at_a_strict_stub_that_trades() {
    let (server, broker, _stub) = trades(TradedFor::Identity).await;
    conforms(&Tried(server, broker)).await;
}

/// Gives the claims of the word that was traded last.
fn last_word(stub: &Stub) -> Value {
    let asked = stub.asked().into_iter().rfind(|it| it.line == "POST /token").unwrap();
    let word = asked.body.split('&').find_map(|it| it.strip_prefix("subject_token=")).unwrap();
    let claims = URL_SAFE_NO_PAD.decode(word.split('.').nth(1).unwrap()).unwrap();
    serde_json::from_slice(&claims).unwrap()
}

#[tokio::test]
async fn the_server_learns_whose_task_it_is_and_for_which_person() {
    let (server, broker, stub) = trades(TradedFor::Person).await;
    let tried = Tried(server, broker);
    let mut wish = order(&tried, 1);
    let error = tried.1.issue(&wish).await.unwrap_err();
    assert!(matches!(error, BrokerError::Unfit { .. }), "{error}");
    assert!(stub.asked().is_empty(), "nothing is asked for nobody");

    // Another provider may call somebody else the same: the server could not tell them apart.
    let person = |issuer: &str| {
        let (issuer, subject) = (issuer.to_owned(), "U0194".to_owned());
        Some(OnBehalf { issuer, subject, through: Vec::new(), only: None })
    };
    wish.on_behalf = person("https://other-idp.example");
    let told = tried.1.issue(&wish).await.unwrap_err().to_string();
    assert!(told.contains("one of `https://other-idp.example`, whose people"), "{told}");
    assert!(stub.asked().is_empty(), "nothing is asked for another's people");

    wish.on_behalf = person(IDP);
    let issued = tried.1.issue(&wish).await.unwrap();
    let word = last_word(&stub);
    assert_eq!((&word["sub"], &word["act"]["sub"]), (&json!("U0194"), &json!("reporter")));
    assert_eq!(word["sub_id"]["iss"], IDP);
    assert_eq!(word["txn"], json!(wish.task));
    // Each lease has a word and a token of its own, and an end that takes no other along.
    let other = order(&tried, 2);
    let other = bailiwick_connect::LeaseOrder { on_behalf: wish.on_behalf.clone(), ..other };
    let second = tried.1.issue(&other).await.unwrap();
    assert_eq!(tried.0.tokens(), 2);
    tried.1.revoke(&ended(&tried, &wish, Some(&issued))).await.unwrap();
    assert!(!tried.0.lets_in(&field(&issued.credential, "access_token")));
    assert!(tried.0.lets_in(&field(&second.credential, "access_token")));
}
