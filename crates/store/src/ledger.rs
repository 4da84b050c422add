//! The ledger: hash-chained, append-only, on the disk before anything is acknowledged.
//!
//! The records lie in segments, files of our own that are full of zeros before they are used. One
//! writes at a time, an OS thread or a caller that comes alone: whatever waits becomes one write and
//! one wait for the disk, and then everyone who waits is answered. Other threads prepare the next segment and put full ones away, sign
//! the head every few seconds and drop what retention lets go.

mod base;
mod chores;
mod encode;
mod error;
mod folder;
#[cfg(any(test, fuzzing))]
pub(crate) mod foreign;
mod inbox;
mod index;
mod job;
mod layout;
mod named;
mod notary;
mod pace;
mod patrol;
mod pen;
mod plain;
mod reader;
mod records;
mod recover;
mod retain;
mod sealed;
mod sidecar;
mod survey;
mod tail;
mod turn;
mod walk;
mod window;
mod writer;

use std::{
    ops::ControlFlow,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, PoisonError},
    thread::JoinHandle,
    time::Duration,
};

use bailiwick_model::{DecisionId, Digest, LeaseId, Record, TaskId, Timestamp};

use self::{
    chores::Chore,
    encode::Encoded,
    job::{Answer, Append, Errand, Job},
    notary::Notary,
    pen::Pen,
    records::Records,
    turn::Turn,
    writer::Writer,
};
pub(crate) use self::{
    encode::decode,
    folder::{Folder, OLD, index as index_path},
    layout::Header,
    sidecar::to_bytes as index_bytes,
    survey::{Ending, Survey, survey},
    walk::{Flaw, GENESIS},
};
pub use self::{error::LedgerError, reader::LedgerReader, retain::Retained};
use crate::{Checkpoint, CheckpointError, CheckpointKey, StateLock, sqlite::Failed};

/// How many bytes are appended together at most.
const ROOM_MAX: u64 = 32 << 20;

/// How a ledger is kept.
#[derive(Clone, Debug)]
pub struct LedgerOptions {
    /// Its directory.
    pub dir: PathBuf,
    /// The key that signs its heads.
    pub key: CheckpointKey,
    /// Where copies of signed heads go: best on another machine or volume.
    pub copies: Option<PathBuf>,
    /// How often a head is signed while there is something new.
    pub checkpoint_every: Duration,
    /// How long records are kept; none is for ever.
    pub retain: Option<Duration>,
}

/// How long segments are, in bytes. The first is short and each may be twice as long as the one
/// before it, so that a small ledger is a small file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SegmentSizes {
    /// The first one.
    pub first: u64,
    /// The longest.
    pub largest: u64,
}

impl Default for SegmentSizes {
    fn default() -> Self {
        Self { first: 256 << 10, largest: 64 << 20 }
    }
}

/// Where a record stands once nothing can lose it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DurableAt {
    /// Its number.
    pub seq: u64,
    /// The chain up to it.
    pub chain: Digest,
}

/// One record with its number.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredRecord {
    /// Its number.
    pub seq: u64,
    /// What it says.
    pub record: Record,
}

/// What was found when the ledger was opened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Recovered {
    /// How many records are kept.
    pub records: u64,
    /// How many were cut from the end because they were never wholly written.
    pub truncated: u64,
    /// The number of the last record.
    pub last_seq: u64,
    /// The chain up to it.
    pub last_chain: Digest,
}

/// Whether the ledger takes records.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LedgerHealth {
    /// It does.
    Good,
    /// It does not, and will not until a restart has read what is on the disk.
    Failed {
        /// Why.
        why: String,
    },
}

/// A handle to the one ledger of a directory. Clones share it.
#[derive(Clone, Debug)]
pub struct Ledger {
    inner: Arc<Inner>,
}

/// What the ledger's threads and its handles share.
#[derive(Debug)]
struct Shared {
    records: Records,
    /// The last record that is on the disk.
    head: Mutex<DurableAt>,
    /// Why nothing is taken any more.
    failed: Failed,
    /// Why the last chore could not be done.
    trouble: Mutex<Option<String>>,
}

impl Shared {
    fn head(&self) -> DurableAt {
        *self.head.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn set_head(&self, at: DurableAt) {
        *self.head.lock().unwrap_or_else(PoisonError::into_inner) = at;
    }

    fn trouble(&self) -> Option<String> {
        self.trouble.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn note_trouble(&self, trouble: Option<String>) {
        *self.trouble.lock().unwrap_or_else(PoisonError::into_inner) = trouble;
    }
}

#[derive(Debug)]
struct Inner {
    shared: Arc<Shared>,
    notary: Arc<Notary>,
    turn: Arc<Turn>,
    running: Mutex<Option<Running>>,
}

/// What ends when the ledger is closed, in this order.
#[derive(Debug)]
struct Running {
    writer: JoinHandle<()>,
    chores: JoinHandle<()>,
    patrol: patrol::Patrol,
    stop_rounds: std::sync::mpsc::Sender<()>,
    rounds: JoinHandle<()>,
    lock: StateLock,
}

impl Ledger {
    /// Opens the ledger in a directory that nobody else owns, making it where it is missing, and
    /// says what was found. Reads the live segment: call it where blocking is allowed.
    pub fn open(options: LedgerOptions) -> Result<(Self, Recovered), LedgerError> {
        Self::open_sized(options, SegmentSizes::default())
    }

    /// Does the same as [`Ledger::open`] with segments of other lengths.
    pub fn open_sized(
        options: LedgerOptions,
        sizes: SegmentSizes,
    ) -> Result<(Self, Recovered), LedgerError> {
        let lock = StateLock::acquire(&options.dir)?;
        let dir = options.dir.clone();
        let found = recover::open(&options, sizes)?;
        let mut recovered = found.recovered;
        let head = DurableAt { seq: recovered.last_seq, chain: recovered.last_chain };
        let (unread, unlaid): (Vec<_>, Vec<_>) =
            found.held.sealed.iter().cloned().partition(|it| it.is_unread());
        let shared = Arc::new(Shared {
            records: Records::new(&dir, found.held),
            head: Mutex::new(head),
            failed: Failed::default(),
            trouble: Mutex::default(),
        });
        let notary = Arc::new(Notary::new(&options, found.checkpoint));
        let (to_do, chores) = std::sync::mpsc::channel();
        for sealed in unlaid {
            drop(to_do.send(Chore::LayDown(sealed)));
        }
        let pen =
            Pen::new(found.open, Arc::clone(&shared.failed), dir.clone(), sizes, to_do.clone());
        let turn = Arc::new(Turn::new(Writer::new(pen, to_do, Arc::clone(&shared))));
        let writer = {
            let turn = Arc::clone(&turn);
            spawn("ledger-writer", move || turn.run())?
        };
        let chores = {
            let (dir, shared) = (dir.clone(), Arc::clone(&shared));
            spawn("ledger-chores", move || chores::run(&dir, &shared, &chores))?
        };
        let patrol = patrol::Patrol::start(dir, unread, Arc::clone(&shared.failed))?;
        let (stop_rounds, stopped) = std::sync::mpsc::channel();
        let rounds = notary::Rounds {
            shared: Arc::clone(&shared),
            notary: Arc::clone(&notary),
            turn: Arc::clone(&turn),
            every: options.checkpoint_every,
            retain: options.retain,
        };
        recovered.records = recovered.records.saturating_sub(rounds.start());
        let rounds = spawn("ledger-checkpoint", move || rounds.run(&stopped))?;
        let running = Running { writer, chores, patrol, stop_rounds, rounds, lock };
        let running = Mutex::new(Some(running));
        Ok((Self { inner: Arc::new(Inner { shared, notary, turn, running }) }, recovered))
    }

    /// Appends `records` in order, all or none, and returns once they are on the disk. Waits at
    /// most 250 ms for a place in the queue. If the answer is an error, the records may be kept
    /// or not; nothing may be done on the strength of them.
    pub async fn append(&self, records: impl AsRef<[Record]>) -> Result<DurableAt, LedgerError> {
        let Some(append) = self.encoded(records.as_ref())? else {
            return Ok(self.inner.shared.head());
        };
        let append = match self.inner.turn.here(append) {
            Ok(answered) => return answered,
            Err(append) => append,
        };
        let (answer, answered) = tokio::sync::oneshot::channel();
        let job = Job::Append(Append { answer: Answer::Async(answer), ..append });
        self.inner.turn.inbox.put(job).await.map_err(|error| self.plainer(error))?;
        match tokio::time::timeout(job::ANSWER_WAIT, answered).await {
            Ok(Ok(answer)) => answer,
            Ok(Err(_)) => Err(self.plainer(LedgerError::Closed)),
            Err(_) => Err(LedgerError::Late { waited: job::ANSWER_WAIT }),
        }
    }

    /// Takes `records` of what has happened already, where nothing is done on the strength of them,
    /// and returns once they have a place. They go to the disk along with what is appended next, at
    /// the latest after some milliseconds. Readers of this ledger wait for that; a crash before it
    /// loses them.
    pub async fn append_soon(&self, records: impl AsRef<[Record]>) -> Result<(), LedgerError> {
        let Some(append) = self.encoded(records.as_ref())? else { return Ok(()) };
        self.inner.turn.inbox.put_aside(append).await.map_err(|error| self.plainer(error))
    }

    /// Waits until what was queued before is written, or cannot be.
    fn reach(&self) {
        let (answer, answered) = std::sync::mpsc::sync_channel(1);
        // Where the writer is gone or has failed, what there is to read is there already.
        let job = Job::Errand(Errand::Reach(Answer::Blocking(answer)));
        if self.inner.turn.inbox.put_blocking(job).is_ok() {
            drop(job::wait(&answered));
        }
    }

    /// Does the same as [`Ledger::append`] where blocking is allowed.
    pub fn append_blocking(&self, records: impl AsRef<[Record]>) -> Result<DurableAt, LedgerError> {
        let Some(append) = self.encoded(records.as_ref())? else {
            return Ok(self.inner.shared.head());
        };
        let append = match self.inner.turn.here(append) {
            Ok(answered) => return answered,
            Err(append) => append,
        };
        let (answer, answered) = std::sync::mpsc::sync_channel(1);
        let job = Job::Append(Append { answer: Answer::Blocking(answer), ..append });
        self.inner.turn.inbox.put_blocking(job).map_err(|error| self.plainer(error))?;
        job::wait(&answered).map_err(|error| self.plainer(error))?
    }

    /// Encodes here, on the caller's side, so that whoever writes only hashes and writes.
    fn encoded(&self, records: &[Record]) -> Result<Option<Append>, LedgerError> {
        if let LedgerHealth::Failed { why } = self.health() {
            return Err(LedgerError::Failed { why });
        }
        let records = records.iter().map(Encoded::of).collect::<Result<Vec<_>, _>>()?;
        let room = |all: u64, it: &Encoded| all.saturating_add(layout::room(it.body.len()));
        let room = records.iter().fold(0, room);
        if ROOM_MAX < room || survey::JOINED_MAX < records.len() {
            return Err(LedgerError::TooMuch { records: records.len(), bytes: room });
        }
        let answer = Answer::Nobody;
        Ok((!records.is_empty()).then_some(Append { records, room, answer }))
    }

    /// Names the failure where a closed queue is only its consequence.
    fn plainer(&self, error: LedgerError) -> LedgerError {
        match (&error, self.health()) {
            (LedgerError::Closed, LedgerHealth::Failed { why }) => LedgerError::Failed { why },
            _ => error,
        }
    }

    /// Says whether records are taken.
    pub fn health(&self) -> LedgerHealth {
        match self.inner.shared.failed.get() {
            None => LedgerHealth::Good,
            Some(why) => LedgerHealth::Failed { why: why.clone() },
        }
    }

    /// Gives the last record that is on the disk.
    pub fn head(&self) -> DurableAt {
        self.inner.shared.head()
    }

    /// Gives a task's records in order. Blocks on the disk.
    pub fn task_records(&self, task: &TaskId) -> Result<Vec<StoredRecord>, LedgerError> {
        self.reach();
        self.inner.shared.records.of_task(task)
    }

    /// Gives the steps of a lease in order. Blocks on the disk.
    pub fn lease_records(&self, lease: &LeaseId) -> Result<Vec<StoredRecord>, LedgerError> {
        self.reach();
        self.inner.shared.records.of_lease(lease)
    }

    /// Gives a decision and its outcome. Blocks on the disk.
    pub fn decision_records(
        &self,
        decision: &DecisionId,
    ) -> Result<Vec<StoredRecord>, LedgerError> {
        self.reach();
        self.inner.shared.records.of_decision(decision)
    }

    /// Shows the records from number `from` on, in order, until `each` has enough. Blocks on the
    /// disk.
    pub fn scan(
        &self,
        from: u64,
        each: &mut dyn FnMut(StoredRecord) -> ControlFlow<()>,
    ) -> Result<(), LedgerError> {
        self.reach();
        self.inner.shared.records.scan(from, each)
    }

    /// Shows, in order, the records that count beyond their task: commands, and decisions that
    /// used an approval. Blocks on the disk.
    pub fn landmarks(&self, each: &mut dyn FnMut(StoredRecord)) -> Result<(), LedgerError> {
        self.inner.shared.records.landmarks(0, each)
    }

    /// Shows those of them that come after number `after`. Blocks on the disk.
    pub fn landmarks_after(
        &self,
        after: u64,
        each: &mut dyn FnMut(StoredRecord),
    ) -> Result<(), LedgerError> {
        self.inner.shared.records.landmarks(after, each)
    }

    /// Shows, in order, those of them that were named as counting, and all that came after that; gives
    /// how many were named. Blocks on the disk.
    pub fn named_landmarks(&self, each: &mut dyn FnMut(StoredRecord)) -> Result<u64, LedgerError> {
        self.inner.named_landmarks(each)
    }

    /// Names, in order, the landmarks up to `through` that still count, instead of those before.
    /// Blocks on the disk.
    pub fn name_landmarks(&self, through: DurableAt, numbers: &[u64]) -> Result<(), LedgerError> {
        self.inner.name_landmarks(through, numbers)
    }

    /// Gives the number of the last record that is on disk.
    pub fn last_seq(&self) -> u64 {
        self.inner.shared.head().seq
    }

    /// Signs the head now, where there is something new, and gives the last signed one. Blocks on
    /// the disk.
    pub fn checkpoint_now(&self) -> Result<Option<Checkpoint>, CheckpointError> {
        self.inner.notary.sign_head(self.inner.shared.head(), now())?;
        Ok(self.inner.notary.last())
    }

    /// Gives the last signed head.
    pub fn last_checkpoint(&self) -> Option<Checkpoint> {
        self.inner.notary.last()
    }

    /// Says why the last attempt to sign, copy, retain, prepare or put away in the background
    /// failed, if it did.
    pub fn checkpoint_trouble(&self) -> Option<String> {
        self.inner.notary.trouble().or_else(|| self.inner.shared.trouble())
    }

    /// Waits until every sealed segment that was taken on trust at the start was read; gives what
    /// is wrong, if something is. Blocks on the disk.
    pub fn patrolled(&self) -> Option<String> {
        self.inner.patrolled();
        self.inner.shared.failed.get().cloned()
    }

    /// Drops the oldest segments, those whose records are all from before `cutoff`. Blocks on the
    /// disk.
    pub fn retain_now(&self, cutoff: Timestamp) -> Result<Retained, LedgerError> {
        let Inner { shared, notary, turn, .. } = &*self.inner;
        retain::drop_before(cutoff, shared, notary, &turn.inbox)
    }

    /// Writes what is queued, signs a last head and lets the directory go. Later appends are
    /// refused. Blocks until all of that is done.
    pub fn close(self) {
        self.inner.close();
    }
}

impl Inner {
    fn close(&self) {
        let running = self.running.lock().unwrap_or_else(PoisonError::into_inner).take();
        let Some(Running { writer, chores, patrol, stop_rounds, rounds, lock }) = running else {
            return;
        };
        self.turn.inbox.close();
        // A thread that panicked has nothing more to write, and its panic was printed.
        drop(writer.join());
        drop(chores.join());
        drop(patrol);
        drop(stop_rounds);
        drop(rounds.join());
        drop(lock);
    }

    fn patrolled(&self) {
        let mut running = self.running.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(running) = &mut *running {
            running.patrol.wait();
        }
    }
}

impl Drop for Inner {
    fn drop(&mut self) {
        self.close();
    }
}

fn spawn(name: &str, body: impl FnOnce() + Send + 'static) -> Result<JoinHandle<()>, LedgerError> {
    std::thread::Builder::new()
        .name(name.to_owned())
        .spawn(body)
        .map_err(|source| LedgerError::NoThread { source })
}

/// Gives the wall clock's time: what signed heads and retention go by.
fn now() -> Timestamp {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    let millis = since.map_or(0, |it| i64::try_from(it.as_millis()).unwrap_or(i64::MAX));
    Timestamp::from_millis(millis)
}

/// Gives the path of the signed head in a ledger's directory.
fn head_path(dir: &Path) -> PathBuf {
    dir.join("checkpoint")
}
