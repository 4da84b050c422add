//! Folds the change log: what it says of things that changed since, or are gone, is taken out, so that
//! a start reads what there is and not all that ever was.
//!
//! Leases that are over go first: a start needs none of them, and the ledger has every step of each.
//! What stays of the folded part is chained once more, so that an edit is seen in it as in the rest.

use bailiwick_model::Digest;
use rusqlite::{Connection, params};

use super::{Disagreement, Rev, audit, schema::read_counter, writer::change_hash};
use crate::sqlite::int;

/// When the change log is folded, and how much is kept of what is over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Folding {
    /// After how many changes at the least; where more things are kept than that, after as many.
    pub after: u64,
    /// How many leases that are over are kept, the newest.
    pub over: u32,
}

impl Default for Folding {
    fn default() -> Self {
        Self { after: 20_000, over: 10_000 }
    }
}

/// The part of the change log that was folded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Folded {
    /// Its last change.
    pub(super) rev: Rev,
    /// The hash over all changes up to there, those that were taken out too.
    pub(super) hash: Digest,
    /// The hash over those that were kept.
    pub(super) kept: Digest,
}

/// How many changes there are on either side of the fold.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Sides {
    pub(super) kept: u64,
    pub(super) since: u64,
}

impl Folding {
    /// Says whether it is time to fold: what that reads is never more than twice what came since.
    pub(super) fn is_due(self, sides: Sides) -> bool {
        self.after.max(sides.kept) <= sides.since
    }
}

/// Counts the changes on either side of the fold.
pub(super) fn sides(connection: &Connection) -> rusqlite::Result<Sides> {
    let Folded { rev, .. } = read(connection)?;
    let count = |select: &str| -> rusqlite::Result<u64> {
        let count: i64 = connection.query_row(select, [int(rev.0)], |row| row.get(0))?;
        Ok(u64::try_from(count).unwrap_or(0))
    };
    let kept = count("SELECT count(*) FROM change_log WHERE rev <= ?1")?;
    Ok(Sides { kept, since: count("SELECT count(*) FROM change_log WHERE rev > ?1")? })
}

/// Reads what was folded: nothing, in a registry from before anything was.
pub(super) fn read(connection: &Connection) -> rusqlite::Result<Folded> {
    let there = "SELECT count(*) FROM sqlite_schema WHERE name = 'folded'";
    if connection.query_row(there, [], |row| row.get::<_, i64>(0))? == 0 {
        let none = Digest::from_bytes([0; 32]);
        return Ok(Folded { rev: Rev(0), hash: none, kept: none });
    }
    connection.query_row("SELECT rev, hash, kept FROM folded", [], |row| {
        let rev = Rev(u64::try_from(row.get::<_, i64>(0)?).unwrap_or(0));
        let (hash, kept) = (Digest::from_bytes(row.get(1)?), Digest::from_bytes(row.get(2)?));
        Ok(Folded { rev, hash, kept })
    })
}

/// Folds all there is, or says why it must not: what was edited by somebody else is left as it is, for
/// the next start to stop at.
pub(super) fn fold(
    connection: &mut Connection,
    over: u32,
) -> rusqlite::Result<Result<Sides, Disagreement>> {
    let view = connection.transaction()?;
    let wrong = audit::changes_in(&view)?;
    let wrong = if wrong.is_some() { wrong } else { audit::rows_in(&view)?.into_iter().next() };
    if let Some(wrong) = wrong {
        return Ok(Err(wrong));
    }
    let (rev, hash) = read_counter(&view)?;
    view.execute(
        "DELETE FROM leases WHERE open = 0 AND key <=
         (SELECT key FROM leases WHERE open = 0 ORDER BY key DESC LIMIT 1 OFFSET ?1)",
        [over],
    )?;
    view.execute(
        "DELETE FROM change_log WHERE kind = 'lease' AND key NOT IN (SELECT key FROM leases)",
        [],
    )?;
    view.execute(
        "DELETE FROM change_log WHERE body IS NULL OR
         rev NOT IN (SELECT max(rev) FROM change_log GROUP BY kind, key)",
        [],
    )?;
    let kept = kept_hash(&view, rev)?;
    view.execute(
        "UPDATE folded SET rev = ?1, hash = ?2, kept = ?3",
        params![int(rev.0), hash.as_bytes(), kept.as_bytes()],
    )?;
    view.commit()?;
    sides(connection).map(Ok)
}

/// Chains what is kept of the changes up to `rev`.
pub(super) fn kept_hash(connection: &Connection, rev: Rev) -> rusqlite::Result<Digest> {
    let mut select = connection.prepare(
        "SELECT rev, kind, key, format, body, hash FROM change_log WHERE rev <= ?1 ORDER BY rev",
    )?;
    let mut rows = select.query([int(rev.0)])?;
    let mut all = Digest::from_bytes([0; 32]);
    while let Some(row) = rows.next()? {
        let rev = Rev(u64::try_from(row.get::<_, i64>(0)?).unwrap_or(0));
        let (kind, key): (String, String) = (row.get(1)?, row.get(2)?);
        let body: Option<String> = row.get(4)?;
        // The hash that it had in the whole chain is one of the things that it says.
        let hash: Vec<u8> = row.get(5)?;
        all = change_hash(&all, rev, &kind, &key, row.get(3)?, body.as_deref());
        all = Digest::chain(&all, &hash);
    }
    Ok(all)
}
