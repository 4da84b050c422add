//! Held calls that go on until a person has answered.

use std::net::TcpListener;

use serde_json::{Value, json};

use super::House;
use crate::governor::until;

/// This tool is outside the grant.
const HELD: &str = "confirm";

impl House {
    /// Waits until a held call is over, and gives what its client is told.
    fn over(&self, name: &str) -> Value {
        let mut told = Value::Null;
        until("the call is over", || {
            told = self.get(name)["result"].clone();
            assert!(told.is_object(), "{told}");
            told["status"] != "working"
        });
        told
    }

    /// Gives the verdicts on record, oldest first.
    fn verdicts(&self) -> Vec<Value> {
        let path = self.governor.json(&["path", &self.task]);
        path["steps"].as_array().unwrap().iter().map(|it| it["verdict"].clone()).collect()
    }
}

#[test]
fn what_must_be_hidden_since_the_call_was_made_is_hidden_as_well() {
    let house = House::start("");
    let name = house.begin(HELD);
    house.approve();
    assert_eq!(house.over(&name)["result"]["content"][0]["text"], "at once");
    house.hides("email", HELD);
    let hidden = house.over(&name);
    assert_eq!(hidden["result"]["isError"], true, "{hidden}");
    assert!(!hidden.to_string().contains("at once"), "it is no JSON: {hidden}");
}

#[test]
fn a_held_call_has_a_name_and_is_made_once_when_a_person_says_yes() {
    let free = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let mut house = House::at(&free.to_string(), "");
    let name = house.begin(HELD);
    for _ in 0..3 {
        let working = house.get(&name)["result"].clone();
        assert_eq!((&working["status"], &working["taskId"]), (&json!("working"), &json!(name)));
        let words = working["statusMessage"].as_str().unwrap();
        assert!(words.starts_with("waiting for a person: hold_"), "{words}");
    }
    assert_eq!(house.verdicts(), ["hold"], "asking leaves no second record");
    // Any gateway that has the ticket opens the name.
    house.governor.stop();
    house.governor.serve();
    assert_eq!(house.get(&name)["result"]["status"], "working");

    house.approve();
    for _ in 0..2 {
        let done = house.over(&name);
        assert_eq!(done["status"], "completed", "{done}");
        assert_eq!(done["result"]["content"][0]["text"], "at once");
    }
    assert_eq!(house.verdicts(), ["hold", "allow"]);
    assert_eq!(house.outcomes(HELD), [("ok".to_owned(), String::new())]);

    // Another gateway does not have the answer, says so, and does not make the call again.
    let path = house.governor.json(&["path", &house.task]);
    let made_by = path["steps"][1]["decision"].as_str().unwrap();
    for _ in 0..2 {
        house.governor.stop();
        house.governor.serve();
        let lost = house.over(&name);
        assert_eq!(lost["status"], "failed", "{lost}");
        let said = format!("the call was made ({made_by}), and its answer is not kept");
        assert_eq!(lost["error"]["message"], said);
        assert_eq!(house.outcomes(HELD).len(), 1);
    }
    // Nor does one say that it was called off.
    house.governor.stop();
    house.governor.serve();
    house.of_task("tasks/cancel", &name, &json!({}));
    assert_eq!(house.get(&name)["result"]["status"], "failed");
}

#[test]
fn what_was_not_made_is_not_said_to_be_made_after_a_restart() {
    let free = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let mut house = House::at(&free.to_string(), "");
    let name = house.begin(HELD);
    let held = house.governor.json(&["hold", "list"])["holds"][0]["id"].clone();
    let mut no = vec!["hold", "deny", held.as_str().unwrap()];
    no.extend(house.by.iter().map(String::as_str));
    house.governor.json(&no);
    assert_eq!(house.over(&name)["status"], "completed");
    house.governor.stop();
    house.governor.serve();
    let lost = house.over(&name)["error"]["message"].clone();
    let lost = lost.as_str().unwrap();
    assert!(lost.starts_with("the call was not made: it was denied (dec_"), "{lost}");
    assert_eq!(house.verdicts(), ["hold", "deny"]);
}

#[test]
fn a_no_is_told_as_a_result_that_a_model_reads() {
    let house = House::start("");
    let name = house.begin(HELD);
    let held = house.governor.json(&["hold", "list"])["holds"][0]["id"].clone();
    let mut no = vec!["hold", "deny", held.as_str().unwrap()];
    no.extend(house.by.iter().map(String::as_str));
    house.governor.json(&no);
    let told = house.over(&name);
    assert_eq!((&told["status"], &told["result"]["isError"]), (&json!("completed"), &json!(true)));
    assert!(told["result"]["content"][0]["text"].as_str().unwrap().starts_with("Denied: "));
    assert_eq!(house.verdicts(), ["hold", "deny"]);
}

#[test]
fn a_call_that_its_client_calls_off_is_never_made() {
    let house = House::start("");
    let name = house.begin(HELD);
    let cancelled = house.of_task("tasks/cancel", &name, &json!({}));
    assert_eq!(cancelled["result"], json!({"resultType": "complete"}));
    house.approve();
    assert_eq!(house.get(&name)["result"]["status"], "cancelled");
    assert_eq!(house.verdicts(), ["hold"]);
}

#[test]
fn what_was_done_is_not_heard_of_where_it_would_not_be_done_now() {
    let house = House::start("");
    let name = house.begin(HELD);
    house.approve();
    assert_eq!(house.over(&name)["status"], "completed");
    house.governor.write(
        "policies/house.cedar",
        "@id(\"no-more\")\nforbid (principal, action == Action::\"long__confirm\", resource);\n",
    );
    house.governor.json(&["reload"]);
    let refused = house.get(&name)["error"].clone();
    assert_eq!(
        (&refused["code"], &refused["data"]["code"]),
        (&json!(4030), &json!("policy_forbids"))
    );
}

#[test]
fn the_end_of_its_task_is_the_end_of_a_held_call() {
    let house = House::start("");
    let name = house.begin(HELD);
    house.governor.json(&["task", "end", &house.task]);
    let told = house.over(&name);
    assert_eq!((&told["status"], &told["result"]["isError"]), (&json!("completed"), &json!(true)));
    assert!(house.outcomes(HELD).is_empty());
}
