//! Folds the change log: what it says of things that changed since, or are gone, is taken out, so that
//! a start reads what there is and not all that ever was.
//!
//! What is over goes first, leases and tasks with their holds: a start needs none of them, and the ledger
//! has every step of each. What stays of the folded part is chained once more, so that an edit is seen in
//! it as in the rest.
//!
//! A fold is planned over what the log says up to one change, which nothing alters any more, and carried
//! out whatever was written meanwhile: so nobody who writes waits until the log has been read.

use bailiwick_model::Digest;
use rusqlite::{Connection, Transaction, params};

use super::{
    Disagreement, Rev, audit,
    schema::{Kind, read_counter},
    writer::change_hash,
};
use crate::sqlite::int;

/// When the change log is folded, and how much is kept of what is over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Folding {
    /// After how many changes at the least; where more things are kept than that, after as many.
    pub after: u64,
    /// How many leases that are over are kept, the newest.
    pub leases: u32,
    /// How many tasks that have ended are kept, those that ended last; their holds stay with them.
    pub tasks: u32,
}

impl Default for Folding {
    fn default() -> Self {
        Self { after: 20_000, leases: 10_000, tasks: 10_000 }
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

/// What a fold leaves, and what goes.
#[derive(Debug)]
pub(super) struct Plan {
    folded: Folded,
    /// What is over and goes.
    over: Vec<(Kind, String)>,
}

/// Those of the changes up to a number that go: what changed since, what is gone, what is over.
const GOES: &str = "rev <= ?1 AND (body IS NULL
    OR rev NOT IN (SELECT max(rev) FROM change_log WHERE rev <= ?1 GROUP BY kind, key)
    OR EXISTS (SELECT 1 FROM temp.gone WHERE gone.kind = change_log.kind AND gone.key = change_log.key))";

/// Plans to fold all there is, or says why that must not be: what was edited by somebody else is left as
/// it is, for the next start to stop at.
pub(super) fn plan(
    connection: &Connection,
    folding: Folding,
) -> rusqlite::Result<Result<Plan, Disagreement>> {
    let view = connection.unchecked_transaction()?;
    let wrong = audit::changes_in(&view)?;
    let wrong = if wrong.is_some() { wrong } else { audit::rows_in(&view)?.into_iter().next() };
    if let Some(wrong) = wrong {
        return Ok(Err(wrong));
    }
    let (rev, hash) = read_counter(&view)?;
    let over = over(&view, folding)?;
    name(&view, &over)?;
    let stays = format!("rev <= ?1 AND NOT ({GOES})");
    let kept = chain(&view, &stays, rev)?;
    Ok(Ok(Plan { folded: Folded { rev, hash, kept }, over }))
}

/// Finds what is over and goes: leases by when they were made, tasks by when they ended, and the holds of
/// tasks that are not there any more.
fn over(view: &Connection, folding: Folding) -> rusqlite::Result<Vec<(Kind, String)>> {
    let mut over = Vec::new();
    let mut find = |kind: Kind, select: &str, most: u32| -> rusqlite::Result<()> {
        let mut select = view.prepare(select)?;
        let keys = select.query_map([most], |row| row.get(0))?;
        for key in keys {
            over.push((kind, key?));
        }
        Ok(())
    };
    find(
        Kind::Lease,
        "SELECT key FROM leases WHERE open = 0 ORDER BY key DESC LIMIT -1 OFFSET ?1",
        folding.leases,
    )?;
    let ended = "SELECT tasks.key FROM tasks JOIN change_log
         ON change_log.kind = 'task' AND change_log.key = tasks.key
         WHERE tasks.open = 0 GROUP BY tasks.key ORDER BY max(change_log.rev) DESC";
    find(Kind::Task, &format!("{ended} LIMIT -1 OFFSET ?1"), folding.tasks)?;
    let holds = format!(
        "SELECT key FROM holds WHERE open = 0 AND of NOT IN (SELECT key FROM tasks WHERE open = 1)
         AND of NOT IN ({ended} LIMIT ?1)"
    );
    find(Kind::Hold, &holds, folding.tasks)?;
    Ok(over)
}

/// Names what goes where a statement finds it.
fn name(connection: &Connection, over: &[(Kind, String)]) -> rusqlite::Result<()> {
    connection.execute_batch(
        "CREATE TEMP TABLE IF NOT EXISTS gone (
            kind TEXT NOT NULL, key TEXT NOT NULL, PRIMARY KEY (kind, key)) WITHOUT ROWID;
         DELETE FROM temp.gone;",
    )?;
    let mut insert = connection.prepare("INSERT OR IGNORE INTO temp.gone VALUES (?1, ?2)")?;
    for (kind, key) in over {
        insert.execute([kind.name(), key])?;
    }
    Ok(())
}

/// Carries a plan out. What was changed since it was made stays as it is now.
pub(super) fn carry_out(connection: &mut Connection, plan: &Plan) -> rusqlite::Result<Sides> {
    let Plan { folded: Folded { rev, hash, kept }, over } = plan;
    let transaction = connection.transaction()?;
    name(&transaction, over)?;
    forget(&transaction, *rev)?;
    transaction.execute(&format!("DELETE FROM change_log WHERE {GOES}"), [int(rev.0)])?;
    transaction.execute(
        "UPDATE folded SET rev = ?1, hash = ?2, kept = ?3",
        params![int(rev.0), hash.as_bytes(), kept.as_bytes()],
    )?;
    transaction.execute("DELETE FROM temp.gone", [])?;
    transaction.commit()?;
    sides(connection)
}

/// Takes what is over out of its table, save what something happened to after change `rev`.
fn forget(transaction: &Transaction<'_>, rev: Rev) -> rusqlite::Result<()> {
    for (kind, table) in [(Kind::Lease, "leases"), (Kind::Task, "tasks"), (Kind::Hold, "holds")] {
        transaction.execute(
            &format!(
                "DELETE FROM {table} WHERE key IN (SELECT key FROM temp.gone WHERE kind = ?2)
                 AND key NOT IN (SELECT key FROM change_log WHERE kind = ?2 AND rev > ?1)"
            ),
            params![int(rev.0), kind.name()],
        )?;
    }
    Ok(())
}

/// Chains what is kept of the changes up to `rev`.
pub(super) fn kept_hash(connection: &Connection, rev: Rev) -> rusqlite::Result<Digest> {
    chain(connection, "rev <= ?1", rev)
}

/// Chains the changes that are `such` up to `rev`, in their order.
fn chain(connection: &Connection, such: &str, rev: Rev) -> rusqlite::Result<Digest> {
    let mut select = connection.prepare(&format!(
        "SELECT rev, kind, key, format, body, hash FROM change_log WHERE {such} ORDER BY rev"
    ))?;
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
