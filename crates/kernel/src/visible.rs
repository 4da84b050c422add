//! What a task can see: only what it could ever be allowed to ask for.

use std::collections::BTreeSet;

use bailiwick_model::{Action, ActionFacts, ActionKind, OnWiden, PinStatus, Timestamp};
use bailiwick_policy::ListQuestion;

use crate::{Snapshot, TaskState};

/// Says whether some arguments, at some moment, after some approval, could make `action` allowed.
/// What depends on them is shown: a list is no promise. What is denied for all of them is not.
pub fn could_ever(
    snapshot: &Snapshot,
    state: &TaskState,
    action: &Action,
    facts: &ActionFacts,
    now: Timestamp,
) -> bool {
    let task = &state.task;
    let Some(charter) = snapshot.charters.get(&task.identity) else { return false };
    let reaches = charter.servers.contains(&action.server)
        && task.grant.layers.iter().all(|it| it.servers.contains(&action.server));
    let open = task.is_open() && !snapshot.contained.contains(&task.identity);
    let granted = task.grant.on_widen == OnWiden::Hold
        || !task.grant.mode.enforces(now)
        || state.program.could_cover(action)
        || state.lines.iter().any(|it| it.action == *action);
    let accepted = action.kind != ActionKind::Tool
        || snapshot
            .pin(&action.server, &action.name)
            .is_some_and(|it| it.status == PinStatus::Accepted);
    let question =
        ListQuestion { action, facts_of_action: facts, task, charter, facts: &snapshot.facts };
    reaches && open && granted && accepted && snapshot.policies.could_ever_allow(&question)
}

/// Gives the names of arguments that conditions compare as texts: these must be in normal form.
pub fn liked_inputs(snapshot: &Snapshot, state: &TaskState) -> BTreeSet<String> {
    snapshot.policies.liked_inputs().union(state.program.liked_inputs()).cloned().collect()
}
