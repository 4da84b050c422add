//! What is under way when its authority is withdrawn is cut: its caller is told, its server too, and
//! nobody waits for the answer.

use std::{
    io::Write as _,
    sync::{Mutex, mpsc},
};

use serde_json::{Value, json};

use crate::{
    governor::{Governor, read_answer, until},
    liar::{Liar, files},
    stopping::{begin, call, message},
};

/// Nothing more is asked over this connection.
const CLOSE: &str = "Connection: close\r\n";

/// A server whose tools answer when they are let.
fn waiting() -> (Liar, mpsc::Sender<()>) {
    let (release, released) = mpsc::channel();
    let released = Mutex::new(released);
    let liar = Liar::start(&["work", "rest"], move |asked, stream| {
        let _gone = released.lock().unwrap().recv();
        let body = asked.answer("done");
        let head = "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length";
        let _gone = stream.write_all(format!("{head}: {}\r\n\r\n{body}", body.len()).as_bytes());
    });
    (liar, release)
}

/// Gives the outcomes on record, in words.
fn outcomes(governor: &Governor) -> Vec<(String, String)> {
    let records = governor.records().into_iter().filter(|it| it["kind"] == "outcome");
    let text = |it: &Value| it.as_str().unwrap_or_default().to_owned();
    records.map(|it| (text(&it["outcome"]), text(&it["detail"]))).collect()
}

#[test]
fn a_call_that_is_under_way_is_cut_by_whatever_withdraws_its_authority() {
    for withdraw in [
        "task end TASK",
        "contain TASK --why test",
        "contain agent --why test",
        "contain --class interactive-agent --why test",
        "contain --all --why test",
        "contain server:liar --why test",
        "contain tool:liar__work --why test",
    ] {
        let (liar, never) = waiting();
        let governor = liar.governed("", "");
        let (task, token) = governor.open("agent", "working", &[]);
        let under_way = begin(&governor, &token, "/mcp/liar", CLOSE, &call("work", &json!({})));
        until("the call has arrived", || liar.calls() == 1);
        let words: Vec<_> =
            withdraw.split(' ').map(|it| if it == "TASK" { &*task } else { it }).collect();
        governor.json(&words);
        // Its server has not answered, and will not.
        let answer = message(&read_answer(under_way));
        let why = answer["error"]["message"].as_str().unwrap_or_default();
        assert!(why.starts_with("cut: "), "{withdraw}: {answer}");
        let named = why.contains("has ended") || why.contains("contained meanwhile");
        assert!(named, "{withdraw}: {why}");
        until("the outcome is on record", || outcomes(&governor).len() == 1);
        let (outcome, detail) = outcomes(&governor).remove(0);
        assert_eq!(outcome, "none", "{withdraw}");
        assert!(detail.contains("cut: "), "{withdraw}: {detail}");
        drop(never);
    }
}

#[test]
fn what_has_nothing_to_do_with_what_is_withdrawn_goes_on() {
    let (liar, release) = waiting();
    let governor = liar.governed("", "");
    let (_, token) = governor.open("agent", "working", &[]);
    let (other, _) = governor.open("agent", "working", &[]);
    let under_way = begin(&governor, &token, "/mcp/liar", CLOSE, &call("work", &json!({})));
    until("the call has arrived", || liar.calls() == 1);
    governor.json(&["contain", "tool:liar__rest", "--why", "test"]);
    governor.json(&["task", "end", &other]);
    assert!(outcomes(&governor).is_empty());
    release.send(()).unwrap();
    let answer = message(&read_answer(under_way));
    assert_eq!(answer["result"]["content"][0]["text"], "done", "{answer}");
    until("the outcome is on record", || outcomes(&governor).len() == 1);
    assert_eq!(outcomes(&governor), [("ok".to_owned(), String::new())]);
}

#[test]
fn a_child_is_told_that_nobody_wants_its_answer_and_serves_the_next_task() {
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/../gateway/tests/servers/tells.py");
    let path = std::env::var("PATH").unwrap();
    let server =
        format!("command = [\"python3\", \"-B\", {script:?}]\nenv = {{ PATH = {path:?} }}");
    let governor = Governor::start(&files(&server, "", "[\"hang\", \"notes\"]"));
    let (task, token) = governor.open("agent", "working", &[]);
    let under_way = begin(&governor, &token, "/mcp/liar", CLOSE, &call("hang", &json!({})));
    let decided = |it: &Value| it["kind"] == "decision";
    until("the call is decided", || governor.records().iter().any(decided));
    governor.json(&["task", "end", &task]);
    let answer = message(&read_answer(under_way));
    let why = answer["error"]["message"].as_str().unwrap_or_default();
    assert!(why.starts_with("cut: the task"), "{answer}");
    let (_, token) = governor.open("agent", "working", &[]);
    until("it was told", || {
        let asked = begin(&governor, &token, "/mcp/liar", CLOSE, &call("notes", &json!({})));
        let answer = message(&read_answer(asked));
        let notes = answer["result"]["content"][0]["text"].as_str().unwrap();
        let notes: Value = serde_json::from_str(notes).unwrap();
        notes["given_up"] == notes["asked"] && notes["asked"].as_array().unwrap().len() == 1
    });
}
