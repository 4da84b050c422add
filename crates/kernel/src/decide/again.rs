//! The same request once more: what would be decided now, of what was decided before.

use std::collections::BTreeSet;

use bailiwick_insight::{DETECTORS, detect};
use bailiwick_model::{
    HoldId, Judgement, Obligations, Reason, ReasonCode, Spend, Step, Timestamp, Verdict,
    VerdictKind,
};

use super::{
    Asked, Rewritable, decide,
    sent::{AsSent, as_sent},
    steps::Said,
    together,
};
use crate::{Judged, Names, Outcome, Snapshot, TaskState, life};

/// Says whether `call` would wait for the ticket `hold` and for nothing else. The question is
/// put to a copy, so nothing happens: a caller that keeps waiting leaves no second record.
pub fn still_waits(
    snapshot: &Snapshot,
    state: &TaskState,
    call: &impl Rewritable,
    (hold, names): (&HoldId, Names),
    now: Timestamp,
) -> bool {
    match decide(snapshot, &mut state.clone(), call, names, now).outcome {
        Outcome::Hold(ticket, _) => ticket == *hold,
        Outcome::Forward(..) | Outcome::Refuse(_) => false,
    }
}

/// A call that was let through would not be let through now.
#[derive(Debug)]
pub struct Lapsed {
    /// Why: for the record.
    pub judged: Judged,
    /// Why: for whoever asked.
    pub reasons: BTreeSet<Reason>,
}

/// Says whether a call that was let through, and goes on since, would be let through still, and what
/// must happen along with it now. It was paid for then, so its budget is not asked again, and what a
/// person approved then is `approved` still: a new reason is not. The question is put to a copy, so
/// nothing happens.
pub fn still_stands(
    snapshot: &Snapshot,
    state: &TaskState,
    call: &impl Rewritable,
    approved: impl FnOnce(&BTreeSet<Reason>) -> bool,
    now: Timestamp,
) -> Result<Obligations, Box<Lapsed>> {
    let mut state = state.clone();
    let now = state.see(now);
    // A window that closed since the last tick closes here: the step then finds the task ended.
    let _carried_out_by_the_next_tick = life::tick(&mut state, now);
    let mut briefs = std::mem::take(&mut state.briefs);
    let state = &state;
    let judge = |asked: &Asked<'_>| (asked.judge(&detect(DETECTORS, asked.request)), ());
    let AsSent { mut said, obligations, .. } =
        as_sent((snapshot, state, &mut briefs), call, now, judge);
    said.retain(|it| it.step != Step::Budget);
    let verdict = together(&said);
    let reasons = match verdict {
        Verdict::Allow(_) => return Ok(obligations),
        Verdict::Hold(why) if approved(&why) => return Ok(obligations),
        Verdict::Hold(why) => {
            let text = "nobody said yes to this when the call was let through";
            let reason = Reason::new(ReasonCode::ApprovalNeeded, text, "approval");
            said.push(Said::new(Step::Answer, Verdict::deny(reason.clone())));
            std::iter::once(reason).chain(why).collect()
        }
        Verdict::Deny(why) => why,
    };
    let steps: Vec<Judgement> = said.into_iter().map(Said::into_judgement).collect();
    let judged = Judged {
        verdict: VerdictKind::Deny,
        would: None,
        steps,
        spend: Spend::default(),
        paced: BTreeSet::new(),
        approval: None,
        hold: None,
        policy: snapshot.policies.version().to_owned(),
    };
    Err(Box::new(Lapsed { judged, reasons }))
}
