//! Of our own identities charters say what there is, whatever an enforcement point elsewhere says.
#![expect(clippy::unwrap_used, reason = "what is broken in a test should stop it")]

use std::{collections::BTreeMap, sync::Arc};

use bailiwick_kernel::{Evaluated, Snapshot, evaluate, world};
use bailiwick_model::{
    Deed, Entity, Evaluation, Fact, Json, ReasonCode, Subject, Timestamp, VerdictKind,
};
use bailiwick_policy::{AccessPolicies, IdentityType, Inventory, PolicySource};
use bailiwick_testkit::{World, build};

/// Everything is permitted to whoever is said to be a team's.
const OPEN: &str = r#"@id("open") permit (principal, action, resource)
                      when { principal.owner == "team" || resource.owner == "team" };"#;

/// A world in which `ann` is registered, and identities are called `ours`.
fn snapshot(ours: &str) -> Snapshot {
    let world = World { charters: vec![build::charter("ann")], ..World::default() };
    let source = PolicySource { name: "authzen/open.cedar".to_owned(), text: OPEN.to_owned() };
    let inventory = Inventory::calling(ours.parse().unwrap(), &[], &world.charters).unwrap();
    let access = AccessPolicies::compile(&[source]).unwrap().knowing(inventory);
    Snapshot { access: Arc::new(access), ..world.snapshot() }
}

fn entity(kind: &str, id: &str) -> Entity {
    let owner = ("owner".to_owned(), Json::Text("team".to_owned()));
    Entity { kind: kind.to_owned(), id: id.to_owned(), properties: [owner].into() }
}

fn ask(snapshot: &Snapshot, subject: Entity, resource: Entity) -> Evaluated {
    let action = Deed { name: "use".to_owned(), properties: BTreeMap::new() };
    let asked = Evaluation { subject, action, resource, context: BTreeMap::new() };
    evaluate(snapshot, &asked, Timestamp::from_millis(1_785_000_000_000))
}

fn codes(evaluated: &Evaluated) -> Vec<ReasonCode> {
    evaluated.reasons.iter().map(|it| it.code).collect()
}

#[test]
fn whoever_has_no_charter_may_nothing_whatever_is_said_of_it() {
    let snapshot = snapshot("identity");
    let model = || entity("model", "m");
    assert_eq!(ask(&snapshot, entity("identity", "ann"), model()).verdict, VerdictKind::Allow);
    for (kind, id) in [
        ("identity", "ben"),
        ("Identity", "ben"),
        ("IDENTITY", "ann"),
        ("identity", "no id at all"),
    ] {
        let named = || entity(kind, id);
        for (who, whom) in [(named(), model()), (model(), named()), (named(), named())] {
            let evaluated = ask(&snapshot, who, whom);
            assert_eq!(evaluated.verdict, VerdictKind::Deny, "{kind} {id}");
            assert_eq!(codes(&evaluated), [ReasonCode::NotRegistered], "{kind} {id}");
            assert_eq!(evaluated.would, None, "no policy would have said otherwise");
        }
    }
    let elsewhere = ask(&snapshot, entity("shop::identity", "ben"), model());
    assert_eq!(elsewhere.verdict, VerdictKind::Allow, "it is somebody else's type");
}

#[test]
fn a_charter_that_is_gone_takes_its_identity_along() {
    let mut snapshot = snapshot("identity");
    let ask = |snapshot: &Snapshot| ask(snapshot, entity("identity", "ann"), entity("model", "m"));
    snapshot.contained.contain(Subject::Identity("ann".parse().unwrap()));
    assert_eq!(codes(&ask(&snapshot)), [ReasonCode::Contained]);
    snapshot.charters.clear();
    assert_eq!(codes(&ask(&snapshot)).len(), 2, "both are said");
}

#[test]
fn where_identities_are_called_otherwise_the_usual_word_is_somebody_elses() {
    let snapshot = snapshot("agent");
    assert_eq!(snapshot.access.identities(), &"agent".parse::<IdentityType>().unwrap());
    let ask = |kind, id| ask(&snapshot, entity(kind, id), entity("model", "m")).verdict;
    assert_eq!(ask("identity", "ben"), VerdictKind::Allow);
    assert_eq!(ask("agent", "ann"), VerdictKind::Allow);
    assert_eq!(ask("agent", "ben"), VerdictKind::Deny);
}

#[test]
fn the_world_is_another_once_a_fact_or_an_identity_is() {
    let at = Timestamp::from_millis;
    let mut snapshot = snapshot("identity");
    let fact = |name: &str, until| Fact { name: name.to_owned(), until: at(until) };
    let mut before = world(&snapshot, at(0));
    let mut changes = |snapshot: &Snapshot, now| {
        let now = world(snapshot, at(now));
        std::mem::replace(&mut before, now) != now
    };
    snapshot.facts = vec![fact("freeze", 10)];
    assert!(changes(&snapshot, 0));
    snapshot.facts = vec![fact("freeze", 20), fact("long-gone", 0)];
    assert!(!changes(&snapshot, 0), "the same holds");
    assert!(changes(&snapshot, 20), "it has ended");
    snapshot.contained.contain(Subject::Identity("freeze".parse().unwrap()));
    assert!(changes(&snapshot, 20));
    assert!(changes(&snapshot, 0), "a fact of that name is something else");
    snapshot.contained.contain(Subject::Server("files".parse().unwrap()));
    assert!(!changes(&snapshot, 0), "no evaluation asks for a server");
}
