//! What a task can see: only what it could ever be allowed to ask for.

use std::collections::BTreeSet;

use bailiwick_model::{
    Action, ActionFacts, ActionKind, Layer, Offered, OnWiden, PinStatus, ServerName, Subject,
    Timestamp,
};
use bailiwick_policy::ListQuestion;

use crate::{Snapshot, TaskState, life::lapse};

/// Everything of a task that [`could_ever`] looks at and that can become another while its token
/// counts. While it is the same, and the snapshot and what is offered are, so is the answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sight {
    generation: u64,
    reaches: bool,
    enforced: bool,
    /// What people added.
    lines: Vec<Action>,
}

/// Gives what a task looks at `server` with.
pub fn sight(snapshot: &Snapshot, state: &TaskState, server: &ServerName, now: Timestamp) -> Sight {
    Sight {
        generation: state.task.generation,
        reaches: reaches(snapshot, state, server, now),
        enforced: state.task.grant.mode.enforces(now),
        lines: state.lines.iter().map(|it| it.action.clone()).collect(),
    }
}

/// Says whether some arguments, at some later moment, after some approval, could make `action` allowed.
/// What depends on them is shown: a list is no promise. What is denied for all of them is not.
pub fn could_ever(
    snapshot: &Snapshot,
    state: &TaskState,
    action: &Action,
    (facts, offered): (&ActionFacts, Offered),
    now: Timestamp,
) -> bool {
    let task = &state.task;
    let Some(charter) = snapshot.charters.get(&task.identity) else { return false };
    let within = state.program.could_cover_above(action);
    let wide = task.grant.on_widen == OnWiden::Hold
        || state.program.could_cover(action)
        || state.lines.iter().any(|it| it.action == *action);
    let granted = (within && wide) || !task.grant.mode.enforces(now);
    let question =
        ListQuestion { action, facts_of_action: facts, task, charter, facts: &snapshot.facts };
    reaches(snapshot, state, &action.server, now)
        && snapshot.contained_of_action(action).is_empty()
        && granted
        && is_accepted(snapshot, action, offered)
        && snapshot.policies.could_ever_allow(&question)
}

/// Says whether anything of `server` could be asked for in this task now: the task is open,
/// neither the server nor anything its authority went through is contained, and every charter on
/// the way names the server, as it was when the task opened and as it is.
pub fn reaches(
    snapshot: &Snapshot,
    state: &TaskState,
    server: &ServerName,
    now: Timestamp,
) -> bool {
    let task = &state.task;
    let open = task.is_open() && lapse(state, state.latest.max(now)).is_none();
    let named = |layer: &Layer| {
        let charter = snapshot.charters.get(&layer.identity);
        layer.servers.contains(server) && charter.is_some_and(|it| it.servers.contains(server))
    };
    open && snapshot.contained_of_task(task).is_empty()
        && !snapshot.contained.contains(&Subject::Server(server.clone()))
        && snapshot.charters.contains_key(&task.identity)
        && task.grant.layers.iter().all(named)
}

/// Says whether what is offered is what was accepted, to the digit: nobody has looked at another
/// text, so no agent reads it either.
fn is_accepted(snapshot: &Snapshot, action: &Action, offered: Offered) -> bool {
    match offered {
        Offered::NotPinned => action.kind != ActionKind::Tool,
        Offered::Nothing => false,
        Offered::Tool { definition, executable } => {
            snapshot.pin(&action.server, &action.name).is_some_and(|it| {
                it.status == PinStatus::Accepted
                    && it.digest == definition
                    && it.executable == executable
            })
        }
    }
}

/// Gives the names of arguments that conditions compare as texts: these must be in normal form.
pub fn liked_inputs(snapshot: &Snapshot, state: &TaskState) -> BTreeSet<String> {
    snapshot.policies.liked_inputs().union(state.program.liked_inputs()).cloned().collect()
}
