//! Crowds, and those who take their time: whoever is honest is served meanwhile, and what the
//! governor keeps stays bounded.

use std::{
    io::{ErrorKind, Read as _, Write as _},
    net::{Ipv4Addr, SocketAddr, TcpStream},
    process::Command,
    time::{Duration, Instant},
};

use rustix::{
    net::{AddressFamily, RecvFlags, SocketType, bind, connect, recv, socket},
    process::{Resource, Rlimit, getrlimit, setrlimit},
};
use serde_json::json;

use super::{House, INVALID_REQUEST, is_error, with_params};
use crate::{
    governor::{Governor, NOTES, PATIENCE, try_answer, until},
    process::{descriptors, memory},
};

/// Far longer than anything that is bounded here, on a busy machine, too.
const LONG: Duration = Duration::from_secs(180);

/// Connects from an address of one's own on this machine.
fn connect_from(governor: &Governor, from: [u8; 4]) -> TcpStream {
    let to: SocketAddr = governor.host().parse().unwrap();
    let made = socket(AddressFamily::INET, SocketType::STREAM, None).unwrap();
    bind(&made, &SocketAddr::from((Ipv4Addr::from(from), 0))).unwrap();
    connect(&made, &to).unwrap();
    TcpStream::from(made)
}

/// Says whether the other side has closed, without waiting.
fn is_closed(stream: &TcpStream) -> bool {
    let mut byte = [0_u8; 1];
    match recv(stream, &mut byte, RecvFlags::PEEK | RecvFlags::DONTWAIT) {
        Ok((_, read)) => read == 0,
        Err(error) => error != rustix::io::Errno::AGAIN,
    }
}

/// Waits for what takes its time, and looks now and then.
fn in_time(what: &str, mut done: impl FnMut() -> bool) {
    let started = Instant::now();
    while !done() {
        assert!(started.elapsed() < LONG, "waited in vain until {what}");
        std::thread::sleep(Duration::from_millis(100));
    }
}

#[test]
fn ten_thousand_that_idle_take_no_place_of_those_who_call() {
    let limit = getrlimit(Resource::Nofile);
    let _as_many_as_may_be =
        setrlimit(Resource::Nofile, Rlimit { current: limit.maximum, ..limit });
    let mine = getrlimit(Resource::Nofile).current.unwrap_or(u64::MAX);
    // The governor has as many, and needs some for itself.
    let count = usize::try_from(mine.saturating_sub(1500)).unwrap().min(10_000);
    let house = House::new();
    let before = memory(&house.governor);
    let mut idle = Vec::new();
    for number in 0..count {
        // Of ten addresses, so that none of them has too many.
        let from = [127, 0, 1, u8::try_from(number % 10).unwrap() + 1];
        let mut stream = connect_from(&house.governor, from);
        // Half of them begin to say something.
        if number % 2 == 0 {
            stream.write_all(b"POST /mcp/notes HTTP/1.1\r\n").unwrap();
        }
        idle.push(stream);
        if number % 1000 == 0 {
            let path = format!("/notes/{number}");
            let read = house.governor.call(&house.token, "read_note", &json!({"path": path}));
            assert_eq!(read["isError"], false, "{number}: {read}");
        }
    }
    let each = memory(&house.governor).saturating_sub(before) * 1024;
    let each = each / u64::try_from(count).unwrap();
    println!("{count} idle connections: {each} bytes each");
    assert!(each < 40_000, "{each} bytes for each that idles");
    assert!(descriptors(&house.governor) < count + 500);
    in_time("those who say nothing are left", || idle.iter().all(is_closed));
    house.goes_on(count.div_ceil(1000));
}

#[test]
fn one_address_makes_room_for_itself_and_takes_none_from_others() {
    let mut governor = Governor::prepare(NOTES);
    // With so few descriptors there are 200 places.
    governor.serve_with(|command| {
        let mut behind = Command::new("/bin/sh");
        behind.args(["-c", "ulimit -n 400; exec \"$0\" \"$@\""]);
        behind.arg(command.get_program()).args(command.get_args());
        behind.current_dir(command.get_current_dir().unwrap());
        behind.env_remove("BAILIWICK_CONFIG").env("BAILIWICK_LOG", "error");
        *command = behind;
    });
    let (_, token) = governor.open("reader", "reading", &[]);
    let quiet = connect_from(&governor, [127, 0, 2, 1]);
    let loud: Vec<_> = (0..600).map(|_| connect_from(&governor, [127, 0, 2, 2])).collect();
    until("whoever idles longest is asked to leave", || {
        400 <= loud.iter().filter(|it| is_closed(it)).count()
    });
    assert!(loud.iter().rev().take(100).all(|it| !is_closed(it)), "the latest stay");
    assert!(!is_closed(&quiet), "one that was quiet is left alone");
    let read = governor.call(&token, "read_note", &json!({"path": "/notes/a"}));
    assert_eq!(read["isError"], false, "{read}");
    assert_eq!(governor.reached(), 1);
}

#[test]
fn a_head_and_a_body_that_never_end_are_left() {
    let house = House::new();
    let head = house.head("POST /mcp/notes", 4000);
    let mut slow_head = house.governor.connect();
    let mut slow_body = house.governor.connect();
    slow_body.set_read_timeout(Some(LONG)).unwrap();
    slow_body.write_all(format!("{head}\r\n").as_bytes()).unwrap();
    let mut body = slow_body.try_clone().unwrap();
    // A byte now and then, as long as anybody takes it.
    let dripping = std::thread::spawn(move || {
        let (started, pause) = (Instant::now(), Duration::from_millis(100));
        while body.write_all(b" ").is_ok() && started.elapsed() < LONG {
            std::thread::sleep(pause);
        }
        started.elapsed()
    });
    let mut bytes = head.bytes().cycle();
    in_time("a head that never ends is left", || {
        slow_head.write_all(&[bytes.next().unwrap()]).is_err() || is_closed(&slow_head)
    });
    let answer = try_answer(slow_body).expect("an answer to half a body");
    assert_eq!(answer.status, 408, "{answer:?}");
    is_error("a slow body", &answer, INVALID_REQUEST);
    assert!(dripping.join().unwrap() < LONG);
    house.goes_on(0);
}

#[test]
fn whoever_does_not_read_its_answers_is_left() {
    let house = House::new();
    let body = json!({"jsonrpc": "2.0", "id": 1, "method": "tools/list"}).to_string();
    let head = house.head("POST /mcp/notes", body.len()).replace("Connection: close\r\n", "");
    let request = format!("{head}\r\n{body}");
    let mut deaf = house.governor.connect();
    deaf.set_nonblocking(true).unwrap();
    // Its answers fill every buffer on the way, and then its questions do. It goes on asking for as long
    // as anybody takes it, however long the governor pauses in between.
    let (mut sent, mut unsent, mut is_full) = (0_u32, request.as_bytes(), false);
    in_time("it is left", || {
        loop {
            match deaf.write(unsent) {
                Ok(count) => unsent = &unsent[count..],
                Err(error) if error.kind() == ErrorKind::WouldBlock => {
                    is_full = true;
                    return false;
                }
                Err(_) => return true,
            }
            if unsent.is_empty() {
                (sent, unsent) = (sent + 1, request.as_bytes());
                assert!(sent < 1_000_000, "there is no end to what it may leave unread");
            }
            let kept = if sent.is_multiple_of(1000) { memory(&house.governor) } else { 0 };
            assert!(kept < 400 * 1024, "{kept} KiB");
        }
    });
    assert!(is_full, "it was left before its answers had filled anything");
    deaf.set_nonblocking(false).unwrap();
    let _reset = deaf.read_to_end(&mut Vec::new());
    house.goes_on(0);
}

#[test]
fn one_task_has_so_many_requests_under_way_and_no_more() {
    let house = House::new();
    let (_, other) = house.governor.open("reader", "reading", &[]);
    let body = with_params(r#"{"name":"read_note","arguments":{"path":"/notes/x"}}"#);
    let head = house.head("POST /mcp/notes", body.len());
    // All of them wait with the last byte of their bodies.
    let part = format!("{head}\r\n{}", body.strip_suffix('}').unwrap());
    let wait = || {
        let mut stream = house.governor.connect();
        stream.write_all(part.as_bytes()).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        stream
    };
    let mut waiting: Vec<_> = (0..256).map(|_| wait()).collect();
    until("there is no room for one more of this task", || {
        let answer = house.post("", body.as_bytes());
        if answer.status == 429 {
            let told = is_error("too many", &answer, INVALID_REQUEST);
            assert!(told["error"]["message"].as_str().unwrap().contains("256"), "{told}");
            return true;
        }
        // It may have had the place of one that was to wait.
        waiting.push(wait());
        false
    });
    let read = house.governor.call(&other, "read_note", &json!({"path": "/notes/other"}));
    assert_eq!(read["isError"], false, "another task has room: {read}");
    let before = house.governor.reached();
    for stream in &waiting {
        // Whoever came too late is gone.
        let _gone = (&*stream).write_all(b"}");
    }
    let statuses = waiting.into_iter().map(|it| try_answer(it).expect("each is answered").status);
    assert_eq!(statuses.filter(|it| *it == 200).count(), 256);
    house.goes_on(before + 256);
}
