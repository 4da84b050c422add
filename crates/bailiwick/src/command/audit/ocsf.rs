//! Accesses as OCSF 1.8 has them: API Activity (6003), and Authentication (3002) where somebody came in.
//!
//! Each access is written as it is read: a log of any length takes no more room than a line of it. What comes twice is
//! written twice, under the same `metadata.uid`.

mod activity;

use std::io::{self, BufWriter, Write};

use bailiwick_connect::source::Source;
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
    let mut take = |source: &'static Source, it: &Exercise<'_>| {
        let wanted = words.identity.is_empty()
            || words.identity.iter().any(|name| it.actor.id.contains(name.as_str()));
        if wanted && gone.is_none() {
            gone = writeln!(out, "{}", event(source.name, it, &catalogue)).err();
        }
    };
    each(words, &mut take)?;
    let wrote = gone.map_or_else(|| out.flush(), Err);
    match wrote {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => {
            Err(CommandError::Fault(anyhow::Error::from(error).context("events cannot be written")))
        }
        Ok(()) | Err(_) => Ok(Exit::Done),
    }
}

/// Makes an event of an access.
fn event(source: &str, it: &Exercise<'_>, catalogue: &Catalogue) -> Value {
    let comes_in = is_sign_in(it.platform, &it.service, &it.operation);
    let (class, category) = if comes_in { (3002, 3) } else { (6003, 6) };
    let activity = if comes_in { Activity::Logon } else { activity::of(it, catalogue) };
    let mut event = Map::new();
    let mut put = |name: &str, value: Value| {
        event.insert(name.to_owned(), value);
    };
    put("class_uid", json!(class));
    put("class_name", json!(if comes_in { "Authentication" } else { "API Activity" }));
    put("category_uid", json!(category));
    let category = if comes_in { "Identity & Access Management" } else { "Application Activity" };
    put("category_name", json!(category));
    put("activity_id", json!(activity.id()));
    put("activity_name", json!(activity.name(&it.operation)));
    put("type_uid", json!(class * 100 + activity.id()));
    put("time", json!(it.at.millis()));
    // What an event weighs is for those to say who look at it.
    put("severity_id", json!(1));
    put("severity", json!("Informational"));
    let (status, word) = match it.ended {
        Ended::Success => (1, "Success"),
        Ended::Error | Ended::Denied => (2, "Failure"),
    };
    put("status_id", json!(status));
    put("status", json!(word));
    if !it.code.is_empty() {
        put("status_code", json!(it.code));
    }
    put("metadata", metadata(source, it));
    put("actor", actor(it));
    put("src_endpoint", json!({ "name": "unknown" }));
    if let Some(cloud) = cloud(it) {
        put("cloud", cloud);
    }
    if comes_in {
        put("user", user(it));
        put("service", json!({ "name": service(it) }));
    } else {
        put("api", api(it));
        if !it.resource.is_empty() {
            put("resources", json!([{ "uid": it.resource }]));
        }
    }
    put("unmapped", unmapped(it, catalogue));
    Value::Object(event)
}

fn metadata(source: &str, it: &Exercise<'_>) -> Value {
    let mut metadata = json!({
        "version": VERSION,
        "uid": format!("{:032x}", it.key),
        "log_name": source,
        "product": { "name": source, "vendor_name": vendor(it.platform) },
        "labels": [concat!("bailiwick:", env!("CARGO_PKG_VERSION"))],
    });
    if provider(it.platform).is_some() {
        metadata["profiles"] = json!(["cloud"]);
    } else if !it.account.is_empty() {
        metadata["tenant_uid"] = json!(it.account);
    }
    metadata
}

fn actor(it: &Exercise<'_>) -> Value {
    let mut actor = json!({ "user": user(it) });
    if !it.actor.through.is_empty() {
        actor["app_name"] = json!(it.actor.through);
    }
    if !it.granted_by.is_empty() {
        let decision = if it.ended == Ended::Denied { "denied" } else { "allowed" };
        actor["authorizations"] =
            json!([{ "decision": decision, "policy": { "name": it.granted_by } }]);
    }
    actor
}

fn user(it: &Exercise<'_>) -> Value {
    let (kind, word) = match it.actor.kind {
        ActorKind::Person => (1, "User"),
        ActorKind::Platform => (3, "System"),
        ActorKind::Service => (4, "Service"),
        ActorKind::Role => (99, "Role"),
        ActorKind::Agent => (99, "Agent"),
        ActorKind::Anonymous => (99, "Anonymous"),
        ActorKind::Unknown => (0, "Unknown"),
    };
    let mut user = json!({ "type_id": kind, "type": word });
    if it.actor.id.is_empty() {
        user["name"] = json!("unknown");
    } else {
        user["uid"] = json!(it.actor.id);
    }
    if !it.actor.credential.is_empty() {
        user["credential_uid"] = json!(it.actor.credential);
    }
    user
}

fn api(it: &Exercise<'_>) -> Value {
    let operation = if it.operation.is_empty() { "unknown" } else { &*it.operation };
    let mut api = json!({ "operation": operation, "service": { "name": service(it) } });
    if !it.code.is_empty() {
        api["response"] = json!({ "error": it.code });
    }
    api
}

fn service<'e>(it: &'e Exercise<'_>) -> &'e str {
    if it.service.is_empty() { it.platform.as_str() } else { &it.service }
}

fn cloud(it: &Exercise<'_>) -> Option<Value> {
    let mut cloud = json!({ "provider": provider(it.platform)? });
    if !it.account.is_empty() {
        cloud["account"] = json!({ "uid": it.account });
    }
    Some(cloud)
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
fn unmapped(it: &Exercise<'_>, catalogue: &Catalogue) -> Value {
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
    let mut unmapped = json!({ "ended": it.ended, "permissions": permissions });
    if !it.actor.chain.is_empty() {
        unmapped["chain"] = json!(it.actor.chain);
    }
    if let Some(issued) = &it.issued {
        unmapped["issued"] = json!({ "credential_uid": issued.credential, "to": issued.to, "via": issued.via.as_str() });
    }
    unmapped
}

#[cfg(test)]
mod tests;
