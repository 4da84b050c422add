//! What the author of a policy reads who asks for what the calls that it meets do not have.

use std::collections::{BTreeMap, BTreeSet};

use bailiwick_model::{AllowLine, Constraints, Effect, Environment, Json, JsonLimits, ParamShape};
use bailiwick_policy::{
    AcceptedTool, Offering, PolicyError, PolicyOptions, PolicySet, PolicySource, Schema, WhenError,
};
use insta::assert_snapshot;
use miette::{GraphicalReportHandler, GraphicalTheme};

use crate::fixture::{asked, line};

const WRITE: &str = r#"{"type":"object","properties":{"path":{"type":"string"},
    "content":{"type":"string"},"mode":{"type":"integer"}},"required":["path","content"]}"#;
const SEND: &str = r#"{"type":"object","properties":{"to":{"type":"array","items":{"type":"string"}},
    "body":{"type":"string"},"urgent":{"type":"boolean"}},"required":["to","body"]}"#;
const PAY: &str = r#"{"type":"object","properties":{"to":{"type":"string"},"amount":{"type":"integer"},
    "rate":{"type":"number"},"note":{},"split":{"type":"object","properties":{"by":{"type":"string"}}}},
    "required":["to","amount"]}"#;

fn tool(server: &str, name: &str, effects: &[Effect], input: Option<&str>) -> AcceptedTool {
    let json = |it: &str| Json::parse(it.as_bytes(), JsonLimits::default()).unwrap();
    AcceptedTool {
        server: server.parse().unwrap(),
        name: name.to_owned(),
        effects: effects.iter().copied().collect(),
        to_resources: name == "write_file",
        input: input.map(json),
    }
}

pub(crate) fn schema() -> Schema {
    let servers =
        ["files", "mail", "bank", "later"].map(|it| (it.parse().unwrap(), Environment::Staging));
    Schema::of(&Offering {
        servers: BTreeMap::from(servers),
        targets: BTreeMap::new(),
        tools: vec![
            tool("files", "write_file", &[Effect::Write], Some(WRITE)),
            tool("mail", "send", &[Effect::Egress, Effect::Write], Some(SEND)),
            tool("bank", "pay", &[Effect::Egress, Effect::Money], Some(PAY)),
            tool("bank", "anything", &[Effect::Automation], None),
        ],
        others: BTreeSet::from([("mail".parse().unwrap(), "archive".to_owned())]),
        params: Some(BTreeSet::from(["ticket".to_owned()])),
        templates: Some(BTreeSet::from(["keep-notes".to_owned(), "triage".to_owned()])),
    })
    .unwrap()
}

fn held(sources: &[PolicySource]) -> Result<(PolicySet, Vec<PolicyError>), Vec<PolicyError>> {
    let nothing = (&Constraints::new(), None);
    PolicySet::compile_against(&schema(), nothing, sources, PolicyOptions::default())
}

pub(crate) fn misfits(policies: &str) -> Vec<PolicyError> {
    let source = PolicySource { name: "guardrails.cedar".to_owned(), text: policies.to_owned() };
    let sources = std::slice::from_ref(&source);
    let compiled = held(sources);
    compiled.unwrap().1
}

pub(crate) fn shown(policies: &str) -> String {
    let handler = GraphicalReportHandler::new_themed(GraphicalTheme::none()).with_width(96);
    let mut out = String::new();
    for error in misfits(policies) {
        handler.render_report(&mut out, &error).unwrap();
    }
    out
}

/// A forbid on what `head` says, when `condition`.
pub(crate) fn forbid(head: &str, condition: &str) -> String {
    format!("@id(\"a\")\nforbid (principal, {head}, resource)\nwhen {{ {condition} }};")
}

/// Makes sure that nothing is wrong. A name that nothing has yet is only worth a look.
#[track_caller]
fn fits(head: &str, condition: &str) {
    let misfits = misfits(&forbid(head, condition));
    let wrong: Vec<_> = misfits.iter().filter(|it| !it.is_remark()).collect();
    assert!(wrong.is_empty(), "{head} {condition}: {wrong:?}");
}

pub(crate) const EGRESS: &str = "action in Action::\"egress\"";
const WRITE_FILE: &str = "action == Action::\"files__write_file\"";
const PAYS: &str = "action == Action::\"bank__pay\"";

#[test]
fn an_argument_that_only_some_of_the_tools_take() {
    assert_snapshot!(shown(&forbid(EGRESS, "context.input.amount > 100")), @r#"
    POL-017

      x not every call that this meets has `context.input.amount`
       ,-[guardrails.cedar:3:22]
     2 | forbid (principal, action in Action::"egress", resource)
     3 | when { context.input.amount > 100 };
       :                      ^^^|^^
       :                         `-- not there in `mail__send`
       `----
      help: ask first: `context.input has amount && …`; what is read and not there is an error,
            and an erring forbid denies
            see docs/errors/POL-017.md
    "#);
}

#[test]
fn an_argument_that_may_be_left_out() {
    assert_snapshot!(shown(&forbid(WRITE_FILE, "context.input.mode == 7")), @r#"
    POL-017

      x not every call that this meets has `context.input.mode`
       ,-[guardrails.cedar:3:22]
     2 | forbid (principal, action == Action::"files__write_file", resource)
     3 | when { context.input.mode == 7 };
       :                      ^^|^
       :                        `-- may be left out in `files__write_file`
       `----
      help: ask first: `context.input has mode && …`; what is read and not there is an error, and
            an erring forbid denies
            see docs/errors/POL-017.md
    "#);
}

#[test]
fn an_argument_that_the_tool_does_not_take() {
    assert_snapshot!(shown(&forbid(WRITE_FILE, "context.input has pth && context.input.pth like \"/etc/*\"")), @r#"
    POL-018

      x no call that this meets has `context.input.pth`
       ,-[guardrails.cedar:3:26]
     2 | forbid (principal, action == Action::"files__write_file", resource)
     3 | when { context.input has pth && context.input.pth like "/etc/*" };
       :                          ^|^
       :                           `-- never there in `files__write_file`
       `----
      help: did you mean `path`?
            see docs/errors/POL-018.md
    POL-018

      x no call that this meets has `context.input.pth`
       ,-[guardrails.cedar:3:47]
     2 | forbid (principal, action == Action::"files__write_file", resource)
     3 | when { context.input has pth && context.input.pth like "/etc/*" };
       :                                               ^|^
       :                                                `-- never there in `files__write_file`
       `----
      help: did you mean `path`?
            see docs/errors/POL-018.md
    "#);
    assert_snapshot!(shown(&forbid(PAYS, "context.input.split.from == \"x\"")), @r#"
    POL-018

      x no call that this meets has `context.input.split.from`
       ,-[guardrails.cedar:3:28]
     2 | forbid (principal, action == Action::"bank__pay", resource)
     3 | when { context.input.split.from == "x" };
       :                            ^^|^
       :                              `-- never there in `bank__pay`
       `----
      help: `context.input.split` has `by`
            see docs/errors/POL-018.md
    "#);
}

#[test]
fn an_argument_where_a_resource_is_read() {
    let head = "action in [Action::\"files__resources/read\", Action::\"mail__resources/read\"]";
    assert_snapshot!(shown(&forbid(head, "context.input has path")), @r#"
    POL-018

      x no call that this meets has `context.input.path`
       ,-[guardrails.cedar:3:26]
     2 | forbid (principal, action in [Action::"files__resources/read", Action::"mail__resources/read"], resource)
     3 | when { context.input has path };
       :                          ^^|^
       :                            `-- never there in `files__resources/read`, `mail__resources/read`
       `----
      help: `context.input` has `uri`
            see docs/errors/POL-018.md
    "#);
}

#[test]
fn an_argument_of_another_type() {
    assert_snapshot!(shown(&forbid(PAYS, "context.input.amount like \"1*\"")), @r#"
    POL-019

      x `context.input.amount` is a whole number, and a text is wanted here
       ,-[guardrails.cedar:3:8]
     2 | forbid (principal, action == Action::"bank__pay", resource)
     3 | when { context.input.amount like "1*" };
       :        ^^^^^^^^^^|^^^^^^^^^
       :                  `-- a whole number in `bank__pay`
       `----
      help: compare whole numbers with `<`, `<=`, `>`, `>=` and `==`
            see docs/errors/POL-019.md
    "#);
    assert_snapshot!(shown(&forbid(PAYS, "context.input.amount == \"100\"")), @r#"
    POL-019

      x a whole number is compared with a text
       ,-[guardrails.cedar:3:8]
     2 | forbid (principal, action == Action::"bank__pay", resource)
     3 | when { context.input.amount == "100" };
       :        ^^^^^^^^^^^^^^|^^^^^^^^^^^^^^
       :                      `-- never equal in `bank__pay`
       `----
      help: `bailiwick policy schema` shows the type of everything
            see docs/errors/POL-019.md
    "#);
    assert_snapshot!(
        shown(&forbid(
            "action in [Action::\"mail__send\", Action::\"bank__pay\"]",
            "context.input.to like \"*@example.org\""
        )),
        @r#"
    POL-019

      x `context.input.to` is a set of texts, and a text is wanted here
       ,-[guardrails.cedar:3:8]
     2 | forbid (principal, action in [Action::"mail__send", Action::"bank__pay"], resource)
     3 | when { context.input.to like "*@example.org" };
       :        ^^^^^^^^|^^^^^^^
       :                `-- a set of texts in `mail__send`
       `----
      help: ask a set with `.contains(…)`
            see docs/errors/POL-019.md
    "#
    );
    assert_snapshot!(shown(&forbid(PAYS, "context.input has rate && context.input.rate like \"1\"")), @r#"
    POL-019

      x `context.input.rate` is a whole number, and a text is wanted here
       ,-[guardrails.cedar:3:34]
     2 | forbid (principal, action == Action::"bank__pay", resource)
     3 | when { context.input has rate && context.input.rate like "1" };
       :                                  ^^^^^^^^^|^^^^^^^^
       :                                           `-- a whole number in `bank__pay`
       `----
      help: compare whole numbers with `<`, `<=`, `>`, `>=` and `==`
            see docs/errors/POL-019.md
    "#);
}

#[test]
fn what_is_known_of_some_resources_or_tasks_alone() {
    assert_snapshot!(
        shown(&forbid("action", "resource.owner == \"x\" || context.task.params.ticket == \"T-1\"")),
        @r#"
    POL-017

      x not every call that this meets has `resource.owner`
       ,-[guardrails.cedar:3:17]
     2 | forbid (principal, action, resource)
     3 | when { resource.owner == "x" || context.task.params.ticket == "T-1" };
       :                 ^^|^^
       :                   `-- there only at times
       `----
      help: ask first: `resource has owner && …`; what is read and not there is an error, and an
            erring forbid denies
            see docs/errors/POL-017.md
    POL-017

      x not every call that this meets has `context.task.params.ticket`
       ,-[guardrails.cedar:3:53]
     2 | forbid (principal, action, resource)
     3 | when { resource.owner == "x" || context.task.params.ticket == "T-1" };
       :                                                     ^^^|^^
       :                                                        `-- there only at times
       `----
      help: ask first: `context.task.params has ticket && …`; what is read and not there is an
            error, and an erring forbid denies
            see docs/errors/POL-017.md
    "#
    );
    assert_snapshot!(shown(&forbid("action", "context.task.params.tiket == \"T-1\"")), @r#"
    POL-018

      x no call that this meets has `context.task.params.tiket`
       ,-[guardrails.cedar:3:28]
     2 | forbid (principal, action, resource)
     3 | when { context.task.params.tiket == "T-1" };
       :                            ^^|^^
       :                              `-- never there
       `----
      help: did you mean `ticket`?
            see docs/errors/POL-018.md
    "#);
}

#[test]
fn what_only_the_call_could_tell() {
    assert_snapshot!(
        shown(&forbid(PAYS, "decimal(context.input.to).lessThan(decimal(\"1.00001\")) || context.chain == []")),
        @r#"
    POL-020

      x `decimal(context.input.to).lessThan(decimal("1.00001"))` reads a text that is not written
      | in the policy
       ,-[guardrails.cedar:3:8]
     2 | forbid (principal, action == Action::"bank__pay", resource)
     3 | when { decimal(context.input.to).lessThan(decimal("1.00001")) || context.chain == [] };
       :        ^^^^^^^^^^^^^^^^^^^^^^^^^^^|^^^^^^^^^^^^^^^^^^^^^^^^^^
       :                                   `-- in `bank__pay`
       `----
      help: whether it can be read would show at the call alone
            see docs/errors/POL-020.md
    POL-020

      x error during extension function argument validation: failed to parse as a decimal value:
      | `"1.00001"`
       ,-[guardrails.cedar:3:43]
     2 | forbid (principal, action == Action::"bank__pay", resource)
     3 | when { decimal(context.input.to).lessThan(decimal("1.00001")) || context.chain == [] };
       :                                           ^^^^^^^^^|^^^^^^^^
       :                                                    `-- in `bank__pay`
       `----
      help: at most 4 digits are supported
            see docs/errors/POL-020.md
    POL-020

      x an empty set, whose type cannot be told
       ,-[guardrails.cedar:3:83]
     2 | forbid (principal, action == Action::"bank__pay", resource)
     3 | when { decimal(context.input.to).lessThan(decimal("1.00001")) || context.chain == [] };
       :                                                                                   ^|
       :                                                                                    `-- in `bank__pay`
       `----
      help: ask `.isEmpty()` of the other set
            see docs/errors/POL-020.md
    "#
    );
}

#[test]
fn what_is_asked_for_first_fits() {
    for condition in [
        "context.input has amount && context.input.amount > 100",
        "context.input has urgent && context.input.urgent",
        "context.input has future_argument",
        "context has input.split.by && context.input.split.by == \"x\"",
        "resource has owner && resource.owner == \"x\"",
        "context.task.params has ticket && context.task.params.ticket like \"T-*\"",
        "context.facts.contains(\"freeze\") && context.depth < 3",
        "context.now > datetime(\"2026-12-01T00:00:00Z\")",
    ] {
        fits(EGRESS, condition);
    }
    fits(WRITE_FILE, "context.input.path like \"/etc/*\" || resource.sensitivity_rank > 1");
    fits(PAYS, "context.input.amount > 100 && principal.kind == \"agent\"");
}

#[test]
fn only_what_the_head_meets_is_looked_at() {
    let amount = "context.input.amount > 100";
    fits("action in Action::\"money\"", amount);
    fits("action in [Action::\"bank__pay\", Action::\"bank__unknown\"]", amount);
    fits("action == Action::\"bank__not_accepted_yet\"", "context.input.whatever like \"*\"");
    let on_server = |what: &str| {
        shown(&format!(
            "@id(\"a\") forbid (principal, {EGRESS}, resource {what}) when {{ {amount} }};"
        ))
    };
    assert_eq!(on_server("in Tool::\"bank__pay\""), "");
    assert_eq!(on_server("in Server::\"bank\""), "");
    assert_ne!(on_server("in Server::\"mail\""), "");
    assert_eq!(on_server("is Resource"), "");
    let by_service =
        format!("@id(\"a\") forbid (principal is Class, {EGRESS}, resource) when {{ {amount} }};");
    assert_eq!(shown(&by_service), "");
}

#[test]
fn a_condition_on_server_or_tool_guards_what_comes_after_it() {
    for guard in [
        "context.server == \"bank\" && context.tool == \"pay\"",
        "action == Action::\"bank__pay\"",
        "[\"pay\"].contains(context.tool)",
        "!(context.server != \"bank\" || context.tool == \"anything\")",
        "context.server == \"bank\" && !(context.tool == \"prompts/get\") && action in Action::\"money\"",
    ] {
        let condition = format!("{guard} && context.input.amount > 100");
        fits(EGRESS, &condition);
    }
    let too_late = "context.input.amount > 100 && context.server == \"bank\"";
    assert_ne!(shown(&forbid(EGRESS, too_late)), "", "Cedar reads the argument first");
    fits("action", "context.environment == \"production\" && context.input.amount > 100");
}

#[test]
fn what_a_tool_leaves_open_is_left_open() {
    for condition in [
        "context.input has note && context.input.note == \"x\"",
        "context.input has note && context.input.note > 5",
        "context.input has note && context.input.note.by like \"*\"",
        "context.input has rate && context.input.rate > 5",
        "context.input has rate && context.input.rate.greaterThan(decimal(\"5.0\"))",
    ] {
        fits(PAYS, condition);
    }
    fits(
        "action == Action::\"bank__anything\"",
        "context.input.x.y == \"a\" && context.input has z",
    );
    fits("action == Action::\"bank__prompts/get\"", "context.input.x == \"a\"");
}

#[test]
fn every_misfit_of_every_policy_is_told_and_a_mistake_is_told_alone() {
    let two = format!(
        "{}\n{}",
        forbid(WRITE_FILE, "context.input.mode == 7 || context.input.content == 7"),
        forbid(PAYS, "context.input.amuont == 7").replace("@id(\"a\")", "@id(\"b\")")
    );
    let codes: Vec<&str> = misfits(&two).iter().map(PolicyError::code).collect();
    assert_eq!(codes, ["POL-017", "POL-019", "POL-018"]);
    let source = PolicySource {
        name: "a.cedar".to_owned(),
        text: forbid(PAYS, "context.input.amuont == 7 && context.nwo == 1"),
    };
    let compiled = held(&[source]);
    let codes: Vec<&str> = compiled.unwrap_err().iter().map(PolicyError::code).collect();
    assert_eq!(codes, ["POL-010"]);
}

#[test]
fn what_does_not_fit_is_compiled_and_denies() {
    let source = PolicySource {
        name: "a.cedar".to_owned(),
        text: forbid(EGRESS, "context.input.amount > 100"),
    };
    let (set, misfits) = held(&[source]).unwrap();
    assert_eq!(misfits.len(), 1);
    let denied = set.evaluate(&asked("mail__send egress to=x").case());
    assert!(denied.errors.iter().any(|it| it.source == "a"), "{denied:?}");
}

/// Says what is wrong with a condition of a line for these tools, by its text.
fn of_line(server: &str, tools: &[&str], when: &str) -> Vec<String> {
    let optional = |optional| ParamShape { pattern: None, optional };
    let params = BTreeMap::from([
        ("ticket".to_owned(), optional(false)),
        ("note".to_owned(), optional(true)),
    ]);
    let line: AllowLine = line(server, tools, Some(when), "t.toml:3");
    let told = schema().misfits_of_line(&line, &params);
    let at = |it: &WhenError| when.get(it.span.clone()).unwrap().to_owned();
    told.iter().map(|it| format!("{} {} at {}", it.code, it.message, at(it))).collect()
}

#[test]
fn a_line_is_held_against_its_tools_and_the_parameters_of_its_template() {
    let none: [&str; 0] = [];
    assert_eq!(
        of_line("files", &["write_file"], "context.input.path == context.task.params.ticket"),
        none
    );
    assert_eq!(of_line("files", &["not_accepted_yet"], "context.input.x == 1"), none);
    assert_eq!(of_line("mail", &["write_file"], "context.input.x == 1"), none);
    assert_eq!(
        of_line("files", &["write_file"], "context.input.path == context.task.params.note"),
        ["POL-017 not every call that this meets has `context.task.params.note` at note"]
    );
    assert_eq!(
        of_line("bank", &["pay"], "context.input.amount < \"5\" && context.input has too"),
        [
            "POL-019 `\"5\"` is a text, and a whole number is wanted here at \"5\"",
            "POL-018 no call that this meets has `context.input.too` at too",
        ]
    );
}
