//! What happens between a call and its answer.

use serde_json::{Value, json};

use super::{House, Stream};
use crate::governor::until;

fn progress(stream: &mut Stream) -> Value {
    let note = stream.next().unwrap();
    assert_eq!(note["method"], "notifications/progress", "{note}");
    note["params"].clone()
}

#[test]
fn progress_is_heard_before_the_answer_in_both_eras() {
    let house = House::new();
    for (token, is_legacy) in [(json!("mine"), true), (json!(7), false)] {
        let mut stream = if is_legacy { house.legacy(5, "work") } else { house.modern(5, "work") };
        let head = stream.head();
        assert!(head.contains("content-type: text/event-stream"), "{head}");
        assert!(head.contains("x-accel-buffering: no"), "{head}");
        for done in [1, 2] {
            let wanted = json!({"progressToken": token, "progress": done, "total": 2});
            assert_eq!(progress(&mut stream), wanted);
            // No other call can be meant. Since 2026-07-28 a request must say that it wants logs.
            if done == 1 && is_legacy {
                assert_eq!(stream.next().unwrap()["params"]["data"], "for whom?");
            }
        }
        let answer = stream.next().unwrap();
        assert_eq!(
            (&answer["id"], &answer["result"]["content"][0]["text"]),
            (&json!(5), &json!("done"))
        );
        assert!(stream.next().is_none(), "the answer is the last event");
    }
    assert_eq!(house.outcomes(), ["ok", "ok"]);
    assert_eq!(house.notes()["tokens"].as_array().unwrap().len(), 2);
}

#[test]
fn a_legacy_client_cancels_by_the_id_of_its_request() {
    let house = House::new();
    let mut hanging = house.legacy(41, "hang");
    house.until_asked();
    let cancel = |id| {
        let cancelled = json!({"jsonrpc": "2.0", "method": "notifications/cancelled", "params": {"requestId": id}});
        let answer = house.governor.post("/mcp/tells", &house.token, &[], &cancelled.to_string());
        assert_eq!((answer.status, answer.body.as_str()), (202, ""));
    };
    cancel(json!(42));
    cancel(json!("41"));
    assert_eq!(house.notes()["given_up"], json!([]), "only what is named is cancelled");
    cancel(json!(41));
    hanging.head();
    assert!(hanging.next().is_none(), "what was cancelled has no answer");
    until("the server knows", || house.notes()["given_up"] != json!([]));
    assert_eq!(house.outcomes(), ["none"]);
    let records = house.governor.records();
    let outcome =
        records.iter().rfind(|it| it["detail"].as_str().is_some_and(|it| it.contains("cancelled")));
    assert!(outcome.is_some(), "it is on record why");
}

#[test]
fn hanging_up_cancels_since_2026_07_28_and_says_nothing_before() {
    let house = House::new();
    let legacy = house.legacy(1, "hang");
    house.until_asked();
    drop(legacy);
    let modern = house.modern(2, "hang");
    until("both hang", || house.notes()["asked"].as_array().unwrap().len() == 2);
    drop(modern);
    until("the server knows", || house.notes()["given_up"] != json!([]));
    let notes = house.notes();
    assert_eq!(notes["given_up"], json!([notes["asked"][1]]));
    until("the outcome is known", || house.outcomes() == ["none", "none"]);
    // The legacy client's call goes on, and its outcome is recorded although nobody waits.
    let mut release = house.legacy(3, "release");
    release.head();
    until("the outcome is known", || house.outcomes() == ["ok", "none", "ok"]);
}
