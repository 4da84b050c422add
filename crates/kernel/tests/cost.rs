//! What a decision costs, however many policies there are.
//!
//! Processor time of this thread, which waits for nobody: other work on the machine hardly shows
//! in it. The least of several turns counts, and small and large take turns.
#![expect(
    clippy::arithmetic_side_effects,
    clippy::unwrap_used,
    reason = "what is broken in a test should stop it, and its numbers are small"
)]

use std::{fmt::Write as _, fs, sync::Arc};

use bailiwick_kernel::{Names, Outcome, Snapshot, TaskState};
use bailiwick_model::{AccessRequest, DecisionId, HoldId, Timestamp, Ulid};
use bailiwick_policy::{PolicyOptions, PolicySet, PolicySource};
use bailiwick_testkit::{Event, Scenario, Stage};

const WORLD: &str = "
charter ann templates=all servers=s1
template all max=4h
  allow s1 a
open t0 as ann template=all
call s1 a
";
/// Policies about everybody: they can never be passed over.
const COMMON: usize = 5;
const TURNS: usize = 8;
/// So many take many times as long as the steps in which processor time is told.
const DECISIONS: u64 = 5000;
/// Far above what an unoptimised build needs today, far below what asking every policy would.
const CEILING_NANOS: u64 = 500_000;

/// Writes `count` policies, all but a few each about a caller of its own.
fn policies(count: usize) -> Arc<PolicySet> {
    let mut text = String::new();
    for number in 0..count {
        let who = match number {
            0..COMMON => "principal".to_owned(),
            _ => format!("principal == Identity::\"other-{number}\""),
        };
        let condition = "resource.sensitivity_rank >= 3";
        writeln!(
            text,
            "@id(\"p{number}\") forbid ({who}, action, resource) when {{ {condition} }};"
        )
        .unwrap();
    }
    let source = PolicySource { name: "many.cedar".to_owned(), text };
    Arc::new(PolicySet::compile(&[source], PolicyOptions::default()).unwrap())
}

/// Gives the processor time that this thread has had, in nanoseconds; none where nobody counts it.
fn processor_time() -> Option<u64> {
    let line = fs::read_to_string("/proc/thread-self/schedstat").ok()?;
    line.split_whitespace().next()?.parse().ok().filter(|it| *it != 0)
}

/// A task, its call, and what decisions look at.
struct Asked {
    snapshot: Snapshot,
    state: TaskState,
    request: AccessRequest,
    now: Timestamp,
}

/// Gives a call that is allowed.
fn asked(count: usize) -> Asked {
    let scenario = Scenario::parse(WORLD).unwrap();
    let mut stage = Stage::new(scenario.world);
    let mut request = None;
    for line in scenario.lines {
        assert_eq!(stage.play(&line.event).word, "allow");
        if let Event::Call(call) = line.event {
            request = stage.asks("t0", &call);
        }
    }
    let state = stage.task("t0").unwrap().clone();
    let (snapshot, now) = (stage.snapshot.clone(), stage.clock.now());
    let snapshot = Snapshot { policies: policies(count), ..snapshot };
    Asked { snapshot, state, request: request.unwrap(), now }
}

/// Decides again and again, and gives what one decision took.
fn turn(asked: &mut Asked) -> Option<u64> {
    let Asked { snapshot, state, request, now } = asked;
    let ulid = Ulid::new(Timestamp::default(), [7; 10]);
    let before = processor_time()?;
    for _ in 0..DECISIONS {
        let names = Names { decision: DecisionId::new(ulid), hold: HoldId::new(ulid) };
        let decision = bailiwick_kernel::decide(snapshot, state, request, names, *now);
        assert!(matches!(decision.outcome, Outcome::Forward(..)));
        bailiwick_kernel::observe(state, *now);
    }
    Some((processor_time()? - before) / DECISIONS)
}

#[test]
fn a_decision_costs_the_same_with_ten_thousand_policies_as_with_ten() {
    let (mut few, mut many) = (asked(10), asked(10_000));
    let turns: Option<Vec<(u64, u64)>> =
        (0..TURNS).map(|_| Some((turn(&mut few)?, turn(&mut many)?))).collect();
    let Some(turns) = turns else {
        eprintln!("NOT MEASURED: nobody counts a thread's processor time here");
        return;
    };
    let least = |of: fn(&(u64, u64)) -> u64| turns.iter().map(of).min().unwrap();
    let (few, many) = (least(|it| it.0), least(|it| it.1));
    eprintln!("{few} ns with 10 policies, {many} ns with 10,000");
    assert!(many < few * 2, "{many} ns with 10,000 policies, {few} ns with 10");
    assert!(many < CEILING_NANOS, "{many} ns with 10,000 policies");
}
