//! The kernel and the naive reference model agree on every event of random sequences.

use bailiwick_testkit::{Event, Reference, Stage, World, script, strategies};
use proptest::{prelude::*, test_runner::FileFailurePersistence};

fn config() -> ProptestConfig {
    ProptestConfig {
        // `PROPTEST_CASES` asks for more.
        cases: ProptestConfig::default().cases.max(500),
        max_shrink_iters: 4000,
        failure_persistence: Some(Box::new(FileFailurePersistence::Direct(
            "tests/reference.proptest-regressions",
        ))),
        ..ProptestConfig::default()
    }
}

/// A world and what happens in it; shown as a scenario that can be replayed.
struct Play(World, Vec<Event>);

impl std::fmt::Debug for Play {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(out, "\n{}", script(&self.0, self.1.iter().map(|it| (it, None))))
    }
}

fn play(most: usize) -> impl Strategy<Value = Play> {
    (strategies::world(), strategies::events(most)).prop_map(|(world, events)| Play(world, events))
}

/// Plays `events` on both; the error is a scenario that can be replayed.
fn agree(world: &World, events: &[Event]) -> Result<(), String> {
    let mut stage = Stage::new(world.clone());
    let mut reference = Reference::new(world.clone());
    let mut played = Vec::new();
    for event in events {
        let (seen, expected) = (stage.play(event), reference.play(event));
        let same = seen == expected;
        played.push((event, expected));
        if !same {
            let text = script(world, played.iter().map(|(event, seen)| (*event, Some(seen))));
            let left = (seen.left, played.last().and_then(|(_, it)| it.left));
            return Err(format!(
                "{text}# the kernel says `{seen}` instead; left, kernel and model: {left:?}"
            ));
        }
    }
    Ok(())
}

proptest! {
    #![proptest_config(config())]

    #[test]
    fn kernel_and_reference_model_agree_on_every_event(
        Play(world, events) in play(60),
    ) {
        if let Err(scenario) = agree(&world, &events) {
            let text = format!("they disagree on the last line of\n{scenario}");
            return Err(TestCaseError::fail(text));
        }
    }

    /// What is printed of a disagreement can be read back and says the same.
    #[test]
    fn a_printed_sequence_is_a_scenario_that_can_be_replayed(
        Play(world, events) in play(20),
    ) {
        let text = script(&world, events.iter().map(|it| (it, None)));
        let read = bailiwick_testkit::Scenario::parse(&text).unwrap();
        prop_assert_eq!(read.world.to_string(), world.to_string());
        let again: Vec<Event> = read.lines.into_iter().map(|it| it.event).collect();
        prop_assert_eq!(again, events);
    }
}

/// A model that never allows, or never ends a task, would agree with anything by accident.
#[test]
fn random_sequences_reach_every_verdict_and_every_end() {
    use std::collections::BTreeMap;

    use proptest::{strategy::ValueTree, test_runner::TestRunner};

    let mut runner = TestRunner::deterministic();
    let strategy = (strategies::world(), strategies::events(60));
    let mut met: BTreeMap<String, u32> = BTreeMap::new();
    for _ in 0..600 {
        let (world, events) = strategy.new_tree(&mut runner).unwrap().current();
        let mut reference = Reference::new(world);
        for event in &events {
            let seen = reference.play(event);
            let words = std::iter::once(seen.word.to_owned())
                .chain(seen.codes.iter().map(ToString::to_string))
                .chain(seen.ended.iter().map(|(_, cause)| format!("ended {cause}")));
            words.for_each(|it| *met.entry(it).or_default() += 1);
        }
    }
    let expected = [
        "allow",
        "hold",
        "deny",
        "contained",
        "not_the_owner",
        "stale_token",
        "task_ended",
        "past_deadline",
        "idle",
        "outside_calendar",
        "outside_charter",
        "outside_grant",
        "policy_forbids",
        "approval_needed",
        "not_offered",
        "changed",
        "over_budget",
        "refused",
        "too_many_open",
        "bad_param",
        "may_not_delegate",
        "no_such_task",
        "ended asked",
        "ended deadline",
        "ended idle",
        "ended calendar",
        "ended parent",
    ];
    let missing: Vec<_> = expected.iter().filter(|it| !met.contains_key(**it)).collect();
    assert!(missing.is_empty(), "{missing:?} never happen in {met:?}");
}
