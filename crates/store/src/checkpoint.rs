//! Signed heads of the ledger: how many records there are, the chain over them, and when.
//!
//! The text is in the spirit of the C2SP signed note and tlog-checkpoint: lines that a person can
//! read, an empty line, and a line with the signature. A head that is kept elsewhere shows a
//! later cut tail or whole rewrite; a base says up to where retention took the oldest records.

mod copies;
mod key;
mod note;

use std::path::{Path, PathBuf};

use bailiwick_model::{Digest, Timestamp};

use crate::{FileError, file};

pub(crate) use self::{
    copies::Copies,
    note::{Note, Purpose},
};
pub use self::{
    key::{CheckpointKey, CheckpointPublicKey, KeyError},
    note::NoteError,
};

/// The state of a ledger at one moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Checkpoint {
    /// How many records there had been.
    pub seq: u64,
    /// The chain over them.
    pub chain: Digest,
    /// When it was signed.
    pub time: Timestamp,
}

/// Signed heads could not be read.
#[derive(Debug, thiserror::Error)]
pub enum CheckpointError {
    /// The text is not one of signed heads.
    #[error("`{}` holds no signed head that can be read", path.display())]
    Note {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        source: NoteError,
    },
    /// The file cannot be used.
    #[error(transparent)]
    File(#[from] FileError),
}

/// Reads the signed heads of one file, in order. A head that was being written when the power
/// went is no head.
pub(crate) fn read_notes(path: &Path) -> Result<Option<Vec<Note>>, CheckpointError> {
    let Some(bytes) = file::read_if_there(path)? else {
        return Ok(None);
    };
    let text = String::from_utf8_lossy(&bytes);
    let (notes, _complete) = Note::parse_all(&text)
        .map_err(|source| CheckpointError::Note { path: path.to_owned(), source })?;
    Ok(Some(notes))
}
