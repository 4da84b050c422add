//! Answers that nobody reads: what is kept of all of them together is bounded, and whoever finds no
//! room is told what became of the call.

use std::{
    io::{Read as _, Write as _},
    net::TcpStream,
};

use serde_json::{Value, json};

use crate::{
    governor::{Governor, until},
    liar::{Asked, Liar},
    process::{memory, narrow},
};

/// One task has a quarter of this.
pub(crate) const ROOM: &str = "answers = \"16 MiB\"";
const MIB: usize = 1 << 20;

/// A server whose answers are as large as its tools say.
pub(crate) fn server() -> Liar {
    let reply = |asked: &Asked, stream: &mut TcpStream| {
        let size = match asked.tool.as_str() {
            "large" => 3 * MIB + MIB / 2,
            // With what is written around it, one task has room for not a byte more.
            "largest" => 4 * MIB - 200,
            _ => 100,
        };
        let body = asked.answer(&"x".repeat(size));
        let head = "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length:";
        let _gone = stream.write_all(format!("{head} {}\r\n\r\n{body}", body.len()).as_bytes());
    };
    Liar::start(&["large", "largest", "small"], reply)
}

fn request(governor: &Governor, token: &str, tool: &str) -> String {
    let body = json!({"jsonrpc": "2.0", "id": 7, "method": "tools/call",
        "params": {"name": tool, "arguments": {}}})
    .to_string();
    format!(
        "POST /mcp/liar HTTP/1.1\r\nHost: {}\r\nAuthorization: Bearer {token}\r\nContent-Type: application/json\r\nAccept: application/json, text/event-stream\r\nContent-Length: {}\r\n\r\n{body}",
        governor.host(),
        body.len()
    )
}

/// Calls, and reads nothing of the answer.
fn deaf(governor: &Governor, token: &str, tool: &str) -> TcpStream {
    let mut stream = narrow(governor.host());
    stream.write_all(request(governor, token, tool).as_bytes()).unwrap();
    stream
}

/// Calls, and gives the status and what was answered.
fn call(governor: &Governor, token: &str, tool: &str) -> (u16, Value) {
    let params = json!({"name": tool, "arguments": {}});
    let body = json!({"jsonrpc": "2.0", "id": 7, "method": "tools/call", "params": params});
    let answer = governor.post("/mcp/liar", token, &[], &body.to_string());
    (answer.status, answer.json())
}

/// Gives the outcomes on record of a task: the word, and why.
fn outcomes(governor: &Governor, task: &str) -> Vec<(String, String)> {
    let text = |it: &Value| it.as_str().unwrap_or_default().to_owned();
    let records = governor.records();
    let outcomes = records.iter().filter(|it| it["kind"] == "outcome" && it["task"] == *task);
    outcomes.map(|it| (text(&it["outcome"]), text(&it["detail"]))).collect()
}

/// Gives the words of all outcomes on record.
fn words(governor: &Governor) -> Vec<Value> {
    let records = governor.records().into_iter().filter(|it| it["kind"] == "outcome");
    records.map(|it| it["outcome"].clone()).collect()
}

fn message(answer: &Value) -> &str {
    assert_eq!(answer["id"], 7, "{answer}");
    answer["error"]["message"].as_str().unwrap_or_else(|| panic!("{answer}"))
}

#[test]
fn one_task_that_does_not_read_takes_its_own_room_and_nobody_elses() {
    let liar = server();
    let governor = liar.governed(ROOM, "");
    let (task, token) = governor.open("agent", "working", &[]);
    let (_, other) = governor.open("agent", "working", &[]);
    let unread = deaf(&governor, &token, "large");
    until("its answer is there", || !outcomes(&governor, &task).is_empty());

    let (status, answer) = call(&governor, &token, "large");
    assert_eq!(status, 200, "a call that was made is no refusal: {answer}");
    assert!(message(&answer).contains("its answer found no room"), "{answer}");
    assert!(message(&answer).contains("(dec_"), "{answer}");
    assert_eq!(call(&governor, &token, "small").1["result"]["isError"], Value::Null);
    let large = call(&governor, &other, "large").1;
    assert!(large["result"].is_object(), "another task has room");

    drop(unread);
    let mut last = Value::Null;
    until("there is room again", || {
        last = call(&governor, &token, "large").1;
        last["result"].is_object()
    });
    let outcomes = outcomes(&governor, &task);
    assert_eq!(outcomes[0].0, "ok");
    let (word, why) = &outcomes[1];
    assert_eq!(word, "none", "what its server did is not known");
    assert!(
        why.contains(
            "its answer found no room: the answers of one task under way have more than 4 MiB"
        ),
        "{why}"
    );
}

#[test]
fn where_there_is_no_room_for_any_answer_nothing_is_asked() {
    let liar = server();
    let governor = liar.governed(ROOM, "");
    let (task, token) = governor.open("agent", "working", &[]);
    let unread = deaf(&governor, &token, "largest");
    until("its answer is there", || !outcomes(&governor, &task).is_empty());
    let (status, answer) = call(&governor, &token, "small");
    assert_eq!(status, 429, "{answer}");
    assert!(answer["error"]["message"].as_str().unwrap().contains("4 MiB"), "{answer}");
    assert_eq!(liar.calls(), 1, "it was not asked");
    let decisions = governor.records().iter().filter(|it| it["kind"] == "decision").count();
    assert_eq!(decisions, 1, "nothing was decided");
    drop(unread);
    until("there is room again", || call(&governor, &token, "small").0 == 200);
}

#[test]
fn all_tasks_together_keep_a_bounded_number_of_bytes() {
    let liar = server();
    let governor = liar.governed(ROOM, "");
    let (mut unread, before) = (Vec::new(), memory(&governor));
    let tasks: Vec<_> = (0..10).map(|_| governor.open("agent", "working", &[])).collect();
    for round in 1..=5 {
        for (_, token) in &tasks {
            unread.push(deaf(&governor, token, "large"));
        }
        // Each is answered, or told that there is no room, before the next round.
        until("all of them were made", || words(&governor).len() == round * tasks.len());
    }
    let kept = memory(&governor).saturating_sub(before) / 1024;
    println!("{} answers of 3.5 MiB: {kept} MiB", unread.len());
    // All of them would be 175, and each may be there twice for a moment.
    assert!(kept < 80, "{kept} MiB");
    let words = words(&governor);
    assert_eq!(words.iter().filter(|it| *it == "ok").count(), 4, "{words:?}");
    // Whoever was told so hears it in full.
    let told = unread.into_iter().filter_map(said).filter(|it| it.contains("found no room"));
    assert_eq!(told.count(), 46);
}

/// Gives the beginning of an answer.
fn said(mut stream: TcpStream) -> Option<String> {
    let mut beginning = vec![0; 1000];
    let read = stream.read(&mut beginning).ok()?;
    Some(String::from_utf8_lossy(&beginning[..read]).into_owned())
}
