//! Rounds that pass without an answer.

use serde_json::{Value, json};

use super::client::{HEADERS, House, SHORT, arguments, body, message, state, why};

#[test]
fn ten_rounds_pass_and_leave_one_record() {
    let house = House::start(SHORT);
    let mut told = house.write(&Value::Null);
    for _ in 0..10 {
        told = house.write(&state(&told));
    }
    assert_eq!(told["result"]["resultType"], "complete", "{told}");
    assert_eq!(why(&told), "outside_grant", "{told}");
    let text = told["result"]["content"][0]["text"].as_str().unwrap();
    let hold = house.ticket();
    assert!(text.starts_with("Held:") && text.contains(&hold), "{text}");
    assert_eq!(house.verdicts(), ["hold"], "rounds that find nothing new write nothing");
}

#[test]
fn a_yes_between_two_rounds_is_found_by_the_next() {
    let house = House::start(SHORT);
    let told = house.write(&Value::Null);
    let hold = told["result"]["_meta"]["dev.bailiwick/hold"].as_str().unwrap();
    house.answer("approve", hold);
    let answer = house.write(&state(&told));
    assert_eq!(answer["result"]["isError"], false, "{answer}");
    assert_eq!(house.verdicts(), ["hold", "allow"]);
}

#[test]
fn a_yes_between_two_rounds_is_worth_nothing_under_policies_that_forbid() {
    let house = House::start(SHORT);
    let told = house.write(&Value::Null);
    house.answer("approve", &house.ticket());
    let forbid = "@id(\"no-writing\")\nforbid (principal, action == Action::\"notes__write_note\", resource);\n";
    house.governor.write("policies/freeze.cedar", forbid);
    house.governor.json(&["reload"]);
    let answer = house.write(&state(&told));
    assert_eq!(why(&answer), "policy_forbids", "{answer}");
    assert_eq!(house.governor.reached(), 0);
}

#[test]
fn a_client_that_opens_links_has_one_at_once_and_its_word_is_no_yes() {
    let house = House::start(SHORT);
    let call = |more: &Value| {
        let body = body("write_note", &arguments("hello"), more, r#"{"elicitation":{"url":{}}}"#);
        message(&house.governor.post("/mcp/notes", &house.token, HEADERS, &body))
    };
    let told = call(&Value::Null);
    let hold = house.ticket();
    let asked = &told["result"]["inputRequests"]["approval"];
    assert_eq!(asked["method"], "elicitation/create", "{told}");
    assert_eq!(asked["params"]["mode"], "url", "{told}");
    let link = asked["params"]["url"].as_str().unwrap();
    assert_eq!(link, format!("{}/approve/{hold}", house.governor.url()));
    assert!(!told.to_string().contains("hello"), "a link tells nothing of the call: {told}");

    let path = link.strip_prefix(house.governor.url()).unwrap();
    let head = format!(
        "GET {path} HTTP/1.1\r\nHost: {}\r\nConnection: close\r\n\r\n",
        house.governor.host()
    );
    let page = house.governor.raw(head.as_bytes());
    assert!(page.status == 200 && page.body.contains("bailiwick hold approve"), "{page:?}");

    let mut echo = state(&told);
    echo["inputResponses"] = json!({"approval": {"action": "accept"}});
    let again = call(&echo);
    let next = state(&again);
    assert_eq!(again["result"]["inputRequests"], Value::Null, "nobody is asked twice: {again}");
    assert_eq!(house.governor.reached(), 0);
    house.answer("approve", &hold);
    assert_eq!(call(&next)["result"]["isError"], false);
    assert_eq!(house.verdicts(), ["hold", "allow"]);
}

#[test]
fn waiting_that_is_turned_off_is_answered_at_once() {
    let house = House::start("0s");
    let told = house.write(&Value::Null);
    assert_eq!(told["result"]["structuredContent"]["verdict"], "hold", "{told}");
}
