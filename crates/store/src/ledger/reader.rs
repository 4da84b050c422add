//! Reading the ledger when no server runs.

use std::{ops::ControlFlow, path::Path};

use bailiwick_model::{DecisionId, TaskId};

use super::{
    LedgerError, StoredRecord,
    encode::Outline,
    index::Index,
    records::Records,
    schema::{LEDGER, LIVE},
};
use crate::sqlite::{SqliteError, open_reader};

/// A ledger that is only read. Shows what is there; whether all of it is right is for
/// [`verify`](crate::verify) to say.
#[derive(Debug)]
pub struct LedgerReader {
    records: Records,
}

impl LedgerReader {
    /// Opens the ledger in `dir`, whether or not somebody writes it.
    pub fn open(dir: &Path) -> Result<Self, LedgerError> {
        let path = dir.join(LIVE);
        let index = read_index(&path)?;
        Ok(Self { records: Records::new(&path, index) })
    }

    /// Gives a task's records in order.
    pub fn task_records(&self, task: &TaskId) -> Result<Vec<StoredRecord>, LedgerError> {
        self.records.of_task(task)
    }

    /// Gives a decision and its outcome.
    pub fn decision_records(
        &self,
        decision: &DecisionId,
    ) -> Result<Vec<StoredRecord>, LedgerError> {
        self.records.of_decision(decision)
    }

    /// Shows the records from number `from` on, in order, until `each` has enough.
    pub fn scan(
        &self,
        from: u64,
        each: &mut dyn FnMut(StoredRecord) -> ControlFlow<()>,
    ) -> Result<(), LedgerError> {
        self.records.scan(from, each)
    }
}

fn read_index(path: &Path) -> Result<Index, LedgerError> {
    let engine = |source| SqliteError::Engine { path: path.to_owned(), source };
    let connection = open_reader(path, &LEDGER)?;
    let mut index = Index::default();
    let mut select =
        connection.prepare("SELECT seq, format, body FROM record ORDER BY seq").map_err(engine)?;
    let mut rows = select.query([]).map_err(engine)?;
    while let Some(row) = rows.next().map_err(engine)? {
        let seq = u64::try_from(row.get::<_, i64>(0).map_err(engine)?).unwrap_or(0);
        let format = row.get(1).map_err(engine)?;
        let body = row.get_ref(2).map_err(engine)?.as_bytes().unwrap_or_default();
        if let Some(outline) = Outline::of(seq, format, body) {
            index.add(seq, &outline);
        }
    }
    Ok(index)
}
