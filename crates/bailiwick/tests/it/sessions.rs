//! Sessions of clients up to 2025-11-25: no gateway keeps one, so every gateway serves all.

use std::{net::TcpListener, process::Command};

use serde_json::{Value, json};

use crate::{
    governor::{Governor, NOTES},
    liar::files,
};

const SESSIONS: usize = 1000;
const MCP: &str = "/mcp/notes";

/// Starts three governors that were one: each has a copy of its state, so all know the same keys
/// and the same open task, and nothing that happens at one of them afterwards reaches the others.
fn three() -> (Vec<Governor>, String) {
    let mut first = Governor::prepare(NOTES);
    listen(&first, "127.0.0.1:0");
    first.serve();
    let (_, token) = first.open("reader", "reading", &[]);
    first.stop();
    let copy = || {
        let other = Governor::prepare(&[]);
        let from = format!("{}/.", first.folder().display());
        let to = other.folder().display().to_string();
        assert!(Command::new("cp").args(["-a", &from, &to]).status().unwrap().success());
        other
    };
    let others = [copy(), copy()];
    let mut all: Vec<_> = [first].into_iter().chain(others).collect();
    for governor in &mut all {
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let address = format!("127.0.0.1:{port}");
        listen(governor, &address);
        governor.serve();
        governor.listens_at(&address);
    }
    (all, token)
}

/// Has a governor listen at `address`, under the name that all of them have outside.
fn listen(governor: &Governor, address: &str) {
    let here = format!("http = \"{address}\"\npublic_url = \"http://gateway.example\"");
    let words = NOTES[0].1.replace("http = \"127.0.0.1:0\"", &here);
    governor.write("bailiwick.toml", &words);
}

fn message(id: usize, method: &str, params: Value) -> String {
    json!({ "jsonrpc": "2.0", "id": id, "method": method, "params": params }).to_string()
}

#[test]
fn a_thousand_sessions_over_three_gateways_in_turn_lose_none() {
    let (gateways, token) = three();
    let in_turn = |number: usize| &gateways[number % gateways.len()];
    let hello = json!({ "protocolVersion": "2025-11-25", "capabilities": {}, "clientInfo": { "name": "a", "version": "1" } });
    let mut sessions = std::collections::BTreeSet::new();
    for number in 0..SESSIONS {
        let opened = message(number, "initialize", hello.clone());
        let opened = in_turn(number).post(MCP, &token, &[], &opened);
        let session = opened.header("mcp-session-id").unwrap_or_else(|| panic!("{opened:?}"));
        let in_session = [("Mcp-Session-Id", session), ("MCP-Protocol-Version", "2025-11-25")];
        // Whoever answers has never seen this session.
        let asked = message(number, "tools/list", json!({}));
        let listed = in_turn(number + 1).post(MCP, &token, &in_session, &asked);
        assert_eq!(listed.status, 200, "{number}: {listed:?}");
        assert_eq!(listed.json()["result"]["tools"][0]["name"], "read_note", "{number}");
        if number % 50 == 0 {
            let params = json!({ "name": "read_note", "arguments": { "path": "/notes/1" } });
            let asked = message(number, "tools/call", params);
            let called = in_turn(number + 2).post(MCP, &token, &in_session, &asked);
            assert!(called.json()["result"].is_object(), "{number}: {called:?}");
        }
        sessions.insert(session.to_owned());
    }
    assert_eq!(sessions.len(), SESSIONS, "no two of them are the same");

    let changed = format!("{}A", sessions.first().unwrap());
    let in_session = [("Mcp-Session-Id", &*changed), ("MCP-Protocol-Version", "2025-11-25")];
    for gateway in &gateways {
        let asked = message(1, "tools/list", json!({}));
        assert_eq!(gateway.post(MCP, &token, &in_session, &asked).status, 404);
    }
}

#[test]
fn a_server_that_is_not_there_yet_is_not_said_to_offer_nothing() {
    // It never is, so that nothing here depends on how long it takes.
    let governor = Governor::start(&files("command = [\"/bin/false\"]", "", "[\"work\"]"));
    let (_, token) = governor.open("agent", "working", &[]);
    let hello = json!({ "protocolVersion": "2025-11-25", "capabilities": {}, "clientInfo": { "name": "a", "version": "1" } });
    let opened = governor.ask("/mcp/liar", &token, "initialize", &hello);
    for kind in ["tools", "resources", "prompts"] {
        let said = &opened["result"]["capabilities"][kind];
        assert_eq!(said["listChanged"], true, "{kind}: {opened}");
    }
    let listed = governor.ask("/mcp/liar", &token, "tools/list", &json!({}));
    assert!(listed["error"]["message"].is_string(), "{listed}");
}
