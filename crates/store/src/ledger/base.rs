//! Up to where retention took the oldest records, in a signed text of its own.

use std::path::{Path, PathBuf};

use super::DurableAt;
use crate::{
    Checkpoint, CheckpointError, CheckpointKey, CheckpointPublicKey,
    checkpoint::{Note, Purpose, read_notes},
    file,
};
use bailiwick_model::Timestamp;

/// What comes before the first kept record, and the signed text that says so.
#[derive(Clone, Debug)]
pub(crate) struct Base {
    /// The last record that was dropped.
    pub(crate) at: DurableAt,
    note: Note,
}

impl Base {
    /// Reads the base of a ledger's directory; none where every record is kept.
    pub(crate) fn read(dir: &Path) -> Result<Option<Self>, CheckpointError> {
        let notes = read_notes(&path(dir))?.unwrap_or_default();
        Ok(notes.into_iter().next().map(|note| {
            let Checkpoint { seq, chain, .. } = note.checkpoint;
            Self { at: DurableAt { seq, chain }, note }
        }))
    }

    /// Signs that the records up to `at` go, and waits for the disk.
    pub(crate) fn write(
        dir: &Path,
        at: DurableAt,
        now: Timestamp,
        key: &CheckpointKey,
    ) -> Result<(), CheckpointError> {
        let checkpoint = Checkpoint { seq: at.seq, chain: at.chain, time: now };
        let note = Note::sign(Purpose::Base, &checkpoint, key);
        Ok(file::replace(&path(dir), note.as_bytes())?)
    }

    /// Says whether `key` signed it as a base.
    pub(crate) fn is_signed_by(&self, key: &CheckpointPublicKey) -> bool {
        self.note.purpose == Purpose::Base && self.note.is_signed_by(key)
    }
}

fn path(dir: &Path) -> PathBuf {
    dir.join("base")
}
