//! Anthropic's Activity Feed (Compliance API): what was done in an organisation, and by whom.
//!
//! A caller is a person, an API key, an admin key, a directory that is kept in step, nobody yet, or Anthropic itself. Calls
//! to the Compliance API tell of themselves with their path and how they ended; all else is told when it is done.

use std::borrow::Cow;

use bailiwick_model::{Actor, ActorKind, Along, Ended, Exercise, Issued, Platform, Via};

use super::{ANONYMOUS, NotRead, Shape, Source, Told, key, moment::when, picked::Picked};

pub(super) const SOURCE: Source =
    Source { name: "anthropic", platform: Platform::Anthropic, knows, read };

/// Where a caller has a name, the one that says most first.
const NAMES: [&str; 5] = [
    "actor/email_address",
    "actor/user_id",
    "actor/service_account_id",
    "actor/service",
    "actor/directory_id",
];

/// What something was done to, the narrowest first.
const RESOURCES: [&str; 16] = [
    "api_key_id",
    "admin_api_key_id",
    "service_key_id",
    "mcp_server_id",
    "file_id",
    "skill_id",
    "claude_file_id",
    "claude_project_document_id",
    "claude_chat_id",
    "claude_artifact_id",
    "claude_project_id",
    "target_id",
    "user_id",
    "group_id",
    "integration_id",
    "workspace_id",
];

const PLACES: &[&str] = &[
    "actor/admin_api_key_id",
    "actor/api_key_id",
    "actor/directory_id",
    "actor/email_address",
    "actor/service",
    "actor/service_account_id",
    "actor/type",
    "actor/user_id",
    "admin_api_key_id",
    "api_key_id",
    "claude_artifact_id",
    "claude_chat_id",
    "claude_file_id",
    "claude_project_document_id",
    "claude_project_id",
    "created_at",
    "file_id",
    "group_id",
    "id",
    "integration_id",
    "mcp_server_id",
    "organization_id",
    "organization_uuid",
    "request_method",
    "service_key_id",
    "skill_id",
    "status_code",
    "target_id",
    "type",
    "url",
    "user_id",
    "workspace_id",
];

fn knows(shape: &Shape<'_>) -> bool {
    shape.has(&["type", "actor", "created_at"])
        && (shape.has(&["organization_id"]) || shape.has(&["organization_uuid"]))
}

fn read(record: &[u8]) -> Result<Told<'_>, NotRead> {
    let mut it = Picked::read(record, PLACES)?;
    let what = it.take("type");
    let by = it.take("actor/type");
    if what.is_empty() || !by.ends_with("_actor") {
        return Err(NotRead::Lacks("type"));
    }
    let at = when(&it.take("created_at"))?;
    let status = it.take("status_code");
    let ended = ended(&what, &status);
    let actor = actor(&mut it, &by);
    let (service, operation) = match &*what {
        "compliance_api_accessed" => ("compliance", request(&mut it)),
        _ => ("", what.clone()),
    };
    let resource = it.first(&RESOURCES);
    let makes_key = what.ends_with("api_key_created") || what == "service_key_created";
    let issued = (makes_key && !resource.is_empty()).then(|| Issued {
        credential: resource.clone(),
        to: resource.clone(),
        via: Via::Key,
        until: None,
    });
    let id = it.take("id");
    Ok(Told::Exercise(Box::new(Exercise {
        platform: Platform::Anthropic,
        key: key(Platform::Anthropic, &id, record),
        at,
        account: it.first(&["organization_id", "organization_uuid"]),
        internal: actor.kind == ActorKind::Platform,
        actor,
        service: Cow::Borrowed(service),
        operation,
        along: Along::NOTHING,
        resource,
        ended,
        code: if ended == Ended::Success { Cow::Borrowed("") } else { status },
        issued,
        data: false,
        granted_by: Cow::Borrowed(""),
    })))
}

/// Gives a call to the Compliance API by its pattern: `GET /v1/compliance/groups/:id/members`.
fn request<'a>(it: &mut Picked<'_, 'a>) -> Cow<'a, str> {
    let (method, url) = (it.take("request_method"), it.take("url"));
    let path = url.split(['?', '#']).next().unwrap_or_default();
    let path = path.find("/v1/").and_then(|it| path.get(it..)).unwrap_or(path);
    if method.is_empty() || path.is_empty() {
        return Cow::Borrowed("compliance_api_accessed");
    }
    let plain = |name: &str| name == "v1" || !name.bytes().any(|it| it.is_ascii_digit());
    let names = path.split('/').map(|name| if plain(name) { name } else { ":id" });
    Cow::Owned(format!("{method} {}", names.collect::<Vec<_>>().join("/")))
}

fn ended(what: &str, status: &str) -> Ended {
    match status {
        "401" | "403" => Ended::Denied,
        code if code.len() == 3 && code.starts_with(['4', '5']) => Ended::Error,
        // What failed was not let through, by all that the feed says.
        _ if what.ends_with("_failed") || what.ends_with("_blocked") => Ended::Denied,
        _ => Ended::Success,
    }
}

fn actor<'a>(it: &mut Picked<'_, 'a>, by: &str) -> Actor<'a> {
    let credential = it.first(&["actor/api_key_id", "actor/admin_api_key_id"]);
    let name = it.first(&NAMES);
    let kind = match by {
        "user_actor" => ActorKind::Person,
        "api_actor"
        | "admin_api_key_actor"
        | "scim_directory_sync_actor"
        | "service_account_actor" => ActorKind::Service,
        "unauthenticated_user_actor" => ActorKind::Anonymous,
        "anthropic_actor" | "system_actor" => ActorKind::Platform,
        _ => ActorKind::Unknown,
    };
    let named = if name.is_empty() { credential.clone() } else { name };
    let id = match (kind, named.is_empty()) {
        // Whoever has not signed in yet may say any name.
        (ActorKind::Anonymous, _) => Cow::Borrowed(ANONYMOUS),
        (ActorKind::Platform, true) => Cow::Borrowed("anthropic"),
        (_, true) => Cow::Owned(by.to_owned()),
        (_, false) => named,
    };
    Actor { id, kind, credential, ..Actor::default() }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::source::tests::{change, order_is_nothing, told};

    fn record(changes: serde_json::Value) -> Exercise<'static> {
        let record = json!({
            "id": "activity_1", "created_at": "2026-03-01T10:00:00Z", "organization_id": "org_1",
            "type": "platform_workspace_created", "workspace_id": "wrkspc_1",
            "actor": { "type": "user_actor", "email_address": "ann@acme.example", "user_id": "user_1" },
        });
        told(&SOURCE, &change(record, changes))
    }

    #[test]
    fn a_caller_is_a_person_a_key_a_directory_nobody_yet_or_anthropic() {
        for (actor, id, kind) in [
            (
                json!({ "type": "user_actor", "email_address": "a@x", "user_id": "user_1" }),
                "a@x",
                ActorKind::Person,
            ),
            (
                json!({ "type": "api_actor", "api_key_id": "apikey_1" }),
                "apikey_1",
                ActorKind::Service,
            ),
            (
                json!({ "type": "admin_api_key_actor", "admin_api_key_id": "k2" }),
                "k2",
                ActorKind::Service,
            ),
            (
                json!({ "type": "scim_directory_sync_actor", "directory_id": "d1" }),
                "d1",
                ActorKind::Service,
            ),
            (
                json!({ "type": "unauthenticated_user_actor", "unauthenticated_email_address": "a@x" }),
                "anonymous",
                ActorKind::Anonymous,
            ),
            (
                json!({ "type": "anthropic_actor", "email_address": null }),
                "anthropic",
                ActorKind::Platform,
            ),
            (json!({ "type": "new_actor" }), "new_actor", ActorKind::Unknown),
        ] {
            let it = record(json!({ "actor": actor.clone() }));
            assert_eq!((&*it.actor.id, it.actor.kind), (id, kind), "{actor}");
            assert_eq!(it.internal, kind == ActorKind::Platform, "{actor}");
        }
    }

    #[test]
    fn a_key_is_joined_to_the_call_that_made_it() {
        let made = record(json!({ "type": "platform_api_key_created", "api_key_id": "apikey_1" }));
        let issued = made.issued.unwrap();
        assert_eq!((&*issued.credential, issued.via), ("apikey_1", Via::Key));
        let used = record(json!({ "actor": { "type": "api_actor", "api_key_id": "apikey_1" } }));
        assert_eq!(used.actor.credential, issued.credential);
        assert_eq!(
            record(json!({ "type": "service_key_created", "workspace_id": null })).issued,
            None
        );
    }

    #[test]
    fn a_call_to_the_api_is_told_by_its_pattern_and_its_status() {
        let call = |url: &str, status: u16| {
            record(json!({
                "type": "compliance_api_accessed", "request_method": "GET", "url": url,
                "status_code": status, "organization_id": null,
            }))
        };
        let it = call("https://api.anthropic.com/v1/compliance/groups/grp_01/members?limit=1", 200);
        assert_eq!(
            (&*it.service, &*it.operation, it.ended),
            ("compliance", "GET /v1/compliance/groups/:id/members", Ended::Success)
        );
        assert_eq!(call("/v1/compliance/activities", 403).ended, Ended::Denied);
        assert_eq!(call("/v1/compliance/activities", 404).ended, Ended::Error);
        assert_eq!(record(json!({ "type": "claude_chat_access_failed" })).ended, Ended::Denied);
    }

    #[test]
    fn what_is_no_activity_is_none() {
        let other =
            br#"{"type":"x","actor":{"type":"session"},"created_at":"2026-03-01T10:00:00Z"}"#;
        assert_eq!(read(other), Err(NotRead::Lacks("type")));
        let none = br#"{"type":"x","actor":{"type":"user_actor"}}"#;
        assert_eq!(read(none), Err(NotRead::Undated));
    }

    #[test]
    fn the_order_of_names_makes_no_difference() {
        order_is_nothing(
            &SOURCE,
            &json!({
                "id": "activity_1", "created_at": "2026-03-01T10:00:00Z", "organization_id": "org_1",
                "type": "api_key_created", "api_key_id": "apikey_1", "user_id": "user_2",
                "actor": { "type": "user_actor", "email_address": "a@x", "user_id": "user_1" },
            }),
        );
    }
}
