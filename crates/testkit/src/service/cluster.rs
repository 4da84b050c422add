//! An API server of Kubernetes, strict about what a broker uses of it.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use bailiwick_model::Timestamp;
use serde_json::{Value, json};

use super::{Asked, Stub};

const HERE: &str = "/api/v1/namespaces/jobs";

/// What a cluster has. Clones share it.
#[derive(Clone, Debug)]
pub struct Cluster(Arc<Mutex<Inside>>);

#[derive(Debug)]
struct Inside {
    now: Timestamp,
    away: bool,
    /// Secrets by name, with their number.
    secrets: BTreeMap<String, (String, Value)>,
    /// Tokens, with the Secret that each is bound to, and their end.
    tokens: BTreeMap<String, (String, Timestamp)>,
    /// Keeps Secrets that are deleted, as a finalizer does.
    keeps: bool,
    made: u64,
}

impl Cluster {
    /// The token of whoever may ask.
    pub const GATEKEEPER: &str = "of the gatekeeper";

    /// Makes a cluster with a namespace `jobs` and a service account `reporter`.
    pub fn new(now: Timestamp) -> Self {
        Self(Arc::new(Mutex::new(Inside {
            now,
            away: false,
            secrets: BTreeMap::new(),
            tokens: BTreeMap::new(),
            keeps: false,
            made: 0,
        })))
    }

    /// Lets it listen.
    pub async fn serve(&self) -> Stub {
        let cluster = self.clone();
        Stub::start(move |asked| {
            let mut inside = cluster.lock();
            let (status, body) =
                if inside.away { (503, Value::Null) } else { inside.answer(asked) };
            (status, body.to_string())
        })
        .await
    }

    fn lock(&self) -> MutexGuard<'_, Inside> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Says whether a token counts, as `TokenReview` does.
    pub fn lets_in(&self, token: &str) -> bool {
        let inside = self.lock();
        let bound = inside.tokens.get(token);
        bound.is_some_and(|(uid, until)| {
            inside.now < *until && inside.secrets.values().any(|it| it.0 == *uid)
        })
    }

    /// Takes it away, or brings it back.
    pub fn set_away(&self, away: bool) {
        self.lock().away = away;
    }

    /// Lets Secrets stay that are deleted.
    pub fn keep(&self) {
        self.lock().keeps = true;
    }

    /// Lets time pass there.
    pub fn wait(&self, span: Duration) {
        let mut inside = self.lock();
        inside.now = inside.now.after(span);
    }

    /// Counts its Secrets.
    pub fn secrets(&self) -> usize {
        self.lock().secrets.len()
    }

    /// Puts a Secret there.
    pub fn put(&self, secret: &Value) {
        self.lock().create(secret);
    }
}

impl Inside {
    fn next(&mut self) -> u64 {
        self.made = self.made.saturating_add(1);
        self.made
    }

    fn answer(&mut self, asked: &Asked) -> (u16, Value) {
        let proof = format!("authorization: Bearer {}\n", Cluster::GATEKEEPER);
        if !asked.head.contains(&proof) {
            return (401, Value::Null);
        }
        let (verb, path) = asked.line.split_once(' ').unwrap_or_default();
        let Some(path) = path.strip_prefix(HERE) else { return (403, Value::Null) };
        let body: Value = serde_json::from_str(&asked.body).unwrap_or_default();
        match (verb, path) {
            ("POST", "/secrets") => self.create(&body),
            ("POST", "/serviceaccounts/reporter/token") => self.request(&body),
            ("GET", list) if list.starts_with("/secrets?") => self.list(list),
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

    fn list(&self, asked: &str) -> (u16, Value) {
        let selector = asked.split("labelSelector=").nth(1).unwrap_or_default();
        let selector = selector.split('&').next().unwrap_or_default();
        let Some((label, value)) = selector.split_once("%3D") else { return (400, Value::Null) };
        let ours = |it: &&(String, Value)| {
            it.1.pointer(&format!("/metadata/labels/{label}")).is_some_and(|it| it == value)
        };
        let items: Vec<_> = self.secrets.values().filter(ours).map(|it| &it.1).collect();
        // A page has two of them, as no real one has.
        let from = if asked.ends_with("continue=two") { 2 } else { 0 };
        let mut rest = items.iter().skip(from);
        let page: Vec<_> = rest.by_ref().take(2).collect();
        let more = if rest.next().is_some() { "two" } else { "" };
        (200, json!({"items": page, "metadata": {"continue": more}}))
    }

    fn create(&mut self, body: &Value) -> (u16, Value) {
        let name = body.pointer("/metadata/name").and_then(Value::as_str).unwrap_or_default();
        if self.secrets.contains_key(name) {
            return (409, Value::Null);
        }
        let (name, uid) = (name.to_owned(), format!("uid-{}", self.next()));
        let mut made = body.clone();
        if let Some(it) = made.pointer_mut("/metadata").and_then(Value::as_object_mut) {
            it.insert("uid".to_owned(), json!(uid));
        }
        self.secrets.insert(name, (uid, made.clone()));
        (201, made)
    }

    fn request(&mut self, body: &Value) -> (u16, Value) {
        let text = |at: &str| body.pointer(at).and_then(Value::as_str).unwrap_or_default();
        let bound = "/spec/boundObjectRef";
        let [kind, name, uid] = ["kind", "name", "uid"].map(|it| text(&format!("{bound}/{it}")));
        let secret = self.secrets.get(name);
        if kind != "Secret" || secret.is_none_or(|it| it.0 != uid) {
            return (409, Value::Null);
        }
        let seconds = body.pointer("/spec/expirationSeconds").and_then(Value::as_u64);
        let Some(seconds) = seconds.filter(|it| 600 <= *it) else { return (422, Value::Null) };
        let (uid, token) = (uid.to_owned(), format!("hunter2.{}", self.next()));
        let until = self.now.after(Duration::from_secs(seconds));
        self.tokens.insert(token.clone(), (uid, until));
        (201, json!({"status": {"token": token, "expirationTimestamp": until}}))
    }
}
