//! Crowds and floods by TLS: the bounds are those of a plain listener, and handshakes have their own.

use std::{
    io::Write as _,
    net::TcpStream,
    process::Command,
    sync::{Mutex, mpsc},
    time::{Duration, Instant},
};

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use rustls::{ClientConnection, pki_types::ServerName};
use serde_json::{Value, json};

use super::{
    Stream, TLS12, TLS13, ask, believer, believing, host, house, is_alive, made, put, shake,
};
use crate::{
    governor::{Governor, NOTES, PATIENCE, try_answer, until},
    hostile::answers,
    liar::{Asked, Liar, files},
    process::{descriptors, memory, narrow},
};

const TLS: &str = "tls = { certificate = \"tls/cert.pem\", key = \"tls/key.pem\" }";

/// A governor that speaks TLS before a server over HTTP, and the certificate it shows.
fn before(liar: &Liar, tools: &str, listen: &str, server: &str) -> (Governor, String) {
    let (certificate, key) = made();
    let server = format!("url = {:?}\n{server}", liar.url());
    let mut governor = Governor::prepare(&files(&server, &format!("{TLS}\n{listen}"), tools));
    put(&governor, (&certificate, &key));
    governor.serve();
    (governor, certificate)
}

/// Writes a call of a tool.
fn request(governor: &Governor, path: &str, token: &str, params: &Value) -> String {
    let body =
        json!({"jsonrpc": "2.0", "id": 7, "method": "tools/call", "params": params}).to_string();
    format!(
        "POST {path} HTTP/1.1\r\nHost: {}\r\nAuthorization: Bearer {token}\r\nContent-Type: application/json\r\nAccept: application/json, text/event-stream\r\nContent-Length: {}\r\n\r\n{body}",
        host(governor),
        body.len()
    )
}

fn call(governor: &Governor, token: &str, tool: &str) -> String {
    request(governor, "/mcp/liar", token, &json!({"name": tool, "arguments": {}}))
}

fn read_note(governor: &Governor, token: &str) -> String {
    let params = json!({"name": "read_note", "arguments": {"path": "/notes/x"}});
    request(governor, "/mcp/notes", token, &params)
}

/// Calls by TLS on a connection that hardly takes anything, and reads nothing of the answer.
fn deaf(governor: &Governor, pem: &str, request: &str) -> Stream {
    let mut stream = shake(narrow(host(governor)), believer(pem, &[&TLS13, &TLS12], &[])).unwrap();
    stream.write_all(request.as_bytes()).unwrap();
    stream
}

/// Gives how many outcomes are on record.
fn outcomes(governor: &Governor) -> usize {
    governor.records().iter().filter(|it| it["kind"] == "outcome").count()
}

/// Says whether the other side has closed, within the patience of a test.
fn is_left(stream: &mut impl std::io::Read) -> bool {
    !matches!(stream.read(&mut [0; 64]), Ok(1..))
}

/// Gives the first bytes of a handshake.
fn hello(pem: &str) -> Vec<u8> {
    let name = ServerName::try_from("127.0.0.1").unwrap();
    let mut client = ClientConnection::new(believer(pem, &[&TLS13], &[]), name).unwrap();
    let mut hello = Vec::new();
    client.write_tls(&mut hello).unwrap();
    hello
}

#[test]
fn one_task_has_so_many_requests_under_way_by_tls_too() {
    let (governor, certificate) = house();
    let (_, token) = governor.open("reader", "reading", &[]);
    let (_, other) = governor.open("reader", "reading", &[]);
    let whole = read_note(&governor, &token);
    let part = whole.strip_suffix('}').unwrap();
    let wait = || {
        let mut stream = believing(&governor, &certificate).unwrap();
        stream.write_all(part.as_bytes()).unwrap();
        stream
    };
    let answer = |request: &str| {
        let mut stream = believing(&governor, &certificate).unwrap();
        stream.write_all(request.as_bytes()).unwrap();
        try_answer(stream).unwrap()
    };
    let mut waiting: Vec<_> = (0..256).map(|_| wait()).collect();
    until("there is no room for one more of this task", || {
        let refused = answer(&whole);
        if refused.status != 429 {
            // It may have had the place of one that was to wait.
            waiting.push(wait());
        }
        refused.status == 429
    });
    assert_eq!(answer(&read_note(&governor, &other)).status, 200, "another task has room");
    for stream in &mut waiting {
        // Whoever came too late is gone.
        let _gone = stream.write_all(b"}");
    }
    let statuses = waiting.into_iter().filter_map(try_answer).map(|it| it.status);
    assert_eq!(statuses.filter(|it| *it == 200).count(), 256);
}

#[test]
fn answers_that_nobody_reads_by_tls_have_a_bounded_room() {
    let liar = answers::server();
    let tools = "[\"large\", \"largest\", \"small\"]";
    let (governor, certificate) = before(&liar, tools, answers::ROOM, "");
    let mut unread = Vec::new();
    for number in 1..=4 {
        let (_, token) = governor.open("agent", "working", &[]);
        unread.push(deaf(&governor, &certificate, &call(&governor, &token, "largest")));
        until("its answer is there", || outcomes(&governor) == number);
    }
    let (_, token) = governor.open("agent", "working", &[]);
    let small = call(&governor, &token, "small");
    let answer = || {
        let mut stream = believing(&governor, &certificate).unwrap();
        stream.write_all(small.as_bytes()).unwrap();
        try_answer(stream).unwrap()
    };
    let full = answer();
    assert_eq!(full.status, 503, "{full:?}");
    let message = full.json()["error"]["message"].to_string();
    assert!(message.contains("all answers under way have more than 16 MiB"), "{message}");
    assert_eq!(liar.calls(), 4, "nothing was asked");
    drop(unread);
    until("there is room again", || answer().status == 200);
}

#[test]
fn a_server_that_never_stops_telling_fills_no_memory_of_a_caller_by_tls() {
    let note = format!(
        "data: {{\"jsonrpc\":\"2.0\",\"method\":\"notifications/message\",\"params\":{{\"level\":\"error\",\"data\":\"{}\"}}}}\n\n",
        "x".repeat(4000)
    );
    let flood = move |asked: &Asked, stream: &mut TcpStream| {
        if asked.tool == "flood" {
            let head = "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\n";
            let _gone = stream.write_all(head.as_bytes());
            while stream.write_all(note.as_bytes()).is_ok() {}
        } else {
            let body = asked.answer("done");
            let head = "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length";
            let _gone =
                stream.write_all(format!("{head}: {}\r\n\r\n{body}", body.len()).as_bytes());
        }
    };
    let liar = Liar::start(&["flood", "small"], flood);
    let tools = "[\"flood\", \"small\"]";
    let (governor, certificate) = before(&liar, tools, "", "timeout = \"3s\"\n");
    let (_, token) = governor.open("agent", "working", &[]);
    let before = memory(&governor);
    let _deaf: Vec<_> =
        (0..16).map(|_| deaf(&governor, &certificate, &call(&governor, &token, "flood"))).collect();
    let mut most = 0;
    until("every call has its outcome", || {
        most = most.max(memory(&governor));
        let mut stream = believing(&governor, &certificate).unwrap();
        stream.write_all(call(&governor, &token, "small").as_bytes()).unwrap();
        assert_eq!(try_answer(stream).unwrap().status, 200, "others are served meanwhile");
        let records = governor.records();
        16 <= records.iter().filter(|it| it["outcome"] == "none").count()
    });
    let more = most.saturating_sub(before);
    println!("16 callers that read nothing: {more} KiB");
    assert!(more < 64 << 10, "{more} KiB");
}

#[test]
fn a_handshake_that_drips_is_left_and_keeps_nobody_out() {
    let (governor, certificate) = house();
    let hello = hello(&certificate);
    let began = Instant::now();
    let mut slow: Vec<_> = (0..20).map(|_| TcpStream::connect(host(&governor)).unwrap()).collect();
    let mut gone = 0;
    // A byte now and then, as long as anybody takes it: there are more bytes than seconds.
    for byte in &hello {
        gone = slow.iter_mut().filter_map(|it| it.write_all(&[*byte]).err()).count();
        if gone == slow.len() {
            break;
        }
        assert!(is_alive(&governor, &mut believing(&governor, &certificate).unwrap()));
        std::thread::sleep(Duration::from_millis(100));
        assert!(began.elapsed() < PATIENCE, "dripping goes on and on");
    }
    assert_eq!(gone, slow.len(), "a handshake took its time and was let");
}

#[test]
fn a_flood_of_handshakes_passes_and_leaves_nothing_behind() {
    let limit = getrlimit(Resource::Nofile);
    let _as_many_as_may_be =
        setrlimit(Resource::Nofile, Rlimit { current: limit.maximum, ..limit });
    let (governor, certificate) = house();
    assert!(is_alive(&governor, &mut believing(&governor, &certificate).unwrap()));
    let (before, kept) = (memory(&governor), descriptors(&governor));
    let hello = hello(&certificate);
    let half = hello.get(..hello.len() / 2).unwrap();
    // More than may shake hands at once, and all of them stop in the middle.
    let mut flood: Vec<_> = (0..1500)
        .map(|_| {
            let mut stream = TcpStream::connect(host(&governor)).unwrap();
            stream.set_read_timeout(Some(PATIENCE)).unwrap();
            // It may be left already.
            let _left = stream.write_all(half);
            stream
        })
        .collect();
    let most = memory(&governor);
    let mut honest = believing(&governor, &certificate).unwrap();
    assert!(is_alive(&governor, &mut honest), "whoever is honest comes in at once");
    drop(honest);
    assert!(flood.iter_mut().all(is_left), "a half handshake stays");
    let more = most.saturating_sub(before);
    println!("1500 half handshakes: {more} KiB");
    assert!(more < 64 << 10, "{more} KiB");
    until("their descriptors are free", || descriptors(&governor) <= kept + 8);
}

#[test]
fn a_full_house_makes_room_by_tls_and_closes_on_whoever_finds_none() {
    let (certificate, key) = made();
    let mut governor = Governor::prepare(NOTES);
    let tls = NOTES[0].1.replace("[listen]", &format!("[listen]\n{TLS}"));
    governor.write("bailiwick.toml", &tls);
    put(&governor, (&certificate, &key));
    // With so few descriptors there are 60 places.
    governor.serve_with(|command| {
        let mut behind = Command::new("/bin/sh");
        behind.args(["-c", "ulimit -n 120; exec \"$0\" \"$@\""]);
        behind.arg(command.get_program()).args(command.get_args());
        behind.current_dir(command.get_current_dir().unwrap());
        behind.env_remove("BAILIWICK_CONFIG").env("BAILIWICK_LOG", "error");
        *command = behind;
    });
    let (_, token) = governor.open("reader", "reading", &[]);
    let come = || believing(&governor, &certificate);
    let mut idle: Vec<_> = (0..60).map(|_| come().unwrap()).collect();
    assert!(is_alive(&governor, &mut come().unwrap()), "whoever idles makes room");
    assert!(is_left(&mut idle[0]), "whoever idles longest leaves");
    drop(idle);
    let whole = read_note(&governor, &token);
    let (part, last) = whole.split_at(whole.len() - 1);
    let mut busy = Vec::new();
    until("every place is taken by somebody who asks", || {
        let Ok(mut stream) = come() else { return true };
        stream.write_all(part.as_bytes()).unwrap();
        busy.push(stream);
        false
    });
    // Whoever had come in and not asked yet may have made room for the next.
    for stream in &mut busy {
        let _left = stream.write_all(last.as_bytes());
    }
    let answers = busy.into_iter().filter_map(try_answer);
    let served = answers.filter(|it| it.status == 200).count();
    assert!((50..=60).contains(&served), "{served} are served");
    until("there is a place again", || come().is_ok_and(|mut it| is_alive(&governor, &mut it)));
}

#[test]
fn a_reload_cuts_no_call_that_is_under_way() {
    let (release, released) = mpsc::channel::<()>();
    let released = Mutex::new(released);
    let liar = Liar::start(&["work"], move |asked, stream| {
        let _gone = released.lock().unwrap().recv();
        let body = asked.answer("done");
        let head = "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length";
        let _gone = stream.write_all(format!("{head}: {}\r\n\r\n{body}", body.len()).as_bytes());
    });
    let (governor, old) = before(&liar, "[\"work\"]", "", "");
    let (_, token) = governor.open("agent", "working", &[]);
    let mut under_way = believing(&governor, &old).unwrap();
    under_way.write_all(call(&governor, &token, "work").as_bytes()).unwrap();
    until("the call has arrived", || liar.calls() == 1);
    for _ in 0..3 {
        let (new, key) = made();
        put(&governor, (&new, &key));
        governor.json(&["reload"]);
        assert!(believing(&governor, &old).is_err(), "the old certificate is shown still");
        assert!(is_alive(&governor, &mut believing(&governor, &new).unwrap()));
    }
    release.send(()).unwrap();
    let answer = try_answer(&mut under_way).unwrap();
    assert!(answer.body.contains("done"), "{answer:?}");
    let again = ask(&governor, &mut under_way, "GET /healthz", "", "");
    assert_eq!(again.status, 200, "and its connection goes on");
    assert_eq!(outcomes(&governor), 1);
}
