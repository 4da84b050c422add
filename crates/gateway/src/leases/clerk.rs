//! Writes down what became of leases: many at once, in the order in which it happened.

use std::{sync::atomic::Ordering, time::Duration};

use bailiwick_model::{Finding, LeaseRecord, Record};
use bailiwick_store::{Change, KeptLease};
use tokio_util::sync::CancellationToken;

use super::{
    Leases,
    shelf::{Owed, Unwritten},
};
use crate::seam;

/// The most that is written at once.
const PIECE: usize = 512;
/// How long nothing is tried after something could not be written.
const REST: Duration = Duration::from_secs(1);

impl Leases {
    /// Writes until told to stop, and then what is left once more.
    pub(super) async fn write(&self, stop: CancellationToken) {
        loop {
            let wrote = self.write_some().await;
            match wrote {
                Ok(true) => {}
                Ok(false) if stop.is_cancelled() => return,
                Ok(false) => {
                    tokio::select! {
                        () = stop.cancelled() => {}
                        () = self.shelf().owing.notified() => {}
                    }
                }
                Err(why) => {
                    tracing::error!(%why, "what became of leases cannot be written");
                    if stop.is_cancelled() {
                        return;
                    }
                    tokio::select! {
                        () = stop.cancelled() => {}
                        () = tokio::time::sleep(REST) => {}
                    }
                }
            }
        }
    }

    /// Writes what waits longest, and says whether there was anything. What cannot be written waits
    /// on, save where somebody waits for it: they are told, and what they do then is a new step.
    pub(super) async fn write_some(&self) -> Result<bool, String> {
        let mut piece: Vec<Unwritten> = {
            let mut kept = self.shelf().lock();
            let most = kept.unwritten.len().min(PIECE);
            kept.unwritten.drain(..most).collect()
        };
        if piece.is_empty() {
            return Ok(false);
        }
        let written = self.put(&mut piece).await;
        self.shelf().failing.store(written.is_err(), Ordering::Release);
        for it in &mut piece {
            if let Some(heard) = it.heard.take() {
                drop(heard.send(written.clone()));
            }
        }
        if written.is_err() {
            let mut kept = self.shelf().lock();
            for it in piece.into_iter().rev() {
                kept.unwritten.push_front(it);
            }
        }
        self.shelf().moved.notify_waiters();
        self.shelf().due.notify_one();
        written.map(|()| true)
    }

    /// Writes a piece: in the ledger what is not there yet, then in the registry.
    async fn put(&self, piece: &mut [Unwritten]) -> Result<(), String> {
        let (mut records, mut changes) = (Vec::new(), Vec::new());
        for it in piece.iter() {
            match &it.owed {
                Owed::Step(lease, time, keepsake) => {
                    if !it.on_ledger {
                        let record = LeaseRecord::of(lease, *time);
                        records.push(Record::Lease(Box::new(self.shown(record))));
                    }
                    let (lease, keepsake) = ((**lease).clone(), keepsake.clone());
                    changes.push(Change::Lease(Box::new(KeptLease { lease, keepsake })));
                }
                Owed::Noticed(_) if it.on_ledger => {}
                Owed::Noticed(finding) => {
                    // It may quote what a target said.
                    let text = self.desk().evidence().phrase(&finding.text);
                    tracing::warn!(code = finding.code, "{text}");
                    records.push(Record::Finding(Finding { text, ..(**finding).clone() }));
                }
                Owed::Mark => {}
            }
        }
        let desk = self.desk();
        seam::reach("lease-writing").await;
        if !records.is_empty() {
            desk.ledger().append(records).await.map_err(|error| error.to_string())?;
        }
        for it in piece {
            it.on_ledger = true;
        }
        seam::reach("lease-on-ledger").await;
        if !changes.is_empty() {
            desk.registry().write(changes).await.map_err(|error| error.to_string())?;
        }
        seam::reach("lease-written").await;
        Ok(())
    }

    /// Gives a record as the ledger may keep it: what went wrong may quote what is secret-shaped. What
    /// is wanted stands in a template, and what a credential is called is no secret.
    fn shown(&self, record: LeaseRecord) -> LeaseRecord {
        LeaseRecord { why: self.desk().evidence().text(&record.why), ..record }
    }
}
