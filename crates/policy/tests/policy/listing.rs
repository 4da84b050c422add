//! What is shown before a call exists.

use crate::fixture::{asked, compile, compile_with};

/// Asks every line: `tool -> show` or `tool -> hide`.
#[track_caller]
fn check(policies: &str, requests: &str) {
    let policies = compile(policies);
    for row in requests.lines().map(str::trim).filter(|it| !it.is_empty()) {
        let (request, expected) = row.split_once("->").unwrap();
        let shown = policies.could_ever_allow(&asked(request).list_question());
        assert_eq!(if shown { "show" } else { "hide" }, expected.trim(), "{row}");
    }
}

#[test]
fn what_every_call_of_is_forbidden_is_hidden() {
    check(
        r#"
        @id("no-exec") forbid (principal, action in Action::"exec", resource);
        @id("no-prod") forbid (principal, action in Action::"write", resource)
            when { context.environment == "production" };
        @id("no-agents") forbid (principal in Class::"interactive-agent", action in Action::"money", resource)
            when { principal.kind == "agent" };
        @id("freeze") forbid (principal, action in Action::"delete", resource)
            when { context.facts.contains("change-freeze") };
        @id("this-template") forbid (principal, action in Action::"membership", resource)
            when { context.task.template == "ticket-triage" && context.depth == 0 };
        "#,
        "
        files__read read                                     -> show
        files__run exec                                      -> hide
        files__write write                                   -> show
        files__write write production                        -> hide
        files__pay money                                     -> hide
        files__rm delete                                     -> show
        files__rm delete fact:change-freeze@2026-12-01T00:00:00Z -> hide
        files__add membership                                -> hide
        files__add membership via:one                        -> show
        ",
    );
}

#[test]
fn what_depends_on_the_call_is_shown() {
    check(
        r#"
        @id("argument") forbid (principal, action in Action::"write", resource)
            when { context.input.path like "/etc/*" };
        @id("resource") forbid (principal, action in Action::"read", resource)
            when { resource.sensitivity_rank >= 0 };
        @id("scope") forbid (principal, action in Action::"exec", resource in Server::"files");
        @id("moment") forbid (principal, action in Action::"money", resource)
            when { context.now < datetime("2999-01-01T00:00:00Z") };
        @id("ask") @hold("ask") forbid (principal, action in Action::"egress", resource)
            unless { context.approval.granted };
        @id("trial") @mode("observe") @owner("o") @until("2026-12-01T00:00:00Z")
            forbid (principal, action in Action::"delete", resource);
        @id("ends") @expires("2026-12-01T00:00:00Z")
            forbid (principal, action in Action::"secret", resource);
        @id("broken") forbid (principal, action in Action::"membership", resource)
            when { resource.owner == "x" };
        @id("another") forbid (principal, action in Action::"credential", resource)
            when { !(Resource::"files:/a" in Server::"files") };
        "#,
        "
        files__a write      -> show
        files__a read       -> show
        files__a exec       -> show
        files__a money      -> show
        files__a egress     -> show
        files__a delete     -> show
        files__a secret     -> show
        files__a membership -> show
        files__a credential -> show
        ",
    );
}

#[test]
fn what_nothing_permits_is_hidden() {
    let policies = compile_with(
        r#"
        @id("reading") permit (principal, action in Action::"read", resource)
            when { context.input.path like "/srv/*" };
        @id("later") @mode("observe") @owner("o") @until("2026-12-01T00:00:00Z")
            permit (principal, action in Action::"write", resource);
        "#,
        false,
    );
    let shown = |request: &str| policies.could_ever_allow(&asked(request).list_question());
    assert!(shown("files__a read"));
    assert!(shown("files__a write"), "it will be enforced one day");
    assert!(!shown("files__a delete"));
}
