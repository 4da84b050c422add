//! The authority of one task, fixed when it opened.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use crate::{
    Action, AllowLine, Budget, DayBudget, HoldId, IdentityId, Mode, OnWiden, Param, PersonName,
    ServerName, TargetName, TemplateName, Timestamp,
};

/// What one task may do. A call is covered when **every** layer covers it: a task's own layer is
/// its template within its charter, and a child carries its parent's layers below its own, so
/// that no child reaches further than its parent (law 6).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Grant {
    /// The task's own layer first, then its ancestors', nearest first.
    pub layers: Vec<Layer>,
    /// How much it may use; a child's was taken out of its parent's.
    pub budget: Budget,
    /// What happens to an action outside the grant: the strictest word of all layers.
    pub on_widen: OnWiden,
    /// Whether grant and budget are enforced: only while every layer observes are they not.
    pub mode: Mode,
}

/// One template's lines with the parameters of the task that was opened from it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Layer {
    /// Whose charter bounds it.
    pub identity: IdentityId,
    /// The template.
    pub template: TemplateName,
    /// The template's purpose.
    pub purpose: String,
    /// The parameters of the task it was opened for.
    pub params: BTreeMap<String, Param>,
    /// The charter's servers when it was opened.
    pub servers: BTreeSet<ServerName>,
    /// The charter's targets when it was opened.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub targets: BTreeSet<TargetName>,
    /// The lines.
    pub lines: Vec<AllowLine>,
    /// What all such tasks of this identity may use in a day, together.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub day: Option<DayBudget>,
}

impl Layer {
    /// Says whether its charter reached what `action` is done with.
    pub fn reaches(&self, action: &Action) -> bool {
        action.is_within(&self.servers, &self.targets)
    }
}

/// An authority line that a person added to one task: this action on these resources towards
/// these destinations, until its end.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ApprovedLine {
    /// The hold it answered.
    pub hold: HoldId,
    /// The action.
    pub action: Action,
    /// The resources; without any the line covers nothing, since it would cover every argument.
    pub resources: BTreeSet<String>,
    /// Where data may go.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub destinations: BTreeSet<String>,
    /// Who added it.
    pub by: PersonName,
    /// When it ends.
    pub until: Timestamp,
}
