//! A person's word that is for some servers makes a task for these and no others.
#![expect(clippy::unwrap_used, reason = "what is broken in a test should stop it")]

use std::collections::{BTreeMap, BTreeSet};

use bailiwick_kernel::{Snapshot, open};
use bailiwick_model::{
    DayAccount, OnBehalf, OpenRequest, Opener, ServerName, Task, TaskId, Timestamp, Ulid,
};
use bailiwick_testkit::{World, build};
use proptest::prelude::*;

const SERVERS: [&str; 3] = ["files", "notes", "tickets"];

fn servers(names: &[&str]) -> BTreeSet<ServerName> {
    names.iter().map(|it| it.parse().unwrap()).collect()
}

fn snapshot() -> Snapshot {
    let mut snapshot = World::default().snapshot();
    let template = build::template("working");
    let mut charter = build::charter("ann");
    charter.templates.insert(template.name.clone());
    charter.servers = servers(&SERVERS);
    charter.targets.insert("database".parse().unwrap());
    snapshot.templates.insert(template.name.clone(), template.into());
    snapshot.charters.insert(charter.identity.clone(), charter.into());
    snapshot
}

fn opened(only: Option<BTreeSet<ServerName>>) -> Task {
    let (issuer, subject) = ("https://idp.example".to_owned(), "U0194".to_owned());
    let request = OpenRequest {
        identity: "ann".parse().unwrap(),
        template: "working".parse().unwrap(),
        opener: Opener::Itself,
        params: BTreeMap::new(),
        purpose: None,
        parent: None,
        credential: None,
        on_behalf: Some(OnBehalf { issuer, subject, through: Vec::new(), only }),
        people: BTreeSet::new(),
        shown: None,
    };
    let id = TaskId::new(Ulid::new(Timestamp::default(), [1; 10]));
    let day = (id, 0, DayAccount::default());
    let opened = open(&snapshot(), None, &request, day, Timestamp::default());
    opened.outcome.unwrap().task().clone()
}

#[test]
fn a_word_for_all_servers_takes_nothing_away() {
    let task = opened(None);
    assert_eq!(task.grant.layers[0].servers, servers(&SERVERS));
    assert_eq!(task.grant.layers[0].targets.len(), 1);
}

proptest! {
    #[test]
    fn a_task_reaches_what_both_the_charter_and_the_word_are_for(
        said in prop::sample::subsequence(vec!["elsewhere", "files", "notes", "tickets"], 0..=4),
    ) {
        let only = servers(&said);
        let task = opened(Some(only.clone()));
        let both = only.intersection(&servers(&SERVERS)).cloned().collect::<BTreeSet<_>>();
        prop_assert_eq!(&task.grant.layers[0].servers, &both);
        prop_assert!(task.grant.layers[0].targets.is_empty(), "credentials elsewhere are no part");
    }
}
