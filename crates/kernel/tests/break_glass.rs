//! A break-glass task takes two people, and is nobody's child.
#![expect(clippy::unwrap_used, reason = "what is broken in a test should stop it")]

use std::collections::{BTreeMap, BTreeSet};

use bailiwick_kernel::{Opening, Snapshot, open};
use bailiwick_model::{
    DayAccount, OpenRequest, Opener, PersonName, ReasonCode, TaskId, TemplateKind, Timestamp, Ulid,
    VerdictKind,
};
use bailiwick_testkit::{World, build};
use proptest::prelude::*;

fn snapshot() -> Snapshot {
    let mut snapshot = World::default().snapshot();
    let mut charter = build::charter("ops");
    for (name, kind) in [("fix", TemplateKind::BreakGlass), ("usual", TemplateKind::Ordinary)] {
        let mut template = build::template(name);
        template.kind = kind;
        charter.templates.insert(template.name.clone());
        snapshot.templates.insert(template.name.clone(), template.into());
    }
    snapshot.charters.insert(charter.identity.clone(), charter.into());
    snapshot
}

fn person(name: &str) -> PersonName {
    name.parse().unwrap()
}

fn wish(template: &str, opener: Opener, people: &[&str]) -> OpenRequest {
    OpenRequest {
        identity: "ops".parse().unwrap(),
        template: template.parse().unwrap(),
        opener,
        params: BTreeMap::new(),
        purpose: None,
        parent: None,
        credential: None,
        people: people.iter().map(|it| person(it)).collect(),
        on_behalf: None,
        shown: None,
    }
}

fn opened(request: &OpenRequest) -> Opening {
    let id = TaskId::new(Ulid::new(Timestamp::default(), [1; 10]));
    open(&snapshot(), None, request, (id, 0, DayAccount::default()), Timestamp::default())
}

/// Says whether it opened, waits for another person, or was refused.
fn came(request: &OpenRequest) -> &'static str {
    let opening = opened(request);
    match (opening.outcome, opening.held) {
        (Ok(_), _) => "opened",
        (Err(_), true) => "held",
        (Err(_), false) => "refused",
    }
}

#[test]
fn two_people_open_it_one_waits_and_an_agent_alone_is_refused() {
    let ada = || Opener::Person(person("ada"));
    assert_eq!(came(&wish("fix", ada(), &["ada", "bob"])), "opened");
    assert_eq!(came(&wish("fix", ada(), &["ada"])), "held");
    assert_eq!(came(&wish("fix", Opener::Itself, &[])), "refused");
    assert_eq!(came(&wish("usual", Opener::Itself, &[])), "opened");
}

#[test]
fn what_would_be_refused_anyway_waits_for_nobody() {
    let ada = || Opener::Person(person("ada"));
    let mut wrong = wish("fix", ada(), &["ada"]);
    wrong.params.insert("ticket".to_owned(), "T-1".to_owned());
    assert_eq!(came(&wrong), "refused");
    let mut stranger = wish("fix", ada(), &["ada"]);
    stranger.identity = "stranger".parse().unwrap();
    assert_eq!(came(&stranger), "refused");
}

#[test]
fn it_is_opened_under_no_other_task_whoever_agrees() {
    let mut child = wish("fix", Opener::Person(person("ada")), &["ada", "bob"]);
    child.parent = Some(TaskId::new(Ulid::new(Timestamp::default(), [2; 10])));
    let opening = opened(&child);
    let why = opening.outcome.unwrap_err();
    assert!(why.iter().any(|it| it.code == ReasonCode::TwoPeople), "{why:?}");
    assert!(!opening.held);
}

#[test]
fn the_record_says_that_it_waits_and_who_opened_it() {
    let ada = || Opener::Person(person("ada"));
    let held = opened(&wish("fix", ada(), &["ada"]));
    assert_eq!(held.steps[0].verdict, VerdictKind::Hold);
    let opening = opened(&wish("fix", ada(), &["ada", "bob"]));
    let state = opening.outcome.unwrap();
    assert_eq!(state.task().people, BTreeSet::from([person("ada"), person("bob")]));
    // Of a usual task nothing is said: whoever agreed, it took nobody.
    let usual = opened(&wish("usual", ada(), &["ada"])).outcome.unwrap();
    assert!(!usual.task().is_break_glass());
}

proptest! {
    #[test]
    fn no_one_person_opens_it_however_often_they_speak(
        people in proptest::collection::vec(proptest::sample::select(vec!["ada", "bob", "cy"]), 0..5),
        by_person in any::<bool>(),
    ) {
        let opener = if by_person { Opener::Person(person("ada")) } else { Opener::Itself };
        let distinct: BTreeSet<_> = people.iter().copied().collect();
        let opens = opened(&wish("fix", opener, &people)).outcome.is_ok();
        prop_assert_eq!(opens, 2 <= distinct.len());
    }
}
