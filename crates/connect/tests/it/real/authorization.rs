//! An authorization server of others: what is asked of it is what others understand by it.

use std::time::Duration;

use bailiwick_connect::{
    Broker as _, EndedLease, IdentityKey, LeaseOrder, OAuth, OAuthTarget, Secret, SecretSource,
    Traded, TradedFor,
};
use bailiwick_model::OnBehalf;
use bailiwick_testkit::real::Authorization;
use serde_json::json;

use super::{ended, field, order};

pub(super) const OURS: &str = "https://governor.example";
pub(super) const THEIRS: &str = "https://as.example";

pub(super) fn target(server: &Authorization, traded: Option<Traded>) -> OAuth {
    OAuth::new("orders-api".parse().unwrap(), described(server, traded)).unwrap()
}

pub(super) fn described(server: &Authorization, traded: Option<Traded>) -> OAuthTarget {
    let [client, secret] = Authorization::CLIENT;
    OAuthTarget {
        token_endpoint: format!("{}/token", server.url()),
        revocation_endpoint: format!("{}/revoke", server.url()),
        ca: None,
        client: client.into(),
        secret: SecretSource::Held(Secret::new(secret)),
        resource: None,
        scopes: vec!["orders:read".into(), "admin".into()],
        longest: Duration::from_secs(3600),
        traded,
    }
}

pub(super) fn traded(key: &IdentityKey, audience: &str, subject: TradedFor) -> Traded {
    let key = SecretSource::Held(key.private_pem());
    let person_issuer = (subject == TradedFor::Person).then(|| "https://idp.example".to_owned());
    Traded { issuer: OURS.into(), audience: audience.into(), key, subject, person_issuer }
}

/// Issues, looks at what was given, and ends it.
pub(super) async fn lives_and_ends(
    server: &Authorization,
    broker: &OAuth,
    wish: LeaseOrder,
) -> serde_json::Value {
    let issued = broker.issue(&wish).await.unwrap();
    assert_eq!(issued.unfit, None);
    let token = field(&issued.credential, "access_token");
    let said = server.introspect(&token);
    assert_eq!((&said["active"], &said["scope"]), (&json!(true), &json!("orders:read")), "{said}");
    let over = EndedLease {
        lease: wish.lease,
        called: Some(issued.called),
        keepsake: issued.keepsake,
        ..ended(1)
    };
    broker.revoke(&over).await.unwrap();
    assert_eq!(server.introspect(&token), json!({"active": false}));
    broker.revoke(&over).await.unwrap();
    said
}

#[tokio::test]
async fn a_token_is_had_by_our_own_credentials_and_ended() {
    let key = IdentityKey::generate().unwrap();
    let Some(server) = Authorization::start(&key.public_pem(), OURS, THEIRS) else { return };
    let broker = target(&server, None);
    lives_and_ends(&server, &broker, order(1, &["orders:read"])).await;
}

#[tokio::test]
async fn a_token_is_traded_for_our_word_and_ended() {
    let key = IdentityKey::generate().unwrap();
    let Some(server) = Authorization::start(&key.public_pem(), OURS, THEIRS) else { return };
    let broker = target(&server, Some(traded(&key, THEIRS, TradedFor::Identity)));
    let said = lives_and_ends(&server, &broker, order(1, &["orders:read"])).await;
    assert_eq!(said["sub"], "triage-agent", "{said}");

    let broker = target(&server, Some(traded(&key, THEIRS, TradedFor::Person)));
    let (issuer, subject) = ("https://idp.example".to_owned(), "U0194".to_owned());
    let on_behalf = Some(OnBehalf { issuer, subject, through: Vec::new(), only: None });
    let wish = LeaseOrder { on_behalf, ..order(2, &["orders:read"]) };
    let said = lives_and_ends(&server, &broker, wish).await;
    assert_eq!((&said["sub"], &said["act"]), (&json!("U0194"), &json!({"sub": "triage-agent"})));
}

#[tokio::test]
async fn a_word_for_another_reader_or_by_another_key_is_worth_nothing() {
    let key = IdentityKey::generate().unwrap();
    let Some(server) = Authorization::start(&key.public_pem(), OURS, THEIRS) else { return };
    let stranger = IdentityKey::generate().unwrap();
    for traded in [
        traded(&key, "https://other.example", TradedFor::Identity),
        traded(&stranger, THEIRS, TradedFor::Identity),
    ] {
        let refused = target(&server, Some(traded)).issue(&order(1, &["orders:read"])).await;
        let told = refused.unwrap_err().to_string();
        assert!(told.ends_with("it answers 400 invalid_request"), "{told}");
    }
}
