//! What people do: answer holds, contain and release, accept tools.

use std::fs;

use serde_json::json;

use super::write;
use crate::governor::{Governor, NOTES, Ran};

pub(super) fn words(one: &[&str], more: &[String]) -> Vec<String> {
    one.iter().map(|it| (*it).to_owned()).chain(more.iter().cloned()).collect()
}

pub(super) fn run(governor: &Governor, words: &[String]) -> Ran {
    governor.run(&words.iter().map(String::as_str).collect::<Vec<_>>())
}

#[test]
fn a_hold_that_is_denied_stays_denied() {
    let governor = Governor::start(NOTES);
    let by = governor.person("ada");
    let (_, token) = governor.open("reader", "asking", &[]);
    let hold = write(&governor, &token)["hold"].as_str().unwrap().to_owned();
    let listed = governor.json(&["hold", "list"]);
    assert_eq!(listed["holds"][0]["id"], hold.as_str());
    let shown = governor.run(&["hold", "show", &hold]).stdout;
    for text in ["/notes/today", "notes__write_note", "reader", "waiting", "outside"] {
        let there = shown.contains(text) || text == "outside" && shown.contains("why");
        assert!(there, "{text}: {shown}");
    }
    let ran = run(&governor, &words(&["hold", "deny", &hold], &by));
    assert_eq!(ran.code, 0, "{ran:?}");
    assert_eq!(governor.json(&["hold", "list"])["holds"], json!([]));
    let shown = governor.json(&["hold", "show", &hold]);
    assert_eq!(
        (&shown["status"]["state"], &shown["status"]["by"]),
        (&json!("refused"), &json!("ada"))
    );
    let ran = run(&governor, &words(&["hold", "approve", &hold], &by));
    assert_eq!(ran.code, 1, "what was refused is not approved: {ran:?}");
    assert_ne!(write(&governor, &token)["verdict"], "allow");
    assert_eq!(governor.reached(), 0);
}

#[test]
fn a_line_that_was_approved_counts_until_its_end_and_for_its_resource_only() {
    let governor = Governor::start(NOTES);
    let by = governor.person("ada");
    let (_, token) = governor.open("reader", "asking", &[]);
    let hold = write(&governor, &token)["hold"].as_str().unwrap().to_owned();
    let ran = run(&governor, &words(&["hold", "approve", &hold, "--for", "soon"], &by));
    assert_eq!(ran.code, 2, "{ran:?}");
    let ran = run(&governor, &words(&["hold", "approve", &hold, "--for", "10m"], &by));
    assert_eq!(ran.code, 0, "{ran:?}");
    for text in ["one", "two"] {
        let again =
            governor.call(&token, "write_note", &json!({"path": "/notes/today", "text": text}));
        assert_eq!(again["isError"], false, "{again}");
    }
    let other = governor.call(&token, "write_note", &json!({"path": "/notes/other", "text": "x"}));
    assert_eq!(other["structuredContent"]["verdict"], "hold", "{other}");
    assert_eq!(governor.reached(), 2);
}

#[test]
fn a_contained_identity_has_no_authority_until_a_person_releases_it() {
    let mut governor = Governor::start(NOTES);
    let by = governor.person("ada");
    let (task, token) = governor.open("reader", "reading", &[]);
    governor.json(&["contain", "reader", "--why", "it went too far"]);
    let read = governor.call(&token, "read_note", &json!({"path": "/notes/today"}));
    assert_eq!(read["structuredContent"]["verdict"], "deny", "{read}");
    assert_eq!(governor.json(&["task", "show", &task])["status"]["state"], "ended");
    let open = ["task", "open", "--as", "reader", "--template", "reading"];
    assert!(governor.refused(&open, 1).contains("contained"));
    // It does not wear off.
    governor.stop();
    governor.serve();
    assert!(governor.refused(&open, 1).contains("contained"));
    governor.refused(&["release", "reader"], 2);
    fs::write(governor.path("wrong"), "not her passphrase").unwrap();
    governor.refused(&["release", "reader", "--by", "ada", "--passphrase-file", "wrong"], 1);
    let ran = run(&governor, &words(&["release", "reader"], &by));
    assert_eq!(ran.code, 0, "{ran:?}");
    let (_, token) = governor.open("reader", "reading", &[]);
    let read = governor.call(&token, "read_note", &json!({"path": "/notes/today"}));
    assert_eq!(read["isError"], false, "{read}");
    assert_eq!(governor.json(&["task", "show", &task])["status"]["state"], "ended", "for good");
    assert_eq!(governor.reached(), 1);
}

#[test]
fn a_server_under_review_offers_nothing_until_a_person_accepts() {
    let mut governor = Governor::prepare(NOTES);
    let config = NOTES[0].1.replace("name = \"notes\"", "name = \"notes\"\npin = \"review\"");
    governor.write("bailiwick.toml", &config);
    governor.serve();
    let by = governor.person("ada");
    let (_, token) = governor.open("reader", "reading", &[]);
    let read = || governor.call(&token, "read_note", &json!({"path": "/notes/today"}));
    assert_ne!(read()["isError"], false);
    let states = || -> Vec<String> {
        let tools = governor.json(&["server", "list"])["servers"][0]["tools"].clone();
        let tools = tools.as_array().unwrap().clone();
        tools.iter().map(|it| it["state"].as_str().unwrap().to_owned()).collect()
    };
    assert_eq!(states(), ["waiting", "waiting"]);
    let ran = run(&governor, &words(&["server", "accept", "notes", "no_such_tool"], &by));
    assert_eq!(ran.code, 1, "{ran:?}");
    let ran = run(&governor, &words(&["server", "accept", "nowhere"], &by));
    assert_eq!(ran.code, 1, "{ran:?}");
    governor.refused(&["server", "accept", "notes"], 2);
    let ran = run(&governor, &words(&["server", "accept", "notes", "read_note"], &by));
    assert_eq!(ran.code, 0, "{ran:?}");
    assert_eq!(states(), ["accepted", "waiting"]);
    assert_eq!(read()["isError"], false);
    let ran = run(&governor, &words(&["server", "accept", "notes"], &by));
    assert_eq!(ran.code, 0, "{ran:?}");
    assert_eq!(states(), ["accepted", "accepted"]);
    assert_eq!(governor.reached(), 1);
}
