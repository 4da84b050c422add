//! What activities of Google Workspace tell of.

use serde_json::{Value, json};

use super::*;
use crate::source::fields::tests::{laws, one, told};

fn activity(change: Value) -> Value {
    let mut record = json!({
        "kind": "admin#reports#activity",
        "id": { "time": "2026-03-01T10:00:00.250Z", "uniqueQualifier": "-77", "applicationName": "drive", "customerId": "C1" },
        "actor": { "callerType": "USER", "email": "ann@example.com", "profileId": "1" },
        "events": [
            { "type": "access", "name": "view", "parameters": [{ "name": "doc_id", "value": "d-1" }] },
            { "type": "access", "name": "download", "parameters": [{ "name": "doc_id", "value": "d-1" }] },
        ],
    });
    for (name, value) in change.as_object().cloned().unwrap_or_default() {
        record[name] = value;
    }
    record
}

/// A record of one event, as exports write it.
fn exported(name: &str, change: Value) -> Value {
    let mut record = activity(json!({
        "name": name, "type": "access", "parameters": { "doc_id": "d-1" },
    }));
    record.as_object_mut().unwrap().remove("events");
    for (name, value) in change.as_object().cloned().unwrap_or_default() {
        record[name] = value;
    }
    record
}

#[test]
fn no_bytes_break_it_and_the_order_of_members_makes_no_difference() {
    laws(&SOURCE, &[activity(json!({})), exported("view", json!({}))]);
}

#[test]
fn each_event_of_an_activity_is_an_exercise_of_its_own() {
    let both = told(&SOURCE, &activity(json!({})));
    let said: Vec<_> =
        both.iter().map(|it| format!("{}:{} {}", it.service, it.operation, it.resource)).collect();
    assert_eq!(said, ["drive:view d-1", "drive:download d-1"]);
    assert_ne!(both[0].key, both[1].key);
    let nameless = json!({ "id": { "applicationName": "drive", "time": "2026-03-01T10:00:00Z" } });
    let both = told(&SOURCE, &activity(nameless));
    assert_ne!(both[0].key, both[1].key);
    let it = one(&SOURCE, &exported("view", json!({})));
    assert_eq!((&*it.operation, &*it.resource, &*it.account), ("view", "d-1", "C1"));
    assert_eq!((&*it.actor.id, it.actor.kind), ("ann@example.com", ActorKind::Person));
    let small = one(&SOURCE, &exported("view", json!({ "actor": { "email": "Ann@Example.com" } })));
    assert_eq!(&*small.actor.id, "ann@example.com");
    assert_eq!(told(&SOURCE, &activity(json!({ "events": [{ "name": "view" }] }))).len(), 1);
}

#[test]
fn who_failed_to_sign_in_was_denied() {
    let login = json!({ "id": { "applicationName": "login", "time": "2026-03-01 10:00:00" } });
    assert_eq!(one(&SOURCE, &exported("login_success", login.clone())).ended, Ended::Success);
    assert_eq!(one(&SOURCE, &exported("login_failure", login)).ended, Ended::Denied);
}

#[test]
fn who_acts_and_for_whom_is_told() {
    let actor = |actor: Value| one(&SOURCE, &exported("view", json!({ "actor": actor })));
    let key = actor(json!({ "callerType": "KEY", "key": "client-1" })).actor;
    assert_eq!((&*key.id, key.kind), ("client-1", ActorKind::Service));
    let application = json!({ "oauthClientId": "client-1", "impersonation": true });
    let it = actor(json!({ "email": "ann@example.com", "applicationInfo": application })).actor;
    assert_eq!((&*it.id, it.chain), ("ann@example.com", vec!["client-1".into()]));
    assert!(actor(json!(null)).internal, "nobody is named where the system warns");
    let warning = exported("suspicious_login", json!({ "type": "account_warning" }));
    assert!(one(&SOURCE, &warning).internal);
}

#[test]
fn a_time_may_be_missing_and_what_is_no_activity_is_left_to_others() {
    let undated = exported("view", json!({ "id": { "applicationName": "drive" } })).to_string();
    assert_eq!(read(undated.as_bytes()), Err(NotRead::Undated));
    let nameless = exported("", json!({})).to_string();
    assert_eq!(read(nameless.as_bytes()), Err(NotRead::Lacks("name")));
    assert_eq!(read(br#"{"id":"x","name":"y"}"#), Err(NotRead::Lacks("id.applicationName")));
    let noon = exported("view", json!({ "id": { "applicationName": "drive", "time": "noon" } }));
    assert_eq!(read(noon.to_string().as_bytes()), Err(NotRead::Time("noon".to_owned())));
}

#[test]
fn many_events_without_an_id_each_have_their_own_key() {
    let events: Vec<_> = (0..20_000).map(|_| serde_json::json!({ "name": "e" })).collect();
    let record = serde_json::json!({
        "id": { "time": "2026-03-01T10:00:00Z", "applicationName": "drive" },
        "actor": { "email": "ann@acme.com" }, "events": events,
    });
    let record = record.to_string();
    let Told::Exercises(all) = read(record.as_bytes()).unwrap() else { panic!("one") };
    let keys: std::collections::BTreeSet<_> = all.iter().map(|it| it.key).collect();
    assert_eq!(keys.len(), 20_000);
}
