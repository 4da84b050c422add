//! A sub-agent never gets more than its parent has, nor keeps it longer.

use serde_json::{Value, json};

use crate::governor::{Governor, NOTES};

/// `reader` hands authority on to `helper`, whose own charter and template reach further; `helper`
/// hands it on to `third`.
fn house() -> Governor {
    let mut governor = Governor::prepare(NOTES);
    let reader = NOTES.iter().find(|it| it.0 == "charters/reader.toml").unwrap().1;
    governor.write("charters/reader.toml", &format!("{reader}delegates_to = [\"helper\"]\n"));
    let helper = reader
        .replace("\"reader\"", "\"helper\"")
        .replace("[\"reading\", \"asking\"]", "[\"everything\"]");
    governor.write("charters/helper.toml", &format!("{helper}delegates_to = [\"third\"]\n"));
    governor.write("charters/third.toml", &helper.replace("\"helper\"", "\"third\""));
    governor.write(
        "templates/everything.toml",
        "name = \"everything\"\nowner = \"team-test\"\npurpose = \"Do anything with notes\"\non_widen = \"deny\"\n[window]\nmax = \"8h\"\n[[allow]]\nserver = \"notes\"\ntools = [\"read_note\", \"write_note\"]\n",
    );
    governor.serve();
    governor
}

/// Opens a task under another, and gives its id and token.
fn open_below(governor: &Governor, parent: &str, identity: &str) -> (String, String) {
    let words = ["task", "open", "--as", identity, "--template", "everything", "--parent", parent];
    let opened = governor.json(&words);
    let text = |name: &str| opened[name].as_str().unwrap().to_owned();
    (text("task"), text("token"))
}

fn verdict(governor: &Governor, token: &str, tool: &str, path: &str) -> Value {
    let result = governor.call(token, tool, &json!({"path": path, "text": "x"}));
    if result["isError"] == false {
        json!("allow")
    } else {
        result["structuredContent"]["verdict"].clone()
    }
}

#[test]
fn a_child_opened_from_a_wider_template_is_narrowed_to_its_parent() {
    let governor = house();
    // On its own the helper may do all of it.
    let (_, alone) = governor.open("helper", "everything", &[]);
    assert_eq!(verdict(&governor, &alone, "write_note", "/notes/today"), "allow");

    let (parent, _) = governor.open("reader", "reading", &[]);
    let (child, token) = open_below(&governor, &parent, "helper");
    let (_, grandchild) = open_below(&governor, &child, "third");
    for token in [&token, &grandchild] {
        assert_eq!(verdict(&governor, token, "read_note", "/notes/today"), "allow");
        assert_eq!(verdict(&governor, token, "read_note", "/etc/passwd"), "deny");
        assert_eq!(verdict(&governor, token, "write_note", "/notes/today"), "deny");
    }
    assert_eq!(governor.reached(), 3);

    // The chain shows, and no end is later than the parent's.
    let shown = |task: &str| governor.json(&["task", "show", task]);
    assert_eq!(shown(&child)["via"], json!(["reader"]));
    let end = |task: &str| shown(task)["deadline"].as_str().unwrap().to_owned();
    assert!(end(&child) <= end(&parent));
    let path = governor.json(&["path", &child]);
    assert!(path["steps"].as_array().unwrap().iter().all(|it| it["via"] == json!(["reader"])));
}

#[test]
fn the_end_of_a_parent_is_the_end_of_all_below_it_at_once() {
    let governor = house();
    let (parent, parents) = governor.open("reader", "reading", &[]);
    let (child, token) = open_below(&governor, &parent, "helper");
    let (grandchild, deepest) = open_below(&governor, &child, "third");
    assert_eq!(verdict(&governor, &deepest, "read_note", "/notes/today"), "allow");
    governor.json(&["task", "end", &parent]);
    for token in [&parents, &token, &deepest] {
        assert_eq!(verdict(&governor, token, "read_note", "/notes/today"), "deny");
        let listed = governor.ask("/mcp/notes", token, "tools/list", &json!({}));
        assert_eq!(listed["result"]["tools"], json!([]), "{listed}");
    }
    for task in [&child, &grandchild] {
        assert_ne!(governor.json(&["task", "show", task])["status"]["state"], "open");
        governor.refused(&["task", "token", task], 1);
    }
    governor.refused(
        &["task", "open", "--as", "helper", "--template", "everything", "--parent", &parent],
        1,
    );
    assert_eq!(governor.json(&["task", "list"])["tasks"], json!([]));
    assert_eq!(governor.reached(), 1);
}

#[test]
fn containing_whoever_handed_on_ends_what_was_handed_on() {
    let governor = house();
    let (parent, _) = governor.open("reader", "reading", &[]);
    let (_, token) = open_below(&governor, &parent, "helper");
    let (_, own) = governor.open("helper", "everything", &[]);
    governor.json(&["contain", "reader", "--why", "it went too far"]);
    assert_eq!(verdict(&governor, &token, "read_note", "/notes/today"), "deny");
    assert_eq!(verdict(&governor, &own, "read_note", "/notes/today"), "allow");
    assert_eq!(governor.reached(), 1);
}

#[test]
fn nobody_hands_on_to_whom_its_charter_does_not_name_or_under_a_task_it_does_not_hold() {
    let governor = house();
    let (parent, _) = governor.open("reader", "reading", &[]);
    let below = |identity: &str, parent: &str| {
        let words =
            ["task", "open", "--as", identity, "--template", "everything", "--parent", parent];
        governor.run(&words).code
    };
    assert_eq!(below("third", &parent), 1, "the charter of `reader` does not name it");
    assert_eq!(below("helper", "task_01JD0000000000000000000000"), 1, "no such parent");
    assert_eq!(below("helper", "no-task"), 2);
    assert_eq!(governor.reached(), 0);
}

#[test]
fn a_child_outlives_no_restart_its_parent_did_not() {
    let mut governor = house();
    let config = NOTES[0].1.replace("127.0.0.1:0", governor.host());
    governor.write("bailiwick.toml", &config);
    let (parent, _) = governor.open("reader", "reading", &[]);
    let (_, token) = open_below(&governor, &parent, "helper");
    governor.kill();
    governor.serve();
    assert_eq!(verdict(&governor, &token, "read_note", "/notes/today"), "allow");
    assert_eq!(verdict(&governor, &token, "write_note", "/notes/today"), "deny");
    governor.json(&["task", "end", &parent]);
    governor.kill();
    governor.serve();
    let late = governor.call(&token, "read_note", &json!({"path": "/notes/today"}));
    assert_ne!(late["isError"], false, "{late}");
    assert_eq!(governor.reached(), 1);
}
