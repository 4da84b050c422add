//! How tasks end, and how people's answers reach them.

use std::sync::Arc;

use bailiwick_model::{
    ApprovedCall, ApprovedLine, EndCause, Hold, HoldId, HoldStatus, PersonName, TaskStatus,
    Timestamp,
};

use crate::{Effect, TaskState, state::Waiting};

/// After how long a pause a task no longer keeps what its calls share.
const REST: std::time::Duration = std::time::Duration::from_secs(60);

/// Ends `state` for `cause`. Ending is final: a task that has ended stays as it is.
pub fn end(state: &mut TaskState, cause: EndCause, now: Timestamp) -> Vec<Effect> {
    if !state.task.is_open() {
        return Vec::new();
    }
    let at = state.see(now);
    state.task.status = TaskStatus::Ended { at, cause };
    // Every token and every permit of the task was made for the generation before.
    state.task.generation = state.task.generation.saturating_add(1);
    state.withdraw_permits();
    state.lines.clear();
    state.briefs.forget();
    let mut effects = vec![Effect::TaskStatus(state.task.status)];
    effects.extend(expire(state, |_| true));
    effects
}

/// Lets time pass: ends the task when its window closes, holds that nobody answered, and
/// approvals that were not used.
pub fn tick(state: &mut TaskState, now: Timestamp) -> Vec<Effect> {
    let now = state.see(now);
    if let Some(cause) = lapse(state, now) {
        return end(state, cause, now);
    }
    if state.active.after(REST) <= now {
        state.briefs.forget();
    }
    state.lines.retain(|it| now < it.until);
    state.refusals.retain(|it| now < it.until);
    expire(state, |it| it <= now).into_iter().collect()
}

/// Says why an open task should have ended by `now`, if it should.
pub(crate) fn lapse(state: &TaskState, now: Timestamp) -> Option<EndCause> {
    let task = &state.task;
    if !task.is_open() {
        return None;
    }
    if task.deadline <= now {
        return Some(EndCause::Deadline);
    }
    if task.calendars.iter().any(|it| !it.contains(now)) {
        return Some(EndCause::Calendar);
    }
    // A call on its way is not idleness, however long it takes, and neither is a child at work.
    let idle = task.idle.is_some_and(|idle| state.active.after(idle) <= now);
    (idle && state.in_flight == 0 && state.carved.is_empty()).then_some(EndCause::Idle)
}

/// Drops the unanswered holds and the unused approvals whose end is due.
fn expire(state: &mut TaskState, due: impl Fn(Timestamp) -> bool) -> Option<Effect> {
    let waiting = state.waiting.iter().map(|it| (&it.hold, it.expires));
    let approved = state.approvals.iter().map(|it| (&it.hold, it.expires));
    let gone: Vec<_> =
        waiting.chain(approved).filter(|(_, end)| due(*end)).map(|(it, _)| it.clone()).collect();
    state.waiting.retain(|it| !due(it.expires));
    state.approvals.retain(|it| !due(it.expires));
    (!gone.is_empty()).then_some(Effect::HoldsExpired(gone))
}

/// What a person said to a hold.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Answer {
    /// Yes, to this call, once, until the moment.
    Once(Timestamp),
    /// Yes, to this action on these resources towards these destinations, as often as it comes,
    /// until the moment. To a call without resources it is the yes to that call, once.
    Line(Timestamp),
    /// No.
    No,
}

/// Brings a person's answer to the task, and gives the hold as it stands then; none where there
/// is nothing left to answer. Who may answer was decided before.
pub fn answer(
    state: &mut TaskState,
    hold: &Hold,
    by: &PersonName,
    answer: &Answer,
    now: Timestamp,
) -> Option<Hold> {
    let at = state.see(now);
    let place = state.waiting.iter().position(|it| it.hold == hold.id && at < it.expires)?;
    if !state.task.is_open() {
        return None;
    }
    let asked = state.waiting.remove(place);
    let status = match answer {
        Answer::No => HoldStatus::Refused { by: by.clone(), at },
        Answer::Once(until) | Answer::Line(until) => {
            let expires = (*until).min(state.task.deadline);
            HoldStatus::Approved { by: by.clone(), at, expires }
        }
    };
    let hold = Hold { status, ..hold.clone() };
    let HoldStatus::Approved { expires: until, .. } = hold.status else {
        state.remember(&hold);
        return Some(hold);
    };
    if let Answer::Line(_) = answer {
        state.lines.push(Arc::new(ApprovedLine {
            hold: asked.hold.clone(),
            action: asked.action.clone(),
            resources: asked.resources.clone(),
            destinations: asked.destinations.clone(),
            by: by.clone(),
            until,
        }));
    }
    state.approvals.push(approved_call(&asked, &hold, by, until));
    Some(hold)
}

/// Makes the single-use yes that a hold was given: to what was asked, not to what was shown.
fn approved_call(
    asked: &Waiting,
    shown: &Hold,
    by: &PersonName,
    expires: Timestamp,
) -> ApprovedCall {
    ApprovedCall {
        hold: asked.hold.clone(),
        call: asked.call,
        caller: shown.caller.clone(),
        via: shown.via.clone(),
        reasons: asked.reasons.clone(),
        policy: asked.policy.clone(),
        by: by.clone(),
        expires,
    }
}

/// Forgets a hold that could not be recorded: nobody was told of it.
pub fn forget(state: &mut TaskState, hold: &HoldId) {
    state.waiting.retain(|it| it.hold != *hold);
}

/// Notes that a caller stays with a call that waits for a person: that is no idleness either.
/// [`observe`] says that it has gone.
pub fn stay(state: &mut TaskState) {
    state.in_flight = state.in_flight.saturating_add(1);
}

/// Notes that a call which was sent has come to its end, whatever that was.
pub fn observe(state: &mut TaskState, now: Timestamp) {
    let now = state.see(now);
    state.in_flight = state.in_flight.saturating_sub(1);
    state.active = now;
}
