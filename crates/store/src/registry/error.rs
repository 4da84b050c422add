//! Why the registry could not do it.

use std::time::Duration;

use crate::{FileError, SqliteError};

/// The registry could not do it.
#[derive(Debug, thiserror::Error)]
pub enum RegistryError {
    /// What has ended never opens again; the whole write was left out.
    #[error("{kind} `{key}` has ended and cannot be opened again")]
    Ended {
        /// A task or a hold.
        kind: &'static str,
        /// Its id.
        key: String,
    },
    /// The queue was full all the while.
    #[error("the registry had no place for {} ms", waited.as_millis())]
    Busy {
        /// How long was waited.
        waited: Duration,
    },
    /// The disk did not answer in time: nobody knows whether the changes are kept.
    #[error("the registry's disk did not answer for {} s", waited.as_secs())]
    Late {
        /// How long was waited.
        waited: Duration,
    },
    /// The disk is full. Nothing of it was made, and the next change may be.
    #[error("the registry has no room on its disk, and takes changes again once it has: {why}")]
    Full {
        /// What was seen.
        why: String,
    },
    /// A write failed before; nothing is taken until a restart.
    #[error("the registry takes nothing until a restart, since a write failed: {why}")]
    Failed {
        /// What failed.
        why: String,
    },
    /// It was closed.
    #[error("the registry is closed")]
    Closed,
    /// It was opened to be read.
    #[error("the registry was opened to be read, not written")]
    ReadOnly,
    /// A row is in a format that this program does not know.
    #[error("{kind} `{key}` has format {format}, which this program cannot read")]
    UnknownFormat {
        /// What it is.
        kind: &'static str,
        /// Which one.
        key: String,
        /// Its format.
        format: i64,
    },
    /// A row cannot be read.
    #[error("{kind} `{key}` cannot be read")]
    Unreadable {
        /// What it is.
        kind: &'static str,
        /// Which one.
        key: String,
        /// Why.
        #[source]
        source: serde_json::Error,
    },
    /// A change cannot be written as text.
    #[error("a change cannot be written as text")]
    Encode(#[from] serde_json::Error),
    /// The thread could not be started.
    #[error("no thread could be started for the registry")]
    NoThread {
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// The database file cannot be used.
    #[error(transparent)]
    Sqlite(#[from] SqliteError),
    /// A file cannot be used.
    #[error(transparent)]
    File(#[from] FileError),
}
