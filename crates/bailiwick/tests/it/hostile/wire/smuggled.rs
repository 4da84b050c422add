//! Requests that two readers could read in two ways: one message each, or none.

use std::{
    io::{Read as _, Write as _},
    net::{Shutdown, TcpStream},
};

use serde_json::json;

use super::{House, with_params};
use crate::governor::Answer;

fn good() -> String {
    with_params(r#"{"name":"read_note","arguments":{"path":"/notes/x"}}"#)
}

impl House {
    /// A request that is allowed, and asks to keep the connection.
    fn kept(&self, path: &str) -> String {
        let params = json!({"name": "read_note", "arguments": {"path": path}});
        let body = with_params(&params.to_string());
        let head = self.head("POST /mcp/notes", body.len());
        format!("{}\r\n{body}", head.replace("Connection: close\r\n", ""))
    }

    /// Sends everything at once, and gives the statuses of all that is answered.
    fn statuses(&self, text: &str) -> Vec<u16> {
        self.statuses_after(text, |_| {})
    }

    /// Sends something that may be no whole request, and then nothing more.
    fn statuses_of_a_part(&self, text: &str) -> Vec<u16> {
        self.statuses_after(text, |stream| drop(stream.shutdown(Shutdown::Write)))
    }

    fn statuses_after(&self, text: &str, then: impl Fn(&TcpStream)) -> Vec<u16> {
        let mut stream = self.governor.connect();
        // It may hang up before all is sent.
        let _sent = stream.write_all(text.as_bytes());
        then(&stream);
        let mut all = Vec::new();
        let _reset = stream.read_to_end(&mut all);
        let all = String::from_utf8_lossy(&all).into_owned();
        let answers = all.split("HTTP/1.1 ").skip(1);
        answers.filter_map(|it| it.get(..3)?.parse().ok()).collect()
    }

    /// Sends a request with other lines in its head than its length.
    fn with_head(&self, lines: &[&str], body: &str) -> Answer {
        let head = self.head("POST /mcp/notes", 0);
        let own = head.lines().filter(|it| !it.starts_with("Content-Length"));
        let head: String = own.chain(lines.iter().copied()).map(|it| format!("{it}\r\n")).collect();
        self.governor.raw(format!("{head}\r\n{body}").as_bytes())
    }
}

#[test]
fn nothing_hides_behind_a_request_whose_end_is_said_twice() {
    let house = House::new();
    let (hidden, size) = (house.kept("/notes/hidden"), good().len());
    let right = house.head("POST /mcp/notes", size).replace("Connection: close\r\n", "");
    let content = format!("Content-Length: {size}\r\n");
    let chunked = format!("{size:x}\r\n{}\r\n0\r\n\r\n", good());
    let (coding, more) = ("Transfer-Encoding: chunked\r\n", size + hidden.len());
    let cases = [
        // Chunks win over a length, and nothing follows on such a connection (RFC 9112, section 6.3).
        ("both, the length first", format!("{content}{coding}"), &chunked, true),
        ("both, the length last", format!("{coding}{content}"), &chunked, true),
        ("two lengths", format!("{content}Content-Length: {more}\r\n"), &good(), false),
        ("a list of lengths", format!("Content-Length: {size}, {size}\r\n"), &good(), false),
        ("a signed length", format!("Content-Length: +{size}\r\n"), &good(), false),
        ("a negative length", "Content-Length: -1\r\n".to_owned(), &good(), false),
        ("no number", format!("Content-Length: {}\r\n", "9".repeat(30)), &good(), false),
        ("a length in hex", format!("Content-Length: 0x{size:x}\r\n"), &good(), false),
        ("a coding twice", coding.repeat(2), &chunked, false),
        ("an unknown coding", "Transfer-Encoding: xchunked\r\n".to_owned(), &chunked, false),
        (
            "chunked not last",
            "Transfer-Encoding: chunked, identity\r\n".to_owned(),
            &chunked,
            false,
        ),
        ("a tab before the coding", coding.replace(": ", ":\t"), &chunked, true),
        ("a blank before the colon", coding.replace(": ", " : "), &chunked, false),
        ("a folded line", format!("X-Fold: a\r\n {coding}"), &chunked, false),
        ("chunks", coding.to_owned(), &chunked, true),
    ];
    let mut reached = 0;
    for (what, framing, body, is_read) in cases {
        let head = right.replace(&content, &framing);
        assert_ne!(head, right, "{what}");
        let statuses = house.statuses(&format!("{head}\r\n{body}{hidden}"));
        reached += usize::from(is_read);
        let wanted = if is_read { 200 } else { 400 };
        assert_eq!(statuses, [wanted], "{what}");
        assert_eq!(house.governor.reached(), reached, "{what}");
    }
    // Behind what is not doubtful another may follow.
    let last = house.kept("/notes/2").replace("Accept:", "Connection: close\r\nAccept:");
    let two = [house.kept("/notes/1"), last].concat();
    assert_eq!(house.statuses(&two), [200, 200]);
    house.goes_on(reached + 2);
}

#[test]
fn chunks_that_lie_or_never_end_are_no_call() {
    let house = House::new();
    let (body, size) = (good(), good().len());
    let chunk = format!("{size:x}\r\n{body}\r\n");
    let (short, long) = (size - 1, size + 9);
    let mut read = 0;
    for (what, sent, is_read) in [
        ("an extension", format!("{size:x};a=b\r\n{body}\r\n0\r\n\r\n"), true),
        ("an endless extension", format!("{size:x};{}", "a".repeat(100_000)), false),
        ("no number", format!("{}\r\n{body}", "f".repeat(17)), false),
        ("no size", format!("\r\n{chunk}0\r\n\r\n"), false),
        ("a signed size", format!("+{chunk}0\r\n\r\n"), false),
        ("a size too small", format!("{short:x}\r\n{body}\r\n0\r\n\r\n"), false),
        ("a size too large", format!("{long:x}\r\n{body}\r\n0\r\n\r\n"), false),
        ("trailers", format!("{chunk}0\r\nAuthorization: Bearer x\r\n\r\n"), true),
        ("endless trailers", format!("{chunk}0\r\n{}", "X-A: b\r\n".repeat(20_000)), false),
    ] {
        let head = house.head("POST /mcp/notes", 0);
        let head = head.replace("Content-Length: 0", "Transfer-Encoding: chunked");
        read += usize::from(is_read);
        let text = format!("{head}\r\n{sent}");
        if is_read {
            assert_eq!(house.statuses(&text), [200], "{what}");
        } else {
            let statuses = house.statuses_of_a_part(&text);
            assert!(statuses.iter().all(|it| *it == 400), "{what}: {statuses:?}");
        }
        assert_eq!(house.governor.reached(), read, "{what}");
    }
    house.goes_on(read);
}

#[test]
fn a_head_is_read_in_one_way() {
    let house = House::new();
    let length = format!("Content-Length: {}", good().len());
    let token = format!("Authorization: Bearer {}", house.token);
    let host = format!("Host: {}", house.governor.host());
    let many = vec!["X-A: b"; 200];
    let cases: [(&str, &[&str], u16); 12] = [
        ("a second host", &["Host: evil.example"], 400),
        ("the same host twice", &[&host], 400),
        ("a second origin", &["Origin: null", "Origin: http://evil.example"], 400),
        ("a second type", &["Content-Type: application/json"], 400),
        ("a second token", &[&token], 401),
        ("two sessions", &["Mcp-Session-Id: a", "Mcp-Session-Id: b"], 400),
        (
            "two versions",
            &["MCP-Protocol-Version: 2025-11-25", "MCP-Protocol-Version: 2025-06-18"],
            400,
        ),
        ("the token for one hop", &["Connection: Authorization"], 400),
        ("the method for one hop", &["Connection: close, Mcp-Method"], 400),
        ("a version beyond ASCII", &["MCP-Protocol-Version: 2025-11-2\u{665}"], 400),
        ("a session beyond ASCII", &["Mcp-Session-Id: \u{e9}"], 404),
        ("too many headers", &many, 431),
    ];
    for (what, lines, status) in cases {
        let lines = [&[length.as_str()], lines].concat();
        let answer = house.with_head(&lines, &good());
        assert_eq!(answer.status, status, "{what}: {answer:?}");
    }
    let lines = [
        ("a bare return", "X: a\rAccept:", 400),
        ("a zero", "X: \0\r\nAccept:", 400),
        ("a name with a blank", "X y: z\r\nAccept:", 400),
    ];
    for (what, line, status) in lines {
        let head = house.head("POST /mcp/notes", 0).replace("Accept:", line);
        assert_eq!(house.statuses(&format!("{head}\r\n")), [status], "{what}");
    }
    let nobody = house.head("POST /mcp/notes", 0).replace(&host, "X: y");
    assert_eq!(house.statuses(&format!("{nobody}\r\n")), [400], "no host");
    // An end of line that is only a line feed is one, wherever it stands.
    let head = house.head("POST /mcp/notes", good().len()).replace("\r\n", "\n");
    assert_eq!(house.statuses(&format!("{head}\n{}", good())), [200]);
    house.goes_on(1);
}

#[test]
fn a_target_leads_where_it_says_or_nowhere() {
    let house = House::new();
    let host = house.governor.host();
    for (target, status) in [
        ("http://evil.example/mcp/notes".to_owned(), 400),
        (format!("http://x@{host}/mcp/notes"), 400),
        ("/mcp%2fnotes".to_owned(), 404),
        ("/mcp/..%2f..%2fapi".to_owned(), 404),
        ("/mcp/../api/v1/tasks".to_owned(), 404),
        ("//mcp/notes".to_owned(), 404),
        ("*".to_owned(), 400),
        (format!("http://{host}/mcp/notes"), 200),
    ] {
        let head = house.head(&format!("POST {target}"), good().len());
        let answer = house.governor.raw(format!("{head}\r\n{}", good()).as_bytes());
        assert_eq!(answer.status, status, "{target}: {answer:?}");
    }
    house.goes_on(1);
}

#[test]
fn a_page_of_elsewhere_is_not_answered() {
    let house = House::new();
    let host = house.governor.host().to_owned();
    let port = host.rsplit(':').next().unwrap();
    let length = format!("Content-Length: {}", good().len());
    let mut read = 0;
    for (origin, status) in [
        (format!("http://{host}"), 200),
        (format!("HTTP://LOCALHOST:{port}"), 200),
        ("null".to_owned(), 403),
        (String::new(), 403),
        (host.clone(), 403),
        (format!("http://{host}.evil.example"), 403),
        (format!("http://evil.example:{port}"), 403),
        (format!("http://{host}@evil.example"), 403),
        (format!("http://evil.example#http://{host}"), 403),
        ("http://127.0.0.1".to_owned(), 403),
        (format!("http://[::1]:{port}"), 403),
        (format!("http://127.1:{port}"), 403),
        (format!("http://0x7f000001:{port}"), 403),
        (format!("http://127.0.0.1:0{port}"), 403),
        (format!("http://{host} http://evil.example"), 403),
        (format!("http://{host}, http://evil.example"), 403),
    ] {
        let answer = house.with_head(&[&length, &format!("Origin: {origin}")], &good());
        assert_eq!(answer.status, status, "{origin}: {answer:?}");
        read += usize::from(status == 200);
    }
    let right = house.head("POST /mcp/notes", good().len());
    for (named, status) in [
        (format!("LocalHost:{port}"), 200),
        ("localhost".to_owned(), 403),
        (format!("localhost.:{port}"), 403),
        (format!("127.0.0.1:{port}0"), 403),
        (format!("[::1]:{port}"), 403),
        (format!("[::ffff:127.0.0.1]:{port}"), 403),
        (format!("x@127.0.0.1:{port}"), 403),
        (format!("127.0.0.1:{port}, evil.example"), 403),
        ("evil.example".to_owned(), 403),
        (String::new(), 403),
    ] {
        let head = right.replace(&format!("Host: {host}"), &format!("Host: {named}"));
        let answer = house.governor.raw(format!("{head}\r\n{}", good()).as_bytes());
        assert_eq!(answer.status, status, "{named}: {answer:?}");
        read += usize::from(status == 200);
    }
    house.goes_on(read);
}
