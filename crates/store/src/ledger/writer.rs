//! The one thread that writes: what is queued becomes one commit, then everyone is answered.

use std::{path::Path, sync::Arc};

use bailiwick_model::Digest;
use rusqlite::{Connection, params};
use tokio::sync::mpsc::Receiver;

use super::{
    DurableAt, LedgerError, Shared,
    encode::{Encoded, FORMAT, Outline},
    queue::{Answer, Append, Job},
    schema::{self, Base, INSERT},
};
use crate::{
    FileError,
    sqlite::{Pen, int},
};

/// The most records of one commit.
const BATCH_MAX: usize = 2048;
const PAGE: usize = 4096;

/// The writing end of the queue.
#[derive(Debug)]
pub(super) struct Writer {
    pen: Pen,
    shared: Arc<Shared>,
    jobs: Receiver<Job>,
    head: DurableAt,
}

impl Writer {
    pub(super) fn new(
        connection: Connection,
        path: &Path,
        shared: Arc<Shared>,
        jobs: Receiver<Job>,
    ) -> Result<Self, FileError> {
        let pen = Pen::new(connection, path, Arc::clone(&shared.failed))?;
        let head = shared.head();
        Ok(Self { pen, shared, jobs, head })
    }

    /// Writes until nobody can send any more.
    pub(super) fn run(mut self) {
        while let Some(job) = self.jobs.blocking_recv() {
            let (batch, drop_through) = self.gather(job);
            if !batch.is_empty() {
                self.append(batch);
            }
            if let Some((base, answer)) = drop_through {
                let head = self.head;
                let done = self.pen.write(|connection| schema::drop_through(connection, &base));
                answer.send(done.map(|()| head).map_err(|why| LedgerError::Failed { why }));
            }
        }
        self.pen.copy_back();
    }

    /// Takes what is queued behind `first`, up to the bound.
    fn gather(&mut self, first: Job) -> (Vec<Append>, Option<(Base, Answer)>) {
        let mut batch = Vec::new();
        let mut records = 0_usize;
        let mut next = Some(first);
        while let Some(job) = next {
            match job {
                Job::Append(append) => {
                    records = records.saturating_add(append.records.len());
                    batch.push(append);
                }
                Job::DropThrough(base, answer) => return (batch, Some((base, answer))),
            }
            next = if records < BATCH_MAX { self.jobs.try_recv().ok() } else { None };
        }
        (batch, None)
    }

    fn append(&mut self, batch: Vec<Append>) {
        let head = self.head;
        match self.pen.write(|connection| insert(connection, head, &batch)) {
            Ok(ends) => {
                let pages = self.publish(&batch, &ends);
                for (append, end) in batch.into_iter().zip(ends) {
                    append.answer.send(Ok(end));
                }
                self.pen.grew(pages);
            }
            Err(why) => {
                for append in batch {
                    append.answer.send(Err(LedgerError::Failed { why: why.clone() }));
                }
            }
        }
    }

    /// Lets readers find the records, now that nothing can lose them. Gives about how many pages
    /// they take.
    fn publish(&mut self, batch: &[Append], ends: &[DurableAt]) -> usize {
        let mut index = self.shared.records.index_mut();
        let records = batch.iter().flat_map(|it| &it.records);
        let mut bytes = 0_usize;
        for (seq, record) in (self.head.seq.saturating_add(1)..).zip(records) {
            index.add(seq, &record.outline);
            bytes = bytes.saturating_add(record.body.len()).saturating_add(128);
        }
        self.head = ends.last().copied().unwrap_or(self.head);
        self.shared.set_head(self.head);
        (bytes / PAGE).saturating_add(2)
    }
}

/// Writes the batch in one commit; gives where each call's last record stands.
fn insert(
    connection: &mut Connection,
    mut at: DurableAt,
    batch: &[Append],
) -> rusqlite::Result<Vec<DurableAt>> {
    let transaction = connection.transaction()?;
    let mut ends = Vec::with_capacity(batch.len());
    {
        let mut insert = transaction.prepare_cached(INSERT)?;
        for append in batch {
            for Encoded { outline, body } in &append.records {
                let Outline { kind, time, task, .. } = outline;
                let chain = Digest::chain(&at.chain, body);
                at = DurableAt { seq: at.seq.saturating_add(1), chain };
                let task = task.as_ref().map(bailiwick_model::TaskId::as_str);
                let seq = int(at.seq);
                let chain = chain.as_bytes();
                insert.execute(params![seq, kind, time.millis(), task, FORMAT, body, chain])?;
            }
            ends.push(at);
        }
    }
    transaction.commit()?;
    Ok(ends)
}
