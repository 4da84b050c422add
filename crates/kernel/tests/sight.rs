//! What a task sees depends on nothing but the snapshot, what is offered, and its sight.

use std::collections::BTreeMap;

use bailiwick_model::Offered;
use bailiwick_testkit::{Stage, build, strategies};
use proptest::prelude::*;

/// Gives what each task looks with, and which tools it sees, by what that may depend on.
fn seen(stage: &Stage) -> Vec<(String, Vec<bool>)> {
    let (snapshot, now) = (&stage.snapshot, stage.clock.now());
    let tools = &stage.world().tools;
    let mut all = Vec::new();
    for label in (0..8).map(|it| format!("t{it}")) {
        let Some(state) = stage.task(&label) else { continue };
        for (server, _) in tools {
            let sight = bailiwick_kernel::sight(snapshot, state, server, now);
            let could = |(server, tool, offered): (_, &String, Offered)| {
                let (action, facts) = (build::tool(server, tool), build::facts());
                bailiwick_kernel::could_ever(snapshot, state, &action, (&facts, offered), now)
            };
            let of_server = tools.iter().filter(|(it, _)| it == server);
            let offers = of_server.flat_map(|(server, tool)| {
                [1, 2].map(|it| (server.as_str(), tool, build::offered(it)))
            });
            let under = format!(
                "{label} {server} {sight:?} {} {:?} {:?} {:?} {:?}",
                snapshot.policies.version(),
                snapshot.charters,
                snapshot.contained,
                snapshot.pins,
                snapshot.facts
            );
            all.push((under, offers.map(could).collect()));
        }
    }
    all
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(120))]
    #[test]
    fn what_a_task_sees_changes_with_nothing_but_what_it_is_kept_under(
        world in strategies::world(), events in strategies::events(40),
    ) {
        let mut stage = Stage::new(world);
        let mut before: BTreeMap<String, Vec<bool>> = BTreeMap::new();
        for event in &events {
            stage.play(event);
            for (under, tools) in seen(&stage) {
                let then = before.entry(under.clone()).or_insert_with(|| tools.clone());
                prop_assert_eq!(&*then, &tools, "after {:?}: {}", event, under);
            }
        }
    }
}
