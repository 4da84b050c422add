//! The same for an MCP server over HTTP: its requests get a kept secret, and nobody is told it.

use std::net::TcpStream;

use bailiwick_connect::{KekSource, Secret, Vault, create_dir_private};
use bailiwick_model::Timestamp;
use serde_json::{Value, json};

use super::api::{self, Api, Request};
use crate::{
    governor::{Governor, until},
    liar::files,
    secrets::holding,
};

const VALUE: &str = "k3y-of-the/mcp+server";

/// A server of 2025-11-25 that gives back what it was sent, in an event that comes in small pieces.
fn echo(request: &Request, stream: &mut TcpStream) {
    let asked: Value = serde_json::from_str(&request.body).unwrap_or_default();
    let said =
        |result: Value| json!({"jsonrpc": "2.0", "id": asked["id"], "result": result}).to_string();
    let json = [("Content-Type", "application/json")];
    match asked["method"].as_str().unwrap_or(&request.line) {
        "initialize" => api::answer(
            stream,
            "200 OK",
            &json,
            &said(json!({
                "protocolVersion": "2025-11-25", "capabilities": {"tools": {}},
                "serverInfo": {"name": "echo", "version": "1"},
            })),
        ),
        "tools/list" => {
            let tools = json!([{"name": "echo", "inputSchema": {"type": "object"}}]);
            api::answer(stream, "200 OK", &json, &said(json!({"tools": tools})));
        }
        "tools/call" => {
            let sent = request.header("authorization").unwrap_or_default();
            let answer = said(json!({"content": [{"type": "text", "text": sent}]}));
            let event = format!("data: {answer}\n\n");
            let head = format!(
                "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nContent-Length: {}\r\n\r\n",
                event.len()
            );
            api::write(stream, head.as_bytes());
            for piece in event.as_bytes().chunks(7) {
                api::write(stream, piece);
            }
        }
        it if it.starts_with("notifications/") => api::answer(stream, "202 Accepted", &[], ""),
        it if it.starts_with("GET ") => api::answer(stream, "405 Method Not Allowed", &[], ""),
        _ => api::answer(stream, "404 Not Found", &[], ""),
    }
}

#[test]
fn an_mcp_server_gets_its_secret_and_no_caller_does() {
    let api = Api::start(echo);
    let server =
        format!("url = {:?}\n[server.credential]\nsecret = \"mcp-key\"\n", api.url("/mcp"));
    let mut governor = Governor::prepare(&files(&server, "", "[\"echo\"]"));
    let state = governor.path("state");
    create_dir_private(&state.join("keys")).unwrap();
    let source = KekSource::File(state.join("keys/secrets.key"));
    let vault = Vault::open(&state.join("secrets"), source).unwrap();
    vault.set(&"mcp-key".parse().unwrap(), &Secret::new(VALUE), Timestamp::from_millis(1)).unwrap();
    governor.serve();
    let (_, token) = governor.open("agent", "working", &[]);
    let mut said = Value::Null;
    until("the server is up", || {
        let params = json!({"name": "echo", "arguments": {}});
        said = governor.ask("/mcp/liar", &token, "tools/call", &params);
        said["result"]["content"].is_array() && said["result"]["isError"] != true
    });
    assert_eq!(api.last().header("authorization"), Some(&*format!("Bearer {VALUE}")));
    assert_eq!(said["result"]["content"][0]["text"], format!("Bearer {}", "*".repeat(VALUE.len())));
    let mut outcomes = governor.records().into_iter().filter(|it| it["kind"] == "outcome");
    let used = json!({"secret": "mcp-key", "version": 1, "at": "liar"});
    assert_eq!(outcomes.next_back().unwrap()["secret"], used);
    assert_eq!(holding(governor.folder(), VALUE), Vec::<String>::new());
}

#[test]
fn a_child_has_no_header_that_a_secret_could_stand_in() {
    let server = "command = [\"bailiwick\", \"demo-server\", \"notes\"]\n[server.credential]\nsecret = \"x\"\n";
    let governor = Governor::prepare(&files(server, "", "[\"read_note\"]"));
    let said = governor.run(&["check"]);
    assert_eq!(said.code, 2, "{said:?}");
    assert!(said.stdout.contains("a child gets `env`"), "{said:?}");
}
