//! What came with a task or a held call is private: the ledger and people's screens have digests,
//! the registry has the whole, and a restart takes up what both agree on.

use std::{fs, net::TcpListener, path::Path};

use serde_json::{Value, json};

use crate::governor::{Governor, NOTES};

const SECRET: &str = "ghp_0123456789abcdefABCDEF0123456789abcd";
const SINGLE: &str = r#"
name = "single"
owner = "team-test"
purpose = "Read one note"
on_widen = "deny"
[params.note]
pattern = ".+"
[params.password]
pattern = "hunter[0-9]"
[window]
max = "1h"
[[allow]]
server = "notes"
tools = ["read_note"]
when = 'context.input.path == context.task.params.note'
"#;

/// A governor at an address that stays, so that tokens outlive a restart.
fn house() -> Governor {
    let mut governor = Governor::prepare(NOTES);
    let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let listen = format!("127.0.0.1:{port}");
    governor.write("bailiwick.toml", &NOTES[0].1.replace("127.0.0.1:0", &listen));
    let charter = NOTES[1].1.replace("\"asking\"]", "\"asking\", \"single\"]");
    governor.write("charters/reader.toml", &charter);
    governor.write("templates/single.toml", SINGLE);
    governor.serve();
    governor
}

fn text(value: &Value) -> String {
    value.as_str().unwrap().to_owned()
}

/// Opens a task whose parameters and purpose hold secrets: its id and its token.
fn open(governor: &Governor) -> (String, String) {
    let (note, purpose) = (format!("note=/notes/{SECRET}"), format!("Use {SECRET} once"));
    let words = ["task", "open", "--as", "reader", "--template", "single", "--purpose", &purpose];
    let params = ["--param", &note, "--param", "password=hunter2"];
    let opened = governor.json(&[words.as_slice(), &params].concat());
    (text(&opened["task"]), text(&opened["token"]))
}

/// Says whether any file below `folder` has `word` in it.
fn holds_word(folder: &Path, word: &str) -> bool {
    // Heads are copied a moment after something happened, and then there is a folder for them.
    let Ok(mut entries) = fs::read_dir(folder) else { return false };
    entries.any(|entry| {
        let path = entry.unwrap().path();
        if path.is_dir() {
            return holds_word(&path, word);
        }
        // A head is replaced while somebody looks, and then is read the next time.
        fs::read(path).is_ok_and(|it| it.windows(word.len()).any(|it| it == word.as_bytes()))
    })
}

/// Law 14, for what tasks and holds came with: nothing that is kept as evidence or shown has it.
fn nowhere(governor: &Governor, looks: &[&[&str]]) {
    for word in [SECRET, "hunter2"] {
        for folder in ["state/ledger", "checkpoints"] {
            assert!(!holds_word(&governor.path(folder), word), "`{word}` in {folder}");
        }
        for look in looks {
            for words in [look.to_vec(), [*look, &["--output", "json"]].concat()] {
                let ran = governor.run(&words);
                assert_eq!(ran.code, 0, "{words:?}: {ran:?}");
                assert!(!ran.stdout.contains(word), "{words:?}: {}", ran.stdout);
            }
        }
    }
}

#[test]
fn secrets_that_a_task_is_opened_with_are_in_no_record_and_work_across_a_restart() {
    let mut governor = house();
    let (task, token) = open(&governor);
    let read = |governor: &Governor, path: &str| {
        governor.call(&token, "read_note", &json!({ "path": path }))["isError"].clone()
    };
    let mine = format!("/notes/{SECRET}");
    assert_eq!(read(&governor, &mine), false);
    // A wish that is refused is on record as well, and quotes what was wrong with it.
    let words = ["task", "open", "--as", "reader", "--template", "single", "--param", "note=x"];
    let said = governor.refused(&[words.as_slice(), &["--param", "password=hunter2x"]].concat(), 1);
    assert!(said.contains("parameter `password`") && !said.contains("hunter2"), "{said}");

    let looks: [&[&str]; 3] = [&["task", "show", &task], &["task", "list"], &["path", &task]];
    nowhere(&governor, &looks);
    governor.kill();
    nowhere(&governor, &looks);
    governor.serve();
    assert_eq!(read(&governor, &mine), false);
    assert_eq!(read(&governor, "/notes/today"), true);
    nowhere(&governor, &looks);
}

#[test]
fn a_yes_to_what_evidence_cannot_show_survives_a_restart() {
    let mut governor = house();
    let by = governor.person("ada");
    let by: Vec<_> = by.iter().map(String::as_str).collect();
    let long = format!("/notes/{}", "long".repeat(1000));
    for path in [format!("/notes/{SECRET}"), long] {
        let (_, token) = governor.open("reader", "asking", &[]);
        let write = |governor: &Governor| {
            governor.call(&token, "write_note", &json!({"path": path, "text": "x"}))
        };
        let hold = text(&write(&governor)["structuredContent"]["hold"]);
        governor.kill();
        governor.serve();
        // Still the same ticket, and then a yes to the call and to others like it.
        assert_eq!(text(&write(&governor)["structuredContent"]["hold"]), hold);
        let approve = ["hold", "approve", &hold, "--for", "10m"];
        governor.json(&[approve.as_slice(), &by].concat());
        nowhere(&governor, &[&["hold", "show", &hold], &["hold", "list"]]);
        governor.kill();
        nowhere(&governor, &[&["hold", "show", &hold], &["hold", "list"]]);
        governor.serve();
        for _ in 0..2 {
            assert_eq!(write(&governor)["isError"], false);
        }
    }
    assert_eq!(governor.reached(), 4);
}

#[test]
fn what_the_registry_lost_is_never_guessed() {
    let mut governor = house();
    let by = governor.person("ada");
    let by: Vec<_> = by.iter().map(String::as_str).collect();
    let (task, _) = open(&governor);
    let (plain, token) = governor.open("reader", "asking", &[]);
    let write = |governor: &Governor| {
        let path = format!("/notes/{SECRET}");
        governor.call(&token, "write_note", &json!({"path": path, "text": "x"}))
    };
    let hold = text(&write(&governor)["structuredContent"]["hold"]);
    governor.json(&[["hold", "approve", &hold].as_slice(), &by].concat());
    governor.stop();
    for name in ["registry.db", "registry.db-wal", "registry.db-shm"] {
        let _gone = fs::remove_file(governor.path("state").join(name));
    }
    for _ in 0..2 {
        governor.serve();
        let shown = governor.json(&["task", "show", &task]);
        assert_eq!(shown["status"]["cause"], "lost", "{shown}");
        assert_eq!(governor.json(&["task", "show", &plain])["status"]["state"], "open");
        let shown = governor.json(&["hold", "show", &hold]);
        assert_eq!(shown["status"]["state"], "expired", "{shown}");
        let again = write(&governor);
        assert_eq!(again["structuredContent"]["verdict"], "hold", "{again}");
        assert_ne!(text(&again["structuredContent"]["hold"]), hold);
        let lost = governor.records().iter().filter(|it| it["code"] == "hold-lost").count();
        assert_eq!(lost, 1, "it is said once");
        governor.kill();
    }
    assert_eq!(governor.reached(), 0);
}
