//! Accesses as OCSF 1.8 has them: API Activity (6003), and Authentication (3002) where somebody came in.
//!
//! Each access is written as it is read: a log of any length takes no more room than a line of it. What comes twice is
//! written twice, under the same `metadata.uid`.

mod activity;

use std::{
    io::{self, BufWriter, Write},
    ops::ControlFlow,
};

use bailiwick_insight::{Catalogue, Native, is_sign_in, names};
use bailiwick_model::{ActorKind, Ended, Exercise, Platform};
use serde_json::{Map, Value, json};

use self::activity::Activity;
use super::{AuditLogs, each};
use crate::exit::{CommandError, Exit, Outcome};

/// The version of the schema that the events are of.
const VERSION: &str = "1.8.0";

/// Writes a line for each access that the logs tell of.
pub(super) fn run(words: &AuditLogs) -> Outcome {
    let catalogue = Catalogue::carried();
    let mut out = BufWriter::new(io::stdout().lock());
    // A reader that has gone away is no fault, and needs no more lines.
    let mut gone: Option<io::Error> = None;
    let mut is_anybody = words.identity.is_empty();
    let mut take = |source: &'static str, it: &Exercise<'_>| {
        let wanted = words.identity.is_empty()
            || words.identity.iter().any(|name| it.actor.id.contains(name.as_str()));
        if wanted {
            is_anybody = true;
            gone = writeln!(out, "{}", event(source, it, &catalogue)).err();
        }
        if gone.is_some() { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    };
    each(words, &mut take)?;
    let wrote = gone.map_or_else(|| out.flush(), Err);
    match wrote {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => {
            Err(CommandError::Fault(anyhow::Error::from(error).context("events cannot be written")))
        }
        Ok(()) if !is_anybody => Err(super::nobody(&words.identity)),
        Ok(()) | Err(_) => Ok(Exit::Done),
    }
}

/// The members of one object. What the log does not say is left out.
#[derive(Default)]
struct Fields(Map<String, Value>);

impl Fields {
    fn put(&mut self, name: &str, value: impl Into<Value>) {
        self.0.insert(name.to_owned(), value.into());
    }

    fn put_text(&mut self, name: &str, text: &str) {
        if !text.is_empty() {
            self.put(name, text);
        }
    }
}

impl From<Fields> for Value {
    fn from(it: Fields) -> Self {
        Self::Object(it.0)
    }
}

/// Makes an event of an access.
fn event(source: &str, it: &Exercise<'_>, catalogue: &Catalogue) -> Value {
    let comes_in = is_sign_in(it.platform, &it.service, &it.operation);
    let activity = if comes_in { Activity::Logon } else { activity::of(it, catalogue) };
    let mut event = Fields::default();
    classify(&mut event, comes_in, activity, &it.operation);
    event.put("time", it.at.millis());
    // What an event weighs is for those to say who look at it.
    event.put("severity_id", 1);
    event.put("severity", "Informational");
    let (status, word) = match it.ended {
        Ended::Success => (1, "Success"),
        Ended::Error | Ended::Denied => (2, "Failure"),
    };
    event.put("status_id", status);
    event.put("status", word);
    event.put_text("status_code", &it.code);
    event.put("metadata", metadata(source, it));
    event.put("actor", actor(it));
    event.put("src_endpoint", json!({ "name": "unknown" }));
    if let Some(provider) = provider(it.platform) {
        event.put("cloud", cloud(provider, it));
    }
    if comes_in {
        event.put("user", user(it));
        event.put("service", json!({ "name": service(it) }));
    } else {
        event.put("api", api(it));
        if !it.resource.is_empty() {
            event.put("resources", json!([{ "uid": it.resource }]));
        }
    }
    event.put("unmapped", unmapped(it, catalogue));
    event.into()
}

fn classify(event: &mut Fields, comes_in: bool, activity: Activity, operation: &str) {
    let (class, name) =
        if comes_in { (3002_u32, "Authentication") } else { (6003, "API Activity") };
    event.put("class_uid", class);
    event.put("class_name", name);
    let (category, name) =
        if comes_in { (3, "Identity & Access Management") } else { (6, "Application Activity") };
    event.put("category_uid", category);
    event.put("category_name", name);
    event.put("activity_id", activity.id());
    event.put("activity_name", activity.name(operation));
    event.put("type_uid", class.saturating_mul(100).saturating_add(activity.id()));
}

fn metadata(source: &str, it: &Exercise<'_>) -> Fields {
    let mut metadata = Fields::default();
    metadata.put("version", VERSION);
    metadata.put("uid", format!("{:032x}", it.key));
    metadata.put("log_name", source);
    metadata.put("product", json!({ "name": source, "vendor_name": vendor(it.platform) }));
    metadata.put("labels", json!([concat!("bailiwick:", env!("CARGO_PKG_VERSION"))]));
    if provider(it.platform).is_some() {
        metadata.put("profiles", json!(["cloud"]));
    } else {
        metadata.put_text("tenant_uid", &it.account);
    }
    metadata
}

fn actor(it: &Exercise<'_>) -> Fields {
    let mut actor = Fields::default();
    actor.put("user", user(it));
    actor.put_text("app_name", &it.actor.through);
    if !it.granted_by.is_empty() {
        let decision = if it.ended == Ended::Denied { "denied" } else { "allowed" };
        let policy = json!({ "name": it.granted_by });
        actor.put("authorizations", json!([{ "decision": decision, "policy": policy }]));
    }
    actor
}

fn user(it: &Exercise<'_>) -> Fields {
    let (kind, word) = match it.actor.kind {
        ActorKind::Person => (1, "User"),
        ActorKind::Platform => (3, "System"),
        ActorKind::Service => (4, "Service"),
        ActorKind::Role => (99, "Role"),
        ActorKind::Agent => (99, "Agent"),
        ActorKind::Anonymous => (99, "Anonymous"),
        ActorKind::Unknown => (0, "Unknown"),
    };
    let mut user = Fields::default();
    user.put("type_id", kind);
    user.put("type", word);
    if it.actor.id.is_empty() {
        user.put("name", "unknown");
    }
    user.put_text("uid", &it.actor.id);
    if !it.actor.credential.is_empty() {
        user.put("programmatic_credentials", json!([{ "uid": it.actor.credential }]));
    }
    user
}

fn api(it: &Exercise<'_>) -> Fields {
    let mut api = Fields::default();
    api.put("operation", if it.operation.is_empty() { "unknown" } else { &*it.operation });
    api.put("service", json!({ "name": service(it) }));
    if !it.code.is_empty() {
        api.put("response", json!({ "error": it.code }));
    }
    api
}

fn service<'e>(it: &'e Exercise<'_>) -> &'e str {
    if it.service.is_empty() { it.platform.as_str() } else { &it.service }
}

fn cloud(provider: &str, it: &Exercise<'_>) -> Fields {
    let mut cloud = Fields::default();
    cloud.put("provider", provider);
    if !it.account.is_empty() {
        cloud.put("account", json!({ "uid": it.account }));
    }
    cloud
}

/// Gives the name of a provider of clouds, as the schema writes it.
fn provider(platform: Platform) -> Option<&'static str> {
    match platform {
        Platform::Aws => Some("AWS"),
        Platform::Google => Some("GCP"),
        Platform::Azure => Some("Azure"),
        Platform::Kubernetes
        | Platform::Github
        | Platform::Okta
        | Platform::Workspace
        | Platform::Postgres
        | Platform::Vault
        | Platform::Mcp
        | Platform::Anthropic
        | Platform::Openai => None,
    }
}

fn vendor(platform: Platform) -> &'static str {
    match platform {
        Platform::Aws => "AWS",
        Platform::Google | Platform::Workspace => "Google",
        Platform::Azure => "Microsoft",
        Platform::Kubernetes => "Kubernetes",
        Platform::Github => "GitHub",
        Platform::Okta => "Okta",
        Platform::Postgres => "PostgreSQL",
        Platform::Vault => "HashiCorp",
        Platform::Mcp => "Bailiwick",
        Platform::Anthropic => "Anthropic",
        Platform::Openai => "OpenAI",
    }
}

/// Gives what the schema has no place for: how it ended, as whom, and which permissions it took.
fn unmapped(it: &Exercise<'_>, catalogue: &Catalogue) -> Fields {
    let native = Native {
        platform: it.platform,
        service: &it.service,
        operation: &it.operation,
        along: it.along,
        internal: it.internal,
    };
    let permissions: Vec<_> = names(native, catalogue)
        .into_iter()
        .map(|it| json!({ "name": it.text, "certainty": it.certainty.as_str() }))
        .collect();
    let mut unmapped = Fields::default();
    unmapped.put("ended", json!(it.ended));
    unmapped.put("permissions", permissions);
    if !it.actor.chain.is_empty() {
        unmapped.put("chain", json!(it.actor.chain));
    }
    if let Some(issued) = &it.issued {
        let via = issued.via.as_str();
        unmapped.put(
            "issued",
            json!({ "credential_uid": issued.credential, "to": issued.to, "via": via }),
        );
    }
    unmapped
}

#[cfg(test)]
mod tests;
