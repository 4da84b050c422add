//! Finds what somebody changed behind our back: in the change log, or in a table.

use std::{collections::BTreeMap, fmt};

use bailiwick_model::{Digest, Hold, Task};
use rusqlite::{Connection, Row as SqlRow};

use super::{
    KeptLease, Rev,
    change::Place,
    format::{FORMAT, Stored},
    schema::{Kind, read_counter},
    writer::change_hash,
};

/// A place where the registry is not what this program wrote.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Disagreement {
    /// Where: `change 17`, or `task task_01JD…`.
    pub at: String,
    /// What is wrong.
    pub why: &'static str,
}

impl fmt::Display for Disagreement {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{}: {}", self.at, self.why)
    }
}

/// Reads the whole change log and says where it first breaks.
pub(super) fn changes(connection: &Connection) -> rusqlite::Result<Option<Disagreement>> {
    let view = connection.unchecked_transaction()?;
    let mut select =
        view.prepare("SELECT rev, kind, key, format, body, hash FROM change_log ORDER BY rev")?;
    let mut rows = select.query([])?;
    let mut hash = Digest::from_bytes([0; 32]);
    let mut rev = Rev(0);
    while let Some(row) = rows.next()? {
        rev = Rev(rev.0.saturating_add(1));
        let wrong = |why| Ok(Some(Disagreement { at: format!("change {rev}"), why }));
        if row.get::<_, i64>(0)? != crate::sqlite::int(rev.0) {
            return wrong("it is missing");
        }
        let Some(found) = hash_of(&hash, rev, row) else {
            return wrong("it cannot be read");
        };
        hash = found;
        if row.get_ref(5)?.as_bytes().ok() != Some(hash.as_bytes()) {
            return wrong("it is not the change that was made");
        }
    }
    Ok((read_counter(&view)? != (rev, hash)).then(|| Disagreement {
        at: format!("change {rev}"),
        why: "the counter says that another one was the last",
    }))
}

fn hash_of(previous: &Digest, rev: Rev, row: &SqlRow<'_>) -> Option<Digest> {
    let kind: String = row.get(1).ok()?;
    let key: String = row.get(2).ok()?;
    let body: Option<String> = row.get(4).ok()?;
    Some(change_hash(previous, rev, &kind, &key, row.get(3).ok()?, body.as_deref()))
}

type Text = (i64, Option<String>);

/// Compares every table with the last change of each thing in it.
pub(super) fn rows(connection: &Connection) -> rusqlite::Result<Vec<Disagreement>> {
    let view = connection.unchecked_transaction()?;
    let mut last = last_texts(&view)?;
    let mut found = Vec::new();
    for kind in Kind::ALL {
        let mut select = view.prepare(kind.statements().list)?;
        let mut rows = select.query([])?;
        while let Some(row) = rows.next()? {
            let key: String = row.get(0)?;
            let at = format!("{} {key}", kind.name());
            let why = match last.remove(&(kind.name().to_owned(), key)) {
                None | Some((_, None)) => Some("no change put it there"),
                Some((format, Some(body))) => row_trouble(kind, row, format, &body),
            };
            found.extend(why.map(|why| Disagreement { at, why }));
        }
    }
    let missing = last.into_iter().filter(|(_, (_, body))| body.is_some());
    found.extend(missing.map(|((kind, key), _)| Disagreement {
        at: format!("{kind} {key}"),
        why: "no change took it away",
    }));
    Ok(found)
}

/// Reads what the change log says last of each thing.
fn last_texts(view: &Connection) -> rusqlite::Result<BTreeMap<(String, String), Text>> {
    let mut select = view.prepare("SELECT kind, key, format, body FROM change_log ORDER BY rev")?;
    let rows =
        select.query_map([], |row| Ok(((row.get(0)?, row.get(1)?), (row.get(2)?, row.get(3)?))))?;
    rows.collect()
}

/// Says what is wrong with a row whose last change reads `body`.
fn row_trouble(kind: Kind, row: &SqlRow<'_>, format: i64, body: &str) -> Option<&'static str> {
    let same = row.get::<_, i64>(1).ok() == Some(format)
        && row.get::<_, String>(2).is_ok_and(|it| it == body);
    if !same {
        return Some("it does not read as its last change");
    }
    let place = place_of(kind, body)?;
    let same = row.get::<_, String>(3).is_ok_and(|it| it == place.of)
        && row.get::<_, bool>(4).is_ok_and(|it| it == place.open);
    (!same).then_some("whose it is, or whether it is open, was altered beside its text")
}

fn place_of(kind: Kind, body: &str) -> Option<Place> {
    match kind {
        Kind::Task => Task::decode("", FORMAT, body).ok().map(|it| Place::of_task(&it)),
        Kind::Hold => Hold::decode("", FORMAT, body).ok().map(|it| Place::of_hold(&it)),
        Kind::Charter
        | Kind::Template
        | Kind::Person
        | Kind::Pin
        | Kind::Containment
        | Kind::Exception => None,
        Kind::Lease => {
            KeptLease::decode("", FORMAT, body).ok().map(|it| Place::of_lease(&it.lease))
        }
    }
}
