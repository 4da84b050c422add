//! Requests that could be read in two ways, and APIs that lie, stall or die.

use std::{io::Read as _, sync::mpsc, time::Duration};

use super::{World, api, echo};
use crate::governor::until;

#[test]
fn whatever_is_no_operation_or_could_be_read_in_two_ways_is_denied_and_reaches_nobody() {
    let world = World::start("", echo());
    for line in [
        "GET /http/crm/customers/42/",
        "GET /http/crm//customers/42",
        "GET /http/crm/customers//42",
        "GET /http/crm/admin/../customers/42",
        "GET /http/crm/./customers/42",
        "GET /http/crm/%2e%2e/customers/42",
        "GET /http/crm/customers/42%2f..%2f43",
        "GET /http/crm/customers%2F42",
        "GET /http/crm/customers/%34%32",
        "GET /http/crm/customers/42%00",
        "GET /http/crm/customers/42%252e",
        "GET /http/crm/customers/42;v=1",
        "GET /http/crm/customers/42?expand=all",
        "GET /http/crm/customers?limit=ten",
        "GET /http/crm/customers?limit=1&limit=2",
        "GET /http/crm/",
        "GET /http/crm",
        "DELETE /http/crm/customers/42",
        "OPTIONS /http/crm/customers/42",
        "TRACE /http/crm/customers/42",
        "get /http/crm/customers/42",
    ] {
        let answer = world.ask(line, &[], "");
        assert_eq!(answer.status, 403, "{line}: {answer:?}");
        assert!(answer.header("bailiwick-decision").is_some(), "{line}");
    }
    for (name, value) in [
        ("X-HTTP-Method-Override", "DELETE"),
        ("X-Method-Override", "PUT"),
        ("X-HTTP-Method", "PUT"),
        ("Content-Encoding", "gzip"),
    ] {
        let answer = world.ask("GET /http/crm/customers/42", &[(name, value)], "");
        assert_eq!(answer.status, 403, "{name}: {answer:?}");
    }
    let text = [("Content-Type", "text/plain")];
    let hidden = world.ask("POST /http/crm/customers/42/refunds", &text, r#"{"amount": 1}"#);
    assert_eq!(hidden.status, 403, "{hidden:?}");
    let json = [("Content-Type", "application/json")];
    let twice = r#"{"amount": 1, "amount": 9000}"#;
    assert_eq!(world.ask("POST /http/crm/customers/42/refunds", &json, twice).status, 403);
    assert_eq!(world.ask("GET /http/crm/customers/42", &json, "{}").status, 403);
    assert_eq!(world.api.count(), 0);
    // Every one of them is on record.
    assert_eq!(world.records("decision").len(), 28);
}

#[test]
fn no_second_request_hides_in_a_first_and_headers_of_a_connection_or_of_somebody_else_stay_here() {
    let world = World::start("", echo());
    let line = "POST /http/crm/customers/42/refunds";
    // Whoever goes by the length sees one request here, and whoever goes by the chunks two.
    let inner = String::from_utf8(world.request("GET /http/crm/customers/42", &[], "")).unwrap();
    let body = format!("0\r\n\r\n{inner}");
    let both = [("Transfer-Encoding", "chunked"), ("Content-Type", "application/json")];
    let smuggled = world.ask(line, &both, &body);
    assert!([400, 403].contains(&smuggled.status), "{smuggled:?}");
    assert!(!smuggled.body.contains("HTTP/1.1"), "nothing after it is answered: {smuggled:?}");
    let two = world.ask(line, &[("Content-Length", "3")], "{}");
    assert_eq!(two.status, 400, "{two:?}");
    assert_eq!(world.api.count(), 0);
    let headers = [
        ("X-Forwarded-For", "10.0.0.1"),
        ("X-Forwarded-User", "root"),
        ("X-Remote-User", "root"),
        ("Forwarded", "for=10.0.0.1"),
        ("Cookie", "session=1"),
        ("Proxy-Authorization", "Basic x"),
        ("TE", "trailers"),
        ("X-Hop", "1"),
        ("Idempotency-Key", "k"),
        ("If-Match", "v"),
    ];
    let got = world.ask("GET /http/crm/customers/42", &headers, "");
    assert_eq!(got.status, 200, "{got:?}");
    let seen = world.api.last();
    for (name, _) in &headers[..8] {
        assert_eq!(seen.header(name), None, "{name}");
    }
    assert_eq!((seen.header("idempotency-key"), seen.header("if-match")), (Some("k"), Some("v")));
    assert_eq!(seen.header("host").map(|it| format!("http://{it}/v1")), Some(world.api.url("/v1")));
}

#[test]
fn an_api_that_lies_stalls_or_dies_is_told_from_one_that_answers() {
    let world = World::start("", |request, stream| {
        let query = request.line.split("q=").nth(1).unwrap_or_default();
        match query.split(' ').next().unwrap_or_default() {
            "upgrade" => {
                api::write(stream, b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\n\r\nx");
            }
            "dies" => {}
            "garbage" => api::write(stream, b"\x00\x01\x02 nothing\r\n\r\n"),
            "short" => api::write(stream, b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nabc"),
            "large" => api::write(stream, b"HTTP/1.1 200 OK\r\nContent-Length: 999999\r\n\r\n"),
            "endless" => {
                api::write(stream, b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n");
                let piece = format!("1000\r\n{}\r\n", "x".repeat(4096));
                for _ in 0..64 {
                    api::write(stream, piece.as_bytes());
                }
            }
            "coded" => api::write(
                stream,
                b"HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n",
            ),
            "away" => api::answer(stream, "302 Found", &[("Location", "http://127.0.0.1:9/x")], ""),
            "cookie" => api::answer(
                stream,
                "200 OK",
                &[("Set-Cookie", "a=b"), ("Connection", "X-A"), ("X-A", "1")],
                "ok",
            ),
            "error" => api::answer(stream, "500 Internal Server Error", &[], "broken"),
            _ => api::answer(stream, "204 No Content", &[], ""),
        }
    });
    let ask = |what: &str| world.ask(&format!("GET /http/crm/customers?q={what}"), &[], "");
    for what in ["upgrade", "dies", "garbage", "large", "coded"] {
        let answer = ask(what);
        assert_eq!(answer.status, 502, "{what}: {answer:?}");
        assert_eq!(answer.json()["code"], "no_answer", "{what}");
    }
    let short = ask("short");
    // Whatever came of it, or nothing, before the connection ended: it never looks whole.
    let missing = short.header("content-length") == Some("100") && "abc".starts_with(&short.body);
    assert!(short.status == 0 || (short.status == 200 && missing), "{short:?}");
    let endless = ask("endless");
    assert!(!endless.body.ends_with("0\r\n\r\n"), "what was cut does not look whole");
    assert!(endless.body.len() < 80 << 10, "{}", endless.body.len());
    assert_eq!(ask("away").status, 302, "nobody follows it");
    let cookie = ask("cookie");
    assert_eq!((cookie.header("set-cookie"), cookie.header("x-a")), (None, None), "{cookie:?}");
    assert_eq!(ask("error").status, 500);
    assert_eq!(ask("nothing").status, 204);
    let outcomes: Vec<_> =
        world.records("outcome").iter().map(|it| it["outcome"].clone()).collect();
    let wanted =
        ["none", "none", "none", "none", "none", "none", "none", "ok", "ok", "error", "ok"];
    assert_eq!(outcomes, wanted);
}

#[test]
fn an_answer_that_comes_is_cut_when_its_task_ends() {
    let (go, gone) = mpsc::channel::<()>();
    let gone = std::sync::Mutex::new(gone);
    let world = World::start("", move |_, stream| {
        api::write(stream, b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nfirst\r\n");
        let _ended = gone.lock().unwrap().recv_timeout(Duration::from_secs(30));
        api::write(stream, b"6\r\nsecond\r\n0\r\n\r\n");
    });
    let mut stream = world.governor.connect();
    std::io::Write::write_all(&mut stream, &world.request("GET /http/crm/customers/42", &[], ""))
        .unwrap();
    let mut seen = String::new();
    until("the first piece comes", || {
        let mut bytes = [0; 4096];
        let read = stream.read(&mut bytes).unwrap();
        seen.push_str(&String::from_utf8_lossy(&bytes[..read]));
        seen.contains("first")
    });
    world.governor.json(&["task", "end", &world.task]);
    let _reset = stream.read_to_string(&mut seen);
    go.send(()).unwrap();
    assert!(!seen.contains("second") && !seen.contains("\r\n0\r\n"), "{seen}");
    until("the outcome is on record", || world.records("outcome").len() == 1);
    assert_eq!(world.records("outcome")[0]["outcome"], "none");
}

#[test]
fn no_part_of_an_answer_is_asked_for_or_passed_where_it_is_looked_into() {
    let constraint = "name = \"shy\"\nversion = 1\nowner = \"team-test\"\nredact = [\"mail\"]\n";
    let policy = "@id(\"shy\")\n@constrain(\"shy\")\npermit (principal, action == Action::\"crm__search\", resource);\n";
    let files = [("constraints/shy.toml", constraint), ("policies/shy.cedar", policy)];
    let world = World::with("", &files, |request, stream| {
        let partial = request.line.contains("partial") || request.header("range").is_some();
        let status = if partial { "206 Partial Content" } else { "200 OK" };
        let body =
            if partial { "\"alice@example.org\"" } else { r#"{"mail":"alice@example.org"}"# };
        api::answer(stream, status, &[], body);
    });
    let range = [("Range", "bytes=8-26"), ("If-Range", "x")];
    let whole = world.ask("GET /http/crm/customers?q=x", &range, "");
    assert_eq!((whole.status, &*whole.body), (200, r#"{"mail":"[redacted]"}"#), "{whole:?}");
    assert_eq!(world.api.last().header("if-range"), None);
    let part = world.ask("GET /http/crm/customers?q=partial", &range, "");
    assert_eq!(part.status, 502, "{part:?}");
    assert!(part.body.contains("withheld") && !part.body.contains("alice"), "{part:?}");
}
