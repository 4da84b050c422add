//! What people said yes to, as the ledger has it: a call, or a line.

use bailiwick_model::{ApprovedCall, ApprovedLine, Hold, HoldStatus};

/// Says whether a signed answer asks for a line instead of a single call.
pub(super) fn says_line(statement: &str) -> bool {
    bailiwick_connect::Statement::recorded(statement).is_ok_and(|it| it.details.contains_key("for"))
}

/// Gives the call that a yes is for, while it can be used.
pub(super) fn approval(hold: &Hold) -> Option<ApprovedCall> {
    let HoldStatus::Approved { by, expires, .. } = &hold.status else { return None };
    Some(ApprovedCall {
        hold: hold.id.clone(),
        call: hold.call,
        caller: hold.caller.clone(),
        via: hold.via.clone(),
        reasons: hold.reasons.clone(),
        policy: hold.policy.clone(),
        by: by.clone(),
        expires: *expires,
    })
}

/// Gives the line that a yes has added.
pub(super) fn line(hold: &Hold) -> Option<ApprovedLine> {
    let by_until = match &hold.status {
        HoldStatus::Approved { by, expires, .. } => Some((by.clone(), *expires)),
        HoldStatus::Waiting
        | HoldStatus::Refused { .. }
        | HoldStatus::Used { .. }
        | HoldStatus::Expired => None,
    };
    by_until.map(|(by, until)| ApprovedLine {
        hold: hold.id.clone(),
        action: hold.action.clone(),
        resources: hold.resources.clone(),
        destinations: hold.destinations.clone(),
        by,
        until,
    })
}
