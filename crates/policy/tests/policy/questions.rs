//! Policies for enforcement points elsewhere, held against what is declared of their questions.

use std::collections::{BTreeMap, BTreeSet};

use bailiwick_model::{Deed, Entity, Evaluation, Json};
use bailiwick_policy::{
    AccessPolicies, IdentityType, PolicyError, PolicySource, Property, PropertyKind,
    QuestionAction, QuestionSchema, QuestionType, Questions,
};
use insta::assert_snapshot;
use miette::{GraphicalReportHandler, GraphicalTheme};

fn set(names: &[&str]) -> BTreeSet<String> {
    names.iter().map(|it| (*it).to_owned()).collect()
}

fn properties(all: &[(&str, PropertyKind, bool)]) -> BTreeMap<String, Property> {
    let one = |(name, kind, optional): &(&str, PropertyKind, bool)| {
        ((*name).to_owned(), Property { kind: *kind, optional: *optional })
    };
    all.iter().map(one).collect()
}

fn questions() -> Questions {
    let owned = [("owner", PropertyKind::Text, false), ("note", PropertyKind::Text, true)];
    let role = [("role", PropertyKind::Text, false), ("level", PropertyKind::Whole, true)];
    let of = |within: &[&str], all: &[_]| QuestionType {
        within: set(within),
        properties: properties(all),
    };
    let action = |subjects: &[&str], resources: &[&str]| QuestionAction {
        subjects: set(subjects),
        resources: set(resources),
        context: properties(&[("ip", PropertyKind::Text, true)]),
    };
    Questions {
        types: BTreeMap::from([
            ("user".to_owned(), of(&["group"], &role)),
            ("group".to_owned(), of(&[], &[])),
            ("record".to_owned(), of(&[], &owned)),
            ("shop::order".to_owned(), of(&[], &owned[..1])),
        ]),
        actions: BTreeMap::from([
            ("read".to_owned(), action(&["user", "identity"], &["record", "shop::order"])),
            ("write".to_owned(), action(&["user"], &["record"])),
        ]),
    }
}

fn schema() -> QuestionSchema {
    QuestionSchema::of(&questions(), &IdentityType::default()).unwrap().unwrap()
}

fn misfits(text: &str) -> Vec<PolicyError> {
    let source = PolicySource { name: "authzen/shop.cedar".to_owned(), text: text.to_owned() };
    schema().misfits(&[source])
}

fn shown(text: &str) -> String {
    let handler = GraphicalReportHandler::new_themed(GraphicalTheme::none()).with_width(96);
    let mut out = String::new();
    for error in misfits(text) {
        handler.render_report(&mut out, &error).unwrap();
    }
    out
}

fn permit(head: &str, when: &str) -> String {
    format!("@id(\"a\")\npermit ({head})\nwhen {{ {when} }};\n")
}

const READ: &str = "principal, action == Action::\"read\", resource";
const WRITE: &str = "principal, action == Action::\"write\", resource";

#[test]
fn a_property_that_is_never_there_or_not_always() {
    assert_snapshot!(shown(&permit(WRITE, "resource.ownr == principal.id")), @r#"
    POL-018

      x no call that this meets has `resource.ownr`
       ,-[authzen/shop.cedar:3:17]
     2 | permit (principal, action == Action::"write", resource)
     3 | when { resource.ownr == principal.id };
       :                 ^^|^
       :                   `-- never there
       `----
      help: did you mean `owner`?
            see docs/errors/POL-018.md
    "#);
    assert_snapshot!(shown(&permit(READ, "resource has note && principal.role == \"x\" && context.ip == \"1\"")), @r#"
    POL-017

      x not every call that this meets has `principal.role`
       ,-[authzen/shop.cedar:3:39]
     2 | permit (principal, action == Action::"read", resource)
     3 | when { resource has note && principal.role == "x" && context.ip == "1" };
       :                                       ^^|^
       :                                         `-- not there in `read of record`
       `----
      help: ask first: `principal has role && …`; what is read and not there is an error, and an
            erring forbid denies
            see docs/errors/POL-017.md
    POL-017

      x not every call that this meets has `context.ip`
       ,-[authzen/shop.cedar:3:62]
     2 | permit (principal, action == Action::"read", resource)
     3 | when { resource has note && principal.role == "x" && context.ip == "1" };
       :                                                              ^|
       :                                                               `-- may be left out in `read of record`
       `----
      help: ask first: `context has ip && …`; what is read and not there is an error, and an
            erring forbid denies
            see docs/errors/POL-017.md
    "#);
}

#[test]
fn a_property_of_another_type() {
    assert_snapshot!(shown(&permit(WRITE, "resource.owner > 5")), @r#"
    POL-019

      x `resource.owner` is a text, and a whole number is wanted here
       ,-[authzen/shop.cedar:3:8]
     2 | permit (principal, action == Action::"write", resource)
     3 | when { resource.owner > 5 };
       :        ^^^^^^^|^^^^^^
       :               `-- a text in `write of record`
       `----
      help: ask a text with `==` and `like`
            see docs/errors/POL-019.md
    "#);
}

#[test]
fn a_type_or_an_action_that_nobody_declares() {
    assert_snapshot!(
        shown(&permit("principal is usr, action in [Action::\"raed\", Action::\"approve\"], resource", "true")),
        @r#"
    POL-101

      ! nobody declares the type `usr`
       ,-[authzen/shop.cedar:2:22]
     1 | @id("a")
     2 | permit (principal is usr, action in [Action::"raed", Action::"approve"], resource)
       :                      ^|^
       :                       `-- nothing that is known is called this
     3 | when { true };
       `----
      help: did you mean `user`?
            see docs/errors/POL-101.md
    POL-022

      x nobody declares the action `raed`
       ,-[authzen/shop.cedar:2:38]
     1 | @id("a")
     2 | permit (principal is usr, action in [Action::"raed", Action::"approve"], resource)
       :                                      ^^^^^^^|^^^^^^
       :                                             `-- nothing is called this
     3 | when { true };
       `----
      help: did you mean `read`?
            see docs/errors/POL-022.md
    POL-101

      ! nobody declares the action `approve`
       ,-[authzen/shop.cedar:2:54]
     1 | @id("a")
     2 | permit (principal is usr, action in [Action::"raed", Action::"approve"], resource)
       :                                                      ^^^^^^^^|^^^^^^^^
       :                                                              `-- nothing that is known is called this
     3 | when { true };
       `----
      help: this policy is held against nothing: declare it, too, or leave it so
            see docs/errors/POL-101.md
    "#
    );
}

#[test]
fn what_fits_is_nothing_to_tell() {
    for (head, when) in [
        (READ, "resource.owner == principal.id"),
        (READ, "principal is user && principal.role == \"admin\""),
        ("principal in group::\"admins\", action, resource", "resource.owner != \"\""),
        ("principal is identity, action, resource is shop::order", "principal.class == \"ci\""),
        (WRITE, "principal has level && principal.level > 2 && context.facts.contains(\"x\")"),
        (WRITE, "context.approval.granted && context.now > datetime(\"2026-01-01T00:00:00Z\")"),
        // What is said of an action has no types.
        (WRITE, "action.anything == 5"),
    ] {
        assert_eq!(shown(&permit(head, when)), "", "{head} {when}");
    }
    // What is no Cedar is told by whoever compiles it.
    assert_eq!(shown("permit ("), "");
}

#[test]
fn where_nothing_is_declared_there_is_no_schema() {
    let none = QuestionSchema::of(&Questions::default(), &IdentityType::default()).unwrap();
    assert!(none.is_none());
}

#[test]
fn what_fits_can_be_evaluated_in_a_question_that_is_as_declared() {
    let text = |it: &str| Json::Text(it.to_owned());
    let said = |all: &[(&str, Json)]| {
        all.iter().map(|(name, it)| ((*name).to_owned(), it.clone())).collect()
    };
    let entity = |kind: &str, all: &[(&str, Json)]| Entity {
        kind: kind.to_owned(),
        id: "1".to_owned(),
        properties: said(all),
    };
    let question = |resource: Entity| Evaluation {
        subject: entity("user", &[("role", text("admin"))]),
        action: Deed { name: "read".to_owned(), properties: BTreeMap::new() },
        resource,
        context: BTreeMap::new(),
    };
    let questions = [
        question(entity("record", &[("owner", text("1"))])),
        question(entity("record", &[("owner", text("2")), ("note", text("x"))])),
        question(entity("shop::order", &[("owner", text("1"))])),
    ];
    let mut fitting = 0;
    for when in [
        "resource.owner == principal.id",
        "resource.note == \"x\"",
        "resource has note && resource.note == \"x\"",
        "resource is record && resource has note && resource.note like \"x*\"",
        "principal is user && principal.role == \"admin\"",
        "principal.role == \"admin\"",
        "principal has level && principal.level > \"2\"",
        "context has ip && context.ip like \"10.*\"",
        "context.ip like \"10.*\"",
        "resource.owner.contains(\"1\")",
    ] {
        let written = permit(READ, when);
        if !misfits(&written).is_empty() {
            continue;
        }
        fitting += 1;
        let source = PolicySource { name: "a.cedar".to_owned(), text: written };
        let policies = AccessPolicies::compile(&[source]).unwrap();
        for question in &questions {
            let now = "2026-11-26T10:00:00Z".parse().unwrap();
            let answer = policies.judge(question, &[], now);
            assert!(answer.errors.is_empty(), "{when}: {:?}", answer.errors);
        }
    }
    assert_eq!(fitting, 5, "and what may err does not fit");
}
