//! An API server that is strict about what the broker uses of it.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex},
};

use bailiwick_model::{TaskId, Ulid};
use serde_json::Value;

use super::*;
use crate::broker::stub::{Asked, Stub};

const NOW: Timestamp = Timestamp::from_millis(1_800_000_000_000);
const HERE: &str = "/api/v1/namespaces/jobs";

/// What a cluster has: its Secrets with their labels, and tokens with the Secret each is bound to.
#[derive(Default)]
struct Cluster {
    secrets: BTreeMap<String, (String, Value)>,
    tokens: BTreeMap<String, String>,
    /// Keeps Secrets that are deleted, as a finalizer does.
    keeps: bool,
    made: u64,
}

impl Cluster {
    /// Says whether a token counts, as `TokenReview` does.
    fn lets_in(&self, token: &str) -> bool {
        let bound = self.tokens.get(token);
        bound.is_some_and(|uid| self.secrets.values().any(|it| it.0 == *uid))
    }

    fn next(&mut self) -> u64 {
        self.made = self.made.saturating_add(1);
        self.made
    }

    fn answer(&mut self, asked: &Asked) -> (u16, Value) {
        if !asked.head.contains("authorization: Bearer of the gatekeeper\n") {
            return (401, Value::Null);
        }
        let (verb, path) = asked.line.split_once(' ').unwrap();
        let Some(path) = path.strip_prefix(HERE) else { return (403, Value::Null) };
        let body: Value = serde_json::from_str(&asked.body).unwrap_or_default();
        match (verb, path) {
            ("POST", "/secrets") => self.create(&body),
            ("POST", "/serviceaccounts/reporter/token") => self.request(&body),
            ("GET", list) if list.starts_with("/secrets?") => {
                assert!(list.contains("labelSelector=bailiwick.target%3Dcluster&"), "{list}");
                let ours = |it: &&(String, Value)| it.1["metadata"]["labels"][LABEL] == "cluster";
                let items: Vec<_> = self.secrets.values().filter(ours).map(|it| &it.1).collect();
                // A page has two of them, as no real one has.
                let from = if list.ends_with("continue=two") { 2 } else { 0 };
                let mut rest = items.iter().skip(from);
                let page: Vec<_> = rest.by_ref().take(2).collect();
                let more = if rest.next().is_some() { "two" } else { "" };
                (200, json!({"items": page, "metadata": {"continue": more}}))
            }
            (verb, path) => {
                let name = path.strip_prefix("/secrets/").unwrap_or_default();
                let Some((_, secret)) = self.secrets.get(name).cloned() else {
                    return (404, Value::Null);
                };
                if verb == "DELETE" && !self.keeps {
                    self.secrets.remove(name);
                }
                (200, secret)
            }
        }
    }

    fn create(&mut self, body: &Value) -> (u16, Value) {
        let name = body["metadata"]["name"].as_str().unwrap().to_owned();
        if self.secrets.contains_key(&name) {
            return (409, Value::Null);
        }
        let uid = format!("uid-{}", self.next());
        let mut made = body.clone();
        made["metadata"]["uid"] = json!(uid);
        self.secrets.insert(name, (uid, made.clone()));
        (201, made)
    }

    fn request(&mut self, body: &Value) -> (u16, Value) {
        let spec = &body["spec"];
        let bound = &spec["boundObjectRef"];
        let secret = self.secrets.get(bound["name"].as_str().unwrap_or_default());
        if bound["kind"] != "Secret" || secret.is_none_or(|it| json!(it.0) != bound["uid"]) {
            return (409, Value::Null);
        }
        if spec["expirationSeconds"].as_u64().is_none_or(|it| it < 600) {
            return (422, Value::Null);
        }
        let token = format!("hunter2.{}", self.next());
        self.tokens.insert(token.clone(), bound["uid"].as_str().unwrap().to_owned());
        let until = NOW.after(Duration::from_secs(spec["expirationSeconds"].as_u64().unwrap()));
        (201, json!({"status": {"token": token, "expirationTimestamp": until}}))
    }
}

async fn cluster() -> (Stub, Arc<Mutex<Cluster>>) {
    let cluster = Arc::<Mutex<Cluster>>::default();
    let asked = Arc::clone(&cluster);
    let stub = Stub::start(move |question| {
        let (status, body) = asked.lock().unwrap().answer(question);
        (status, body.to_string())
    })
    .await;
    (stub, cluster)
}

fn target(url: &str) -> KubernetesTarget {
    KubernetesTarget {
        server: url.to_owned(),
        ca: None,
        token: SecretSource::Held(Secret::new("of the gatekeeper")),
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
        wants: vec![account.to_owned()],
        until: NOW.after(Duration::from_secs(1200)),
        now: NOW,
    }
}

fn ended(number: u8) -> EndedLease {
    let LeaseOrder { lease, until, now, .. } = order(number, "reporter");
    EndedLease { lease, called: None, keepsake: None, until, now }
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
    assert!(cluster.lock().unwrap().lets_in(&token));
    assert_eq!(issued.until, NOW.after(Duration::from_secs(1200)));
    assert!(!format!("{issued:?} {broker:?}").contains("hunter2"));
    broker.revoke(&ended(1)).await.unwrap();
    assert!(!cluster.lock().unwrap().lets_in(&token));
    broker.revoke(&ended(1)).await.unwrap();
    broker.revoke(&ended(9)).await.unwrap();
}

#[tokio::test]
async fn asked_twice_for_one_lease_only_the_later_token_counts() {
    let (stub, cluster) = cluster().await;
    let broker = broker(&stub.url);
    let first = broker.issue(&order(1, "reporter")).await.unwrap();
    let second = broker.issue(&order(1, "reporter")).await.unwrap();
    assert!(!cluster.lock().unwrap().lets_in(&token(&first)));
    assert!(cluster.lock().unwrap().lets_in(&token(&second)));
}

#[tokio::test]
async fn what_is_left_is_found_page_by_page_and_only_ours() {
    let (stub, cluster) = cluster().await;
    let broker = broker(&stub.url);
    for number in 1..=3 {
        broker.issue(&order(number, "reporter")).await.unwrap();
    }
    let other = json!({"metadata": {"name": "lease-other", "labels": {LABEL: "another"}}});
    cluster.lock().unwrap().create(&other);
    let found = broker.found().await.unwrap();
    assert_eq!(found, [1, 2, 3].map(|it| order(it, "").lease));
}

#[tokio::test]
async fn a_secret_that_stays_is_not_called_gone() {
    let (stub, cluster) = cluster().await;
    let broker = broker(&stub.url);
    broker.issue(&order(1, "reporter")).await.unwrap();
    cluster.lock().unwrap().keeps = true;
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
    assert!(cluster.lock().unwrap().secrets.is_empty());
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
