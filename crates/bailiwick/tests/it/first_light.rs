//! One governed call, end to end: decided, recorded, sent, and shown afterwards.

use serde_json::json;

use crate::governor::{Governor, NOTES};

#[test]
fn a_covered_call_reaches_the_server_and_every_other_does_not() {
    let governor = Governor::start(NOTES);
    let (task, token) = governor.open("reader", "reading", &[]);

    let read = governor.call(&token, "read_note", &json!({"path": "/notes/today"}));
    assert_eq!(read["content"][0]["text"], "the note at /notes/today");
    let refused =
        governor.call(&token, "write_note", &json!({"path": "/notes/today", "text": "x"}));
    assert_eq!(refused["isError"], true);
    assert_eq!(refused["structuredContent"]["verdict"], "deny");
    let elsewhere = governor.call(&token, "read_note", &json!({"path": "/etc/passwd"}));
    assert_eq!(elsewhere["structuredContent"]["code"], "outside_grant");
    assert_eq!(governor.reached(), 1);

    let path = governor.json(&["path", &task]);
    let verdicts: Vec<_> =
        path["steps"].as_array().unwrap().iter().map(|it| it["verdict"].clone()).collect();
    assert_eq!(verdicts, ["allow", "deny", "deny"]);
    assert_eq!(path["steps"][0]["outcome"], "ok");
    assert_eq!(path["steps"][1]["outcome"], "none");

    let decision = refused["structuredContent"]["decision"].as_str().unwrap();
    let why = governor.json(&["why", decision]);
    assert_eq!(why["verdict"], "deny");
}

#[test]
fn a_held_call_goes_out_once_after_a_persons_yes() {
    let governor = Governor::start(NOTES);
    let by = governor.person("ada");
    let (_, token) = governor.open("reader", "asking", &[]);
    let write = json!({"path": "/notes/today", "text": "hello"});

    let held = governor.call(&token, "write_note", &write);
    let hold = held["structuredContent"]["hold"].as_str().unwrap().to_owned();
    assert_eq!(governor.reached(), 0);
    let again = governor.call(&token, "write_note", &write);
    assert_eq!(again["structuredContent"]["hold"], hold.as_str(), "one call, one ticket");

    let mut words = vec!["hold", "approve", &hold];
    words.extend(by.iter().map(String::as_str));
    governor.json(&words);
    let other = json!({"path": "/notes/today", "text": "other"});
    assert_eq!(governor.call(&token, "write_note", &other)["isError"], true);
    assert_eq!(governor.call(&token, "write_note", &write)["isError"], false);
    let once_more = governor.call(&token, "write_note", &write);
    assert_eq!(once_more["structuredContent"]["verdict"], "hold", "a yes is used once");
    assert_eq!(governor.reached(), 1);
}

#[test]
fn the_very_next_call_after_the_end_is_denied() {
    let governor = Governor::start(NOTES);
    let (task, token) = governor.open("reader", "reading", &[]);
    let read = json!({"path": "/notes/today"});
    assert_eq!(governor.call(&token, "read_note", &read)["isError"], false);
    governor.json(&["task", "end", &task]);
    let late = governor.call(&token, "read_note", &read);
    assert!(late["structuredContent"]["why"].as_str().unwrap().contains("ended"), "{late}");
    assert_eq!(governor.reached(), 1);
}

#[test]
fn a_restart_forgets_nothing() {
    let mut governor = Governor::start(NOTES);
    let (task, token) = governor.open("reader", "asking", &[]);
    let write = json!({"path": "/notes/today", "text": "hello"});
    let held = governor.call(&token, "write_note", &write);
    let hold = held["structuredContent"]["hold"].clone();
    governor.stop();

    let offline = governor.json(&["path", &task]);
    assert_eq!(offline["steps"][0]["verdict"], "hold", "read without a server");
    assert_eq!(governor.run(&["task", "end", &task]).code, 3, "changed only with one");
    let verified = governor.json(&["ledger", "verify", "--against", "checkpoints"]);
    assert_eq!(verified["ok"], true, "{verified}");

    governor.serve();
    let holds = governor.json(&["hold", "list"]);
    assert_eq!(holds["holds"][0]["id"], hold);
}
