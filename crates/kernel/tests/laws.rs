//! The laws of the design that the kernel keeps, each as a property.
#![expect(
    clippy::arithmetic_side_effects,
    clippy::panic,
    clippy::unwrap_used,
    reason = "what is broken in a test should stop it, and its numbers are small"
)]

use std::{collections::BTreeSet, time::Duration};

use bailiwick_kernel::{DEPTH_MAX, Names, Outcome, Permit, PermitError, TaskState};
use bailiwick_model::{
    AccessRequest, ActionKind, Budget, DecisionId, EndCause, HoldId, Json, Mode, Offered, Spend,
    Subject, Timestamp, Ulid, VerdictKind,
};
use bailiwick_testkit::{
    By, CallLine, Event, OpenLine, Scenario, Stage, build, script, strategies,
};
use proptest::{collection, prelude::*, test_runner::FileFailurePersistence};

fn config(cases: u32) -> ProptestConfig {
    ProptestConfig {
        cases,
        max_shrink_iters: 2000,
        failure_persistence: Some(Box::new(FileFailurePersistence::Direct(
            "tests/laws.proptest-regressions",
        ))),
        ..ProptestConfig::default()
    }
}

const OPEN_WORLD: &str = "
charter ann templates=all servers=s1,s2
template all max=4h
  allow s1 a,b,c
  allow s2 a,b,c
open t0 as ann template=all
";

/// Gives a stage in which one task may call everything.
fn open_stage() -> Stage {
    let scenario = Scenario::parse(OPEN_WORLD).unwrap();
    let mut stage = Stage::new(scenario.world);
    scenario.lines.iter().for_each(|it| assert_eq!(stage.play(&it.event).word, "allow"));
    stage
}

fn names() -> Names {
    let ulid = Ulid::new(Timestamp::default(), [7; 10]);
    Names { decision: DecisionId::new(ulid), hold: HoldId::new(ulid) }
}

/// Decides a call, and gives its permit.
fn permit(stage: &Stage, state: &mut TaskState, request: &AccessRequest) -> Permit {
    let now = stage.clock.now();
    match bailiwick_kernel::decide(&stage.snapshot, state, request, names(), now).outcome {
        Outcome::Forward(permit, _) => permit,
        other @ (Outcome::Hold(..) | Outcome::Refuse(_)) => panic!("not allowed: {other:?}"),
    }
}

proptest! {
    #![proptest_config(config(200))]

    /// Law 1. That a permit cannot be made or copied is shown where it is defined.
    #[test]
    fn permit_is_spent_once_on_its_digest(
        line in strategies::call_line(),
        other in strategies::call_line(),
        millis in 0_i64..30_000,
    ) {
        let line = CallLine { as_: None, stale: false, ..line };
        let stage = open_stage();
        let mut state = stage.task("t0").unwrap().clone();
        let request = stage.asks("t0", &line).unwrap();
        let others = stage.asks("t0", &other).unwrap().call;
        let made = stage.clock.now();
        let later = Timestamp::from_millis(made.millis() + millis);
        let authority = state.authority();

        let spent = permit(&stage, &mut state, &request).spend(&request.call, authority, later);
        let expected = if millis < 10_000 { Ok(()) } else { Err(PermitError::Expired) };
        prop_assert_eq!(spent, expected);

        let spent = permit(&stage, &mut state, &request).spend(&others, authority, made);
        let expected = if others == request.call { Ok(()) } else { Err(PermitError::OtherCall) };
        prop_assert_eq!(spent, expected);

        let unspent = permit(&stage, &mut state, &request);
        let ended = bailiwick_kernel::end(&mut state, EndCause::Asked, made);
        prop_assert!(!ended.is_empty());
        let spent = unspent.spend(&request.call, state.authority(), made);
        prop_assert_eq!(spent, Err(PermitError::Withdrawn));

        let mut state = stage.task("t0").unwrap().clone();
        let unspent = permit(&stage, &mut state, &request);
        state.withdraw_permits();
        let spent = unspent.spend(&request.call, state.authority(), made);
        prop_assert_eq!(spent, Err(PermitError::Withdrawn));
    }

    /// Law 3, the kernel's half: one verdict, the one on record, and it is the strictest step's.
    #[test]
    fn every_decision_carries_exactly_one_verdict_and_records_it(
        world in strategies::world(),
        events in strategies::events(40),
    ) {
        let mut stage = Stage::new(world);
        for event in &events {
            stage.judged = None;
            let seen = stage.play(event);
            let Some(judged) = stage.judged.take() else { continue };
            prop_assert_eq!(judged.verdict.as_str(), seen.word);
            prop_assert_eq!(judged.verdict == VerdictKind::Hold, judged.hold.is_some());
            let allowed = judged.verdict == VerdictKind::Allow;
            prop_assert_eq!(judged.spend == Spend::default(), !allowed);
            prop_assert!(allowed || judged.approval.is_none());
            let strictest =
                judged.steps.iter().filter(|it| !it.observed).map(|it| it.verdict).max();
            let expected = match &judged.approval {
                Some(_) => VerdictKind::Hold,
                None => judged.verdict,
            };
            prop_assert_eq!(strictest, Some(expected));
            if !allowed {
                let on_record: BTreeSet<_> = judged
                    .steps
                    .iter()
                    .filter(|it| !it.observed && it.verdict == judged.verdict)
                    .flat_map(|it| it.reasons.iter().map(|it| it.code))
                    .collect();
                prop_assert!(seen.codes.is_subset(&on_record), "{:?} of {judged:?}", seen.codes);
                prop_assert!(!seen.codes.is_empty(), "no reason in {judged:?}");
            }
        }
    }

    /// Law 4, for one gateway.
    #[test]
    fn after_end_or_contain_no_later_call_is_allowed(
        world in strategies::world(),
        events in strategies::events(50),
    ) {
        let mut stage = Stage::new(world);
        for (place, event) in events.iter().enumerate() {
            let over: BTreeSet<String> = stage
                .tasks()
                .filter(|(_, it)| {
                    let task = it.task();
                    !task.is_open() || !stage.snapshot.contained_of_task(task).is_empty()
                })
                .map(|(label, _)| label.to_owned())
                .collect();
            let again = stage.last_call().filter(|_| *event == Event::Retry);
            let asked =
                if let Event::Call(line) = event { Some(line.clone()) } else { again };
            let stands_on_contained = asked.is_some_and(|line| contained(&stage, &line));
            let before = stage.sent.len();
            stage.play(event);
            let sent = stage.sent.get(before..).unwrap_or_default();
            prop_assert!(sent.is_empty() || !stands_on_contained, "{event} was allowed");
            if let Some((label, _)) = sent.iter().find(|(label, _)| over.contains(label)) {
                let played = events.iter().take(place + 1).map(|it| (it, None));
                let played = script(stage.world(), played);
                prop_assert!(false, "`{label}` acts after its end:\n{played}");
            }
        }
    }

    /// An end is final, whatever the clock says afterwards.
    #[test]
    fn a_clock_that_runs_backwards_opens_nothing_again(
        world in strategies::world(),
        events in strategies::events(40),
        back in 1_u64..100_000,
        line in strategies::call_line(),
    ) {
        let mut stage = Stage::new(world);
        for event in &events {
            stage.play(event);
        }
        stage.play(&Event::Tick);
        let ended: Vec<String> = stage
            .tasks()
            .filter(|(_, it)| !it.task().is_open())
            .map(|(label, _)| label.to_owned())
            .collect();
        stage.play(&Event::Back(Duration::from_secs(back)));
        for label in &ended {
            stage.play(&Event::In(label.clone()));
            prop_assert_eq!(stage.play(&Event::Call(line.clone())).word, "deny");
            stage.play(&Event::Restart);
            prop_assert_eq!(stage.play(&Event::Call(line.clone())).word, "deny");
        }
    }

    /// Law 6.
    #[test]
    fn a_child_never_reaches_further_than_its_parent(
        world in strategies::world(),
        opens in collection::vec(strategies::open_line(), 1..7),
        calls in collection::vec(strategies::call_line(), 1..12),
    ) {
        let mut stage = Stage::new(world);
        let mut above: Option<(String, Stage)> = None;
        for (place, open) in opens.into_iter().enumerate() {
            let under = above.as_ref().map(|(label, _)| label.clone());
            let by = open.by.filter(|it| matches!(it, By::Token(_)));
            let line = OpenLine { label: format!("t{place}"), under, by, ..open };
            let before = stage.clone();
            if stage.play(&Event::Open(line.clone())).word != "allow" {
                continue;
            }
            let child = stage.task(&line.label).unwrap().task().clone();
            prop_assert!(child.via.len() <= DEPTH_MAX);
            if let Some((parent_label, _)) = &above {
                let parent = before.task(parent_label).unwrap();
                prop_assert!(child.deadline <= parent.task().deadline);
                prop_assert_eq!(&child.via[1..], parent.task().via.as_slice());
                prop_assert!(child.grant.layers.len() == parent.task().grant.layers.len() + 1);
                narrower(child.grant.budget, parent.left())?;
                for call in &calls {
                    let call = Event::Call(CallLine { as_: None, stale: false, ..call.clone() });
                    let (mut below, mut beside) = (stage.clone(), before.clone());
                    beside.play(&Event::In(parent_label.clone()));
                    let (by_child, by_parent) = (below.play(&call), beside.play(&call));
                    prop_assert!(
                        by_child.word != "allow" || by_parent.word == "allow",
                        "{call}: the child may, the parent: {by_parent}"
                    );
                }
            }
            above = Some((line.label, before));
        }
    }

    /// Law 12, for one gateway: across children, give-back and restarts.
    #[test]
    fn budgets_are_never_overspent_by_one_unit(
        world in strategies::world(),
        events in strategies::events(60),
    ) {
        let mut stage = Stage::new(world);
        for event in &events {
            stage.play(event);
            for (label, state) in stage.tasks() {
                if state.task().grant.mode != Mode::Enforce {
                    continue;
                }
                let below = |it: &str| {
                    std::iter::successors(Some(it), |it| stage.parent(it)).any(|it| it == label)
                };
                let spent = stage
                    .sent
                    .iter()
                    .filter(|(it, _)| below(it))
                    .fold(Spend::default(), |all, (_, it)| all.plus(*it));
                for layer in &state.task().grant.layers {
                    let Some(day) = &layer.day else { continue };
                    // What only observes is counted, and not stopped.
                    let shares = |it: &TaskState| {
                        it.task().grant.mode != Mode::Enforce
                            && it.day_keys().contains(&(layer.identity.clone(), layer.template.clone()))
                    };
                    if stage.tasks().any(|(_, it)| shares(it)) {
                        continue;
                    }
                    let (identity, template) = (&layer.identity, &layer.template);
                    let shared = stage.sent_in_a_day(identity, template, day);
                    prop_assert!(
                        shared.iter().all(|spent| day.limit.covers(*spent)),
                        "days of `{template}` of `{identity}`: {shared:?} of {:?}",
                        day.limit
                    );
                }
                prop_assert!(
                    state.task().grant.budget.covers(spent),
                    "{label} and those below it spent {spent:?} of {:?}",
                    state.task().grant.budget
                );
            }
        }
    }

    /// Law 15, the kernel's half: nothing that can be asked makes it panic.
    #[test]
    fn no_request_makes_it_panic(
        arguments in strategies::json(),
        (name, resources, destinations) in (
            any::<String>(),
            collection::btree_set(any::<String>(), 0..4),
            collection::btree_set(any::<String>(), 0..4),
        ),
        (kind, offered) in (
            prop::sample::select(ActionKind::ALL),
            prop_oneof![
                Just(Offered::Nothing),
                Just(Offered::NotPinned),
                Just(build::offered(1)),
                Just(build::offered(2)),
            ],
        ),
        (bytes_out, generation, millis) in (any::<u64>(), any::<u64>(), any::<i64>()),
        faults in collection::vec(any::<String>(), 0..3),
    ) {
        let stage = open_stage();
        let mut state = stage.task("t0").unwrap().clone();
        let mut action = build::tool("s1", "a");
        action.kind = kind;
        if kind != ActionKind::Tool || !name.is_empty() {
            action.name = name;
        }
        let mut request = build::request(state.task(), action, arguments);
        request.resources = resources;
        request.destinations = destinations;
        request.offered = offered;
        request.bytes_out = bytes_out;
        request.caller.generation = generation;
        request.faults = faults;
        let now = Timestamp::from_millis(millis);
        let made = bailiwick_kernel::decide(&stage.snapshot, &mut state, &request, names(), now);
        if generation != 1 || !request.faults.is_empty() {
            prop_assert_eq!(made.judged.verdict, VerdictKind::Deny);
        }
    }
}

/// Says whether a call is made with, or on, something that is contained.
fn contained(stage: &Stage, line: &CallLine) -> bool {
    let contained = &stage.snapshot.contained;
    let tool = Subject::Tool(line.server.clone(), line.tool.parse().unwrap());
    let shown = line.with.iter().cloned().map(Subject::Credential);
    let who = line.as_.iter().cloned().map(Subject::Identity);
    let mut all = [Subject::Server(line.server.clone()), tool].into_iter().chain(shown).chain(who);
    all.any(|it| contained.contains(&it))
}

fn narrower(child: Budget, left: Budget) -> Result<(), TestCaseError> {
    let within = |one: Option<u64>, other: Option<u64>| match (one, other) {
        (_, None) => true,
        (Some(one), Some(other)) => one <= other,
        (None, Some(_)) => false,
    };
    prop_assert!(within(child.calls, left.calls), "{child:?} of {left:?}");
    prop_assert!(within(child.bytes_out, left.bytes_out), "{child:?} of {left:?}");
    Ok(())
}

/// A charter that shrinks takes authority from those below at once.
#[test]
fn a_child_loses_what_its_parents_charter_loses() {
    let scenario = Scenario::parse(
        "
        charter ann templates=t servers=s,r delegates=bob
        charter bob templates=t servers=s,r
        template t
          allow s x
          allow r x
        open one as ann template=t
        open two as bob template=t under one
        call s x
        ",
    )
    .unwrap();
    let mut stage = Stage::new(scenario.world);
    let last: Vec<_> = scenario.lines.iter().map(|it| stage.play(&it.event)).collect();
    assert_eq!(last.last().unwrap().word, "allow");

    let ann: bailiwick_model::IdentityId = "ann".parse().unwrap();
    let mut smaller = (**stage.snapshot.charters.get(&ann).unwrap()).clone();
    smaller.servers.retain(|it| it.as_str() != "s");
    stage.snapshot.charters.insert(ann.clone(), smaller.into());
    assert_eq!(stage.play(&Event::Retry).to_string(), "deny outside_charter");

    stage.snapshot.charters.remove(&ann);
    assert_eq!(stage.play(&Event::Retry).to_string(), "deny outside_charter");
}

/// What is not a tool is not pinned, and a tool cannot pass for something that is not.
#[test]
fn a_tool_that_claims_not_to_be_pinned_is_denied() {
    let stage = open_stage();
    let mut state = stage.task("t0").unwrap().clone();
    let mut request = build::request(state.task(), build::tool("s1", "a"), Json::Null);
    request.offered = Offered::NotPinned;
    let now = stage.clock.now();
    let made = bailiwick_kernel::decide(&stage.snapshot, &mut state, &request, names(), now);
    assert_eq!(made.judged.verdict, VerdictKind::Deny);
}

/// A program that was pinned and can no longer be told is a changed program.
#[test]
fn a_pinned_program_that_is_not_known_any_more_is_held() {
    let mut stage = open_stage();
    let request =
        build::request(stage.task("t0").unwrap().task(), build::tool("s1", "a"), Json::Null);
    let server = &request.action.server;
    let pin = stage.snapshot.pins.get_mut(server).unwrap().get_mut("a").unwrap();
    pin.executable = Some(build::definition(9));
    let mut state = stage.task("t0").unwrap().clone();
    let now = stage.clock.now();
    let made = bailiwick_kernel::decide(&stage.snapshot, &mut state, &request, names(), now);
    assert_eq!(made.judged.verdict, VerdictKind::Hold);
}

/// A person's answer is part of the judgement that is recorded.
#[test]
fn a_persons_answer_is_on_record_as_a_step_of_its_own() {
    let mut stage = Stage::new(
        Scenario::parse(
            "
            charter ann templates=t servers=s
            template t widen=hold
              allow s x
            tool s y
            ",
        )
        .unwrap()
        .world,
    );
    let play = |stage: &mut Stage, line: &str| {
        let scenario = Scenario::parse(line).unwrap();
        scenario.lines.iter().for_each(|it| drop(stage.play(&it.event)));
        stage.judged.clone().and_then(|it| it.steps.last().cloned())
    };
    play(&mut stage, "open t as ann template=t\ncall s y {\"n\":1}\napprove h1 once 5m");
    let yes = play(&mut stage, "retry").unwrap();
    assert_eq!((yes.step.as_str(), yes.reasons[0].code.as_str()), ("answer", "approved"));
    play(&mut stage, "call s y {\"n\":2}\nrefuse h2");
    let no = play(&mut stage, "retry").unwrap();
    assert_eq!((no.step.as_str(), no.reasons[0].code.as_str()), ("answer", "refused"));
}
