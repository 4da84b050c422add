//! The one connection that writes a file, and that nobody holds any more after the first error.

use std::{
    path::Path,
    sync::{Arc, OnceLock},
};

use rusqlite::{Connection, config::DbConfig};

use crate::{FileError, file::FileWatch};

/// Pages of write-ahead log after which it is copied into the database.
const LOG_PAGES: u64 = 1000;

/// Why nothing is written any more; set once, never lifted.
pub(crate) type Failed = Arc<OnceLock<String>>;

/// The one writing connection of a file.
///
/// After any error from a write or an fsync it is gone: a second fsync may succeed although what
/// the first one should have written is lost, so only a restart, which reads what is really on
/// the disk, may write again. The same goes for a file that was deleted or replaced.
#[derive(Debug)]
pub(crate) struct Pen {
    connection: Option<Connection>,
    failed: Failed,
    watches: [FileWatch; 2],
    log_pages: u64,
}

impl Pen {
    /// Takes the writing connection of the file `path`, which was read already.
    pub(crate) fn new(
        connection: Connection,
        path: &Path,
        failed: Failed,
    ) -> Result<Self, FileError> {
        let mut log = path.as_os_str().to_owned();
        log.push("-wal");
        let watches = [FileWatch::new(path)?, FileWatch::new(log.as_ref())?];
        Ok(Self { connection: Some(connection), failed, watches, log_pages: 0 })
    }

    /// Writes, or says why nothing is written any more.
    pub(crate) fn write<T>(
        &mut self,
        work: impl FnOnce(&mut Connection) -> rusqlite::Result<T>,
    ) -> Result<T, String> {
        let Some(mut connection) = self.connection.take() else {
            return Err(self.failed.get().cloned().unwrap_or_default());
        };
        let done = work(&mut connection).map_err(|error| error.to_string());
        let replaced = self.watches.iter().find_map(FileWatch::trouble);
        match (done, replaced) {
            (Ok(done), None) => {
                self.connection = Some(connection);
                Ok(done)
            }
            (Err(why), _) | (Ok(_), Some(why)) => {
                abandon(connection);
                tracing::error!(why, "nothing is written any more until a restart");
                // Set once at most, since the connection is gone.
                drop(self.failed.set(why.clone()));
                Err(why)
            }
        }
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
    /// next time.
    pub(crate) fn copy_back(&mut self) {
        self.log_pages = 0;
        let copy = "PRAGMA wal_checkpoint(PASSIVE)";
        drop(self.write(|connection| connection.query_row(copy, [], |_| Ok(()))));
    }
}

/// Closes a connection after an error without touching the disk again: what the kernel still
/// holds of the failed write may differ from what is on the disk.
fn abandon(connection: Connection) {
    if connection.set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, true).is_err() {
        // Never closed is never written: the process is about to be restarted anyway.
        std::mem::forget(connection);
    }
}
