//! A fresh task that tries one server after the other beyond its grant ends, and no other.
#![expect(clippy::unwrap_used, reason = "what is broken in a test should stop it")]

use std::{collections::BTreeMap, time::Duration};

use bailiwick_kernel::{Effect, Names, Snapshot, TaskState, decide, open};
use bailiwick_model::{
    DayAccount, DecisionId, HoldId, Json, OpenRequest, Opener, TaskId, Timestamp, Ulid,
};
use bailiwick_testkit::{World, build};

/// A task that was given `own`, of an identity whose charter names two servers.
fn fresh() -> (Snapshot, TaskState) {
    let mut snapshot = World::default().snapshot();
    let mut template = build::template("working");
    template.allow = vec![build::line("own", "read", None, "working.toml:1")];
    let mut charter = build::charter("ann");
    charter.templates.insert(template.name.clone());
    charter.servers = ["own", "near"].map(|it| it.parse().unwrap()).into();
    snapshot.templates.insert(template.name.clone(), template.into());
    snapshot.charters.insert(charter.identity.clone(), charter.into());
    let request = OpenRequest {
        identity: "ann".parse().unwrap(),
        template: "working".parse().unwrap(),
        opener: Opener::Itself,
        params: BTreeMap::new(),
        purpose: None,
        parent: None,
        credential: None,
        people: std::collections::BTreeSet::new(),
        on_behalf: None,
        shown: None,
    };
    let id = TaskId::new(Ulid::new(Timestamp::default(), [1; 10]));
    let named = (id, 0, DayAccount::default());
    let state = open(&snapshot, None, &request, named, Timestamp::default()).outcome.unwrap();
    (snapshot, *state)
}

/// Calls a tool of each server, one after the other, and gives the calls that end the task.
fn ends(calls: &[(&str, u64)]) -> Vec<usize> {
    let (snapshot, mut state) = fresh();
    let mut found = Vec::new();
    for (place, (server, seconds)) in calls.iter().enumerate() {
        let ulid = Ulid::new(Timestamp::default(), [7; 10]);
        let names = Names { decision: DecisionId::new(ulid), hold: HoldId::new(ulid) };
        let action = build::tool(server, "read");
        let request = build::request(state.task(), action, Json::Object(BTreeMap::new()));
        let now = Timestamp::default().after(Duration::from_secs(*seconds));
        let made = decide(&snapshot, &mut state, &request, names, now);
        let noticed = made.effects.iter().any(|it| matches!(it, Effect::Noticed(_)));
        let ends = made.effects.contains(&Effect::MustEnd);
        assert_eq!(noticed, ends, "what ends is told");
        found.extend(ends.then_some(place));
    }
    found
}

#[test]
fn the_third_server_beyond_the_x() {
    let calls = [("a", 1), ("b", 2), ("near", 3), ("c", 4), ("d", 5)];
    assert_eq!(ends(&calls), [2]);
}

#[test]
fn whoever_mistakes_one_or_two_names_or_tries_them_again_is_not() {
    assert_eq!(ends(&[("a", 1), ("a", 2), ("a", 3), ("b", 4), ("a", 5), ("b", 6)]), [0; 0]);
    assert_eq!(ends(&[("own", 1), ("own", 2), ("own", 3), ("own", 4)]), [0; 0]);
}

#[test]
fn a_task_that_is_no_longer_fresh_is_not() {
    assert_eq!(ends(&[("a", 60), ("b", 119), ("c", 120), ("d", 121)]), [0; 0]);
    assert_eq!(ends(&[("a", 1), ("b", 2), ("c", 119)]).len(), 1);
}
