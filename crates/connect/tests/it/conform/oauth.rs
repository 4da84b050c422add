//! OAuth: an authorization server of ours that is strict.

use std::time::Duration;

use bailiwick_connect::{Broker, Credential, OAuth, OAuthTarget, Secret, SecretSource};
use bailiwick_model::Timestamp;
use bailiwick_testkit::{
    broker::{Limit, Stay, Trial, Waited, conforms},
    service::Authority,
};

use crate::real::field;

pub(crate) const LIMITS: &[Limit] =
    &[Limit::NothingStays, Limit::NothingIsListed, Limit::UnheardLives];

const NOW: Timestamp = Timestamp::from_millis(1_800_000_000_000);

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

#[tokio::test]
async fn the_broker_conforms_at_a_strict_stub() {
    let server = Authority::new(NOW);
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
        traded: None,
    };
    let broker = OAuth::new("orders-api".parse().unwrap(), target).unwrap();
    conforms(&Tried(server, broker)).await;
}
