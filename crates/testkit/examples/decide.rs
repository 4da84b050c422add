//! Decides one call again and again, as the lane's benchmark asks it: for profilers, and for the
//! clock where there is none.
//!
//! `cargo run --release --package bailiwick-testkit --example decide -- 1000 10000` decides ten
//! thousand calls beside a thousand policies, each for another note. Under callgrind,
//! `--toggle-collect='*decide_all*'` counts the decisions and nothing else.
#![expect(clippy::print_stdout, reason = "it is there to say what it measured")]

use std::{
    collections::{BTreeMap, BTreeSet},
    error::Error,
    fmt::Write as _,
    sync::Arc,
    time::{Duration, Instant},
};

use bailiwick_kernel::{Names, Outcome, Snapshot, TaskState};
use bailiwick_model::{AccessRequest, DecisionId, HoldId, Json, Timestamp, Ulid};
use bailiwick_policy::{PolicyOptions, PolicySet, PolicySource};
use bailiwick_testkit::{Scenario, Stage, build};

/// Who calls, in the words of what `init` writes.
const WORLD: &str = r#"
charter note-keeper templates=keep-notes servers=notes
template keep-notes max=4h widen=hold
  param note ^/team/[a-z0-9-]+$
  allow notes read_note when context.input.path like "/team/*"
  allow notes write_note when context.input.path == context.task.params.note
open t0 as note-keeper template=keep-notes note=/team/today
"#;
/// What is written about everybody: three policies of `init`, and two of the benchmark.
const COMMON: [&str; 5] = [
    r#"@id("export-needs-approval") @hold("external export of confidential data")
forbid (principal, action in Action::"egress", resource)
when { resource.sensitivity_rank >= 2 } unless { context.approval.granted };"#,
    r#"@id("deletion-needs-approval") @hold("deletion")
forbid (principal, action in Action::"delete", resource) unless { context.approval.granted };"#,
    r#"@id("no-writing-during-a-freeze")
forbid (principal, action in Action::"write", resource)
when { context.environment == "production" && context.facts.contains("change-freeze") };"#,
    r#"@id("global-export")
forbid (principal, action in Action::"egress", resource)
when { context.environment == "production" };"#,
    r#"@id("global-restricted")
forbid (principal, action, resource) when { resource.sensitivity_rank >= 3 };"#,
];
const NOTES: usize = 64;

fn main() -> Result<(), Box<dyn Error>> {
    let mut words = std::env::args().skip(1);
    let mut number = |or: usize| words.next().map_or(Ok(or), |it| it.parse());
    let (policies, decisions) = (number(1000)?, number(10_000)?);
    let (snapshot, mut state) = house(policies)?;
    let now = state.task().opened;
    let requests: Vec<_> = (0..NOTES).map(|it| request(&state, it)).collect();
    // What is made once is made before.
    decide_all(&snapshot, &mut state, &requests, NOTES, now);
    let mut took = decide_all(&snapshot, &mut state, &requests, decisions, now);
    took.sort_unstable();
    let at = |hundredths: usize| {
        let place = took.len().saturating_mul(hundredths).checked_div(100).unwrap_or(0);
        took.get(place).map_or(0, Duration::as_nanos)
    };
    println!("{policies} policies: p50 {} ns, p99 {} ns a decision", at(50), at(99));
    Ok(())
}

/// Gives the snapshot of a house with that many policies, and a task in it.
fn house(policies: usize) -> Result<(Snapshot, TaskState), Box<dyn Error>> {
    let scenario = Scenario::parse(WORLD)?;
    let mut stage = Stage::new(scenario.world);
    scenario.lines.iter().for_each(|it| drop(stage.play(&it.event)));
    let mut text = COMMON.join("\n");
    for number in COMMON.len()..policies {
        writeln!(
            text,
            "@id(\"scoped-{number}\") forbid (principal == Identity::\"other-{number}\", action, \
             resource) when {{ resource.sensitivity_rank >= 2 }};"
        )?;
    }
    let source = PolicySource { name: "house.cedar".to_owned(), text };
    let compiled = PolicySet::compile(&[source], PolicyOptions::default());
    let policies = Arc::new(compiled.map_err(|errors| format!("{errors:?}"))?);
    let state = stage.task("t0").ok_or("the task did not open")?.clone();
    Ok((Snapshot { policies, ..stage.snapshot }, state))
}

/// Gives the call for one note.
fn request(state: &TaskState, note: usize) -> AccessRequest {
    let path = format!("/team/note-{note}");
    let arguments = BTreeMap::from([("path".to_owned(), Json::Text(path.clone()))]);
    let action = build::tool("notes", "read_note");
    let request = build::request(state.task(), action, Json::Object(arguments));
    AccessRequest { resources: BTreeSet::from([path]), bytes_out: 40, ..request }
}

/// Decides, and gives how long each decision took.
#[inline(never)]
fn decide_all(
    snapshot: &Snapshot,
    state: &mut TaskState,
    requests: &[AccessRequest],
    decisions: usize,
    now: Timestamp,
) -> Vec<Duration> {
    let mut took = Vec::with_capacity(decisions);
    for request in requests.iter().cycle().take(decisions) {
        let ulid = Ulid::new(now, [7; 10]);
        let names = Names { decision: DecisionId::new(ulid), hold: HoldId::new(ulid) };
        let began = Instant::now();
        let made = bailiwick_kernel::decide(snapshot, state, request, names, now);
        took.push(began.elapsed());
        assert!(matches!(made.outcome, Outcome::Forward(..)), "{:?}", made.judged);
        bailiwick_kernel::observe(state, now);
    }
    took
}
