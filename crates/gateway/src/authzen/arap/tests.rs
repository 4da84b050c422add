//! How a person is asked for, and what an approval is bound to.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::{problem::Type, read::Wanted, *};

fn body() -> Value {
    json!({
        "subject": {"type": "user", "id": "alice", "properties": {"level": 3}},
        "action": {"name": "pay", "properties": {"currency": "EUR"}},
        "resource": {"type": "bill", "id": "1", "properties": {"amount": 7}},
        "context": {"ip": "10.0.0.1", "time": "now", "approval": {"id": "x"}},
        "denial": {"evaluation_id": "dec_01JD8X00000000000000000002", "expires_at": "2026-11-26T06:00:00Z", "reason": "approval_required"},
        "requested_access": {"requested_until": "2026-11-26T07:00:00Z", "emergency": true},
        "client": {"id": "shop", "actor": {"type": "agent", "id": "helper"}},
        "callback": {"endpoint": "https://elsewhere.example"},
    })
}

fn read(body: &Value) -> Result<Wanted, Type> {
    Wanted::read(body.to_string().as_bytes()).map_err(|it| it.kind)
}

#[test]
fn a_request_says_what_was_held_and_how_it_is_wanted() {
    let wanted = read(&body()).unwrap();
    assert_eq!(wanted.decision.as_str(), "dec_01JD8X00000000000000000002");
    assert_eq!((wanted.emergency, wanted.actor.as_deref()), (true, Some("helper")));
    assert_eq!(wanted.until.map(|it| it.to_string()).as_deref(), Some("2026-11-26T07:00:00.000Z"));
    assert_eq!(wanted.evaluation.resource.id, "1");
}

#[test]
fn what_is_wrong_with_a_request_has_a_type() {
    for (path, value, kind) in [
        ("/subject", json!(null), Type::Unreadable),
        ("/resource/id", json!(7), Type::Unreadable),
        ("/denial", json!([]), Type::Unreadable),
        ("/denial/evaluation_id", json!("eval_7"), Type::InvalidDenialBinding),
        ("/denial/evaluation_id", json!(7), Type::Unreadable),
        ("/denial/expires_at", json!("soon"), Type::Unreadable),
        ("/requested_access/emergency", json!("yes"), Type::Unreadable),
        ("/requested_access/requested_until", json!(1), Type::Unreadable),
        ("/client/actor", json!("helper"), Type::Unreadable),
    ] {
        let mut body = body();
        *body.pointer_mut(path).unwrap() = value;
        assert_eq!(read(&body).unwrap_err(), kind, "{path}");
    }
    let mut without = body();
    without.as_object_mut().unwrap().remove("denial");
    assert_eq!(read(&without).unwrap_err(), Type::InvalidDenialBinding);
    let mut several = body();
    several["items"] = json!([{}]);
    assert_eq!(read(&several).unwrap_err(), Type::NotRequestable);
    assert_eq!(Wanted::read(b"{").unwrap_err().kind, Type::Unreadable);
}

#[test]
fn an_approval_is_bound_to_every_member_and_to_the_context_that_policies_read() {
    let reads = BTreeSet::from(["ip".to_owned(), "approval".to_owned()]);
    let of = |body: &Value, reads| bound(&read(body).unwrap().evaluation, reads);
    let (some, all) = (of(&body(), Some(&reads)), of(&body(), None));
    for (path, value, relevant) in [
        ("/subject/id", json!("bob"), true),
        ("/subject/type", json!("robot"), true),
        ("/subject/properties/level", json!(4), true),
        ("/action/name", json!("refund"), true),
        ("/action/properties/currency", json!("USD"), true),
        ("/resource/id", json!("2"), true),
        ("/resource/properties/amount", json!(7000), true),
        ("/context/ip", json!("10.0.0.2"), true),
        ("/context/time", json!("later"), false),
    ] {
        let mut other = body();
        *other.pointer_mut(path).unwrap() = value;
        assert_eq!(of(&other, Some(&reads)) != some, relevant, "{path}");
        assert_ne!(of(&other, None), all, "where policies may read anything: {path}");
    }
    let mut with_approval = body();
    with_approval["context"]["approval"] = json!({"id": "y", "state": 1});
    assert_eq!(of(&with_approval, Some(&reads)), some, "what is ours to say binds nothing");
    assert_eq!(of(&with_approval, None), all);
    let mut justified = body();
    justified["context"]["business_justification"] = json!("it is due");
    assert_eq!(of(&justified, Some(&reads)), some);
}
