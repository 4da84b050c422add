//! The one connection that writes a file, and that nobody holds any more after an error that may have
//! left something on the disk.

use std::{
    path::Path,
    sync::{Arc, Mutex, OnceLock, PoisonError},
};

use rusqlite::{Connection, ErrorCode, config::DbConfig, ffi::SQLITE_IOERR_SHMSIZE};

use crate::{FileError, file::FileWatch};

/// Pages of write-ahead log after which it is copied into the database.
const LOG_PAGES: u64 = 1000;

/// Why nothing is written any more; set once, never lifted.
pub(crate) type Failed = Arc<OnceLock<String>>;

/// What keeps a file from being written: for good, or until there is room again.
#[derive(Clone, Debug, Default)]
pub(crate) struct Trouble {
    pub(crate) failed: Failed,
    full: Arc<Mutex<Option<String>>>,
}

/// Why something was not written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Unwritten {
    /// The disk is full: nothing of it is there, and the next write may have room.
    Full(String),
    /// Nothing is written any more until a restart.
    Failed(String),
}

impl Trouble {
    /// Says why the last write found no room, if it did not.
    pub(crate) fn full(&self) -> Option<String> {
        self.full.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    pub(crate) fn set_full(&self, why: Option<String>) {
        let mut full = self.full.lock().unwrap_or_else(PoisonError::into_inner);
        match (&*full, &why) {
            (None, Some(why)) => tracing::error!(why, "nothing is written until there is room"),
            (Some(_), None) => tracing::info!("there is room again: what comes is written"),
            (None, None) | (Some(_), Some(_)) => {}
        }
        *full = why;
    }
}

/// The one writing connection of a file.
///
/// After an error from a write or an fsync it is gone: a second fsync may succeed although what the
/// first one should have written is lost, so only a restart, which reads what is really on the disk, may
/// write again. The same goes for a file that was deleted or replaced. A disk that is full is no such
/// error: it takes less than it was given and says so before anything is synced, what was begun is taken
/// back whole, and whoever writes next finds out whether there is room again.
#[derive(Debug)]
pub(crate) struct Pen {
    connection: Option<Connection>,
    trouble: Trouble,
    watches: [FileWatch; 2],
    log_pages: u64,
}

impl Pen {
    /// Takes the writing connection of the file `path`, which was read already.
    pub(crate) fn new(
        connection: Connection,
        path: &Path,
        trouble: Trouble,
    ) -> Result<Self, FileError> {
        let mut log = path.as_os_str().to_owned();
        log.push("-wal");
        let watches = [FileWatch::new(path)?, FileWatch::new(log.as_ref())?];
        Ok(Self { connection: Some(connection), trouble, watches, log_pages: 0 })
    }

    /// Writes, or says why nothing is written.
    pub(crate) fn write<T>(
        &mut self,
        work: impl FnOnce(&mut Connection) -> rusqlite::Result<T>,
    ) -> Result<T, Unwritten> {
        let done = self.attempt(work);
        if let Err(Unwritten::Full(why)) = &done {
            self.trouble.set_full(Some(why.clone()));
        }
        done
    }

    /// Writes what nobody waits for: where there is no room for it, there may be for what somebody does.
    pub(crate) fn attempt<T>(
        &mut self,
        work: impl FnOnce(&mut Connection) -> rusqlite::Result<T>,
    ) -> Result<T, Unwritten> {
        let Some(mut connection) = self.connection.take() else {
            let why = self.trouble.failed.get().cloned().unwrap_or_default();
            return Err(Unwritten::Failed(why));
        };
        let done = work(&mut connection);
        let replaced = self.watches.iter().find_map(FileWatch::trouble);
        match (done, replaced) {
            (Ok(done), None) => {
                self.connection = Some(connection);
                self.trouble.set_full(None);
                Ok(done)
            }
            // What was begun is taken back: nothing of it counts, and nothing of it is waited for.
            (Err(error), None) if is_full(&error) && connection.is_autocommit() => {
                self.connection = Some(connection);
                Err(Unwritten::Full(error.to_string()))
            }
            (Err(error), _) => Err(self.give_up(connection, error.to_string())),
            (Ok(_), Some(why)) => Err(self.give_up(connection, why)),
        }
    }

    fn give_up(&self, connection: Connection, why: String) -> Unwritten {
        abandon(connection);
        tracing::error!(why, "nothing is written any more until a restart");
        // Set once at most, since the connection is gone.
        drop(self.trouble.failed.set(why.clone()));
        Unwritten::Failed(why)
    }

    /// Copies the write-ahead log back once it has grown by enough, after everyone was answered.
    /// A failure is remembered, and the next writer is told.
    pub(crate) fn grew(&mut self, pages: usize) {
        let pages = u64::try_from(pages).unwrap_or(u64::MAX);
        self.log_pages = self.log_pages.saturating_add(pages);
        if LOG_PAGES < self.log_pages {
            self.copy_back();
        }
    }

    /// Copies the write-ahead log into the database. What readers still look at is left for the
    /// next time, and so is all of it where there is no room: nobody waits for that.
    pub(crate) fn copy_back(&mut self) {
        self.log_pages = 0;
        let copy = "PRAGMA wal_checkpoint(PASSIVE)";
        if let Err(Unwritten::Full(why)) =
            self.attempt(|connection| connection.query_row(copy, [], |_| Ok(())))
        {
            tracing::warn!(why, "the write-ahead log is copied back once there is room");
        }
    }
}

/// Says whether a disk without room is all that is wrong: a write that was cut short, or an index of the
/// log, which is in no sync, that could not grow. A sync that fails for want of room is another error.
fn is_full(error: &rusqlite::Error) -> bool {
    error.sqlite_error().is_some_and(|it| {
        it.code == ErrorCode::DiskFull || it.extended_code == SQLITE_IOERR_SHMSIZE
    })
}

/// Closes a connection after an error without touching the disk again: what the kernel still
/// holds of the failed write may differ from what is on the disk.
fn abandon(connection: Connection) {
    if connection.set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, true).is_err() {
        // Never closed is never written: the process is about to be restarted anyway.
        std::mem::forget(connection);
    }
}

#[cfg(test)]
mod tests {
    use rusqlite::ffi;

    use super::*;

    fn no_room(_: &mut Connection) -> rusqlite::Result<()> {
        Err(rusqlite::Error::SqliteFailure(ffi::Error::new(ffi::SQLITE_FULL), None))
    }

    #[test]
    fn where_only_what_nobody_waits_for_finds_no_room_nothing_is_said_to_be_full() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("registry.db");
        let connection = Connection::open(&path).unwrap();
        let begin = "PRAGMA journal_mode = WAL; CREATE TABLE it (number INTEGER);";
        connection.execute_batch(begin).unwrap();
        let trouble = Trouble::default();
        let mut pen = Pen::new(connection, &path, trouble.clone()).unwrap();
        assert!(matches!(pen.attempt(no_room), Err(Unwritten::Full(_))));
        assert_eq!(trouble.full(), None, "whoever wrote last was served");
        assert!(matches!(pen.write(no_room), Err(Unwritten::Full(_))));
        assert!(trouble.full().is_some());
        pen.write(|it| it.execute("INSERT INTO it VALUES (1)", [])).unwrap();
        assert_eq!(trouble.full(), None);
    }
}
