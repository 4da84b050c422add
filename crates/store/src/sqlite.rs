//! How the database files of this crate are opened: durable writers, read-only readers, one known
//! schema.

mod pen;

use std::{
    path::{Path, PathBuf},
    sync::{Mutex, PoisonError},
    time::Duration,
};

use rusqlite::{Connection, OpenFlags, config::DbConfig};

pub(crate) use self::pen::{Failed, Pen, Trouble, Unwritten};
use crate::{FileError, file};

/// A database file could not be opened as ours.
#[derive(Debug, thiserror::Error)]
pub enum SqliteError {
    /// Its schema is of a version that this program does not know.
    #[error("`{}` has schema version {found}; this program knows {known}", path.display())]
    UnknownSchema {
        /// The file.
        path: PathBuf,
        /// The version in the file.
        found: i64,
        /// The version this program writes.
        known: i64,
    },
    /// It is a database, but not one of ours, or it holds what we never put there.
    #[error("`{}` is not as we made it: {why}", path.display())]
    NotOurs {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        why: String,
    },
    /// There is no such file.
    #[error("there is no `{}`", path.display())]
    Missing {
        /// The file.
        path: PathBuf,
    },
    /// `SQLite` could not do it.
    #[error("cannot use `{}`", path.display())]
    Engine {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        source: rusqlite::Error,
    },
    /// The file system could not do it.
    #[error(transparent)]
    File(#[from] FileError),
}

/// What a database of ours looks like.
#[derive(Debug)]
pub(crate) struct Schema {
    /// Marks the file as ours (`PRAGMA application_id`).
    pub(crate) application: i64,
    /// The version of the tables (`PRAGMA user_version`).
    pub(crate) version: i64,
    /// Makes the tables.
    pub(crate) tables: &'static str,
    /// What was added since version 1, one step a version.
    pub(crate) added: &'static [&'static str],
}

const BUSY: Duration = Duration::from_secs(5);

/// Opens the one writing connection, making the file where it is missing. A commit returns after
/// fsync. The write-ahead log is copied back only by [`Pen`], because `SQLite` swallows the
/// errors of the copying it does by itself, and no fsync error may pass unnoticed.
pub(crate) fn open_writer(path: &Path, schema: &Schema) -> Result<Connection, SqliteError> {
    // Made before SQLite sees it, so that it and its companions are private.
    drop(file::open_private(path)?);
    let engine = |source| SqliteError::Engine { path: path.to_owned(), source };
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(path, flags).map_err(engine)?;
    configure(&connection).map_err(engine)?;
    create(&connection, schema).map_err(engine)?;
    grow(&connection, schema).map_err(engine)?;
    check(&connection, path, schema, schema.version)?;
    file::sync_parent(path)?;
    Ok(connection)
}

fn configure(connection: &Connection) -> rusqlite::Result<()> {
    connection.busy_timeout(BUSY)?;
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_DEFENSIVE, true)?;
    connection.pragma_update(None, "trusted_schema", false)?;
    connection.pragma_update_and_check(None, "journal_mode", "WAL", |_| Ok(()))?;
    connection.pragma_update(None, "synchronous", "FULL")?;
    connection.pragma_update_and_check(None, "wal_autocheckpoint", 0, |_| Ok(()))
}

/// Makes the tables in a file that has none, all or nothing.
fn create(connection: &Connection, schema: &Schema) -> rusqlite::Result<()> {
    let version: i64 = connection.pragma_query_value(None, "user_version", |row| row.get(0))?;
    let things: i64 =
        connection.query_row("SELECT count(*) FROM sqlite_schema", [], |row| row.get(0))?;
    if version != 0 || things != 0 {
        return Ok(());
    }
    let Schema { application, tables, .. } = schema;
    connection.execute_batch(&format!(
        "BEGIN IMMEDIATE; PRAGMA application_id = {application}; PRAGMA user_version = 1;
         {tables} COMMIT;"
    ))
}

/// Adds what later versions have, step by step, each whole or not at all. A file that is not ours
/// stays as it is.
fn grow(connection: &Connection, schema: &Schema) -> rusqlite::Result<()> {
    let ask = |sql: &str| connection.query_row(sql, [], |row| row.get::<_, i64>(0));
    if ask("PRAGMA application_id")? != schema.application {
        return Ok(());
    }
    let found = ask("PRAGMA user_version")?;
    for (version, added) in (2..).zip(schema.added).filter(|(version, _)| found < *version) {
        connection.execute_batch(&format!(
            "BEGIN IMMEDIATE; {added} PRAGMA user_version = {version}; COMMIT;"
        ))?;
    }
    Ok(())
}

/// Refuses a database that is not as [`create`] makes it, or older than `oldest`.
fn check(
    connection: &Connection,
    path: &Path,
    schema: &Schema,
    oldest: i64,
) -> Result<(), SqliteError> {
    let engine = |source| SqliteError::Engine { path: path.to_owned(), source };
    let ask = |sql: &str| connection.query_row(sql, [], |row| row.get::<_, i64>(0)).map_err(engine);
    let not_ours = |why: &str| SqliteError::NotOurs { path: path.to_owned(), why: why.to_owned() };
    if ask("PRAGMA application_id")? != schema.application {
        return Err(not_ours("another program's mark is on it"));
    }
    let found = ask("PRAGMA user_version")?;
    if !(oldest..=schema.version).contains(&found) {
        let known = schema.version;
        return Err(SqliteError::UnknownSchema { path: path.to_owned(), found, known });
    }
    // A trigger or a view of somebody else's would act whenever we write or read.
    if ask("SELECT count(*) FROM sqlite_schema WHERE type IN ('trigger', 'view')")? != 0 {
        return Err(not_ours("somebody added a trigger or a view"));
    }
    Ok(())
}

/// Opens a connection that cannot write, whether or not a writer runs.
pub(crate) fn open_reader(path: &Path, schema: &Schema) -> Result<Connection, SqliteError> {
    if !path.exists() {
        return Err(SqliteError::Missing { path: path.to_owned() });
    }
    let engine = |source| SqliteError::Engine { path: path.to_owned(), source };
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(path, flags).map_err(engine)?;
    connection.busy_timeout(BUSY).map_err(engine)?;
    connection.pragma_update(None, "trusted_schema", false).map_err(engine)?;
    // What an older program left can be read before this one has written.
    check(&connection, path, schema, 1)?;
    Ok(connection)
}

/// Gives the integer that `SQLite` keeps.
pub(crate) fn int(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

/// Reading connections, opened when they are needed and kept for the next reader.
#[derive(Debug)]
pub(crate) struct ReadPool {
    path: PathBuf,
    schema: &'static Schema,
    idle: Mutex<Vec<Connection>>,
}

impl ReadPool {
    const IDLE_MAX: usize = 8;

    /// Makes an empty pool.
    pub(crate) fn new(path: &Path, schema: &'static Schema) -> Self {
        Self { path: path.to_owned(), schema, idle: Mutex::default() }
    }

    /// Reads with a connection that nobody else uses meanwhile.
    pub(crate) fn read<T, E: From<SqliteError>>(
        &self,
        read: impl FnOnce(&Connection) -> Result<T, E>,
    ) -> Result<T, E> {
        let taken = self.idle().pop();
        let connection = match taken {
            Some(connection) => connection,
            None => open_reader(&self.path, self.schema)?,
        };
        let answer = read(&connection)?;
        let mut idle = self.idle();
        if idle.len() < Self::IDLE_MAX {
            idle.push(connection);
        }
        Ok(answer)
    }

    /// Says which file an error came from, for `map_err`.
    pub(crate) fn engine(&self, source: rusqlite::Error) -> SqliteError {
        SqliteError::Engine { path: self.path.clone(), source }
    }

    /// Closes every connection that nobody uses.
    pub(crate) fn clear(&self) {
        self.idle().clear();
    }

    fn idle(&self) -> std::sync::MutexGuard<'_, Vec<Connection>> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
