//! While the risk of somebody has risen, what reads goes by itself, and everything else waits for a person.
#![expect(clippy::unwrap_used, reason = "what is broken in a test should stop it")]

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use bailiwick_kernel::{Names, Outcome, Snapshot, TaskState, decide, open};
use bailiwick_model::{
    DayAccount, DecisionId, Effect, HoldId, Json, Lowered, OpenRequest, Opener, TaskId, Timestamp,
    Ulid,
};
use bailiwick_testkit::{World, build};

fn at(seconds: u64) -> Timestamp {
    Timestamp::default().after(Duration::from_secs(seconds))
}

/// A task of `ann`, who is of `team-test`, that may call `own__read`.
fn fresh() -> (Snapshot, TaskState) {
    let mut snapshot = World::default().snapshot();
    let mut template = build::template("working");
    template.allow = vec![build::line("own", "read", None, "working.toml:1")];
    let mut charter = build::charter("ann");
    charter.templates.insert(template.name.clone());
    charter.servers.insert("own".parse().unwrap());
    snapshot.templates.insert(template.name.clone(), template.into());
    snapshot.charters.insert(charter.identity.clone(), charter.into());
    let pin = BTreeMap::from([("read".to_owned(), build::pin(1, at(0)))]);
    snapshot.pins.insert("own".parse().unwrap(), pin);
    let request = OpenRequest {
        identity: "ann".parse().unwrap(),
        template: "working".parse().unwrap(),
        opener: Opener::Itself,
        params: BTreeMap::new(),
        purpose: None,
        parent: None,
        credential: None,
        people: BTreeSet::new(),
        on_behalf: None,
        shown: None,
    };
    let id = TaskId::new(Ulid::new(at(0), [1; 10]));
    let opened = open(&snapshot, None, &request, (id, 0, DayAccount::default()), at(0));
    (snapshot, *opened.outcome.unwrap())
}

/// Says what becomes of a call with these effects, where the risk of `subject` has risen for a minute.
fn came(subject: &str, effects: &[Effect], seconds: u64) -> &'static str {
    let (mut snapshot, mut state) = fresh();
    let subject = subject.replace("{task}", state.task().id.as_str());
    snapshot.lowered.push(Lowered {
        subject: subject.parse().unwrap(),
        until: at(60),
        by: "idp".to_owned(),
    });
    let ulid = Ulid::new(at(0), [7; 10]);
    let names = Names { decision: DecisionId::new(ulid), hold: HoldId::new(ulid) };
    let action = build::tool("own", "read");
    let mut request = build::request(state.task(), action, Json::Object(BTreeMap::new()));
    request.facts.effects = effects.iter().copied().collect();
    match decide(&snapshot, &mut state, &request, names, at(seconds)).outcome {
        Outcome::Forward(..) => "sent",
        Outcome::Hold(..) => "held",
        Outcome::Refuse(_) => "refused",
    }
}

#[test]
fn what_reads_goes_and_whatever_does_more_waits_until_the_time_is_over() {
    for subject in ["identity:ann", "owner:team-test", "all:identities", "task:{task}"] {
        assert_eq!(came(subject, &[Effect::Read], 1), "sent", "{subject}");
        for effect in Effect::ALL.iter().filter(|it| **it != Effect::Read) {
            assert_eq!(came(subject, &[*effect], 1), "held", "{subject} {effect}");
            assert_eq!(came(subject, &[Effect::Read, *effect], 59), "held", "{subject} {effect}");
            assert_eq!(came(subject, &[*effect], 60), "sent", "{subject} {effect}");
        }
        assert_eq!(came(subject, &[], 1), "held", "nobody knows what it does");
    }
}

#[test]
fn nobody_else_is_meant() {
    for subject in ["identity:bob", "owner:team-other", "task_01JD8X00000000000000000000"] {
        assert_eq!(came(subject, &[Effect::Write], 1), "sent", "{subject}");
    }
}
