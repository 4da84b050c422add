//! Tool servers that lie about what they answer: each call ends in time, with a clear error or with
//! the one answer that counts, and has exactly one outcome.

use std::{
    fs,
    io::Write as _,
    net::TcpStream,
    path::Path,
    time::{Duration, Instant},
};

use serde_json::{Value, json};

use crate::{
    governor::Governor,
    liar::{Asked, Liar},
};

/// How long the governor waits for such a server.
const TIMEOUT: Duration = Duration::from_secs(2);

/// How a call ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Ends {
    /// With the answer.
    Well,
    /// With an error that says this, and nobody knows what became of the call.
    Unknown(&'static str),
    /// With the server's own error.
    Refused,
}

/// What the server does, how it does that, and how the call ends.
type Case = (&'static str, fn(&Asked, &mut TcpStream), Ends);

/// Sends something to somebody who may be gone.
fn send(stream: &mut TcpStream, text: &str) {
    let _gone = stream.write_all(text.as_bytes());
}

fn head(kind: &str, more: &str) -> String {
    format!("HTTP/1.1 200 OK\r\nContent-Type: {kind}\r\n{more}\r\n")
}

fn json_of(length: usize, body: &str) -> String {
    format!("{}{body}", head("application/json", &format!("Content-Length: {length}\r\n")))
}

/// An answer that says what the server does next: it closes. Another call would lose the race.
fn whole(body: &str) -> String {
    let more = format!("Connection: close\r\nContent-Length: {}\r\n", body.len());
    format!("{}{body}", head("application/json", &more))
}

fn event(message: &str) -> String {
    format!("data: {message}\n\n")
}

const STREAM: &str = "text/event-stream";
const NOTE: &str = r#"{"jsonrpc":"2.0","method":"notifications/message","params":{"data":"x"}}"#;

/// Sends something again and again, as long as anybody takes it.
fn for_ever(stream: &mut TcpStream, text: &str, pause: Duration) {
    while stream.write_all(text.as_bytes()).is_ok() {
        std::thread::sleep(pause);
    }
}

/// Says nothing more, until the other side goes.
fn hang(stream: &TcpStream) {
    let mut stream = stream;
    let _gone = std::io::Read::read(&mut stream, &mut [0; 1]);
}

const LENGTHS: [Case; 8] = [
    ("honest", |asked, to| send(to, &whole(&asked.answer("done"))), Ends::Well),
    (
        "a length too long",
        |asked, to| send(to, &json_of(1000, &asked.answer("done"))),
        Ends::Unknown("broke off"),
    ),
    (
        "a length too long, and it stays",
        |asked, to| {
            send(to, &json_of(1000, &asked.answer("done")));
            hang(to);
        },
        Ends::Unknown("no answer within"),
    ),
    (
        "a length too short",
        |asked, to| send(to, &json_of(20, &asked.answer("done"))),
        Ends::Unknown("not asked"),
    ),
    (
        "two lengths",
        |asked, to| {
            let body = asked.answer("done");
            let more = format!("Content-Length: {}\r\nContent-Length: 3\r\n", body.len());
            send(to, &format!("{}{body}", head("application/json", &more)));
        },
        Ends::Unknown("did not answer"),
    ),
    (
        "no length, to the end",
        |asked, to| send(to, &format!("{}{}", head("application/json", ""), asked.answer("done"))),
        Ends::Well,
    ),
    (
        "chunks that end early",
        |asked, to| {
            let head = head("application/json", "Transfer-Encoding: chunked\r\n");
            send(to, &format!("{head}ffff\r\n{}", asked.answer("done")));
        },
        Ends::Unknown("broke off"),
    ),
    (
        "it never ends",
        |_, to| {
            send(to, &head("application/json", ""));
            for_ever(to, &" ".repeat(64 << 10), Duration::ZERO);
        },
        Ends::Unknown("broke off"),
    ),
];

const TIMES: [Case; 6] = [
    ("nothing", |_, to| hang(to), Ends::Unknown("no answer within")),
    ("it closes", |_, _| {}, Ends::Unknown("did not answer")),
    (
        "half a head",
        |_, to| {
            send(to, "HTTP/1.1 200 OK\r\nContent-Type: app");
            hang(to);
        },
        Ends::Unknown("no answer within"),
    ),
    (
        "a head that never ends",
        |_, to| {
            send(to, "HTTP/1.1 200 OK\r\n");
            for_ever(to, &format!("X-A: {}\r\n", "b".repeat(1000)), Duration::ZERO);
        },
        Ends::Unknown("did not answer"),
    ),
    (
        "a drip",
        |asked, to| {
            send(to, &json_of(1 << 20, &asked.answer("done")));
            for_ever(to, " ", Duration::from_millis(50));
        },
        Ends::Unknown("no answer within"),
    ),
    (
        "it says for ever that it goes on",
        |_, to| for_ever(to, "HTTP/1.1 102 Processing\r\n\r\n", Duration::from_millis(1)),
        Ends::Unknown(""),
    ),
];

const ANSWERS: [Case; 9] = [
    (
        "two answers",
        |asked, to| {
            let both = [asked.answer("done"), asked.answer("twice")].concat();
            send(to, &whole(&both));
        },
        Ends::Unknown("not asked"),
    ),
    (
        "another's id",
        |_, to| send(to, &whole(r#"{"jsonrpc":"2.0","id":99999,"result":{}}"#)),
        Ends::Unknown("not asked"),
    ),
    (
        "no id",
        |_, to| send(to, &whole(r#"{"jsonrpc":"2.0","id":null,"result":{}}"#)),
        Ends::Unknown("not asked"),
    ),
    (
        "an answer and an error",
        |asked, to| {
            let both = asked
                .answer("done")
                .replace("\"result\"", "\"error\":{\"code\":1,\"message\":\"x\"},\"result\"");
            send(to, &whole(&both));
        },
        Ends::Unknown(""),
    ),
    (
        "a page",
        |_, to| {
            let more = "Connection: close\r\nContent-Length: 11\r\n";
            send(to, &format!("{}<p>done</p>", head("text/html", more)));
        },
        Ends::Unknown("text/html"),
    ),
    (
        "compressed, which nobody asked for",
        |asked, to| {
            let body = asked.answer("done");
            let more = format!(
                "Connection: close\r\nContent-Encoding: gzip\r\nContent-Length: {}\r\n",
                body.len()
            );
            send(to, &format!("{}{body}", head("application/json", &more)));
        },
        Ends::Unknown("compressed"),
    ),
    (
        "it leads elsewhere",
        |_, to| {
            let to_us = to.local_addr().unwrap();
            send(
                to,
                &format!(
                    "HTTP/1.1 307 Temporary Redirect\r\nLocation: http://{to_us}/other\r\nConnection: close\r\nContent-Length: 0\r\n\r\n"
                ),
            );
        },
        Ends::Unknown("redirects"),
    ),
    (
        "an error under a status",
        |asked, to| {
            let body = json!({"jsonrpc": "2.0", "id": asked.id, "error": {"code": -32000, "message": "no"}}).to_string();
            send(
                to,
                &format!(
                    "HTTP/1.1 500 X\r\nConnection: close\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}",
                    body.len()
                ),
            );
        },
        Ends::Refused,
    ),
    ("no HTTP", |_, to| send(to, "hello\r\n\r\n"), Ends::Unknown("did not answer")),
];

const STREAMS: [Case; 6] = [
    (
        "a stream with two answers",
        |asked, to| {
            let events = [event(NOTE), event(&asked.answer("done")), event(&asked.answer("twice"))];
            send(to, &format!("{}{}", head(STREAM, ""), events.concat()));
        },
        Ends::Well,
    ),
    (
        "a stream of notes without end",
        |_, to| {
            send(to, &head(STREAM, ""));
            for_ever(to, &event(NOTE).repeat(100), Duration::ZERO);
        },
        Ends::Unknown("no answer within"),
    ),
    (
        "a line without end",
        |_, to| {
            send(to, &format!("{}data: ", head(STREAM, "")));
            for_ever(to, &"x".repeat(64 << 10), Duration::ZERO);
        },
        Ends::Unknown("8388608 bytes"),
    ),
    (
        "an event without end",
        |_, to| {
            send(to, &head(STREAM, ""));
            for_ever(to, &format!("data: {}\n", "x".repeat(64 << 10)), Duration::ZERO);
        },
        Ends::Unknown("8388608 bytes"),
    ),
    (
        "comments without end",
        |_, to| {
            send(to, &head(STREAM, ""));
            for_ever(to, &": x\n\n".repeat(1000), Duration::ZERO);
        },
        Ends::Unknown("no answer within"),
    ),
    (
        "a stream that ends before the answer",
        |_, to| send(to, &format!("{}{}", head(STREAM, ""), event(NOTE))),
        Ends::Unknown("without an answer"),
    ),
];

fn memory(governor: &Governor) -> u64 {
    let process = Path::new("/proc").join(governor.pid().to_string());
    let status = fs::read_to_string(process.join("status")).unwrap();
    let line = status.lines().find_map(|it| it.strip_prefix("VmHWM:")).unwrap();
    line.trim().strip_suffix(" kB").unwrap().parse().unwrap()
}

fn call(governor: &Governor, token: &str, tool: &str) -> Value {
    let params = json!({"name": tool, "arguments": {}});
    let body = json!({"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": params});
    let answer = governor.post("/mcp/liar", token, &[], &body.to_string());
    let last = answer.body.lines().filter_map(|it| it.strip_prefix("data: ")).next_back();
    serde_json::from_str(last.unwrap_or(&answer.body))
        .unwrap_or_else(|_| panic!("{tool}: {answer:?}"))
}

/// Names a case as tools are named.
fn tool(name: &str) -> String {
    name.replace(|it: char| !it.is_ascii_alphanumeric(), "_")
}

/// Makes one call for each case, and looks at what is answered and at what is on record.
fn each_ends(cases: &'static [Case]) {
    let names: Vec<_> = cases.iter().map(|(name, ..)| tool(name)).collect();
    let tools: Vec<_> = names.iter().map(String::as_str).collect();
    let liar = Liar::start(&tools, move |asked, stream| {
        let case = cases.iter().find(|(name, ..)| tool(name) == asked.tool).unwrap();
        case.1(asked, stream);
    });
    let governor = liar.governed("", &format!("timeout = \"{}s\"", TIMEOUT.as_secs()));
    let (task, token) = governor.open("agent", "working", &[]);
    let before = memory(&governor);
    for (name, _, ends) in cases {
        let started = Instant::now();
        let answer = call(&governor, &token, &tool(name));
        let took = started.elapsed();
        assert!(took < TIMEOUT.saturating_mul(3), "{name}: {took:?}");
        let error = answer["error"]["message"].as_str();
        match ends {
            Ends::Well => {
                assert_eq!(answer["result"]["content"][0]["text"], "done", "{name}: {answer}");
            }
            Ends::Unknown(part) => {
                assert!(error.is_some_and(|it| it.contains(part)), "{name}: {answer}");
            }
            Ends::Refused => assert_eq!(error, Some("no"), "{name}: {answer}"),
        }
    }
    let grown = memory(&governor).saturating_sub(before);
    assert!(grown < 160 << 10, "it took {grown} KiB more");
    assert_eq!(liar.calls(), cases.len(), "each is sent once");

    let path = governor.json(&["path", &task]);
    let steps = path["steps"].as_array().unwrap();
    let outcomes: Vec<_> = steps.iter().map(|it| it["outcome"].as_str().unwrap()).collect();
    let wanted = cases.iter().map(|(.., ends)| match ends {
        Ends::Well => "ok",
        Ends::Unknown(_) => "none",
        Ends::Refused => "error",
    });
    assert_eq!(outcomes, wanted.collect::<Vec<_>>(), "{names:?}");
    let records = governor.records();
    let count = |kind: &str| records.iter().filter(|it| it["kind"] == kind).count();
    assert_eq!((count("decision"), count("outcome")), (cases.len(), cases.len()));
}

#[test]
fn a_server_that_lies_about_lengths_is_found_out() {
    each_ends(&LENGTHS);
}

#[test]
fn a_server_that_takes_its_time_is_left() {
    each_ends(&TIMES);
}

#[test]
fn a_server_that_answers_something_else_answers_nothing() {
    each_ends(&ANSWERS);
}

#[test]
fn a_server_that_floods_its_stream_is_left() {
    each_ends(&STREAMS);
}
