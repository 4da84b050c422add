//! Too much, too little, too many at once.

use std::{io::Write, net::Shutdown};

use serde_json::json;

use super::{House, INVALID_REQUEST, is_error, with_params};
use crate::governor::try_answer;

#[test]
fn a_body_that_is_too_large_is_refused_and_not_kept() {
    let house = House::new();
    let fill = "x".repeat(5 << 20);
    let body =
        with_params(&format!(r#"{{"name":"read_note","arguments":{{"path":"/notes/{fill}"}}}}"#));
    let head = house.head("POST /mcp/notes", body.len());
    let mut stream = house.governor.connect();
    // It may hang up before all is sent.
    let _sent = stream.write_all(format!("{head}\r\n{body}").as_bytes());
    let answer = try_answer(stream).expect("an answer, although not all was taken");
    assert_eq!(answer.status, 413, "{answer:?}");
    is_error("too large", &answer, INVALID_REQUEST);

    // The same in pieces, with no length said before.
    let head =
        head.replace(&format!("Content-Length: {}", body.len()), "Transfer-Encoding: chunked");
    let mut stream = house.governor.connect();
    let _sent =
        stream.write_all(format!("{head}\r\n{:x}\r\n{body}\r\n0\r\n\r\n", body.len()).as_bytes());
    let answer = try_answer(stream).expect("an answer, although not all was taken");
    assert_eq!(answer.status, 413, "{answer:?}");

    // Headers without end.
    let endless =
        format!("{}X-Fill: {}\r\n\r\n", house.head("POST /mcp/notes", 0), "x".repeat(1 << 20));
    let mut stream = house.governor.connect();
    let _sent = stream.write_all(endless.as_bytes());
    assert!(try_answer(stream).is_none_or(|it| it.status == 431), "more than headers are taken");
    house.goes_on(0);
}

#[test]
fn half_a_request_holds_nobody_up() {
    let house = House::new();
    let body = with_params(r#"{"name":"read_note","arguments":{"path":"/notes/x"}}"#);
    let head = house.head("POST /mcp/notes", body.len());
    let mut waiting = Vec::new();
    for number in 0..40 {
        let mut stream = house.governor.connect();
        let part = match number % 4 {
            0 => String::new(),
            1 => half(&head),
            2 => format!("{head}\r\n"),
            _ => format!("{head}\r\n{}", half(&body)),
        };
        stream.write_all(part.as_bytes()).unwrap();
        waiting.push(stream);
    }
    // While all of them wait, others are answered.
    for number in 0..5 {
        let path = format!("/notes/{number}");
        let read = house.governor.call(&house.token, "read_note", &json!({"path": path}));
        assert_eq!(read["isError"], false, "{read}");
    }
    // Half a body and then nothing more: that is no call.
    let mut broken = house.governor.connect();
    broken.write_all(format!("{head}\r\n{}", body.strip_suffix('}').unwrap()).as_bytes()).unwrap();
    broken.shutdown(Shutdown::Write).unwrap();
    if let Some(answer) = try_answer(broken) {
        assert_eq!(answer.status, 400, "{answer:?}");
    }
    drop(waiting);
    // What is no HTTP at all.
    for text in
        ["\r\n\r\n\r\n", "hello\r\n\r\n", "POST /mcp/notes HTTP/9.9\r\n\r\n", "\0\0\0\0\r\n\r\n"]
    {
        let mut stream = house.governor.connect();
        stream.write_all(text.as_bytes()).unwrap();
        stream.shutdown(Shutdown::Write).unwrap();
        assert!(try_answer(stream).is_none_or(|it| it.status == 400), "{text:?}");
    }
    // A length that lies, and two lengths: nothing is smuggled behind the first request.
    let length = format!("Content-Length: {}", body.len());
    let two = head.replace(&length, &format!("Content-Length: 0\r\n{length}"));
    let mut stream = house.governor.connect();
    stream.write_all(format!("{two}\r\n{body}").as_bytes()).unwrap();
    assert!(try_answer(stream).is_none_or(|it| it.status == 400));
    house.goes_on(5);
}

#[test]
fn two_hundred_connections_at_once_are_all_answered() {
    let house = House::new();
    let body = |number: usize| {
        let path = if number.is_multiple_of(2) { "/notes" } else { "/etc" };
        with_params(&format!(r#"{{"name":"read_note","arguments":{{"path":"{path}/{number}"}}}}"#))
    };
    // All of them are there before the first one is finished.
    let mut streams: Vec<_> = (0..200).map(|_| house.governor.connect()).collect();
    for (number, stream) in streams.iter_mut().enumerate() {
        let body = body(number);
        let head = house.head("POST /mcp/notes", body.len());
        stream
            .write_all(format!("{head}\r\n{}", body.strip_suffix('}').unwrap()).as_bytes())
            .unwrap();
    }
    for stream in &mut streams {
        stream.write_all(b"}").unwrap();
    }
    for (number, stream) in streams.into_iter().enumerate() {
        let answer = try_answer(stream).expect("every connection is answered");
        assert!(answer.decision().is_some(), "{answer:?}");
        assert_eq!(answer.json()["result"]["isError"], number % 2 == 1, "{number}");
    }
    let decisions = house.governor.records().iter().filter(|it| it["kind"] == "decision").count();
    assert_eq!(decisions, 200);
    house.goes_on(100);
}

fn half(text: &str) -> String {
    text.chars().take(text.len() / 2).collect()
}
