//! What Bailiwick keeps: the registry with its change log, and the ledger with its signed heads.
//!
//! The only crate that knows record formats. Each store has one writer, an OS thread of its own
//! that takes whatever is queued as one durable commit; readers have connections or files of their own.
//! After an error from a write or an fsync nothing is tried again: the store refuses everything
//! until a restart has read what is really on the disk.

mod checkpoint;
mod definitions;
mod file;
#[cfg(any(test, fuzzing))]
pub mod foreign;
mod ledger;
mod lock;
mod registry;
mod sqlite;
mod verify;

pub use checkpoint::{
    Checkpoint, CheckpointError, CheckpointKey, CheckpointPublicKey, KeyError, NoteError,
};
pub use definitions::Definitions;
pub use file::FileError;
pub use ledger::{
    DurableAt, Ledger, LedgerError, LedgerHealth, LedgerOptions, LedgerReader, Recovered, Retained,
    SegmentSizes, StoredRecord,
};
pub use lock::{LockError, StateLock};
pub use registry::{
    Change, ChangeRow, Contained, Disagreement, Folding, HoldFilter, KeptLease, LeaseFilter,
    Loaded, Registry, RegistryError, RegistryHealth, Rev, TaskFilter,
};
pub use sqlite::SqliteError;
pub use verify::{CheckpointReport, VerifyError, VerifyReport, verify};
