//! Laws about what detectors find, which no scenario can bring about yet: there are no detectors.
#![expect(clippy::arithmetic_side_effects, reason = "the numbers of a test are small")]

mod obligations;

use std::{collections::BTreeMap, sync::Arc};

use bailiwick_model::{
    Action, ActionFacts, ActionKind, AllowLine, Budget, CallDigest, Caller, Charter, DecisionId,
    Digest, Environment, Exception, ExceptionId, Grant, HoldId, IdentityKind, Json, Layer, Mode,
    Offered, OnWiden, Opener, Pin, PinStatus, Reach, Sensitivity, Task, TaskStatus, Ulid,
};
use bailiwick_policy::{GrantProgram, PolicyOptions, PolicySet};
use proptest::prelude::*;

use super::*;
use crate::Memory;

const DETECTORS: [&str; 2] = ["D-001", "D-002"];

fn at(seconds: i64) -> Timestamp {
    Timestamp::from_millis(1_795_000_000_000 + seconds * 1000)
}

fn ulid() -> Ulid {
    Ulid::new(at(0), [1; 10])
}

/// What may be wrong with a call besides what detectors find.
#[derive(Clone, Copy, Debug)]
#[expect(clippy::struct_excessive_bools, reason = "each is one thing that is wrong or not")]
struct Trouble {
    contained: bool,
    stale: bool,
    late: bool,
    outside: bool,
    widen: OnWiden,
    unpinned: bool,
    changed: bool,
    poor: bool,
    fault: bool,
}

fn trouble() -> impl Strategy<Value = Trouble> {
    let flag = || prop::bool::weighted(0.15);
    (
        (flag(), flag(), flag(), flag()),
        (prop::sample::select(OnWiden::ALL), flag(), flag(), flag(), flag()),
    )
        .prop_map(
            |((contained, stale, late, outside), (widen, unpinned, changed, poor, fault))| {
                Trouble { contained, stale, late, outside, widen, unpinned, changed, poor, fault }
            },
        )
}

fn findings() -> impl Strategy<Value = Vec<DriftFinding>> {
    let finding = (prop::sample::select(&DETECTORS[..]), 0_u8..3).prop_map(|(detector, kind)| {
        let reason = Reason::new(ReasonCode::Drift, detector, detector_source(detector));
        let verdict = match kind {
            0 => Verdict::allow(),
            1 => Verdict::hold(reason),
            _ => Verdict::deny(reason),
        };
        DriftFinding { detector, verdict }
    });
    prop::collection::vec(finding, 0..4)
}

fn exceptions() -> impl Strategy<Value = Vec<Exception>> {
    let exception = (prop::sample::select(&DETECTORS[..]), any::<bool>(), -5_i64..5).prop_map(
        |(detector, own, until)| Exception {
            id: ExceptionId::new(ulid()),
            identity: if own { "ann" } else { "bob" }.parse().unwrap(),
            detector: detector.to_owned(),
            owner: "pat".parse().unwrap(),
            reason: "month end".to_owned(),
            until: at(until),
        },
    );
    prop::collection::vec(exception, 0..4)
}

fn charter() -> Charter {
    Charter {
        identity: "ann".parse().unwrap(),
        kind: IdentityKind::Agent,
        class: "interactive-agent".parse().unwrap(),
        owner: "team".to_owned(),
        purpose: "Test".to_owned(),
        proof: Vec::new(),
        templates: BTreeSet::new(),
        servers: BTreeSet::from(["s".parse().unwrap()]),
        targets: BTreeSet::new(),
        delegates_to: BTreeSet::new(),
    }
}

fn task(trouble: Trouble) -> Task {
    let line = AllowLine {
        server: "s".parse().unwrap(),
        tools: vec![if trouble.outside { "other" } else { "t" }.parse().unwrap()],
        resources: Vec::new(),
        prompts: Vec::new(),
        leases: Vec::new(),
        max: None,
        when: None,
        source: "t.toml:1".to_owned(),
    };
    let layer = Layer {
        day: None,
        identity: "ann".parse().unwrap(),
        template: "t".parse().unwrap(),
        purpose: "Test".to_owned(),
        params: BTreeMap::new(),
        servers: charter().servers,
        targets: BTreeSet::new(),
        lines: vec![line],
    };
    let calls = if trouble.poor { 0 } else { 9 };
    Task {
        id: bailiwick_model::TaskId::new(ulid()),
        identity: "ann".parse().unwrap(),
        via: Vec::new(),
        template: "t".parse().unwrap(),
        purpose: "Test".to_owned(),
        opener: Opener::Itself,
        params: BTreeMap::new(),
        parent: None,
        above: Vec::new(),
        opened: at(-60),
        deadline: at(if trouble.late { 0 } else { 3600 }),
        idle: None,
        calendars: Vec::new(),
        grant: Grant {
            layers: vec![layer],
            budget: Budget { calls: Some(calls), bytes_out: None },
            on_widen: trouble.widen,
            mode: Mode::Enforce,
        },
        generation: 3,
        status: TaskStatus::Open,
        on_behalf: None,
        people: BTreeSet::new(),
    }
}

fn request(task: &Task, trouble: Trouble) -> AccessRequest {
    let action =
        Action { server: "s".parse().unwrap(), kind: ActionKind::Tool, name: "t".to_owned() };
    let version = u8::from(trouble.changed);
    AccessRequest {
        caller: Caller {
            identity: task.identity.clone(),
            via: Vec::new(),
            task: task.id.clone(),
            generation: if trouble.stale { 2 } else { 3 },
            credentials: BTreeSet::new(),
            exposed: false,
        },
        call: CallDigest::of(&action, &Json::Null),
        action,
        facts: ActionFacts {
            reading_credential: false,
            effects: BTreeSet::new(),
            sensitivity: Sensitivity::Internal,
            results_trusted: true,
            reversible: true,
            reach: Reach::Own,
            environment: Environment::Development,
        },
        resources: BTreeSet::new(),
        destinations: BTreeSet::new(),
        arguments: Json::Object(BTreeMap::new()),
        bytes_out: 0,
        offered: Offered::Tool { definition: Digest::of(&[version]), executable: None },
        faults: trouble.fault.then(|| "`/a/../b`".to_owned()).into_iter().collect(),
    }
}

fn snapshot(trouble: Trouble, exceptions: Vec<Exception>) -> Snapshot {
    let policies =
        PolicySet::compile(&[], PolicyOptions { builtin_permit: true }).expect("no policies");
    let pin = Pin {
        digest: Digest::of(&[0]),
        executable: None,
        status: if trouble.unpinned { PinStatus::Waiting } else { PinStatus::Accepted },
        at: at(0),
        by: "pat".to_owned(),
    };
    let ann: bailiwick_model::IdentityId = "ann".parse().unwrap();
    Snapshot {
        policies: Arc::new(policies),
        access: Arc::default(),
        charters: BTreeMap::from([(ann.clone(), Arc::new(charter()))]),
        templates: BTreeMap::new(),
        contained: trouble
            .contained
            .then_some(bailiwick_model::Subject::Identity(ann))
            .into_iter()
            .collect(),
        lowered: Vec::new(),
        pins: BTreeMap::from([("s".parse().unwrap(), BTreeMap::from([("t".to_owned(), pin)]))]),
        facts: Vec::new(),
        exceptions,
        bound_tokens: BTreeMap::new(),
    }
}

/// Judges one call and gives its verdict.
fn judge(trouble: Trouble, found: &[DriftFinding], exceptions: Vec<Exception>) -> Verdict {
    let task = task(trouble);
    let request = request(&task, trouble);
    let program = Arc::new(GrantProgram::compile(&task.grant).unwrap());
    let mut state = TaskState::resume(task, program, Memory::default());
    let names = Names { decision: DecisionId::new(ulid()), hold: HoldId::new(ulid()) };
    let snapshot = snapshot(trouble, exceptions);
    let made = decide_with(&snapshot, &mut state, &request, (names, &|_| found.to_vec()), at(0));
    match made.outcome {
        Outcome::Forward(..) => Verdict::allow(),
        Outcome::Hold(_, why) => Verdict::Hold(why),
        Outcome::Refuse(why) => Verdict::Deny(why),
    }
}

/// A call that nothing speaks against.
const CALM: Trouble = Trouble {
    contained: false,
    stale: false,
    late: false,
    outside: false,
    widen: OnWiden::Deny,
    unpinned: false,
    changed: false,
    poor: false,
    fault: false,
};

#[test]
fn a_task_is_not_idle_while_a_caller_stays_with_its_call() {
    let task = Task { idle: Some(std::time::Duration::from_secs(60)), ..task(CALM) };
    let program = Arc::new(GrantProgram::compile(&task.grant).unwrap());
    let mut state = TaskState::resume(task, program, Memory::default());
    crate::stay(&mut state);
    assert_eq!(crate::tick(&mut state, at(100)), []);
    crate::observe(&mut state, at(100));
    assert_eq!(crate::tick(&mut state, at(159)), [], "its leaving counts as the last activity");
    assert!(!crate::tick(&mut state, at(160)).is_empty());
}

/// Gives what is said against a call that goes on, where a person approved `approved` of it.
fn against(trouble: Trouble, approved: &BTreeSet<Reason>) -> BTreeSet<Reason> {
    let task = task(trouble);
    let request = request(&task, trouble);
    let program = Arc::new(GrantProgram::compile(&task.grant).unwrap());
    let state = TaskState::resume(task, program, Memory::default());
    let snapshot = snapshot(trouble, Vec::new());
    let approved = |why: &BTreeSet<Reason>| why == approved;
    let stands = still_stands(&snapshot, &state, &request, approved, at(0));
    stands.err().map(|it| it.reasons).unwrap_or_default()
}

fn without_drift(verdict: &Verdict) -> BTreeSet<Reason> {
    verdict.reasons().into_iter().filter(|it| it.code != ReasonCode::Drift).collect()
}

proptest! {
    /// Law 8.
    #[test]
    fn an_exception_never_changes_a_deny_that_other_steps_said(
        trouble in trouble(),
        found in findings(),
        exceptions in exceptions(),
    ) {
        let plain = judge(trouble, &[], Vec::new());
        let with = judge(trouble, &found, exceptions);
        if let Verdict::Deny(why) = &plain {
            prop_assert_eq!(with.kind(), VerdictKind::Deny);
            prop_assert_eq!(&without_drift(&with), why);
        }
        prop_assert!(plain.kind() <= with.kind(), "findings and exceptions made it milder");
    }

    #[test]
    fn an_exception_softens_its_own_detector_for_its_own_identity_until_its_end(
        found in findings(),
        exceptions in exceptions(),
    ) {
        let excused = |it: &&DriftFinding| {
            exceptions.iter().any(|exception| {
                exception.detector == it.detector
                    && exception.identity.as_str() == "ann"
                    && at(0) < exception.until
            })
        };
        let counting = found.iter().filter(|it| !excused(it));
        let expected = combine(counting.map(|it| it.verdict.clone()));
        prop_assert_eq!(judge(CALM, &found, exceptions.clone()), expected);
    }

    #[test]
    fn what_goes_on_stands_exactly_as_long_as_it_would_be_let_through_were_it_paid_for(
        trouble in trouble(),
    ) {
        let paid = Trouble { poor: false, ..trouble };
        let (verdict, nothing) = (judge(paid, &[], Vec::new()), BTreeSet::new());
        match verdict {
            Verdict::Allow(_) => prop_assert_eq!(against(trouble, &nothing), nothing),
            Verdict::Hold(why) => {
                prop_assert_eq!(against(trouble, &why), nothing.clone());
                let fell = against(trouble, &nothing);
                prop_assert!(why.is_subset(&fell) && why.len() < fell.len());
            }
            Verdict::Deny(why) => prop_assert_eq!(against(trouble, &why), why),
        }
    }

    #[test]
    fn the_order_of_the_steps_never_changes_a_verdict(
        verdicts in prop::collection::vec((0_u8..3, 0_u8..4), 0..8)
            .prop_flat_map(|it| (Just(it.clone()), Just(it).prop_shuffle())),
    ) {
        let read = |list: Vec<(u8, u8)>| {
            combine(list.into_iter().map(|(kind, reason)| {
                let reason = Reason::new(ReasonCode::Fault, "why", reason.to_string());
                match kind {
                    0 => Verdict::allow(),
                    1 => Verdict::hold(reason),
                    _ => Verdict::deny(reason),
                }
            }))
        };
        let (one, other) = verdicts;
        prop_assert_eq!(read(one), read(other));
    }
}

#[test]
fn what_a_tasks_calls_share_is_kept_only_while_it_works() {
    let task = task(CALM);
    let request = request(&task, CALM);
    let program = Arc::new(GrantProgram::compile(&task.grant).unwrap());
    let mut state = TaskState::resume(task, program, Memory::default());
    let snapshot = snapshot(CALM, Vec::new());
    let decided = |state: &mut TaskState| {
        let names = Names { decision: DecisionId::new(ulid()), hold: HoldId::new(ulid()) };
        let made = decide(&snapshot, state, &request, names, at(0));
        assert!(matches!(made.outcome, Outcome::Forward(..)));
        state.briefs.len()
    };
    assert_eq!(decided(&mut state), 1);
    assert_eq!(decided(&mut state), 1, "the same serves again");
    let _nothing_ends = life::tick(&mut state, at(59));
    assert_eq!(state.briefs.len(), 1);
    let _nothing_ends = life::tick(&mut state, at(60));
    assert!(state.task.is_open() && state.briefs.is_empty(), "it rests");
    assert_eq!(decided(&mut state), 1);
    let _ended = life::end(&mut state, bailiwick_model::EndCause::Asked, at(61));
    assert!(state.briefs.is_empty());
}
