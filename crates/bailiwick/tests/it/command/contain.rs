//! Containment: what is withdrawn, from what, and who gives it back.

use std::net::TcpListener;

use serde_json::json;

use super::person::{run, words};
use crate::governor::{Governor, NOTES};

/// Starts a governor whose agent proves itself by a key.
fn keyed() -> Governor {
    let mut governor = Governor::prepare(NOTES);
    // A port that stays, so that tokens outlive a restart.
    let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let listen = format!("127.0.0.1:{port}");
    governor.write("bailiwick.toml", &NOTES[0].1.replace("127.0.0.1:0", &listen));
    governor.json(&["identity", "add", "keyed", "--generate-key"]);
    let charter = NOTES[1].1.replace("\"reader\"", "\"keyed\"");
    let proof = "{ key = \"keys/keyed.pub.pem\" }";
    governor.write("charters/keyed.toml", &charter.replace("{ uid = UID }", proof));
    governor.serve();
    governor
}

/// Gives the name of the agent's key, as `identity show` has it.
fn key_of(governor: &Governor) -> String {
    let shown = governor.run(&["identity", "show", "keyed"]).stdout;
    let (_, key) = shown.split_once("credential:").unwrap();
    key.split_whitespace().next().unwrap().to_owned()
}

/// Gives the id of a task's last token, as the record has it.
fn jti_of(governor: &Governor, task: &str) -> String {
    let records = governor.records();
    let minted = records.iter().rev().map(|it| &it["command"]).find(|it| {
        (it["command"].as_str(), it["task"].as_str()) == (Some("token_minted"), Some(task))
    });
    minted.unwrap()["credential"].as_str().unwrap().to_owned()
}

#[test]
fn each_thing_that_a_call_stands_on_is_contained_by_itself_and_released_by_a_person_alone() {
    let mut governor = keyed();
    let by = governor.person("ada");
    let (task, token) = governor.open("keyed", "reading", &[]);
    let (other, other_token) = governor.open("keyed", "reading", &[]);
    let (key, jti) = (key_of(&governor), jti_of(&governor, &task));
    let read = |governor: &Governor, token: &str| {
        governor.call(token, "read_note", &json!({"path": "/notes/today"}))
    };
    let mut reached = 0;
    for subject in [
        format!("task:{task}"),
        format!("credential:{jti}"),
        format!("credential:{key}"),
        "server:notes".to_owned(),
        "tool:notes__read_note".to_owned(),
    ] {
        governor.json(&["contain", &subject, "--why", "it looks wrong"]);
        let refused = read(&governor, &token);
        assert_eq!(refused["structuredContent"]["verdict"], "deny", "{subject}: {refused}");
        let reason = &refused["structuredContent"]["reasons"][0];
        assert_eq!((&reason["code"], &reason["source"]), (&json!("contained"), &json!(subject)));
        // It concerns what it names, and nothing beside it.
        let alone = subject == format!("task:{task}") || subject.ends_with(&jti);
        assert_eq!(read(&governor, &other_token)["isError"] == false, alone, "{subject}");
        reached += usize::from(alone);
        let open = ["task", "open", "--as", "keyed", "--template", "reading"];
        if subject.ends_with(&key) {
            assert!(governor.refused(&open, 1).contains("contained"));
            governor.refused(&["task", "token", &other], 1);
        }
        // It does not wear off.
        governor.stop();
        governor.serve();
        assert_eq!(read(&governor, &token)["structuredContent"]["verdict"], "deny", "{subject}");
        let listed = governor.json(&["contained"])["contained"].clone();
        assert_eq!((&listed[0]["subject"], &listed[1]), (&json!(subject), &json!(null)));
        governor.refused(&["release", &subject], 2);
        let ran = run(&governor, &words(&["release", &subject], &by));
        assert_eq!(ran.code, 0, "{ran:?}");
        assert_eq!(read(&governor, &token)["isError"], false, "{subject}");
        reached += 1;
        let ran = run(&governor, &words(&["release", &subject], &by));
        assert_eq!(ran.code, 1, "it is contained no longer: {ran:?}");
    }
    assert_eq!(governor.reached(), reached);
    for (unknown, code) in [
        ("identity:raeder", 1),
        ("server:nots", 1),
        ("tool:notes__red_note", 1),
        ("task_01JD8X00000000000000000000", 1),
        ("host:a", 2),
    ] {
        governor.refused(&["contain", unknown, "--why", "typed in a hurry"], code);
    }
}

#[test]
fn a_whole_class_an_owners_identities_and_everyone_are_contained_with_one_word() {
    let mut governor = keyed();
    let by = governor.person("ada");
    for (whom, subject) in [
        (["--class", "interactive-agent"].as_slice(), "class:interactive-agent"),
        (&["--owner", "team-test"], "owner:team-test"),
        (&["--all"], "all:identities"),
    ] {
        let (task, token) = governor.open("keyed", "reading", &[]);
        let call = |governor: &Governor| {
            governor.call(&token, "read_note", &json!({"path": "/notes/today"}))
        };
        assert_eq!(call(&governor)["isError"], false, "{subject}");
        let contain = [&["contain", "--why", "it looks wrong"], whom].concat();
        assert_eq!(governor.json(&contain)["subject"], subject);
        assert_ne!(call(&governor)["isError"], false, "{subject}");
        let status = governor.json(&["task", "show", &task])["status"].clone();
        assert_eq!(status["cause"], "contained", "{subject}: {status}");
        let open = ["task", "open", "--as", "keyed", "--template", "reading"];
        assert!(governor.refused(&open, 1).contains("contained"), "{subject}");
        // It does not wear off, and a person alone lifts it.
        governor.stop();
        governor.serve();
        assert!(governor.refused(&open, 1).contains("contained"), "{subject}");
        let ran = run(&governor, &words(&["release", subject], &by));
        assert_eq!(ran.code, 0, "{ran:?}");
    }
    for (wrong, code) in [
        (["--class", "intractive-agent"].as_slice(), 1),
        (&["--owner", "nobody at all"], 1),
        (&["--owner", ""], 2),
        (&["--all", "keyed"], 2),
        (&[], 2),
    ] {
        governor.refused(&[&["contain", "--why", "typed in a hurry"], wrong].concat(), code);
    }
}

#[test]
fn no_edit_of_a_charter_lifts_what_is_contained_and_whoever_comes_in_is_contained_too() {
    let mut governor = keyed();
    governor.stop();
    let reader = NOTES[1].1.replace("\"interactive-agent\"", "\"batch\"");
    governor.write(NOTES[1].0, &reader);
    governor.serve();
    governor.json(&["contain", "--class", "interactive-agent", "--why", "it looks wrong"]);
    let open = |who: &'static str| ["task", "open", "--as", who, "--template", "reading"];
    assert!(governor.refused(&open("keyed"), 1).contains("contained"));
    let (task, token) = governor.open("reader", "reading", &[]);
    let read =
        |governor: &Governor| governor.call(&token, "read_note", &json!({"path": "/notes/today"}));
    assert_eq!(read(&governor)["isError"], false);
    // The one moves out of the class, the other one into it.
    let keyed = std::fs::read_to_string(governor.path("charters/keyed.toml")).unwrap();
    let moved = keyed.replace("\"interactive-agent\"", "\"batch\"");
    assert_ne!(keyed, moved);
    governor.write("charters/keyed.toml", &moved);
    governor.write(NOTES[1].0, NOTES[1].1);
    governor.json(&["reload"]);
    for _ in 0..2 {
        assert!(governor.refused(&open("keyed"), 1).contains("contained"));
        assert!(governor.refused(&open("reader"), 1).contains("contained"));
        let status = governor.json(&["task", "show", &task])["status"].clone();
        assert_eq!(status["cause"], "contained", "{status}");
        let listed = governor.json(&["contained"])["contained"].clone();
        let listed: Vec<_> =
            listed.as_array().unwrap().iter().map(|it| it["subject"].as_str().unwrap()).collect();
        assert_eq!(listed, ["class:interactive-agent", "identity:keyed"]);
        governor.stop();
        governor.serve();
    }
}
