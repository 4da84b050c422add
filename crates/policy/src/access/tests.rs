//! What an asker says reaches policies, and only what it may say; plain Cedar agrees.

use std::{collections::BTreeMap, sync::LazyLock};

use bailiwick_model::{Deed, Entity, Json, JsonLimits, ReasonCode, Verdict, VerdictKind};
use cedar_policy::{Authorizer, Context, Decision, EntityUid, Request};
use proptest::prelude::*;

use super::*;

const NOW: i64 = 1_785_000_000_000;

fn policies(text: &str) -> AccessPolicies {
    let source = PolicySource { name: "authzen/some.cedar".to_owned(), text: text.to_owned() };
    AccessPolicies::compile(&[source]).unwrap()
}

fn members(text: &str) -> BTreeMap<String, Json> {
    let Ok(Json::Object(members)) = Json::parse(text.as_bytes(), JsonLimits::default()) else {
        panic!("{text}")
    };
    members
}

fn entity(kind: &str, id: &str, properties: &str) -> Entity {
    Entity { kind: kind.to_owned(), id: id.to_owned(), properties: members(properties) }
}

fn evaluation(subject: Entity, action: &str, resource: Entity) -> Evaluation {
    let action = Deed { name: action.to_owned(), properties: BTreeMap::new() };
    Evaluation { subject, action, resource, context: BTreeMap::new() }
}

fn ask(policies: &AccessPolicies, evaluation: &Evaluation) -> PolicyAnswer {
    policies.judge(evaluation, &[], Timestamp::from_millis(NOW))
}

fn alice() -> Entity {
    entity("user", "alice", "{}")
}

fn record(properties: &str) -> Entity {
    entity("record", "record-1", properties)
}

#[test]
fn nothing_is_permitted_without_a_policy_that_says_so() {
    let asked = evaluation(alice(), "read", record("{}"));
    for set in [
        AccessPolicies::default(),
        policies("@id(\"a\") forbid (principal, action == Action::\"write\", resource);"),
    ] {
        let Verdict::Deny(why) = ask(&set, &asked).verdict else { panic!("not denied") };
        assert_eq!(why.first().unwrap().code, ReasonCode::NoPermit);
    }
}

#[test]
fn policies_name_what_the_asker_names_and_are_named_in_the_answer() {
    let set = policies(
        r#"@id("alice-reads") permit (principal == user::"alice", action == Action::"read", resource is record);
           @id("not-archived") forbid (principal, action, resource) when { resource has status && resource.status == "archived" };"#,
    );
    let read = |properties| ask(&set, &evaluation(alice(), "read", record(properties)));
    let allowed = read("{}");
    assert_eq!(allowed.verdict.kind(), VerdictKind::Allow);
    assert_eq!(allowed.allowed_by.first().unwrap().source, "alice-reads");
    let denied = read(r#"{"status": "archived"}"#);
    assert_eq!(denied.verdict.reasons().first().unwrap().source, "not-archived");
    for other in [
        evaluation(entity("user", "bob", "{}"), "read", record("{}")),
        evaluation(entity("robot", "alice", "{}"), "read", record("{}")),
        evaluation(alice(), "write", record("{}")),
        evaluation(alice(), "read", entity("todo", "record-1", "{}")),
    ] {
        assert_eq!(ask(&set, &other).verdict.kind(), VerdictKind::Deny, "{other:?}");
    }
}

#[test]
fn properties_of_all_three_and_the_context_are_read() {
    let set = policies(
        r#"@id("all") permit (principal, action, resource) when {
             principal.role == "admin" && action.soft && resource.owner == principal.id
             && context.ip like "10.*" && context.nested.deep.contains(3) };"#,
    );
    let mut asked = evaluation(
        entity("user", "alice", r#"{"role": "admin", "id": "mallory"}"#),
        "delete",
        record(r#"{"owner": "alice"}"#),
    );
    asked.action.properties = members(r#"{"soft": true}"#);
    asked.context = members(r#"{"ip": "10.0.0.1", "nested": {"deep": [1, 3]}}"#);
    assert_eq!(ask(&set, &asked).verdict.kind(), VerdictKind::Allow);
    asked.context.remove("ip");
    let denied = ask(&set, &asked);
    assert_eq!(denied.verdict.kind(), VerdictKind::Deny);
    assert_eq!(denied.errors.first().unwrap().code, ReasonCode::PolicyError, "it is said");
}

#[test]
fn nobody_approves_for_itself_and_nobody_tells_us_the_time() {
    let set = policies(
        r#"@id("any") permit (principal, action, resource);
           @id("ask") @hold("ask a person") forbid (principal, action == Action::"pay", resource) unless { context.approval.granted };
           @id("late") forbid (principal, action == Action::"read", resource) when { context.now < datetime("2020-01-01") || context.facts.contains("freeze") };"#,
    );
    let mut asked = evaluation(alice(), "pay", record("{}"));
    asked.context =
        members(r#"{"approval": {"granted": true}, "now": "1999-01-01", "facts": ["freeze"]}"#);
    assert_eq!(ask(&set, &asked).verdict.kind(), VerdictKind::Hold);
    asked.action.name = "read".to_owned();
    assert_eq!(ask(&set, &asked).verdict.kind(), VerdictKind::Allow);
    let until = Timestamp::from_millis(NOW + 1);
    let facts = [Fact { name: "freeze".to_owned(), until }];
    let frozen = |now| set.judge(&asked, &facts, Timestamp::from_millis(now)).verdict.kind();
    assert_eq!((frozen(NOW), frozen(NOW + 1)), (VerdictKind::Deny, VerdictKind::Allow));
}

#[test]
fn a_context_that_is_taken_as_a_whole_is_shown_as_a_whole() {
    let set = policies(
        r#"@id("whole") permit (principal, action, resource) when { context == {"approval": {"granted": false}, "facts": [], "pep": {"supports": []}, "now": datetime("2026-07-25T17:20:00Z"), "ip": "x"} };"#,
    );
    let mut asked = evaluation(alice(), "read", record("{}"));
    asked.context = members(r#"{"ip": "x"}"#);
    assert_eq!(ask(&set, &asked).verdict.kind(), VerdictKind::Allow);
    asked.context = members(r#"{"ip": "x", "more": 1}"#);
    assert_eq!(ask(&set, &asked).verdict.kind(), VerdictKind::Deny);
}

#[test]
fn a_forbid_that_cannot_be_evaluated_denies() {
    let set = policies(
        r#"@id("any") permit (principal, action, resource);
           @id("rank") forbid (principal, action, resource) when { resource.rank > 3 };"#,
    );
    let ask = |properties| ask(&set, &evaluation(alice(), "read", record(properties))).verdict;
    assert_eq!(ask(r#"{"rank": 3}"#).kind(), VerdictKind::Allow);
    for properties in ["{}", r#"{"rank": "3"}"#, r#"{"rank": 0.00001}"#, r#"{"rank": null}"#] {
        assert_eq!(ask(properties).kind(), VerdictKind::Deny, "{properties}");
    }
}

#[test]
fn what_policies_cannot_name_is_denied_and_not_renamed() {
    let set = policies("@id(\"any\") permit (principal, action, resource);");
    for kind in [
        "",
        "my-type",
        "a b",
        "Action",
        "a::Action",
        "1",
        "__cedar",
        "user\"",
        "user ",
        "user//x",
        &"x".repeat(999),
    ] {
        for asked in [
            evaluation(entity(kind, "x", "{}"), "read", record("{}")),
            evaluation(alice(), "read", entity(kind, "x", "{}")),
        ] {
            let answer = ask(&set, &asked);
            assert_eq!(answer.verdict.kind(), VerdictKind::Deny, "{kind}");
            assert_eq!(answer.errors.first().unwrap().code, ReasonCode::Fault);
        }
    }
    let nested = evaluation(entity("shop::user", "x\"y\u{0}", "{}"), "", record("{}"));
    assert_eq!(ask(&set, &nested).verdict.kind(), VerdictKind::Allow);
}

#[test]
fn one_and_the_same_on_both_sides_has_one_set_of_properties() {
    let set = policies(
        r#"@id("self") permit (principal, action, resource) when { principal == resource && resource.age == 7 };"#,
    );
    let pair = |one, two| {
        ask(&set, &evaluation(entity("user", "a", one), "read", entity("user", "a", two)))
    };
    assert_eq!(pair(r#"{"age": 7}"#, "{}").verdict.kind(), VerdictKind::Allow);
    assert_eq!(pair("{}", r#"{"age": 7}"#).verdict.kind(), VerdictKind::Allow);
    assert_eq!(pair(r#"{"age": 7}"#, r#"{"age": 8}"#).verdict.kind(), VerdictKind::Deny);
}

#[test]
fn slips_are_found_before_anybody_asks() {
    let wrong = |text: &str| {
        let source = PolicySource { name: "x.cedar".to_owned(), text: text.to_owned() };
        AccessPolicies::compile(&[source]).is_err()
    };
    assert!(wrong("permit (principal, action, resource);"), "no id");
    assert!(wrong(
        "@id(\"a\") permit (principal, action, resource); @id(\"a\") permit (principal, action, resource);"
    ));
    assert!(wrong("@id(\"a\") @constrain(\"x\") permit (principal, action, resource);"));
    assert!(wrong("@id(\"a\") @hold(\"x\") forbid (principal, action, resource);"));
    assert!(wrong("@id(\"a\") permit (principal == ?principal, action, resource);"));
    assert!(!wrong("@id(\"a\") permit (principal in team::\"x\", action, resource is y::z);"));
}

/// Some policies over few names, so that their heads meet.
const MANY: &str = r#"
    @id("p1") permit (principal == user::"a", action == Action::"r", resource);
    @id("p2") permit (principal is user, action in [Action::"r", Action::"w"], resource == doc::"1");
    @id("p3") permit (principal, action, resource is doc) when { resource.n > 2 };
    @id("p4") permit (principal in user::"b", action, resource in doc::"2");
    @id("f1") forbid (principal, action == Action::"w", resource) when { principal.n == resource.n };
    @id("f2") forbid (principal is user in user::"a", action, resource) unless { context has ok };
"#;

/// Both are made once: making them takes longer than asking.
static BOTH: LazyLock<(AccessPolicies, cedar_policy::PolicySet)> =
    LazyLock::new(|| (policies(MANY), MANY.parse().unwrap()));

proptest! {
    #![proptest_config(ProptestConfig::with_cases(4096))]
    /// Law 9, for evaluations: plain Cedar over all policies says the same.
    #[test]
    fn the_index_passes_over_no_policy(
        (kind, id) in (0_usize..2, 0_usize..3), (of, on) in (0_usize..2, 0_usize..3),
        does in 0_usize..3, ok: bool, numbers in (0_i64..5, 0_i64..5),
    ) {
        let kinds = ["user", "doc"];
        let mut asked = evaluation(
            entity(kinds[kind], ["a", "b", "1"][id], &format!("{{\"n\": {}}}", numbers.0)),
            ["r", "w", "x"][does],
            entity(kinds[of], ["a", "1", "2"][on], &format!("{{\"n\": {}}}", numbers.1)),
        );
        if ok {
            asked.context = members("{\"ok\": 1}");
        }
        let same = (&asked.subject.kind, &asked.subject.id) == (&asked.resource.kind, &asked.resource.id);
        prop_assume!(!same || numbers.0 == numbers.1);
        let uid = |it: &Entity| format!("{}::\"{}\"", it.kind, it.id).parse::<EntityUid>().unwrap();
        let action: EntityUid = format!("Action::\"{}\"", asked.action.name).parse().unwrap();
        let written = |it: &Entity, n| serde_json::json!({
            "uid": {"type": it.kind, "id": it.id}, "attrs": {"n": n, "id": it.id}, "parents": [],
        });
        let mut all = vec![written(&asked.subject, numbers.0)];
        if !same {
            all.push(written(&asked.resource, numbers.1));
        }
        let entities = cedar_policy::Entities::from_json_value(serde_json::Value::Array(all), None).unwrap();
        let context = if ok { serde_json::json!({"ok": 1}) } else { serde_json::json!({}) };
        let context = Context::from_json_value(context, None).unwrap();
        let request = Request::new(uid(&asked.subject), action, uid(&asked.resource), context, None).unwrap();
        let (set, plain) = &*BOTH;
        let said = Authorizer::new().is_authorized(&request, plain, &entities);
        prop_assert!(said.diagnostics().errors().next().is_none());
        let ours = ask(set, &asked);
        let allowed = said.decision() == Decision::Allow;
        prop_assert_eq!(ours.verdict.kind() == VerdictKind::Allow, allowed);
        let because = said.diagnostics().reason().filter_map(|it| plain.annotation(it, "id"));
        let because: BTreeSet<String> = because.map(str::to_owned).collect();
        let reasons = if allowed { ours.allowed_by } else { ours.verdict.reasons() };
        let named = reasons.into_iter().filter(|it| it.code != ReasonCode::NoPermit);
        prop_assert_eq!(named.map(|it| it.source).collect::<BTreeSet<_>>(), because);
    }
}
