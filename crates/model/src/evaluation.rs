//! One evaluation: what an enforcement point elsewhere asks, in names of its own.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::{ArgumentsRecord, DecisionId, Json, Reason, Timestamp, VerdictKind};

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
    /// Why: the policies that decided, and those that could not be evaluated.
    pub reasons: Vec<Reason>,
    /// How many reasons there were, where there were too many to be kept.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reasons_in_all: Option<usize>,
    /// The policies it was made under.
    pub policy: String,
}
