//! Law 14: secrets never appear in a reply, log, trace, metric or ledger.

use std::{fs, io::Write as _, net::TcpStream, path::Path};

use serde_json::json;

use super::{collector::Collector, read_metrics, serve_logging, with};
use crate::{
    governor::{Governor, until},
    liar::{Asked, Liar, files},
};

/// What a server of the configuration is given.
const VARIABLE: &str = "Zq81mXw0pLr7TbN4vKc2HsYd9Ge5Ru3Ja";
/// What an agent passes on: by its shape, and by the name that it goes by.
const SHAPED: &str = "ghp_0123456789abcdefghijklmnopqrstuvwxAB";
const NAMED: &str = "hunter2-hunter2";
/// What somebody tries instead of a token.
const FORGED: &str = "eyJhbGciOiJFUzI1NiJ9.forged-claims-of-somebody.c2lnbmF0dXJl";

/// Reads every file below a folder, as one text.
fn everything(folder: &Path, counts: fn(&str) -> bool) -> String {
    let mut all = String::new();
    for entry in fs::read_dir(folder).unwrap().flatten() {
        let path = entry.path();
        let name = entry.file_name().into_string().unwrap();
        if path.is_dir() {
            all.push_str(&everything(&path, counts));
        } else if counts(&name) {
            all.push_str(&String::from_utf8_lossy(&fs::read(&path).unwrap_or_default()));
        }
    }
    all
}

/// Says whether a file is a secret itself.
fn is_own(name: &str) -> bool {
    name == "admin.token" || name == "metrics.token"
}

fn is_registry(name: &str) -> bool {
    name.starts_with("registry.db")
}

#[test]
fn law_14_secrets_appear_nowhere() {
    let collector = Collector::start();
    let more = format!(
        "[log]\nformat = \"json\"\nlevel = \"trace\"\n[telemetry]\notlp = \"{}\"",
        collector.url()
    );
    let mut governor = with(&more);
    let config = fs::read_to_string(governor.path("bailiwick.toml")).unwrap();
    let given = format!("name = \"notes\"\nenv = {{ API_TOKEN = \"{VARIABLE}\" }}");
    governor.write("bailiwick.toml", &config.replace("name = \"notes\"", &given));
    serve_logging(&mut governor);

    let person = governor.person("ada");
    let (task, token) = governor.open("reader", "asking", &[]);
    let mut replies = ask(&governor, &token);
    let held = governor.json(&["hold", "list"]);
    let hold = held["holds"][0]["id"].as_str().unwrap();
    let mut words = vec!["hold", "approve", hold];
    words.extend(person.iter().map(String::as_str));
    governor.json(&words);
    let refused = governor.ask("/mcp/notes", FORGED, "tools/list", &json!({}));
    replies.push_str(&refused.to_string());
    collector.until(4 * 3);

    let shown = show(&governor, &task);
    let metrics = read_metrics(&governor);
    let own = ["admin.token", "metrics.token"].map(|name| {
        fs::read_to_string(governor.path("state").join(name)).unwrap().trim().to_owned()
    });
    governor.stop();
    until("the log is written", || 0 < fs::metadata(governor.path("log")).unwrap().len());

    let places = [
        ("replies", replies),
        ("commands", shown),
        ("metrics", metrics),
        ("traces", collector.told()),
        ("log", fs::read_to_string(governor.path("log")).unwrap()),
        ("state", everything(&governor.path("state"), |it| !is_own(it) && !is_registry(it))),
        ("registry", everything(&governor.path("state"), is_registry)),
        ("checkpoints", everything(&governor.path("checkpoints"), |_| true)),
    ];
    let secrets = [VARIABLE, SHAPED, NAMED, FORGED, &token, "correct horse", &own[0], &own[1]];
    for (place, text) in &places {
        assert!(!text.is_empty(), "nothing was looked at in {place}");
        // The registry, which is nobody's evidence, keeps what a held call names, to know it again.
        let kept = |it: &&str| *place == "registry" && *it == SHAPED;
        for secret in secrets.into_iter().filter(|it| !kept(it)) {
            let before = text.split_once(secret).map(|(it, _)| it);
            let near = before.map(|it| it.chars().rev().take(200).collect::<Vec<_>>());
            let near: Option<String> = near.map(|it| it.into_iter().rev().collect());
            assert_eq!(near, None, "`{secret}` stands in {place}");
        }
    }
}

/// Calls with secrets in every place, and gives what was refused. What was allowed may answer with
/// what it was asked: that is between agent and tool.
fn ask(governor: &Governor, token: &str) -> String {
    let calls = [
        ("read_note", json!({"path": format!("/notes/{SHAPED}")})),
        ("write_note", json!({"path": "/notes/a", "text": SHAPED, "password": NAMED})),
        ("write_note", json!({"path": format!("/notes/{SHAPED}"), "token": NAMED})),
        (SHAPED, json!({"password": NAMED})),
    ];
    let answers = calls.map(|(tool, arguments)| governor.call(token, tool, &arguments));
    answers.iter().filter(|it| it["isError"] == true).map(ToString::to_string).collect()
}

/// Shows everything that commands show.
fn show(governor: &Governor, task: &str) -> String {
    let commands: [&[&str]; 7] = [
        &["path", task],
        &["path", task, "--html"],
        &["hold", "list"],
        &["config", "show", "--origin"],
        &["server", "list"],
        &["ledger", "export"],
        &["doctor"],
    ];
    let ran = commands.map(|words| governor.run(words));
    ran.into_iter().map(|it| it.stdout + &it.stderr).collect()
}

/// How a server says something.
type Saying = fn(&Asked, &mut TcpStream);

/// Ways in which a server says a secret: in an answer, before it, and in its place.
const SAYINGS: [(&str, Saying); 7] = [
    ("result", |asked, to| say(to, "200 OK", "application/json", &asked.answer(SHAPED))),
    ("error", |asked, to| {
        let error = json!({"code": -32000, "message": SHAPED, "data": {"password": NAMED}});
        let body = json!({"jsonrpc": "2.0", "id": asked.id, "error": error});
        say(to, "200 OK", "application/json", &body.to_string());
    }),
    ("note", |asked, to| {
        let note = json!({"jsonrpc": "2.0", "method": "notifications/message",
            "params": {"level": "info", "data": SHAPED}});
        let body = format!("data: {note}\n\ndata: {}\n\n", asked.answer("done"));
        say(to, "200 OK", "text/event-stream", &body);
    }),
    ("refusal", |_, to| say(to, "401 Unauthorized", "text/plain", SHAPED)),
    ("garbage", |_, to| say(to, "200 OK", "application/json", SHAPED)),
    ("kind", |_, to| say(to, "200 OK", SHAPED, "{}")),
    ("place", |_, to| {
        let head =
            format!("HTTP/1.1 302 Found\r\nLocation: /{SHAPED}\r\nContent-Length: 0\r\n\r\n");
        let _gone = to.write_all(head.as_bytes());
    }),
];

fn say(to: &mut TcpStream, status: &str, kind: &str, body: &str) {
    let length = body.len();
    let head = format!("HTTP/1.1 {status}\r\nContent-Type: {kind}\r\nContent-Length: {length}");
    let _gone = to.write_all(format!("{head}\r\n\r\n{body}").as_bytes());
}

#[test]
fn law_14_what_servers_say_and_tasks_carry_appears_nowhere_else() {
    let collector = Collector::start();
    let tools = SAYINGS.map(|it| it.0);
    let liar = Liar::start(&tools, |asked, to| {
        let saying = SAYINGS.iter().find(|it| it.0 == asked.tool).unwrap();
        saying.1(asked, to);
    });
    let more = format!(
        "url = \"{}\"\n[log]\nformat = \"json\"\nlevel = \"trace\"\n[telemetry]\notlp = \"{}\"",
        liar.url(),
        collector.url()
    );
    let house = files(&more, "", &format!("{tools:?}"));
    let mut governor = Governor::prepare(&house);
    let params = "[params.note]\npattern = \".+\"\n[params.password]\npattern = \".+\"\n[window]";
    governor.write("templates/working.toml", &house[2].1.replace("[window]", params));
    serve_logging(&mut governor);

    let (note, word) = (format!("note={SHAPED}"), format!("password={NAMED}"));
    let purpose = format!("Use {SHAPED} once");
    let opened = governor.json(&[
        "task",
        "open",
        "--as",
        "agent",
        "--template",
        "working",
        "--purpose",
        &purpose,
        "--param",
        &note,
        "--param",
        &word,
    ]);
    let (task, token) = (opened["task"].as_str().unwrap(), opened["token"].as_str().unwrap());
    let mut said = 0;
    for tool in tools {
        let params = json!({"name": tool, "arguments": {"password": NAMED, "note": SHAPED}});
        let body = json!({"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": params});
        let answer = governor.post("/mcp/liar", token, &[], &body.to_string());
        assert_eq!(answer.status, 200, "{tool}: {answer:?}");
        said += usize::from(answer.body.contains(SHAPED));
    }
    assert!(2 <= said, "what a server answers is its caller's to read, and nobody else's");
    collector.until(4 * tools.len());

    let shown = show(&governor, task);
    let metrics = read_metrics(&governor);
    governor.stop();
    let places = [
        ("commands", shown),
        ("metrics", metrics),
        ("traces", collector.told()),
        ("log", fs::read_to_string(governor.path("log")).unwrap()),
        ("ledger", everything(&governor.path("state/ledger"), |_| true)),
        ("checkpoints", everything(&governor.path("checkpoints"), |_| true)),
    ];
    for (place, text) in &places {
        assert!(!text.is_empty(), "nothing was looked at in {place}");
        for secret in [SHAPED, NAMED, token] {
            let before = text.split_once(secret).map(|(it, _)| it);
            let near = before.map(|it| it.chars().rev().take(300).collect::<Vec<_>>());
            let near: Option<String> = near.map(|it| it.into_iter().rev().collect());
            assert_eq!(near, None, "`{secret}` stands in {place}");
        }
    }
}
