//! Tools of an older server that run as tasks of the protocol and not otherwise.

use serde_json::{Value, json};

use super::{House, MODERN, call};
use crate::governor::until;

const LETS: &str = "methods = [\"elicitation/create\"]\n";

#[test]
fn a_call_that_its_server_runs_as_a_task_has_its_result_as_any_other() {
    let house = House::at("as_tasks.py", LETS);
    let session = house.session(&json!({"elicitation": {}}));
    let mut stream = house.call_in(&session, "slow");
    let question = stream.next().unwrap();
    assert_eq!(question["params"]["message"], "Sure?");
    assert!(!question.to_string().contains("their-"), "{question}");
    assert_eq!(house.answer(&session, &question, &house.token).status, 202);
    let done = stream.next().unwrap();
    assert_eq!(done["result"]["content"][0]["text"], "\"accept\"", "{done}");
    assert!(!done.to_string().contains("their-"), "its server's name of it goes no further");
    assert_eq!(house.notes()["noted"], json!([["slow", 60_000]]));
    assert_eq!((house.outcomes(), house.passed()), (vec!["ok".to_owned()], 1));
}

#[test]
fn a_newer_client_is_asked_about_such_a_call_in_a_round_of_it() {
    let house = House::at("as_tasks.py", LETS);
    let meta = json!({
        "io.modelcontextprotocol/protocolVersion": "2026-07-28",
        "io.modelcontextprotocol/clientCapabilities": {"elicitation": {}},
    });
    let headers = format!("{MODERN}Mcp-Method: tools/call\r\nMcp-Name: slow\r\n");
    let headers: Vec<_> = headers.lines().filter_map(|it| it.split_once(": ")).collect();
    let round = |body: &str| house.governor.post("/mcp/tells", &house.token, &headers, body).json();
    let first = call(1, "slow", meta);
    let asked = round(&first)["result"].clone();
    assert_eq!(asked["resultType"], "input_required", "{asked}");
    let mut again: Value = serde_json::from_str(&first).unwrap();
    let names = asked["inputRequests"].as_object().unwrap().keys();
    let answers: serde_json::Map<_, _> =
        names.map(|it| (it.clone(), json!({"action": "decline"}))).collect();
    again["params"]["inputResponses"] = answers.into();
    again["params"]["requestState"] = asked["requestState"].clone();
    let done = round(&again.to_string());
    assert_eq!(done["result"]["content"][0]["text"], "\"decline\"", "{done}");
    assert_eq!(house.outcomes(), ["ok"]);
}

#[test]
fn a_task_whose_call_nobody_waits_for_any_more_is_called_off() {
    let house = House::at("as_tasks.py", "timeout = \"1s\"\n");
    let body = call(1, "stuck", json!({}));
    let told = house.governor.post("/mcp/tells", &house.token, &[], &body).json();
    assert_eq!(told["error"]["code"], -32603, "{told}");
    let noted = json!([["stuck", 1000], ["cancelled", "their-1"]]);
    until("the server knows", || house.notes()["noted"] == noted);
    assert_eq!(house.outcomes(), ["none"]);
}
