//! One evaluation: what an enforcement point elsewhere asks, in names of its own.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use crate::{ArgumentsRecord, DecisionId, HoldId, Json, Reason, Timestamp, VerdictKind};

/// Somebody or something that an evaluation is about. What is known of it is what the asker says.
#[derive(Clone, Debug, PartialEq)]
pub struct Entity {
    /// Its type, such as `user`.
    pub kind: String,
    /// Its id among those of its type.
    pub id: String,
    /// What the asker says of it.
    pub properties: BTreeMap<String, Json>,
}

/// What somebody would do.
#[derive(Clone, Debug, PartialEq)]
pub struct Deed {
    /// Its name.
    pub name: String,
    /// What the asker says of it.
    pub properties: BTreeMap<String, Json>,
}

/// May this subject do that to this resource?
#[derive(Clone, Debug, PartialEq)]
pub struct Evaluation {
    /// Who would do it.
    pub subject: Entity,
    /// What.
    pub action: Deed,
    /// To what.
    pub resource: Entity,
    /// What else the asker says.
    pub context: BTreeMap<String, Json>,
}

impl Evaluation {
    /// Gives all that the asker says beside names, for the record.
    pub fn said(&self) -> Json {
        let parts = [
            ("subject", &self.subject.properties),
            ("action", &self.action.properties),
            ("resource", &self.resource.properties),
            ("context", &self.context),
        ];
        let given = parts.into_iter().filter(|(_, members)| !members.is_empty());
        let given = given.map(|(name, it)| (name.to_owned(), Json::Object(it.clone())));
        Json::Object(given.collect())
    }
}

/// An entity as a record names it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct EntityName {
    /// Its type.
    #[serde(rename = "type")]
    pub kind: String,
    /// Its id.
    pub id: String,
}

/// One evaluation that was answered.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct EvaluationRecord {
    /// Its id, which the answer names.
    pub decision: DecisionId,
    /// When.
    pub time: Timestamp,
    /// The enforcement point that asked.
    pub pep: String,
    /// What it called its request (`X-Request-ID`).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub request_id: Option<String>,
    /// Who would do it.
    pub subject: EntityName,
    /// What.
    pub action: String,
    /// To what.
    pub resource: EntityName,
    /// What the asker said beside names.
    pub said: ArgumentsRecord,
    /// What was answered; a hold was answered as a no.
    pub verdict: VerdictKind,
    /// What enforcing would have said, where a policy only observed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub would: Option<VerdictKind>,
    /// The approval it used up.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub approval: Option<HoldId>,
    /// Of a hold, the keyed digest of all that an approval of it would be bound to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub asked: Option<String>,
    /// The constraints that the asker was told to meet along with it, each with its version.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub constraints: BTreeSet<String>,
    /// Why: the policies that decided, and those that could not be evaluated.
    pub reasons: Vec<Reason>,
    /// How many reasons there were, where there were too many to be kept.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reasons_in_all: Option<usize>,
    /// The policies it was made under.
    pub policy: String,
}

/// What a search leaves open, to be found.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Sought {
    /// Who may do this to that.
    Subject,
    /// What somebody may do this to.
    Resource,
    /// What somebody may do to that.
    Action,
}

impl Sought {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Subject, Self::Resource, Self::Action];

    /// Gives the word for it, as questions and records write it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Subject => "subject",
            Self::Resource => "resource",
            Self::Action => "action",
        }
    }
}

/// One page of a search that was answered.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SearchRecord {
    /// Its id, which the answer names.
    pub decision: DecisionId,
    /// When.
    pub time: Timestamp,
    /// The enforcement point that asked.
    pub pep: String,
    /// What it called its request (`X-Request-ID`).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub request_id: Option<String>,
    /// What was looked for.
    pub sought: Sought,
    /// Of which type, where it is no action.
    #[serde(default, rename = "type", skip_serializing_if = "Option::is_none")]
    pub kind: Option<String>,
    /// Who would do it, where that was said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub subject: Option<EntityName>,
    /// What, where that was said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub action: Option<String>,
    /// To what, where that was said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub resource: Option<EntityName>,
    /// What the asker said beside names.
    pub said: ArgumentsRecord,
    /// How many were passed before this page.
    #[serde(default, skip_serializing_if = "is_none_of_them")]
    pub from: usize,
    /// How many it could hold.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub limit: Option<usize>,
    /// How many were found on this page.
    pub found: usize,
    /// Which: the list of their ids or names, in their order.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub names: Option<ArgumentsRecord>,
    /// How many were evaluated for it.
    pub looked_at: usize,
    /// How many of these are a no as a policy could not be evaluated.
    #[serde(default, skip_serializing_if = "is_none_of_them")]
    pub unclear: usize,
    /// Whether there may be more on a next page.
    pub more: bool,
    /// The policies it was made under.
    pub policy: String,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde hands in a reference")]
const fn is_none_of_them(count: &usize) -> bool {
    *count == 0
}
