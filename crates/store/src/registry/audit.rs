//! Finds what somebody changed behind our back: in the change log, or in a table.

use std::fmt;

use bailiwick_model::{Digest, Hold, Task};
use rusqlite::{Connection, Row as SqlRow, Rows};

use super::{
    KeptLease, Rev,
    change::Place,
    fold,
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
    changes_in(&*connection.unchecked_transaction()?)
}

/// Does so in a view of the registry that stands still.
pub(super) fn changes_in(view: &Connection) -> rusqlite::Result<Option<Disagreement>> {
    let folded = fold::read(view)?;
    if fold::kept_hash(view, folded.rev)? != folded.kept {
        let at = format!("changes up to {}", folded.rev);
        return Ok(Some(Disagreement { at, why: "what is kept of them is not what was" }));
    }
    let mut select = view.prepare(
        "SELECT rev, kind, key, format, body, hash FROM change_log WHERE rev > ?1 ORDER BY rev",
    )?;
    let mut rows = select.query([crate::sqlite::int(folded.rev.0)])?;
    let (mut rev, mut hash) = (folded.rev, folded.hash);
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
    Ok((read_counter(view)? != (rev, hash)).then(|| Disagreement {
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

/// Compares every table with the last change of each thing in it.
pub(super) fn rows(connection: &Connection) -> rusqlite::Result<Vec<Disagreement>> {
    rows_in(&*connection.unchecked_transaction()?)
}

/// Does so in a view of the registry that stands still. Both are read side by side in the order of their
/// keys, so that no more than one thing of each is in memory.
pub(super) fn rows_in(view: &Connection) -> rusqlite::Result<Vec<Disagreement>> {
    let mut found = Vec::new();
    for kind in Kind::ALL {
        rows_of(view, kind, &mut found)?;
    }
    Ok(found)
}

fn rows_of(view: &Connection, kind: Kind, found: &mut Vec<Disagreement>) -> rusqlite::Result<()> {
    let mut said = view.prepare(
        "SELECT key, format, body, max(rev) FROM change_log WHERE kind = ?1 GROUP BY key ORDER BY key",
    )?;
    let mut said = said.query([kind.name()])?;
    let mut last = Said::next(&mut said)?;
    let mut select = view.prepare(kind.statements().list)?;
    let mut rows = select.query([])?;
    let wrong = |key: &str, why| Disagreement { at: format!("{} {key}", kind.name()), why };
    let missing = |it: &Said| it.body.is_some().then(|| wrong(&it.key, "no change took it away"));
    while let Some(row) = rows.next()? {
        let key: String = row.get(0)?;
        while let Some(before) = last.take_if(|it| it.key < key) {
            found.extend(missing(&before));
            last = Said::next(&mut said)?;
        }
        let why = match last.take_if(|it| it.key == key) {
            None => Some("no change put it there"),
            Some(of_it) => {
                last = Said::next(&mut said)?;
                match of_it.body {
                    None => Some("no change put it there"),
                    Some(body) => row_trouble(kind, row, of_it.format, &body),
                }
            }
        };
        found.extend(why.map(|why| wrong(&key, why)));
    }
    while let Some(left) = last.take() {
        found.extend(missing(&left));
        last = Said::next(&mut said)?;
    }
    Ok(())
}

/// What the change log says last of one thing.
struct Said {
    key: String,
    format: i64,
    body: Option<String>,
}

impl Said {
    fn next(rows: &mut Rows<'_>) -> rusqlite::Result<Option<Self>> {
        let Some(row) = rows.next()? else { return Ok(None) };
        Ok(Some(Self { key: row.get(0)?, format: row.get(1)?, body: row.get(2)? }))
    }
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
