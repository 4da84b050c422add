//! Logs that are sent: who may, how much, and what 202 is worth.

use std::{
    fs,
    io::{Read as _, Write as _},
};

use serde_json::{Value, json};

use super::{Watching, gz, hop, hopped, outside, ownerless, was_outside};
use crate::{
    audit::{USER, event, log},
    governor::{Answer, read_answer, try_answer, until},
    process::memory,
};

impl Watching {
    fn token(&self) -> String {
        fs::read_to_string(self.0.path("state/sources/trail.token")).unwrap()
    }

    pub(super) fn push(&self, body: &str, headers: &[(&str, &str)]) -> Answer {
        self.push_bytes(body.as_bytes(), headers)
    }

    pub(super) fn push_bytes(&self, body: &[u8], headers: &[(&str, &str)]) -> Answer {
        let more: String =
            headers.iter().map(|(name, value)| format!("{name}: {value}\r\n")).collect();
        let (host, token) = (self.0.host(), self.token());
        let head = format!(
            "POST /sources/trail HTTP/1.1\r\nHost: {host}\r\nAuthorization: Bearer {token}\r\nConnection: close\r\nContent-Length: {}\r\n{more}\r\n",
            body.len(),
        );
        let mut stream = self.0.connect();
        stream.write_all(head.as_bytes()).unwrap();
        // It may hang up before all is sent.
        let _sent = stream.write_all(body);
        try_answer(stream).unwrap()
    }
}

fn zst(text: &str) -> Vec<u8> {
    use ruzstd::encoding::{CompressionLevel, compress_to_vec};
    compress_to_vec(text.as_bytes(), CompressionLevel::Fastest)
}

#[test]
fn what_was_answered_with_202_outlives_a_kill() {
    let mut watching = Watching::start("push = true");
    let [began, did] = hop();
    let document = json!({ "Records": [serde_json::from_str::<Value>(&did).unwrap()] });
    let bodies = [
        (log().into_bytes(), &[][..]),
        (gz(&outside()), &[("Content-Encoding", "gzip")]),
        (zst(&began), &[("Content-Encoding", "zstd")]),
        (serde_json::to_vec_pretty(&document).unwrap(), &[]),
        // A shipper that did not hear the answer sends it again.
        (gz(&outside()), &[]),
    ];
    for (body, headers) in &bodies {
        let answer = watching.push_bytes(body, headers);
        assert_eq!(answer.status, 202, "{answer:?}");
    }
    watching.0.kill();
    watching.0.serve();
    let workflow = super::began_by();
    let wanted = [ownerless("aws", USER), was_outside(), hopped(), ownerless("aws", &workflow)];
    watching.once(&wanted);
    let told = watching.0.json(&["audit", "--live"]);
    assert_eq!(told["summary"]["duplicates"], 2, "{}", told["summary"]);
}

#[test]
fn nobody_sends_anything_without_the_sources_own_token() {
    let watching = Watching::start("push = true");
    let admin = fs::read_to_string(watching.0.path("state/admin.token")).unwrap();
    for token in ["", "x", &admin] {
        for source in ["trail", "another"] {
            let answer = watching.0.post(&format!("/sources/{source}"), token, &[], &outside());
            assert_eq!(answer.status, 401, "{source} {token}: {answer:?}");
        }
    }
    // And it opens nothing else.
    for path in ["/api/v1/reload", "/mcp/notes"] {
        let answer = watching.0.post(path, &watching.token(), &[], "{}");
        assert_eq!(answer.status, 401, "{path}: {answer:?}");
    }
    assert_eq!(fs::read_dir(watching.0.path("state/sources/trail")).unwrap().count(), 0);
}

#[test]
fn bodies_that_are_wrong_or_too_much_are_refused_and_nothing_is_kept() {
    let watching = Watching::start("push = true");
    let bomb = gz(&" ".repeat(40 << 20));
    let before = memory(&watching.0);
    for (body, headers, status) in [
        (b"".to_vec(), &[][..], 422),
        (b"hello".to_vec(), &[], 422),
        (b"{\"hello\":1}\n".to_vec(), &[], 422),
        (vec![0xff; 1000], &[], 422),
        (vec![b'['; 100_000], &[], 422),
        (bomb.clone(), &[("Content-Encoding", "gzip")], 413),
        (bomb, &[], 413),
        (gz(&outside())[..40].to_vec(), &[], 400),
        (vec![0x28, 0xb5, 0x2f, 0xfd, 0x04, 0xff, 0, 0, 0], &[], 400),
        (outside().into_bytes(), &[("Content-Encoding", "br")], 415),
        (vec![b' '; 16_777_217], &[], 413),
    ] {
        let begin = String::from_utf8_lossy(&body[..body.len().min(20)]).into_owned();
        let answer = watching.push_bytes(&body, headers);
        assert_eq!(answer.status, status, "{begin:?}: {answer:?}");
    }
    assert!(
        memory(&watching.0) < before.saturating_add(120 << 10),
        "{before} {}",
        memory(&watching.0)
    );
    assert_eq!(fs::read_dir(watching.0.path("state/sources/trail")).unwrap().count(), 0);
    // One line of several that is broken costs itself alone.
    let answer = watching.push(&format!("{}{{\"bro\n", outside()), &[]);
    assert_eq!((answer.status, &answer.json()["errors"]), (202, &json!(1)), "{answer:?}");
    watching.once(&[was_outside()]);
}

#[test]
fn whoever_sends_too_much_at_once_is_told_to_wait() {
    let watching = Watching::start("push = true");
    let (host, token) = (watching.0.host(), watching.token());
    let head = format!(
        "POST /sources/trail HTTP/1.1\r\nHost: {host}\r\nAuthorization: Bearer {token}\r\nConnection: close\r\nContent-Length: 100000\r\n\r\n"
    );
    // They stay in the middle of their bodies; one that finds no room is turned away at once.
    let mut slow = Vec::new();
    until("two are under way", || {
        let mut one = watching.0.connect();
        one.write_all(head.as_bytes()).unwrap();
        one.write_all(b"{").unwrap();
        slow.push(one);
        let answer = watching.push(&outside(), &[]);
        if answer.status == 429 {
            assert_eq!(answer.header("retry-after"), Some("1"), "{answer:?}");
        }
        answer.status == 429
    });
    drop(slow);
    until("there is room again", || watching.push(&outside(), &[]).status == 202);
}

#[test]
fn a_body_that_breaks_off_is_not_taken() {
    let watching = Watching::start("push = true");
    let (host, token) = (watching.0.host(), watching.token());
    let body = event(50, 7, &json!({}), ("ec2", "RunInstances"), &json!({})).to_string();
    let head = format!(
        "POST /sources/trail HTTP/1.1\r\nHost: {host}\r\nAuthorization: Bearer {token}\r\nConnection: close\r\nContent-Length: {}\r\n\r\n",
        body.len().saturating_add(10),
    );
    let mut stream = watching.0.connect();
    stream.write_all(&[head.as_bytes(), body.as_bytes()].concat()).unwrap();
    stream.shutdown(std::net::Shutdown::Write).unwrap();
    let mut rest = Vec::new();
    let _closed = stream.read_to_end(&mut rest);
    assert!(!String::from_utf8_lossy(&rest).contains(" 202 "), "{rest:?}");
    assert_eq!(fs::read_dir(watching.0.path("state/sources/trail")).unwrap().count(), 0);
    let answer = read_answer({
        let mut stream = watching.0.connect();
        stream
            .write_all(b"POST /sources/trail HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
            .unwrap();
        stream
    });
    assert_eq!(answer.status, 401);
}
