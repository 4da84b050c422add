//! What a governor tells of itself: logs, metrics, traces; and what none of them may tell.

mod collector;
mod leak;
mod leased;

use std::fs;

use serde_json::{Value, json};

use self::collector::Collector;
use crate::governor::{Answer, Governor, NOTES, until};

const TRACE: &str = "4bf92f3577b34da6a3ce929d0e0e4736";

/// The notes, with more in the configuration.
fn with(more: &str) -> Governor {
    let config = NOTES[0].1.replace("[state]", &format!("{more}\n[state]"));
    let governor = Governor::prepare(&NOTES[1..]);
    governor.write("bailiwick.toml", &config);
    governor
}

/// Starts a governor that logs as its configuration says, into a file.
fn serve_logging(governor: &mut Governor) {
    let log = fs::File::create(governor.path("log")).unwrap();
    governor.serve_with(|command| {
        command.env_remove("BAILIWICK_LOG").stderr(log);
    });
}

fn metrics(governor: &Governor, token: &str) -> Answer {
    let request = format!(
        "GET /metrics HTTP/1.1\r\nHost: {}\r\nAuthorization: Bearer {token}\r\nConnection: close\r\n\r\n",
        governor.host(),
    );
    governor.raw(request.as_bytes())
}

fn read_metrics(governor: &Governor) -> String {
    let token = fs::read_to_string(governor.path("state/metrics.token")).unwrap();
    let answer = metrics(governor, &token);
    assert_eq!(answer.status, 200, "{answer:?}");
    answer.body
}

#[test]
fn metrics_want_a_token_of_their_own() {
    let governor = Governor::start(NOTES);
    let admin = fs::read_to_string(governor.path("state/admin.token")).unwrap();
    let watcher = fs::read_to_string(governor.path("state/metrics.token")).unwrap();
    for token in ["", "x", &admin] {
        assert_eq!(metrics(&governor, token).status, 401);
    }
    assert_eq!(metrics(&governor, &watcher).status, 200);
    // It opens nothing else.
    let tasks = format!(
        "GET /api/v1/tasks HTTP/1.1\r\nHost: {}\r\nAuthorization: Bearer {watcher}\r\nConnection: close\r\n\r\n",
        governor.host(),
    );
    assert_eq!(governor.raw(tasks.as_bytes()).status, 401);
    assert_eq!(governor.admin("GET", "/metrics", &json!({})).status, 200);
}

#[test]
fn metrics_count_what_happened_under_few_labels() {
    let governor = Governor::start(NOTES);
    let (_, token) = governor.open("reader", "asking", &[]);
    governor.call(&token, "read_note", &json!({"path": "/notes/a"}));
    governor.call(&token, "write_note", &json!({"path": "/notes/a", "text": "b"}));
    governor.call(&token, "no_such_tool", &json!({"path": "/notes/a"}));
    governor.ask("/mcp/notes", "no-token", "tools/list", &json!({}));
    let text = read_metrics(&governor);
    for line in [
        "bailiwick_calls_total{server=\"notes\",verdict=\"allow\"} 1",
        "bailiwick_calls_total{server=\"notes\",verdict=\"hold\"} 1",
        "bailiwick_calls_total{server=\"notes\",verdict=\"deny\"} 1",
        "bailiwick_outcomes_total{server=\"notes\",outcome=\"ok\"} 1",
        "bailiwick_callers_refused_total{why=\"malformed\"} 1",
        "bailiwick_holds_waiting 1",
        "bailiwick_ledger_good 1",
        "bailiwick_recording 0",
        "bailiwick_server_up{server=\"notes\"} 1",
        "bailiwick_decision_seconds_count 3",
        "bailiwick_record_seconds_count 3",
        "bailiwick_upstream_seconds_count{server=\"notes\"} 1",
    ] {
        assert!(text.contains(&format!("{line}\n")), "`{line}` in\n{text}");
    }
    for word in ["no_such_tool", "reader", "/notes/a"] {
        assert!(!text.contains(word), "`{word}` would make a label without an end");
    }
}

#[test]
fn logs_name_the_call_that_they_are_about() {
    let line = the_line_of_a_hold("info");
    let said = &line["fields"];
    assert_eq!(said["caller"], "reader", "{line}");
    assert_eq!(said["action"], "notes__write_note");
    assert_eq!(line.get("span"), None);
    let line = the_line_of_a_hold("debug");
    let span = &line["span"];
    assert_eq!(span["name"], "call", "{line}");
    assert_eq!(span["task"], line["fields"]["task"]);
    assert_eq!(span["decision"], line["fields"]["decision"]);
    assert_eq!(span["resource"], "/notes/a");
    assert_eq!(span["verdict"], "hold");
}

/// Lets a call be held, and gives what is logged of it.
fn the_line_of_a_hold(level: &str) -> Value {
    let mut governor = with(&format!("[log]\nformat = \"json\"\nlevel = \"{level}\""));
    serve_logging(&mut governor);
    let (task, token) = governor.open("reader", "asking", &[]);
    governor.call(&token, "write_note", &json!({"path": "/notes/a", "text": "b"}));
    let mut line = None;
    until("the hold is logged", || {
        let log = fs::read_to_string(governor.path("log")).unwrap();
        line = log.lines().find(|it| it.contains("waits for a person")).map(str::to_owned);
        line.is_some()
    });
    let line: Value = serde_json::from_str(&line.unwrap()).unwrap();
    assert_eq!(line["fields"]["task"], task.as_str());
    line
}

#[test]
fn a_log_is_as_quiet_and_as_plain_as_its_configuration_says() {
    let mut governor = with("[log]\nformat = \"text\"\nlevel = \"error\"");
    serve_logging(&mut governor);
    governor.stop();
    assert_eq!(fs::read_to_string(governor.path("log")).unwrap(), "", "a warning is no error");
    governor.write(
        "bailiwick.toml",
        &NOTES[0].1.replace("[state]", "[log]\nformat = \"text\"\n[state]"),
    );
    serve_logging(&mut governor);
    governor.stop();
    let log = fs::read_to_string(governor.path("log")).unwrap();
    assert!(log.contains("WARN bailiwick::serve") && !log.contains('{'), "{log}");
    let refused = with("[log]\nlevel = \"loud\"");
    let checked = refused.run(&["check"]);
    assert!(checked.code == 2 && checked.stdout.contains("loud"), "{checked:?}");
}

#[test]
fn a_trace_goes_on_through_the_gateway() {
    let collector = Collector::start();
    let mut governor = with(&format!("[telemetry]\notlp = \"{}\"", collector.url()));
    governor.serve();
    let (task, token) = governor.open("reader", "reading", &[]);
    let call = |parent: &str, path: &str| {
        let meta = json!({"traceparent": parent});
        let params = json!({"name": "read_note", "arguments": {"path": path}, "_meta": meta});
        governor.ask("/mcp/notes", &token, "tools/call", &params)
    };
    call(&format!("00-{TRACE}-00f067aa0ba902b7-01"), "/notes/a");
    call("00-11111111111111111111111111111111-00f067aa0ba902b7-00", "/notes/unsampled");
    let spans = collector.until(4);
    let named = |name: &str| {
        let mut found = spans.iter().filter(|it| it["name"] == name);
        let one = found.next().unwrap_or_else(|| panic!("no `{name}` in {spans:?}"));
        assert!(found.next().is_none(), "`{name}` twice");
        one
    };
    let call = named("call notes__read_note");
    assert_eq!(call["traceId"], TRACE);
    assert_eq!(call["parentSpanId"], "00f067aa0ba902b7");
    let said = |key: &str| {
        let all = call["attributes"].as_array().unwrap();
        let one = all.iter().find(|it| it["key"] == key).unwrap_or_else(|| panic!("{call}"));
        one["value"]["stringValue"].as_str().unwrap().to_owned()
    };
    assert_eq!(said("bailiwick.task"), task);
    assert_eq!(said("bailiwick.verdict"), "allow");
    assert_eq!(said("bailiwick.outcome"), "ok");
    for inside in ["decide", "append", "send"] {
        assert_eq!(named(inside)["parentSpanId"], call["spanId"]);
        assert_eq!(named(inside)["traceId"], TRACE);
    }
    assert!(!spans.iter().any(|it| it.to_string().contains("unsampled")));
}

#[test]
fn a_header_names_the_trace_too_and_what_is_no_trace_begins_one() {
    let collector = Collector::start();
    let mut governor = with(&format!("[telemetry]\notlp = \"{}\"", collector.url()));
    governor.serve();
    let (_, token) = governor.open("reader", "reading", &[]);
    let parent = format!("00-{TRACE}-00f067aa0ba902b7-01");
    let body = json!({"jsonrpc": "2.0", "id": 1, "method": "tools/call",
        "params": {"name": "read_note", "arguments": {"path": "/secret"}}});
    for header in [parent.as_str(), "00-evil\"}-x"] {
        let answer =
            governor.post("/mcp/notes", &token, &[("traceparent", header)], &body.to_string());
        assert_eq!(answer.status, 200);
    }
    let spans = collector.until(6);
    let calls: Vec<_> = spans.iter().filter(|it| it["kind"] == 2).collect();
    assert_eq!(calls[0]["traceId"], TRACE);
    assert_eq!(calls[1].get("parentSpanId"), None, "{calls:?}");
    assert!(!spans.iter().any(|it| it.to_string().contains("evil")));
}

#[test]
fn a_collector_that_is_away_costs_spans_and_no_call() {
    let mut governor = with("[telemetry]\notlp = \"http://127.0.0.1:9\"");
    governor.serve();
    let (_, token) = governor.open("reader", "reading", &[]);
    let answer = governor.call(&token, "read_note", &json!({"path": "/notes/a"}));
    assert_ne!(answer["isError"], true);
    until("the loss is counted", || {
        let text = read_metrics(&governor);
        let lost = text.lines().find_map(|it| it.strip_prefix("bailiwick_spans_lost_total "));
        lost.is_some_and(|it| it.parse::<u64>().unwrap() >= 4)
    });
    governor.stop();
}
