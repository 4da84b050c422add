//! Who is meant by a class, by an owner, and by everyone.
#![expect(clippy::unwrap_used, reason = "what is broken in a test should stop it")]

use std::collections::BTreeSet;

use bailiwick_kernel::{Snapshot, world};
use bailiwick_model::{Digest, Timestamp};
use bailiwick_testkit::{World, build};

fn snapshot(contained: &[&str]) -> Snapshot {
    let mut snapshot = World::default().snapshot();
    for (name, class, owner) in [("ann", "interactive-agent", "team-a"), ("job", "batch", "team-b")]
    {
        let mut charter = build::charter(name);
        charter.class = class.parse().unwrap();
        owner.clone_into(&mut charter.owner);
        snapshot.charters.insert(name.parse().unwrap(), charter.into());
    }
    snapshot.contained = contained.iter().map(|it| it.parse().unwrap()).collect();
    snapshot
}

/// Says which of `ann`, `job` and one without a charter are contained.
fn who(contained: &[&str]) -> Vec<&'static str> {
    let (snapshot, none) = (snapshot(contained), BTreeSet::new());
    let within =
        |it: &&str| !snapshot.contained_of_identity(&it.parse().unwrap(), &none).is_empty();
    ["ann", "job", "stranger"].into_iter().filter(within).collect()
}

#[test]
fn a_crowd_is_whoever_has_it_in_their_charter_and_everyone_is_everyone() {
    assert_eq!(who(&[]), [""; 0]);
    assert_eq!(who(&["class:batch"]), ["job"]);
    assert_eq!(who(&["owner:team-a"]), ["ann"]);
    assert_eq!(who(&["class:interactive-agent", "owner:team-b"]), ["ann", "job"]);
    assert_eq!(who(&["class:ci", "owner:Team-A"]), [""; 0]);
    assert_eq!(who(&["all:identities"]), ["ann", "job", "stranger"]);
}

#[test]
fn a_search_is_another_when_another_identity_is_contained_by_name_or_in_a_crowd() {
    let named =
        |contained: &[&str]| -> Digest { world(&snapshot(contained), Timestamp::default()) };
    assert_eq!(named(&["class:batch"]), named(&["identity:job"]));
    assert_eq!(named(&["all:identities"]), named(&["identity:ann", "identity:job"]));
    assert_eq!(named(&["class:ci", "server:notes"]), named(&[]));
    assert_ne!(named(&["class:batch"]), named(&[]));
    assert_ne!(named(&["class:batch"]), named(&["owner:team-a"]));
}
