//! Retention: the oldest records go, only ever as a whole beginning, and a signed text stays.

use bailiwick_model::{Digest, Timestamp};

use super::{
    DurableAt, LedgerError, Shared,
    notary::Notary,
    now,
    queue::{Answer, Job, WeakQueue, wait},
};

/// How many records one commit drops, so that nobody waits long behind it.
const SLICE: u64 = 1000;

/// What retention did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Retained {
    /// How many records it dropped.
    pub dropped: u64,
}

/// Drops the records before the first one that is not from before `cutoff`.
pub(super) fn drop_before(
    cutoff: Timestamp,
    shared: &Shared,
    notary: &Notary,
    queue: &WeakQueue,
) -> Result<Retained, LedgerError> {
    let mut retained = Retained::default();
    let mut through = 0;
    while let Some((count, last)) = oldest(cutoff, shared)? {
        let base = notary.sign_base(last, now());
        let (answer, answered) = std::sync::mpsc::sync_channel(1);
        queue.put_blocking(Job::DropThrough(base, Answer::Blocking(answer)))?;
        wait(&answered)??;
        retained.dropped = retained.dropped.saturating_add(count);
        through = last.seq;
    }
    if 0 < retained.dropped {
        shared.records.index_mut().forget_through(through);
        tracing::info!(dropped = retained.dropped, through, "retention dropped old records");
    }
    Ok(retained)
}

/// Gives how many of the oldest records go next, and the last of them.
fn oldest(cutoff: Timestamp, shared: &Shared) -> Result<Option<(u64, DurableAt)>, LedgerError> {
    let pool = shared.records.pool();
    pool.read(|connection| {
        let engine = |error| LedgerError::from(pool.engine(error));
        let mut select = connection
            .prepare_cached("SELECT seq, time, chain FROM record ORDER BY seq LIMIT ?1")
            .map_err(engine)?;
        let mut rows = select.query([crate::sqlite::int(SLICE)]).map_err(engine)?;
        let mut found: Option<(u64, DurableAt)> = None;
        while let Some(row) = rows.next().map_err(engine)? {
            let time: i64 = row.get(1).map_err(engine)?;
            if cutoff.millis() <= time {
                break;
            }
            let seq = u64::try_from(row.get::<_, i64>(0).map_err(engine)?).unwrap_or(0);
            let chain = Digest::from_bytes(row.get(2).map_err(engine)?);
            let count = found.map_or(0, |(count, _)| count).saturating_add(1);
            found = Some((count, DurableAt { seq, chain }));
        }
        Ok(found)
    })
}
