//! Why a call was not let through, told while all that it was judged by is at hand. What is let
//! through costs nothing here.

use std::{collections::BTreeSet, sync::Arc};

use bailiwick_connect::Verified;
use bailiwick_kernel::{Decision, Names, Rewritable as _, Snapshot, Stopped, TaskState};
use bailiwick_model::{
    AccessRequest, Asked, AskedKind, DecisionId, Explanation, HoldId, Json, PartSaid, Reason, Saw,
    TemplateName, Timestamp, VerdictKind,
};

use super::{Answered, Lane, Refusal, around::Around};
use crate::{Call, caught, seam};

/// What a call was judged by, as it stood under the task's lock.
#[derive(Debug)]
pub(super) struct Stood {
    snapshot: Arc<Snapshot>,
    state: TaskState,
}

impl Stood {
    /// Keeps it for a call that is not let through, beside what its record names.
    pub(super) fn after(
        state: &TaskState,
        (made, snapshot): (Decision, Arc<Snapshot>),
    ) -> (Decision, TemplateName, Option<Box<Self>>) {
        let stopped = bailiwick_kernel::is_stopped(&made.outcome);
        let stood = stopped.then(|| Box::new(Self { snapshot, state: state.clone() }));
        (made, state.task().template.clone(), stood)
    }
}

impl Lane {
    /// Explains a call that is not let through, as the ledger may keep it. An explanation that
    /// breaks off is none, and the call is on record all the same.
    pub(super) fn explained(
        &self,
        (caller, call, request): (&Arc<Verified>, &Call, &AccessRequest),
        around: &Around<'_>,
        (made, names): (&Decision, &Names),
        stood: Option<(Box<Stood>, Timestamp)>,
    ) -> Option<Box<Explanation>> {
        let (stood, now) = stood?;
        let Stood { snapshot, state } = &*stood;
        let read = |arguments: &Json| {
            let call = call.asking(arguments)?;
            Some(around.reading(caller, &call).request().clone())
        };
        let stopped = Stopped { request, judged: &made.judged, names, now };
        let explained = caught::now(|| {
            seam::pass("explained");
            let explained = bailiwick_kernel::explain(snapshot, state, stopped, &read);
            self.desk.evidence().explanation(explained, request.facts.sensitivity)
        });
        let decision = &names.decision;
        explained
            .inspect_err(|_| tracing::error!(%decision, "an explanation broke off"))
            .ok()
            .map(Box::new)
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

/// Refuses a call, and says why.
pub(super) fn refused(
    decision: DecisionId,
    (verdict, hold, reasons): (VerdictKind, Option<HoldId>, BTreeSet<Reason>),
    explained: Option<Box<Explanation>>,
) -> Answered {
    Answered::Refused(Refusal { decision, verdict, hold, reasons, explained })
}

/// How many policies and lines an agent is told of.
const TOLD: usize = 3;

/// Leaves an agent what its call came to grief on: of what would have let it through the parts
/// that do not hold, and all of what forbids it. Of values it is told those that it sent or was
/// opened with, and no digest, which would tell it whether it guessed right.
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
        it.resource = it.resource.filter(|it| !is_digested(it));
        for part in &mut it.parts {
            (part.span, part.line) = (None, None);
            part.error = part.error.take().filter(|it| !is_digested(it));
            part.saw.retain(is_its_own);
        }
        it
    };
    asked.into_iter().filter(|it| stops(it) && !it.observed).take(TOLD).map(short).collect()
}

/// Says whether an agent knows a value already, or asked for it.
fn is_its_own(saw: &Saw) -> bool {
    const KNOWN: [&str; 3] = ["context.input", "context.task.params", "context.facts"];
    let within = |of: &&str| saw.name.strip_prefix(*of).is_some_and(|it| it.starts_with('.'));
    !saw.hidden && KNOWN.iter().any(within)
}

fn is_digested(text: &str) -> bool {
    text.contains("hmac:")
}

#[cfg(test)]
mod tests {
    use bailiwick_model::AskedPart;

    use super::*;

    fn forbid(saw: &[(&str, bool)]) -> Asked {
        let saw = saw.iter().map(|(name, hidden)| Saw {
            name: (*name).to_owned(),
            value: Some("\"hmac:00\"".to_owned()).filter(|_| *hidden),
            hidden: *hidden,
        });
        Asked {
            by: "one".to_owned(),
            kind: AskedKind::Forbid,
            file: Some("policies/one.cedar".to_owned()),
            line: Some(1),
            resource: Some("hmac:00".to_owned()),
            applies: None,
            observed: false,
            parts: vec![AskedPart {
                text: "context.input.a == principal.owner".to_owned(),
                unless: false,
                line: Some(1),
                span: Some((1, 2)),
                said: PartSaid::Breaks,
                error: Some("`hmac:00` is no number".to_owned()),
                saw: saw.collect(),
            }],
        }
    }

    #[test]
    fn an_agent_is_told_no_digest_and_no_value_that_is_not_its_own() {
        let told = shortened(vec![forbid(&[
            ("context.input.a", false),
            ("context.input.b", true),
            ("context.inputs", false),
            ("context.task.params.note", false),
            ("context.task.purpose", false),
            ("context.facts.contains(\"freeze\")", false),
            ("context.facts", false),
            ("principal.owner", false),
            ("resource", false),
        ])]);
        let part = &told[0].parts[0];
        let saw: Vec<_> = part.saw.iter().map(|it| it.name.as_str()).collect();
        let own =
            ["context.input.a", "context.task.params.note", "context.facts.contains(\"freeze\")"];
        assert_eq!(saw, own);
        assert_eq!((&part.error, &told[0].resource, &told[0].file), (&None, &None, &None));
    }
}
