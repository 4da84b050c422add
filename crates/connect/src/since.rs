//! From when on proofs count after a start: what was used before it is forgotten.
//!
//! Whatever is dated before the start is refused, as it may have been used. That leaves proofs of
//! a clock that runs ahead of ours: one that was used just before the end could be shown again just
//! after the start. So how far ahead of our clock a proof was dated is on the disk before such a
//! proof is taken, and a start refuses everything up to there. Proofs of clocks that do not run
//! ahead write nothing.

use std::{
    path::{Path, PathBuf},
    sync::{Mutex, PoisonError},
};

use bailiwick_model::Timestamp;

use crate::{
    private::{PrivateError, read_private, write_private},
    proof::ProofError,
};

/// The longest file that is looked at: it holds one moment.
const FILE_MAX: u64 = 64;

/// The moments before which nothing counts.
#[derive(Debug)]
pub(crate) struct Since {
    started: Timestamp,
    /// The latest date that was taken before the start, where one was ahead.
    before: Option<Timestamp>,
    kept: Option<Kept>,
}

/// The latest date ahead that is on the disk.
#[derive(Debug)]
struct Kept {
    path: PathBuf,
    latest: Mutex<Option<Timestamp>>,
}

impl Since {
    /// Begins at `started`, and remembers nothing over a restart.
    pub(crate) const fn new(started: Timestamp) -> Self {
        Self { started, before: None, kept: None }
    }

    /// Goes on from what the file at `path` remembers, and keeps it there.
    pub(crate) fn kept_at(self, path: &Path) -> Result<Self, PrivateError> {
        let before = match read_private(path, FILE_MAX) {
            Ok(text) => Some(text.trim_end().parse().map_err(|_| unreadable(path))?),
            Err(error) if error.is_missing() => None,
            Err(error) => return Err(error),
        };
        let kept = Some(Kept { path: path.to_owned(), latest: Mutex::new(before) });
        Ok(Self { before, kept, ..self })
    }

    /// Says whether a proof of this date may have been used before the start.
    pub(crate) fn may_be_used(&self, dated: Timestamp) -> bool {
        dated < self.started || self.before.is_some_and(|it| dated <= it)
    }

    /// Remembers a date that lies ahead of `now`, durably, before its proof is taken.
    pub(crate) fn remember(&self, dated: Timestamp, now: Timestamp) -> Result<(), ProofError> {
        let Some(kept) = self.kept.as_ref().filter(|_| now < dated) else { return Ok(()) };
        let mut latest = kept.latest.lock().unwrap_or_else(PoisonError::into_inner);
        if latest.is_some_and(|it| dated <= it) {
            return Ok(());
        }
        // It goes up from proof to proof, so that a clock which runs ahead writes once a second.
        write_private(&kept.path, format!("{dated}\n").as_bytes())
            .map_err(|_| ProofError::NotKept)?;
        *latest = Some(dated);
        Ok(())
    }
}

fn unreadable(path: &Path) -> PrivateError {
    let why = std::io::Error::new(std::io::ErrorKind::InvalidData, "not a moment");
    PrivateError::io("understand", path)(why)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: u64) -> Timestamp {
        Timestamp::from_millis(1_800_000_000_000).after(std::time::Duration::from_secs(seconds))
    }

    #[test]
    fn a_date_ahead_is_refused_after_a_restart_and_a_later_one_is_not() {
        let root = tempfile::tempdir().unwrap();
        let path = root.path().join("proofs");
        let first = Since::new(at(0)).kept_at(&path).unwrap();
        assert!(!first.may_be_used(at(25)));
        first.remember(at(25), at(1)).unwrap();
        first.remember(at(20), at(1)).unwrap();
        let second = Since::new(at(3)).kept_at(&path).unwrap();
        assert!(
            second.may_be_used(at(2)) && second.may_be_used(at(20)) && second.may_be_used(at(25))
        );
        assert!(!second.may_be_used(at(26)));
        let late = Since::new(at(60)).kept_at(&path).unwrap();
        assert!(late.may_be_used(at(59)) && !late.may_be_used(at(60)));
    }

    #[test]
    fn a_date_that_is_not_ahead_writes_nothing() {
        let root = tempfile::tempdir().unwrap();
        let path = root.path().join("proofs");
        let since = Since::new(at(0)).kept_at(&path).unwrap();
        since.remember(at(5), at(5)).unwrap();
        since.remember(at(4), at(5)).unwrap();
        assert!(!path.exists());
    }

    #[test]
    fn what_cannot_be_kept_is_not_taken() {
        let root = tempfile::tempdir().unwrap();
        let since = Since::new(at(0)).kept_at(&root.path().join("gone/proofs")).unwrap();
        assert_eq!(since.remember(at(9), at(5)), Err(ProofError::NotKept));
        assert_eq!(since.remember(at(5), at(5)), Ok(()));
    }

    #[test]
    fn a_file_that_says_something_else_is_an_error() {
        let root = tempfile::tempdir().unwrap();
        let path = root.path().join("proofs");
        write_private(&path, b"yesterday\n").unwrap();
        assert!(Since::new(at(0)).kept_at(&path).is_err());
    }
}
