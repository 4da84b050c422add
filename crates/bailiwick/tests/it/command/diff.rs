//! Which decisions change between two sets of policies.

use serde_json::json;

use crate::governor::{Governor, NOTES};

const OLD: &str = r#"
@id("not-private")
forbid (principal, action, resource)
when { context.input.path like "/notes/private/*" };
"#;
const NEW: &str = r#"
@id("no-today")
forbid (principal, action, resource)
when { context.input.path == "/notes/today" };
"#;
const CASES: &str = r#"
at = "2026-11-02T10:00:00Z"
[[case]]
name = "today is read"
as = "reader"
template = "reading"
call = { server = "notes", tool = "read_note", arguments = { path = "/notes/today" } }
expect = "allow"
[[case]]
name = "what is private is not"
as = "reader"
template = "reading"
call = { server = "notes", tool = "read_note", arguments = { path = "/notes/private/x" } }
expect = "deny"
[[case]]
name = "the rest stays"
as = "reader"
template = "reading"
call = { server = "notes", tool = "read_note", arguments = { path = "/notes/b" } }
expect = "allow"
"#;

fn house() -> Governor {
    let governor = Governor::prepare(NOTES);
    governor.write("policies/notes.cedar", OLD);
    governor.write("next/notes.cedar", NEW);
    governor.write("tests/cases.toml", CASES);
    governor
}

fn diff(governor: &Governor, new: &str, more: &[&str]) -> Vec<String> {
    let path = |name: &str| governor.path(name).display().to_string();
    let words = ["policy", "diff", &path("policies"), &path(new)].map(str::to_owned);
    words.into_iter().chain(more.iter().map(|it| (*it).to_owned())).collect()
}

#[test]
fn every_decision_that_changes_is_told_with_what_decided_before_and_after() {
    let governor = house();
    let words = diff(&governor, "next", &[]);
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    let ran = governor.run(&words);
    assert_eq!((ran.code, ran.stderr.as_str()), (1, ""));
    insta::assert_snapshot!(ran.stdout, @r"
    today is read (tests/cases.toml:4)
      old  allow by `bailiwick:granted`
      new  deny by `no-today`
    what is private is not (tests/cases.toml:10)
      old  deny by `not-private`
      new  allow by `bailiwick:granted`
    2 of 3 decisions changed
      1 allow to deny
      1 deny to allow
    ");
    let same = diff(&governor, "policies", &[]);
    let same: Vec<&str> = same.iter().map(String::as_str).collect();
    let shown = governor.json(&same);
    assert_eq!((&shown["judged"], &shown["changed"]), (&json!(3), &json!([])));
}

#[test]
fn decisions_on_record_are_judged_anew_where_what_was_sent_is_kept() {
    let mut governor = house();
    governor.serve();
    let (_, token) = governor.open("reader", "reading", &[]);
    let read = |path: &str| governor.call(&token, "read_note", &json!({ "path": path }));
    assert_eq!(read("/notes/today")["isError"], false);
    assert_eq!(read("/notes/b")["isError"], false);
    // The grant denies it, whatever policies say.
    assert_eq!(read("/etc/passwd")["isError"], true);
    let secret = "/notes/ghp_0123456789abcdefABCDEF0123456789abcd";
    assert_eq!(read(secret)["isError"], false);
    governor.write("none/note.txt", "no case");
    let none = governor.path("none").display().to_string();
    let words = diff(&governor, "next", &["--ledger", "--cases", &none, "--output", "json"]);
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    let ran = governor.run(&words);
    assert_eq!((ran.code, ran.stderr.as_str()), (1, ""));
    let shown: serde_json::Value = serde_json::from_str(&ran.stdout).unwrap();
    assert_eq!(shown["judged"], 3, "{shown}");
    assert_eq!(shown["counts"], json!({"allow to deny": 1}));
    assert_eq!(shown["changed"][0]["new"]["decided_by"], json!(["no-today"]));
    assert_eq!(shown["skipped"], json!({"what was sent is not kept": 1}));
}

#[test]
fn a_set_that_cannot_be_read_is_told_as_by_check() {
    let governor = house();
    governor.write("next/notes.cedar", "permit (principal, action, resource)");
    let words = diff(&governor, "next", &[]);
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    let shown = governor.refused(&words, 2);
    assert!(shown.contains("in the new policies"), "{shown}");
}
