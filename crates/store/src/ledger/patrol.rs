//! Reads, after the start, the sealed segments that the start took on trust.
//!
//! The start knows a sealed segment by its index and by the segment that follows on it. Whether
//! its records still are what was written is seen here, and where they are not, nothing more is
//! taken: the same as if the start had read them.

use std::{
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicU8, Ordering},
    },
    thread::JoinHandle,
    time::{Duration, Instant},
};

use super::{
    Folder, LedgerError, folder, layout::Header, sealed::Sealed, sidecar, spawn,
    survey::survey_sealed,
};
use crate::{file, sqlite::Failed};

/// The longest rest after one segment.
const REST_MAX: Duration = Duration::from_millis(500);
/// A rest is taken in pieces, to hear what is wanted.
const PIECE: Duration = Duration::from_millis(20);

/// What is wanted of the patrol.
const CALM: u8 = 0;
const HASTE: u8 = 1;
const STOP: u8 = 2;

/// The thread that reads, ended when dropped.
#[derive(Debug)]
pub(super) struct Patrol {
    wanted: Arc<AtomicU8>,
    thread: Option<JoinHandle<()>>,
}

impl Patrol {
    /// Begins to read `unread` segments.
    pub(super) fn start(
        dir: PathBuf,
        unread: Vec<Arc<Sealed>>,
        failed: Failed,
    ) -> Result<Self, LedgerError> {
        let wanted = Arc::new(AtomicU8::new(CALM));
        let told = Arc::clone(&wanted);
        let thread = if unread.is_empty() {
            None
        } else {
            Some(spawn("ledger-patrol", move || run(&dir, &unread, &failed, &told))?)
        };
        Ok(Self { wanted, thread })
    }

    /// Waits until everything was read, without rests.
    pub(super) fn wait(&mut self) {
        self.end(HASTE);
    }

    fn end(&mut self, wanted: u8) {
        self.wanted.store(wanted, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            drop(thread.join());
        }
    }
}

impl Drop for Patrol {
    fn drop(&mut self) {
        self.end(STOP);
    }
}

/// Reads one segment after the other, the latest first, and rests as long as that took.
fn run(dir: &Path, unread: &[Arc<Sealed>], failed: &Failed, wanted: &AtomicU8) {
    for sealed in unread.iter().rev() {
        let began = Instant::now();
        match compare(dir, sealed) {
            Ok(()) => {}
            Err(error @ LedgerError::Tampered { .. }) => {
                let why = error.to_string();
                tracing::error!(why, "nothing is written any more until a restart");
                // Somebody else may have been first.
                drop(failed.set(why));
                return;
            }
            Err(error) => tracing::warn!(%error, "a sealed segment could not be read"),
        }
        let until = Instant::now().checked_add(began.elapsed().min(REST_MAX));
        while wanted.load(Ordering::Relaxed) == CALM {
            let left = until.map(|it| it.saturating_duration_since(Instant::now()));
            match left.filter(|it| !it.is_zero()) {
                Some(left) => std::thread::sleep(left.min(PIECE)),
                None => break,
            }
        }
        if wanted.load(Ordering::Relaxed) == STOP {
            return;
        }
    }
}

/// Reads a segment and compares it with what its index says. What retention took is not compared.
fn compare(dir: &Path, sealed: &Sealed) -> Result<(), LedgerError> {
    let number = sealed.number;
    let header = Header { number, before: sealed.summary.before, capacity: 0 };
    let read = survey_sealed(dir, &header);
    let gone = || {
        let there = folder::segment(dir, number).exists();
        !there && Folder::read(dir, None).is_ok_and(|it| sealed.summary.last.seq <= it.base.seq)
    };
    let index = match read {
        Err(_) if gone() => return Ok(()),
        read => read?,
    };
    let said = file::read_if_there(&folder::index(dir, number))?;
    if said.is_some_and(|it| it == sidecar::to_bytes(number, &index)) || gone() {
        return Ok(());
    }
    let seq = index.before.seq.saturating_add(1);
    Err(folder::altered(seq, dir, number, "its index does not say what is in it"))
}
