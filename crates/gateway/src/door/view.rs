//! A refusal as its caller may see it, whatever it asked by.

use bailiwick_connect::Verified;
use bailiwick_kernel::advise_judged;
use bailiwick_model::{Action, Reason, VerdictKind};

use super::Door;
use crate::{
    lane::{Refusal, shortened},
    mcp::refusal::{RefusalView, Stop},
};

/// Makes the view of a refusal for whoever called.
pub(super) fn of(
    door: &Door,
    refusal: Refusal,
    (caller, action): (&Verified, &Action),
) -> RefusalView {
    let purpose = door.lane.desk().task(&caller.task).map(|it| it.purpose);
    let hold = refusal.hold;
    let stop = match (refusal.verdict, hold.clone()) {
        (VerdictKind::Hold, Some(hold)) => Stop::Hold(hold),
        (VerdictKind::Hold | VerdictKind::Deny | VerdictKind::Allow, _) => Stop::Deny,
    };
    // What an agent is told may be passed on, and stands in its own logs: no secret in it.
    let evidence = door.lane.desk().evidence();
    let shown = |it: &Reason| {
        let hidden = evidence.reason(it, action);
        // Where a reason comes from is our word, unless it is the name that was asked for.
        let ours = !it.source.contains(&action.name);
        Reason { source: if ours { it.source.clone() } else { hidden.source }, ..hidden }
    };
    let reasons: Vec<Reason> = refusal.reasons.iter().map(shown).collect();
    // It quotes reasons, so it is made of what is shown of them.
    let judged = refusal.explained.as_ref().map_or(&[][..], |it| &it.judged);
    let advice = advise_judged(refusal.verdict, &reasons, hold.as_ref(), judged);
    RefusalView {
        stop,
        decision: refusal.decision,
        reasons,
        would_allow: advice.would_allow,
        how_to_ask: advice.how_to_ask,
        asked: refusal.explained.map_or_else(Vec::new, |it| shortened(it.asked)),
        purpose: purpose.unwrap_or_else(|| "a task that is no longer known".to_owned()),
        task: caller.task.clone(),
    }
}
