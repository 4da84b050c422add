//! `@constrain`: what permits ask for, and what its author reads where that cannot be.

use std::sync::Arc;

use bailiwick_model::{
    ArgumentLimit, Arguments, Constraint, Constraints, Most, Obligations, ReasonCode, Redact,
    Verdict,
};
use bailiwick_policy::{PolicyAnswer, PolicyError, PolicyOptions, PolicySet, PolicySource};
use insta::assert_snapshot;
use miette::{GraphicalReportHandler, GraphicalTheme};

use crate::fixture::asked;

fn limited(min: Option<i64>, max: Option<i64>) -> Obligations {
    let limit = ArgumentLimit { min, max, one_of: None };
    Obligations {
        arguments: Arguments::of([("limit".parse().unwrap(), limit)]),
        ..Obligations::NONE
    }
}

fn constraints() -> Constraints {
    let named = |name: &str, asks: Obligations| {
        let made = Constraint::new(name.to_owned(), 1, "team".to_owned(), asks);
        (name.to_owned(), Arc::new(made))
    };
    let private = Redact::of(["email".parse().unwrap()]);
    Constraints::from([
        named("rows-100", limited(None, Some(100))),
        named("many", limited(Some(1000), None)),
        named("private", Obligations { redact: private, ..Obligations::NONE }),
        named("few", Obligations { rows: Most::of(5), ..Obligations::NONE }),
    ])
}

fn compile(text: &str) -> Result<PolicySet, Vec<PolicyError>> {
    let source = PolicySource { name: "guardrails.cedar".to_owned(), text: text.to_owned() };
    PolicySet::compile_with(&constraints(), None, &[source], PolicyOptions::default())
}

fn shown(text: &str) -> String {
    let handler = GraphicalReportHandler::new_themed(GraphicalTheme::none()).with_width(96);
    let mut out = String::new();
    for error in compile(text).unwrap_err() {
        handler.render_report(&mut out, &error).unwrap();
    }
    out
}

fn answer(policies: &str, request: &str) -> PolicyAnswer {
    let asked = asked(request);
    compile(policies).unwrap().evaluate(&asked.case())
}

const PERMITS: &str = r#"
    @id("p1") @constrain("private, rows-100") permit (principal, action, resource);
    @id("p2") @constrain("few") permit (principal, action, resource)
    when { resource == Resource::"files:/b" };
    @id("p3") @mode("observe") @owner("team") @until("2030-01-01T00:00:00Z") @constrain("many")
    permit (principal, action, resource);
"#;

#[test]
fn all_that_permits_ask_for_adds_up_over_permits_and_resources() {
    let from = |request: &str| {
        let PolicyAnswer { verdict, obligations, .. } = answer(PERMITS, request);
        assert_eq!(verdict, Verdict::Allow(obligations.clone()));
        obligations.from.into_iter().collect::<Vec<_>>().join(" ")
    };
    assert_eq!(from("files__read_file read on:/a"), "private@1 rows-100@1");
    assert_eq!(from("files__read_file read on:/a on:/b"), "few@1 private@1 rows-100@1");
}

#[test]
fn what_is_asked_for_is_known_whatever_the_verdict() {
    let policies = format!(
        "{PERMITS} @id(\"h\") @hold(\"ask\") forbid (principal, action, resource) \
         unless {{ context.approval.granted }};"
    );
    let held = answer(&policies, "files__read_file read on:/a");
    assert!(matches!(held.verdict, Verdict::Hold(_)));
    let plain = answer(PERMITS, "files__read_file read on:/a");
    assert_eq!(held.obligations, plain.obligations);
    let approved = answer(&policies, "files__read_file read on:/a approved");
    assert_eq!(approved.verdict, Verdict::Allow(plain.obligations));
}

#[test]
fn a_permit_that_asks_for_something_and_breaks_lets_nobody_else_permit_without_it() {
    // The built-in permit holds for both.
    let policies = "@id(\"p\") @constrain(\"few\") permit (principal, action, resource) \
         when { context.input.region == \"eu\" };";
    let denied = answer(policies, "files__read_file read on:/a");
    let Verdict::Deny(why) = &denied.verdict else { panic!("{denied:?}") };
    let why = why.first().unwrap();
    assert_eq!((why.code, why.source.as_str()), (ReasonCode::PolicyError, "p"));
    assert!(why.text.starts_with("policy `p` asks for constraints and could not be"), "{why:?}");
    let silent = policies.replace("@constrain(\"few\") ", "");
    let allowed = answer(&silent, "files__read_file read on:/a");
    assert_eq!(allowed.verdict, Verdict::allow(), "it only said nothing");
    assert_eq!(allowed.errors.len(), 1);
    let observing = policies.replace(
        "@constrain",
        "@mode(\"observe\") @owner(\"team\") @until(\"2030-01-01T00:00:00Z\") @constrain",
    );
    let allowed = answer(&observing, "files__read_file read on:/a");
    assert_eq!(allowed.verdict, Verdict::allow(), "it only observes");
    assert!(matches!(allowed.would, Some(Verdict::Deny(_))), "{allowed:?}");
}

#[test]
fn a_constraint_is_loose_where_the_built_in_permit_lets_other_calls_through() {
    let policies = r#"
        @id("always") @constrain("few") permit (principal, action, resource);
        @id("ends") @expires("2030-01-01T00:00:00Z") @constrain("few")
        permit (principal, action, resource);
        @id("if") @constrain("few") permit (principal, action, resource)
        when { context.input has region };
        @id("plain") permit (principal, action, resource) when { context.input has region };
        @id("watches") @mode("observe") @owner("team") @until("2030-01-01T00:00:00Z")
        @constrain("few") permit (principal, action, resource);
    "#;
    let compiled = compile(policies).unwrap();
    let loose: Vec<&str> = compiled.loose().iter().map(|(it, _)| it.id.as_str()).collect();
    assert_eq!(loose, ["ends", "if", "watches"]);
    let source = PolicySource { name: "a.cedar".to_owned(), text: policies.to_owned() };
    let alone = PolicyOptions { builtin_permit: false };
    let alone = PolicySet::compile_with(&constraints(), None, &[source], alone).unwrap();
    assert!(alone.loose().is_empty());
}

#[test]
fn policies_read_what_this_gateway_can_do() {
    let policies = |word: &str| {
        format!(
            "@id(\"f\") forbid (principal, action, resource) \
             unless {{ context.pep.supports.contains(\"{word}\") }};"
        )
    };
    for (word, allowed) in [("arguments", true), ("redact", true), ("credential", false)] {
        let said = answer(&policies(word), "files__read_file read on:/a").verdict;
        assert_eq!(matches!(said, Verdict::Allow(_)), allowed, "{word}");
    }
}

#[test]
fn another_wording_of_a_constraint_is_another_set_of_policies() {
    let source = PolicySource { name: "a.cedar".to_owned(), text: PERMITS.to_owned() };
    let compile = |constraints: &Constraints, before: Option<&PolicySet>| {
        let sources = std::slice::from_ref(&source);
        PolicySet::compile_with(constraints, before, sources, PolicyOptions::default()).unwrap()
    };
    let mut other = constraints();
    let asks = Obligations { rows: Most::of(6), ..Obligations::NONE };
    let few = Constraint::new("few".to_owned(), 1, "team".to_owned(), asks);
    other.insert("few".to_owned(), Arc::new(few));
    let first = compile(&constraints(), None);
    assert_eq!(first.version(), compile(&constraints(), Some(&first)).version());
    let next = compile(&other, Some(&first));
    assert_ne!(first.version(), next.version());
    let rows = next.list().into_iter().find(|it| it.id == "p2").unwrap().obligations.rows;
    assert_eq!(rows, Most::of(6), "the same text asks for something else now");
}

#[test]
fn a_constraint_that_is_written_nowhere() {
    assert_snapshot!(
        shown("@id(\"a\") @constrain(\"cheap\")\npermit (principal, action, resource);"),
        @r#"
    POL-005

      x there is no constraint `cheap`
       ,-[guardrails.cedar:1:10]
     1 | @id("a") @constrain("cheap")
       :          ^^^^^^^^^|^^^^^^^^^
       :                   `-- asks for nothing that is written down
     2 | permit (principal, action, resource);
       `----
      help: constraints are `few`, `many`, `private`, `rows-100`
            see docs/errors/POL-005.md
    "#
    );
}

#[test]
fn a_constraint_that_is_misspelled() {
    assert_snapshot!(
        shown("@id(\"a\") @constrain(\"row-100\")\npermit (principal, action, resource);"),
        @r#"
    POL-005

      x there is no constraint `row-100`
       ,-[guardrails.cedar:1:10]
     1 | @id("a") @constrain("row-100")
       :          ^^^^^^^^^^|^^^^^^^^^^
       :                    `-- asks for nothing that is written down
     2 | permit (principal, action, resource);
       `----
      help: did you mean `rows-100`?
            see docs/errors/POL-005.md
    "#
    );
}

#[test]
fn constraints_that_contradict_each_other() {
    assert_snapshot!(
        shown("@id(\"a\") @constrain(\"rows-100, many\")\npermit (principal, action, resource);"),
        @r#"
    POL-005

      x the constraints of `a` contradict each other: no value of `limit` is left that it may
      | have: at least 1000, at most 100
       ,-[guardrails.cedar:1:10]
     1 | @id("a") @constrain("rows-100, many")
       :          ^^^^^^^^^^^^^^|^^^^^^^^^^^^^
       :                        `-- no call could meet them all
     2 | permit (principal, action, resource);
       `----
      help: leave one of them out
            see docs/errors/POL-005.md
    "#
    );
}

#[test]
fn a_constraint_on_a_forbid() {
    assert_snapshot!(
        shown("@id(\"a\") @constrain(\"rows-100\")\nforbid (principal, action, resource);"),
        @r#"
    POL-005

      x `@constrain` on a forbid
       ,-[guardrails.cedar:1:10]
     1 | @id("a") @constrain("rows-100")
       :          ^^^^^^^^^^^|^^^^^^^^^^
       :                     `-- a forbid lets nothing through
     2 | forbid (principal, action, resource);
       `----
      help: put it on the permit, or write `unless { context.pep.supports.contains("redact") }`
            see docs/errors/POL-005.md
    "#
    );
}
