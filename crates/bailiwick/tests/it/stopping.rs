//! How a governor ends when it is asked to: nobody new comes in, who is here is served or told,
//! everything is on record, and nobody waits for ever.

use std::{
    io::{BufRead as _, BufReader, Read as _, Write as _},
    net::TcpStream,
    path::Path,
    sync::{Mutex, mpsc},
    time::{Duration, Instant},
};

use serde_json::{Value, json};

use crate::{
    governor::{Answer, Governor, NOTES, PATIENCE, read_answer, until},
    liar::{Liar, files},
};

/// Far less than what would be waited for otherwise, which is five minutes and more, and far more than it
/// takes on a busy machine.
const LONG: Duration = Duration::from_secs(100);

/// Sends a request and leaves its answer for later.
pub(crate) fn begin(
    governor: &Governor,
    token: &str,
    path: &str,
    headers: &str,
    body: &Value,
) -> TcpStream {
    let body = body.to_string();
    let mut stream = governor.connect();
    stream.set_read_timeout(Some(PATIENCE.saturating_mul(2))).unwrap();
    let head = format!(
        "POST {path} HTTP/1.1\r\nHost: {}\r\nAuthorization: Bearer {token}\r\nContent-Type: application/json\r\nAccept: application/json, text/event-stream\r\nContent-Length: {}\r\n{headers}\r\n",
        governor.host(),
        body.len(),
    );
    stream.write_all(format!("{head}{body}").as_bytes()).unwrap();
    stream
}

pub(crate) fn call(tool: &str, arguments: &Value) -> Value {
    let params = json!({"name": tool, "arguments": arguments});
    json!({"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": params})
}

/// Gives the last message of an answer, whether it came whole or as a stream.
pub(crate) fn message(answer: &Answer) -> Value {
    let last = answer.body.lines().filter_map(|it| it.strip_prefix("data: ")).next_back();
    serde_json::from_str(last.unwrap_or(&answer.body)).unwrap_or_else(|_| panic!("{answer:?}"))
}

/// Gives the outcomes on record of a governor that has ended, and makes sure that all of it is
/// signed and chained.
fn outcomes(governor: &Governor) -> Vec<String> {
    let verified = governor.json(&["ledger", "verify", "--against", "checkpoints"]);
    assert_eq!(verified["ok"], true, "{verified}");
    assert_eq!(
        verified["checkpoint"]["seq"], verified["records"],
        "the head is signed: {verified}"
    );
    let records = governor.records();
    let of_kind = |kind: &str| records.iter().filter(|it| it["kind"] == kind).cloned().collect();
    let (decisions, outcomes): (Vec<_>, Vec<Value>) = (of_kind("decision"), of_kind("outcome"));
    assert_eq!(decisions.len(), 1, "one decision: {records:?}");
    assert!(outcomes.iter().all(|it| it["decision"] == decisions[0]["decision"]));
    outcomes.iter().map(|it| it["outcome"].as_str().unwrap().to_owned()).collect()
}

fn until_nobody_listens(governor: &Governor) {
    until("the listener is closed", || !governor.is_listening());
}

/// A server whose one tool answers when it is let.
fn waiting() -> (Liar, mpsc::Sender<()>) {
    let (release, released) = mpsc::channel();
    let released = Mutex::new(released);
    let liar = Liar::start(&["work"], move |asked, stream| {
        assert_eq!(asked.tool, "work");
        let _gone = released.lock().unwrap().recv();
        let body = asked.answer("done");
        let head = "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length";
        let _gone = stream.write_all(format!("{head}: {}\r\n\r\n{body}", body.len()).as_bytes());
    });
    (liar, release)
}

#[test]
fn a_call_that_is_under_way_is_answered_and_nobody_new_is_let_in() {
    let (liar, release) = waiting();
    let mut governor = liar.governed("", "");
    let (_, token) = governor.open("agent", "working", &[]);
    let under_way = begin(&governor, &token, "/mcp/liar", "", &call("work", &json!({})));
    let idle = governor.connect();
    until("the call has arrived", || liar.calls() == 1);
    governor.ask_to_stop();
    until_nobody_listens(&governor);
    governor.refused(&["task", "open", "--as", "agent", "--template", "working"], 3);
    release.send(()).unwrap();
    let answer = message(&read_answer(under_way));
    assert_eq!(answer["result"]["content"][0]["text"], "done", "{answer}");
    assert_eq!(governor.ended(), 0);
    drop(idle);
    assert_eq!(outcomes(&governor), ["ok"]);
    assert!(!governor.path("state/admin.sock").exists());
}

#[test]
fn a_call_that_takes_too_long_is_cut_and_its_caller_is_told() {
    let (liar, _never) = waiting();
    let mut governor = liar.governed("drain = \"1s\"", "");
    let (_, token) = governor.open("agent", "working", &[]);
    let under_way = begin(&governor, &token, "/mcp/liar", "", &call("work", &json!({})));
    until("the call has arrived", || liar.calls() == 1);
    let asked = Instant::now();
    governor.ask_to_stop();
    let answer = message(&read_answer(under_way));
    let why = answer["error"]["message"].as_str().unwrap_or_default();
    assert!(why.contains("the gateway is stopping"), "{answer}");
    assert_eq!(governor.ended(), 0);
    assert!(asked.elapsed() < Duration::from_secs(12), "{:?}", asked.elapsed());
    assert_eq!(outcomes(&governor), ["none"]);
}

/// A governor before a child that hangs, with the child's process id in `reached/pid`.
fn with_child(listen: &str) -> (Governor, TcpStream) {
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/../gateway/tests/servers/tells.py");
    let path = std::env::var("PATH").unwrap();
    let words = "echo $$ > reached/pid; exec python3 -B \\\"$0\\\"";
    let server = format!(
        "command = [\"/bin/sh\", \"-c\", \"{words}\", {script:?}]\nenv = {{ PATH = {path:?} }}"
    );
    let governor = Governor::start(&files(&server, listen, "[\"hang\"]"));
    let (_, token) = governor.open("agent", "working", &[]);
    let under_way = begin(&governor, &token, "/mcp/liar", "", &call("hang", &json!({})));
    until("the call is decided", || governor.records().iter().any(|it| it["kind"] == "decision"));
    (governor, under_way)
}

fn is_running(governor: &Governor) -> bool {
    let pid = std::fs::read_to_string(governor.path("reached/pid")).unwrap();
    Path::new("/proc").join(pid.trim()).exists()
}

#[test]
fn children_end_with_the_governor_and_what_they_were_asked_has_its_outcome() {
    let (mut governor, under_way) = with_child("drain = \"200ms\"");
    assert!(is_running(&governor));
    governor.ask_to_stop();
    let answer = message(&read_answer(under_way));
    assert!(answer["error"]["message"].is_string(), "{answer}");
    assert_eq!(governor.ended(), 0);
    assert!(!is_running(&governor));
    assert_eq!(outcomes(&governor), ["none"]);
}

#[test]
fn a_second_signal_ends_it_at_once_and_the_record_is_whole() {
    let (mut governor, _under_way) = with_child("drain = \"10m\"");
    governor.ask_to_stop();
    until_nobody_listens(&governor);
    let asked = Instant::now();
    governor.ask_to_stop();
    assert_eq!(governor.ended(), 143);
    assert!(asked.elapsed() < LONG, "{:?}", asked.elapsed());
    until("the child is gone", || !is_running(&governor));
    // Nobody knows what became of the call, and the record does not pretend to.
    assert!(outcomes(&governor).is_empty());
}

#[test]
fn held_calls_and_streams_are_told_and_end() {
    let config = NOTES[0].1.replace("\"0s\"", "\"5m\"");
    let files: Vec<_> = [("bailiwick.toml", config.as_str())]
        .into_iter()
        .chain(NOTES[1..].iter().copied())
        .collect();
    let mut governor = Governor::start(&files);
    let (_, token) = governor.open("reader", "asking", &[]);
    let mut held = call("write_note", &json!({"path": "/notes/a", "text": "b"}));
    let older = begin(&governor, &token, "/mcp/notes", "", &held);
    held["params"]["_meta"] = json!({
        "io.modelcontextprotocol/protocolVersion": "2026-07-28",
        "io.modelcontextprotocol/clientCapabilities": {},
    });
    let headers =
        "MCP-Protocol-Version: 2026-07-28\r\nMcp-Method: tools/call\r\nMcp-Name: write_note\r\n";
    let newer = begin(&governor, &token, "/mcp/notes", headers, &held);
    until("both calls are held", || {
        let decided = governor.records().into_iter().filter(|it| it["kind"] == "decision");
        2 <= decided.count()
    });
    let mut hearing = governor.connect();
    let head = format!(
        "GET /mcp/notes HTTP/1.1\r\nHost: {}\r\nAuthorization: Bearer {token}\r\nAccept: text/event-stream\r\n\r\n",
        governor.host(),
    );
    hearing.write_all(head.as_bytes()).unwrap();
    let mut hearing = BufReader::new(hearing);
    let mut first = String::new();
    hearing.read_line(&mut first).unwrap();
    assert!(first.contains("200"), "{first}");

    let asked = Instant::now();
    governor.ask_to_stop();
    let answer = message(&read_answer(newer));
    assert_eq!(answer["result"]["resultType"], "input_required", "{answer}");
    assert!(answer["result"]["requestState"].is_string(), "the next governor goes on: {answer}");
    let answer = message(&read_answer(older));
    assert_eq!(answer["result"]["structuredContent"]["verdict"], "hold", "{answer}");
    let mut rest = String::new();
    hearing.read_to_string(&mut rest).unwrap();
    assert!(rest.ends_with("\r\n0\r\n\r\n"), "the stream ends as streams do: {rest:?}");
    assert_eq!(governor.ended(), 0);
    assert!(asked.elapsed() < LONG, "{:?}", asked.elapsed());
}

#[test]
fn half_a_request_does_not_keep_a_governor() {
    let config = NOTES[0].1.replace("[listen]\n", "[listen]\ndrain = \"10m\"\n");
    let files = [&[("bailiwick.toml", config.as_str())], &NOTES[1..]].concat();
    let mut governor = Governor::start(&files);
    let _half: Vec<_> = (0..20)
        .map(|number| {
            let mut stream = governor.connect();
            let text = if number % 2 == 0 { "POST /mcp/notes HTTP/1.1\r\nHost: x" } else { "" };
            stream.write_all(text.as_bytes()).unwrap();
            stream
        })
        .collect();
    let asked = Instant::now();
    governor.stop();
    assert!(asked.elapsed() < LONG, "{:?}", asked.elapsed());
}

#[test]
fn calls_that_a_kill_cut_off_have_an_outcome_after_the_next_start() {
    let (liar, _never) = waiting();
    let mut governor = liar.governed("", "");
    let (_, token) = governor.open("agent", "working", &[]);
    let (ended, other) = governor.open("agent", "working", &[]);
    let begin = |token: &str| begin(&governor, token, "/mcp/liar", "", &call("work", &json!({})));
    let _under_way = [begin(&token), begin(&other)];
    until("the calls have arrived", || liar.calls() == 2);
    // The call of a task that ends is cut at once, and has its outcome already.
    governor.json(&["task", "end", &ended]);
    let known = || governor.records().iter().filter(|it| it["kind"] == "outcome").count();
    until("the call that was cut has its outcome", || known() == 1);
    governor.kill();
    for _ in 0..2 {
        governor.serve();
        let records = governor.records();
        let ended: Vec<_> = records.iter().filter(|it| it["kind"] == "outcome").collect();
        assert_eq!(ended.len(), 2, "{records:?}");
        assert_ne!(ended[0]["decision"], ended[1]["decision"]);
        assert!(ended.iter().all(|it| it["outcome"] == "none"), "{ended:?}");
        governor.kill();
    }
}
