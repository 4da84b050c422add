//! Answers for leases, those that are over too: from the book, from the registry, which keeps some of
//! what is over, and from the ledger, which has every step of each.

use std::{collections::BTreeSet, sync::Arc};

use bailiwick_model::{Lease, LeaseId, TaskId};
use bailiwick_store::{KeptLease, LeaseFilter, Ledger, LedgerError, StoredRecord};

use super::Leases;
use crate::DeskError;

impl Leases {
    /// Gives one lease as it stands.
    pub async fn lease(&self, id: &LeaseId) -> Result<Option<Lease>, DeskError> {
        if let Some(lease) = self.shelf().lock().book.get(id) {
            return Ok(Some(lease.clone()));
        }
        Ok(self.known(id).await?.map(|it| it.lease))
    }

    /// Gives one lease as it is on record.
    pub(super) async fn known(&self, id: &LeaseId) -> Result<Option<KeptLease>, DeskError> {
        if let Some(kept) = self.desk().registry().lease(id)? {
            return Ok(Some(kept));
        }
        let wanted = id.clone();
        let lease = self.told(move |ledger| ledger.lease_records(&wanted)).await?.pop();
        Ok(lease.map(|lease| KeptLease { lease, keepsake: None }))
    }

    /// Gives the newest leases as they stand, oldest first: those of one task or of all, with those
    /// that are over or without. Of all tasks, those that have been over for long are left out.
    pub async fn of(
        &self,
        task: Option<&TaskId>,
        all: bool,
        limit: usize,
    ) -> Result<Vec<Lease>, DeskError> {
        let filter = LeaseFilter { open_only: !all, task: task.cloned(), limit };
        let kept = self.desk().registry().leases(filter)?;
        let mut found: Vec<Lease> = kept.into_iter().map(|it| it.lease).collect();
        if let Some(task) = task.filter(|_| all).cloned() {
            let there: BTreeSet<LeaseId> = found.iter().map(|it| it.id.clone()).collect();
            let told = self.told(move |ledger| ledger.task_records(&task)).await?;
            found.extend(told.into_iter().filter(|it| !there.contains(&it.id)));
            found.sort_by(|one, other| one.id.cmp(&other.id));
            found.drain(..found.len().saturating_sub(limit));
        }
        let shelf = self.shelf().lock();
        let now = |lease: Lease| shelf.book.get(&lease.id).cloned().unwrap_or(lease);
        Ok(found.into_iter().map(now).collect())
    }

    /// Gives the leases that some records tell of.
    async fn told(
        &self,
        read: impl FnOnce(&Ledger) -> Result<Vec<StoredRecord>, LedgerError> + Send + 'static,
    ) -> Result<Vec<Lease>, DeskError> {
        let desk = Arc::clone(self.desk());
        let reading = tokio::task::spawn_blocking(move || read(desk.ledger()));
        let records = reading.await.unwrap_or(Err(LedgerError::Closed))?;
        Ok(Lease::all_told(records.iter().map(|it| &it.record)))
    }
}
