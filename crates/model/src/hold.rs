//! A call that waits for a person, and the person's single-use yes.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use crate::{
    Action, CallDigest, DecisionId, HoldId, IdentityId, PersonName, Reason, TaskId, Timestamp,
};

/// Where a hold stands.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "state")]
pub enum HoldStatus {
    /// Nobody has answered yet.
    Waiting,
    /// A person said yes; the call has not come again.
    Approved {
        /// Who.
        by: PersonName,
        /// When.
        at: Timestamp,
        /// Until when the yes counts.
        expires: Timestamp,
    },
    /// A person said no.
    Refused {
        /// Who.
        by: PersonName,
        /// When.
        at: Timestamp,
    },
    /// The yes was used by this decision.
    Used {
        /// Which.
        decision: DecisionId,
    },
    /// Nobody answered in time, or the task ended.
    Expired,
}

/// One held call: the ticket.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Hold {
    /// The ticket.
    pub id: HoldId,
    /// The decision that held it.
    pub decision: DecisionId,
    /// The task.
    pub task: TaskId,
    /// Who asked.
    pub caller: IdentityId,
    /// Who handed the authority on, nearest first.
    pub via: Vec<IdentityId>,
    /// What was asked.
    pub action: Action,
    /// On what.
    pub resources: BTreeSet<String>,
    /// Where data would go.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub destinations: BTreeSet<String>,
    /// The call, to the digit.
    pub call: CallDigest,
    /// The arguments as the evidence shows them.
    pub arguments: String,
    /// Why a person is needed. An approval satisfies these and no others.
    pub reasons: BTreeSet<Reason>,
    /// Under which policies it was held.
    pub policy: String,
    /// When it was held.
    pub opened: Timestamp,
    /// Until when it can be answered.
    pub expires: Timestamp,
    /// Where it stands.
    pub status: HoldStatus,
}

/// A person's single-use yes to exactly one call.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ApprovedCall {
    /// The hold it answers.
    pub hold: HoldId,
    /// The call.
    pub call: CallDigest,
    /// Who asked, and through whom.
    pub caller: IdentityId,
    /// Who handed the authority on, nearest first.
    pub via: Vec<IdentityId>,
    /// The reasons it satisfies.
    pub reasons: BTreeSet<Reason>,
    /// The policies it was given under.
    pub policy: String,
    /// Who said yes.
    pub by: PersonName,
    /// Until when.
    pub expires: Timestamp,
}
