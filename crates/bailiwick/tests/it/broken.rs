//! Something of ours breaks while a request is answered: it is refused, that is on record, and the
//! next one is answered.

use std::fs;

use serde_json::{Value, json};

use crate::governor::{Answer, Governor, NOTES, until};

/// What the panics say, and nobody may read.
const SAID: &str = "ghp_0123456789abcdefghijklmnopqrstuvwxAB";

/// A governor in which the first that passes `place` breaks.
struct House {
    governor: Governor,
    token: String,
}

impl House {
    fn breaking_at(place: &str) -> Self {
        let mut governor = Governor::prepare(NOTES);
        let log = fs::File::create(governor.path("log")).unwrap();
        governor.serve_with(|command| {
            command.env("BAILIWICK_BREAK", place).stderr(log);
        });
        let (_, token) = governor.open("reader", "reading", &[]);
        Self { governor, token }
    }

    fn call(&self) -> Answer {
        let body = json!({"jsonrpc": "2.0", "id": 1, "method": "tools/call",
            "params": {"name": "read_note", "arguments": {"path": "/notes/a"}}});
        self.governor.post("/mcp/notes", &self.token, &[], &body.to_string())
    }

    fn records(&self, kind: &str) -> Vec<Value> {
        self.governor.records().into_iter().filter(|it| it["kind"] == kind).collect()
    }

    /// Makes sure that the fault is on record, and that everything goes on and ends well.
    fn goes_on(mut self, surface: Option<&str>) {
        let again = self.call().json();
        assert_eq!(again["result"]["isError"], false, "the next is answered: {again}");
        let findings = self.records("finding");
        let faults: Vec<_> =
            findings.iter().filter(|it| it["code"] == "request-broke-off").collect();
        assert_eq!(faults.len(), usize::from(surface.is_some()), "{findings:?}");
        if let (Some(surface), Some(fault)) = (surface, faults.first()) {
            assert_eq!(fault["subject"], surface);
        }
        self.governor.stop();
        let verified = self.governor.json(&["ledger", "verify", "--against", "checkpoints"]);
        assert_eq!(verified["ok"], true, "{verified}");
        let log = fs::read_to_string(self.governor.path("log")).unwrap();
        assert!(log.contains("seam.rs"), "it says where it broke: {log}");
        let records = self.governor.run(&["ledger", "export"]).stdout;
        assert!(!log.contains(SAID) && !records.contains(SAID), "and not what was said: {log}");
    }
}

#[test]
fn a_fault_at_the_door_refuses_the_request() {
    let house = House::breaking_at("door");
    let answer = house.call();
    assert_eq!(answer.status, 500, "{answer:?}");
    assert_eq!(answer.json()["error"]["code"], -32603, "{answer:?}");
    assert!(house.records("decision").is_empty(), "nothing was decided");
    assert_eq!(house.governor.reached(), 0);
    house.goes_on(Some("/mcp"));
}

#[test]
fn a_fault_before_the_decision_is_a_recorded_refusal() {
    let house = House::breaking_at("lane");
    let answer = house.call();
    let result = &answer.json()["result"];
    assert_eq!(result["structuredContent"]["verdict"], "deny", "{answer:?}");
    assert_eq!(result["structuredContent"]["code"], "fault", "{answer:?}");
    let decisions = house.records("decision");
    assert_eq!(decisions.len(), 1, "{decisions:?}");
    assert_eq!(decisions[0]["decision"], answer.decision().unwrap());
    assert_eq!(house.governor.reached(), 0);
    house.goes_on(None);
}

#[test]
fn a_fault_after_the_call_was_sent_leaves_one_decision_and_one_outcome() {
    let house = House::breaking_at("sent");
    let answer = house.call();
    assert!(answer.json()["error"]["message"].is_string(), "{answer:?}");
    assert_eq!(house.governor.reached(), 1);
    let (decisions, outcomes) = (house.records("decision"), house.records("outcome"));
    assert_eq!((decisions.len(), outcomes.len()), (1, 1), "{decisions:?} {outcomes:?}");
    assert_eq!(outcomes[0]["outcome"], "none");
    assert_eq!(outcomes[0]["decision"], decisions[0]["decision"]);
    house.goes_on(None);
}

#[test]
fn a_fault_in_a_stream_breaks_the_stream_alone() {
    let house = House::breaking_at("stream");
    let head = format!(
        "GET /mcp/notes HTTP/1.1\r\nHost: {}\r\nAuthorization: Bearer {}\r\nAccept: text/event-stream\r\n\r\n",
        house.governor.host(),
        house.token,
    );
    let answer = house.governor.raw(head.as_bytes());
    assert!(!answer.body.ends_with("0\r\n\r\n"), "it does not end as if all was said: {answer:?}");
    until("the fault is on record", || {
        house.records("finding").iter().any(|it| it["code"] == "request-broke-off")
    });
    house.goes_on(Some("/mcp"));
}

#[test]
fn a_fault_at_the_token_endpoint_gives_no_token() {
    let house = House::breaking_at("token");
    let head = format!(
        "POST /oauth2/token HTTP/1.1\r\nHost: {}\r\nContent-Type: application/x-www-form-urlencoded\r\nConnection: close\r\nContent-Length: 3\r\n\r\na=b",
        house.governor.host(),
    );
    let answer = house.governor.raw(head.as_bytes());
    assert_eq!(answer.status, 500, "{answer:?}");
    assert_eq!(answer.json()["error"], "server_error", "{answer:?}");
    house.goes_on(Some("/oauth2"));
}

#[test]
fn a_fault_in_the_admin_api_is_told_to_the_command() {
    let house = House::breaking_at("admin");
    let said = house.governor.admin("GET", "/api/v1/tasks", &json!({}));
    assert_eq!((said.status, said.json()["code"].as_str()), (500, Some("fault")), "{said:?}");
    assert_eq!(house.governor.admin("GET", "/api/v1/tasks", &json!({})).status, 200);
    house.goes_on(Some("/api/v1"));
}

#[test]
fn a_refusal_whose_explanation_breaks_is_a_refusal_and_on_record() {
    let house = House::breaking_at("explained");
    let denied = house.governor.call(&house.token, "write_note", &json!({"path": "/notes/a"}));
    let told = &denied["structuredContent"];
    assert_eq!((&told["verdict"], told.get("asked")), (&json!("deny"), None), "{denied}");
    let records = house.records("decision");
    assert_eq!((records.len(), records[0].get("explained")), (1, None), "{records:?}");
    house.goes_on(None);
}
