//! States that a call cannot go on with: each is refused, and no call reaches the server.

use serde_json::{Value, json};

use super::client::{House, SHORT, arguments, state, why};

/// Checks that a round was refused for `text`, and that it left nothing behind but a yes.
fn refused(house: &House, told: &Value, text: &str) {
    assert_eq!(told["error"]["code"], -32602, "{told}");
    let said = told["error"]["message"].as_str().unwrap();
    assert!(said.contains(text) && said.contains("make the call again"), "{said}");
    assert_eq!(house.governor.reached(), 0);
}

/// A call that is held, approved, and whose state was given out.
fn approved() -> (House, Value) {
    let house = House::start(SHORT);
    let told = house.write(&Value::Null);
    house.answer("approve", &house.ticket());
    (house, state(&told))
}

#[test]
fn changed_arguments() {
    let (house, state) = approved();
    let told = house.call(&house.token, &arguments("goodbye"), &state);
    refused(&house, &told, "other parameters");
    assert_eq!(house.findings("request-state-misused"), 1);
    assert_eq!(house.write(&state)["result"]["isError"], false, "its own call still goes");
}

#[test]
fn another_task_of_the_same_identity() {
    let (house, state) = approved();
    let (_, token) = house.governor.open("reader", "asking", &[]);
    refused(&house, &house.call(&token, &arguments("hello"), &state), "another caller");
    assert_eq!(house.findings("request-state-misused"), 1);
}

#[test]
fn a_second_use() {
    let house = House::start(SHORT);
    let first = state(&house.write(&Value::Null));
    let second = state(&house.write(&first));
    house.answer("approve", &house.ticket());
    refused(&house, &house.write(&first), "used already");
    assert_eq!(house.write(&second)["result"]["isError"], false);
}

#[test]
fn forged_and_cut() {
    let (house, state) = approved();
    let whole = state["requestState"].as_str().unwrap();
    let other = House::start(SHORT);
    let theirs = super::client::state(&other.write(&Value::Null))["requestState"].clone();
    let cut = json!(whole.get(..whole.len() - 2).unwrap());
    let flipped = json!(whole.replacen("v1.", "v2.", 1));
    for forged in [theirs, cut, flipped, json!("")] {
        refused(&house, &house.write(&json!({"requestState": forged})), "not made here");
    }
    let told = house.write(&json!({"requestState": 7}));
    assert_eq!(told["error"]["code"], -32602, "{told}");
    assert_eq!(house.governor.reached(), 0);
}

#[test]
fn a_used_state_after_a_restart_is_decided_again_and_a_used_yes_stays_used() {
    let mut house = House::start(SHORT);
    let told = house.write(&Value::Null);
    house.answer("approve", &house.ticket());
    let state = state(&told);
    assert_eq!(house.write(&state)["result"]["isError"], false);
    house.governor.stop();
    house.governor.serve();
    let token = house.governor.json(&["task", "token", &house.task])["token"].clone();
    let replayed = house.call(token.as_str().unwrap(), &arguments("hello"), &state);
    assert_eq!(replayed["result"]["resultType"], "input_required", "held anew: {replayed}");
    assert_eq!(house.governor.reached(), 1);
    assert_eq!(house.verdicts(), ["hold", "allow", "hold"]);
}

#[test]
fn the_state_of_an_ended_task() {
    let (house, state) = approved();
    house.governor.json(&["task", "end", &house.task]);
    assert_eq!(why(&house.write(&state)), "task_ended");
    assert_eq!(house.governor.reached(), 0);
}
