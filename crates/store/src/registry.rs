//! The registry: identities, templates, tasks, holds, leases, people, pins, containment and exceptions,
//! with a gap-free change log written in the same transaction.
//!
//! One OS thread writes. Several waiting writes share a commit; each keeps its own savepoint and
//! its own numbers, so that one that is refused takes nothing along.

mod audit;
mod change;
mod error;
mod fold;
mod folder;
mod format;
mod load;
mod query;
mod schema;
mod writer;

use std::{
    fmt,
    path::Path,
    sync::{Arc, Mutex, PoisonError},
    thread::JoinHandle,
    time::Duration,
};

use bailiwick_model::Digest;
use tokio::sync::{
    mpsc::{self, error::SendTimeoutError},
    oneshot,
};

pub use self::{
    audit::Disagreement,
    change::{Change, Contained, KeptLease},
    error::RegistryError,
    fold::Folding,
    load::Loaded,
    query::{ChangeRow, HoldFilter, LeaseFilter, TaskFilter},
};
use self::{
    change::Row,
    folder::Folder,
    schema::REGISTRY,
    writer::{Write, Writer},
};
use crate::sqlite::{Pen, ReadPool, SqliteError, Trouble, open_reader, open_writer};

/// The number of one change: 1, 2, 3 and so on without a gap.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Rev(pub u64);

impl fmt::Display for Rev {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, out)
    }
}

/// Whether the registry takes changes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RegistryHealth {
    /// It does.
    Good,
    /// It was opened to be read.
    ReadOnly,
    /// Its disk is full: the last change was not made, and the next one may be.
    Full {
        /// Why.
        why: String,
    },
    /// It does not, and will not until a restart has read what is on the disk.
    Failed {
        /// Why.
        why: String,
    },
}

/// A handle to one registry. Clones share it. Every reading method blocks on the disk.
#[derive(Clone, Debug)]
pub struct Registry {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    pool: ReadPool,
    writer: Option<WriterHandle>,
}

/// The way to the writer, while there is one.
#[derive(Debug)]
struct WriterHandle {
    trouble: Trouble,
    queue: Mutex<Option<mpsc::Sender<Write>>>,
    thread: Mutex<Option<JoinHandle<()>>>,
}

/// How long one waits for a place in the queue.
const PLACE_WAIT: Duration = Duration::from_millis(250);
/// How long one waits for the disk once there is a place.
const ANSWER_WAIT: Duration = Duration::from_secs(10);
const PLACES: usize = 1024;

impl Registry {
    /// Opens the registry in the file `path`, making it where it is missing. That nobody else
    /// writes it is for the owner of the directory to see to ([`StateLock`](crate::StateLock)).
    pub fn open(path: &Path) -> Result<Self, RegistryError> {
        Self::open_folding(path, Folding::default())
    }

    /// Does the same, and folds the change log as wanted.
    pub fn open_folding(path: &Path, folding: Folding) -> Result<Self, RegistryError> {
        if let Some(dir) = path.parent() {
            crate::file::create_private_dir(dir)?;
        }
        let connection = open_writer(path, &REGISTRY)?;
        let trouble = Trouble::default();
        let (sender, receiver) = mpsc::channel(PLACES);
        let engine = |source| SqliteError::Engine { path: path.to_owned(), source };
        let sides = fold::sides(&connection).map_err(engine)?;
        let pen = Pen::new(connection, path, trouble.clone())?;
        let writer = Writer::new(pen, receiver, Folder::new(path, folding, sides));
        let thread = std::thread::Builder::new()
            .name("registry-writer".to_owned())
            .spawn(move || writer.run())
            .map_err(|source| RegistryError::NoThread { source })?;
        let queue = Mutex::new(Some(sender));
        let writer = Some(WriterHandle { trouble, queue, thread: Mutex::new(Some(thread)) });
        Ok(Self { inner: Arc::new(Inner { pool: ReadPool::new(path, &REGISTRY), writer }) })
    }

    /// Opens the registry in the file `path` to be read, whether or not somebody writes it.
    pub fn open_read_only(path: &Path) -> Result<Self, RegistryError> {
        drop(open_reader(path, &REGISTRY)?);
        let pool = ReadPool::new(path, &REGISTRY);
        Ok(Self { inner: Arc::new(Inner { pool, writer: None }) })
    }

    /// Makes `changes` in one transaction, each with its row in the change log, and gives the
    /// number of the last one once all are on the disk. If the answer is an error other than
    /// [`RegistryError::Ended`], they may be kept or not.
    pub async fn write(&self, changes: Vec<Change>) -> Result<Rev, RegistryError> {
        let Some(sender) = self.sender(&changes)? else {
            return Ok(self.head()?.0);
        };
        let (answer, answered) = oneshot::channel();
        let rows = changes.iter().map(Row::of).collect::<Result<Vec<_>, _>>()?;
        let sent = sender.send_timeout(Write { rows, answer }, PLACE_WAIT).await;
        drop(sender);
        sent.map_err(|error| match error {
            SendTimeoutError::Timeout(_) => RegistryError::Busy { waited: PLACE_WAIT },
            SendTimeoutError::Closed(_) => self.closed(),
        })?;
        match tokio::time::timeout(ANSWER_WAIT, answered).await {
            Ok(answer) => answer.map_err(|_| self.closed())?,
            Err(_) => Err(RegistryError::Late { waited: ANSWER_WAIT }),
        }
    }

    /// Gives the way to the writer; none where there is nothing to write.
    fn sender(&self, changes: &[Change]) -> Result<Option<mpsc::Sender<Write>>, RegistryError> {
        let writer = self.inner.writer.as_ref().ok_or(RegistryError::ReadOnly)?;
        if changes.is_empty() {
            return Ok(None);
        }
        let queue = writer.queue.lock().unwrap_or_else(PoisonError::into_inner);
        queue.clone().map(Some).ok_or(RegistryError::Closed)
    }

    fn closed(&self) -> RegistryError {
        match self.health() {
            RegistryHealth::Failed { why } => RegistryError::Failed { why },
            RegistryHealth::Good | RegistryHealth::Full { .. } | RegistryHealth::ReadOnly => {
                RegistryError::Closed
            }
        }
    }

    /// Says whether changes are taken. Where there was no room for the last one, it is found out whether
    /// there is now, for whoever asks next.
    pub fn health(&self) -> RegistryHealth {
        let Some(writer) = &self.inner.writer else {
            return RegistryHealth::ReadOnly;
        };
        match (writer.trouble.failed.get(), writer.trouble.full()) {
            (Some(why), _) => RegistryHealth::Failed { why: why.clone() },
            (None, Some(why)) => {
                writer.look_for_room();
                RegistryHealth::Full { why }
            }
            (None, None) => RegistryHealth::Good,
        }
    }

    /// Gives the number of the last change and the hash over all of them.
    pub fn head(&self) -> Result<(Rev, Digest), RegistryError> {
        self.read(schema::read_counter)
    }

    /// Reads the whole change log again and says what is wrong with it, if something is: a row
    /// that was altered, removed, added or reordered by anyone but this program.
    pub fn verify_changes(&self) -> Result<Option<Disagreement>, RegistryError> {
        self.read(audit::changes)
    }

    /// Compares every row of every table with the last change of the same thing.
    pub fn verify_rows(&self) -> Result<Vec<Disagreement>, RegistryError> {
        self.read(audit::rows)
    }

    /// Writes what is queued and stops. Later writes are refused. Blocks until that is done.
    pub fn close(self) {
        self.inner.close();
    }

    fn read<T>(
        &self,
        read: impl FnOnce(&rusqlite::Connection) -> rusqlite::Result<T>,
    ) -> Result<T, RegistryError> {
        let pool = &self.inner.pool;
        pool.read(|connection| read(connection).map_err(|error| pool.engine(error).into()))
    }
}

impl WriterHandle {
    /// Has a write tried that changes nothing: whoever is told that the disk is full may bring no other.
    fn look_for_room(&self) {
        let queue = self.queue.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(queue) = &*queue {
            let (answer, _) = oneshot::channel();
            // Where there is no place, others write.
            drop(queue.try_send(Write { rows: Vec::new(), answer }));
        }
    }
}

impl Inner {
    fn close(&self) {
        let Some(writer) = &self.writer else {
            return;
        };
        writer.queue.lock().unwrap_or_else(PoisonError::into_inner).take();
        let thread = writer.thread.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(thread) = thread {
            // A thread that panicked has nothing more to write, and its panic was printed.
            drop(thread.join());
        }
        self.pool.clear();
    }
}

impl Drop for Inner {
    fn drop(&mut self) {
        self.close();
    }
}

#[cfg(test)]
mod tests {
    use std::time::Instant;

    use super::*;

    #[test]
    fn once_there_is_room_again_it_is_well_though_nobody_writes() {
        let dir = tempfile::tempdir().unwrap();
        let registry = Registry::open(&dir.path().join("registry.db")).unwrap();
        let head = registry.head().unwrap();
        let trouble = &registry.inner.writer.as_ref().unwrap().trouble;
        trouble.set_full(Some("there was no room".to_owned()));
        assert!(matches!(registry.health(), RegistryHealth::Full { .. }));
        let begun = Instant::now();
        while registry.health() != RegistryHealth::Good {
            assert!(begun.elapsed() < Duration::from_secs(30), "it is full for ever");
            std::thread::yield_now();
        }
        assert_eq!(registry.head().unwrap(), head, "nothing is changed by that");
    }
}
