//! Asking the registry for one thing, or for a list.

use std::collections::BTreeMap;

use bailiwick_model::{
    Charter, Digest, Exception, Hold, HoldId, IdentityId, LeaseId, Person, PersonName, Pin,
    ServerName, Task, TaskId, Template, TemplateName,
};
use rusqlite::{Connection, Params};

use super::{Contained, KeptLease, Registry, RegistryError, Rev, format::Stored, load::pins_of};
use crate::sqlite::int;

/// Which tasks are wanted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TaskFilter {
    /// Only those that are open.
    pub open_only: bool,
    /// Only those of this identity.
    pub identity: Option<IdentityId>,
    /// The most; the newest are given.
    pub limit: usize,
}

impl TaskFilter {
    /// Every task.
    pub const ALL: Self = Self { open_only: false, identity: None, limit: usize::MAX };
}

/// Which holds are wanted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HoldFilter {
    /// Only those that wait, or whose approval was not used yet.
    pub open_only: bool,
    /// Only those of this task.
    pub task: Option<TaskId>,
    /// The most; the newest are given.
    pub limit: usize,
}

impl HoldFilter {
    /// Every hold.
    pub const ALL: Self = Self { open_only: false, task: None, limit: usize::MAX };
}

/// Which leases are wanted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LeaseFilter {
    /// Only those of which something may still be alive.
    pub open_only: bool,
    /// Only those of this task.
    pub task: Option<TaskId>,
    /// The most; the newest are given.
    pub limit: usize,
}

impl LeaseFilter {
    /// Every lease.
    pub const ALL: Self = Self { open_only: false, task: None, limit: usize::MAX };
}

/// One row of the change log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ChangeRow {
    /// Its number.
    pub rev: Rev,
    /// What was changed: `charter`, `template`, `task`, `hold`, `person`, `pin`, `containment`,
    /// `exception`, `lease`.
    pub kind: String,
    /// Which one.
    pub key: String,
    /// The format of its text.
    pub format: i64,
    /// The thing as it stood from then on, as JSON; none where it was gone.
    pub body: Option<String>,
    /// The hash over this change and all before it.
    pub hash: Digest,
}

impl Registry {
    /// Gives one task.
    pub fn task(&self, task: &TaskId) -> Result<Option<Task>, RegistryError> {
        self.one("SELECT key, format, body FROM tasks WHERE key = ?1", task.as_str())
    }

    /// Gives one hold.
    pub fn hold(&self, hold: &HoldId) -> Result<Option<Hold>, RegistryError> {
        self.one("SELECT key, format, body FROM holds WHERE key = ?1", hold.as_str())
    }

    /// Gives one lease.
    pub fn lease(&self, lease: &LeaseId) -> Result<Option<KeptLease>, RegistryError> {
        self.one("SELECT key, format, body FROM leases WHERE key = ?1", lease.as_str())
    }

    /// Gives leases, oldest first.
    pub fn leases(&self, filter: LeaseFilter) -> Result<Vec<KeptLease>, RegistryError> {
        self.many(|connection, engine| leases(connection, &filter, engine))
    }

    /// Gives one person.
    pub fn person(&self, person: &PersonName) -> Result<Option<Person>, RegistryError> {
        self.one("SELECT key, format, body FROM persons WHERE key = ?1", person.as_str())
    }

    /// Gives tasks, oldest first.
    pub fn tasks(&self, filter: TaskFilter) -> Result<Vec<Task>, RegistryError> {
        self.many(|connection, engine| tasks(connection, &filter, engine))
    }

    /// Gives holds, oldest first.
    pub fn holds(&self, filter: HoldFilter) -> Result<Vec<Hold>, RegistryError> {
        self.many(|connection, engine| holds(connection, &filter, engine))
    }

    /// Gives all people, by name.
    pub fn persons(&self) -> Result<Vec<Person>, RegistryError> {
        self.many(|connection, engine| list(connection, engine))
    }

    /// Gives all pins.
    pub fn pins(&self) -> Result<BTreeMap<(ServerName, String), Pin>, RegistryError> {
        self.many(|connection, engine| list(connection, engine)).map(pins_of)
    }

    /// Gives all charters.
    pub fn charters(&self) -> Result<BTreeMap<IdentityId, Charter>, RegistryError> {
        self.many(|connection, engine| list(connection, engine)).map(charters)
    }

    /// Gives all templates.
    pub fn templates(&self) -> Result<BTreeMap<TemplateName, Template>, RegistryError> {
        self.many(|connection, engine| list(connection, engine)).map(templates)
    }

    /// Gives all exceptions, ended ones too.
    pub fn exceptions(&self) -> Result<Vec<Exception>, RegistryError> {
        self.many(|connection, engine| list(connection, engine))
    }

    /// Gives everything whose authority is withdrawn.
    pub fn contained(&self) -> Result<Vec<Contained>, RegistryError> {
        self.many(|connection, engine| list(connection, engine))
    }

    /// Gives the changes after number `after`, in order, `limit` at most. Of those that were folded only
    /// the last of each thing is there.
    pub fn changes(&self, after: Rev, limit: usize) -> Result<Vec<ChangeRow>, RegistryError> {
        self.read(|connection| {
            let mut select = connection.prepare_cached(
                "SELECT rev, kind, key, format, body, hash FROM change_log
                 WHERE rev > ?1 ORDER BY rev LIMIT ?2",
            )?;
            let rows = select.query_map([int(after.0), bound(limit)], |row| {
                Ok(ChangeRow {
                    rev: Rev(u64::try_from(row.get::<_, i64>(0)?).unwrap_or(0)),
                    kind: row.get(1)?,
                    key: row.get(2)?,
                    format: row.get(3)?,
                    body: row.get(4)?,
                    hash: Digest::from_bytes(row.get(5)?),
                })
            })?;
            rows.collect()
        })
    }

    fn one<T: Stored>(&self, select: &str, key: &str) -> Result<Option<T>, RegistryError> {
        let found =
            self.many(|connection, engine| select_all(connection, select, [key], engine))?;
        Ok(found.into_iter().next())
    }

    fn many<T>(
        &self,
        read: impl FnOnce(&Connection, &dyn Fn(rusqlite::Error) -> RegistryError) -> Answer<T>,
    ) -> Answer<T> {
        let pool = &self.inner.pool;
        pool.read(|connection| read(connection, &|error| pool.engine(error).into()))
    }
}

type Answer<T> = Result<Vec<T>, RegistryError>;

pub(super) fn tasks(
    connection: &Connection,
    filter: &TaskFilter,
    engine: impl Fn(rusqlite::Error) -> RegistryError,
) -> Answer<Task> {
    let of = filter.identity.as_ref().map(IdentityId::as_str);
    newest(connection, "tasks", (of, filter.open_only, filter.limit), engine)
}

pub(super) fn holds(
    connection: &Connection,
    filter: &HoldFilter,
    engine: impl Fn(rusqlite::Error) -> RegistryError,
) -> Answer<Hold> {
    let of = filter.task.as_ref().map(TaskId::as_str);
    newest(connection, "holds", (of, filter.open_only, filter.limit), engine)
}

fn leases(
    connection: &Connection,
    filter: &LeaseFilter,
    engine: impl Fn(rusqlite::Error) -> RegistryError,
) -> Answer<KeptLease> {
    let of = filter.task.as_ref().map(TaskId::as_str);
    newest(connection, "leases", (of, filter.open_only, filter.limit), engine)
}

/// Gives the newest rows of a table, oldest first: those of one thing or of all, open ones alone or all.
fn newest<T: Stored>(
    connection: &Connection,
    table: &'static str,
    (of, open_only, limit): (Option<&str>, bool, usize),
    engine: impl Fn(rusqlite::Error) -> RegistryError,
) -> Answer<T> {
    let select = format!(
        "SELECT key, format, body FROM {table}
        WHERE (?1 IS NULL OR of = ?1) AND open >= ?2 ORDER BY key DESC LIMIT ?3"
    );
    let mut found = select_all(connection, &select, (of, open_only, bound(limit)), engine)?;
    found.reverse();
    Ok(found)
}

/// Gives all things of one kind, by key.
pub(super) fn list<T: Stored>(
    connection: &Connection,
    engine: impl Fn(rusqlite::Error) -> RegistryError,
) -> Answer<T> {
    select_all(connection, T::KIND.statements().list, [], engine)
}

fn select_all<T: Stored>(
    connection: &Connection,
    select: &str,
    with: impl Params,
    engine: impl Fn(rusqlite::Error) -> RegistryError,
) -> Answer<T> {
    let mut select = connection.prepare_cached(select).map_err(&engine)?;
    let mut rows = select.query(with).map_err(&engine)?;
    let mut found = Vec::new();
    while let Some(row) = rows.next().map_err(&engine)? {
        let key: String = row.get(0).map_err(&engine)?;
        let format = row.get(1).map_err(&engine)?;
        let body: String = row.get(2).map_err(&engine)?;
        found.push(T::decode(&key, format, &body)?);
    }
    Ok(found)
}

/// Files charters under their identities.
pub(super) fn charters(all: Vec<Charter>) -> BTreeMap<IdentityId, Charter> {
    all.into_iter().map(|it| (it.identity.clone(), it)).collect()
}

/// Files templates under their names.
pub(super) fn templates(all: Vec<Template>) -> BTreeMap<TemplateName, Template> {
    all.into_iter().map(|it| (it.name.clone(), it)).collect()
}

fn bound(limit: usize) -> i64 {
    i64::try_from(limit).unwrap_or(i64::MAX)
}
