//! GitHub: a stub that refuses what GitHub refuses.

use std::{
    collections::BTreeMap,
    process::Command,
    sync::{Arc, Mutex, OnceLock},
    time::Duration,
};

use bailiwick_connect::{
    Broker, BrokerError, Credential, EndedLease, GitHub, GitHubTarget, LeaseOrder, Secret,
    SecretSource,
};
use bailiwick_model::Timestamp;
use bailiwick_testkit::{
    broker::{Limit, Stay, Trial, Waited, conforms, ended, order},
    service::{Asked, Stub},
};
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use jsonwebtoken::{Algorithm, DecodingKey, crypto};
use serde_json::{Value, json};

use crate::real::field;

pub(super) const LIMITS: &[Limit] =
    &[Limit::NothingStays, Limit::NothingIsListed, Limit::UnheardLives];

const NOW: Timestamp = Timestamp::from_millis(1_800_000_000_000);

/// The App's private key, as GitHub gives it, and the public half in PEM.
fn keys() -> &'static [String; 2] {
    static KEYS: OnceLock<[String; 2]> = OnceLock::new();
    KEYS.get_or_init(|| {
        let folder = tempfile::tempdir().unwrap();
        let openssl = |words: &str| {
            let mut command = Command::new("openssl");
            let out = command.args(words.split(' ')).current_dir(folder.path()).output().unwrap();
            assert!(out.status.success(), "{out:?}");
            String::from_utf8(out.stdout).unwrap()
        };
        openssl("genrsa -traditional -out app.pem 2048");
        let public = openssl("rsa -in app.pem -pubout");
        [std::fs::read_to_string(folder.path().join("app.pem")).unwrap(), public]
    })
}

/// What GitHub has.
struct Hub {
    now: Timestamp,
    away: bool,
    tokens: BTreeMap<String, Timestamp>,
    made: u64,
    /// Whether tokens have the longer form.
    long: bool,
    /// What it gives whatever was asked for.
    more: Option<(&'static str, &'static str)>,
}

impl Hub {
    fn new() -> Arc<Mutex<Self>> {
        let tokens = BTreeMap::new();
        Arc::new(Mutex::new(Self {
            now: NOW,
            away: false,
            tokens,
            made: 0,
            long: false,
            more: None,
        }))
    }

    async fn serve(hub: &Arc<Mutex<Self>>) -> Stub {
        let hub = Arc::clone(hub);
        Stub::start(move |asked| {
            let mut hub = hub.lock().unwrap();
            if hub.away { (503, String::new()) } else { hub.answer(asked) }
        })
        .await
    }

    fn lets_in(&self, token: &str) -> bool {
        self.tokens.get(token).is_some_and(|until| self.now < *until)
    }

    fn answer(&mut self, asked: &Asked) -> (u16, String) {
        let proof = asked.head.lines().find_map(|it| it.strip_prefix("authorization: Bearer "));
        let proof = proof.unwrap_or_default().to_owned();
        let versioned = asked.head.contains("x-github-api-version: 2022-11-28\n")
            && asked.head.contains("accept: application/vnd.github+json\n");
        match asked.line.as_str() {
            _ if !versioned => (415, String::new()),
            "POST /app/installations/7/access_tokens" if !self.is_app(&proof) => {
                (401, r#"{"message":"A JSON web token could not be decoded"}"#.into())
            }
            "POST /app/installations/7/access_tokens" => self.give(&asked.body),
            "DELETE /installation/token" if self.lets_in(&proof) => {
                self.tokens.remove(&proof);
                (204, String::new())
            }
            "DELETE /installation/token" => (401, r#"{"message":"Bad credentials"}"#.into()),
            _ => (404, String::new()),
        }
    }

    /// Looks whether a token is the App's own, and of now.
    fn is_app(&self, token: &str) -> bool {
        let Some((signed, signature)) = token.rsplit_once('.') else { return false };
        let key = DecodingKey::from_rsa_pem(keys()[1].as_bytes()).unwrap();
        let known = crypto::verify(signature, signed.as_bytes(), &key, Algorithm::RS256);
        let part = |at: usize| -> Value {
            let text = signed.split('.').nth(at).unwrap();
            serde_json::from_slice(&URL_SAFE_NO_PAD.decode(text).unwrap()).unwrap()
        };
        let (head, body, now) = (part(0), part(1), self.now.seconds());
        let (from, until) = (body["iat"].as_i64().unwrap(), body["exp"].as_i64().unwrap());
        known.unwrap_or(false)
            && head["alg"] == "RS256"
            && body["iss"] == "Iv23liABC"
            && from <= now
            && now < until
            && until.saturating_sub(from) <= 600
    }

    fn give(&mut self, body: &str) -> (u16, String) {
        let body: Value = serde_json::from_str(body).unwrap();
        let has = json!({"contents": "write", "issues": "write", "metadata": "read"});
        let repositories = body["repositories"].as_array().unwrap();
        let known = repositories.iter().all(|it| it == "orders" || it == "billing");
        let mut permissions = body["permissions"].as_object().unwrap().clone();
        let within = permissions
            .iter()
            .all(|(name, level)| has.get(name).is_some_and(|it| it == level || level == "read"));
        if !known || !within || repositories.is_empty() {
            return (422, r#"{"message":"The permissions requested are not granted"}"#.into());
        }
        permissions.insert("metadata".into(), json!("read"));
        let mut selection = "selected";
        match self.more {
            Some(("selection", other)) => selection = other,
            Some((name, level)) => drop(permissions.insert(name.into(), json!(level))),
            None => {}
        }
        self.made = self.made.saturating_add(1);
        let token = if self.long {
            format!("ghs_123456_{}.{}.hunter2-{}", "e".repeat(400), "y".repeat(200), self.made)
        } else {
            format!("ghs_hunter2{:029}", self.made)
        };
        let until = self.now.after(Duration::from_secs(3600));
        self.tokens.insert(token.clone(), until);
        let names: Vec<_> = repositories.iter().map(|it| json!({"name": it})).collect();
        let given = json!({
            "token": token, "expires_at": until, "permissions": permissions,
            "repository_selection": selection, "repositories": names,
        });
        (201, given.to_string())
    }
}

fn target(url: &str) -> GitHubTarget {
    GitHubTarget {
        api: Some(url.to_owned()),
        ca: None,
        app: "Iv23liABC".into(),
        key: SecretSource::Held(Secret::new(keys()[0].as_str())),
        installation: 7,
        repositories: ["orders", "billing", "gone"].map(str::to_owned).to_vec(),
        permissions: ["contents:read", "contents:write", "actions:read"]
            .map(str::to_owned)
            .to_vec(),
    }
}

struct Tried(Arc<Mutex<Hub>>, GitHub);

impl Tried {
    fn at(hub: &Arc<Mutex<Hub>>, target: GitHubTarget) -> Self {
        Self(Arc::clone(hub), GitHub::new("hub".parse().unwrap(), target).unwrap())
    }

    fn order(&self, wants: &[&str]) -> LeaseOrder {
        let wants = wants.iter().map(|it| (*it).to_owned()).collect();
        LeaseOrder { wants, ..order(self, 1) }
    }
}

impl Trial for Tried {
    fn broker(&self) -> &dyn Broker {
        &self.1
    }

    fn limits(&self) -> &'static [Limit] {
        LIMITS
    }

    fn wants(&self) -> Vec<String> {
        vec!["orders".into(), "contents:read".into()]
    }

    fn unfit(&self) -> Option<String> {
        Some("secrets".into())
    }

    fn now(&self) -> Timestamp {
        NOW
    }

    fn is_let_in<'a>(&'a self, credential: &'a Credential) -> Waited<'a, bool> {
        Box::pin(async { self.0.lock().unwrap().lets_in(&field(credential, "token")) })
    }

    fn stays<'a>(&'a self, _: &'a Credential) -> Waited<'a, Option<Box<dyn Stay>>> {
        Box::pin(async { None })
    }

    fn away(&self, away: bool) -> Waited<'_, ()> {
        self.0.lock().unwrap().away = away;
        Box::pin(async {})
    }

    fn late(&self, at: Timestamp) -> Waited<'_, ()> {
        self.0.lock().unwrap().now = at;
        Box::pin(async {})
    }
}

#[tokio::test]
async fn the_broker_conforms_at_a_strict_stub_with_tokens_of_both_forms() {
    for long in [false, true] {
        let hub = Hub::new();
        hub.lock().unwrap().long = long;
        let stub = Hub::serve(&hub).await;
        conforms(&Tried::at(&hub, target(&stub.url))).await;
    }
}

#[tokio::test]
async fn a_token_is_for_what_was_wanted_and_more_than_that_is_nobodys() {
    let hub = Hub::new();
    let stub = Hub::serve(&hub).await;
    let tried = Tried::at(&hub, target(&stub.url));
    let order = tried.order(&["orders", "contents:read"]);
    let issued = tried.1.issue(&order).await.unwrap();
    assert_eq!(issued.unfit, None);
    let asked: Value = serde_json::from_str(&stub.asked()[0].body).unwrap();
    assert_eq!(asked, json!({"repositories": ["orders"], "permissions": {"contents": "read"}}));
    for (more, wanted) in [
        (("contents", "write"), "more permissions"),
        (("members", "read"), "more permissions"),
        (("selection", "all"), "more repositories"),
    ] {
        hub.lock().unwrap().more = Some(more);
        let issued = tried.1.issue(&order).await.unwrap();
        let why = issued.unfit.clone().unwrap();
        assert!(why.contains(wanted) && !format!("{issued:?}").contains("hunter2"), "{why}");
        tried.1.revoke(&ended(&tried, &order, Some(&issued))).await.unwrap();
    }
    assert_eq!(hub.lock().unwrap().tokens.len(), 1);
}

#[tokio::test]
async fn what_github_refuses_is_said_in_words_that_help() {
    let hub = Hub::new();
    let stub = Hub::serve(&hub).await;
    let tried = Tried::at(&hub, target(&stub.url));
    for (wants, wanted) in [
        (&["gone", "contents:read"][..], "422: the installation has not all"),
        (&["orders", "actions:read"], "422: the installation has not all"),
        (&["orders"], "name a repository and a permission"),
        (&["contents:read"], "name a repository and a permission"),
        (&["orders", "contents:read", "contents:write"], "wanted in two ways"),
        (&["secrets", "contents:read"], "name some of: orders, billing, gone"),
        (&[], "name a repository and a permission"),
    ] {
        let error = tried.1.issue(&tried.order(wants)).await.unwrap_err().to_string();
        assert!(error.contains(wanted), "{wants:?}: {error}");
    }
    // By a clock that is hours off nobody is the App.
    hub.lock().unwrap().now = NOW.after(Duration::from_secs(7200));
    let error = tried.1.issue(&tried.order(&["orders", "contents:read"])).await.unwrap_err();
    assert!(error.to_string().contains("our clock is wrong"), "{error}");
    let other =
        GitHubTarget { key: SecretSource::Held(Secret::new("hunter2")), ..target(&stub.url) };
    let other = Tried::at(&hub, other);
    let error = other.1.issue(&tried.order(&["orders", "contents:read"])).await.unwrap_err();
    assert!(error.to_string().contains("no private RSA key"), "{error}");
    assert!(!error.to_string().contains("hunter2"));
}

#[tokio::test]
async fn a_token_that_can_be_named_no_more_is_left_to_its_end() {
    let hub = Hub::new();
    let tried = Tried::at(&hub, target("http://127.0.0.1:1"));
    let order = tried.order(&["orders"]);
    let lost = EndedLease { called: Some("lease".into()), ..ended(&tried, &order, None) };
    let error = tried.1.revoke(&lost).await.unwrap_err();
    assert!(matches!(error, BrokerError::Lasts { .. }), "{error}");
    let late = lost.until.after(Duration::from_secs(3600));
    tried.1.revoke(&EndedLease { now: late, ..lost }).await.unwrap();
}

#[test]
fn what_cannot_be_meant_is_refused_in_the_operators_words() {
    type Change = fn(&mut GitHubTarget);
    let changes: [(Change, &str); 5] = [
        (|it| it.app = "an app".into(), "app"),
        (|it| it.repositories = vec!["octo/orders".into()], "repositories"),
        (|it| it.permissions.clear(), "permissions"),
        (|it| it.permissions = vec!["contents".into()], "permissions"),
        (|it| it.api = Some("http://github.example".into()), "api"),
    ];
    for (change, setting) in changes {
        let mut wrong = target("http://localhost");
        change(&mut wrong);
        assert_eq!(wrong.check().unwrap_err().setting, setting);
    }
}
