//! Which tools were accepted, so that a changed one is noticed.

use serde::{Deserialize, Serialize};

use crate::{Digest, Timestamp};

/// Whether an offered tool was accepted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PinStatus {
    /// It may be called as it was.
    Accepted,
    /// It waits for a person.
    Waiting,
}

/// What was accepted of one tool: the digest of its schema, description and annotations.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Pin {
    /// The digest of its definition.
    pub digest: Digest,
    /// The digest of the program that offered it, where the gateway starts that itself.
    pub executable: Option<Digest>,
    /// Whether it was accepted.
    pub status: PinStatus,
    /// Since when.
    pub at: Timestamp,
    /// By whom; `first-connection` where it was pinned without a person.
    pub by: String,
}

/// What a server offers under a name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Offered {
    /// A tool.
    Tool {
        /// The digest of its definition.
        definition: Digest,
        /// The digest of the program that offers it, where the gateway started that itself.
        executable: Option<Digest>,
    },
    /// Nothing.
    Nothing,
    /// Not a tool: resources and prompts are not pinned.
    NotPinned,
}
