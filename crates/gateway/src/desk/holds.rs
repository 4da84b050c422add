//! People's answers to holds.

use bailiwick_kernel::Answer;
use bailiwick_model::{Hold, HoldId, HoldStatus, PersonName};

use super::{Changed, Desk, DeskError, Writing};

/// The hold was not answered.
#[derive(Debug, thiserror::Error)]
pub enum AnswerError {
    /// There is no such hold, or it has long been answered.
    #[error("there is no hold `{0}` that waits for an answer")]
    Unknown(HoldId),
    /// It is no longer waiting.
    #[error("`{hold}` is no longer waiting: {state}")]
    NotWaiting {
        /// The hold.
        hold: HoldId,
        /// Where it stands.
        state: &'static str,
    },
    /// It could not be written down.
    #[error(transparent)]
    Desk(#[from] DeskError),
}

impl Desk {
    /// Lists the holds that wait for an answer or whose yes was not used yet, oldest first.
    pub fn holds(&self) -> Vec<Hold> {
        let asked: Vec<_> = self.holds_map().values().cloned().collect();
        let mut all: Vec<_> = asked.into_iter().map(|it| self.evidence.hold(it)).collect();
        all.sort_by(|one, other| (one.opened, &one.id).cmp(&(other.opened, &other.id)));
        all
    }

    /// Finds a hold that waits, or whose yes was not used yet, as people may see it.
    pub fn hold(&self, id: &HoldId) -> Option<Hold> {
        self.asked(id).map(|it| self.evidence.hold(it))
    }

    fn asked(&self, id: &HoldId) -> Option<Hold> {
        self.holds_map().get(id).cloned()
    }

    /// Brings a person's answer to the task that waits for it. `statement` is their signed word,
    /// which was verified before.
    pub async fn answer(
        &self,
        id: &HoldId,
        by: &PersonName,
        answer: &Answer,
        statement: String,
    ) -> Result<Hold, AnswerError> {
        let _one_by_one = self.answering.lock().await;
        let asked = self.asked(id).ok_or_else(|| AnswerError::Unknown(id.clone()))?;
        let slot = self.slot(&asked.task).ok_or_else(|| AnswerError::Unknown(id.clone()))?;
        let now = self.now();
        let over = || AnswerError::NotWaiting { hold: id.clone(), state: state_of(&asked.status) };
        // First what the answer would come to, then its record, and only then the answer: no call
        // goes out on a yes that nobody can show.
        let mut trial = slot.lock().clone();
        let hold =
            bailiwick_kernel::answer(&mut trial, &asked, by, answer, now).ok_or_else(over)?;
        let mut writing = Writing::default();
        let person = format!("person:{by}");
        self.write_hold(&mut writing, (now, &person), hold.clone(), Some(statement));
        match self.record(writing).await {
            Err(DeskError::Ledger(error)) => return Err(DeskError::Ledger(error).into()),
            // The ledger has it, and the ledger counts.
            Err(error) => tracing::error!(%error, "the registry did not take an answer"),
            Ok(()) => {}
        }
        {
            let mut holds = self.holds_map();
            match hold.status {
                HoldStatus::Approved { .. } => drop(holds.insert(hold.id.clone(), hold.clone())),
                HoldStatus::Waiting
                | HoldStatus::Refused { .. }
                | HoldStatus::Used { .. }
                | HoldStatus::Expired => drop(holds.remove(&hold.id)),
            }
        }
        let applied = slot.with(|state| bailiwick_kernel::answer(state, &asked, by, answer, now));
        self.waits.wake(id);
        if applied.is_none() {
            self.holds_map().remove(id);
            return Err(over());
        }
        self.changes.tell(Changed::Task(asked.task));
        Ok(self.evidence.hold(hold))
    }
}

const fn state_of(status: &HoldStatus) -> &'static str {
    match status {
        HoldStatus::Waiting => "its task ended or its time ran out",
        HoldStatus::Approved { .. } => "it was approved",
        HoldStatus::Refused { .. } => "it was refused",
        HoldStatus::Used { .. } => "its approval was used",
        HoldStatus::Expired => "it expired",
    }
}
