//! What the author of a policy reads.

use bailiwick_policy::{PolicyError, PolicyOptions, PolicySet, PolicySource};
use insta::assert_snapshot;
use miette::{GraphicalReportHandler, GraphicalTheme};

fn errors(files: &[(&str, &str)]) -> Vec<PolicyError> {
    let source = |(name, text): &(&str, &str)| PolicySource {
        name: (*name).to_owned(),
        text: (*text).to_owned(),
    };
    let sources: Vec<_> = files.iter().map(source).collect();
    PolicySet::compile(&sources, PolicyOptions::default()).unwrap_err()
}

/// Shows every mistake of a file, as a terminal without colours shows it.
fn shown(text: &str) -> String {
    shown_files(&[("guardrails.cedar", text)])
}

fn shown_files(files: &[(&str, &str)]) -> String {
    let handler = GraphicalReportHandler::new_themed(GraphicalTheme::none()).with_width(96);
    let mut out = String::new();
    for error in errors(files) {
        handler.render_report(&mut out, &error).unwrap();
    }
    out
}

#[test]
fn text_that_is_not_cedar() {
    assert_snapshot!(shown("@id(\"a\")\npermit (principal, action resource);\n"), @r#"
    POL-001

      x unexpected token `resource`
       ,-[guardrails.cedar:2:27]
     1 | @id("a")
     2 | permit (principal, action resource);
       :                           ^^^^|^^^
       :                               `-- expected `!=`, `)`, `,`, `:`, `<`, `<=`, `==`, `>`, `>=`, `in`, or `is`
       `----
      help: see docs/errors/POL-001.md
    "#);
}

#[test]
fn a_policy_without_an_id() {
    assert_snapshot!(shown("permit (principal, action, resource);"), @r#"
    POL-002

      x a policy without `@id`
       ,-[guardrails.cedar:1:1]
     1 | permit (principal, action, resource);
       : ^^^^^^^^^^^^^^^^^^|^^^^^^^^^^^^^^^^^^
       :                   `-- this one
       `----
      help: put `@id("what-it-does")` before it
            see docs/errors/POL-002.md
    "#);
}

#[test]
fn two_policies_with_one_id() {
    let one = "@id(\"same\") forbid (principal, action, resource);";
    assert_snapshot!(shown_files(&[("a.cedar", one), ("b.cedar", one)]), @r#"
    POL-003

      x two policies are called `same`
       ,-[b.cedar:1:1]
     1 | @id("same") forbid (principal, action, resource);
       : ^^^^^^^^^^^^^^^^^^^^^^^^|^^^^^^^^^^^^^^^^^^^^^^^^
       :                         `-- the second
       `----
      help: the first is in `a.cedar`
            see docs/errors/POL-003.md
    "#);
}

#[test]
fn an_unknown_annotation() {
    assert_snapshot!(
        shown("@id(\"a\") @onwer(\"team\")\nforbid (principal, action, resource);"),
        @r#"
    POL-004

      x unknown annotation `@onwer`
       ,-[guardrails.cedar:1:10]
     1 | @id("a") @onwer("team")
       :          ^^^^^^^|^^^^^^
       :                 `-- nothing would happen with it
     2 | forbid (principal, action, resource);
       `----
      help: did you mean `@owner`?
            see docs/errors/POL-004.md
    "#
    );
}

#[test]
fn a_mode_without_owner_and_end() {
    assert_snapshot!(
        shown("@id(\"a\") @mode(\"observe\")\nforbid (principal, action, resource);"),
        @r#"
    POL-006

      x `@mode("observe")` without `@owner`
       ,-[guardrails.cedar:1:10]
     1 | @id("a") @mode("observe")
       :          ^^^^^^^^|^^^^^^^
       :                  `-- observes without an owner or an end
     2 | forbid (principal, action, resource);
       `----
      help: say who answers for it: `@owner("team")`
            see docs/errors/POL-006.md
    POL-006

      x `@mode("observe")` without `@until`
       ,-[guardrails.cedar:1:10]
     1 | @id("a") @mode("observe")
       :          ^^^^^^^^|^^^^^^^
       :                  `-- observes without an owner or an end
     2 | forbid (principal, action, resource);
       `----
      help: say when observing ends: `@until("2026-12-31T00:00:00Z")`
            see docs/errors/POL-006.md
    "#
    );
}

#[test]
fn annotations_that_say_nothing_usable() {
    assert_snapshot!(
        shown(
            "@id(\"a\") @mode(\"watch\") @expires(\"soon\")\nforbid (principal, action, resource);\n\
             @id(\"b\") @until(\"2026-12-01T00:00:00Z\") @owner(\"\")\n\
             forbid (principal, action, resource);"
        ),
        @r#"
    POL-006

      x `@mode` says `watch`
       ,-[guardrails.cedar:1:10]
     1 | @id("a") @mode("watch") @expires("soon")
       :          ^^^^^^^|^^^^^^
       :                 `-- cannot be used
     2 | forbid (principal, action, resource);
       `----
      help: modes are `observe` and `enforce`
            see docs/errors/POL-006.md
    POL-006

      x `@expires` says `soon`
       ,-[guardrails.cedar:1:25]
     1 | @id("a") @mode("watch") @expires("soon")
       :                         ^^^^^^^^|^^^^^^^
       :                                 `-- cannot be used
     2 | forbid (principal, action, resource);
       `----
      help: write a moment like `2026-12-31T00:00:00Z` (RFC 3339)
            see docs/errors/POL-006.md
    POL-006

      x `@until` says `2026-12-01T00:00:00Z`, but the policy is enforced
       ,-[guardrails.cedar:3:10]
     2 | forbid (principal, action, resource);
     3 | @id("b") @until("2026-12-01T00:00:00Z") @owner("")
       :          ^^^^^^^^^^^^^^^|^^^^^^^^^^^^^^
       :                         `-- cannot be used
     4 | forbid (principal, action, resource);
       `----
      help: an end belongs to `@mode("observe")`; a policy itself ends with `@expires`
            see docs/errors/POL-006.md
    POL-006

      x `@owner` says nothing
       ,-[guardrails.cedar:3:41]
     2 | forbid (principal, action, resource);
     3 | @id("b") @until("2026-12-01T00:00:00Z") @owner("")
       :                                         ^^^^^|^^^^
       :                                              `-- cannot be used
     4 | forbid (principal, action, resource);
       `----
      help: put a text between the quotes
            see docs/errors/POL-006.md
    "#
    );
}

#[test]
fn a_hold_that_never_ends_and_one_on_a_permit() {
    assert_snapshot!(
        shown(
            "@id(\"a\") @hold(\"ask\")\nforbid (principal, action, resource) when { context.depth > 1 };\n\
             @id(\"b\") @hold(\"ask\")\npermit (principal, action, resource);"
        ),
        @r#"
    POL-007

      x `a` would hold for ever
       ,-[guardrails.cedar:1:1]
     1 | ,-> @id("a") @hold("ask")
     2 | |-> forbid (principal, action, resource) when { context.depth > 1 };
       : `---- does not fall away with an approval
     3 |     @id("b") @hold("ask")
       `----
      help: add `unless { context.approval.granted }`
            see docs/errors/POL-007.md
    POL-007

      x `@hold` on a permit
       ,-[guardrails.cedar:3:1]
     2 |     forbid (principal, action, resource) when { context.depth > 1 };
     3 | ,-> @id("b") @hold("ask")
     4 | |-> permit (principal, action, resource);
       : `---- a permit cannot hold
       `----
      help: write a `forbid … unless { context.approval.granted }`
            see docs/errors/POL-007.md
    "#
    );
}

#[test]
fn an_approval_read_where_nobody_is_asked() {
    assert_snapshot!(
        shown(
            "@id(\"a\")\npermit (principal, action, resource) when { context.approval.granted };\n\
             @id(\"b\")\nforbid (principal, action, resource) unless { context.approval.granted };"
        ),
        @r#"
    POL-008

      x `a` reads `context.approval`, but a permit that waits for one denies instead of asking
       ,-[guardrails.cedar:2:53]
     1 | @id("a")
     2 | permit (principal, action, resource) when { context.approval.granted };
       :                                                     ^^^^|^^^
       :                                                         `-- reads it here
     3 | @id("b")
       `----
      help: a person is asked by `@hold("…") forbid … unless { context.approval.granted }`
            see docs/errors/POL-008.md
    POL-008

      x `b` reads `context.approval`, but without `@hold` it denies instead of asking
       ,-[guardrails.cedar:4:55]
     3 | @id("b")
     4 | forbid (principal, action, resource) unless { context.approval.granted };
       :                                                       ^^^^|^^^
       :                                                           `-- reads it here
       `----
      help: a person is asked by `@hold("…") forbid … unless { context.approval.granted }`
            see docs/errors/POL-008.md
    "#
    );
}

#[test]
fn an_action_that_never_happens() {
    assert_snapshot!(
        shown(
            "@id(\"a\")\nforbid (principal, action in Action::\"egres\", resource);\n\
             @id(\"b\")\nforbid (principal, action, resource) when { action == Action::\"files\" };"
        ),
        @r#"
    POL-009

      x unknown action `egres`
       ,-[guardrails.cedar:2:30]
     1 | @id("a")
     2 | forbid (principal, action in Action::"egres", resource);
       :                              ^^^^^^^|^^^^^^^
       :                                     `-- no call is ever called this
     3 | @id("b")
       `----
      help: did you mean `Action::"egress"`?
            see docs/errors/POL-009.md
    POL-009

      x unknown action `files`
       ,-[guardrails.cedar:4:55]
     3 | @id("b")
     4 | forbid (principal, action, resource) when { action == Action::"files" };
       :                                                       ^^^^^^^|^^^^^^^
       :                                                              `-- no call is ever called this
       `----
      help: actions are effects (`egress`), tools (`server__tool`) and whole servers
            (`server:NAME`)
            see docs/errors/POL-009.md
    "#
    );
}

#[test]
fn a_field_that_is_never_there() {
    assert_snapshot!(
        shown(
            "@id(\"a\")\nforbid (principal, action, resource)\n\
             when { context.nwo == 1 || principal has ownr || resource.colour == \"red\" };\n\
             @id(\"b\")\nforbid (principal, action, resource) when { context.task.templat == \"x\" };"
        ),
        @r#"
    POL-010

      x `context` has no `nwo`
       ,-[guardrails.cedar:3:16]
     2 | forbid (principal, action, resource)
     3 | when { context.nwo == 1 || principal has ownr || resource.colour == "red" };
       :                ^|^
       :                 `-- never there
     4 | @id("b")
       `----
      help: did you mean `now`?
            see docs/errors/POL-010.md
    POL-010

      x `principal` has no `ownr`
       ,-[guardrails.cedar:3:42]
     2 | forbid (principal, action, resource)
     3 | when { context.nwo == 1 || principal has ownr || resource.colour == "red" };
       :                                          ^^|^
       :                                            `-- never there
     4 | @id("b")
       `----
      help: did you mean `owner`?
            see docs/errors/POL-010.md
    POL-010

      x `resource` has no `colour`
       ,-[guardrails.cedar:3:59]
     2 | forbid (principal, action, resource)
     3 | when { context.nwo == 1 || principal has ownr || resource.colour == "red" };
       :                                                           ^^^|^^
       :                                                              `-- never there
     4 | @id("b")
       `----
      help: `resource` has `sensitivity`, `sensitivity_rank`, `owner`, `environment`
            see docs/errors/POL-010.md
    POL-010

      x `context.task` has no `templat`
       ,-[guardrails.cedar:5:58]
     4 | @id("b")
     5 | forbid (principal, action, resource) when { context.task.templat == "x" };
       :                                                          ^^^|^^^
       :                                                             `-- never there
       `----
      help: did you mean `template`?
            see docs/errors/POL-010.md
    "#
    );
}

#[test]
fn a_type_that_nothing_has() {
    assert_snapshot!(
        shown("@id(\"a\")\nforbid (principal == Identiy::\"x\", action, resource is Folder);"),
        @r#"
    POL-011

      x unknown type `Identiy`
       ,-[guardrails.cedar:2:22]
     1 | @id("a")
     2 | forbid (principal == Identiy::"x", action, resource is Folder);
       :                      ^^^^^^|^^^^^
       :                            `-- nothing is of this type
       `----
      help: did you mean `Identity`?
            see docs/errors/POL-011.md
    POL-011

      x unknown type `Folder`
       ,-[guardrails.cedar:2:56]
     1 | @id("a")
     2 | forbid (principal == Identiy::"x", action, resource is Folder);
       :                                                        ^^^|^^
       :                                                           `-- nothing is of this type
       `----
      help: types are `Identity`, `Class`, `Action`, `Tool`, `Server`, `Resource`
            see docs/errors/POL-011.md
    "#
    );
}

#[test]
fn a_slot() {
    assert_snapshot!(shown("@id(\"a\")\nforbid (principal == ?principal, action, resource);"), @r#"
    POL-012

      x a policy with a slot
       ,-[guardrails.cedar:1:1]
     1 | ,-> @id("a")
     2 | |-> forbid (principal == ?principal, action, resource);
       : `---- to be filled in by nobody
       `----
      help: write the policy out, or use a task template
            see docs/errors/POL-012.md
    "#);
}

#[test]
fn a_name_of_ours() {
    assert_snapshot!(
        shown("@id(\"bailiwick:granted\")\npermit (principal, action, resource);"),
        @r#"
    POL-013

      x `bailiwick:granted` is a name of ours
       ,-[guardrails.cedar:1:1]
     1 | @id("bailiwick:granted")
       : ^^^^^^^^^^^^|^^^^^^^^^^^
       :             `-- choose another name
     2 | permit (principal, action, resource);
       `----
      help: ids that start with `bailiwick:` are taken
            see docs/errors/POL-013.md
    "#
    );
}

#[test]
fn every_mistake_of_every_file_is_told_at_once() {
    let files = [
        ("a.cedar", "permit ("),
        ("b.cedar", "forbid (principal, action in Action::\"wirte\", resource);"),
        ("c.cedar", "@id(\"c\") @hld(\"x\") forbid (principal, action, resource);"),
    ];
    let told: Vec<_> =
        errors(&files).iter().map(|it| format!("{} {}", it.file(), it.code())).collect();
    assert_eq!(told, ["a.cedar POL-001", "b.cedar POL-002", "b.cedar POL-009", "c.cedar POL-004"]);
}

#[test]
fn every_code_has_its_page() {
    let pages = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/errors");
    let codes = (1..=22).chain([101]).map(|number| format!("POL-{number:03}"));
    for code in codes {
        let page = std::fs::read_to_string(format!("{pages}/{code}.md")).unwrap();
        assert!(page.starts_with(&format!("# {code}: ")), "{code}");
    }
}

#[test]
fn what_goes_deeper_than_can_be_read() {
    let deep = format!("{}true{}", "(".repeat(64), ")".repeat(64));
    let text = format!("@id(\"a\")\npermit (principal, action, resource) when {{ {deep} }};\n");
    assert_snapshot!(shown(&text));
}
