//! Something noticed, with reasons.

use serde::{Deserialize, Serialize};

use crate::{IdentityId, TaskId, Timestamp};

/// Something noticed that a person should see.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Finding {
    /// What sort: `tool-pinned`, `policy-error`, `activation`, or a detector's code.
    pub code: String,
    /// What people read.
    pub text: String,
    /// When.
    pub at: Timestamp,
    /// In which task.
    pub task: Option<TaskId>,
    /// Of which identity.
    pub identity: Option<IdentityId>,
    /// What it is about: a tool, a server, a policy.
    pub subject: String,
}
