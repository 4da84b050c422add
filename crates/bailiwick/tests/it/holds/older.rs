//! Clients up to 2025-11-25: their answer is held open.

use serde_json::{Value, json};

use super::client::{House, LONG, SHORT, arguments, message, why};

/// Makes the held call as an older client does.
fn write(house: &House, id: u32, meta: &Value) -> crate::governor::Answer {
    let params = json!({"name": "write_note", "arguments": arguments("hello"), "_meta": meta});
    let body = json!({"jsonrpc": "2.0", "id": id, "method": "tools/call", "params": params});
    house.governor.post("/mcp/notes", &house.token, &[], &body.to_string())
}

#[test]
fn a_yes_from_another_terminal_completes_the_call_that_waits() {
    let house = House::start(LONG);
    let answer = std::thread::scope(|scope| {
        let waiting = scope.spawn(|| message(&write(&house, 1, &json!({}))));
        house.answer("approve", &house.ticket());
        waiting.join().unwrap()
    });
    assert_eq!(answer["result"]["isError"], false, "{answer}");
    assert_eq!(answer["result"]["resultType"], Value::Null, "that word came later: {answer}");
    assert_eq!(house.verdicts(), ["hold", "allow"]);
}

#[test]
fn a_no_and_the_end_of_the_task_end_the_wait() {
    for (end, code) in [(false, "refused"), (true, "task_ended")] {
        let house = House::start(LONG);
        let answer = std::thread::scope(|scope| {
            let waiting = scope.spawn(|| message(&write(&house, 1, &json!({}))));
            let hold = house.ticket();
            if end {
                house.governor.json(&["task", "end", &house.task]);
            } else {
                house.answer("deny", &hold);
            }
            waiting.join().unwrap()
        });
        assert_eq!(why(&answer), code, "{answer}");
        assert_eq!(house.governor.reached(), 0);
    }
}

#[test]
fn a_wait_that_was_in_vain_ends_with_the_ticket() {
    let house = House::start(SHORT);
    let answer = message(&write(&house, 1, &json!({})));
    let text = answer["result"]["content"][0]["text"].as_str().unwrap();
    assert!(text.contains(&house.ticket()), "{text}");
    assert_eq!(house.verdicts(), ["hold"]);
}

#[test]
fn a_client_that_cancels_is_no_longer_waited_for() {
    let house = House::start(LONG);
    let answer = std::thread::scope(|scope| {
        let waiting = scope.spawn(|| write(&house, 41, &json!({})));
        house.ticket();
        let cancel = json!({"jsonrpc": "2.0", "method": "notifications/cancelled", "params": {"requestId": 41}});
        let told = house.governor.post("/mcp/notes", &house.token, &[], &cancel.to_string());
        assert_eq!(told.status, 202);
        waiting.join().unwrap()
    });
    assert!(!answer.body.contains("result"), "what was cancelled wants no answer: {answer:?}");
    house.answer("approve", &house.ticket());
    assert_eq!(message(&write(&house, 42, &json!({})))["result"]["isError"], false);
}
