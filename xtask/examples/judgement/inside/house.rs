//! A house whose agents may do little, each under a policy of its own: what is judged by, and what
//! is asked.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt::Write as _,
    sync::Arc,
};

use anyhow::Context as _;
use bailiwick_kernel::{Snapshot, TaskState};
use bailiwick_model::{AccessRequest, Json};
use bailiwick_policy::{PolicyOptions, PolicySet, PolicySource};
use bailiwick_testkit::{Scenario, Stage, build};

/// Who calls.
const WORLD: &str = r#"
charter agent-0 templates=keep-notes servers=notes
template keep-notes max=4h
  allow notes read_note when context.input.path like "/team/*"
open t0 as agent-0 template=keep-notes
"#;
/// What is written about everybody. None of it stands in the way of what is asked here.
const COMMON: [&str; 5] = [
    r#"@id("export-needs-approval") @hold("external export of confidential data")
forbid (principal, action in Action::"egress", resource)
when { resource.sensitivity_rank >= 2 } unless { context.approval.granted };"#,
    r#"@id("deletion-needs-approval") @hold("deletion")
forbid (principal, action in Action::"delete", resource) unless { context.approval.granted };"#,
    r#"@id("no-reading-during-a-freeze")
forbid (principal, action in Action::"read", resource)
when { context.environment == "production" && context.facts.contains("change-freeze") };"#,
    r#"@id("no-moving-in-production")
forbid (principal, action in [Action::"read", Action::"write"], resource)
when { context.environment == "production" };"#,
    r#"@id("restricted")
forbid (principal, action, resource) when { resource.sensitivity_rank >= 3 };"#,
];
const NAME: &str = "house.cedar";
/// How many permits one agent has, each for one note.
pub(super) const NOTES: usize = 16;
/// How much of something a permit lets an agent ask for.
const AMOUNT: i64 = 100;
/// As many notes again, for which there is none.
const ALL_NOTES: usize = 2 * NOTES;
/// How many calls there are: each note with an amount that a permit lets through, and with one
/// that none does.
pub(super) const CALLS: usize = 2 * ALL_NOTES;

/// What is judged by, and what is asked.
pub(super) struct House {
    /// The policies, as they are written.
    pub(super) text: String,
    pub(super) snapshot: Snapshot,
    pub(super) state: TaskState,
    /// Calls that are allowed, and as many that no policy permits.
    pub(super) requests: Vec<AccessRequest>,
}

impl House {
    /// Makes a house with that many policies.
    pub(super) fn of(policies: usize) -> anyhow::Result<Self> {
        let scenario = Scenario::parse(WORLD).map_err(anyhow::Error::msg)?;
        let mut stage = Stage::new(scenario.world);
        scenario.lines.iter().for_each(|it| drop(stage.play(&it.event)));
        let state = stage.task("t0").context("the task did not open")?.clone();
        let text = policies_of(policies)?;
        let policies = compiled(&text)?;
        let requests = (0..CALLS).map(|it| request(&state, it)).collect();
        Ok(Self { text, snapshot: Snapshot { policies, ..stage.snapshot }, state, requests })
    }
}

/// Compiles the policies as a governor does.
pub(super) fn compiled(text: &str) -> anyhow::Result<Arc<PolicySet>> {
    let source = PolicySource { name: NAME.to_owned(), text: text.to_owned() };
    let options = PolicyOptions { builtin_permit: false };
    let set = PolicySet::compile(&[source], options);
    Ok(Arc::new(set.map_err(|errors| anyhow::anyhow!("{errors:?}"))?))
}

/// Compiles the policies once more, after the last one let more through.
pub(super) fn changed(house: &House) -> anyhow::Result<PolicySet> {
    let (before, after) = house.text.rsplit_once("<= 100").context("there is nothing to change")?;
    let source = PolicySource { name: NAME.to_owned(), text: format!("{before}<= 101{after}") };
    let options = PolicyOptions { builtin_permit: false };
    let set = PolicySet::compile_after(Some(&house.snapshot.policies), &[source], options);
    set.map_err(|errors| anyhow::anyhow!("{errors:?}"))
}

/// Writes a few policies about everybody, and permits for one agent after the other, each for one
/// tool and one note.
fn policies_of(policies: usize) -> anyhow::Result<String> {
    let mut text = COMMON.join("\n");
    for number in 0..policies.saturating_sub(COMMON.len()) {
        let (agent, note) = (number / NOTES, number % NOTES);
        write!(
            text,
            "
@id(\"agent-{agent}-note-{note}\")
permit (principal == Identity::\"agent-{agent}\", action == Action::\"notes__read_note\", resource == Resource::\"notes:/team/note-{note}\")
when {{ context.task.template == \"keep-notes\" && context.input.amount <= {AMOUNT} }};"
        )?;
    }
    Ok(text)
}

/// Gives one call.
fn request(state: &TaskState, number: usize) -> AccessRequest {
    let path = format!("/team/note-{}", number % ALL_NOTES);
    let amount = if number < ALL_NOTES { AMOUNT } else { AMOUNT.saturating_add(1) };
    let arguments = BTreeMap::from([
        ("path".to_owned(), Json::Text(path.clone())),
        ("amount".to_owned(), Json::Int(amount.into())),
    ]);
    let action = build::tool("notes", "read_note");
    let request = build::request(state.task(), action, Json::Object(arguments));
    AccessRequest { resources: BTreeSet::from([path]), bytes_out: 40, ..request }
}
