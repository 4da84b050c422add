//! What a server asks of a client during its call.

use serde_json::{Value, json};

use super::{House, Stream, call};
use crate::governor::{Answer, until};

const LETS: &str = "methods = [\"elicitation/create\"]\n";

impl House {
    /// Opens a session of a client that can be asked these things.
    pub(super) fn session(&self, capabilities: &Value) -> String {
        let params = json!({"protocolVersion": "2025-11-25", "capabilities": capabilities,
            "clientInfo": {"name": "test", "version": "1"}});
        let body = json!({"jsonrpc": "2.0", "id": 0, "method": "initialize", "params": params});
        let answer = self.governor.post("/mcp/tells", &self.token, &[], &body.to_string());
        answer.header("mcp-session-id").unwrap().to_owned()
    }

    pub(super) fn call_in(&self, session: &str, tool: &str) -> Stream {
        let header = format!("Mcp-Session-Id: {session}\r\n");
        let mut stream = self.begin("POST /mcp/tells", &header, &call(1, tool, json!({})));
        stream.head();
        stream
    }

    pub(super) fn answer(&self, session: &str, question: &Value, token: &str) -> Answer {
        let result = json!({"action": "accept", "content": {"which": "this"}});
        let body = json!({"jsonrpc": "2.0", "id": question["id"], "result": result});
        let headers = [("Mcp-Session-Id", session)];
        self.governor.post("/mcp/tells", token, &headers, &body.to_string())
    }

    /// Counts what clients answered that nothing decided.
    pub(super) fn passed(&self) -> usize {
        let records = self.governor.records();
        records.iter().filter(|it| it["code"] == "answer-passed").count()
    }
}

/// Gives what the tool says that it was answered.
fn heard(answer: &Value) -> Value {
    serde_json::from_str(answer["result"]["content"][0]["text"].as_str().unwrap()).unwrap()
}

#[test]
fn what_a_client_is_asked_during_its_call_it_answers_once_and_nobody_else_does() {
    let house = House::with(LETS);
    let session = house.session(&json!({"elicitation": {}}));
    let other = house.session(&json!({"elicitation": {}}));
    let (_, stranger) = house.governor.open("agent", "working", &[]);
    let mut stream = house.call_in(&session, "ask");
    let question = stream.next().unwrap();
    assert_eq!(question["method"], "elicitation/create");
    assert_eq!(question["params"]["message"], "Which one?");
    assert!(question["id"].as_str().unwrap().starts_with("ask_"), "{question}");

    assert_eq!(house.answer(&other, &question, &house.token).status, 400);
    assert_eq!(house.answer(&session, &question, &stranger).status, 404);
    assert_eq!(house.answer(&session, &json!({"id": "q1"}), &house.token).status, 400);
    assert_eq!(house.passed(), 0);
    assert_eq!(house.answer(&session, &question, &house.token).status, 202);
    let heard = heard(&stream.next().unwrap());
    assert_eq!(
        (&heard["id"], &heard["result"]["content"]["which"]),
        (&json!("q1"), &json!("this"))
    );
    assert_eq!(house.answer(&session, &question, &house.token).status, 400, "it counts once");
    assert_eq!(house.passed(), 1);
    assert!(stream.next().is_none());
}

#[test]
fn a_server_whose_question_may_not_be_passed_is_told_at_once() {
    for (words, capabilities) in
        [(LETS, json!({"sampling": {}})), ("", json!({"elicitation": {}, "sampling": {}}))]
    {
        let house = House::with(words);
        let session = house.session(&capabilities);
        let headers = [("Mcp-Session-Id", session.as_str())];
        let body = call(1, "ask", json!({}));
        let answer = house.governor.post("/mcp/tells", &house.token, &headers, &body);
        let heard = heard(&answer.json());
        assert_eq!((&heard["id"], &heard["error"]["code"]), (&json!("q1"), &json!(-32601)));
        assert_eq!(house.passed(), 0);
    }
}

#[test]
fn a_question_that_its_server_takes_back_is_taken_back_at_the_client() {
    let house = House::with(LETS);
    let session = house.session(&json!({"elicitation": {"form": {}}}));
    let mut stream = house.call_in(&session, "ask-in-vain");
    let question = stream.next().unwrap();
    let gone = stream.next().unwrap();
    assert_eq!(gone["method"], "notifications/cancelled");
    assert_eq!(gone["params"]["requestId"], question["id"]);
    assert_eq!(stream.next().unwrap()["result"]["content"][0]["text"], "never mind");
    assert_eq!(house.answer(&session, &question, &house.token).status, 400);
    assert_eq!((house.notes()["answers"].clone(), house.passed()), (json!([]), 0));
}

#[test]
fn a_server_hears_that_roots_have_changed_and_asks_their_client_on_its_stream() {
    let house = House::with("methods = [\"roots/list\"]\n");
    let changed = |session: &str| {
        let body = json!({"jsonrpc": "2.0", "method": "notifications/roots/list_changed", "params": {"x": 1}});
        let headers = [("Mcp-Session-Id", session)];
        let told = house.governor.post("/mcp/tells", &house.token, &headers, &body.to_string());
        assert_eq!(told.status, 202);
    };
    let session = house.session(&json!({"roots": {"listChanged": true}}));
    let header = format!("Mcp-Session-Id: {session}\r\n");
    let mut stream = house.begin("GET /mcp/tells", &header, "");
    stream.head();

    changed(&house.session(&json!({"elicitation": {}})));
    assert_eq!(house.notes()["roots"], json!([]), "this client has none");
    changed(&session);
    // A server that was just started may have changed what there is to see.
    let mut told = std::iter::from_fn(|| stream.next());
    let question = told.find(|it| it["id"].is_string()).unwrap();
    assert_eq!(question["method"], "roots/list", "{question}");
    assert_eq!(house.answer(&session, &question, &house.token).status, 202);
    until("the server has its answer", || house.notes()["answers"][0]["id"] == "r1");
    let notes = house.notes();
    assert_eq!(notes["answers"][0]["result"]["content"]["which"], "this", "{notes}");
    assert_eq!(notes["roots"], json!([null]), "nothing of the client's is in the note");
    assert_eq!(house.passed(), 1);
}

#[test]
fn whoever_is_asked_hears_that_it_is_waited_for_if_it_wants_to_hear_of_progress() {
    let house = House::with(LETS);
    let session = house.session(&json!({"elicitation": {}}));
    let header = format!("Mcp-Session-Id: {session}\r\n");
    let body = call(1, "ask", json!({"progressToken": "mine"}));
    let mut stream = house.begin("POST /mcp/tells", &header, &body);
    stream.head();
    let question = stream.next().unwrap();
    assert_eq!(question["method"], "elicitation/create");
    let waited = stream.next().unwrap();
    assert_eq!(waited["method"], "notifications/progress");
    assert_eq!(waited["params"]["progressToken"], "mine");
    assert!(waited["params"]["progress"].as_f64().unwrap() < 0.0, "{waited}");
    assert_eq!(house.answer(&session, &question, &house.token).status, 202);
    // It may be told more than once.
    assert!(std::iter::from_fn(|| stream.next()).any(|it| it["id"] == 1));
}
