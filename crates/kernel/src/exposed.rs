//! Whether a token that others may have read on its way is enough for a call.
//!
//! What is bound to nothing is as good in a thief's hand as in its owner's. On this machine nobody reads
//! it; elsewhere a call of high impact takes one that is worth nothing without its key.

use bailiwick_model::{
    AccessRequest, Action, ActionKind, BoundTokens, Effect, Reason, ReasonCode, Task,
};

use crate::Snapshot;

/// Says why the token that is shown is not enough, where it is not.
pub(crate) fn fault(snapshot: &Snapshot, task: &Task, request: &AccessRequest) -> Option<Reason> {
    if !request.caller.exposed {
        return None;
    }
    let (action, facts) = (&request.action, &request.facts);
    let why = match needed(snapshot, task, action) {
        BoundTokens::Waived => return None,
        BoundTokens::HighImpact if !facts.privileged() => return None,
        BoundTokens::HighImpact => {
            let effects: Vec<_> = facts.effects.iter().copied().map(Effect::as_str).collect();
            format!("`{action}` is of high impact ({})", effects.join(", "))
        }
        BoundTokens::Always => format!("`{action}` always takes a bound token"),
    };
    let text = format!(
        "{why}: over a network it takes a token that is bound to a key or a certificate, and this one is bound to nothing"
    );
    Some(Reason::new(ReasonCode::UnboundToken, text, "bound_tokens"))
}

/// Gives what counts for an action of a task. Who wants it always wins; it is waived for a server, or by the
/// template of each hand that the authority came through: no hand gives away what another one kept.
fn needed(snapshot: &Snapshot, task: &Task, action: &Action) -> BoundTokens {
    let server = match action.kind {
        ActionKind::Tool | ActionKind::Resource | ActionKind::Prompt => {
            snapshot.bound_tokens.get(&action.server).copied().unwrap_or_default()
        }
        // A target is no server, even where it is called like one.
        ActionKind::Lease => BoundTokens::HighImpact,
    };
    let of = |name| snapshot.templates.get(name).map(|it| it.bound_tokens).unwrap_or_default();
    let mut templates = task.grant.layers.iter().map(|it| of(&it.template));
    if server == BoundTokens::Always || templates.clone().any(|it| it == BoundTokens::Always) {
        return BoundTokens::Always;
    }
    let waived = |it: BoundTokens| it == BoundTokens::Waived;
    let every_hand = templates.len() != 0 && templates.all(waived);
    if waived(server) || every_hand { BoundTokens::Waived } else { BoundTokens::HighImpact }
}
