//! `bailiwick task …`, `path` and `why`.

use std::fs;

use serde_json::{Value, json};

use super::write;
use crate::governor::{Governor, NOTES, Ran};

#[test]
fn a_task_that_is_not_opened_says_why_in_the_askers_words() {
    let mut governor = Governor::prepare(NOTES);
    governor.write(
        "templates/ticket.toml",
        "name = \"ticket\"\nowner = \"team-test\"\npurpose = \"Read one note\"\non_widen = \"deny\"\n[params.note]\npattern = \"[a-z]+\"\n[window]\nmax = \"1h\"\n[[allow]]\nserver = \"notes\"\ntools = [\"read_note\"]\n",
    );
    let reader = NOTES.iter().find(|it| it.0 == "charters/reader.toml").unwrap().1;
    governor.write("charters/reader.toml", &reader.replace("\"asking\"]", "\"ticket\"]"));
    governor.write(
        "charters/keyed.toml",
        &reader
            .replace("\"reader\"", "\"keyed\"")
            .replace("{ uid = UID }", "{ key = \"keys/keyed.pub.pem\" }"),
    );
    governor.json(&["identity", "add", "keyed", "--generate-key"]);
    governor.serve();
    let open = |identity: &str, template: &str, more: &[&str]| {
        let words = [&["task", "open", "--as", identity, "--template", template], more].concat();
        governor.run(&words)
    };
    let named = |ran: Ran, code: i32, texts: &[&str]| {
        assert_eq!(ran.code, code, "{ran:?}");
        for text in texts {
            assert!(ran.stderr.contains(text), "{text}: {}", ran.stderr);
        }
    };
    named(open("reader", "nonsense", &[]), 1, &["nonsense"]);
    named(open("nobody", "reading", &[]), 1, &["`nobody` has no charter"]);
    named(open("reader", "asking", &[]), 1, &["asking", "reader"]);
    named(open("reader", "ticket", &[]), 1, &["note"]);
    named(open("reader", "ticket", &["--param", "note=UPPER"]), 1, &["note", "UPPER"]);
    named(open("reader", "ticket", &["--param", "note=abc", "--param", "other=x"]), 1, &["other"]);
    named(open("reader", "ticket", &["--param", "note"]), 2, &["`note` is not a parameter"]);
    named(
        open("reader", "ticket", &["--param", "note=a", "--param", "note=b"]),
        2,
        &["given twice"],
    );
    assert_eq!(open("reader", "ticket", &["--param", "note=abc"]).code, 0);

    // The key opens; without it nothing does, for the account is not among its proofs.
    assert_eq!(open("keyed", "reading", &[]).code, 0);
    fs::rename(governor.path("keys/keyed.pem"), governor.path("hidden.pem")).unwrap();
    named(open("keyed", "reading", &[]), 1, &["nothing proves", "keys/keyed.pem"]);
    assert_eq!(open("keyed", "reading", &["--key", "hidden.pem"]).code, 0);
    fs::write(governor.path("wrong.pem"), "no key").unwrap();
    named(open("keyed", "reading", &["--key", "wrong.pem"]), 2, &["wrong.pem"]);
    named(open("keyed", "reading", &["--key", "absent.pem"]), 2, &["absent.pem"]);

    // What was refused is on record as well.
    let refused = governor.records();
    let refused = refused.iter().filter(|it| {
        it["command"]["command"] == "task_opened" && it["command"]["verdict"] == "deny"
    });
    assert!(4 <= refused.count());
}

#[test]
fn tasks_are_listed_shown_and_minted_for_by_whoever_proves_them() {
    let mut governor = Governor::prepare(NOTES);
    let reader = NOTES.iter().find(|it| it.0 == "charters/reader.toml").unwrap().1;
    let proof = "{ key = \"keys/reader.pub.pem\" }";
    governor.write("charters/reader.toml", &reader.replace("{ uid = UID }", proof));
    let made = governor.json(&["identity", "add", "reader", "--generate-key"]);
    assert!(made["private"].as_str().unwrap().ends_with("keys/reader.pem"), "{made}");
    governor.refused(&["identity", "add", "reader", "--generate-key"], 2);
    governor.serve();
    let (first, token) = governor.open("reader", "reading", &[]);
    let (second, _) = governor.open("reader", "asking", &[]);
    governor.json(&["task", "end", &first]);

    let ids = |all: &[&str]| -> Vec<String> {
        let list = governor.json(&[&["task", "list"], all].concat());
        list["tasks"]
            .as_array()
            .unwrap()
            .iter()
            .map(|it| it["id"].as_str().unwrap().to_owned())
            .collect()
    };
    assert_eq!(ids(&[]), std::slice::from_ref(&second));
    assert_eq!(ids(&["--all"]), [&*second, &*first], "newest first");
    let table = governor.run(&["task", "show", &first]).stdout;
    assert!(table.contains("ended") && table.contains("notes: read_note"), "{table}");

    let minted = governor.json(&["task", "token", &second]);
    let fresh = minted["token"].as_str().unwrap();
    assert_ne!(fresh, token);
    let read = governor.call(fresh, "read_note", &json!({"path": "/notes/today"}));
    assert_eq!(read["isError"], false);
    // Without the proof of the opening there is none.
    fs::rename(governor.path("keys/reader.pem"), governor.path("hidden.pem")).unwrap();
    let said = governor.refused(&["task", "token", &second], 1);
    assert!(said.contains("nothing proves"), "{said}");
    governor.json(&["task", "token", &second, "--key", "hidden.pem"]);
}

#[test]
fn path_and_why_say_the_same_with_and_without_a_server() {
    let mut governor = Governor::start(NOTES);
    let (task, token) = governor.open("reader", "asking", &[]);
    governor.call(&token, "read_note", &json!({"path": "/notes/today"}));
    let held = write(&governor, &token)["decision"].as_str().unwrap().to_owned();
    let hold = write(&governor, &token)["hold"].as_str().unwrap().to_owned();
    governor.call(&token, "read_note", &json!({"path": "/notes/../etc"}));
    governor.json(&["task", "end", &task]);
    let mut asked = vec![
        vec!["path".to_owned(), task.clone()],
        vec!["task".to_owned(), "show".to_owned(), task.clone()],
        vec!["hold".to_owned(), "show".to_owned(), hold],
        vec!["task".to_owned(), "list".to_owned(), "--all".to_owned()],
        vec!["hold".to_owned(), "list".to_owned()],
        vec!["identity".to_owned(), "list".to_owned()],
        vec!["person".to_owned(), "list".to_owned()],
    ];
    for step in governor.json(&["path", &task])["steps"].as_array().unwrap() {
        asked.push(vec!["why".to_owned(), step["decision"].as_str().unwrap().to_owned()]);
    }
    assert!(asked.iter().any(|it| it[1] == held));
    let answers = |governor: &Governor| -> Vec<Value> {
        let ask = |words: &Vec<String>| {
            governor.json(&words.iter().map(String::as_str).collect::<Vec<_>>())
        };
        asked.iter().map(ask).collect()
    };
    let online = answers(&governor);
    governor.stop();
    assert_eq!(answers(&governor), online);
}
