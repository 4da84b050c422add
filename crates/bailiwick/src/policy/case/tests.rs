//! What the author of a case reads.

use std::collections::{BTreeMap, BTreeSet};

use super::{Names, Source, read};
use crate::check::Look;

fn names() -> Names {
    let set = |it: &str| BTreeSet::from([it.to_owned()]);
    Names {
        identities: BTreeSet::from(["reader".parse().unwrap()]),
        templates: BTreeMap::from([("reading".parse().unwrap(), set("note"))]),
        arguments: BTreeMap::from([(
            ("notes".parse().unwrap(), "read_note".to_owned()),
            set("path"),
        )]),
        servers: BTreeMap::from([("notes".parse().unwrap(), set("read_note"))]),
        facts: set("freeze"),
        reasons: set("outside_grant"),
    }
}

const GOOD: &str = "[[case]]
name = \"one\"
at = 2026-11-26T10:00:00Z
as = \"reader\"
template = \"reading\"
params = { note = \"/a\" }
facts = [\"freeze\"]
call = { server = \"notes\", tool = \"read_note\", arguments = { path = \"/a\" } }
expect = \"deny\"
because = \"outside_grant\"
";

/// Draws what is wrong with the good case once `word` is `other`.
fn told(word: &str, other: &str) -> String {
    assert!(GOOD.contains(word), "`{word}` is there to be replaced");
    let source = Source::new("tests/cases.toml", GOOD.replacen(word, other, 1));
    let found = read(&source, &names()).unwrap_err();
    found.iter().map(|it| Look::plain(78).draw(it)).collect()
}

#[test]
fn a_good_case_is_read() {
    assert_eq!(read(&Source::new("tests/cases.toml", GOOD), &names()).unwrap().len(), 1);
}

#[test]
fn a_template_that_does_not_exist() {
    insta::assert_snapshot!(told("\"reading\"", "\"raeding\""), @r#"
    TST-001

      x there is no template `raeding`
       ,-[tests/cases.toml:5:12]
     4 | as = "reader"
     5 | template = "raeding"
       :            ^^^^|^^^^
       :                `-- not in this configuration
     6 | params = { note = "/a" }
       `----
      help: did you mean `reading`?
            see docs/errors/TST-001.md
    "#);
}

#[test]
fn an_identity_without_a_charter() {
    insta::assert_snapshot!(told("\"reader\"", "\"raeder\""), @r#"
    TST-002

      x there is no charter of `raeder`
       ,-[tests/cases.toml:4:6]
     3 | at = 2026-11-26T10:00:00Z
     4 | as = "raeder"
       :      ^^^^|^^^
       :          `-- not in this configuration
     5 | template = "reading"
       `----
      help: did you mean `reader`?
            see docs/errors/TST-002.md
    "#);
}

#[test]
fn a_server_that_is_not_configured() {
    insta::assert_snapshot!(told("server = \"notes\"", "server = \"ntoes\""), @r#"
    TST-003

      x there is no server `ntoes`
       ,-[tests/cases.toml:8:19]
     7 | facts = ["freeze"]
     8 | call = { server = "ntoes", tool = "read_note", arguments = { path = "/a" } }
       :                   ^^^|^^^
       :                      `-- not in this configuration
     9 | expect = "deny"
       `----
      help: did you mean `notes`?
            see docs/errors/TST-003.md
    "#);
}

#[test]
fn a_tool_that_looks_like_a_slip() {
    insta::assert_snapshot!(told("\"read_note\"", "\"raed_note\""), @r#"
    TST-004

      x nothing names a tool `raed_note` of `notes`
       ,-[tests/cases.toml:8:35]
     7 | facts = ["freeze"]
     8 | call = { server = "notes", tool = "raed_note", arguments = { path = "/a" } }
       :                                   ^^^^^|^^^^^
       :                                        `-- looks like a slip
     9 | expect = "deny"
       `----
      help: did you mean `read_note`? A tool that is truly called so is declared
            as `[server.tool.raed_note]`
            see docs/errors/TST-004.md
    "#);
}

#[test]
fn a_parameter_that_the_template_does_not_have() {
    insta::assert_snapshot!(told("note = \"/a\"", "ntoe = \"/a\""), @r#"
    TST-005

      x the template has no parameter `ntoe`
       ,-[tests/cases.toml:6:19]
     5 | template = "reading"
     6 | params = { ntoe = "/a" }
       :                   ^^|^
       :                     `-- never asked for
     7 | facts = ["freeze"]
       `----
      help: did you mean `note`?
            see docs/errors/TST-005.md
    "#);
}

#[test]
fn a_reason_that_nothing_gives() {
    insta::assert_snapshot!(told("\"outside_grant\"", "\"outside_garnt\""), @r#"
    TST-006

      x `outside_garnt` is neither a policy nor the code of a reason
        ,-[tests/cases.toml:10:11]
      9 | expect = "deny"
     10 | because = "outside_garnt"
        :           ^^^^^^^|^^^^^^^
        :                  `-- nothing decides by this
        `----
      help: did you mean `outside_grant`?
            see docs/errors/TST-006.md
    "#);
}

#[test]
fn a_call_that_is_none() {
    insta::assert_snapshot!(told("tool = \"read_note\", arguments = { path = \"/a\" }", "x = 1"), @r#"
    TST-007

      x a call names one tool, or one resource, or one prompt
       ,-[tests/cases.toml:8:8]
     7 | facts = ["freeze"]
     8 | call = { server = "notes", x = 1 }
       :        ^^^^^^^^^^^^^|^^^^^^^^^^^^^
       :                     `-- this call
     9 | expect = "deny"
       `----
      help: see docs/errors/TST-007.md
    CFG-003

      x unknown key `case[0].call.x`
       ,-[tests/cases.toml:8:28]
     7 | facts = ["freeze"]
     8 | call = { server = "notes", x = 1 }
       :                            |
       :                            `-- nothing reads this
     9 | expect = "deny"
       `----
      help: known are `arguments`, `prompt`, `resource`, `server`, `tool`
            see docs/errors/CFG-003.md
    "#);
}

#[test]
fn a_fact_that_looks_like_a_slip() {
    insta::assert_snapshot!(told("[\"freeze\"]", "[\"freez\"]"), @r#"
    TST-008

      x no `[[fact]]` is called `freez`
       ,-[tests/cases.toml:7:10]
     6 | params = { note = "/a" }
     7 | facts = ["freez"]
       :          ^^^|^^^
       :             `-- nothing asks for this
     8 | call = { server = "notes", tool = "read_note", arguments = { path = "/a" } }
       `----
      help: did you mean `freeze`?
            see docs/errors/TST-008.md
    "#);
}

#[test]
fn an_argument_that_looks_like_a_slip() {
    insta::assert_snapshot!(told("path = \"/a\"", "paht = \"/a\""), @r#"
    TST-009

      x `read_note` of `notes` takes no `paht`
       ,-[tests/cases.toml:8:69]
     7 | facts = ["freeze"]
     8 | call = { server = "notes", tool = "read_note", arguments = { paht = "/a" } }
       :                                                                     ^^|^
       :                                                                       `-- looks like a slip
     9 | expect = "deny"
       `----
      help: did you mean `path`?
            see docs/errors/TST-009.md
    "#);
}
