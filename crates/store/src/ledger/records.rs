//! Reading records, beside a running writer or without one.

use std::{
    ops::ControlFlow,
    path::Path,
    sync::{PoisonError, RwLock, RwLockWriteGuard},
};

use bailiwick_model::{DecisionId, Record, TaskId};
use rusqlite::OptionalExtension;

use super::{
    LedgerError, StoredRecord,
    encode::{decision, decode},
    index::Index,
    schema::LEDGER,
};
use crate::sqlite::{ReadPool, int};

/// The records that are on the disk, and where each task's and decision's are.
#[derive(Debug)]
pub(super) struct Records {
    pool: ReadPool,
    index: RwLock<Index>,
}

impl Records {
    pub(super) fn new(path: &Path, index: Index) -> Self {
        Self { pool: ReadPool::new(path, &LEDGER), index: RwLock::new(index) }
    }

    pub(super) fn of_task(&self, task: &TaskId) -> Result<Vec<StoredRecord>, LedgerError> {
        let places = self.index.read().unwrap_or_else(PoisonError::into_inner).of_task(task);
        self.at(&places, &|record| record.task() == Some(task))
    }

    pub(super) fn of_decision(&self, id: &DecisionId) -> Result<Vec<StoredRecord>, LedgerError> {
        let places = self.index.read().unwrap_or_else(PoisonError::into_inner).of_decision(id);
        self.at(&places, &|record| decision(record) == Some(id))
    }

    /// Reads the records at `places` that are wanted; what retention took meanwhile is not there.
    fn at(
        &self,
        places: &[u64],
        wanted: &dyn Fn(&Record) -> bool,
    ) -> Result<Vec<StoredRecord>, LedgerError> {
        let rows = self.pool.read(|connection| {
            let mut select = connection
                .prepare_cached("SELECT format, body FROM record WHERE seq = ?1")
                .map_err(|error| self.pool.engine(error))?;
            let mut rows = Vec::with_capacity(places.len());
            for seq in places {
                let row = select
                    .query_row([int(*seq)], |row| Ok((*seq, row.get(0)?, row.get(1)?)))
                    .optional()
                    .map_err(|error| self.pool.engine(error))?;
                rows.extend(row);
            }
            Ok::<_, LedgerError>(rows)
        })?;
        let records = rows.into_iter().map(read_row).collect::<Result<Vec<_>, _>>()?;
        Ok(records.into_iter().filter(|it| wanted(&it.record)).collect())
    }

    pub(super) fn scan(
        &self,
        from: u64,
        each: &mut dyn FnMut(StoredRecord) -> ControlFlow<()>,
    ) -> Result<(), LedgerError> {
        let mut next = from;
        loop {
            // A page at a time, so that no reader keeps the write-ahead log from being reused.
            let page = self.page(next)?;
            let Some((last, ..)) = page.last() else {
                return Ok(());
            };
            next = last.saturating_add(1);
            for row in page {
                if each(read_row(row)?).is_break() {
                    return Ok(());
                }
            }
        }
    }

    fn page(&self, from: u64) -> Result<Vec<RawRow>, LedgerError> {
        self.pool.read(|connection| {
            let mut select = connection
                .prepare_cached(
                    "SELECT seq, format, body FROM record WHERE seq >= ?1 ORDER BY seq LIMIT 512",
                )
                .map_err(|error| self.pool.engine(error))?;
            let rows = select.query_map([int(from)], |row| {
                Ok((u64::try_from(row.get::<_, i64>(0)?).unwrap_or(0), row.get(1)?, row.get(2)?))
            });
            let rows = rows.and_then(Iterator::collect);
            rows.map_err(|error| self.pool.engine(error).into())
        })
    }

    /// Reads with a connection of the pool.
    pub(super) const fn pool(&self) -> &ReadPool {
        &self.pool
    }

    pub(super) fn index_mut(&self) -> RwLockWriteGuard<'_, Index> {
        self.index.write().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn close(&self) {
        self.pool.clear();
    }
}

type RawRow = (u64, i64, Vec<u8>);

fn read_row((seq, format, body): RawRow) -> Result<StoredRecord, LedgerError> {
    Ok(StoredRecord { seq, record: decode(seq, format, &body)? })
}
