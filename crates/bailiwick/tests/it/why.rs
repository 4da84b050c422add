//! Why a call was not let through: part by part, with the values that conditions saw, and with
//! changes that were judged and not guessed.

use serde_json::{Value, json};

use crate::governor::{Governor, NOTES};

/// A limit that a policy sets, and a hold.
const LIMITS: &str = r#"
@id("short-notes")
forbid (principal, action in Action::"write", resource)
when { context.input has size && context.input.size > 100 }
unless { principal.class == "batch" };

@id("no-freeze")
forbid (principal, action in Action::"write", resource)
when { context.facts.contains("freeze") };
"#;

const WRITING: &str = r#"
name = "reading"
owner = "team-test"
purpose = "Read some notes and write short ones"
on_widen = "deny"
[params.note]
pattern = "/notes/[a-z]+"
[window]
max = "1h"
[[allow]]
server = "notes"
tools = ["read_note"]
when = '''
context.input.path like "/notes/*"
  && context.input.path != "/notes/private"'''
[[allow]]
server = "notes"
tools = ["write_note"]
when = 'context.input.path == context.task.params.note'
"#;

fn house(evidence: &str) -> Governor {
    let mut governor = Governor::prepare(NOTES);
    let config = NOTES[0].1.replace("[evidence]", &format!("[evidence]\n{evidence}"));
    governor.write("bailiwick.toml", &config);
    governor.write("templates/reading.toml", WRITING);
    governor.write("policies/limits.cedar", LIMITS);
    governor.serve();
    governor
}

fn why(governor: &Governor, answer: &Value) -> Value {
    governor.json(&["why", answer["structuredContent"]["decision"].as_str().unwrap()])
}

fn would_allow(value: &Value) -> Vec<&str> {
    value["would_allow"].as_array().unwrap().iter().map(|it| it.as_str().unwrap()).collect()
}

#[test]
fn a_line_that_misses_says_which_part_and_what_it_saw() {
    let governor = house("");
    let (_, token) = governor.open("reader", "reading", &["note=/notes/a"]);
    let answer = governor.call(&token, "read_note", &json!({"path": "/etc/passwd"}));
    let why = why(&governor, &answer);
    let line = &why["asked"][0];
    assert_eq!((&line["kind"], &line["applies"]), (&json!("line"), &json!(false)));
    let parts = line["parts"].as_array().unwrap();
    let said: Vec<_> = parts.iter().map(|it| (&it["said"], &it["text"])).collect();
    assert_eq!(
        said,
        [
            (&json!("fails"), &json!("context.input.path like \"/notes/*\"")),
            (&json!("holds"), &json!("context.input.path != \"/notes/private\"")),
        ]
    );
    assert_eq!(
        parts[0]["saw"],
        json!([{"name": "context.input.path", "value": "\"/etc/passwd\""}])
    );
    // What is said to be allowed is: an agent that reads it can go by it.
    let told = "the same call with `path` = \"/notes/any\" (judged: allowed)";
    assert_eq!(would_allow(&why)[0], told);
    assert_eq!(would_allow(&answer["structuredContent"])[0], told);
    assert_eq!(why["judged"][0]["changes"][0]["change"], "argument");
    let other = governor.call(&token, "read_note", &json!({"path": "/notes/any"}));
    assert_eq!(other["isError"], false, "{other}");
    // The agent is told the same, without the places of the house.
    let told = &answer["structuredContent"]["asked"][0];
    assert_eq!(told["parts"].as_array().unwrap().len(), 1);
    assert!(told["parts"][0].get("span").is_none() && told["parts"][0]["saw"][0].is_object());
}

#[test]
fn several_changes_are_judged_together_where_one_alone_does_not_do() {
    let governor = house("");
    let (_, token) = governor.open("reader", "reading", &["note=/notes/a"]);
    let write = |path: &str, size: u32| json!({"path": path, "text": "x", "size": size});
    let answer = governor.call(&token, "write_note", &write("/notes/b", 500));
    let told = why(&governor, &answer);
    let would = would_allow(&told);
    assert!(
        would.contains(
            &"the same call with `path` = \"/notes/a\", with `size` = 100 (judged: allowed)"
        ),
        "{would:?}"
    );
    let opened = "in a task whose parameter `note` is `/notes/b`";
    assert!(would.iter().any(|it| it.contains(opened)), "{would:?}");
    assert_eq!(told["decided_by"].as_array().unwrap().len(), 2, "{told}");
    let changed = governor.call(&token, "write_note", &write("/notes/a", 100));
    assert_eq!(changed["isError"], false, "{changed}");
    let (_, other) = governor.open("reader", "reading", &["note=/notes/b"]);
    assert_eq!(governor.call(&other, "write_note", &write("/notes/b", 100))["isError"], false);
    let why = governor.run(&["why", answer["structuredContent"]["decision"].as_str().unwrap()]);
    for line in [
        "forbid      `short-notes` (policies/limits.cedar:2) applies",
        "  holds     context.input.size > 100",
        "            context.input.size = 500",
        "  holds     unless principal.class == \"batch\"",
        "            principal.class = \"interactive-agent\"",
    ] {
        assert!(why.stdout.contains(&format!("{line}\n")), "{line}\n{}", why.stdout);
    }
}

#[test]
fn what_is_not_kept_is_not_shown_and_the_output_says_so() {
    let governor = house("arguments = \"digest\"");
    let (_, token) = governor.open("reader", "reading", &["note=/notes/a"]);
    let answer = governor.call(&token, "read_note", &json!({"path": "/srv/hidden-place"}));
    let why = why(&governor, &answer);
    let saw = &why["asked"][0]["parts"][0]["saw"][0];
    assert_eq!(saw["hidden"], true, "{why}");
    assert!(!why.to_string().contains("hidden-place"), "{why}");
    // What stands in the house's own words is no argument.
    assert_eq!(
        would_allow(&why)[0],
        "the same call with `path` = \"/notes/any\" (judged: allowed)"
    );
    let shown = governor.run(&["why", answer["structuredContent"]["decision"].as_str().unwrap()]);
    assert!(shown.stdout.contains("(not kept: a digest stands for it)"), "{}", shown.stdout);
}

#[test]
fn what_a_person_or_a_line_could_lift_is_judged_too() {
    let governor = Governor::start(NOTES);
    let (_, asking) = governor.open("reader", "asking", &[]);
    let write = json!({"path": "/notes/today", "text": "x"});
    let held = governor.call(&asking, "write_note", &write);
    let told = "the same call once a person approves it (judged: allowed)";
    assert_eq!(would_allow(&why(&governor, &held))[0], told);
    let (_, reading) = governor.open("reader", "reading", &[]);
    let denied = governor.call(&reading, "write_note", &write);
    let told = "the same call once a line of template `reading` covers it (nothing else stops it)";
    assert_eq!(would_allow(&why(&governor, &denied))[0], told);
}
