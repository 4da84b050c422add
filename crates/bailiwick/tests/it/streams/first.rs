//! A server of 2026-07-28 that wants to know something first, and clients of both eras.

use serde_json::{Value, json};

use super::{House, MODERN};
use crate::governor::{Governor, until};

/// Starts a governor before such a server, with a person who may say yes.
fn house(words: &str) -> (House, Vec<String>) {
    let mut governor = Governor::prepare(&[]);
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/../gateway/tests/servers/asks_first.py");
    let path = std::env::var("PATH").unwrap();
    governor.write(
        "bailiwick.toml",
        &format!(
            "[listen]\nhttp = \"127.0.0.1:0\"\n[state]\ndir = \"state\"\n[evidence]\n\
             checkpoints = \"checkpoints\"\n[holds]\npoll = \"20ms\"\nstream = \"5m\"\n[[server]]\n\
             name = \"tells\"\ncommand = [\"python3\", \"-B\", {script:?}]\n\
             env = {{ PATH = {path:?} }}\n{words}"
        ),
    );
    governor.charter("tells");
    governor.write(
        "templates/working.toml",
        "name = \"working\"\nowner = \"team-test\"\npurpose = \"Work\"\non_widen = \"hold\"\n\
         [window]\nmax = \"1h\"\n[[allow]]\nserver = \"tells\"\ntools = [\"once\", \"twice\"]\n",
    );
    governor.serve();
    let by = governor.person("ada");
    let (task, token) = governor.open("agent", "working", &[]);
    (House { governor, task, token }, by)
}

const LETS: &str = "methods = [\"elicitation/create\"]\n";

impl House {
    pub(super) fn approve(&self, by: &[String]) {
        let mut held = Value::Null;
        until("a call is held", || {
            held = self.governor.json(&["hold", "list"])["holds"][0].clone();
            held["status"]["state"] == "waiting" || held["state"] == "waiting"
        });
        let mut words = vec!["hold", "approve", held["id"].as_str().unwrap()];
        words.extend(by.iter().map(String::as_str));
        self.governor.json(&words);
    }

    fn verdicts(&self) -> Vec<Value> {
        let path = self.governor.json(&["path", &self.task]);
        path["steps"].as_array().unwrap().iter().map(|it| it["verdict"].clone()).collect()
    }
}

#[test]
fn an_older_client_is_asked_on_the_stream_of_its_call_as_often_as_the_server_asks() {
    let (house, _) = house(LETS);
    let session = house.session(&json!({"elicitation": {}}));
    for (tool, questions, state) in [("once", 1, "first"), ("twice", 2, "second")] {
        let mut stream = house.call_in(&session, tool);
        for _ in 0..questions {
            let question = stream.next().unwrap();
            assert_eq!(question["method"], "elicitation/create", "{question}");
            assert_eq!(question["params"]["message"], "Sure?");
            assert_eq!(house.answer(&session, &question, &house.token).status, 202);
        }
        let done = stream.next().unwrap();
        let text = done["result"]["content"][0]["text"].as_str().unwrap();
        let answer = json!({"sure": {"action": "accept", "content": {"which": "this"}}});
        assert_eq!(serde_json::from_str::<Value>(text).unwrap(), json!([state, answer]));
        assert!(done["result"].get("resultType").is_none(), "{done}");
        assert!(stream.next().is_none());
    }
    assert_eq!((house.passed(), house.verdicts().len()), (3, 5), "each round is decided");
}

#[test]
fn whoever_cannot_be_asked_reads_why_nothing_came_of_it() {
    for (words, capabilities) in [(LETS, json!({"roots": {}})), ("", json!({"elicitation": {}}))] {
        let (house, _) = house(words);
        let session = house.session(&capabilities);
        let body = super::call(1, "once", json!({}));
        let headers = [("Mcp-Session-Id", session.as_str())];
        let told = house.governor.post("/mcp/tells", &house.token, &headers, &body).json();
        assert_eq!(told["result"]["isError"], true, "{told}");
        let text = told["result"]["content"][0]["text"].as_str().unwrap();
        assert!(text.contains("cannot be asked for"), "{text}");
    }
}

#[test]
fn a_client_that_says_no_ends_the_call_with_words() {
    let (house, _) = house(LETS);
    let session = house.session(&json!({"elicitation": {}}));
    let mut stream = house.call_in(&session, "once");
    let question = stream.next().unwrap();
    let no =
        json!({"jsonrpc": "2.0", "id": question["id"], "error": {"code": -1, "message": "no"}});
    let headers = [("Mcp-Session-Id", session.as_str())];
    let taken = house.governor.post("/mcp/tells", &house.token, &headers, &no.to_string());
    assert_eq!(taken.status, 202);
    let told = stream.next().unwrap();
    assert_eq!(told["result"]["isError"], true, "{told}");
}

/// Makes one round of a call of a client of 2026-07-28 that can be asked.
fn round(house: &House, tool: &str, more: &Value) -> Value {
    let meta = json!({
        "io.modelcontextprotocol/protocolVersion": "2026-07-28",
        "io.modelcontextprotocol/clientCapabilities": {"elicitation": {}},
    });
    let mut params = json!({"name": tool, "arguments": {}, "_meta": meta});
    for (name, value) in more.as_object().unwrap() {
        params[name] = value.clone();
    }
    let body = json!({"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": params});
    let headers = format!("{MODERN}Mcp-Method: tools/call\r\nMcp-Name: {tool}\r\n");
    let headers: Vec<_> = headers.lines().filter_map(|it| it.split_once(": ")).collect();
    let told = house.governor.post("/mcp/tells", &house.token, &headers, &body.to_string());
    told.json()["result"].clone()
}

#[test]
fn a_hold_and_a_servers_question_share_the_rounds_of_one_call() {
    let (house, by) = house(LETS);
    // Held, and then asked by the server.
    let held = round(&house, "held", &json!({}));
    assert_eq!((&held["resultType"], held.get("inputRequests")), (&json!("input_required"), None));
    house.approve(&by);
    let asked = round(&house, "held", &json!({"requestState": held["requestState"]}));
    assert_eq!(asked["inputRequests"]["sure"]["method"], "elicitation/create", "{asked}");
    // With the answer it is another call, so it is held again, and keeps what was answered.
    let answers = json!({"sure": {"action": "accept"}});
    let state = &asked["requestState"];
    let again = round(&house, "held", &json!({"requestState": state, "inputResponses": answers}));
    assert_eq!(
        (&again["resultType"], again.get("inputRequests")),
        (&json!("input_required"), None)
    );
    house.approve(&by);
    let done = round(&house, "held", &json!({"requestState": again["requestState"]}));
    let text = done["content"][0]["text"].as_str().unwrap_or_else(|| panic!("{done}"));
    assert_eq!(serde_json::from_str::<Value>(text).unwrap(), json!(["first", answers]));
    assert_eq!(house.verdicts(), ["hold", "allow", "hold", "allow"]);

    // A hold takes rounds away from its server: after ten there are no more.
    let mut told = round(&house, "held", &json!({}));
    for number in 1..=10 {
        assert_eq!(told["resultType"], "input_required", "{number}: {told}");
        told = round(&house, "held", &json!({"requestState": told["requestState"]}));
    }
    assert_eq!((&told["resultType"], &told["isError"]), (&json!("complete"), &json!(true)));
}

#[test]
fn answers_that_came_early_are_taken_when_the_server_asks_for_them() {
    let (house, _) = house(LETS);
    let answers = json!({"sure": {"action": "accept"}, "more": {}});
    let done = round(&house, "once", &json!({"inputResponses": answers}));
    let text = done["content"][0]["text"].as_str().unwrap_or_else(|| panic!("{done}"));
    let taken = json!(["first", {"sure": {"action": "accept"}}]);
    assert_eq!(serde_json::from_str::<Value>(text).unwrap(), taken, "only what was asked for");
    assert_eq!(house.verdicts(), ["allow", "allow"], "the answers are decided");
}
