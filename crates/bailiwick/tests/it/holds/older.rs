//! Clients up to 2025-11-25: their answer is held open.

use std::io::{BufRead as _, BufReader, Write as _};

use serde_json::{Value, json};

use super::client::{House, LONG, SHORT, arguments, message, why};

/// Makes the held call as an older client does.
fn write(house: &House, id: u32) -> crate::governor::Answer {
    let params = json!({"name": "write_note", "arguments": arguments("hello")});
    let body = json!({"jsonrpc": "2.0", "id": id, "method": "tools/call", "params": params});
    house.governor.post("/mcp/notes", &house.token, &[], &body.to_string())
}

#[test]
fn a_yes_from_another_terminal_completes_the_call_that_waits() {
    let house = House::start(LONG);
    let answer = std::thread::scope(|scope| {
        let waiting = scope.spawn(|| message(&write(&house, 1)));
        house.answer("approve", &house.ticket());
        waiting.join().unwrap()
    });
    assert_eq!(answer["result"]["isError"], false, "{answer}");
    assert_eq!(answer["result"]["resultType"], Value::Null, "that word came later: {answer}");
    assert_eq!(house.verdicts(), ["hold", "allow"]);
}

#[test]
fn a_no_and_the_end_of_the_task_end_the_wait() {
    for (end, code) in [(false, "refused"), (true, "task_ended")] {
        let house = House::start(LONG);
        let answer = std::thread::scope(|scope| {
            let waiting = scope.spawn(|| message(&write(&house, 1)));
            let hold = house.ticket();
            if end {
                house.governor.json(&["task", "end", &house.task]);
            } else {
                house.answer("deny", &hold);
            }
            waiting.join().unwrap()
        });
        assert_eq!(why(&answer), code, "{answer}");
        assert_eq!(house.governor.reached(), 0);
    }
}

#[test]
fn a_wait_that_was_in_vain_ends_with_the_ticket() {
    let house = House::start(SHORT);
    let answer = message(&write(&house, 1));
    let text = answer["result"]["content"][0]["text"].as_str().unwrap();
    assert!(text.contains(&house.ticket()), "{text}");
    assert_eq!(house.verdicts(), ["hold"]);
}

#[test]
fn a_client_that_cancels_is_no_longer_waited_for() {
    let house = House::start(LONG);
    let answer = std::thread::scope(|scope| {
        let waiting = scope.spawn(|| write(&house, 41));
        house.ticket();
        let cancel = json!({"jsonrpc": "2.0", "method": "notifications/cancelled", "params": {"requestId": 41}});
        let told = house.governor.post("/mcp/notes", &house.token, &[], &cancel.to_string());
        assert_eq!(told.status, 202);
        waiting.join().unwrap()
    });
    assert!(!answer.body.contains("result"), "what was cancelled wants no answer: {answer:?}");
    house.answer("approve", &house.ticket());
    assert_eq!(message(&write(&house, 42))["result"]["isError"], false);
}

#[test]
fn a_client_that_asked_for_progress_hears_at_once_that_its_call_waits() {
    let house = House::start(LONG);
    let params = json!({"name": "write_note", "arguments": arguments("hello"), "_meta": {"progressToken": "mine"}});
    let body =
        json!({"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": params}).to_string();
    let mut socket = house.governor.connect();
    let head = format!(
        "POST /mcp/notes HTTP/1.1\r\nHost: {}\r\nAuthorization: Bearer {}\r\nContent-Type: application/json\r\nAccept: application/json, text/event-stream\r\nContent-Length: {}\r\n\r\n",
        house.governor.host(),
        house.token,
        body.len()
    );
    socket.write_all(format!("{head}{body}").as_bytes()).unwrap();
    let mut lines = BufReader::new(socket).lines().map(Result::unwrap);
    let mut next = || -> Value {
        let line = lines.find_map(|it| it.strip_prefix("data: ").map(str::to_owned)).unwrap();
        serde_json::from_str(&line).unwrap()
    };
    // It is heard before anybody answers.
    let first = next();
    assert_eq!(first["method"], "notifications/progress", "{first}");
    assert_eq!(first["params"]["progressToken"], "mine", "{first}");
    assert!(first["params"]["progress"].as_f64().unwrap() < 0.0, "{first}");
    house.answer("approve", &house.ticket());
    // It may be told more than once that it waits.
    let answer = std::iter::from_fn(|| Some(next())).find(|it| it["id"] == 1).unwrap();
    assert_eq!(answer["result"]["isError"], false);
}

/// Opens a session, and gives its id.
fn session(house: &House, version: &str, capabilities: &Value) -> String {
    let params = json!({
        "protocolVersion": version,
        "capabilities": capabilities,
        "clientInfo": {"name": "test", "version": "1"},
    });
    let body = json!({"jsonrpc": "2.0", "id": 0, "method": "initialize", "params": params});
    let answer = house.governor.post("/mcp/notes", &house.token, &[], &body.to_string());
    answer.header("mcp-session-id").unwrap().to_owned()
}

#[test]
fn a_client_of_2025_11_25_that_opens_links_has_one_and_waits_when_it_comes_again() {
    let house = House::start(LONG);
    let session = session(&house, "2025-11-25", &json!({"elicitation": {"url": {}}}));
    let params = json!({"name": "write_note", "arguments": arguments("hello")});
    let body = json!({"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": params});
    let call = || {
        let headers =
            [("Mcp-Session-Id", session.as_str()), ("MCP-Protocol-Version", "2025-11-25")];
        message(&house.governor.post("/mcp/notes", &house.token, &headers, &body.to_string()))
    };
    let told = call();
    assert_eq!(told["error"]["code"], -32042, "{told}");
    let hold = house.ticket();
    let link = &told["error"]["data"]["elicitations"][0];
    assert_eq!(link["mode"], "url", "{told}");
    assert_eq!(link["url"], format!("{}/approve/{hold}", house.governor.url()));
    assert_eq!(link["elicitationId"], hold.as_str());

    let answer = std::thread::scope(|scope| {
        let waiting = scope.spawn(call);
        house.answer("approve", &hold);
        waiting.join().unwrap()
    });
    assert_eq!(answer["result"]["isError"], false, "{answer}");
    assert_eq!(house.governor.reached(), 1);
}

#[test]
fn no_other_client_hears_of_links_by_an_error() {
    for (version, capabilities) in [
        ("2025-11-25", json!({"elicitation": {}})),
        ("2025-06-18", json!({"elicitation": {"url": {}}})),
    ] {
        let house = House::start(SHORT);
        let session = session(&house, version, &capabilities);
        let params = json!({"name": "write_note", "arguments": arguments("hello")});
        let body = json!({"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": params});
        let headers = [("Mcp-Session-Id", session.as_str()), ("MCP-Protocol-Version", version)];
        let answer = house.governor.post("/mcp/notes", &house.token, &headers, &body.to_string());
        assert_eq!(message(&answer)["result"]["isError"], true, "{version}: {answer:?}");
    }
}
