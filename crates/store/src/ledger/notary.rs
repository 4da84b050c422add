//! Signs the head of the ledger every few seconds, off the way of anyone who waits.

use std::{
    path::{Path, PathBuf},
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        mpsc::{Receiver, RecvTimeoutError},
    },
    time::Duration,
};

use bailiwick_model::Timestamp;

use super::{
    DurableAt, LedgerError, LedgerOptions, Retained, Shared, base::Base, head_path, now, retain,
    turn::Turn,
};
use crate::{
    Checkpoint, CheckpointError, CheckpointKey,
    checkpoint::{Copies, Note, Purpose},
    file,
};

/// Whoever holds the key that signs heads.
#[derive(Debug)]
pub(super) struct Notary {
    key: CheckpointKey,
    dir: PathBuf,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    last: Option<Checkpoint>,
    copies: Option<Copies>,
    /// Up to where this process has seen the copies go: after a start that is unknown, and one
    /// copy too many does no harm.
    copied: u64,
    trouble: Option<String>,
}

impl Notary {
    /// Takes the key, and the last head that was signed.
    pub(super) fn new(options: &LedgerOptions, last: Option<Checkpoint>) -> Self {
        let copies = options.copies.clone().map(Copies::new);
        let state = Mutex::new(State { last, copies, copied: 0, trouble: None });
        Self { key: options.key.clone(), dir: options.dir.clone(), state }
    }

    /// Signs the head, where it is not signed yet: first in the ledger's directory, then in the
    /// directory of copies. Only what is on the disk already is ever signed.
    pub(super) fn sign_head(&self, at: DurableAt, now: Timestamp) -> Result<(), CheckpointError> {
        let mut state = self.state();
        let signed = state.last.map_or(0, |it| it.seq) == at.seq;
        if signed && (state.copies.is_none() || state.copied == at.seq) {
            return Ok(());
        }
        let checkpoint = Checkpoint { seq: at.seq, chain: at.chain, time: now };
        let note = Note::sign(Purpose::Head, &checkpoint, &self.key);
        file::replace(&head_path(&self.dir), note.as_bytes())?;
        state.last = Some(checkpoint);
        if let Some(copies) = &mut state.copies {
            copies.append(&note, &checkpoint)?;
        }
        state.copied = at.seq;
        Ok(())
    }

    /// Signs that retention takes the records up to `at`, and waits for the disk.
    pub(super) fn sign_base(&self, at: DurableAt, now: Timestamp) -> Result<(), CheckpointError> {
        Base::write(&self.dir, at, now, &self.key)
    }

    /// Gives the key.
    pub(super) const fn key(&self) -> &CheckpointKey {
        &self.key
    }

    /// Gives the ledger's directory.
    pub(super) fn dir(&self) -> &Path {
        &self.dir
    }

    pub(super) fn last(&self) -> Option<Checkpoint> {
        self.state().last
    }

    pub(super) fn trouble(&self) -> Option<String> {
        self.state().trouble.clone()
    }

    fn note_trouble(&self, trouble: Option<String>) {
        if let Some(why) = &trouble {
            tracing::warn!(why, "the ledger's head could not be signed, copied or trimmed");
        }
        self.state().trouble = trouble;
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The thread that makes the rounds: heads every few seconds, retention once a day.
#[derive(Debug)]
pub(super) struct Rounds {
    pub(super) shared: Arc<Shared>,
    pub(super) notary: Arc<Notary>,
    pub(super) turn: Arc<Turn>,
    pub(super) every: Duration,
    pub(super) retain: Option<Duration>,
}

const DAY: Duration = Duration::from_secs(86_400);

impl Rounds {
    /// Drops what retention lets go already now; gives how many records that were.
    pub(super) fn start(&self) -> u64 {
        let (dropped, trouble) = match self.trim() {
            Ok(retained) => (retained.dropped, None),
            Err(error) => (0, Some(error.to_string())),
        };
        self.notary.note_trouble(trouble);
        dropped
    }

    /// Makes rounds until `stopped` is dropped, and then signs a last head.
    pub(super) fn run(self, stopped: &Receiver<()>) {
        let mut trimmed = now();
        loop {
            let mut trouble = self.sign();
            if DAY <= now().since(trimmed) {
                trimmed = now();
                trouble = trouble.or(self.trim().err().map(|error| error.to_string()));
            }
            self.notary.note_trouble(trouble);
            match stopped.recv_timeout(self.every) {
                Err(RecvTimeoutError::Timeout) => {}
                Ok(()) | Err(RecvTimeoutError::Disconnected) => break,
            }
        }
        self.notary.note_trouble(self.sign());
    }

    fn sign(&self) -> Option<String> {
        let signed = self.notary.sign_head(self.shared.head(), now());
        signed.err().map(|error| error.to_string())
    }

    fn trim(&self) -> Result<Retained, LedgerError> {
        let Some(keep) = self.retain else {
            return Ok(Retained::default());
        };
        let keep = i64::try_from(keep.as_millis()).unwrap_or(i64::MAX);
        let cutoff = Timestamp::from_millis(now().millis().saturating_sub(keep));
        retain::drop_before(cutoff, &self.shared, &self.notary, &self.turn.inbox)
    }
}
