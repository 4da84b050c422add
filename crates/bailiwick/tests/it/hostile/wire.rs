//! Wrong input over raw sockets: each gets a clear error, nothing of it reaches the tool server, and
//! the governor answers the next.

mod admin;
mod crowd;
mod door;
mod flood;
mod headers;
mod ids;
mod message;
mod smuggled;

use serde_json::{Value, json};

use crate::governor::{Answer, Governor, NOTES};

const PARSE_ERROR: i64 = -32700;
const INVALID_REQUEST: i64 = -32600;
const METHOD_NOT_FOUND: i64 = -32601;
const INVALID_PARAMS: i64 = -32602;
const HEADER_MISMATCH: i64 = -32020;
const UNSUPPORTED_VERSION: i64 = -32022;

/// A governor and the token of an open task that may read notes.
struct House {
    governor: Governor,
    token: String,
}

impl House {
    fn new() -> Self {
        let governor = Governor::start(NOTES);
        let (_, token) = governor.open("reader", "reading", &[]);
        Self { governor, token }
    }

    /// Gives the head of a request, with everything that a right one has.
    fn head(&self, line: &str, length: usize) -> String {
        format!(
            "{line} HTTP/1.1\r\nHost: {}\r\nAuthorization: Bearer {}\r\nContent-Type: application/json\r\nAccept: application/json, text/event-stream\r\nConnection: close\r\nContent-Length: {length}\r\n",
            self.governor.host(),
            self.token
        )
    }

    /// Posts a body of any bytes with more headers.
    fn post(&self, headers: &str, body: &[u8]) -> Answer {
        let head = self.head("POST /mcp/notes", body.len());
        self.governor.raw(&[head.as_bytes(), headers.as_bytes(), b"\r\n", body].concat())
    }

    /// Makes sure that the governor still answers, and that only these calls reached the server.
    fn goes_on(self, before: usize) {
        let read = self.governor.call(&self.token, "read_note", &json!({"path": "/notes/last"}));
        assert_eq!(read["isError"], false, "{read}");
        assert_eq!(self.governor.reached(), before.saturating_add(1));
    }
}

/// Checks that an answer is an error with this code, and says something.
fn is_error(name: &str, answer: &Answer, code: i64) -> Value {
    let body = answer.json();
    assert_eq!(body["error"]["code"], code, "{name}: {answer:?}");
    assert!(body["error"]["message"].as_str().is_some_and(|it| 8 < it.len()), "{name}: {body}");
    assert_eq!(body["jsonrpc"], "2.0", "{name}");
    body
}

fn with_params(params: &str) -> String {
    format!(r#"{{"jsonrpc":"2.0","id":7,"method":"tools/call","params":{params}}}"#)
}
