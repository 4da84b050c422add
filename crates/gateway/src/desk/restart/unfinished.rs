//! Calls that were under way when the gateway ended without a word: killed, or by a power cut. Nobody
//! will hear what came of them, so each gets the outcome that says so. It is looked for with the tasks that
//! are open, and with those that ended shortly before.

use std::{cmp::Reverse, collections::BTreeMap, time::Duration};

use bailiwick_model::{
    DecisionId, OutcomeKind, OutcomeRecord, Record, TaskId, TaskStatus, Timestamp, VerdictKind,
};
use bailiwick_store::{Ledger, LedgerError};

/// How many outcomes go into the ledger at once.
const TOGETHER: usize = 256;
/// How long after the end of its task a call may still be under way.
const CALL_OVER: Duration = Duration::from_secs(600);
/// How many tasks that have ended are looked at: a start takes no longer for more of them.
const ENDED_MAX: usize = 1024;

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
                Record::Decision(_)
                | Record::Evaluation(_)
                | Record::Search(_)
                | Record::Command { .. }
                | Record::Lease(_)
                | Record::Finding(_) => {}
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
                secret: None,
            })
        };
        let outcomes: Vec<_> = unfinished.into_iter().map(outcome).collect();
        for some in outcomes.chunks(TOGETHER) {
            ledger.append(some.to_vec()).await?;
        }
        Ok(())
    }
}

/// Gives the tasks that ended so shortly before the last that a call of theirs may have been under way
/// when the gateway ended.
pub(super) fn lately(ended: &BTreeMap<TaskId, TaskStatus>) -> Vec<TaskId> {
    let at = |(id, status): (&TaskId, &TaskStatus)| match status {
        TaskStatus::Ended { at, .. } => Some((*at, id.clone())),
        TaskStatus::Open => None,
    };
    let mut ended: Vec<_> = ended.iter().filter_map(at).collect();
    let last = ended.iter().map(|(at, _)| *at).max().unwrap_or_default();
    ended.retain(|(at, _)| last.since(*at) < CALL_OVER);
    ended.sort_unstable_by_key(|(at, _)| Reverse(*at));
    ended.into_iter().take(ENDED_MAX).map(|(_, id)| id).collect()
}

#[cfg(test)]
mod tests {
    use bailiwick_model::{EndCause, Ulid};

    use super::*;

    #[test]
    fn of_the_tasks_that_ended_the_latest_are_looked_at_and_so_many_at_most() {
        let at = |second: i64| Timestamp::from_millis(second.saturating_mul(1000));
        let id = |number: u16| {
            let mut random = [0; 10];
            random[8..].copy_from_slice(&number.to_be_bytes());
            TaskId::new(Ulid::new(at(0), random))
        };
        let ended = |second| TaskStatus::Ended { at: at(second), cause: EndCause::Asked };
        let mut tasks = BTreeMap::from([
            (id(1), ended(10_000)),
            (id(2), ended(9_401)),
            (id(3), ended(9_400)),
            (id(4), TaskStatus::Open),
        ]);
        assert_eq!(lately(&tasks), [id(1), id(2)]);
        tasks.extend((10..5_000).map(|it| (id(it), ended(20_000))));
        let looked_at = lately(&tasks);
        assert_eq!(looked_at.len(), ENDED_MAX);
        assert!(
            looked_at.iter().all(
                |it| matches!(tasks[it], TaskStatus::Ended { at: it, .. } if it == at(20_000))
            )
        );
    }
}
