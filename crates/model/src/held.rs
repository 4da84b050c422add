//! What waits for a person beside calls: an evaluation, as its enforcement point asked for, and the
//! opening of a break-glass task.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use crate::{
    DecisionId, EntityName, HoldId, IdentityId, PersonName, Reason, TemplateName, Timestamp,
};

/// Where it stands. What runs out says so by its own times.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "state")]
pub enum HeldStatus {
    /// Nobody has answered yet.
    Waiting,
    /// A person said yes.
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
    /// Whoever asked no longer wants it.
    Cancelled {
        /// When.
        at: Timestamp,
    },
}

/// One held evaluation: the ticket.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct HeldEvaluation {
    /// The ticket.
    pub id: HoldId,
    /// The evaluation that was held.
    pub decision: DecisionId,
    /// The enforcement point that asked.
    pub pep: String,
    /// Who would do it.
    pub subject: EntityName,
    /// What.
    pub action: String,
    /// To what.
    pub resource: EntityName,
    /// What the asker said beside names, as the evidence shows it.
    pub said: String,
    /// The keyed digest of all that a yes is bound to.
    pub asked: String,
    /// The keyed digest of the request that asked for a person.
    pub request: String,
    /// The keyed digest of the name that the request goes by (`Idempotency-Key`).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key: Option<String>,
    /// Until when the asker would like the yes to count.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub wanted_until: Option<Timestamp>,
    /// Whether the asker calls it an emergency.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub emergency: bool,
    /// Who acts for the subject, as the asker says: nobody has looked into it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub actor: Option<String>,
    /// Why a person is needed. A yes satisfies these and no others.
    pub reasons: BTreeSet<Reason>,
    /// Under which policies it was held.
    pub policy: String,
    /// When a person was asked for.
    pub opened: Timestamp,
    /// Until when it can be answered.
    pub expires: Timestamp,
    /// Where it stands.
    pub status: HeldStatus,
}

/// A break-glass task that one person asked for, and that waits for another: the ticket.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct HeldOpening {
    /// The ticket.
    pub id: HoldId,
    /// Who will do the work.
    pub identity: IdentityId,
    /// From which template.
    pub template: TemplateName,
    /// With what, as the evidence shows it.
    pub params: BTreeMap<String, String>,
    /// What it is for, in the words of whoever asked, as the evidence shows them.
    pub purpose: String,
    /// Who asked.
    pub by: PersonName,
    /// When.
    pub opened: Timestamp,
    /// Until when it can be answered.
    pub expires: Timestamp,
}
