//! The bypass proof against servers that answer anybody, that refuse, and that are not there.

use std::{
    io::{Read as _, Write as _},
    net::TcpListener,
};

use super::look;
use crate::governor::{Governor, NOTES};

/// Answers every request with `answer`, for as long as the test runs.
fn answering(answer: &'static str) -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    std::thread::spawn(move || {
        for mut stream in listener.incoming().flatten() {
            let _read = stream.read(&mut [0; 4096]);
            let _gone = stream.write_all(answer.as_bytes());
        }
    });
    port
}

/// Looks at a house whose only server is at `port`, and gives code and severity of what was shown.
fn shown(port: u16) -> (String, String, i32) {
    let charter = NOTES[1].1.replace("UID", "4294967294");
    let config = format!(
        "[listen]\nhttp = \"127.0.0.1:0\"\n[state]\ndir = \"state\"\n[[server]]\nname = \"notes\"\nurl = \"http://127.0.0.1:{port}/mcp\"\n"
    );
    let governor = Governor::prepare(&NOTES[2..]);
    governor.write("charters/reader.toml", &charter);
    governor.write("bailiwick.toml", &config);
    let (code, found) = look(&governor);
    let proof = found.iter().find(|it| it["code"].as_str().unwrap().starts_with("bypass")).unwrap();
    let text = |part: &str| proof[part].as_str().unwrap().to_owned();
    (text("code"), text("severity"), code)
}

#[test]
fn a_server_that_answers_anybody_is_open() {
    let plain = "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 38\r\nconnection: close\r\n\r\n{\"jsonrpc\":\"2.0\",\"id\":1, \"result\": {} }";
    let (code, severity, exit) = shown(answering(plain));
    assert_eq!((code.as_str(), severity.as_str(), exit), ("bypass-answered", "open", 1));
    // A stream that never ends has told enough with its first event.
    let stream = "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n1b\r\ndata: {\"id\":1,\"result\":{}}\n\r\n";
    assert_eq!(shown(answering(stream)).0, "bypass-answered");
}

#[test]
fn a_server_that_wants_a_credential_is_well() {
    let refuses = "HTTP/1.1 401 Unauthorized\r\nwww-authenticate: Bearer\r\ncontent-length: 0\r\nconnection: close\r\n\r\n";
    let (code, severity, exit) = shown(answering(refuses));
    assert_eq!((code.as_str(), severity.as_str(), exit), ("bypass-refused", "note", 0));
}

#[test]
fn a_server_that_is_not_there_proves_nothing() {
    let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let (code, severity, exit) = shown(port);
    assert_eq!((code.as_str(), severity.as_str(), exit), ("bypass-unproved", "weak", 0));
}
