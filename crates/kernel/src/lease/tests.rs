//! Law 5, as far as it is decided: whatever happens in whatever order, nothing is forgotten, nothing
//! comes to life again, and whatever ended is on its way to be gone.

#![expect(clippy::arithmetic_side_effects, reason = "numbers are small here, and overflow panics")]

use std::collections::{BTreeMap, BTreeSet};

use bailiwick_model::{EnforcedAs, LeaseId, LeaseRecord, TaskId, Ulid};
use proptest::prelude::*;

use super::*;

const START: i64 = 1_800_000_000_000;

fn at(millis: u64) -> Timestamp {
    Timestamp::from_millis(START).after(Duration::from_millis(millis))
}

fn task(number: u8) -> TaskId {
    TaskId::new(Ulid::new(at(0), [number; 10]))
}

fn lease(number: u8) -> Lease {
    Lease {
        id: LeaseId::new(Ulid::new(at(0), [number; 10])),
        task: task(number % 3),
        identity: "reporter".parse().unwrap(),
        target: if number.is_multiple_of(2) { "orders-db" } else { "build-host" }.parse().unwrap(),
        wants: vec!["readers".to_owned()],
        decision: None,
        shown: BTreeSet::new(),
        enforced: EnforcedAs::Session,
        state: LeaseState::Minting,
        called: None,
        until: at(60_000),
        opened: at(0),
        issued: None,
        used: None,
        ended: None,
        gone: None,
        tries: 0,
        why: String::new(),
    }
}

fn issued() -> LeaseEvent {
    LeaseEvent::Issued { called: "bw_1".to_owned(), until: at(90_000) }
}

fn failed() -> LeaseEvent {
    LeaseEvent::Failed { why: "it is away".to_owned(), after: None, jitter: 500 }
}

/// Something that the world does to a book.
#[derive(Clone, Debug)]
enum Deed {
    Order(u8),
    Step(u8, LeaseEvent),
    EndTask(u8),
    EndTarget(bool),
    Pass(usize),
    Wait(u64),
    Orphan(u8),
    Restart,
}

fn event() -> impl Strategy<Value = LeaseEvent> {
    prop_oneof![
        3 => Just(issued()),
        1 => Just(LeaseEvent::NotIssued { why: "no".to_owned() }),
        2 => Just(LeaseEvent::Unheard { why: "late".to_owned() }),
        1 => prop::sample::subsequence(vec!["key-1", "key-2"], 0..=2).prop_map(|shown| LeaseEvent::Used {
            shown: shown.into_iter().map(|it| it.parse().unwrap()).collect(),
        }),
        2 => prop::sample::select(LeaseCause::ALL).prop_map(LeaseEvent::Ends),
        1 => Just(LeaseEvent::Found),
        3 => Just(LeaseEvent::Gone),
        4 => (any::<u16>(), any::<Option<u16>>()).prop_map(|(jitter, after)| LeaseEvent::Failed {
            why: "it is away".to_owned(),
            after: after.map(|it| Duration::from_secs(it.into())),
            jitter,
        }),
    ]
}

fn deed() -> impl Strategy<Value = Deed> {
    prop_oneof![
        4 => (0_u8..12).prop_map(Deed::Order),
        8 => (0_u8..12, event()).prop_map(|(number, event)| Deed::Step(number, event)),
        1 => (0_u8..3).prop_map(Deed::EndTask),
        1 => any::<bool>().prop_map(Deed::EndTarget),
        4 => (0_usize..8).prop_map(Deed::Pass),
        3 => (0_u64..120_000).prop_map(Deed::Wait),
        1 => (0_u8..12).prop_map(Deed::Orphan),
        1 => Just(Deed::Restart),
    ]
}

/// A book, what is on record of it, and what targets are being told.
#[derive(Default)]
struct World {
    book: LeaseBook,
    record: BTreeMap<LeaseId, Lease>,
    /// Each step that was written.
    steps: BTreeMap<LeaseId, Vec<LeaseRecord>>,
    /// How often each is being told at this moment.
    telling: BTreeMap<LeaseId, u32>,
    now: u64,
    ordered: usize,
}

impl World {
    fn carry_out(&mut self, effects: Vec<LeaseEffect>) -> Result<(), TestCaseError> {
        for effect in effects {
            match effect {
                LeaseEffect::Write(lease) => {
                    if let Some(before) = self.record.get(&lease.id) {
                        let dead = before.has_ended();
                        prop_assert!(!dead || lease.has_ended(), "{} came to life", lease.id);
                    }
                    let step = LeaseRecord::of(&lease, at(self.now));
                    self.steps.entry(lease.id.clone()).or_default().push(step);
                    self.record.insert(lease.id.clone(), *lease);
                }
                LeaseEffect::Tell(id, _) => {
                    let times = self.telling.entry(id).or_default();
                    *times += 1;
                    prop_assert_eq!(*times, 1, "told twice at once");
                }
                LeaseEffect::Noticed(_) => {}
            }
        }
        Ok(())
    }

    fn carry(&mut self, deed: Deed) -> Result<(), TestCaseError> {
        let now = at(self.now);
        match deed {
            Deed::Order(number) => {
                let lease = Lease { opened: now, ..lease(number) };
                if !self.record.contains_key(&lease.id) {
                    self.ordered += 1;
                    let write = self.book.order(lease);
                    self.carry_out(vec![write])?;
                }
            }
            Deed::Step(number, event) => {
                let id = lease(number).id;
                let of_telling = matches!(event, LeaseEvent::Gone | LeaseEvent::Failed { .. });
                // Nobody answers what was not asked.
                if of_telling && self.telling.remove(&id).is_none() {
                    return Ok(());
                }
                let effects = self.book.step(&id, event, now);
                self.carry_out(effects)?;
            }
            Deed::EndTask(number) => {
                self.book.end_task(&task(number), LeaseCause::Task, now);
                prop_assert!(self.book.of_task(&task(number)).all(Lease::has_ended));
            }
            Deed::EndTarget(even) => {
                let target = lease(u8::from(!even)).target;
                self.book.end_target(&target, LeaseCause::Contained, now);
            }
            Deed::Pass(most) => {
                let effects = self.book.pass(now, most);
                prop_assert!(effects.len() <= 2 * most);
                self.carry_out(effects)?;
            }
            Deed::Wait(millis) => self.now += millis,
            Deed::Orphan(number) => {
                let known = self.record.get(&lease(number).id).cloned();
                if let Some(lease) = known.filter(|it| !it.is_open()) {
                    self.book.orphan(lease, now);
                }
            }
            Deed::Restart => {
                self.book = LeaseBook::default();
                self.telling.clear();
                for lease in self.record.values() {
                    self.book.take_up(lease.clone(), now);
                }
            }
        }
        Ok(())
    }

    /// Everything that was ordered is in the book, or on record as gone.
    fn forgets_nothing(&self) -> Result<(), TestCaseError> {
        prop_assert_eq!(self.record.len(), self.ordered);
        for (id, lease) in &self.record {
            prop_assert!(self.book.get(id).is_some() || !lease.is_open(), "{} is forgotten", id);
        }
        for lease in self.book.iter() {
            let alive = matches!(lease.state, LeaseState::Minting | LeaseState::Active);
            prop_assert_eq!(alive, !lease.has_ended());
        }
        Ok(())
    }

    /// From now on targets answer, and every task ends.
    fn end_of_days(&mut self) -> Result<(), TestCaseError> {
        for number in 0..3 {
            self.book.end_task(&task(number), LeaseCause::Task, at(self.now));
        }
        let making: Vec<_> = self.book.iter().map(|it| it.id.clone()).collect();
        for id in making {
            let effects = self.book.step(&id, issued(), at(self.now));
            self.carry_out(effects)?;
        }
        for _ in 0..200 {
            let now = at(self.now);
            let effects = self.book.pass(now, 100);
            self.carry_out(effects)?;
            for id in std::mem::take(&mut self.telling).into_keys() {
                let effects = self.book.step(&id, LeaseEvent::Gone, now);
                self.carry_out(effects)?;
            }
            match self.book.next() {
                Some(next) if now < next => {
                    let ahead = next.since(now).as_millis();
                    self.now = self.now.saturating_add(u64::try_from(ahead).unwrap_or(u64::MAX));
                }
                Some(_) => {}
                None => break,
            }
        }
        prop_assert!(self.book.is_empty(), "something is alive: {:?}", self.book);
        prop_assert!(self.record.values().all(|it| it.state == LeaseState::Revoked));
        // Of what is over nothing is left here, and its steps tell all of it.
        prop_assert!(self.book.is_bare(), "something is left: {:?}", self.book);
        for (id, lease) in &self.record {
            // What was shown for it stands in its decisions.
            let told = Lease { shown: BTreeSet::new(), ..lease.clone() };
            prop_assert_eq!(Lease::told(&self.steps[id]), Some(told));
        }
        Ok(())
    }
}

proptest! {
    #[test]
    fn every_lease_of_an_ended_task_is_on_its_way_and_nothing_is_forgotten(
        deeds in prop::collection::vec(deed(), 0..80)
    ) {
        let mut world = World::default();
        for deed in deeds {
            world.carry(deed)?;
            world.forgets_nothing()?;
        }
        world.end_of_days()?;
    }

    #[test]
    fn pauses_grow_are_bounded_and_differ(tries in any::<u32>(), jitter in any::<u16>()) {
        let span = pause(tries, None, jitter);
        prop_assert!(FIRST_PAUSE <= span.saturating_mul(2) && span <= LONGEST_PAUSE);
        prop_assert!(span <= pause(tries.saturating_add(1), None, 1000));
        prop_assert_eq!(pause(tries, Some(Duration::MAX), jitter), PATIENCE_MAX);
    }
}

fn book_with(events: &[LeaseEvent]) -> LeaseBook {
    let mut book = LeaseBook::default();
    book.order(lease(0));
    for event in events {
        book.step(&lease(0).id, event.clone(), at(1));
    }
    book
}

fn tells(effects: &[LeaseEffect]) -> usize {
    effects.iter().filter(|it| matches!(it, LeaseEffect::Tell(..))).count()
}

#[test]
fn what_is_still_being_made_is_ended_when_it_is_there_and_not_before() {
    let mut book = book_with(&[]);
    book.end_task(&task(0), LeaseCause::Task, at(5));
    // Its end is on record at once; its target is not told while it makes the credential.
    let effects = book.pass(at(5), 10);
    assert!(matches!(effects.as_slice(), [LeaseEffect::Write(it)] if it.has_ended()));
    assert_eq!(book.next(), None);
    book.step(&lease(0).id, issued(), at(9));
    assert_eq!(book.get(&lease(0).id).unwrap().state, LeaseState::Revoking);
    assert_eq!(tells(&book.pass(at(9), 10)), 1);
}

#[test]
fn what_nobody_heard_of_is_told_once_more_after_a_while() {
    let mut book = book_with(&[LeaseEvent::Unheard { why: "late".to_owned() }]);
    assert_eq!(tells(&book.pass(at(1), 10)), 1);
    book.step(&lease(0).id, LeaseEvent::Gone, at(2));
    // It may yet be made: what the target did not have then, it may have later.
    assert_eq!(book.next(), Some(at(1).after(UNSURE)));
    // Where it is seen there before, it is told at once, and believed no sooner.
    book.step(&lease(0).id, LeaseEvent::Found, at(3));
    assert_eq!(tells(&book.pass(at(3), 10)), 1);
    book.step(&lease(0).id, LeaseEvent::Gone, at(4));
    assert_eq!(book.next(), Some(at(1).after(UNSURE)));
    assert_eq!(tells(&book.pass(at(1).after(UNSURE), 10)), 1);
    book.step(&lease(0).id, LeaseEvent::Gone, at(2).after(UNSURE));
    assert!(book.is_empty());
}

#[test]
fn a_target_that_stays_away_is_told_for_ever_and_that_is_noticed_once() {
    let mut book = book_with(&[issued(), LeaseEvent::Ends(LeaseCause::Asked)]);
    let (mut now, mut noticed, mut told) = (at(1), 0, 0);
    for _ in 0..50 {
        told += tells(&book.pass(now, 10));
        let effects = book.step(&lease(0).id, failed(), now);
        noticed += effects.iter().filter(|it| matches!(it, LeaseEffect::Noticed(_))).count();
        now = book.next().unwrap();
    }
    assert_eq!((told, noticed), (50, 1));
    let stuck = book.get(&lease(0).id).unwrap();
    assert_eq!((stuck.state, stuck.tries), (LeaseState::Stuck, 50));
    book.pass(now, 10);
    let effects = book.step(&lease(0).id, LeaseEvent::Gone, now);
    assert!(matches!(effects.as_slice(), [LeaseEffect::Write(it)] if it.gone == Some(now)));
    assert!(book.is_empty());
}

#[test]
fn a_hundred_thousand_that_end_at_once_come_in_pieces() {
    let mut book = LeaseBook::default();
    for number in 0_u32..100_000 {
        let mut random = [0; 10];
        random[..4].copy_from_slice(&number.to_be_bytes());
        let id = LeaseId::new(Ulid::new(at(0), random));
        book.order(Lease { id: id.clone(), ..lease(0) });
        book.step(&id, issued(), at(1));
    }
    let mut told = 0;
    loop {
        let effects = book.pass(at(60_000), 512);
        assert!(effects.len() <= 1024);
        if effects.is_empty() {
            break;
        }
        for effect in effects {
            if let LeaseEffect::Tell(id, _) = effect {
                told += 1;
                book.step(&id, LeaseEvent::Gone, at(60_000));
            }
        }
    }
    assert_eq!(told, 100_000);
    assert!(book.is_bare());
}

#[test]
fn a_target_that_hangs_has_its_room_and_holds_up_no_other() {
    let mut book = LeaseBook::default();
    for number in 0_u32..5_000 {
        let mut random = [0; 10];
        random[..4].copy_from_slice(&number.to_be_bytes());
        let id = LeaseId::new(Ulid::new(at(0), random));
        // Every tenth is at the one that answers.
        let target = lease(u8::from(number.is_multiple_of(10))).target;
        book.order(Lease { id: id.clone(), target, ..lease(0) });
        book.step(&id, issued(), at(1));
    }
    book.end_task(&task(0), LeaseCause::Task, at(5));
    let (mut hanging, mut answered, mut written) = (0, 0, 0);
    for _ in 0..100 {
        for effect in book.pass(at(5), 256) {
            match effect {
                LeaseEffect::Tell(id, target) if target == lease(1).target => {
                    answered += 1;
                    book.step(&id, LeaseEvent::Gone, at(5));
                }
                LeaseEffect::Tell(..) => hanging += 1,
                LeaseEffect::Write(_) => written += 1,
                LeaseEffect::Noticed(_) => {}
            }
        }
    }
    assert_eq!((hanging, answered), (book::ROOM, 500));
    // The end of each is on record all the same, and nothing is due while the target hangs.
    assert_eq!((written, book.next()), (5_000, None));
}
