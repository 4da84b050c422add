//! The command line: what its words do, how it shows it, and how it ends.

mod can;
mod contain;
mod day;
mod diff;
mod hidden;
mod keys;
mod page;
mod person;
mod policy;
mod reference;
mod task;

use std::fs;

use serde_json::{Value, json};

use crate::governor::{Governor, NOTES};

const WRITE: &str = r#"{"path": "/notes/today", "text": "x"}"#;

fn write(governor: &Governor, token: &str) -> Value {
    governor.call(token, "write_note", &serde_json::from_str(WRITE).unwrap())["structuredContent"]
        .clone()
}

#[test]
fn the_exit_status_says_what_kind_of_no_it_is() {
    let mut governor = Governor::start(NOTES);
    let (task, _) = governor.open("reader", "reading", &[]);
    let nowhere = "task_01JD0000000000000000000000";
    for (words, code) in [
        (vec!["--help"], 0),
        (vec!["--version"], 0),
        (vec!["task", "show", &task], 0),
        (vec!["task", "show", nowhere], 1),
        (vec!["path", nowhere], 1),
        (vec!["why", "dec_01JD0000000000000000000000"], 1),
        (vec!["hold", "show", "hold_01JD0000000000000000000000"], 1),
        (vec!["identity", "show", "nobody"], 1),
        (vec!["why", "because"], 2),
        (vec!["task", "show", "the-last-one"], 2),
        (vec!["no-such-command"], 2),
        (vec!["task", "open"], 2),
        (vec!["task", "list", "--output", "xml"], 2),
        (vec!["task", "list", "--config", "elsewhere.toml"], 2),
        (vec!["identity", "add", "Not A Name", "--generate-key"], 2),
    ] {
        let ran = governor.run(&words);
        assert_eq!(ran.code, code, "{words:?}: {ran:?}");
        assert_eq!(ran.stderr.is_empty(), code == 0, "{words:?}: {ran:?}");
        assert!(code == 0 || ran.stdout.is_empty(), "{words:?}: {ran:?}");
    }
    governor.stop();
    for (words, code) in [
        (vec!["task", "show", &task], 0),
        (vec!["task", "list"], 0),
        (vec!["hold", "list"], 0),
        (vec!["person", "list"], 0),
        (vec!["identity", "list"], 0),
        (vec!["ledger", "verify"], 0),
        (vec!["task", "open", "--as", "reader", "--template", "reading"], 3),
        (vec!["task", "end", &task], 3),
        (vec!["task", "token", &task], 3),
        (vec!["contain", "reader", "--why", "x"], 3),
        (vec!["server", "list"], 3),
        (vec!["reload"], 3),
    ] {
        let ran = governor.run(&words);
        assert_eq!(ran.code, code, "{words:?}: {ran:?}");
        assert!(code == 0 || ran.stderr.contains("bailiwick serve"), "{words:?}: {ran:?}");
    }
    fs::remove_dir_all(governor.path("state")).unwrap();
    let said = governor.refused(&["task", "list"], 3);
    assert!(said.contains("bailiwick serve"), "{said}");
}

#[test]
fn an_answer_is_shown_for_people_and_for_programs() {
    let governor = Governor::start(NOTES);
    let (task, token) = governor.open("reader", "asking", &[]);
    write(&governor, &token);
    governor.call(&token, "read_note", &json!({"path": "/notes/today"}));
    for words in [
        vec!["task", "list"],
        vec!["task", "show", &task],
        vec!["hold", "list"],
        vec!["server", "list"],
        vec!["identity", "list"],
        vec!["identity", "show", "reader"],
        vec!["path", &task],
        vec!["ledger", "verify"],
        vec!["check"],
    ] {
        let shown = |form: &str| {
            let ran = governor.run(&[words.as_slice(), &["--output", form]].concat());
            assert_eq!(ran.code, 0, "{words:?}: {ran:?}");
            ran.stdout
        };
        let (json, yaml, table) = (shown("json"), shown("yaml"), shown("table"));
        let value: Value = serde_json::from_str(&json).unwrap();
        assert!(!value.is_null());
        for name in names(&value) {
            assert!(yaml.contains(&format!("\"{name}\":")), "{words:?}: {name} in {yaml}");
        }
        assert!(serde_json::from_str::<Value>(&table).is_err(), "{words:?}: {table}");
        assert!(!table.trim().is_empty() && !table.contains("{\""), "{words:?}: {table}");
        assert_eq!(governor.run(&words).stdout, shown("table"), "a table is what people get");
    }
}

/// Gives every member name in `value`.
fn names(value: &Value) -> Vec<String> {
    match value {
        Value::Object(members) => {
            members.iter().flat_map(|(name, it)| [vec![name.clone()], names(it)].concat()).collect()
        }
        Value::Array(items) => items.iter().flat_map(names).collect(),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => Vec::new(),
    }
}

#[test]
fn check_names_every_mistake_at_once() {
    let governor = Governor::prepare(NOTES);
    let good = governor.run(&["check"]);
    assert_eq!(good.code, 0, "{good:?}");
    governor.write("bailiwick.toml", &format!("{}\n[stat]\ndir = \"x\"\n", NOTES[0].1));
    governor.write("policies/one.cedar", "permit (principal, action, resource\n");
    governor.write(
        "templates/broken.toml",
        "name = \"broken\"\nowner = \"team-test\"\npurpose = \"x\"\non_widen = \"maybe\"\n[window]\nmax = \"soon\"\n",
    );
    governor.write(
        "charters/ghost.toml",
        "identity = \"ghost\"\nkind = \"spirit\"\nclass = \"x\"\nowner = \"team-test\"\npurpose = \"x\"\nproof = []\ntemplates = [\"haunting\"]\nservers = [\"cellar\"]\n",
    );
    let ran = governor.run(&["check", "--output", "json"]);
    assert_eq!(ran.code, 2, "{ran:?}");
    let report: Value = serde_json::from_str(&ran.stdout).unwrap();
    assert_eq!(report["ok"], false);
    let errors = report["errors"].as_array().unwrap();
    for (file, what) in [
        ("bailiwick.toml", "stat"),
        ("one.cedar", ""),
        ("broken.toml", "maybe"),
        ("broken.toml", "soon"),
        ("ghost.toml", "spirit"),
    ] {
        let named = errors.iter().any(|it| {
            it["file"].as_str().is_some_and(|it| it.ends_with(file))
                && it["message"].as_str().unwrap().contains(what)
                && it["line"].is_u64()
                && it["code"].is_string()
        });
        assert!(named, "{file} {what}: {report:#}");
    }
    let shown = governor.run(&["check"]);
    assert_eq!(shown.code, 2);
    for error in errors {
        assert!(
            shown.stdout.contains(error["code"].as_str().unwrap()),
            "{error}: {}",
            shown.stdout
        );
    }
    // Neither does such a house start.
    let ran = governor.refuses_to_serve();
    assert_eq!(ran.code, 2, "{ran:?}");
    assert!(ran.stderr.contains("mistakes"), "{}", ran.stderr);
}

#[test]
fn what_init_writes_is_good_and_governs() {
    let mut governor = Governor::prepare(&[]);
    let written = governor.json(&["init", "."]);
    assert_eq!(written["written"].as_array().unwrap().len(), 6);
    let checked = governor.json(&["check"]);
    assert_eq!(checked["ok"], true, "{checked}");
    let remarks: Vec<_> =
        checked["warnings"].as_array().unwrap().iter().map(|it| &it["code"]).collect();
    assert_eq!(
        remarks,
        ["CFG-101"],
        "only that a first try keeps everything on one disk: {checked}"
    );
    // It writes over nothing.
    let said = governor.refused(&["init", "."], 2);
    assert!(said.contains("there already"), "{said}");

    let text = fs::read_to_string(governor.path("bailiwick.toml")).unwrap();
    let text = text.replace("127.0.0.1:8470", "127.0.0.1:0");
    let at_once = "[holds]\npoll = \"0s\"\nstream = \"0s\"\n";
    fs::write(governor.path("bailiwick.toml"), format!("{text}\n{at_once}")).unwrap();
    governor.serve();
    let (_, token) = governor.open("note-keeper", "keep-notes", &["note=/team/today"]);
    let call =
        |tool: &str, path: &str| governor.call(&token, tool, &json!({"path": path, "text": "x"}));
    assert_eq!(call("read_note", "/team/other")["isError"], false);
    assert_eq!(call("write_note", "/team/today")["isError"], false);
    assert_eq!(call("write_note", "/team/other")["structuredContent"]["verdict"], "hold");
    governor.stop();
}

#[test]
fn one_state_has_one_governor() {
    let governor = Governor::start(NOTES);
    let second = governor.refuses_to_serve();
    assert_eq!(second.code, 3, "{second:?}");
    let owner = format!("in use by process {}", governor.pid());
    assert!(second.stderr.contains(&owner), "{}", second.stderr);
    // The first one did not even notice.
    let (_, token) = governor.open("reader", "reading", &[]);
    let read = governor.call(&token, "read_note", &json!({"path": "/notes/today"}));
    assert_eq!(read["isError"], false);
}

#[test]
fn an_address_that_is_taken_is_named() {
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let governor = Governor::prepare(NOTES);
    governor.write("bailiwick.toml", &NOTES[0].1.replace("127.0.0.1:0", &address));
    let ran = governor.refuses_to_serve();
    assert_eq!(ran.code, 3, "{ran:?}");
    assert!(ran.stderr.contains(&address), "{}", ran.stderr);
}
