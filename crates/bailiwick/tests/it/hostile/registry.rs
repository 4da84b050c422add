//! An agent changes the registry behind the governor's back.

use std::fs;

use serde_json::json;

use super::{PASSPHRASE, foreign_key, held, overwrite};
use crate::governor::{Governor, NOTES};

/// A governor that was stopped: with a person, a held call, an ended task and a contained identity.
fn house() -> Governor {
    let mut governor = Governor::start(NOTES);
    governor.person("ada");
    held(&governor, "/notes/today");
    let (task, _) = governor.open("reader", "reading", &[]);
    governor.json(&["task", "end", &task]);
    governor.stop();
    governor
}

fn person_key(governor: &Governor) -> String {
    let persons = governor.json(&["person", "list"]);
    persons[0]["key"].as_str().unwrap().to_owned()
}

#[test]
fn a_registry_edited_with_any_tool_is_not_taken_up() {
    let foreign = foreign_key().public_key;
    let waiting = ("\"state\":\"waiting\"", "\"state\":\"expired\"");
    for (old, new) in [
        (None, foreign.as_str()),
        (Some(waiting.0), waiting.1),
        (Some("\"identity\":\"reader\""), "\"identity\":\"writer\""),
        (Some("first-connection"), "first_connection"),
    ] {
        let governor = house();
        let old = old.map_or_else(|| person_key(&governor), str::to_owned);
        assert_ne!(overwrite(&governor.path("state/registry.db"), &old, new), 0, "{old}");
        let ran = governor.refuses_to_serve();
        assert_eq!(ran.code, 3, "{ran:?}");
        assert!(ran.stderr.contains("changed by somebody else"), "{old}: {}", ran.stderr);
    }
}

#[test]
fn a_registry_that_is_no_database_any_more_is_not_taken_up() {
    let governor = house();
    fs::write(governor.path("state/registry.db"), "nothing to see here").unwrap();
    let _gone = fs::remove_file(governor.path("state/registry.db-wal"));
    let ran = governor.refuses_to_serve();
    assert_eq!(ran.code, 3, "{ran:?}");
    assert!(ran.stderr.contains("registry"), "{}", ran.stderr);
}

#[test]
fn an_older_registry_brings_no_ended_task_and_no_contained_identity_back() {
    let mut governor = Governor::start(NOTES);
    governor.write("bailiwick.toml", &NOTES[0].1.replace("127.0.0.1:0", governor.host()));
    governor.person("ada");
    let (ended, token) = governor.open("reader", "reading", &[]);
    governor.stop();
    let kept = governor.path("kept");
    bailiwick_connect::create_dir_private(&kept).unwrap();
    let files = ["registry.db", "registry.db-wal", "registry.db-shm"];
    for name in files {
        let _none = fs::copy(governor.path("state").join(name), kept.join(name));
    }

    governor.serve();
    governor.json(&["contain", "reader", "--why", "it went too far"]);
    governor.stop();
    for name in files {
        let _gone = fs::remove_file(governor.path("state").join(name));
    }
    for name in files {
        let _none = fs::copy(kept.join(name), governor.path("state").join(name));
    }

    governor.serve();
    let shown = governor.json(&["task", "show", &ended]);
    assert_ne!(shown["status"]["state"], "open", "{shown}");
    let late = governor.call(&token, "read_note", &json!({"path": "/notes/today"}));
    assert_ne!(late["isError"], false, "{late}");
    let said = governor.refused(&["task", "open", "--as", "reader", "--template", "reading"], 1);
    assert!(said.contains("contained"), "{said}");
    nobody_is_first_again(&governor);
    assert_eq!(governor.reached(), 0);
}

#[test]
fn a_registry_that_is_gone_makes_nobody_the_first_person_again() {
    let mut governor = Governor::start(NOTES);
    governor.person("ada");
    governor.json(&["contain", "reader", "--why", "it went too far"]);
    governor.stop();
    for name in ["registry.db", "registry.db-wal", "registry.db-shm"] {
        let _gone = fs::remove_file(governor.path("state").join(name));
    }
    governor.serve();
    let said = governor.refused(&["task", "open", "--as", "reader", "--template", "reading"], 1);
    assert!(said.contains("contained"), "{said}");
    nobody_is_first_again(&governor);
}

/// Whoever is a person by the ledger's word still is, and vouches for the next.
fn nobody_is_first_again(governor: &Governor) {
    fs::write(governor.path("mine"), PASSPHRASE).unwrap();
    let said = governor.refused(&["person", "add", "mallory", "--passphrase-file", "mine"], 1);
    assert!(said.contains("must vouch"), "{said}");
    let by = ["--by", "ada", "--by-passphrase-file", "mine", "--passphrase-file", "mine"];
    governor.json(&[&["person", "add", "grace"], by.as_slice()].concat());
}
