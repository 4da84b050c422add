//! What a crash, a failing disk and a full one must not take away.

mod disk;
mod failing;
mod kill;
mod leased;

use std::{io::Write as _, net::TcpStream};

use serde_json::json;

use crate::governor::{Answer, PATIENCE, try_answer};

/// How many rounds are run; with `BAILIWICK_LONG=1`, two hundred.
fn rounds(few: usize) -> usize {
    if std::env::var_os("BAILIWICK_LONG").is_some() { 200 } else { few }
}

/// Reads a note; none where the governor is gone before it has answered wholly.
fn call(host: &str, token: &str, path: &str) -> Option<Answer> {
    let mut stream = TcpStream::connect(host).ok()?;
    stream.set_read_timeout(Some(PATIENCE)).ok()?;
    let params = json!({"name": "read_note", "arguments": {"path": path}});
    let body =
        json!({"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": params}).to_string();
    let head = format!(
        "POST /mcp/notes HTTP/1.1\r\nHost: {host}\r\nAuthorization: Bearer {token}\r\nContent-Type: application/json\r\nAccept: application/json, text/event-stream\r\nConnection: close\r\nContent-Length: {}\r\n\r\n",
        body.len(),
    );
    stream.write_all(&[head.as_bytes(), body.as_bytes()].concat()).ok()?;
    // A call that the governor answered as failed was sent to a server that died: it is recorded.
    let answer = try_answer(stream).map(as_one);
    answer.filter(|it| it.header("bailiwick-decision").is_some())
}

/// Gives an answer that took so long that it came as the last event of a stream like any other.
fn as_one(answer: Answer) -> Answer {
    let line = |start| answer.body.lines().find_map(|it: &str| it.strip_prefix(start));
    let (Some(decision), Some(body)) = (line(": bailiwick-decision "), line("data: ")) else {
        return answer;
    };
    let headers = vec![("bailiwick-decision".to_owned(), decision.to_owned())];
    Answer { status: answer.status, headers, body: body.to_owned() }
}

/// A number below `bound` that nobody chose.
fn any_below(bound: usize) -> usize {
    let bytes = bailiwick_connect::random_bytes::<8>().unwrap();
    let number = usize::try_from(u64::from_le_bytes(bytes)).unwrap();
    number.checked_rem(bound).unwrap()
}
