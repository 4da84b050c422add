//! Why a call was not let through, told while all that it was judged by is at hand. What is let
//! through costs nothing here.

use std::{collections::BTreeSet, sync::Arc};

use bailiwick_connect::Verified;
use bailiwick_kernel::{
    Decision, Names, Rewritable as _, Snapshot, Stopped, TaskState, advise_judged,
};
use bailiwick_model::{
    AccessRequest, Asked, AskedKind, DecisionId, Explanation, HoldId, Json, PartSaid, Reason,
    Timestamp, VerdictKind,
};

use super::{Answered, Lane, Refusal, around::Around};
use crate::Call;

/// What a call was judged by, as it stood under the task's lock.
#[derive(Debug)]
pub(super) struct Stood {
    snapshot: Arc<Snapshot>,
    state: TaskState,
}

impl Stood {
    /// Keeps it for a call that is not let through.
    pub(super) fn of(
        made: &Decision,
        snapshot: &Arc<Snapshot>,
        state: &TaskState,
    ) -> Option<Box<Self>> {
        let stopped = bailiwick_kernel::is_stopped(&made.outcome);
        let stood = || Self { snapshot: Arc::clone(snapshot), state: state.clone() };
        stopped.then(|| Box::new(stood()))
    }
}

impl Lane {
    /// Explains a call that is not let through, as the ledger and its caller may see it.
    pub(super) fn explained(
        &self,
        (caller, call, request): (&Arc<Verified>, &Call, &AccessRequest),
        around: &Around<'_>,
        (made, names): (&Decision, &Names),
        (stood, now): (Option<Box<Stood>>, Timestamp),
    ) -> Option<Box<Explanation>> {
        let Stood { snapshot, state } = &*stood?;
        let read = |arguments: &Json| {
            let call = call.asking(arguments)?;
            Some(around.reading(caller, &call).request().clone())
        };
        let stopped = Stopped { request, judged: &made.judged, names, now };
        let explained = bailiwick_kernel::explain(snapshot, state, stopped, &read);
        Some(Box::new(self.desk.evidence().explanation(explained, request.facts.sensitivity)))
    }

    /// Tells whoever reads the log that a call waits.
    pub(super) fn tell_held(
        &self,
        (decision, hold): (&DecisionId, &HoldId),
        caller: &Verified,
        call: &Call,
    ) {
        let (task, caller) = (&caller.task, &caller.identity);
        let action = self.desk.evidence().action(call.action());
        tracing::info!(%decision, %hold, %task, %caller, %action, "a call waits for a person");
    }
}

/// Refuses a call, and tells what was judged to be allowed and how to ask for the rest.
pub(super) fn refused(
    decision: DecisionId,
    (verdict, hold, reasons): (VerdictKind, Option<HoldId>, BTreeSet<Reason>),
    explained: Option<Box<Explanation>>,
) -> Answered {
    let judged = explained.as_ref().map_or(&[][..], |it| &it.judged);
    let advice = advise_judged(verdict, &reasons, hold.as_ref(), judged);
    Answered::Refused(Refusal { decision, verdict, hold, reasons, advice, explained })
}

/// How many policies and lines an agent is told of.
const TOLD: usize = 3;

/// Leaves an agent what its call came to grief on: of what would have let it through the parts
/// that do not hold, and all of what forbids it.
pub(crate) fn shortened(asked: Vec<Asked>) -> Vec<Asked> {
    let stops = |it: &Asked| match it.kind {
        AskedKind::Permit | AskedKind::Line => it.applies != Some(true),
        AskedKind::Forbid | AskedKind::Hold => it.applies != Some(false),
    };
    let short = |mut it: Asked| {
        let whole = matches!(it.kind, AskedKind::Forbid | AskedKind::Hold);
        it.parts.retain(|it| match it.said {
            PartSaid::Fails | PartSaid::Breaks => true,
            PartSaid::Holds => whole,
            PartSaid::NotAsked => false,
        });
        (it.file, it.line) = (None, None);
        for part in &mut it.parts {
            (part.span, part.line) = (None, None);
        }
        it
    };
    asked.into_iter().filter(|it| stops(it) && !it.observed).take(TOLD).map(short).collect()
}
