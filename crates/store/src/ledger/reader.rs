//! Reading the ledger when no server runs.

use std::{ops::ControlFlow, path::Path, sync::Arc};

use bailiwick_model::{DecisionId, LeaseId, TaskId};

use super::{
    LedgerError, StoredRecord,
    folder::{self, Folder, OLD},
    layout::Header,
    records::{Held, Live, Records},
    sealed::Sealed,
    sidecar,
    survey::survey,
};

/// A ledger that is only read. Shows what is there; whether all of it is right is for
/// [`verify`](crate::verify) to say.
#[derive(Debug)]
pub struct LedgerReader {
    records: Records,
}

impl LedgerReader {
    /// Opens the ledger in `dir`, whether or not somebody writes it.
    pub fn open(dir: &Path) -> Result<Self, LedgerError> {
        let folder = Folder::read(dir, None)?;
        let Some((live, sealed)) = folder.segments.split_last() else {
            let old = dir.join(OLD);
            let missing = LedgerError::Missing { dir: dir.to_owned() };
            return Err(if old.exists() { LedgerError::Old { path: old } } else { missing });
        };
        let mut known = Vec::with_capacity(sealed.len());
        for header in sealed {
            known.extend(open_sealed(dir, header)?.map(Arc::new));
        }
        let index = read(dir, live)?;
        let live = Live { number: live.number, index };
        Ok(Self { records: Records::new(dir, Held { sealed: known, live }) })
    }

    /// Gives a task's records in order.
    pub fn task_records(&self, task: &TaskId) -> Result<Vec<StoredRecord>, LedgerError> {
        self.records.of_task(task)
    }

    /// Gives the steps of a lease in order.
    pub fn lease_records(&self, lease: &LeaseId) -> Result<Vec<StoredRecord>, LedgerError> {
        self.records.of_lease(lease)
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

/// Finds out about a sealed segment; none where retention took it meanwhile.
fn open_sealed(dir: &Path, header: &Header) -> Result<Option<Sealed>, LedgerError> {
    let index = folder::index(dir, header.number);
    let summary = sidecar::read(&index, header.number)?.filter(|it| it.before == header.before);
    if let Some(summary) = summary {
        return Ok(Some(Sealed::known(header.number, summary)));
    }
    let found = survey(dir, header, &mut |_, _, _| None)?;
    Ok(found.map(|it| Sealed::of(header.number, Arc::new(it.index))))
}

/// Reads the live segment as far as it is right.
fn read(dir: &Path, header: &Header) -> Result<super::index::Index, LedgerError> {
    let found = survey(dir, header, &mut |_, _, _| None)?;
    found.map(|it| it.index).ok_or_else(|| LedgerError::Missing { dir: dir.to_owned() })
}
