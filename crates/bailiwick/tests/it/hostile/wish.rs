//! A person's word is stretched: to another wish, to their own wish, to before there were people.

use serde_json::{Value, json};

use super::{PASSPHRASE, signed_by_ada};
use crate::governor::{Governor, NOTES};

const TEMPLATE: &str = "name = \"asking\"\nowner = \"team-test\"\npurpose = \"Read one note\"\non_widen = \"hold\"\n[params.note]\npattern = \"[a-z]+\"\n[window]\nmax = \"1h\"\n[[allow]]\nserver = \"notes\"\ntools = [\"read_note\"]\n";

/// A governor with one person, whose tasks take a parameter.
fn house() -> Governor {
    let mut governor = Governor::prepare(NOTES);
    governor.write("templates/asking.toml", TEMPLATE);
    governor.serve();
    governor.person("ada");
    governor
}

fn text(value: &Value) -> String {
    value.as_str().unwrap().to_owned()
}

#[test]
fn a_signed_wish_opens_that_task_and_no_other() {
    let governor = house();
    let by = ["--by", "ada", "--passphrase-file", "ada.passphrase"];
    let open = ["task", "open", "--as", "reader", "--template", "asking", "--param", "note=today"];
    let opened = governor.json(&[open.as_slice(), &by].concat());
    let shown = governor.json(&["task", "show", &text(&opened["task"])]);
    assert_eq!(shown["params"]["note"]["from"], json!({"person": "ada"}), "{shown}");

    // Her word about the template alone, as it once was enough, and her word about another wish.
    let governor_is = ("governor".to_owned(), governor.url().to_owned());
    let template = ("template".to_owned(), "asking".to_owned());
    let word = signed_by_ada(
        &governor,
        ("open-task", "reader"),
        [governor_is, template].into_iter().collect(),
    );
    let wish = json!({
        "identity": "reader", "template": "asking", "params": {"note": "mine"},
        "signed": word["signed"],
    });
    let answer = governor.admin("POST", "/api/v1/tasks", &wish);
    assert_eq!(answer.status, 403, "{answer:?}");
    assert!(answer.body.contains("another"), "{answer:?}");
}

#[test]
fn whoever_opened_a_task_does_not_approve_what_it_asks_for() {
    let governor = house();
    let by = ["--by", "ada", "--passphrase-file", "ada.passphrase"];
    let open = ["task", "open", "--as", "reader", "--template", "asking", "--param", "note=today"];
    let opened = governor.json(&[open.as_slice(), &by].concat());
    let write = json!({"path": "/notes/today", "text": "mine"});
    let held = governor.call(&text(&opened["token"]), "write_note", &write);
    let hold = text(&held["structuredContent"]["hold"]);
    let said = governor.refused(&[["hold", "approve", &hold].as_slice(), &by].concat(), 1);
    assert!(said.contains("`ada` opened"), "{said}");
    assert_eq!(governor.json(&["hold", "show", &hold])["status"]["state"], "waiting");
    // A no is hers to say.
    governor.json(&[["hold", "deny", &hold].as_slice(), &by].concat());
    assert_eq!(governor.reached(), 0);
}

#[test]
fn nobody_is_the_first_person_once_a_task_was_opened() {
    let governor = Governor::start(NOTES);
    governor.open("reader", "reading", &[]);
    std::fs::write(governor.path("mine"), PASSPHRASE).unwrap();
    let words = ["person", "add", "mallory", "--passphrase-file", "mine"];
    let said = governor.refused(&words, 1);
    assert!(said.contains("before any task opens"), "{said}");
    assert_eq!(governor.json(&["person", "list"]), json!([]));
}

#[test]
fn the_first_person_is_noticed() {
    let governor = house();
    let records = governor.records();
    let first = records.iter().find(|it| it["code"] == "first-person").unwrap();
    assert_eq!(first["subject"], "ada", "{first}");
}

#[test]
fn what_takes_a_restart_is_refused_whole_while_it_runs() {
    let governor = house();
    let activations = || {
        let activated = |it: &&Value| it["command"]["command"] == "activated";
        governor.records().iter().filter(activated).count()
    };
    let before = activations();
    let config = NOTES[0].1.replace("[server.tool.read_note]", "[server.tool.other]");
    governor.write("bailiwick.toml", &config);
    governor.write("templates/asking.toml", &TEMPLATE.replace("read_note", "write_note"));
    let said = governor.refused(&["reload"], 2);
    assert!(said.contains("nothing was changed: it needs a restart: [[server]]"), "{said}");
    assert_eq!(activations(), before);

    governor.write("bailiwick.toml", NOTES[0].1);
    let changed = governor.json(&["reload"]);
    assert_eq!(changed["changed"], json!(["templates/asking.toml"]), "{changed}");
}
