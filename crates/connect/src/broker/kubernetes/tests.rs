//! An API server that is strict about what the broker uses of it.

use bailiwick_model::{TaskId, Ulid};
use bailiwick_testkit::service::{Cluster, Stub};

use super::*;

const NOW: Timestamp = Timestamp::from_millis(1_800_000_000_000);

async fn cluster() -> (Stub, Cluster) {
    let cluster = Cluster::new(NOW);
    (cluster.serve().await, cluster)
}

fn target(url: &str) -> KubernetesTarget {
    KubernetesTarget {
        server: url.to_owned(),
        ca: None,
        token: SecretSource::Held(Secret::new(Cluster::GATEKEEPER)),
        namespace: "jobs".into(),
        accounts: vec!["reporter".into(), "absent".into()],
        audiences: vec![],
        longest: Duration::from_secs(3600),
    }
}

fn broker(url: &str) -> Kubernetes {
    Kubernetes::new("cluster".parse().unwrap(), target(url)).unwrap()
}

fn order(number: u8, account: &str) -> LeaseOrder {
    let ulid = Ulid::new(NOW, [number; 10]);
    LeaseOrder {
        lease: LeaseId::new(ulid),
        task: TaskId::new(ulid),
        identity: "triage-agent".parse().unwrap(),
        on_behalf: None,
        wants: vec![account.to_owned()],
        until: NOW.after(Duration::from_secs(1200)),
        now: NOW,
    }
}

fn ended(number: u8) -> EndedLease {
    let LeaseOrder { lease, until, now, .. } = order(number, "reporter");
    let enforced = EnforcedAs::Session;
    EndedLease { lease, called: None, keepsake: None, enforced, until, now }
}

fn token(issued: &Issued) -> String {
    issued.credential.secrets().next().unwrap().expose().to_owned()
}

#[tokio::test]
async fn a_token_dies_with_the_secret_that_it_is_bound_to() {
    let (stub, cluster) = cluster().await;
    let broker = broker(&stub.url);
    let issued = broker.issue(&order(1, "reporter")).await.unwrap();
    let token = token(&issued);
    assert!(cluster.lets_in(&token));
    assert_eq!(issued.until, NOW.after(Duration::from_secs(1200)));
    assert!(!format!("{issued:?} {broker:?}").contains("hunter2"));
    broker.revoke(&ended(1)).await.unwrap();
    assert!(!cluster.lets_in(&token));
    broker.revoke(&ended(1)).await.unwrap();
    broker.revoke(&ended(9)).await.unwrap();
}

#[tokio::test]
async fn asked_twice_for_one_lease_only_the_later_token_counts() {
    let (stub, cluster) = cluster().await;
    let broker = broker(&stub.url);
    let first = broker.issue(&order(1, "reporter")).await.unwrap();
    let second = broker.issue(&order(1, "reporter")).await.unwrap();
    assert!(!cluster.lets_in(&token(&first)));
    assert!(cluster.lets_in(&token(&second)));
}

#[tokio::test]
async fn what_is_left_is_found_page_by_page_and_only_ours() {
    let (stub, cluster) = cluster().await;
    let broker = broker(&stub.url);
    for number in 1..=3 {
        broker.issue(&order(number, "reporter")).await.unwrap();
    }
    let other = json!({"metadata": {"name": "lease-other", "labels": {LABEL: "another"}}});
    cluster.put(&other);
    let found = broker.found().await.unwrap();
    assert_eq!(found, [1, 2, 3].map(|it| order(it, "").lease));
}

#[tokio::test]
async fn a_secret_that_stays_is_not_called_gone() {
    let (stub, cluster) = cluster().await;
    let broker = broker(&stub.url);
    broker.issue(&order(1, "reporter")).await.unwrap();
    cluster.keep();
    let error = broker.revoke(&ended(1)).await.unwrap_err();
    assert!(error.to_string().contains("is still there"), "{error}");
}

#[tokio::test]
async fn what_the_cluster_refuses_is_said_and_leaves_a_lease_that_can_be_ended() {
    let (stub, cluster) = cluster().await;
    let broker = broker(&stub.url);
    let error = broker.issue(&order(1, "absent")).await.unwrap_err().to_string();
    assert!(error.contains("no such namespace or service account"), "{error}");
    broker.revoke(&ended(1)).await.unwrap();
    assert_eq!(cluster.secrets(), 0);
    let error = broker.issue(&order(1, "admin")).await.unwrap_err();
    assert!(matches!(error, BrokerError::Unfit { .. }), "{error}");

    let stranger =
        KubernetesTarget { token: SecretSource::Held(Secret::new("hunter2")), ..target(&stub.url) };
    let stranger = Kubernetes::new("cluster".parse().unwrap(), stranger).unwrap();
    let error = stranger.found().await.unwrap_err().to_string();
    assert!(error.contains("counts no more") && !error.contains("hunter2"), "{error}");
}

#[tokio::test]
async fn what_is_no_answer_of_the_api_is_no_lease() {
    for (status, body) in [(200, "{}"), (201, "{}"), (201, "hunter2"), (302, ""), (500, "hunter2")]
    {
        let stub = Stub::start(move |asked| {
            if asked.line.starts_with("DELETE") {
                (404, String::new())
            } else {
                (status, body.to_owned())
            }
        })
        .await;
        let error = broker(&stub.url).issue(&order(1, "reporter")).await.unwrap_err();
        assert!(matches!(error, BrokerError::Away { .. }), "{error}");
        assert!(!error.to_string().contains("hunter2"), "{error}");
    }
}

#[test]
fn what_cannot_be_meant_is_refused_in_the_operators_words() {
    let wrong = KubernetesTarget { namespace: "a/../b".into(), ..target("http://localhost") };
    assert_eq!(wrong.check().unwrap_err().setting, "namespace");
    let wrong = KubernetesTarget { accounts: vec![], ..target("http://localhost") };
    assert_eq!(wrong.check().unwrap_err().setting, "accounts");
    assert_eq!(target("http://cluster.example").check().unwrap_err().setting, "server");
}
