//! The ledger: hash-chained, append-only, on the disk before anything is acknowledged.
//!
//! One OS thread writes. It takes whatever is queued as one commit and then answers everyone who
//! waits; another thread signs the head every few seconds and drops what retention lets go.

mod encode;
mod error;
mod index;
mod notary;
mod queue;
mod reader;
mod records;
mod recover;
mod retain;
mod schema;
mod walk;
mod writer;

use std::{
    ops::ControlFlow,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, PoisonError},
    thread::JoinHandle,
    time::Duration,
};

use bailiwick_model::{DecisionId, Digest, Record, TaskId, Timestamp};

use self::{
    encode::Encoded,
    notary::Notary,
    queue::{Answer, Append, Job, Queue},
    records::Records,
    writer::Writer,
};
pub(crate) use self::{
    encode::decode,
    schema::{LEDGER, LIVE, read_base},
    walk::{GENESIS, SELECT, Walk},
};
pub use self::{error::LedgerError, reader::LedgerReader, retain::Retained};
use crate::{Checkpoint, CheckpointError, CheckpointKey, StateLock, sqlite::Failed};

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
}

impl Shared {
    fn head(&self) -> DurableAt {
        *self.head.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn set_head(&self, at: DurableAt) {
        *self.head.lock().unwrap_or_else(PoisonError::into_inner) = at;
    }
}

#[derive(Debug)]
struct Inner {
    shared: Arc<Shared>,
    notary: Arc<Notary>,
    queue: Queue,
    running: Mutex<Option<Running>>,
}

/// What ends when the ledger is closed, in this order.
#[derive(Debug)]
struct Running {
    writer: JoinHandle<()>,
    stop_rounds: std::sync::mpsc::Sender<()>,
    rounds: JoinHandle<()>,
    lock: StateLock,
}

impl Ledger {
    /// Opens the ledger in a directory that nobody else owns, making it where it is missing, and
    /// says what was found. Reads everything once: call it where blocking is allowed.
    pub fn open(options: LedgerOptions) -> Result<(Self, Recovered), LedgerError> {
        let lock = StateLock::acquire(&options.dir)?;
        let path = options.dir.join(LIVE);
        let found = recover::open(&path, &options)?;
        let mut recovered = found.recovered;
        let head = DurableAt { seq: recovered.last_seq, chain: recovered.last_chain };
        let shared = Arc::new(Shared {
            records: Records::new(&path, found.index),
            head: Mutex::new(head),
            failed: Failed::default(),
        });
        let notary = Arc::new(Notary::new(&options, found.checkpoint));
        let (queue, jobs) = Queue::new();
        let writer = Writer::new(found.connection, &path, Arc::clone(&shared), jobs)?;
        let writer = spawn("ledger-writer", move || writer.run())?;
        let (stop_rounds, stopped) = std::sync::mpsc::channel();
        let rounds = notary::Rounds {
            shared: Arc::clone(&shared),
            notary: Arc::clone(&notary),
            queue: queue.downgrade(),
            every: options.checkpoint_every,
            retain: options.retain,
        };
        recovered.records = recovered.records.saturating_sub(rounds.start());
        let rounds = spawn("ledger-checkpoint", move || rounds.run(&stopped))?;
        let running = Mutex::new(Some(Running { writer, stop_rounds, rounds, lock }));
        Ok((Self { inner: Arc::new(Inner { shared, notary, queue, running }) }, recovered))
    }

    /// Appends `records` in one commit, in order, and returns once they are on the disk. Waits at
    /// most 250 ms for a place in the queue. If the answer is an error, the records may be kept
    /// or not; nothing may be done on the strength of them.
    pub async fn append(&self, records: Vec<Record>) -> Result<DurableAt, LedgerError> {
        let (answer, answered) = tokio::sync::oneshot::channel();
        let Some(job) = self.job(&records, Answer::Async(answer))? else {
            return Ok(self.inner.shared.head());
        };
        self.inner.queue.put(job).await.map_err(|error| self.plainer(error))?;
        match tokio::time::timeout(queue::ANSWER_WAIT, answered).await {
            Ok(Ok(answer)) => answer,
            Ok(Err(_)) => Err(self.plainer(LedgerError::Closed)),
            Err(_) => Err(LedgerError::Late { waited: queue::ANSWER_WAIT }),
        }
    }

    /// Does the same as [`Ledger::append`] where blocking is allowed.
    pub fn append_blocking(&self, records: Vec<Record>) -> Result<DurableAt, LedgerError> {
        let (answer, answered) = std::sync::mpsc::sync_channel(1);
        let Some(job) = self.job(&records, Answer::Blocking(answer))? else {
            return Ok(self.inner.shared.head());
        };
        self.inner.queue.put_blocking(job).map_err(|error| self.plainer(error))?;
        queue::wait(&answered).map_err(|error| self.plainer(error))?
    }

    /// Encodes here, on the caller's side, so that the writer only hashes and writes.
    fn job(&self, records: &[Record], answer: Answer) -> Result<Option<Job>, LedgerError> {
        if let LedgerHealth::Failed { why } = self.health() {
            return Err(LedgerError::Failed { why });
        }
        let records = records.iter().map(Encoded::of).collect::<Result<Vec<_>, _>>()?;
        Ok((!records.is_empty()).then_some(Job::Append(Append { records, answer })))
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
        self.inner.shared.records.of_task(task)
    }

    /// Gives a decision and its outcome. Blocks on the disk.
    pub fn decision_records(
        &self,
        decision: &DecisionId,
    ) -> Result<Vec<StoredRecord>, LedgerError> {
        self.inner.shared.records.of_decision(decision)
    }

    /// Shows the records from number `from` on, in order, until `each` has enough. Blocks on the
    /// disk.
    pub fn scan(
        &self,
        from: u64,
        each: &mut dyn FnMut(StoredRecord) -> ControlFlow<()>,
    ) -> Result<(), LedgerError> {
        self.inner.shared.records.scan(from, each)
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

    /// Says why the last attempt to sign, copy or retain in the background failed, if it did.
    pub fn checkpoint_trouble(&self) -> Option<String> {
        self.inner.notary.trouble()
    }

    /// Drops the oldest records that are from before `cutoff`. Blocks on the disk.
    pub fn retain_now(&self, cutoff: Timestamp) -> Result<Retained, LedgerError> {
        let Inner { shared, notary, queue, .. } = &*self.inner;
        retain::drop_before(cutoff, shared, notary, &queue.downgrade())
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
        let Some(Running { writer, stop_rounds, rounds, lock }) = running else {
            return;
        };
        self.queue.close();
        // A thread that panicked has nothing more to write, and its panic was printed.
        drop(writer.join());
        drop(stop_rounds);
        drop(rounds.join());
        self.shared.records.close();
        drop(lock);
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
