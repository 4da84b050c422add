//! Kubernetes: a lease is a token of a service account, bound to a Secret of its own.
//!
//! A token of the `TokenRequest` API cannot be ended by itself, but it dies with the object that it is
//! bound to: at its next use the API server finds the Secret gone. So each lease has an empty Secret,
//! whose name is made of the lease's, and its end is the end of that Secret. What is left behind is found
//! by its label.

use std::{fmt, future::Future, path::PathBuf, time::Duration};

use bailiwick_model::{LeaseId, TargetName, Timestamp};
use http::{Method, StatusCode};
use serde::Deserialize;
use serde_json::json;

use super::{
    Attempt, Broker, BrokerError, Credential, EndedLease, EnforcedAs, Issued, LeaseOrder,
    SecretSource, TargetMistake,
    call::{Answered, Endpoint, Question, escaped, wiped},
};
use crate::Secret;

const JSON: &str = "application/json";
/// The shortest life of a token that the API gives.
const SHORTEST: Duration = Duration::from_secs(600);
/// What the Secrets of our leases bear.
const LABEL: &str = "bailiwick.target";
const TOKEN_MAX: usize = 16 * 1024;
/// How long one attempt may take, of several questions.
const PATIENCE: Duration = Duration::from_secs(30);
/// How many Secrets one page has, and how many pages are read.
const PAGE: usize = 200;
const PAGES_MAX: usize = 200;

/// What the operator says of a cluster.
#[derive(Clone, Debug)]
pub struct KubernetesTarget {
    /// Its API server.
    pub server: String,
    /// The authorities that it is believed by, where it is not the system's.
    pub ca: Option<PathBuf>,
    /// The token of our own account there.
    pub token: SecretSource,
    /// Where the service accounts are, and the Secrets of leases.
    pub namespace: String,
    /// The service accounts that a lease may be of.
    pub accounts: Vec<String>,
    /// Whom tokens are for, where it is not the API server itself.
    pub audiences: Vec<String>,
    /// The longest life of a token.
    pub longest: Duration,
}

/// Makes and ends tokens at one cluster.
pub struct Kubernetes {
    name: TargetName,
    target: KubernetesTarget,
    server: Endpoint,
}

impl fmt::Debug for Kubernetes {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "Kubernetes({} at {:?})", self.name, self.server)
    }
}

/// An object, as far as it is looked at.
#[derive(Deserialize)]
struct Object {
    metadata: Metadata,
}

#[derive(Deserialize)]
struct Metadata {
    name: String,
    uid: String,
}

#[derive(Deserialize)]
struct Listed {
    items: Vec<Object>,
    metadata: Page,
}

#[derive(Deserialize)]
struct Page {
    #[serde(default, rename = "continue")]
    more: String,
}

#[derive(Deserialize)]
struct Requested {
    status: Token,
}

#[derive(Deserialize)]
struct Token {
    #[serde(deserialize_with = "wiped")]
    token: Secret,
    #[serde(rename = "expirationTimestamp")]
    until: Timestamp,
}

impl KubernetesTarget {
    /// Says what of it cannot be meant.
    pub fn check(&self) -> Result<(), TargetMistake> {
        // RFC 1123, as Kubernetes takes it for names.
        let name = |it: &String| {
            let plain = |it: u8| matches!(it, b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.');
            (1..=253).contains(&it.len()) && it.bytes().all(plain)
        };
        if self.accounts.is_empty() {
            let message = "`accounts` names none: say of which service accounts a lease may be";
            return Err(TargetMistake::new("accounts", message));
        }
        let accounts = self.accounts.iter().map(|it| ("accounts", it));
        let names = accounts.chain([("namespace", &self.namespace)]);
        for (setting, other) in names {
            if !name(other) {
                let other = other.escape_debug();
                let message = format!("`{other}` is no name in Kubernetes: `a-z`, `0-9`, `-`, `.`");
                return Err(TargetMistake::new(setting, message));
            }
        }
        Endpoint::new("server", &self.server, self.ca.as_deref()).map(drop)
    }
}

impl Kubernetes {
    /// Takes what the operator said, unless it cannot be meant. The cluster is not asked.
    pub fn new(name: TargetName, target: KubernetesTarget) -> Result<Self, TargetMistake> {
        target.check()?;
        let server = Endpoint::new("server", &target.server, target.ca.as_deref())?;
        Ok(Self { name, target, server })
    }

    async fn make(&self, order: &LeaseOrder) -> Result<Issued, BrokerError> {
        let account = self.wanted(&order.wants)?;
        let called = object(&order.lease);
        // What an earlier try left, its tokens with it.
        self.remove(&called).await?;
        let secret = self.bind(order, &called).await?;
        let life = order.until.since(order.now).min(self.target.longest).max(SHORTEST);
        let audiences = (!self.target.audiences.is_empty()).then_some(&self.target.audiences);
        let body = json!({
            "apiVersion": "authentication.k8s.io/v1",
            "kind": "TokenRequest",
            "spec": {
                "audiences": audiences,
                "expirationSeconds": life.as_secs(),
                "boundObjectRef": {
                    "kind": "Secret", "apiVersion": "v1",
                    "name": secret.metadata.name, "uid": secret.metadata.uid,
                },
            },
        });
        let path = self.path(&format!("serviceaccounts/{account}/token"));
        let answer = self.ask(Method::POST, path, body.to_string()).await?;
        let made: Requested = self.read(&answer, StatusCode::CREATED)?;
        let Token { token, until } = made.status;
        let text = token.expose();
        if !(1..=TOKEN_MAX).contains(&text.len()) || !text.bytes().all(|it| it.is_ascii_graphic()) {
            return Err(self.away("its token is none that a header can bear".into()));
        }
        let credential = Credential::default()
            .with("server", self.target.server.as_str())
            .with("namespace", self.target.namespace.as_str())
            .with("account", account)
            .with_secret("token", token);
        Ok(Issued { credential, called, until, keepsake: None, unfit: None })
    }

    fn wanted<'w>(&self, wants: &'w [String]) -> Result<&'w str, BrokerError> {
        if let [account] = wants
            && self.target.accounts.contains(account)
        {
            return Ok(account);
        }
        Err(BrokerError::Unfit {
            target: self.name.clone(),
            wanted: wants.join(", "),
            why: format!("name one of its `accounts` ({})", self.target.accounts.join(", ")),
        })
    }

    /// Makes the Secret that the token of a lease is bound to.
    async fn bind(&self, order: &LeaseOrder, called: &str) -> Result<Object, BrokerError> {
        let body = json!({
            "apiVersion": "v1",
            "kind": "Secret",
            "metadata": {
                "name": called,
                "labels": { LABEL: self.name.as_str() },
                "annotations": {
                    "bailiwick.task": order.task.as_str(),
                    "bailiwick.identity": order.identity.as_str(),
                },
            },
            "type": "Opaque",
            "immutable": true,
        });
        let answer = self.ask(Method::POST, self.path("secrets"), body.to_string()).await?;
        let made: Object = self.read(&answer, StatusCode::CREATED)?;
        if made.metadata.name == called {
            Ok(made)
        } else {
            Err(self.away("it made another object than was asked for".into()))
        }
    }

    /// Removes a Secret, and sees that it is gone.
    async fn remove(&self, called: &str) -> Result<(), BrokerError> {
        let path = self.path(&format!("secrets/{called}"));
        let asked = json!({ "apiVersion": "v1", "kind": "DeleteOptions", "gracePeriodSeconds": 0 });
        let answer = self.ask(Method::DELETE, path.clone(), asked.to_string()).await?;
        match answer.status {
            StatusCode::NOT_FOUND => return Ok(()),
            StatusCode::OK | StatusCode::ACCEPTED => {}
            _ => return Err(self.denied(&answer)),
        }
        // Something may still hold it there.
        let answer = self.ask(Method::GET, path, String::new()).await?;
        match answer.status {
            StatusCode::NOT_FOUND => Ok(()),
            StatusCode::OK => Err(self.away(format!("Secret `{called}` is still there"))),
            _ => Err(self.denied(&answer)),
        }
    }

    async fn list(&self) -> Result<Vec<LeaseId>, BrokerError> {
        let (mut leases, mut more) = (Vec::new(), String::new());
        for _ in 0..PAGES_MAX {
            let label = escaped(&format!("{LABEL}={}", self.name));
            let page =
                format!("secrets?labelSelector={label}&limit={PAGE}&continue={}", escaped(&more));
            let answer = self.ask(Method::GET, self.path(&page), String::new()).await?;
            let listed: Listed = self.read(&answer, StatusCode::OK)?;
            leases.extend(listed.items.iter().filter_map(|it| lease(&it.metadata.name)));
            more = listed.metadata.more;
            if more.is_empty() {
                return Ok(leases);
            }
        }
        // A part of them would pass for all.
        Err(self.away(format!("it has more than {} such Secrets", leases.len())))
    }

    async fn within<T>(
        &self,
        work: impl Future<Output = Result<T, BrokerError>>,
    ) -> Result<T, BrokerError> {
        let done = tokio::time::timeout(PATIENCE, work).await;
        done.unwrap_or_else(|_| Err(self.away("it takes too long".into())))
    }

    fn path(&self, rest: &str) -> String {
        format!("/api/v1/namespaces/{}/{rest}", self.target.namespace)
    }

    async fn ask(
        &self,
        method: Method,
        path: String,
        body: String,
    ) -> Result<Answered, BrokerError> {
        let token = self.target.token.fetch().await.map_err(|it| self.refused(it.to_string()))?;
        let proof = Secret::new(format!("Bearer {}", token.expose()));
        let (more, body) = (Vec::new(), Secret::new(body));
        let question = Question { method, path, kind: JSON, proof, more, body };
        self.server.ask(question).await.map_err(|why| self.away(why))
    }

    fn read<T: for<'de> Deserialize<'de>>(
        &self,
        answer: &Answered,
        wanted: StatusCode,
    ) -> Result<T, BrokerError> {
        if answer.status != wanted {
            return Err(self.denied(answer));
        }
        serde_json::from_slice(&answer.body)
            .map_err(|_| self.away("its answer is none of Kubernetes' API".into()))
    }

    fn denied(&self, answer: &Answered) -> BrokerError {
        let why = format!("it answers {}", answer.status.as_u16());
        let target = self.name.clone();
        match answer.status {
            StatusCode::TOO_MANY_REQUESTS | StatusCode::SERVICE_UNAVAILABLE => {
                BrokerError::Busy { target, why, after: answer.after }
            }
            StatusCode::UNAUTHORIZED => {
                self.refused(format!("{why}: our own token counts no more"))
            }
            StatusCode::FORBIDDEN => self.refused(format!("{why}: our account lacks a role there")),
            StatusCode::NOT_FOUND => {
                self.refused(format!("{why}: there is no such namespace or service account"))
            }
            StatusCode::BAD_REQUEST | StatusCode::UNPROCESSABLE_ENTITY => self.refused(why),
            _ => self.away(why),
        }
    }

    fn refused(&self, why: String) -> BrokerError {
        BrokerError::Refused { target: self.name.clone(), why }
    }

    fn away(&self, why: String) -> BrokerError {
        BrokerError::Away { target: self.name.clone(), why }
    }
}

impl Broker for Kubernetes {
    fn target(&self) -> &TargetName {
        &self.name
    }

    fn reach(&self) -> EnforcedAs {
        EnforcedAs::Session
    }

    fn issue<'a>(&'a self, order: &'a LeaseOrder) -> Attempt<'a, Issued> {
        Box::pin(self.within(self.make(order)))
    }

    fn revoke<'a>(&'a self, ended: &'a EndedLease) -> Attempt<'a, ()> {
        Box::pin(self.within(async move { self.remove(&object(&ended.lease)).await }))
    }

    fn found(&self) -> Attempt<'_, Vec<LeaseId>> {
        Box::pin(self.within(self.list()))
    }
}

/// What the Secret of a lease is called.
fn object(lease: &LeaseId) -> String {
    lease.as_str().to_ascii_lowercase().replace('_', "-")
}

fn lease(object: &str) -> Option<LeaseId> {
    let letters = object.strip_prefix("lease-")?;
    format!("lease_{}", letters.to_ascii_uppercase()).parse().ok()
}

#[cfg(test)]
mod tests;
