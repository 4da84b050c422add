//! The audit log of `OpenAI`'s platform: what was administered in an organisation, as its Admin API gives it.
//!
//! What an event is about lies under the event's own name; exports may write `_` for the `.` in it.

use std::borrow::Cow;

use bailiwick_model::{Actor, ActorKind, Along, Ended, Exercise, Issued, Platform, Via};

use super::{ANONYMOUS, NotRead, Shape, Source, Told, key, moment::when, picked::Picked};

pub(super) const SOURCE: Source =
    Source { name: "openai", platform: Platform::Openai, knows, read };

const PLACES: &[&str] = &[
    "actor/api_key/id",
    "actor/api_key/service_account/id",
    "actor/api_key/type",
    "actor/api_key/user/email",
    "actor/api_key/user/id",
    "actor/session/user/email",
    "actor/session/user/id",
    "actor/type",
    "effective_at",
    "id",
    "project/id",
    "type",
];

fn knows(shape: &Shape<'_>) -> bool {
    shape.has(&["effective_at", "type", "actor"])
}

fn read(record: &[u8]) -> Result<Told<'_>, NotRead> {
    let mut it = Picked::read(record, PLACES)?;
    let what = it.take("type");
    let by = it.take("actor/type");
    if !what.contains('.') || by.is_empty() {
        return Err(NotRead::Lacks("type"));
    }
    let at = when(&it.take("effective_at"))?;
    let (resource, error) = about(record, &what)?;
    let ended = if what.ends_with(".failed") { Ended::Denied } else { Ended::Success };
    let actor = actor(&mut it, &by);
    let makes_key = what.ends_with("api_key.created") && !resource.is_empty();
    let issued = makes_key.then(|| Issued {
        credential: resource.clone(),
        to: actor.id.clone(),
        via: Via::Key,
        until: None,
    });
    let id = it.take("id");
    Ok(Told::Exercise(Box::new(Exercise {
        platform: Platform::Openai,
        key: key(Platform::Openai, &id, record),
        at,
        account: it.take("project/id"),
        actor,
        service: Cow::Borrowed(""),
        operation: what,
        along: Along::NOTHING,
        resource,
        ended,
        code: if ended == Ended::Success { Cow::Borrowed("") } else { error },
        issued,
        data: false,
        internal: false,
        granted_by: Cow::Borrowed(""),
    })))
}

/// Gives what an event is about, and the code of what failed.
fn about<'a>(record: &'a [u8], what: &str) -> Result<(Cow<'a, str>, Cow<'a, str>), NotRead> {
    let plain = what.replace('.', "_");
    let place = |of: &str, name: &str| format!("{of}/{name}");
    let ids = [place(what, "id"), place(&plain, "id"), place(&plain, "configs/id")];
    let errors = [place(what, "error_code"), place(&plain, "error_code")];
    let places: Vec<_> = ids.iter().chain(&errors).map(String::as_str).collect();
    let mut it = Picked::read(record, &places)?;
    let first = |it: &mut Picked<'_, 'a>, all: &[String]| {
        all.iter().map(|place| it.take(place)).find(|text| !text.is_empty()).unwrap_or_default()
    };
    Ok((first(&mut it, &ids), first(&mut it, &errors)))
}

fn actor<'a>(it: &mut Picked<'_, 'a>, by: &str) -> Actor<'a> {
    let credential = it.take("actor/api_key/id");
    let person = it.first(&[
        "actor/session/user/email",
        "actor/session/user/id",
        "actor/api_key/user/email",
        "actor/api_key/user/id",
    ]);
    let account = it.take("actor/api_key/service_account/id");
    let is_service = !account.is_empty() || it.take("actor/api_key/type") == "service_account";
    let (id, kind) = match (person.is_empty(), account.is_empty()) {
        (_, false) => (account, ActorKind::Service),
        (false, true) if is_service => (person, ActorKind::Service),
        (false, true) => (person, ActorKind::Person),
        (true, true) if credential.is_empty() && by == "session" => {
            (Cow::Borrowed(ANONYMOUS), ActorKind::Anonymous)
        }
        (true, true) if credential.is_empty() => (Cow::Owned(by.to_owned()), ActorKind::Unknown),
        (true, true) => (credential.clone(), ActorKind::Service),
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
            "id": "audit_log-1", "object": "organization.audit_log", "type": "project.archived",
            "effective_at": 1_702_857_600, "project.archived": { "id": "proj_1" },
            "actor": { "type": "session", "session": { "user": { "id": "user-1", "email": "a@x" } } },
        });
        told(&SOURCE, &change(record, changes))
    }

    #[test]
    fn what_an_event_is_about_lies_under_its_own_name() {
        assert_eq!(&*record(json!({})).resource, "proj_1");
        let flat =
            record(json!({ "project.archived": null, "project_archived": { "id": "proj_2" } }));
        assert_eq!(&*flat.resource, "proj_2");
        let many = record(json!({
            "type": "ip_allowlist.config.activated",
            "ip_allowlist_config_activated": { "configs": [{ "id": "ip_1" }, { "id": "ip_2" }] },
        }));
        assert_eq!(&*many.resource, "ip_1");
        assert_eq!(record(json!({})).at.to_string(), "2023-12-18T00:00:00.000Z");
    }

    #[test]
    fn a_caller_is_a_person_a_service_account_or_a_key() {
        let key = |inside: serde_json::Value| {
            record(json!({ "actor": { "type": "api_key", "api_key": inside } })).actor
        };
        let person = record(json!({})).actor;
        assert_eq!((&*person.id, person.kind, &*person.credential), ("a@x", ActorKind::Person, ""));
        let of_person = key(json!({ "type": "user", "id": "key_1", "user": { "id": "user-1" } }));
        assert_eq!(
            (&*of_person.id, of_person.kind, &*of_person.credential),
            ("user-1", ActorKind::Person, "key_1")
        );
        let of_service = key(
            json!({ "type": "service_account", "id": "key_2", "service_account": { "id": "svc" } }),
        );
        assert_eq!((&*of_service.id, of_service.kind), ("svc", ActorKind::Service));
        let alone = key(json!({ "id": "key_3" }));
        assert_eq!((&*alone.id, alone.kind), ("key_3", ActorKind::Service));
    }

    #[test]
    fn a_key_is_joined_to_the_call_that_made_it() {
        let made =
            record(json!({ "type": "api_key.created", "api_key.created": { "id": "key_1" } }));
        let issued = made.issued.unwrap();
        assert_eq!((&*issued.credential, &*issued.to, issued.via), ("key_1", "a@x", Via::Key));
    }

    #[test]
    fn a_failed_login_is_denied() {
        let failed = record(json!({
            "type": "login.failed", "login.failed": { "error_code": "invalid_credentials" },
        }));
        assert_eq!((failed.ended, &*failed.code), (Ended::Denied, "invalid_credentials"));
    }

    #[test]
    fn what_is_no_record_is_none() {
        let other = br#"{"type":"message","actor":{"type":"x"},"effective_at":1}"#;
        assert_eq!(read(other), Err(NotRead::Lacks("type")));
        let none = br#"{"type":"login.succeeded","actor":{"type":"session"}}"#;
        assert_eq!(read(none), Err(NotRead::Undated));
    }

    #[test]
    fn the_order_of_names_makes_no_difference() {
        order_is_nothing(
            &SOURCE,
            &json!({
                "id": "audit_log-1", "type": "api_key.created", "effective_at": 1_702_857_600,
                "api_key.created": { "id": "key_2", "data": { "scopes": ["all"] } },
                "project": { "id": "proj_1", "name": "x" },
                "actor": { "type": "api_key", "api_key": {
                    "type": "user", "id": "key_1", "user": { "id": "user-1", "email": "a@x" } } },
            }),
        );
    }
}
