//! The tables of the registry, one for each kind of thing.

use bailiwick_model::Digest;
use rusqlite::Connection;

use super::Rev;
use crate::sqlite::Schema;

/// Every table keeps a thing's text as JSON, with the format it is in. Tasks, holds and leases also
/// say whose they are and whether they are open, so that the open ones are found.
pub(super) static REGISTRY: Schema = Schema {
    application: 0x4257_5247,
    version: 3,
    tables: "
        CREATE TABLE counter (
            id INTEGER PRIMARY KEY CHECK (id = 1), rev INTEGER NOT NULL, hash BLOB NOT NULL);
        INSERT INTO counter (id, rev, hash) VALUES (1, 0, zeroblob(32));
        CREATE TABLE change_log (
            rev INTEGER PRIMARY KEY, kind TEXT NOT NULL, key TEXT NOT NULL,
            format INTEGER NOT NULL, body TEXT, hash BLOB NOT NULL);
        CREATE TABLE charters (
            key TEXT PRIMARY KEY, format INTEGER NOT NULL, body TEXT NOT NULL) WITHOUT ROWID;
        CREATE TABLE templates (
            key TEXT PRIMARY KEY, format INTEGER NOT NULL, body TEXT NOT NULL) WITHOUT ROWID;
        CREATE TABLE persons (
            key TEXT PRIMARY KEY, format INTEGER NOT NULL, body TEXT NOT NULL) WITHOUT ROWID;
        CREATE TABLE pins (
            key TEXT PRIMARY KEY, format INTEGER NOT NULL, body TEXT NOT NULL) WITHOUT ROWID;
        CREATE TABLE containment (
            key TEXT PRIMARY KEY, format INTEGER NOT NULL, body TEXT NOT NULL) WITHOUT ROWID;
        CREATE TABLE exceptions (
            key TEXT PRIMARY KEY, format INTEGER NOT NULL, body TEXT NOT NULL) WITHOUT ROWID;
        CREATE TABLE tasks (
            key TEXT PRIMARY KEY, format INTEGER NOT NULL, body TEXT NOT NULL,
            of TEXT NOT NULL, open INTEGER NOT NULL) WITHOUT ROWID;
        CREATE INDEX tasks_open ON tasks (open, key);
        CREATE INDEX tasks_of ON tasks (of, key);
        CREATE TABLE holds (
            key TEXT PRIMARY KEY, format INTEGER NOT NULL, body TEXT NOT NULL,
            of TEXT NOT NULL, open INTEGER NOT NULL) WITHOUT ROWID;
        CREATE INDEX holds_open ON holds (open, key);
        CREATE INDEX holds_of ON holds (of, key);",
    added: &[
        "
        CREATE TABLE leases (
            key TEXT PRIMARY KEY, format INTEGER NOT NULL, body TEXT NOT NULL,
            of TEXT NOT NULL, open INTEGER NOT NULL) WITHOUT ROWID;
        CREATE INDEX leases_open ON leases (open, key);
        CREATE INDEX leases_of ON leases (of, key);",
        "
        CREATE TABLE folded (
            id INTEGER PRIMARY KEY CHECK (id = 1), rev INTEGER NOT NULL, hash BLOB NOT NULL,
            kept BLOB NOT NULL);
        INSERT INTO folded (id, rev, hash, kept) VALUES (1, 0, zeroblob(32), zeroblob(32));",
    ],
};

/// A kind of thing that the registry keeps.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Kind {
    Charter,
    Template,
    Task,
    Hold,
    Person,
    Pin,
    Containment,
    Exception,
    Lease,
}

/// The statements of one kind.
#[derive(Debug)]
pub(super) struct Statements {
    pub(super) put: &'static str,
    pub(super) delete: &'static str,
    pub(super) list: &'static str,
}

macro_rules! plain {
    ($table:literal) => {
        Statements {
            put: concat!("INSERT OR REPLACE INTO ", $table, " VALUES (?1, ?2, ?3)"),
            delete: concat!("DELETE FROM ", $table, " WHERE key = ?1"),
            list: concat!("SELECT key, format, body, '', 0 FROM ", $table, " ORDER BY key"),
        }
    };
}

macro_rules! placed {
    ($table:literal) => {
        Statements {
            put: concat!("INSERT OR REPLACE INTO ", $table, " VALUES (?1, ?2, ?3, ?4, ?5)"),
            delete: concat!("DELETE FROM ", $table, " WHERE key = ?1"),
            list: concat!("SELECT key, format, body, of, open FROM ", $table, " ORDER BY key"),
        }
    };
}

impl Kind {
    pub(super) const ALL: [Self; 9] = [
        Self::Charter,
        Self::Template,
        Self::Task,
        Self::Hold,
        Self::Person,
        Self::Pin,
        Self::Containment,
        Self::Exception,
        Self::Lease,
    ];

    /// Gives the word that the change log uses.
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Charter => "charter",
            Self::Template => "template",
            Self::Task => "task",
            Self::Hold => "hold",
            Self::Person => "person",
            Self::Pin => "pin",
            Self::Containment => "containment",
            Self::Exception => "exception",
            Self::Lease => "lease",
        }
    }

    /// Gives the statements.
    pub(super) const fn statements(self) -> &'static Statements {
        match self {
            Self::Charter => &plain!("charters"),
            Self::Template => &plain!("templates"),
            Self::Task => &placed!("tasks"),
            Self::Hold => &placed!("holds"),
            Self::Person => &plain!("persons"),
            Self::Pin => &plain!("pins"),
            Self::Containment => &plain!("containment"),
            Self::Exception => &plain!("exceptions"),
            Self::Lease => &placed!("leases"),
        }
    }

    /// Gives the statement that says whether one of them is open, where they open and end.
    pub(super) const fn open(self) -> Option<&'static str> {
        match self {
            Self::Task => Some("SELECT open FROM tasks WHERE key = ?1"),
            Self::Hold => Some("SELECT open FROM holds WHERE key = ?1"),
            Self::Charter
            | Self::Template
            | Self::Person
            | Self::Pin
            | Self::Containment
            | Self::Exception
            // What its target still has is told to be gone once more, whatever was written of it.
            | Self::Lease => None,
        }
    }
}

/// Reads the number of the last change, and the hash over all changes.
pub(super) fn read_counter(connection: &Connection) -> rusqlite::Result<(Rev, Digest)> {
    let mut select = connection.prepare_cached("SELECT rev, hash FROM counter")?;
    select.query_row([], |row| {
        let rev = u64::try_from(row.get::<_, i64>(0)?).unwrap_or(0);
        Ok((Rev(rev), Digest::from_bytes(row.get(1)?)))
    })
}
