//! What is found is what evaluation permits, and what is known counts wherever nothing else is said.

use std::collections::BTreeMap;

use bailiwick_model::{Deed, EntityName, Json, JsonLimits, Timestamp, VerdictKind};
use proptest::prelude::*;

use super::*;
use crate::{Declared, PolicySource};

fn members(text: &str) -> BTreeMap<String, Json> {
    let Ok(Json::Object(members)) = Json::parse(text.as_bytes(), JsonLimits::default()) else {
        panic!("{text}")
    };
    members
}

fn entity(kind: &str, id: &str, properties: &str) -> Entity {
    Entity { kind: kind.to_owned(), id: id.to_owned(), properties: members(properties) }
}

fn declared(kind: &str, id: &str, properties: &str, parents: &[&str]) -> Declared {
    let parent = |it: &&str| EntityName { kind: "group".to_owned(), id: (*it).to_owned() };
    let parents = parents.iter().map(parent).collect();
    Declared { entity: entity(kind, id, properties), parents }
}

fn policies(text: &str, known: &[Declared]) -> AccessPolicies {
    let source = PolicySource { name: "authzen/some.cedar".to_owned(), text: text.to_owned() };
    let inventory = Inventory::new(known, []).unwrap();
    AccessPolicies::compile(&[source]).unwrap().knowing(inventory)
}

fn question(subject: Entity, action: &str, resource: Entity) -> Evaluation {
    let action = Deed { name: action.to_owned(), properties: BTreeMap::new() };
    Evaluation { subject, action, resource, context: BTreeMap::new() }
}

fn permits(set: &AccessPolicies, asked: &Evaluation) -> bool {
    let answer = set.judge(asked, &[], Timestamp::from_millis(1_785_000_000_000));
    answer.verdict.kind() == VerdictKind::Allow
}

fn put(sought: Sought, name: &str, open: &Evaluation) -> Evaluation {
    let mut asked = open.clone();
    match sought {
        Sought::Subject => name.clone_into(&mut asked.subject.id),
        Sought::Resource => name.clone_into(&mut asked.resource.id),
        Sought::Action => name.clone_into(&mut asked.action.name),
    }
    asked
}

/// Gives what is found, as a search finds it.
fn found(set: &AccessPolicies, sought: Sought, open: &Evaluation) -> Vec<String> {
    let candidates = set.candidates(sought, open);
    candidates.iter().filter(|it| permits(set, &put(sought, it, open))).map(str::to_owned).collect()
}

#[test]
fn what_is_known_counts_where_the_asker_says_nothing_else() {
    let set = policies(
        r#"@id("own") permit (principal, action == Action::"edit", resource is record)
           when { resource.owner == principal.id && principal.role == "clerk" };"#,
        &[
            declared("user", "alice", r#"{"role": "clerk"}"#, &[]),
            declared("record", "1", r#"{"owner": "alice"}"#, &[]),
        ],
    );
    let ask = |said: &str, of: &str| {
        permits(&set, &question(entity("user", "alice", said), "edit", entity("record", "1", of)))
    };
    assert!(ask("{}", "{}"));
    assert!(ask(r#"{"role": null, "more": 1}"#, "{}"), "null is as good as left out");
    assert!(!ask(r#"{"role": "guest"}"#, "{}"), "what is said is laid over what is known");
    assert!(!ask("{}", r#"{"owner": "bob"}"#));
    assert!(!ask(r#"{"id": "bob"}"#, r#"{"owner": "bob"}"#), "an id is what it is named by");
}

#[test]
fn groups_count_however_far_above_they_are() {
    let set = policies(
        r#"@id("staff") permit (principal in group::"staff", action == Action::"read", resource is doc);"#,
        &[
            declared("user", "alice", "{}", &["platform"]),
            declared("user", "bob", "{}", &[]),
            declared("group", "platform", "{}", &["staff"]),
            declared("group", "staff", "{}", &[]),
            declared("doc", "1", "{}", &[]),
        ],
    );
    let ask = |id| question(entity("user", id, "{}"), "read", entity("doc", "1", "{}"));
    assert!(permits(&set, &ask("alice")) && !permits(&set, &ask("bob")));
    let looked_at: Vec<&str> = set.candidates(Sought::Subject, &ask("")).iter().collect();
    assert_eq!(looked_at, ["alice"], "nobody else is looked at");
    let groups = question(entity("group", "", "{}"), "read", entity("doc", "1", "{}"));
    assert_eq!(found(&set, Sought::Subject, &groups), ["platform", "staff"]);
}

#[test]
fn nothing_is_found_of_what_nobody_knows() {
    let set = policies(
        r#"@id("any") permit (principal, action, resource);
           @id("read") permit (principal is user, action == Action::"read", resource is doc);"#,
        &[declared("user", "alice", "{}", &[]), declared("group", "g", "{}", &[])],
    );
    let (user, doc) = (|id| entity("user", id, "{}"), |id| entity("doc", id, "{}"));
    let subjects = |action, of| found(&set, Sought::Subject, &question(user(""), action, of));
    // No `doc` is declared, so that any is as good as another.
    assert_eq!(subjects("read", doc("whatever")), ["alice"]);
    assert_eq!(subjects("fly", doc("1")), <[&str; 0]>::default(), "no policy names it");
    assert_eq!(subjects("read", entity("spaceship", "1", "{}")), <[&str; 0]>::default());
    assert_eq!(subjects("read", entity("group", "x", "{}")), <[&str; 0]>::default());
    assert_eq!(subjects("read", entity("group", "g", "{}")), ["alice"]);
    let actions = |who| found(&set, Sought::Action, &question(user(who), "", doc("1")));
    assert_eq!(actions("alice"), ["read"]);
    assert_eq!(actions("nobody"), <[&str; 0]>::default());
    let resources = question(user("alice"), "read", doc(""));
    assert_eq!(found(&set, Sought::Resource, &resources), <[&str; 0]>::default());
}

#[test]
fn identities_are_what_their_charters_say() {
    let text = r#"@id("agents") permit (principal is identity, action == Action::"read", resource is doc)
                  when { principal.class == "interactive-agent" && principal.owner == "team-a" };"#;
    let source = PolicySource { name: "x.cedar".to_owned(), text: text.to_owned() };
    let charter = |id: &str, owner: &str| bailiwick_model::Charter {
        identity: id.parse().unwrap(),
        kind: bailiwick_model::IdentityKind::Agent,
        class: "interactive-agent".parse().unwrap(),
        owner: owner.to_owned(),
        purpose: "any".to_owned(),
        proof: Vec::new(),
        templates: BTreeSet::new(),
        servers: BTreeSet::new(),
        targets: BTreeSet::new(),
        delegates_to: BTreeSet::new(),
    };
    let (ours, theirs) = (charter("ann", "team-a"), charter("ben", "team-b"));
    let inventory = Inventory::new(&[], [&ours, &theirs]).unwrap();
    let set = AccessPolicies::compile(&[source]).unwrap().knowing(inventory);
    let open = question(entity("identity", "", "{}"), "read", entity("doc", "1", "{}"));
    assert_eq!(found(&set, Sought::Subject, &open), ["ann"]);
    let told = entity("identity", "ben", r#"{"owner": "team-a"}"#);
    assert!(!permits(&set, &question(told, "read", entity("doc", "1", "{}"))), "we know better");
}

#[test]
fn the_version_is_of_what_is_known_too() {
    let text = r#"@id("a") permit (principal, action, resource);"#;
    let (none, one) = (policies(text, &[]), policies(text, &[declared("user", "a", "{}", &[])]));
    let other = policies(text, &[declared("user", "b", "{}", &[])]);
    assert_ne!(none.version(), one.version());
    assert_ne!(one.version(), other.version());
}

/// Some policies over few names, so that their heads meet.
const MANY: &str = r#"
    @id("p1") permit (principal == user::"a", action == Action::"r", resource);
    @id("p2") permit (principal is user, action in [Action::"r", Action::"w"], resource == doc::"1");
    @id("p3") permit (principal, action, resource is doc) when { resource.n > 2 };
    @id("p4") permit (principal in group::"g", action == Action::"w", resource in group::"h");
    @id("p5") permit (principal is doc in group::"h", action == Action::"x", resource) unless { context has ok };
    @id("p6") permit (principal == group::"g", action, resource == user::"b");
    @id("f1") forbid (principal, action == Action::"w", resource) when { principal.n == resource.n };
    @id("f2") forbid (principal is user in group::"h", action, resource) unless { context has ok };
    @id("f3") @hold("ask") forbid (principal == user::"c", action, resource) unless { context.approval.granted };
"#;

fn inventory() -> impl Strategy<Value = Vec<Declared>> {
    let members = prop::collection::vec(prop::option::of((0_i64..5, 0_usize..4)), 9);
    members.prop_map(|members| {
        let groups = [&[][..], &["g"], &["h"], &["i"]];
        let names = ["user", "doc", "robot"];
        let mut all = vec![
            declared("group", "g", "{}", &[]),
            declared("group", "h", "{}", &[]),
            declared("group", "i", "{}", &["g", "h"]),
        ];
        let kinds = names.into_iter().flat_map(|kind| ["a", "b", "1"].map(|id| (kind, id)));
        for ((kind, id), known) in kinds.zip(members) {
            if let Some((number, group)) = known {
                all.push(declared(kind, id, &format!("{{\"n\": {number}}}"), groups[group]));
            }
        }
        all
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 512, ..ProptestConfig::default() })]

    /// A search finds what evaluation permits of all that is known, no more and no less.
    #[test]
    fn a_search_is_evaluation_over_all_that_is_known(
        known in inventory(),
        sought in prop::sample::select(&Sought::ALL[..]),
        (who, whom) in (0_usize..4, 0_usize..4), (one, other) in (0_usize..4, 0_usize..4),
        does in 0_usize..3, ok: bool, said in prop::option::of(0_i64..5),
    ) {
        let set = policies(MANY, &known);
        let kinds = ["user", "doc", "robot", "group"];
        let ids = ["a", "b", "1", "g"];
        let said = said.map_or_else(|| "{}".to_owned(), |it| format!("{{\"n\": {it}}}"));
        let mut open = question(
            entity(kinds[who], ids[one], &said),
            ["r", "w", "x"][does],
            entity(kinds[whom], ids[other], "{}"),
        );
        if ok {
            open.context = members("{\"ok\": 1}");
        }
        let is_known = |it: &Entity| {
            let of_type: Vec<_> = known.iter().filter(|d| d.entity.kind == it.kind).collect();
            let named = ["user", "doc", "group"].contains(&it.kind.as_str());
            if of_type.is_empty() { named } else { of_type.iter().any(|d| d.entity.id == it.id) }
        };
        let known_there = match sought {
            Sought::Subject => is_known(&open.resource),
            Sought::Resource => is_known(&open.subject),
            Sought::Action => is_known(&open.subject) && is_known(&open.resource),
        };
        let of_type = |kind: &str| -> Vec<String> {
            let of_type = known.iter().filter(|it| it.entity.kind == kind);
            of_type.map(|it| it.entity.id.clone()).collect()
        };
        let mut all = match sought {
            Sought::Subject => of_type(&open.subject.kind),
            Sought::Resource => of_type(&open.resource.kind),
            Sought::Action => ["r", "w", "x"].map(str::to_owned).to_vec(),
        };
        all.sort();
        all.retain(|it| known_there && permits(&set, &put(sought, it, &open)));
        prop_assert_eq!(found(&set, sought, &open), all);
    }
}
