//! What a `requestState` says: who asked for what, and what is still waited for.
//!
//! It goes out closed, comes back with the next round, and is believed only as far as it fits the
//! call that brings it. Nothing is allowed by it: every round is decided by what holds then.

mod asked_for;
mod spent;

use std::time::Duration;

use bailiwick_connect::{StateKey, Verified, random_text};
use bailiwick_model::{CallDigest, DecisionId, HoldId, IdentityId, TaskId, Timestamp};
use serde::{Deserialize, Serialize};

pub(crate) use asked_for::{AskedFor, Unaskable};
pub(crate) use spent::Spent;

/// How many rounds one call may take: what the clients that are known put up with.
pub(crate) const ROUNDS_MAX: u8 = 10;
/// How long a state can be brought back: time for its reader to open a link.
const LIFE: Duration = Duration::from_secs(15 * 60);

/// How much one state may say: what is closed is a third longer, and must open again.
const TEXT_MAX: usize = 40 << 10;

/// One round of one call.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct RequestState {
    /// Its own name, as each is used once.
    id: String,
    /// The task.
    task: TaskId,
    /// Who asked.
    caller: IdentityId,
    /// Who handed the authority on, nearest first.
    via: Vec<IdentityId>,
    /// The call: method, server, name and parameters.
    call: CallDigest,
    /// The ticket that is waited for, where it is a person.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub(crate) ticket: Option<Ticket>,
    /// What the server asked for, where it is the server that wants to know more.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub(crate) upstream: Option<AskedFor>,
    /// Where the call is under way meanwhile, where its server asked in the middle of it.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub(crate) parked: Option<ParkedAt>,
    /// The policies under which it was made.
    policy: String,
    issued: Timestamp,
    expires: Timestamp,
    /// Which round this is: the first answer is 1.
    round: u8,
}

/// A call that waits in its middle for its client, at the one gateway that holds the way to its server.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct ParkedAt {
    /// The gateway, as long as it runs.
    pub(crate) gateway: String,
    /// By which decision it was sent.
    pub(crate) decision: DecisionId,
    /// The call's place there.
    pub(crate) place: String,
}

/// What a person is waited for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Ticket {
    /// The hold.
    pub(crate) hold: HoldId,
    /// The decision that held the call.
    pub(crate) decision: DecisionId,
}

/// The state is not one that this call can go on with.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum StateError {
    /// Not closed by a key of ours, or of a form that is no longer read.
    #[error("this `requestState` was not made here")]
    NotOurs,
    /// Made for another task or another caller.
    #[error("this `requestState` was made for another caller")]
    OtherCaller,
    /// Made for another call.
    #[error("this `requestState` was made for other parameters")]
    OtherCall,
    /// Too old.
    #[error("this `requestState` is too old")]
    Expired,
    /// Brought back before.
    #[error("this `requestState` was used already")]
    Used,
    /// More rounds than any call has.
    #[error("this `requestState` is past the last round")]
    PastTheLast,
    /// So many were brought back lately that one more could not be remembered.
    #[error("too many requests went on from a `requestState` lately")]
    TooMany,
}

impl StateError {
    /// Says whether a client that does as the protocol says never meets it.
    pub(crate) const fn is_misuse(self) -> bool {
        match self {
            Self::NotOurs | Self::OtherCaller | Self::OtherCall | Self::PastTheLast => true,
            Self::Expired | Self::Used | Self::TooMany => false,
        }
    }
}

/// Who asks for what, at which moment, under which policies.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Asking<'a> {
    /// The proved caller.
    pub(crate) caller: &'a Verified,
    /// The call.
    pub(crate) call: &'a CallDigest,
    /// The version of the policies in force.
    pub(crate) policy: &'a str,
    /// The time.
    pub(crate) now: Timestamp,
}

impl RequestState {
    /// Makes the state of the round after `last`, or of the first one; none where there are no
    /// more, or where no name can be drawn for it.
    pub(crate) fn next(asking: Asking<'_>, last: Option<&Self>) -> Option<Self> {
        let round = last.map_or(0, |it| it.round).checked_add(1)?;
        if ROUNDS_MAX < round {
            return None;
        }
        let Asking { caller, call, policy, now } = asking;
        Some(Self {
            id: random_text().ok()?,
            task: caller.task.clone(),
            caller: caller.identity.clone(),
            via: caller.via.clone(),
            call: *call,
            ticket: None,
            upstream: last.and_then(|it| it.upstream.clone()),
            parked: None,
            policy: policy.to_owned(),
            issued: now,
            expires: now.after(LIFE),
            round,
        })
    }

    /// Says that a person is waited for.
    #[must_use]
    pub(crate) fn waiting_for(self, ticket: Ticket) -> Self {
        Self { ticket: Some(ticket), ..self }
    }

    /// Says that the server wants to know more.
    #[must_use]
    pub(crate) fn asked_for(self, upstream: AskedFor) -> Self {
        Self { upstream: Some(upstream), ..self }
    }

    /// Says that the call waits for its client in its middle.
    #[must_use]
    pub(crate) fn parked(self, at: ParkedAt) -> Self {
        Self { parked: Some(at), ..self }
    }

    /// Closes it for its way to the client and back.
    pub(crate) fn close(&self, key: &StateKey) -> Option<String> {
        let text = serde_json::to_string(self).ok().filter(|it| it.len() <= TEXT_MAX)?;
        key.close(&text).ok()
    }

    /// Opens what a client brought with `asking`, and spends it.
    pub(crate) fn open(
        closed: &str,
        asking: Asking<'_>,
        (key, spent): (&StateKey, &Spent),
    ) -> Result<Self, StateError> {
        let state = key.open(closed).and_then(|it| serde_json::from_str::<Self>(&it).ok());
        let state = state.ok_or(StateError::NotOurs)?;
        let Asking { caller, call, now, .. } = asking;
        let same =
            state.task == caller.task && state.caller == caller.identity && state.via == caller.via;
        if !same {
            return Err(StateError::OtherCaller);
        }
        if state.call != *call {
            return Err(StateError::OtherCall);
        }
        if state.expires <= now {
            return Err(StateError::Expired);
        }
        if !(1..=ROUNDS_MAX).contains(&state.round) {
            return Err(StateError::PastTheLast);
        }
        spent.spend(&state.task, (&state.id, state.expires), now)?;
        Ok(state)
    }
}

#[cfg(test)]
mod tests;
