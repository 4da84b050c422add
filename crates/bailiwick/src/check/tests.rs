//! What checking shows to people and programs.

use std::fs;

use tempfile::TempDir;

use super::{Checked, Look};
use crate::{config::Overrides, init::init};

fn house() -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    init(folder.path()).unwrap();
    folder
}

fn check(folder: &TempDir) -> Checked {
    Checked::of(&folder.path().join("bailiwick.toml"), &Overrides::default())
}

#[test]
fn a_good_house_is_counted() {
    let checked = check(&house());
    assert!(checked.is_good());
    let text = checked.text(&Look::plain(78));
    assert!(text.contains("good: 1 server, 1 charter, 1 template, 3 policies"), "{text}");
    let report = serde_json::to_value(checked.report()).unwrap();
    assert_eq!(report["ok"], true);
    assert_eq!(report["errors"], serde_json::json!([]));
}

#[test]
fn programs_read_code_message_and_place() {
    let folder = house();
    fs::write(folder.path().join("templates/keep-notes.toml"), "name = 5\n").unwrap();
    fs::write(
        folder.path().join("bailiwick.toml"),
        "[[server]]\nname = \"notes\"\ncommand = [\"x\"]\n[listen]\n  htpp = 1\n",
    )
    .unwrap();
    let checked = check(&folder);
    assert!(!checked.is_good());
    let report = serde_json::to_value(checked.report()).unwrap();
    assert_eq!(report["ok"], false);
    assert_eq!(
        report["errors"][0],
        serde_json::json!({
            "code": "CFG-003",
            "message": "unknown key `listen.htpp`",
            "file": "bailiwick.toml",
            "line": 5,
            "column": 3,
            "help": "did you mean `http`?\nsee docs/errors/CFG-003.md",
        })
    );
    assert!(report["errors"].as_array().unwrap().len() > 1);
}

#[test]
fn a_mistake_without_a_file_has_no_place() {
    let folder = house();
    fs::write(folder.path().join("thresholds.toml"), "").unwrap();
    let report = serde_json::to_value(check(&folder).report()).unwrap();
    assert_eq!(report["errors"][0]["code"], "CFG-009");
    assert_eq!(report["errors"][0]["file"], serde_json::Value::Null);
    assert_eq!(report["errors"][0]["line"], serde_json::Value::Null);
}

#[test]
fn people_read_mistakes_then_remarks_then_how_many() {
    let folder = house();
    fs::write(
        folder.path().join("bailiwick.toml"),
        "[evidence]\nretain = \"1d\"\n[[server]]\nname = \"notes\"\n",
    )
    .unwrap();
    insta::assert_snapshot!(check(&folder).text(&Look::plain(78)), @r#"
    CFG-012

      x a server has a `command` or a `url`: this one has neither
       ,-[bailiwick.toml:3:1]
     2 | retain = "1d"
     3 | [[server]]
       : ^^^^^|^^^^
       :      `-- nothing says how to reach it
     4 | name = "notes"
       `----
      help: see docs/errors/CFG-012.md

    CFG-103

      ! signed heads of the ledger are copied nowhere
       ,-[bailiwick.toml:1:1]
     1 | [evidence]
       : ^^^^^^^^^^
     2 | retain = "1d"
       `----
      help: with `checkpoints = "…"` on another machine or volume, a cut or
            rewritten ledger is noticed
            see docs/errors/CFG-103.md

    CFG-102

      ! evidence is kept for 1d only
       ,-[bailiwick.toml:2:10]
     1 | [evidence]
     2 | retain = "1d"
       :          ^^|^
       :            `-- less than 30 days
     3 | [[server]]
       `----
      help: reviews look back a month and more; `400d` covers a year
            see docs/errors/CFG-102.md

    1 mistake, 2 things to think about
    "#);
}

#[test]
fn what_the_environment_decides_is_said() {
    let folder = house();
    let variable = |name: &str| (name == "BAILIWICK_LISTEN").then(|| "127.0.0.1:9".to_owned());
    let overrides = Overrides::new(None, None, &variable).unwrap();
    let checked = Checked::of(&folder.path().join("bailiwick.toml"), &overrides);
    let text = checked.text(&Look::plain(78));
    let line = "not from the file: listen.http = 127.0.0.1:9 (BAILIWICK_LISTEN)\n";
    assert!(text.contains(line), "{text}");
    assert!(!check(&folder).text(&Look::plain(78)).contains("not from the file"));
}
