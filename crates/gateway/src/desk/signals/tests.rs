//! What is told of somebody is carried out once, and names what ended for it.

use std::{path::Path, sync::Arc};

use bailiwick_connect::EvidenceKey;
use bailiwick_model::{OpenRequest, Opener};
use bailiwick_store::{CheckpointKey, Ledger, LedgerOptions, Registry};
use bailiwick_testkit::build;

use super::*;
use crate::{Active, Clock, DeskParts, Evidence, Keep};

/// A desk over what an earlier one left in `dir`.
async fn resumed(dir: &Path) -> Desk {
    let options = LedgerOptions {
        dir: dir.join("ledger"),
        key: CheckpointKey::load_or_create(&dir.join("checkpoint.key")).unwrap(),
        copies: None,
        checkpoint_every: Duration::from_secs(3600),
        retain: None,
    };
    let evidence = EvidenceKey::load_or_create(&dir.join("evidence.key")).unwrap();
    let parts = DeskParts {
        snapshot: build::snapshot(Vec::new(), Vec::new()),
        ledger: Ledger::open(options).unwrap().0,
        registry: Registry::open(&dir.join("registry.db")).unwrap(),
        evidence: Evidence::new(Keep::Full, Arc::new(evidence)),
        clock: Clock::set(Timestamp::from_millis(1_800_000_000_000)).0,
    };
    let desk = Desk::resume(parts).await.unwrap();
    let mut charter = build::charter("reporter");
    charter.templates = BTreeSet::from(["report".parse().unwrap()]);
    let snapshot = build::snapshot(vec![charter], vec![build::template("report")]);
    desk.activate(Active { snapshot, activations: Vec::new() }, "files").await.unwrap();
    desk
}

/// A desk with one open task of `reporter`.
async fn desk(dir: &Path) -> (Desk, TaskId) {
    let desk = resumed(dir).await;
    let task = opened(&desk, None).await;
    (desk, task)
}

async fn opened(desk: &Desk, on_behalf: Option<OnBehalf>) -> TaskId {
    let request = OpenRequest {
        identity: "reporter".parse().unwrap(),
        template: "report".parse().unwrap(),
        opener: Opener::Itself,
        params: BTreeMap::new(),
        purpose: None,
        parent: None,
        credential: None,
        on_behalf,
        shown: None,
        people: BTreeSet::default(),
    };
    desk.open(&request, "identity:reporter").await.unwrap().id
}

fn behind(issuer: &str, subject: &str) -> OnBehalf {
    let (issuer, subject) = (issuer.to_owned(), subject.to_owned());
    OnBehalf { issuer, subject, through: Vec::new(), only: None }
}

/// A telling of a person, and of nobody whom the configuration names.
fn of_person(effect: SignalEffect, subject: &str, now: Timestamp) -> Signal {
    let person = Behind { issuer: "https://idp".to_owned(), subject: subject.to_owned() };
    let jti = format!("{effect} {subject}");
    Signal { about: Vec::new(), people: vec![person], jti, ..signal(effect, now) }
}

fn signal(effect: SignalEffect, now: Timestamp) -> Signal {
    Signal {
        transmitter: "idp".to_owned(),
        event: SignalEvent::SessionRevoked,
        jti: "one".to_owned(),
        issued: now,
        about: vec!["identity:reporter".parse().unwrap()],
        people: Vec::new(),
        effect,
        lasts: Duration::from_secs(60),
        noticed: None,
    }
}

#[tokio::test]
async fn what_cannot_be_written_has_one_record_however_often_it_is_told() {
    for effect in [SignalEffect::End, SignalEffect::Contain] {
        let dir = tempfile::tempdir().unwrap();
        let (desk, task) = desk(dir.path()).await;
        desk.ledger().clone().close();
        for _ in 0..3 {
            let told = desk.signalled(signal(effect, desk.now())).await;
            assert!(told.is_err(), "nothing is answered for that is not on disk: {told:?}");
        }
        assert!(desk.task(&task).is_none_or(|it| !it.is_open()), "it is carried out");
        let owed = desk.owed.lock().await;
        let ended = owed.records.iter().filter_map(|it| {
            let Record::Command { command, .. } = it else { return None };
            let CommandRecord::SignalReceived(it) = command else { return None };
            Some(it.ended.clone())
        });
        assert_eq!(ended.collect::<Vec<_>>(), [vec![task]], "{effect}");
    }
}

/// The tasks that each telling on record names.
fn named(desk: &Desk) -> Vec<Vec<TaskId>> {
    let mut named = Vec::new();
    let scanned = desk.ledger().scan(0, &mut |it| {
        if let Record::Command { command: CommandRecord::SignalReceived(it), .. } = it.record {
            named.push(it.ended);
        }
        std::ops::ControlFlow::Continue(())
    });
    scanned.unwrap();
    named
}

fn dies(desk: Desk) {
    desk.registry().clone().close();
    desk.ledger().clone().close();
}

#[tokio::test]
async fn whoever_dies_while_containing_for_a_telling_names_what_ended_when_it_is_told_again() {
    for ended in [true, false] {
        let dir = tempfile::tempdir().unwrap();
        let (first, task) = desk(dir.path()).await;
        let told_of = signal(SignalEffect::Contain, first.now());
        let subject = told_of.about[0].clone();
        if ended {
            // It dies when all is on record but the telling.
            first.contain(&subject, &told(&told_of), &untold::by("idp")).await.unwrap();
        } else {
            // It dies before the tasks' ends are on record.
            let mut writing = Writing::default();
            let (why, statement) = (told(&told_of), None);
            let command = CommandRecord::Contained { subject, contained: true, why, statement };
            writing.command(first.now(), &untold::by("idp"), command);
            first.ledger().append(writing.records).await.unwrap();
        }
        dies(first);
        // It dies once more before anybody tells again.
        dies(resumed(dir.path()).await);
        let last = resumed(dir.path()).await;
        assert_eq!(named(&last), Vec::<Vec<TaskId>>::new());
        assert!(last.open_tasks(&"reporter".parse().unwrap()).is_empty());
        // Another telling names nothing of it.
        let other = Signal {
            jti: "other".to_owned(),
            about: vec!["identity:x".parse().unwrap()],
            ..told_of.clone()
        };
        assert_eq!(last.signalled(other).await.unwrap(), Taken::Now);
        assert_eq!(last.signalled(told_of.clone()).await.unwrap(), Taken::Now);
        let more = Signal { jti: "two".to_owned(), ..told_of };
        assert_eq!(last.signalled(more).await.unwrap(), Taken::Now);
        let none = Vec::new();
        assert_eq!(named(&last), [none.clone(), vec![task], none], "{ended}");
        dies(last);
        let after = resumed(dir.path()).await;
        assert!(after.signals.lock().await.left.values().all(Vec::is_empty));
    }
}

#[tokio::test]
async fn what_a_telling_ended_for_which_there_was_no_room_is_named_when_it_is_told_again() {
    for (effect, before) in
        [(SignalEffect::End, false), (SignalEffect::End, true), (SignalEffect::Contain, false)]
    {
        let dir = tempfile::tempdir().unwrap();
        let (desk, task) = desk(dir.path()).await;
        let now = desk.now();
        for number in 0..TOLD_MAX {
            let mut heard = desk.signals.lock().await;
            heard.remember("idp".to_owned(), format!("other-{number}"), now, now);
        }
        if before {
            // A process before ended it.
            let left = desk.task(&task).unwrap();
            desk.end(&task, EndCause::Signal, &untold::by("idp")).await.unwrap();
            desk.signals.lock().await.leave("idp", left);
        }
        for _ in 0..2 {
            let taken = desk.signalled(signal(effect, now)).await.unwrap();
            assert_eq!(taken, Taken::TooMany);
        }
        assert!(desk.task(&task).is_none_or(|it| !it.is_open()), "it is carried out");
        assert_eq!(named(&desk), Vec::<Vec<TaskId>>::new());
        desk.signals.lock().await.told.clear();
        assert_eq!(desk.signalled(signal(effect, now)).await.unwrap(), Taken::Now);
        assert_eq!(named(&desk), [vec![task]], "{effect} {before}");
    }
}

#[tokio::test]
async fn however_much_happens_in_one_moment_goes_on_record() {
    let dir = tempfile::tempdir().unwrap();
    let (desk, _) = desk(dir.path()).await;
    let finding = desk.finding("test", String::new(), &signal(SignalEffect::End, desk.now()), None);
    let (records, changes) = (vec![Record::Finding(finding); 10_000], Vec::new());
    desk.owe(Writing { records, changes }).await.unwrap();
    assert!(10_000 < desk.ledger().last_seq());
    assert!(desk.owed.lock().await.records.is_empty());
}

#[tokio::test]
async fn what_works_for_a_person_ends_when_their_provider_tells_of_them_and_nothing_else_does() {
    for effect in [SignalEffect::End, SignalEffect::Contain] {
        let dir = tempfile::tempdir().unwrap();
        let (desk, own) = desk(dir.path()).await;
        let theirs = opened(&desk, Some(behind("https://idp", "U0194"))).await;
        let others = [behind("https://idp", "U0200"), behind("https://other", "U0194")];
        let [one, two] = others.map(|it| opened(&desk, Some(it)));
        let others = [own, one.await, two.await];
        let nobody = of_person(effect, "U0300", desk.now());
        assert_eq!(desk.signalled(nobody).await.unwrap(), Taken::Nobody);
        assert_eq!(named(&desk), Vec::<Vec<TaskId>>::new());
        let told = of_person(effect, "U0194", desk.now());
        assert_eq!(desk.signalled(told.clone()).await.unwrap(), Taken::Now);
        assert!(desk.task(&theirs).is_none_or(|it| !it.is_open()), "{effect}");
        assert!(others.iter().all(|it| desk.task(it).unwrap().is_open()), "{effect}");
        assert_eq!(desk.snapshot().contained.iter().count(), 0, "another may be opened");
        assert_eq!(desk.signalled(told).await.unwrap(), Taken::Before);
        assert_eq!(named(&desk), [vec![theirs]], "{effect}");
    }
}

#[tokio::test]
async fn whoever_dies_while_ending_what_works_for_a_person_names_it_when_it_is_told_again() {
    let dir = tempfile::tempdir().unwrap();
    let first = resumed(dir.path()).await;
    let task = opened(&first, Some(behind("https://idp", "U0194"))).await;
    first.end(&task, EndCause::Signal, &untold::by("idp")).await.unwrap();
    dies(first);
    let last = resumed(dir.path()).await;
    let told = of_person(SignalEffect::End, "U0194", last.now());
    assert_eq!(last.signalled(told).await.unwrap(), Taken::Now);
    assert_eq!(named(&last), [vec![task]]);
}

#[tokio::test]
async fn a_persons_risk_lowers_the_tasks_that_work_for_them() {
    let dir = tempfile::tempdir().unwrap();
    let (desk, own) = desk(dir.path()).await;
    let theirs = opened(&desk, Some(behind("https://idp", "U0194"))).await;
    let told = of_person(SignalEffect::Lower, "U0194", desk.now());
    assert_eq!(desk.signalled(told).await.unwrap(), Taken::Now);
    assert!([&own, &theirs].iter().all(|it| desk.task(it).unwrap().is_open()));
    let lowered = |desk: &Desk| -> Vec<Subject> {
        desk.snapshot().lowered.iter().map(|it| it.subject.clone()).collect()
    };
    assert_eq!(lowered(&desk), [Subject::Task(theirs.clone())]);
    dies(desk);
    assert_eq!(lowered(&resumed(dir.path()).await), [Subject::Task(theirs)]);
}

fn at(seconds: u64) -> Timestamp {
    Timestamp::default().after(Duration::from_secs(seconds))
}

#[test]
fn what_could_come_again_is_remembered_and_no_more() {
    let mut heard = Heard::default();
    for number in 0..TOLD_MAX {
        heard.remember("idp".to_owned(), number.to_string(), at(0), at(1));
    }
    assert!(heard.knows("idp", "7") && !heard.knows("other", "7"));
    assert!(!heard.has_room("idp", at(1)) && heard.has_room("other", at(1)));
    let over = at(AGE_MAX.as_secs() + 1);
    assert!(heard.has_room("idp", over) && !heard.knows("idp", "7"));
}

#[test]
fn a_shorter_time_never_takes_the_place_of_a_longer_one() {
    let lowered = |until, by: &str| Lowered {
        subject: "identity:ann".parse().unwrap(),
        until: at(until),
        by: by.to_owned(),
    };
    let mut all = Vec::new();
    lower(&mut all, lowered(60, "idp"), at(0));
    lower(&mut all, lowered(30, "idp"), at(0));
    lower(&mut all, lowered(30, "other"), at(0));
    let ends: Vec<_> = all.iter().map(|it| it.until).collect();
    assert_eq!(ends, [at(60), at(30)]);
    lower(&mut all, lowered(90, "other"), at(60));
    assert_eq!(all, [lowered(90, "other")], "what is over is forgotten");
}
