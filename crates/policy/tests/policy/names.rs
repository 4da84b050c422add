//! What the author of a policy reads who names what nothing is called.

use std::collections::{BTreeMap, BTreeSet};

use bailiwick_model::{Constraints, Environment};
use bailiwick_policy::{Offering, PolicyError, PolicyOptions, PolicySet, PolicySource, Schema};
use insta::assert_snapshot;

use crate::{
    fixture::line,
    misfits::{EGRESS, forbid, misfits, schema, shown},
};

#[test]
fn a_tool_in_the_head_that_its_server_does_not_have() {
    assert_snapshot!(shown("@id(\"a\")\nforbid (principal, action == Action::\"files__write_fiel\", resource);"), @r#"
    POL-022

      x `files` has no tool `write_fiel`
       ,-[guardrails.cedar:2:30]
     1 | @id("a")
     2 | forbid (principal, action == Action::"files__write_fiel", resource);
       :                              ^^^^^^^^^^^^^|^^^^^^^^^^^^^
       :                                           `-- nothing is called this
       `----
      help: did you mean `Action::"files__write_file"`? A tool that is truly called so and not
            accepted yet is declared as `[server.tool.write_fiel]` below `files`
            see docs/errors/POL-022.md
    "#);
}

#[test]
fn a_server_that_is_not_there_is_told_wherever_it_is_named() {
    assert_snapshot!(
        shown(
            "@id(\"a\")\nforbid (principal, action in [Action::\"server:fils\", Action::\"mial__send\"], resource in Server::\"banks\")\n\
             when { context.server == \"baknk\" };"
        ),
        @r#"
    POL-022

      x there is no server `fils`
       ,-[guardrails.cedar:2:31]
     1 | @id("a")
     2 | forbid (principal, action in [Action::"server:fils", Action::"mial__send"], resource in Server::"banks")
       :                               ^^^^^^^^^^|^^^^^^^^^^
       :                                         `-- nothing is called this
     3 | when { context.server == "baknk" };
       `----
      help: did you mean `Action::"server:files"`?
            see docs/errors/POL-022.md
    POL-022

      x there is no server `mial`
       ,-[guardrails.cedar:2:54]
     1 | @id("a")
     2 | forbid (principal, action in [Action::"server:fils", Action::"mial__send"], resource in Server::"banks")
       :                                                      ^^^^^^^^^^|^^^^^^^^^
       :                                                                `-- nothing is called this
     3 | when { context.server == "baknk" };
       `----
      help: did you mean `Action::"mail__send"`?
            see docs/errors/POL-022.md
    POL-022

      x there is no server `banks`
       ,-[guardrails.cedar:2:89]
     1 | @id("a")
     2 | forbid (principal, action in [Action::"server:fils", Action::"mial__send"], resource in Server::"banks")
       :                                                                                         ^^^^^^^|^^^^^^^
       :                                                                                                `-- nothing is called this
     3 | when { context.server == "baknk" };
       `----
      help: did you mean `Server::"bank"`?
            see docs/errors/POL-022.md
    POL-022

      x there is no server `baknk`
       ,-[guardrails.cedar:3:26]
     2 | forbid (principal, action in [Action::"server:fils", Action::"mial__send"], resource in Server::"banks")
     3 | when { context.server == "baknk" };
       :                          ^^^|^^^
       :                             `-- nothing is called this
       `----
      help: did you mean `bank`?
            see docs/errors/POL-022.md
    "#
    );
}

#[test]
fn a_template_or_a_word_that_does_not_exist() {
    assert_snapshot!(
        shown(&forbid(
            EGRESS,
            "context.task.template == \"keep-note\" || [\"prodction\"].contains(context.environment) ||\n     \
             principal.kind == \"agnet\" || resource.sensitivity != \"secret\""
        )),
        @r#"
    POL-022

      x there is no template `keep-note`
       ,-[guardrails.cedar:3:33]
     2 | forbid (principal, action in Action::"egress", resource)
     3 | when { context.task.template == "keep-note" || ["prodction"].contains(context.environment) ||
       :                                 ^^^^^|^^^^^
       :                                      `-- nothing is called this
     4 |      principal.kind == "agnet" || resource.sensitivity != "secret" };
       `----
      help: did you mean `keep-notes`?
            see docs/errors/POL-022.md
    POL-022

      x there is no environment `prodction`
       ,-[guardrails.cedar:3:49]
     2 | forbid (principal, action in Action::"egress", resource)
     3 | when { context.task.template == "keep-note" || ["prodction"].contains(context.environment) ||
       :                                                 ^^^^^|^^^^^
       :                                                      `-- nothing is called this
     4 |      principal.kind == "agnet" || resource.sensitivity != "secret" };
       `----
      help: did you mean `production`?
            see docs/errors/POL-022.md
    POL-022

      x there is no kind of identity `agnet`
       ,-[guardrails.cedar:4:24]
     3 | when { context.task.template == "keep-note" || ["prodction"].contains(context.environment) ||
     4 |      principal.kind == "agnet" || resource.sensitivity != "secret" };
       :                        ^^^|^^^
       :                           `-- nothing is called this
       `----
      help: did you mean `agent`?
            see docs/errors/POL-022.md
    POL-022

      x there is no sensitivity `secret`
       ,-[guardrails.cedar:4:59]
     3 | when { context.task.template == "keep-note" || ["prodction"].contains(context.environment) ||
     4 |      principal.kind == "agnet" || resource.sensitivity != "secret" };
       :                                                           ^^^^|^^^
       :                                                               `-- nothing is called this
       `----
      help: known are `confidential`, `internal`, `public`, `restricted`
            see docs/errors/POL-022.md
    "#
    );
}

#[test]
fn a_name_that_may_come_is_only_worth_a_look() {
    let remarks = "@id(\"a\")\nforbid (principal, action in [Action::\"files__remove_everything\", Action::\"crm__list\"], resource)\n\
        when { context.task.template == \"export\" };";
    assert_snapshot!(shown(remarks), @r#"
    POL-101

      ! `files` has no tool `remove_everything`
       ,-[guardrails.cedar:2:31]
     1 | @id("a")
     2 | forbid (principal, action in [Action::"files__remove_everything", Action::"crm__list"], resource)
       :                               ^^^^^^^^^^^^^^^^^|^^^^^^^^^^^^^^^^
       :                                                `-- nothing that is known is called this
     3 | when { context.task.template == "export" };
       `----
      help: known are `prompts/get`, `resources/read`, `write_file`
            see docs/errors/POL-101.md
    POL-101

      ! there is no server `crm`
       ,-[guardrails.cedar:2:67]
     1 | @id("a")
     2 | forbid (principal, action in [Action::"files__remove_everything", Action::"crm__list"], resource)
       :                                                                   ^^^^^^^^^|^^^^^^^^^
       :                                                                            `-- nothing that is known is called this
     3 | when { context.task.template == "export" };
       `----
      help: known are `bank`, `files`, `later`, `mail`
            see docs/errors/POL-101.md
    POL-101

      ! there is no template `export`
       ,-[guardrails.cedar:3:33]
     2 | forbid (principal, action in [Action::"files__remove_everything", Action::"crm__list"], resource)
     3 | when { context.task.template == "export" };
       :                                 ^^^^|^^^
       :                                     `-- nothing that is known is called this
       `----
      help: known are `keep-notes`, `triage`
            see docs/errors/POL-101.md
    "#);
    assert!(misfits(remarks).iter().all(PolicyError::is_remark));
    assert!(
        !misfits(
            "@id(\"a\")\nforbid (principal, action == Action::\"files__write_fiel\", resource);"
        )[0]
        .is_remark()
    );
}

#[track_caller]
fn unremarked(head: &str, condition: &str) {
    assert_eq!(shown(&forbid(head, condition)), "", "{head} {condition}");
}

#[test]
fn names_that_are_known_and_those_that_cannot_be_are_no_matter() {
    unremarked(
        "action in [Action::\"mail__archive\", Action::\"files__resources/read\", Action::\"server:mail\"]",
        "true",
    );
    // Nothing was accepted of this server: whatever it is called may be there.
    unremarked("action == Action::\"later__wirte_fiel\"", "context.server == \"later\"");
    unremarked("action", "context.task.template == \"triage\" && context.tool == \"archive\"");
    unremarked("action", "[\"production\", \"staging\"].contains(context.environment)");
    unremarked("action", "context.server like \"fil*\" && resource.sensitivity == \"restricted\"");
}

#[test]
fn a_line_of_a_template_names_what_is_there() {
    let misnamed = line("files", &["write_file"], Some("context.server == \"fiels\""), "t.toml:3");
    let told = schema().misfits_of_line(&misnamed, &BTreeMap::new());
    assert_eq!(told.iter().map(|it| it.code).collect::<Vec<_>>(), ["POL-022"]);
}

#[test]
fn without_tools_names_alone_are_known() {
    let servers = BTreeMap::from([("files".parse().unwrap(), Environment::Staging)]);
    let others = BTreeSet::from([("files".parse().unwrap(), "write_file".to_owned())]);
    let schema = Schema::of(&Offering { servers, others, ..Offering::default() }).unwrap();
    assert_eq!(schema.tools(), 0);
    let codes = |text: &str| {
        let source = PolicySource { name: "a.cedar".to_owned(), text: text.to_owned() };
        let nothing = (&Constraints::new(), None);
        let held =
            PolicySet::compile_against(&schema, nothing, &[source], PolicyOptions::default());
        held.unwrap().1.iter().map(PolicyError::code).collect::<Vec<_>>()
    };
    let forbid = |head: &str, when: &str| {
        codes(&format!(
            "@id(\"a\") forbid (principal, action == Action::\"{head}\", resource) when {{ {when} }};"
        ))
    };
    assert_eq!(forbid("files__read", "context.input.anything > 1"), Vec::<&str>::new());
    // What it offers is not known yet: a slip of a name that somebody wrote down is worth a look.
    assert_eq!(forbid("files__write_fiel", "true"), ["POL-101"]);
    assert_eq!(forbid("fiels__read", "true"), ["POL-022"]);
}
