//! An agent edits what it is governed by.

use serde_json::{Value, json};

use crate::governor::{Governor, NOTES};

const WRITE: &str = "\n[[allow]]\nserver = \"notes\"\ntools = [\"write_note\"]\n";

fn file(name: &str) -> &'static str {
    NOTES.iter().find(|it| it.0 == name).unwrap().1
}

fn write(governor: &Governor, token: &str) -> Value {
    governor.call(token, "write_note", &json!({"path": "/notes/today", "text": "x"}))
}

/// Gives the activations of `what` on record.
fn activations(governor: &Governor, what: &str) -> Vec<Value> {
    let command = |it: &Value| it["command"].clone();
    let records = governor.records();
    let all = records.iter().filter(|it| it["kind"] == "command").map(command);
    all.filter(|it| it["command"] == "activated" && it["what"] == what).collect()
}

#[test]
fn an_edited_template_widens_no_running_task_and_its_activation_is_on_record() {
    let governor = Governor::start(NOTES);
    let (_, token) = governor.open("reader", "reading", &[]);
    let before = activations(&governor, "templates");
    governor.write("templates/reading.toml", &format!("{}{WRITE}", file("templates/reading.toml")));

    // What lies on the disk is not in force.
    assert_eq!(write(&governor, &token)["structuredContent"]["verdict"], "deny");
    let (_, fresh) = governor.open("reader", "reading", &[]);
    assert_eq!(write(&governor, &fresh)["structuredContent"]["verdict"], "deny");
    assert_eq!(activations(&governor, "templates"), before);

    let changed = governor.json(&["reload"]);
    assert_eq!(changed["changed"], json!(["templates/reading.toml"]));
    assert_eq!(write(&governor, &token)["structuredContent"]["verdict"], "deny");
    let (_, wider) = governor.open("reader", "reading", &[]);
    assert_eq!(write(&governor, &wider)["isError"], false);
    let after = activations(&governor, "templates");
    let last = after.last().unwrap();
    assert_eq!(after.len(), before.len() + 1);
    assert_eq!(last["before"], before.last().unwrap()["digest"]);
    assert_ne!(last["digest"], last["before"]);
    assert_eq!(last["changed"], json!(["templates/reading.toml"]));
    assert_eq!(governor.reached(), 1);
}

#[test]
fn an_edited_charter_widens_no_running_task_and_a_stricter_policy_binds_at_once() {
    let governor = Governor::start(NOTES);
    governor.write(
        "templates/writing.toml",
        &file("templates/reading.toml")
            .replace("\"reading\"", "\"writing\"")
            .replace("read_note", "write_note"),
    );
    let (_, token) = governor.open("reader", "reading", &[]);
    let charter = file("charters/reader.toml");
    governor
        .write("charters/reader.toml", &charter.replace("\"asking\"", "\"asking\", \"writing\""));
    governor.refused(&["task", "open", "--as", "reader", "--template", "writing"], 1);
    governor.json(&["reload"]);
    assert_eq!(write(&governor, &token)["structuredContent"]["verdict"], "deny");
    assert_eq!(activations(&governor, "charters").len(), 2);

    let read = json!({"path": "/notes/today"});
    assert_eq!(governor.call(&token, "read_note", &read)["isError"], false);
    let policy = "@id(\"closed\")\n@owner(\"team-test\")\nforbid (principal, action, resource);\n";
    governor.write("policies/closed.cedar", policy);
    assert_eq!(governor.call(&token, "read_note", &read)["isError"], false);
    governor.json(&["reload"]);
    let closed = governor.call(&token, "read_note", &read);
    assert_eq!(closed["structuredContent"]["verdict"], "deny", "{closed}");
    assert_eq!(activations(&governor, "policies").len(), 2);
    assert_eq!(governor.reached(), 2);
}

#[test]
fn a_broken_edit_is_refused_whole_and_what_was_in_force_stays() {
    let governor = Governor::start(NOTES);
    let (_, token) = governor.open("reader", "reading", &[]);
    let before = governor.records().len();
    for (name, text) in [
        ("policies/broken.cedar", "permit (principal, action, resource"),
        ("templates/reading.toml", "name = \"reading\"\nallow_everything = true\n"),
        ("charters/reader.toml", "identity = "),
        ("bailiwick.toml", "[listen]\nhttp = \"everywhere\"\n"),
    ] {
        let good = std::fs::read_to_string(governor.path(name)).ok();
        // A good edit beside the broken one does not slip in with it.
        let template = format!("{}{WRITE}", file("templates/asking.toml"));
        governor.write("templates/asking.toml", &template);
        governor.write(name, text);
        let said = governor.refused(&["reload"], 2);
        let file = name.rsplit('/').next().unwrap();
        assert!(said.contains("nothing was changed") || said.contains(file), "{said}");
        match good {
            Some(good) => governor.write(name, &good),
            None => std::fs::remove_file(governor.path(name)).unwrap(),
        }
        let (task, asking) = governor.open("reader", "asking", &[]);
        assert_eq!(write(&governor, &asking)["structuredContent"]["verdict"], "hold");
        governor.json(&["task", "end", &task]);
    }
    let read = governor.call(&token, "read_note", &json!({"path": "/notes/today"}));
    assert_eq!(read["isError"], false);
    let later = governor.records();
    let activated = |it: &&Value| it["command"]["command"] == "activated";
    assert_eq!(later[before..].iter().filter(activated).count(), 0);
}

#[test]
fn an_edit_while_the_governor_is_away_shows_at_the_next_start() {
    let mut governor = Governor::start(NOTES);
    governor.stop();
    let before = activations(&governor, "charters");
    let charter = file("charters/reader.toml");
    governor.write("charters/reader.toml", &charter.replace("Read notes", "Read all notes"));
    governor.serve();
    let after = activations(&governor, "charters");
    assert_eq!(after.len(), before.len() + 1);
    assert_eq!(after.last().unwrap()["before"], before.last().unwrap()["digest"]);
}

#[test]
fn an_identity_that_loses_its_charter_loses_its_tasks() {
    let governor = Governor::start(NOTES);
    let (task, token) = governor.open("reader", "reading", &[]);
    std::fs::remove_file(governor.path("charters/reader.toml")).unwrap();
    governor.json(&["reload"]);
    let late = governor.call(&token, "read_note", &json!({"path": "/notes/today"}));
    assert_eq!(late["structuredContent"]["verdict"], "deny", "{late}");
    let shown = governor.json(&["task", "show", &task]);
    assert_ne!(shown["status"]["state"], "open", "{shown}");
    assert_eq!(governor.reached(), 0);
}

#[test]
fn a_method_that_is_let_through_is_on_record_and_stays_within_the_tasks_reach() {
    let config = NOTES[0]
        .1
        .replace("name = \"notes\"\n", "name = \"notes\"\nmethods = [\"completion/complete\"]\n");
    let mut governor = Governor::prepare(NOTES);
    governor.write("bailiwick.toml", &config);
    governor.serve();
    let (task, token) = governor.open("reader", "reading", &[]);
    let ask = |method: &str| governor.ask("/mcp/notes", &token, method, &json!({}));
    let passed = || {
        let records = governor.records();
        let all = records.iter().filter(|it| it["code"] == "method-passed");
        all.map(|it| it["task"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    ask("completion/complete");
    assert_eq!(passed(), [task]);
    ask("completion/other");
    assert_eq!(passed().len(), 1, "what the entry does not let through is not sent");
    assert_ne!(ask("initialize")["result"]["capabilities"], json!({}));

    governor.json(&["contain", "reader", "--why", "it went too far"]);
    ask("completion/complete");
    assert_eq!(passed().len(), 1, "nothing passes for what is contained");
    assert_eq!(ask("initialize")["result"]["capabilities"], json!({}));
    assert_eq!(ask("tools/list")["result"]["tools"], json!([]));
}
