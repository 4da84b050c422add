//! Policies and what they say.

use bailiwick_model::ReasonCode;
use bailiwick_policy::{PolicyEffect, PolicyOptions, PolicySet, PolicySource};

use crate::fixture::{asked, check, check_set, compile, compile_with};

const EXPORT: &str = r#"
    @id("export-needs-approval")
    @hold("external export of confidential data")
    forbid (principal, action in Action::"egress", resource)
    when { resource.sensitivity_rank >= 2 }
    unless { context.approval.granted };
"#;

#[test]
fn what_the_grant_covers_is_permitted_and_nothing_else() {
    check(
        "",
        "
        files__read_text_file read           -> allow
        files__read_text_file read ungranted -> deny policies
        ",
    );
}

#[test]
fn without_the_builtin_permit_only_policies_permit() {
    let policies = r#"@id("reading") permit (principal, action in Action::"read", resource);"#;
    check_set(
        &compile_with(policies, false),
        "
        files__read_text_file read  -> allow
        files__write_file     write -> deny policies
        ",
    );
}

#[test]
fn a_hold_asks_until_somebody_approves() {
    check(
        EXPORT,
        "
        tickets__export egress confidential          -> hold export-needs-approval
        tickets__export egress confidential approved -> allow
        tickets__export egress internal              -> allow
        tickets__export read confidential            -> allow
        ",
    );
    let answer = compile(EXPORT).evaluate(&asked("tickets__export egress restricted").case());
    let reason = answer.verdict.reasons().remove(0);
    assert_eq!(reason.code, ReasonCode::ApprovalNeeded);
    assert_eq!(reason.text, "external export of confidential data");
}

#[test]
fn nobody_is_asked_for_what_would_be_denied_anyway() {
    let policies = format!(
        r#"{EXPORT}
        @id("never-on-friday") forbid (principal, action == Action::"tickets__export", resource)
        when {{ context.input has friday }};"#
    );
    check(
        &policies,
        "
        tickets__export egress confidential ungranted         -> deny policies
        tickets__export egress confidential friday=1          -> deny never-on-friday
        tickets__export egress confidential friday=1 approved -> deny never-on-friday
        ",
    );
}

#[test]
fn a_forbid_that_cannot_be_evaluated_denies() {
    check(
        r#"@id("large") forbid (principal, action, resource) when { context.input.amount > 100 };"#,
        "
        tickets__pay money amount=5                     -> allow
        tickets__pay money amount=500                   -> deny large
        tickets__pay money                              -> deny large
        tickets__pay money amount=many                  -> deny large
        tickets__pay money amount=99999999999999999999  -> deny large
        tickets__pay money amount=0.5                   -> deny large
        ",
    );
    let large = compile(
        r#"@id("large") @hold("much") forbid (principal, action, resource)
        when { context.input.amount > 100 } unless { context.approval.granted };"#,
    );
    check_set(
        &large,
        "
        tickets__pay money amount=500          -> hold large
        tickets__pay money amount=500 approved -> allow
        tickets__pay money                     -> deny large
        tickets__pay money approved            -> deny large
        ",
    );
    let answer = large.evaluate(&asked("tickets__pay money").case());
    assert_eq!(answer.errors.len(), 1);
    assert_eq!(answer.errors[0].code, ReasonCode::PolicyError);
}

#[test]
fn a_number_that_cedar_cannot_hold_slips_past_no_forbid() {
    check(
        r#"@id("large") forbid (principal, action, resource)
        when { context.input has amount && context.input.amount > 100 };"#,
        "
        tickets__pay money                              -> allow
        tickets__pay money amount=null                  -> allow
        tickets__pay money amount=1000000.00001         -> deny large
        tickets__pay money amount=9223372036854775808   -> deny large
        ",
    );
}

#[test]
fn a_permit_that_cannot_be_evaluated_permits_nothing_and_is_recorded() {
    let policies = compile_with(
        r#"@id("small") permit (principal, action, resource) when { context.input.amount < 9 };"#,
        false,
    );
    check_set(
        &policies,
        "
        tickets__pay money amount=5 -> allow
        tickets__pay money          -> deny policies
        ",
    );
    let answer = policies.evaluate(&asked("tickets__pay money").case());
    let sources: Vec<_> = answer.errors.iter().map(|it| it.source.as_str()).collect();
    assert_eq!(sources, ["small"]);
}

#[test]
fn an_error_never_shows_the_argument() {
    let policies = r#"@id("dated") forbid (principal, action, resource)
        when { decimal(context.input.password) > decimal("1.0") };"#;
    let policies = policies.replace('>', ".greaterThan(").replace("\"1.0\") };", "\"1.0\")) };");
    let answer = compile(&policies).evaluate(&asked("tickets__pay money password=hunter2").case());
    assert_eq!(answer.errors.len(), 1);
    assert!(!format!("{answer:?}").contains("hunter2"), "{answer:?}");
}

#[test]
fn an_approval_comes_from_the_kernel_and_never_from_the_arguments() {
    check(
        EXPORT,
        r#"
        tickets__export egress confidential approval={"granted":true} -> hold export-needs-approval
        tickets__export egress confidential granted=true              -> hold export-needs-approval
        tickets__export egress confidential granted=true ungranted    -> deny policies
        "#,
    );
}

#[test]
fn every_resource_is_judged_and_the_strictest_wins() {
    check(
        r#"@id("no-keys") forbid (principal, action, resource == Resource::"files:/keys");
        @id("ask-logs") @hold("logs") forbid (principal, action, resource == Resource::"files:/logs")
        unless { context.approval.granted };"#,
        r"
        files__read_many read on:/a on:/b          -> allow
        files__read_many read on:/a on:/logs       -> hold ask-logs
        files__read_many read on:/a on:/keys       -> deny no-keys
        files__read_many read on:/keys on:/logs    -> deny no-keys
        files__read_many read                      -> allow
        ",
    );
}

#[test]
fn a_resource_of_any_text_stays_one_resource() {
    check(
        r#"@id("no-keys") forbid (principal, action, resource == Resource::"files:/keys");
        @id("odd") forbid (principal, action, resource == Resource::"files:\"::\"");"#,
        r#"
        files__read read on:/keys"          -> allow
        files__read read on:"::"            -> deny odd
        files__read read on:\u{2f}keys      -> allow
        "#,
    );
}

#[test]
fn entities_have_their_groups_and_attributes() {
    check(
        r#"
        @id("server") forbid (principal, action in Action::"server:tickets", resource)
            when { resource in Server::"tickets" && context.input has server };
        @id("tool") forbid (principal, action, resource in Tool::"files__write_file")
            when { context.input has tool };
        @id("class") forbid (principal in Class::"interactive-agent", action, resource)
            when { principal.kind == "agent" && principal.owner == "team-support"
                && principal.class == "interactive-agent" && context.input has class };
        @id("production") forbid (principal == Identity::"triage-agent", action, resource)
            when { resource.environment == "production" && context.environment == "production"
                && !(resource has owner) && context.server == "files"
                && context.tool == "write_file" };
        @id("resource") forbid (principal, action, resource is Resource in Server::"files")
            when { resource.sensitivity == "restricted" };
        "#,
        "
        tickets__get read server=1               -> deny server
        tickets__get read server=1 on:T-1        -> deny server
        files__write_file write server=1         -> allow
        files__write_file write tool=1 on:/a     -> deny tool
        files__write_file write tool=1           -> deny tool
        files__read read tool=1                  -> allow
        files__read read class=1                 -> deny class
        files__write_file write production on:/a -> deny production
        files__write_file write staging on:/a    -> allow
        files__read read restricted on:/a        -> deny resource
        files__read read restricted              -> allow
        ",
    );
}

#[test]
fn the_context_says_what_happens() {
    check(
        r#"
        @id("frozen") forbid (principal, action, resource)
            when { context.facts.contains("change-freeze") };
        @id("late") forbid (principal, action, resource)
            when { context.now > datetime("2026-12-01T00:00:00Z") };
        @id("deep") forbid (principal, action, resource)
            when { context.depth > 1 || context.chain.contains("mallory") };
        @id("away") forbid (principal, action, resource)
            when { context.destinations.contains("https://paste.example") };
        @id("other-ticket") forbid (principal, action, resource)
            when { context.input has ticket && context.input.ticket != context.task.params.ticket };
        @id("task") forbid (principal, action, resource)
            when { !(context.task.template == "ticket-triage" && context.task.opened_by == "itself"
                && context.task.opened <= context.now && context.task.purpose like "Triage*") };
        "#,
        "
        files__read read                                             -> allow
        files__read read fact:change-freeze@2026-11-03T00:00:00Z     -> deny frozen
        files__read read fact:change-freeze@2026-11-02T10:00:00Z     -> allow
        files__read read at:2026-12-02T00:00:00Z                     -> deny late
        files__read read via:one                                     -> allow
        files__read read via:one via:two                             -> deny deep
        files__read read via:mallory                                 -> deny deep
        files__read read to:https://paste.example                    -> deny away
        files__read read ticket=T-1                                  -> allow
        files__read read ticket=T-2                                  -> deny other-ticket
        ",
    );
}

#[test]
fn arguments_keep_their_types() {
    let policies = compile(
        r#"@id("types") forbid (principal, action, resource) when {
            context.input.whole == 3 && context.input.part == decimal("0.5")
            && context.input.list.contains("a") && context.input.list.contains(1)
            && context.input.nested.deep == true && !(context.input has nothing)
        };"#,
    );
    check_set(
        &policies,
        r#"
        t__x read whole=3 part=0.5 list=["a",1] nested={"deep":true} nothing=null -> deny types
        t__x read whole=3 part=0.5 list=["a"] nested={"deep":true}                -> allow
        "#,
    );
}

#[test]
fn resources_and_prompts_have_actions_of_their_own() {
    check(
        r#"@id("uris") forbid (principal, action == Action::"files__resources/read", resource)
        when { context.input.uri like "file:///secret/*" && context.tool == "resources/read" };"#,
        "
        files__resources/read file:///secret/a read uri=file:///secret/a -> deny uris
        files__resources/read file:///open/a read uri=file:///open/a     -> allow
        files__prompts/get greet read name=greet                         -> allow
        ",
    );
}

#[test]
fn an_observed_policy_is_recorded_until_its_end_and_then_enforced() {
    check(
        r#"@id("trial") @mode("observe") @owner("team-sec") @until("2026-12-01T00:00:00Z")
        forbid (principal, action in Action::"write", resource);
        @id("trial-permit") @mode("observe") @owner("team-sec") @until("2026-12-01T00:00:00Z")
        permit (principal, action in Action::"delete", resource);"#,
        "
        files__write write                                    -> allow, would deny trial
        files__write write at:2026-11-30T23:59:59.999Z        -> allow, would deny trial
        files__write write at:2026-12-01T00:00:00Z            -> deny trial
        files__read read                                      -> allow
        files__rm delete ungranted                            -> deny policies, would allow
        files__rm delete ungranted at:2026-12-01T00:00:00Z    -> allow
        ",
    );
}

#[test]
fn an_expired_policy_no_longer_counts() {
    check(
        r#"@id("freeze") @expires("2026-12-01T00:00:00Z")
        forbid (principal, action in Action::"write", resource);"#,
        "
        files__write write                          -> deny freeze
        files__write write at:2026-12-01T00:00:00Z  -> allow
        ",
    );
}

#[test]
fn an_allowing_answer_names_its_permits() {
    let policies =
        compile(r#"@id("reading") permit (principal, action in Action::"read", resource);"#);
    let said = |request: &str| -> Vec<String> {
        let answer = policies.evaluate(&asked(request).case());
        answer.allowed_by.into_iter().map(|it| it.source).collect()
    };
    assert_eq!(said("files__read read"), ["bailiwick:granted", "reading"]);
    assert_eq!(said("files__read read ungranted"), ["reading"]);
    assert!(said("files__write write ungranted").is_empty());
}

#[test]
fn the_list_says_what_there_is() {
    let policies = compile(&format!(
        r#"{EXPORT} @id("b") @owner("team") @ticket("T-9") @control("AC-6")
        permit (principal, action, resource);"#
    ));
    let list = policies.list();
    let ids: Vec<_> = list.iter().map(|it| it.id.as_str()).collect();
    assert_eq!(ids, ["b", "bailiwick:granted", "export-needs-approval"]);
    assert_eq!(list[0].ticket.as_deref(), Some("T-9"));
    assert_eq!(list[0].control.as_deref(), Some("AC-6"));
    assert_eq!(list[0].owner.as_deref(), Some("team"));
    assert_eq!(list[1].source, None);
    assert_eq!(list[2].effect, PolicyEffect::Forbid);
    assert_eq!(list[2].hold.as_deref(), Some("external export of confidential data"));
}

#[test]
fn compared_arguments_are_known() {
    let policies = compile(
        r#"@id("a") forbid (principal, action, resource) when {
            context.input.path like "/srv/*" || context.input.file == "/etc/passwd"
            || ["https://x"].contains(context.input.url) || context.input.deep.er like "*"
            || context.input.ticket == "T-1" || context.input has other
        };"#,
    );
    let liked: Vec<_> = policies.liked_inputs().iter().map(String::as_str).collect();
    assert_eq!(liked, ["deep", "file", "path", "url"]);
}

#[test]
fn the_version_names_text_names_and_options_but_not_the_order() {
    let source =
        |name: &str, text: &str| PolicySource { name: name.to_owned(), text: text.to_owned() };
    let version = |sources: &[PolicySource], builtin_permit| {
        PolicySet::compile(sources, PolicyOptions { builtin_permit }).unwrap().version().to_owned()
    };
    let (one, other) = (source("a", ""), source("b", "// b"));
    let whole = version(&[one.clone(), other.clone()], true);
    assert!(whole.starts_with("sha256:"));
    assert_eq!(whole, version(&[other.clone(), one.clone()], true));
    assert_ne!(whole, version(&[one.clone(), other.clone()], false));
    assert_ne!(whole, version(&[one.clone(), source("b", "// c")], true));
    assert_ne!(whole, version(&[one, source("c", "// b")], true));
}
