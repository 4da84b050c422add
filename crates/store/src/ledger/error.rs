//! Why the ledger could not do it.

use std::time::Duration;

use crate::{CheckpointError, FileError, LockError};

/// The ledger could not do it.
#[derive(Debug, thiserror::Error)]
pub enum LedgerError {
    /// The queue was full all the while.
    #[error("the ledger had no place for {} ms", waited.as_millis())]
    Busy {
        /// How long was waited.
        waited: Duration,
    },
    /// The disk did not answer in time: nobody knows whether the records are kept.
    #[error("the ledger's disk did not answer for {} s", waited.as_secs())]
    Late {
        /// How long was waited.
        waited: Duration,
    },
    /// A write failed before; nothing is taken until a restart.
    #[error("the ledger takes nothing until a restart, since a write failed: {why}")]
    Failed {
        /// What failed.
        why: String,
    },
    /// It was closed.
    #[error("the ledger is closed")]
    Closed,
    /// What is on the disk is not what was written.
    #[error("the ledger was altered at record {seq}: {why}")]
    Tampered {
        /// The first record that is wrong.
        seq: u64,
        /// What is wrong.
        why: String,
    },
    /// A record is in a format that this program does not know.
    #[error("record {seq} has format {format}, which this program cannot read")]
    UnknownFormat {
        /// Which record.
        seq: u64,
        /// Its format.
        format: i64,
    },
    /// A record cannot be read.
    #[error("record {seq} cannot be read")]
    Unreadable {
        /// Which record.
        seq: u64,
        /// Why.
        #[source]
        source: serde_json::Error,
    },
    /// A record cannot be written as text.
    #[error("a record cannot be written as text")]
    Encode {
        /// Why.
        #[source]
        source: serde_json::Error,
    },
    /// A record would not read as it was written, and so was not.
    #[error("a {kind} was not written, since it would not read as it was")]
    NotReadable {
        /// What it is.
        kind: &'static str,
    },
    /// More was to be appended at once than one segment takes.
    #[error("{records} records of {bytes} bytes are more than can be appended at once")]
    TooMuch {
        /// How many records.
        records: usize,
        /// How many bytes.
        bytes: u64,
    },
    /// There is no ledger.
    #[error("there is no ledger in `{}`", dir.display())]
    Missing {
        /// The directory.
        dir: std::path::PathBuf,
    },
    /// It was written by a version that kept everything in one database.
    #[error("`{}` was written by an earlier version, and this one does not read it: go on with that version, or move the whole state directory away and begin anew", path.display())]
    Old {
        /// The file.
        path: std::path::PathBuf,
    },
    /// A thread could not be started.
    #[error("no thread could be started for the ledger")]
    NoThread {
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// Somebody else owns the directory.
    #[error(transparent)]
    Lock(#[from] LockError),
    /// A signed head cannot be used.
    #[error(transparent)]
    Checkpoint(#[from] CheckpointError),
    /// A file cannot be used.
    #[error(transparent)]
    File(#[from] FileError),
}
