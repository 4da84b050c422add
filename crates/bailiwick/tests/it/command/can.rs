//! What an identity can do, before it does it.

use serde_json::{Value, json};

use crate::governor::{Governor, NOTES};

const POLICIES: &str = r#"
@id("not-private")
forbid (principal, action, resource)
when { context.input has path && context.input.path like "/notes/private/*" };

@id("deletions-wait")
@hold("a deletion")
forbid (principal, action in Action::"delete", resource)
unless { context.approval.granted };
"#;

fn house() -> Governor {
    let governor = Governor::prepare(NOTES);
    let config = NOTES[0].1.to_owned() + "[server.tool.delete_note]\nresource = \"{path}\"\n";
    governor.write("bailiwick.toml", &config);
    let reading = NOTES[2].1.replace("[\"read_note\"]", "[\"read_note\", \"delete_note\"]");
    governor.write("templates/reading.toml", &reading);
    governor.write("policies/private.cedar", POLICIES);
    governor
}

/// Gives what becomes of each action, in the only task or template that is shown.
fn prospects(shown: &Value) -> Vec<(String, String)> {
    let text = |it: &Value| it.as_str().unwrap().to_owned();
    let actions = shown["tasks"][0]["actions"].as_array().unwrap();
    actions.iter().map(|it| (text(&it["action"]), text(&it["prospect"]))).collect()
}

fn pair(action: &str, prospect: &str) -> (String, String) {
    (format!("notes__{action}"), prospect.to_owned())
}

#[test]
fn the_files_say_what_every_action_comes_to_and_why() {
    let governor = house();
    let ran = governor.run(&["can", "reader", "--template", "reading"]);
    assert_eq!((ran.code, ran.stderr.as_str()), (0, ""));
    insta::assert_snapshot!(ran.stdout, @r#"
    reader in a task of `reading`
      held     notes__delete_note on {path}
               deletions-wait: a person is asked: a deletion
               reading.toml:8: the line covers calls where this holds; others are denied
                 context.input.path like "/notes/*"
               not-private: it forbids calls where this holds
                 context.input has path
                 context.input.path like "/notes/private/*"
      depends  notes__read_note on {path}
               reading.toml:8: the line covers calls where this holds; others are denied
                 context.input.path like "/notes/*"
               not-private: it forbids calls where this holds
                 context.input has path
                 context.input.path like "/notes/private/*"
      never    notes__write_note on {path}
               reading: no line covers it
    "#);
    let all = governor.json(&["can", "reader"]);
    let templates: Vec<_> =
        all["tasks"].as_array().unwrap().iter().map(|it| it["template"].clone()).collect();
    assert_eq!(templates, ["asking", "reading"]);
    // A person is asked for what no line covers, where the template says so.
    let asking = governor.json(&["can", "reader", "--template", "asking", "--server", "notes"]);
    assert!(prospects(&asking).contains(&pair("write_note", "held")), "{asking}");
}

#[test]
fn words_that_mean_nothing_here_are_told_with_what_was_meant() {
    let governor = house();
    for (words, code, told) in [
        (vec!["can", "raeder"], 2, "did you mean `reader`"),
        (vec!["can", "reader", "--template", "raeding"], 2, "did you mean `reading`"),
        (vec!["can", "reader", "--server", "note"], 2, "did you mean `notes`"),
        (vec!["can", "reader", "--task", "task_01JD8X00000000000000000000"], 3, ""),
    ] {
        let shown = governor.refused(&words, code);
        assert!(shown.contains(told), "{words:?}: {shown}");
    }
}

#[test]
fn of_a_task_the_running_governor_says_what_it_can_do_and_that_is_what_it_can_do() {
    let mut governor = house();
    governor.serve();
    let (task, token) = governor.open("reader", "reading", &[]);
    let can =
        |words: &[&str]| governor.json(&[&["can", "reader", "--task", &task], words].concat());
    let shown = can(&[]);
    assert_eq!(shown["tasks"][0]["task"], task.as_str());
    let told = prospects(&shown);
    assert!(told.contains(&pair("read_note", "depends")), "{shown}");
    assert!(told.contains(&pair("write_note", "never")), "{shown}");
    let answer = governor.call(&token, "write_note", &json!({"path": "/notes/a", "text": "x"}));
    assert_eq!(answer["structuredContent"]["verdict"], "deny");
    // Nothing that is tried brings out what is never to be, and containment counts at once.
    governor.json(&["contain", "tool:notes__read_note", "--why", "a look"]);
    assert!(prospects(&can(&[])).contains(&pair("read_note", "never")));
    assert_eq!(governor.call(&token, "read_note", &json!({"path": "/notes/a"}))["isError"], true);
    governor.refused(&["can", "other", "--task", &task], 2);
}

#[test]
fn policies_that_do_nothing_are_told_of_by_check_and_test() {
    let governor = house();
    governor.write(
        "policies/idle.cedar",
        "@id(\"dead\")\nforbid (principal, action, resource)\nwhen { 2 < 1 };\n\n@id(\"twice\")\n\
         forbid (principal, action, resource)\nwhen { context.input has path && \
         context.input.path like \"/notes/private/*\" && context.depth > 1 };\n",
    );
    let shown = governor.json(&["check"]);
    let told: Vec<(&str, &str, u64)> = shown["warnings"]
        .as_array()
        .unwrap()
        .iter()
        .filter(|it| ["CFG-113", "CFG-114"].contains(&it["code"].as_str().unwrap()))
        .map(|it| {
            let text = |name: &str| it[name].as_str().unwrap();
            (text("code"), text("message"), it["line"].as_u64().unwrap())
        })
        .collect();
    assert_eq!(
        told,
        [
            ("CFG-113", "policy `dead` never applies: `2 < 1` holds for no call", 1),
            (
                "CFG-114",
                "policy `twice` says nothing new: wherever it applies, `not-private` does, too",
                5
            ),
        ]
    );
    governor.write(
        "tests/cases.toml",
        "at = \"2026-11-02T10:00:00Z\"\n[[case]]\nname = \"one\"\nas = \"reader\"\n\
         template = \"reading\"\ncall = { server = \"notes\", tool = \"read_note\", arguments = \
         { path = \"/notes/a\" } }\nexpect = \"allow\"\n",
    );
    let report = governor.json(&["policy", "test"]);
    assert_eq!(report["idle"][0]["why"], "never_holds", "{report}");
    assert_eq!(report["idle"][1]["id"], "twice");
    for (format, word) in [("sarif", "policy-does-nothing"), ("junit", "<skipped message=")] {
        let ran = governor.run(&["policy", "test", "--format", format]);
        assert!(ran.code == 0 && ran.stdout.matches(word).count() >= 2, "{}", ran.stdout);
    }
}
