//! An authorization server of others that keeps its own tokens: oidc-provider.

use std::time::Duration;

use bailiwick_connect::{
    Broker, BrokerError, Credential, EndedLease, IdentityKey, LeaseOrder, OAuth, OAuthTarget,
    Secret, SecretSource, TradedFor,
};
use bailiwick_model::{OnBehalf, Timestamp};
use bailiwick_testkit::{
    broker::{Limit, Stay, Trial, Waited, conforms},
    real::Provider,
};
use serde_json::json;

use super::{
    authorization::{OURS, THEIRS, described, lives_and_ends, target, traded},
    ended, field, now, order,
};
use crate::conform::{exchange, oauth, until};

/// As long as a token of a test lives that does not wait for its end.
const LONG: Duration = Duration::from_secs(300);
/// As long as one lives whose end is waited for.
const SHORT: Duration = Duration::from_secs(15);

/// Starts one that believes what a new key signs.
fn started(life: Duration) -> Option<(Provider, IdentityKey)> {
    let key = IdentityKey::generate().unwrap();
    Some((Provider::start(&key.public_pem(), [OURS, THEIRS], life)?, key))
}

struct Tried(Provider, OAuth, &'static [Limit]);

impl Trial for Tried {
    fn broker(&self) -> &dyn Broker {
        &self.1
    }

    fn limits(&self) -> &'static [Limit] {
        self.2
    }

    fn wants(&self) -> Vec<String> {
        vec!["orders:read".into()]
    }

    fn unfit(&self) -> Option<String> {
        Some("admin".into())
    }

    fn now(&self) -> Timestamp {
        now()
    }

    fn is_let_in<'a>(&'a self, credential: &'a Credential) -> Waited<'a, bool> {
        let said = self.0.server().introspect(&field(credential, "access_token"));
        Box::pin(async move { said["active"] == json!(true) })
    }

    fn stays<'a>(&'a self, _: &'a Credential) -> Waited<'a, Option<Box<dyn Stay>>> {
        Box::pin(async { None })
    }

    fn away(&self, away: bool) -> Waited<'_, ()> {
        self.0.away(away);
        Box::pin(async {})
    }

    fn late(&self, at: Timestamp) -> Waited<'_, ()> {
        Box::pin(until(at))
    }
}

#[tokio::test]
async fn the_broker_conforms_at_oidc_provider() {
    let Some((provider, _)) = started(SHORT) else { return };
    let broker = target(provider.server(), None);
    conforms(&Tried(provider, broker, oauth::LIMITS)).await;
}

#[tokio::test]
async fn the_broker_that_trades_conforms_at_oidc_provider() {
    let Some((provider, key)) = started(SHORT) else { return };
    let word = traded(&key, THEIRS, TradedFor::Identity);
    let broker = target(provider.server(), Some(word));
    conforms(&Tried(provider, broker, exchange::LIMITS)).await;
}

#[tokio::test]
async fn a_token_is_had_by_our_own_credentials_and_ended() {
    let Some((provider, _)) = started(LONG) else { return };
    let broker = target(provider.server(), None);
    let said = lives_and_ends(provider.server(), &broker, order(1, &["orders:read"])).await;
    assert_eq!((&said["client_id"], &said["token_type"]), (&json!("a client"), &json!("Bearer")));

    let never = EndedLease { keepsake: Some(Secret::new("never-given")), ..ended(2) };
    broker.revoke(&never).await.unwrap();
}

#[tokio::test]
async fn a_token_is_traded_for_our_word_and_ended() {
    let Some((provider, key)) = started(LONG) else { return };
    let server = provider.server();
    let broker = target(server, Some(traded(&key, THEIRS, TradedFor::Identity)));
    let said = lives_and_ends(server, &broker, order(1, &["orders:read"])).await;
    assert_eq!(said["sub"], "triage-agent", "{said}");

    let broker = target(server, Some(traded(&key, THEIRS, TradedFor::Person)));
    let (issuer, subject) = ("https://idp.example".to_owned(), "U0194".to_owned());
    let on_behalf = Some(OnBehalf { issuer, subject, through: Vec::new(), only: None });
    let wish = LeaseOrder { on_behalf, ..order(2, &["orders:read"]) };
    let said = lives_and_ends(server, &broker, wish).await;
    assert_eq!((&said["sub"], &said["act"]), (&json!("U0194"), &json!({"sub": "triage-agent"})));

    let stranger = IdentityKey::generate().unwrap();
    let broker = target(server, Some(traded(&stranger, THEIRS, TradedFor::Identity)));
    let refused = broker.issue(&order(3, &["orders:read"])).await.unwrap_err().to_string();
    assert!(refused.ends_with("it answers 400 invalid_request"), "{refused}");
}

#[tokio::test]
async fn what_it_refuses_is_told_in_its_word_for_it() {
    let Some((provider, _)) = started(LONG) else { return };
    let good = || described(provider.server(), None);
    let secret = SecretSource::Held(Secret::new("hunter2"));
    let resource = Some("https://nobody.example/".to_owned());
    for (target, want, word) in [
        (OAuthTarget { secret, ..good() }, "orders:read", "401 invalid_client"),
        (OAuthTarget { client: "nobody".into(), ..good() }, "orders:read", "401 invalid_client"),
        (OAuthTarget { resource, ..good() }, "orders:read", "400 invalid_target"),
        (good(), "admin", "400 invalid_scope"),
    ] {
        let broker = OAuth::new("orders-api".parse().unwrap(), target).unwrap();
        let refused = broker.issue(&order(1, &[want])).await.unwrap_err();
        assert!(matches!(refused, BrokerError::Refused { .. }), "{refused}");
        let told = refused.to_string();
        assert_eq!(told, format!("target `orders-api` refuses: it answers {word}"));
    }
}

#[tokio::test]
async fn a_token_with_less_scope_than_was_wanted_says_so() {
    let Some((provider, _)) = started(LONG) else { return };
    let scopes = vec!["orders:read".to_owned(), "nobody:knows".to_owned()];
    let target = OAuthTarget { scopes, ..described(provider.server(), None) };
    let broker = OAuth::new("orders-api".parse().unwrap(), target).unwrap();
    let issued = broker.issue(&order(1, &["orders:read", "nobody:knows"])).await.unwrap();
    assert_eq!(issued.unfit, None);
    assert_eq!(field(&issued.credential, "scope"), "orders:read");
}

/// Who may no longer give tokens back must hear of it, and not that they are gone.
#[tokio::test]
async fn an_end_with_a_wrong_secret_is_no_end() {
    let Some((provider, _)) = started(LONG) else { return };
    let server = provider.server();
    let issued = target(server, None).issue(&order(1, &["orders:read"])).await.unwrap();
    let token = field(&issued.credential, "access_token");
    let secret = SecretSource::Held(Secret::new("hunter2"));
    let wrong = OAuthTarget { secret, ..described(server, None) };
    let wrong = OAuth::new("orders-api".parse().unwrap(), wrong).unwrap();
    let over = EndedLease { called: Some(issued.called), keepsake: issued.keepsake, ..ended(1) };
    let refused = wrong.revoke(&over).await.unwrap_err().to_string();
    assert!(refused.ends_with("it answers 401 invalid_client"), "{refused}");
    assert_eq!(server.introspect(&token)["active"], json!(true));
}

#[tokio::test]
async fn a_signed_token_that_it_cannot_take_back_is_gone_when_its_time_is_over_and_not_before() {
    let Some((provider, _)) = started(LONG) else { return };
    let resource = Some(Provider::SIGNED.to_owned());
    let signed = OAuthTarget { resource, ..described(provider.server(), None) };
    let longest = signed.longest;
    let broker = OAuth::new("orders-api".parse().unwrap(), signed).unwrap();
    let issued = broker.issue(&order(1, &["orders:read"])).await.unwrap();
    assert_eq!(issued.unfit, None);
    let over = EndedLease { called: Some(issued.called), keepsake: issued.keepsake, ..ended(1) };
    let lasts = broker.revoke(&over).await.unwrap_err();
    assert!(matches!(lasts, BrokerError::Lasts { .. }), "{lasts}");
    broker.revoke(&EndedLease { now: over.until.after(longest), ..over }).await.unwrap();
}
