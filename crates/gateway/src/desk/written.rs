//! What happened, written down: the ledger first, as the truth, then the registry.

use bailiwick_kernel::{Effect, Outcome};
use bailiwick_model::{
    CommandRecord, DecisionId, Hold, HoldStatus, Record, TaskId, TaskStatus, Timestamp,
};
use bailiwick_store::{Change, RegistryError};

use super::{Changed, Desk, DeskError, Slot, emergency};

impl Desk {
    /// Writes down what has happened to tasks.
    pub(super) async fn write(
        &self,
        all: Vec<(TaskId, Vec<Effect>)>,
        by: &str,
    ) -> Result<(), DeskError> {
        let mut writing = Writing::default();
        for (task, effects) in all {
            self.write_up(&mut writing, &task, effects, (by, None));
        }
        self.owe(writing).await
    }

    /// Writes down what has happened already, with whatever is still owed of before. What cannot
    /// be written stays owed, and the clock tries again: an end that was forgotten is no end.
    pub(crate) async fn owe(&self, writing: Writing) -> Result<(), DeskError> {
        let mut owed = self.owed.lock().await;
        owed.records.extend(writing.records);
        owed.changes.extend(writing.changes);
        // However much happens in one moment, it is written in pieces that the ledger takes.
        while let Some(piece) = next_piece(&owed.records) {
            self.ledger.append(piece).await?;
            let written = piece.len();
            owed.records.drain(..written);
            self.commanded.notify_one();
        }
        if owed.changes.is_empty() {
            return Ok(());
        }
        match self.registry.write(owed.changes.clone()).await {
            // Somebody wrote the end before us.
            Ok(_) | Err(RegistryError::Ended { .. }) => owed.changes.clear(),
            Err(error) => return Err(error.into()),
        }
        Ok(())
    }

    /// Takes back what a decision did to its task, as the decision is not on record.
    pub(crate) fn unmake(&self, slot: &Slot, outcome: &Outcome, now: Timestamp) {
        match outcome {
            Outcome::Forward(..) => slot.with(|state| bailiwick_kernel::observe(state, now)),
            Outcome::Hold(hold, _) => {
                // A ticket that was on record before stays.
                if self.holds_map().get(hold).is_some_and(|it| it.opened == now) {
                    self.holds_map().remove(hold);
                    slot.with(|state| bailiwick_kernel::forget(state, hold));
                }
            }
            Outcome::Refuse(_) => {}
        }
    }

    /// Writes records, then changes; nothing where there is nothing.
    pub(super) async fn record(&self, writing: Writing) -> Result<(), DeskError> {
        if !writing.records.is_empty() {
            self.ledger.append(writing.records).await?;
            self.commanded.notify_one();
        }
        if !writing.changes.is_empty() {
            self.registry.write(writing.changes).await?;
        }
        Ok(())
    }

    /// Writes down how a hold stands: the ledger has what may be shown of it, and the registry,
    /// which is private, what was asked.
    pub(super) fn write_hold(
        &self,
        writing: &mut Writing,
        (time, by): (Timestamp, &str),
        hold: Hold,
        statement: Option<String>,
    ) {
        let whole = self.evidence.hidden_of_hold(&hold);
        let shown = Box::new(self.evidence.hold(hold.clone()));
        writing.command(time, by, CommandRecord::HoldChanged { hold: shown, statement, whole });
        writing.changes.push(Change::Hold(Box::new(hold)));
    }

    /// Turns effects into what is written of them.
    pub(crate) fn write_up(
        &self,
        writing: &mut Writing,
        task: &TaskId,
        effects: Vec<Effect>,
        (by, decision): (&str, Option<&DecisionId>),
    ) {
        let time = self.now();
        for effect in effects {
            match effect {
                Effect::TaskStatus(status) => {
                    if let TaskStatus::Ended { cause, .. } = status {
                        self.shelf.task_ended(task, cause, time);
                    }
                    self.changes.tell(Changed::Task(task.clone()));
                    let command = CommandRecord::TaskEnded { task: task.clone(), status };
                    writing.command(time, by, command);
                    let ended = self.task(task);
                    let glass = ended.as_ref().filter(|it| it.is_break_glass());
                    let review = glass.map(|it| emergency::finding("break-glass-review", it, time));
                    writing.records.extend(review);
                    writing.changes.extend(ended.map(|it| Change::Task(Box::new(it))));
                }
                Effect::HoldOpened(hold) => {
                    self.holds_map().insert(hold.id.clone(), (*hold).clone());
                    self.write_hold(writing, (time, by), *hold, None);
                }
                // The decision's own record says that it used the approval: no second one.
                Effect::HoldUsed(id) => {
                    let used =
                        self.holds_map().remove(&id).zip(decision).map(|(hold, decision)| Hold {
                            status: HoldStatus::Used { decision: decision.clone() },
                            ..hold
                        });
                    writing.changes.extend(used.map(|it| Change::Hold(Box::new(it))));
                    self.waits.wake(&id);
                }
                Effect::HoldsExpired(gone) => {
                    for hold in gone.iter().filter_map(|it| self.holds_map().remove(it)) {
                        let expired = Hold { status: HoldStatus::Expired, ..hold };
                        self.write_hold(writing, (time, by), expired, None);
                    }
                    for hold in &gone {
                        self.waits.wake(hold);
                    }
                }
                Effect::Noticed(finding) => {
                    tracing::warn!(code = finding.code, %task, "{}", finding.text);
                    writing.records.push(Record::Finding(*finding));
                }
                // Whoever decided sees to it, once the decision is on record.
                Effect::MustEnd => {}
            }
        }
    }
}

/// How many records are written at once at the most.
const TOGETHER: usize = 1_024;

/// Gives what is written next of some records, where there are any.
fn next_piece(records: &[Record]) -> Option<&[Record]> {
    records.get(..records.len().min(TOGETHER)).filter(|it| !it.is_empty())
}

/// What is about to be written down.
#[derive(Clone, Debug, Default)]
pub(crate) struct Writing {
    pub(crate) records: Vec<Record>,
    pub(crate) changes: Vec<Change>,
}

impl Writing {
    pub(crate) fn command(&mut self, time: Timestamp, by: &str, command: CommandRecord) {
        self.records.push(Record::Command { time, by: by.to_owned(), command });
    }
}
