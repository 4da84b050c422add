//! What is told of mistakes and remarks that no other test draws.

use super::{Files, House, Overrides};
use crate::{
    check::Look,
    config::{Against, Before},
    policy,
};

const HEAD: &str = "name = \"narrow\"\nversion = 1\nowner = \"team-data\"\n";

/// A house with a constraint.
fn narrow(asks: &str) -> Files {
    Files::good().with("constraints/narrow.toml", format!("{HEAD}{asks}\n"))
}

#[test]
fn a_constraint_that_asks_for_nothing() {
    insta::assert_snapshot!(narrow("").mistakes(), @r#"
    CFG-016

      x constraint `narrow` asks for nothing
       ,-[constraints/narrow.toml:1:8]
     1 | name = "narrow"
       :        ^^^^|^^^
       :            `-- nothing would happen
     2 | version = 1
       `----
      help: add `redact`, `rows`, `bytes`, `[rate]` or `[arguments.NAME]`
            see docs/errors/CFG-016.md
    "#);
}

#[test]
fn a_constraint_that_asks_for_something_else_under_the_same_version() {
    let (before, _) = narrow("rows = 5").load().unwrap();
    let before =
        Before { policies: Some(before.policies), access: Some(before.access), ..Before::NOTHING };
    let files = narrow("rows = 6");
    let against = Against { before: &before, ..Against::NOTHING };
    let path = files.path("bailiwick.toml");
    let found = House::load_against(against, &path, &Overrides::default()).unwrap_err();
    let drawn: Vec<_> = found.errors.iter().map(|it| Look::plain(78).draw(it.as_ref())).collect();
    insta::assert_snapshot!(drawn.join("\n"), @r#"
    CFG-017

      x `narrow@1` is in force and asks for something else
       ,-[constraints/narrow.toml:1:8]
     1 | name = "narrow"
       :        ^^^^|^^^
       :            `-- another wording of it
     2 | version = 1
       `----
      help: make it `version = 2`
            see docs/errors/CFG-017.md
    "#);
}

#[test]
fn constraints_in_another_file_unasked_for_and_unmet() {
    let elsewhere = Files::good().with("constraints/wide.toml", format!("{HEAD}rows = 1\n"));
    insta::assert_snapshot!(elsewhere.remarks("CFG-109"), @r#"
    CFG-109

      ! constraint `narrow` stands in `constraints/wide.toml`
       ,-[constraints/wide.toml:1:8]
     1 | name = "narrow"
       :        ^^^^^^^^
     2 | version = 1
       `----
      help: call the file `narrow.toml`, so that people find it
            see docs/errors/CFG-109.md
    "#);
    insta::assert_snapshot!(elsewhere.remarks("CFG-110"), @r#"
    CFG-110

      ! no permit asks for constraint `narrow`
       ,-[constraints/wide.toml:1:8]
     1 | name = "narrow"
       :        ^^^^^^^^
     2 | version = 1
       `----
      help: put `@constrain("narrow")` before a permit
            see docs/errors/CFG-110.md
    "#);
    insta::assert_snapshot!(narrow("credential = \"read-only\"").remarks("CFG-111"), @r#"
    CFG-111

      ! every call under this is denied that does not go to a route with a
      | `read_only` secret
       ,-[constraints/narrow.toml:4:14]
     3 | owner = "team-data"
     4 | credential = "read-only"
       :              ^^^^^^^^^^^
       `----
      help: name one in its `[route.credential]`, or leave this out
            see docs/errors/CFG-111.md
    "#);
}

#[test]
fn a_constraint_that_a_call_can_get_round() {
    let permit = "@id(\"narrow\")\n@constrain(\"narrow\")\npermit (principal, action, resource)\n\
                  when { context.input has region };\n";
    let files = narrow("rows = 1").with("policies/narrow.cedar", permit);
    insta::assert_snapshot!(files.remarks("CFG-115"), @r#"
    CFG-115

      ! `narrow` asks for constraints, and a call that its condition does not
      | fit is permitted without them by the built-in permit
       ,-[policies/narrow.cedar:1:1]
     1 | @id("narrow")
       : ^^^^^^^^^^^^^
     2 | @constrain("narrow")
       `----
      help: forbid what it does not fit, or write `[policy] builtin_permit =
            false`
            see docs/errors/CFG-115.md
    "#);
}

#[test]
fn policies_that_do_nothing() {
    let files = Files::good().with(
        "policies/idle.cedar",
        "@id(\"dead\")\nforbid (principal, action, resource) when { 2 < 1 };\n\
         @id(\"all\")\nforbid (principal, action in Action::\"write\", resource);\n\
         @id(\"some\")\nforbid (principal, action in Action::\"write\", resource)\n\
         when { context.depth > 1 };\n",
    );
    let (house, _) = files.load().unwrap_or_else(|found| panic!("{:#?}", found.errors));
    let drawn: Vec<_> = policy::remarks(&house).iter().map(|it| Look::plain(78).draw(it)).collect();
    insta::assert_snapshot!(drawn.join("\n"), @r#"
    CFG-113

      ! policy `dead` never applies: `2 < 1` holds for no call
       ,-[policies/idle.cedar:1:1]
     1 | ,-> @id("dead")
     2 | |-> forbid (principal, action, resource) when { 2 < 1 };
       : `---- never applies
     3 |     @id("all")
       `----
      help: take it away, or mend it
            see docs/errors/CFG-113.md

    CFG-114

      ! policy `some` says nothing new: wherever it applies, `all` does, too
       ,-[policies/idle.cedar:5:1]
     4 |     forbid (principal, action in Action::"write", resource);
     5 | ,-> @id("some")
     6 | |   forbid (principal, action in Action::"write", resource)
     7 | |-> when { context.depth > 1 };
       : `---- says nothing new
       `----
      help: one of the two is enough
            see docs/errors/CFG-114.md
    "#);
}

#[test]
fn a_condition_of_a_line_that_reads_what_is_not_known_yet() {
    let files = Files::good().template(
        "tools = [\"read_text_file\"]",
        "tools = [\"read_text_file\"]\nwhen = 'context.granted'",
    );
    insta::assert_snapshot!(files.mistakes(), @r#"
    POL-015

      x a line's condition cannot read `context.granted`
       ,-[templates/ticket-triage.toml:9:17]
     8 | tools = ["read_text_file"]
     9 | when = 'context.granted'
       :                 ^^^^^^^
       `----
      help: it is the outcome of the lines themselves
            see docs/errors/POL-015.md
    "#);
}

#[test]
fn days_in_which_no_call_can_be_made_and_small_ones() {
    let with = |budgets: &str| Files::good().template("[window]", &format!("{budgets}\n[window]"));
    insta::assert_snapshot!(with("[budget.day]\ncalls = 0").mistakes(), @r#"
    TPL-008

      x with `budget.day.calls` nought, no call could be made
       ,-[templates/ticket-triage.toml:5:9]
     4 | [budget.day]
     5 | calls = 0
       :         |
       :         `-- nothing at all
     6 | [window]
       `----
      help: see docs/errors/TPL-008.md
    "#);
    let small = with("[budget]\ncalls = 50\n[budget.day]\ncalls = 5");
    insta::assert_snapshot!(small.remarks("TPL-104"), @r#"
    TPL-104

      ! one task may use 50, and a day of all has 5
       ,-[templates/ticket-triage.toml:7:9]
     6 | [budget.day]
     7 | calls = 5
       :         ^
     8 | [window]
       `----
      help: raise the day's, or lower the task's own
            see docs/errors/TPL-104.md
    "#);
}
