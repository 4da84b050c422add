//! Kubernetes: an API server of ours that is strict.

use std::time::Duration;

use bailiwick_connect::{Broker, Credential, Kubernetes, KubernetesTarget, Secret, SecretSource};
use bailiwick_model::Timestamp;
use bailiwick_testkit::{
    broker::{Limit, Stay, Trial, Waited, conforms},
    service::Cluster,
};

use crate::real::field;

pub(super) const LIMITS: &[Limit] = &[Limit::NothingStays];

const NOW: Timestamp = Timestamp::from_millis(1_800_000_000_000);

struct Tried(Cluster, Kubernetes);

impl Trial for Tried {
    fn broker(&self) -> &dyn Broker {
        &self.1
    }

    fn limits(&self) -> &'static [Limit] {
        LIMITS
    }

    fn wants(&self) -> Vec<String> {
        vec!["reporter".into()]
    }

    fn unfit(&self) -> Option<String> {
        Some("admin".into())
    }

    fn now(&self) -> Timestamp {
        NOW
    }

    fn is_let_in<'a>(&'a self, credential: &'a Credential) -> Waited<'a, bool> {
        Box::pin(async { self.0.lets_in(&field(credential, "token")) })
    }

    // A watch or an `exec` would; the stub has neither, and the manual says that they go on.
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
    let cluster = Cluster::new(NOW);
    let stub = cluster.serve().await;
    let target = KubernetesTarget {
        server: stub.url.clone(),
        ca: None,
        token: SecretSource::Held(Secret::new(Cluster::GATEKEEPER)),
        namespace: "jobs".into(),
        accounts: vec!["reporter".into()],
        audiences: vec![],
        longest: Duration::from_secs(3600),
    };
    let broker = Kubernetes::new("cluster".parse().unwrap(), target).unwrap();
    conforms(&Tried(cluster, broker)).await;
}
