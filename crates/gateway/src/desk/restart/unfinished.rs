//! Calls that were under way when the gateway ended without a word: killed, or by a power cut. Nobody
//! will hear what came of them, so each gets the outcome that says so, and none stays open for ever.

use std::collections::BTreeMap;

use bailiwick_model::{
    DecisionId, OutcomeKind, OutcomeRecord, Record, TaskId, Timestamp, VerdictKind,
};
use bailiwick_store::{Ledger, LedgerError};

/// Calls that were let through, and whose outcome is not on record.
#[derive(Debug, Default)]
pub(super) struct Unfinished(BTreeMap<DecisionId, TaskId>);

impl Unfinished {
    /// Hears what is on record of a task, in order.
    pub(super) fn hear<'a>(&mut self, records: impl Iterator<Item = &'a Record>) {
        for record in records {
            match record {
                Record::Decision(it) if it.verdict == VerdictKind::Allow => {
                    self.0.insert(it.decision.clone(), it.task.clone());
                }
                Record::Outcome(it) => drop(self.0.remove(&it.decision)),
                Record::Decision(_) | Record::Command { .. } | Record::Finding(_) => {}
            }
        }
    }

    /// Ends each of them on record.
    pub(super) async fn close(
        &mut self,
        ledger: &Ledger,
        now: Timestamp,
    ) -> Result<(), LedgerError> {
        let unfinished = std::mem::take(&mut self.0);
        if unfinished.is_empty() {
            return Ok(());
        }
        tracing::warn!(count = unfinished.len(), "calls were under way when the governor ended");
        let outcome = |(decision, task)| {
            Record::Outcome(OutcomeRecord {
                decision,
                task,
                time: now,
                outcome: OutcomeKind::None,
                detail:
                    "the gateway ended before this was on record: nobody knows what its server did"
                        .to_owned(),
                bytes_in: 0,
                millis: 0,
            })
        };
        let outcomes: Vec<_> = unfinished.into_iter().map(outcome).collect();
        for some in outcomes.chunks(TOGETHER) {
            ledger.append(some.to_vec()).await?;
        }
        Ok(())
    }
}

/// How many go into the ledger at once.
const TOGETHER: usize = 256;
