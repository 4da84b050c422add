//! A governor whose calls wait, and a client of 2026-07-28 that is driven round by round.

use serde_json::{Map, Value, json};

use crate::governor::{Answer, Governor, NOTES, until};

/// A governor with one person, and a task whose writing is held.
pub(super) struct House {
    pub(super) governor: Governor,
    pub(super) by: Vec<String>,
    pub(super) task: String,
    pub(super) token: String,
}

/// Waits longer than any test.
pub(super) const LONG: &str = "5m";
/// Is over at once.
pub(super) const SHORT: &str = "20ms";

impl House {
    /// Starts a governor that keeps callers for so long.
    pub(super) fn start(span: &str) -> Self {
        Self::with(span, &[])
    }

    /// Starts one with more files.
    pub(super) fn with(span: &str, more: &[(&str, &str)]) -> Self {
        let config = NOTES[0].1.replace("\"0s\"", &format!("\"{span}\""));
        let files: Vec<_> = std::iter::once(("bailiwick.toml", config.as_str()))
            .chain(NOTES[1..].iter().copied())
            .chain(more.iter().copied())
            .collect();
        let governor = Governor::start(&files);
        let by = governor.person("ada");
        let (task, token) = governor.open("reader", "asking", &[]);
        Self { governor, by, task, token }
    }

    /// Makes the call that is held, in one round.
    pub(super) fn write(&self, more: &Value) -> Value {
        self.call(&self.token, &arguments("hello"), more)
    }

    /// Makes a call in one round, with more members beside its own.
    pub(super) fn call(&self, token: &str, arguments: &Value, more: &Value) -> Value {
        let body = body("write_note", arguments, more, "{}");
        message(&self.governor.post("/mcp/notes", token, HEADERS, &body))
    }

    /// Waits until somebody's call is held, and gives the ticket.
    pub(super) fn ticket(&self) -> String {
        let mut held = Value::Null;
        until("a call is held", || {
            held = self.governor.json(&["hold", "list"])["holds"][0]["id"].clone();
            held.is_string()
        });
        held.as_str().unwrap().to_owned()
    }

    /// Answers a ticket, from another terminal.
    pub(super) fn answer(&self, what: &str, hold: &str) {
        let mut words = vec!["hold", what, hold];
        words.extend(self.by.iter().map(String::as_str));
        self.governor.json(&words);
    }

    /// Gives the verdicts on record, oldest first.
    pub(super) fn verdicts(&self) -> Vec<String> {
        let path = self.governor.json(&["path", &self.task]);
        let steps = path["steps"].as_array().unwrap().iter();
        steps.map(|it| it["verdict"].as_str().unwrap().to_owned()).collect()
    }

    /// Counts the findings of one code.
    pub(super) fn findings(&self, code: &str) -> usize {
        let records = self.governor.records();
        records.iter().filter(|it| it["code"] == code || it["finding"]["code"] == code).count()
    }
}

/// The headers of every request to `write_note`.
pub(super) const HEADERS: &[(&str, &str)] = &[
    ("MCP-Protocol-Version", "2026-07-28"),
    ("Mcp-Method", "tools/call"),
    ("Mcp-Name", "write_note"),
];

pub(super) fn arguments(text: &str) -> Value {
    json!({"path": "/notes/today", "text": text})
}

/// Writes a call of a client that declares `capabilities`.
pub(super) fn body(tool: &str, arguments: &Value, more: &Value, capabilities: &str) -> String {
    let capabilities: Value = serde_json::from_str(capabilities).unwrap();
    let meta = json!({
        "io.modelcontextprotocol/protocolVersion": "2026-07-28",
        "io.modelcontextprotocol/clientCapabilities": capabilities,
    });
    let mut params = json!({"name": tool, "arguments": arguments, "_meta": meta});
    let none = Map::new();
    for (name, value) in more.as_object().unwrap_or(&none) {
        params[name] = value.clone();
    }
    json!({"jsonrpc": "2.0", "id": 7, "method": "tools/call", "params": params}).to_string()
}

/// Gives the answer's message: plain, or as the last event of a stream.
pub(super) fn message(answer: &Answer) -> Value {
    assert_eq!(answer.status, 200, "{answer:?}");
    if answer.header("content-type") == Some("application/json") {
        return answer.json();
    }
    let mut events = answer.body.lines().filter_map(|it| it.strip_prefix("data: "));
    serde_json::from_str(events.next_back().unwrap()).unwrap()
}

/// Gives what the next round must bring; a call that is over fails the test.
pub(super) fn state(message: &Value) -> Value {
    let result = &message["result"];
    assert_eq!(result["resultType"], "input_required", "{message}");
    json!({"requestState": result["requestState"]})
}

/// Gives the code of a refusal's reason.
pub(super) fn why(message: &Value) -> &Value {
    &message["result"]["structuredContent"]["code"]
}
