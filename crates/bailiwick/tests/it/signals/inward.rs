//! What another system tells ends tasks, lowers or contains; and nothing else does.

use serde_json::{Value, json};

use super::{House, ISSUER, PUSH, alice, claims, event, now};
use crate::governor::Governor;

fn is_open(governor: &Governor, task: &str) -> bool {
    governor.json(&["task", "show", task])["status"]["state"] == "open"
}

/// Says what a path says of a task's end.
fn end_of(governor: &Governor, task: &str) -> (Value, Value) {
    let path = governor.json(&["path", task]);
    (path["cause"].clone(), path["ended_by"].clone())
}

fn received(governor: &Governor) -> Vec<Value> {
    let records = governor.records().into_iter();
    records.filter(|it| it["command"]["command"] == "signal_received").collect()
}

fn reads(governor: &Governor, token: &str) -> bool {
    let read = governor.call(token, "read_note", &json!({"path": "/notes/a"}));
    read["isError"] != true && read.is_object()
}

#[test]
fn a_revoked_session_ends_the_tasks_of_whoever_it_is_and_is_on_record_before_the_answer() {
    let mut house = House::start("");
    let (task, token) = house.governor.open("reader", "reading", &[]);
    assert!(reads(&house.governor, &token));
    let revoked = event("session-revoked", "caep");
    let told = claims(&revoked, "one", &alice(), &json!({"event_timestamp": now()}));
    let answer = house.tell(&told);
    assert_eq!((answer.status, answer.body.as_str()), (202, ""), "{answer:?}");
    // What was answered for is on disk, whatever happens now.
    house.governor.kill();
    let records = received(&house.governor);
    assert_eq!(records.len(), 1, "{records:?}");
    let kept = &records[0]["command"];
    assert_eq!(
        (&kept["transmitter"], &kept["jti"], &kept["effect"]),
        (&json!("idp"), &json!("one"), &json!("end"))
    );
    assert_eq!(kept["ended"], json!([task]));
    assert!(!kept.to_string().contains("alice"), "whom it is about is told in our words: {kept}");
    house.governor.serve();
    assert!(!is_open(&house.governor, &task));
    assert_eq!(end_of(&house.governor, &task), (json!("signal"), json!("transmitter:idp")));
    assert!(!reads(&house.governor, &token));
    let found = house.governor.records().into_iter();
    let found: Vec<_> =
        found.filter(|it| it["kind"] == "finding" && it["code"] == "signal").collect();
    assert_eq!(found.len(), 1, "{found:?}");
    assert_eq!(found[0]["task"], json!(task));

    // Told again, also after the start: it is answered for, and ends nothing more.
    let (next, _) = house.governor.open("reader", "reading", &[]);
    assert_eq!(house.tell(&told).status, 202);
    assert!(is_open(&house.governor, &next));
    assert_eq!(received(&house.governor).len(), 1);
    // Under another name it is another telling.
    let told = claims(&event("account-disabled", "risc"), "two", &alice(), &json!({}));
    assert_eq!(house.tell(&told).status, 202);
    assert!(!is_open(&house.governor, &next));
}

#[test]
fn a_session_that_is_a_task_ends_this_task_alone() {
    let house = House::start("on_other_session = \"record\"");
    let (one, _) = house.governor.open("reader", "reading", &[]);
    let (other, _) = house.governor.open("reader", "reading", &[]);
    let revoked = event("session-revoked", "caep");
    let of = |user: &Value, session: &str| json!({"format": "complex", "user": user, "session": {"format": "opaque", "id": session}});
    let tell = |jti: &str, subject: &Value| {
        let answer = house.tell(&claims(&revoked, jti, subject, &json!({})));
        assert_eq!(answer.status, 202, "{answer:?}");
    };
    let mallory = json!({"format": "iss_sub", "iss": ISSUER, "sub": "mallory"});
    tell("a", &of(&mallory, &one));
    assert!(is_open(&house.governor, &one), "she may not be spoken of here");
    tell("b", &of(&alice(), "browser-7"));
    assert!(is_open(&house.governor, &one) && is_open(&house.governor, &other));
    tell("c", &of(&alice(), &one));
    assert!(!is_open(&house.governor, &one) && is_open(&house.governor, &other));
    tell("d", &mallory);
    tell("e", &json!({"format": "email", "email": "alice@example.org"}));
    assert!(is_open(&house.governor, &other), "nobody here is called so");
}

#[test]
fn a_risk_that_rises_lowers_and_nothing_more() {
    let house = House::start("");
    let (task, token) = house.governor.open("reader", "asking", &[]);
    let changed = event("risk-level-change", "caep");
    let low = json!({"current_level": "LOW", "principal": "USER"});
    assert_eq!(house.tell(&claims(&changed, "low", &alice(), &low)).status, 202);
    let high = json!({"current_level": "HIGH", "principal": "USER"});
    assert_eq!(house.tell(&claims(&changed, "high", &alice(), &high)).status, 202);
    assert!(is_open(&house.governor, &task), "it does not end");
    let records = received(&house.governor);
    let effects: Vec<_> = records.iter().map(|it| it["command"]["effect"].clone()).collect();
    assert_eq!(effects, [json!("record"), json!("lower")]);
    assert!(records[1]["command"]["until"].is_string());
    // The demo server's hints make `read_note` a reading, and `write_note` something that is held anyway;
    // why it is held says more now.
    assert!(reads(&house.governor, &token));
    let write = json!({"path": "/notes/a", "text": "x"});
    let held = house.governor.call(&token, "write_note", &write).to_string();
    assert!(held.contains("risk of everything that `team-test` answers for has risen"), "{held}");
}

#[test]
fn an_operator_may_want_whoever_it_is_contained() {
    let house = House::start("on_revoked = \"contain\"");
    let (task, _) = house.governor.open("reader", "reading", &[]);
    let told = claims(&event("credential-change", "caep"), "one", &alice(), &json!({}));
    assert_eq!(house.tell(&told).status, 202);
    assert!(!is_open(&house.governor, &task));
    let refused =
        house.governor.refused(&["task", "open", "--as", "reader", "--template", "reading"], 1);
    assert!(refused.contains("contained"), "{refused}");
}

#[test]
fn a_verification_is_answered_for_and_on_record() {
    let house = House::start("");
    let stream = json!({"format": "opaque", "id": "stream-1"});
    let verify = event("verification", "ssf");
    let answer = house.tell(&claims(&verify, "v", &stream, &json!({"state": "x"})));
    assert_eq!(answer.status, 202, "{answer:?}");
    assert_eq!(received(&house.governor)[0]["command"]["event"], "verification");
    let paused = json!({"status": "paused", "reason": "upgrade"});
    let updated = event("stream-updated", "ssf");
    assert_eq!(house.tell(&claims(&updated, "w", &stream, &paused)).status, 202);
    let records = house.governor.records();
    assert!(records.iter().any(|it| it["code"] == "signals-stopped"), "a person hears of it");
}

fn untaken(governor: &Governor) -> Vec<String> {
    let records = governor.records().into_iter();
    let found = records.filter(|it| it["code"] == "signal-not-taken");
    found.map(|it| it["text"].as_str().unwrap().to_owned()).collect()
}

#[test]
fn a_person_hears_once_of_what_is_not_taken_until_something_is() {
    let house = House::start("");
    let revoked = event("session-revoked", "caep");
    let mut old = claims(&revoked, "one", &alice(), &json!({}));
    old["iat"] = json!(now() - 100_000);
    let mut strange = claims(&revoked, "two", &alice(), &json!({}));
    strange["iss"] = json!("https://other.example");
    assert_eq!(untaken(&house.governor), [""; 0]);
    for _ in 0..3 {
        assert_eq!(house.tell(&old).status, 400);
        assert_eq!(house.tell(&strange).status, 400);
    }
    // Whoever does not have the secret is no transmitter.
    assert_eq!(house.send("idp", "another-secret", "x").status, 400);
    let told = untaken(&house.governor);
    assert_eq!(told.len(), 2, "{told:?}");
    assert!(told[0].contains("`idp`") && told[0].contains("`invalid_request`"), "{told:?}");
    assert!(told[1].contains("`invalid_issuer`"), "{told:?}");
    assert_eq!(house.tell(&claims(&revoked, "three", &alice(), &json!({}))).status, 202);
    assert_eq!(house.tell(&old).status, 400);
    assert_eq!(untaken(&house.governor).len(), 3);
}

#[test]
fn a_transmitter_whose_secret_is_not_there_is_as_a_stranger_to_all_and_a_person_hears_once() {
    let mut house = House::new("");
    house.governor.serve();
    let [known, unknown] = ["idp", "nobody"].map(|it| house.send(it, PUSH, "x"));
    assert_eq!((known.status, known.body), (unknown.status, unknown.body));
    assert_eq!(house.send("idp", PUSH, "x").status, 400);
    let told = untaken(&house.governor);
    assert_eq!(told.len(), 1, "{told:?}");
    assert!(told[0].contains("`idp`"), "{told:?}");
}

#[test]
fn whoever_is_not_the_transmitter_is_told_what_is_wrong_in_the_words_of_rfc_8935() {
    let house = House::start("");
    let (task, _) = house.governor.open("reader", "reading", &[]);
    let revoked = event("session-revoked", "caep");
    let good = claims(&revoked, "one", &alice(), &json!({}));
    let token = house.token(&good);
    let err = |answer: &crate::governor::Answer| {
        assert_eq!(answer.header("content-type"), Some("application/json"), "{answer:?}");
        (answer.status, answer.json()["err"].as_str().unwrap().to_owned())
    };
    let is = |status: u16, code: &str| (status, code.to_owned());
    for (name, secret) in [("idp", "another-secret"), ("nobody", PUSH), ("idp", "")] {
        let answer = house.send(name, secret, &token);
        assert_eq!(err(&answer), is(400, "authentication_failed"), "{name}");
    }
    let strange = bailiwick_connect::Rs256Key::generate().unwrap();
    let parsed = bailiwick_model::Json::parse(
        good.to_string().as_bytes(),
        bailiwick_model::JsonLimits::default(),
    );
    let forged = strange.token("secevent+jwt", &parsed.unwrap()).unwrap();
    assert_eq!(err(&house.send("idp", PUSH, &forged)), is(400, "invalid_key"));
    for (name, value, code) in [
        ("iss", json!("https://other.example"), "invalid_issuer"),
        ("aud", json!("them"), "invalid_audience"),
        ("exp", json!(now() + 300), "invalid_request"),
        ("sub", json!("alice"), "invalid_request"),
        ("iat", json!(now() - 100_000), "invalid_request"),
        ("events", json!({}), "invalid_request"),
        ("events", json!({"a": {}, "b": {}}), "invalid_request"),
    ] {
        let mut told = good.clone();
        told[name] = value;
        let answer = house.tell(&told);
        assert_eq!(err(&answer), is(400, code), "{name}: {answer:?}");
    }
    let answer = house.send_as("application/json", "idp", PUSH, &token);
    assert_eq!(err(&answer), is(400, "invalid_request"));
    assert_eq!(err(&house.send("idp", PUSH, &"x".repeat(40_000))), is(400, "invalid_request"));
    assert_eq!(err(&house.send("idp", PUSH, "")), is(400, "invalid_request"));
    assert!(is_open(&house.governor, &task));
    assert!(received(&house.governor).is_empty());
    // A flood is slowed down, and its refusals say for how long.
    let last = (0..400).map(|_| house.send("idp", PUSH, "x")).find(|it| it.status == 429);
    let last = last.expect("so much at once is too much");
    assert!(last.header("retry-after").is_some(), "{last:?}");
    // And takes nothing of the pace of what is told by the right key.
    assert_eq!(house.tell(&good).status, 202);
    assert!(!is_open(&house.governor, &task));
}
