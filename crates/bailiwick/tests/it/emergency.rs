//! Break-glass: two people, minutes, loud, and somebody looks at it afterwards.

use serde_json::{Value, json};

use crate::governor::{Governor, NOTES};

const TEMPLATE: &str = "name = \"night-fix\"\nowner = \"team-test\"\npurpose = \"Mend it at night\"\n\
     kind = \"break-glass\"\non_widen = \"deny\"\n[window]\nmax = \"10m\"\n[[allow]]\n\
     server = \"notes\"\ntools = [\"read_note\"]\n";

/// A governor whose reader may open a break-glass task, with two people.
fn prepared() -> (Governor, Vec<String>, Vec<String>) {
    let mut governor = Governor::prepare(NOTES);
    governor.write("templates/night-fix.toml", TEMPLATE);
    let charter = NOTES[1].1.replace("templates = [", "templates = [\"night-fix\", ");
    governor.write(NOTES[1].0, &charter);
    governor.serve();
    let ada = governor.person("ada");
    let bob = second(&governor, "bob", "ada");
    (governor, ada, bob)
}

fn second(governor: &Governor, name: &str, voucher: &str) -> Vec<String> {
    let (file, by) = (format!("{name}.passphrase"), format!("{voucher}.passphrase"));
    governor.write(&file, "another horse battery staple");
    let new = ["person", "add", name, "--passphrase-file", &file];
    governor.json(&[&new[..], &["--by", voucher, "--by-passphrase-file", &by]].concat());
    ["--by", name, "--passphrase-file", &file].map(str::to_owned).to_vec()
}

fn with<'a>(words: &[&'a str], by: &'a [String]) -> Vec<&'a str> {
    words.iter().copied().chain(by.iter().map(String::as_str)).collect()
}

const OPEN: [&str; 8] =
    ["task", "open", "--template", "night-fix", "--as", "reader", "--purpose", "The disk is full"];

fn ask(governor: &Governor, by: &[String]) -> String {
    let asked = governor.run(&with(&[&OPEN[..], &["--output", "json"]].concat(), by));
    assert_eq!(asked.code, 1, "{asked:?}");
    let asked: Value = serde_json::from_str(&asked.stdout).unwrap();
    asked["held"].as_str().unwrap().to_owned()
}

#[test]
fn one_person_asks_another_agrees_and_a_third_word_ends_it() {
    let (mut governor, ada, bob) = prepared();
    // Neither the agent nor one person is enough.
    assert!(governor.refused(&OPEN, 1).contains("two people"));
    let hold = ask(&governor, &ada);
    let listed = governor.json(&["hold", "list"]);
    assert_eq!(listed["openings"][0]["id"], json!(hold));
    assert!(governor.refused(&with(&["hold", "approve", &hold], &ada), 1).contains("asked for it"));
    assert!(
        governor
            .refused(&with(&["hold", "approve", &hold, "--for", "1h"], &bob), 2)
            .contains("--for")
    );
    let answered = governor.json(&with(&["hold", "approve", &hold], &bob));
    let task = answered["task"].as_str().unwrap().to_owned();
    governor.refused(&with(&["hold", "approve", &hold], &bob), 1);

    let shown = governor.json(&["task", "show", &task]);
    assert_eq!(shown["people"], json!(["ada", "bob"]));
    let token = governor.json(&["task", "token", &task])["token"].as_str().unwrap().to_owned();
    let read = governor.call(&token, "read_note", &json!({"path": "/notes/today"}));
    assert_eq!(read["isError"], false, "{read}");

    // It is loud, and looked at when it is over, by somebody else than whoever asked.
    let codes = |governor: &Governor| -> Vec<String> {
        let findings = governor.records().into_iter().filter(|it| it["kind"] == "finding");
        let text = |it: Value| it["code"].as_str().unwrap_or_default().to_owned();
        findings.map(text).filter(|it| it.starts_with("break-glass")).collect()
    };
    assert_eq!(codes(&governor), ["break-glass"]);
    let done = ["review", "done", &task, "--note", "it was needed"];
    assert!(governor.refused(&with(&done, &bob), 1).contains("still open"));
    governor.json(&["task", "end", &task]);
    assert_eq!(codes(&governor), ["break-glass", "break-glass-review"]);
    governor.stop();
    governor.serve();
    let waiting = governor.json(&["review", "list"]);
    assert_eq!(waiting["reviews"][0]["id"], json!(task), "a restart forgets it not: {waiting}");
    assert!(governor.refused(&with(&done, &ada), 1).contains("asked for it"));
    governor.json(&with(&done, &bob));
    assert_eq!(governor.json(&["review", "list"])["reviews"], json!([]));
    governor.refused(&with(&done, &bob), 1);
    governor.stop();
    governor.serve();
    assert_eq!(governor.json(&["review", "list"])["reviews"], json!([]));
}

#[test]
fn a_no_ends_it_and_a_restart_forgets_what_was_only_asked_for() {
    let (mut governor, ada, bob) = prepared();
    let hold = ask(&governor, &ada);
    let answered = governor.json(&with(&["hold", "deny", &hold], &bob));
    assert_eq!(answered["task"], Value::Null);
    governor.refused(&with(&["hold", "approve", &hold], &bob), 1);
    // Whoever asked may take it back.
    let hold = ask(&governor, &ada);
    governor.json(&with(&["hold", "deny", &hold], &ada));
    let hold = ask(&governor, &ada);
    governor.stop();
    governor.serve();
    governor.refused(&with(&["hold", "approve", &hold], &bob), 1);
    assert_eq!(governor.json(&["review", "list"])["reviews"], json!([]));
    let opened = governor.records().into_iter().filter(|it| {
        it["command"]["command"] == "task_opened" && it["command"]["verdict"] == "allow"
    });
    assert_eq!(opened.count(), 0);
}

#[test]
fn what_was_contained_meanwhile_is_not_opened_by_a_yes() {
    let (governor, ada, bob) = prepared();
    let hold = ask(&governor, &ada);
    governor.json(&["contain", "reader", "--why", "it looks wrong"]);
    assert!(governor.refused(&with(&["hold", "approve", &hold], &bob), 1).contains("contained"));
}
