//! The life of an evaluation that waits for a person, and what its approval is good for.

use std::time::Duration;

use bailiwick_model::{Evaluation, HeldEvaluation, HeldStatus, PersonName, Reason, Timestamp};
use std::collections::BTreeSet;

use crate::{Evaluated, Snapshot, evaluate::judged};

/// How long a yes waits to be used, unless the asker wants less.
const YES_LIFE: Duration = Duration::from_secs(60 * 60);

/// Where a held evaluation stands at one moment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Standing {
    /// Nobody has answered, and somebody still can.
    Pending,
    /// A person said yes, and it counts until then.
    Approved {
        /// When.
        at: Timestamp,
        /// Until when.
        until: Timestamp,
    },
    /// A person said no.
    Denied,
    /// Nobody answered in time.
    Expired,
    /// Whoever asked took it back.
    Cancelled,
}

/// Says where `held` stands at `now`. A yes whose time is over was one all the same.
pub fn standing(held: &HeldEvaluation, now: Timestamp) -> Standing {
    match &held.status {
        HeldStatus::Waiting if held.expires <= now => Standing::Expired,
        HeldStatus::Waiting => Standing::Pending,
        HeldStatus::Approved { at, expires, .. } => Standing::Approved { at: *at, until: *expires },
        HeldStatus::Refused { .. } => Standing::Denied,
        HeldStatus::Cancelled { .. } => Standing::Cancelled,
    }
}

/// Brings a person's answer, and gives the evaluation as it stands then; none where there is
/// nothing left to answer. Who may answer was decided before.
pub fn answer_held(
    held: &HeldEvaluation,
    (by, yes): (&PersonName, bool),
    now: Timestamp,
) -> Option<HeldEvaluation> {
    if standing(held, now) != Standing::Pending {
        return None;
    }
    let (by, at) = (by.clone(), now);
    let latest = now.after(YES_LIFE);
    let expires = held.wanted_until.map_or(latest, |it| it.min(latest));
    let status =
        if yes { HeldStatus::Approved { by, at, expires } } else { HeldStatus::Refused { by, at } };
    Some(HeldEvaluation { status, ..held.clone() })
}

/// Takes it back; none where there is nothing left to take back.
pub fn cancel_held(held: &HeldEvaluation, now: Timestamp) -> Option<HeldEvaluation> {
    let status = HeldStatus::Cancelled { at: now };
    (standing(held, now) == Standing::Pending).then(|| HeldEvaluation { status, ..held.clone() })
}

/// What an approval is shown with.
#[derive(Clone, Copy, Debug)]
pub struct Shown<'a> {
    /// The enforcement point that shows it.
    pub pep: &'a str,
    /// The keyed digest of all that it would be bound to.
    pub asked: &'a str,
    /// Why a person is needed now.
    pub reasons: &'a BTreeSet<Reason>,
    /// The policies in force.
    pub policy: &'a str,
    /// When.
    pub now: Timestamp,
}

/// Why an approval is no help.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unfit {
    /// There is none of that name for whoever shows it.
    Unknown,
    /// Nobody has answered yet.
    Pending,
    /// Its time is over, it was used, or there never was a yes.
    Over,
    /// It is for something else.
    OutOfScope,
}

/// Says whether the approval of `held` fits what it is shown with, or why not: who asks, what is
/// asked, the policies and the reasons must be those that a person said yes to.
pub fn fits(held: &HeldEvaluation, shown: &Shown<'_>) -> Result<PersonName, Unfit> {
    if held.pep != shown.pep {
        return Err(Unfit::Unknown);
    }
    match &held.status {
        HeldStatus::Waiting if shown.now < held.expires => Err(Unfit::Pending),
        HeldStatus::Waiting | HeldStatus::Refused { .. } | HeldStatus::Cancelled { .. } => {
            Err(Unfit::Over)
        }
        HeldStatus::Approved { expires, .. } if *expires <= shown.now => Err(Unfit::Over),
        HeldStatus::Approved { by, .. } => {
            let same = held.asked == shown.asked && held.policy == shown.policy;
            let covered = shown.reasons.is_subset(&held.reasons);
            if same && covered { Ok(by.clone()) } else { Err(Unfit::OutOfScope) }
        }
    }
}

/// Judges `evaluation` again with the yes of `by`: no policy but those that hold for a person
/// hears of it.
pub fn evaluate_approved(
    snapshot: &Snapshot,
    evaluation: &Evaluation,
    by: &PersonName,
    now: Timestamp,
) -> Evaluated {
    judged(snapshot, evaluation, Some(by), now)
}

#[cfg(test)]
mod tests;
