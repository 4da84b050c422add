//! What a start forgets again: tasks that ended and that nothing counts of any more. So what it keeps in
//! memory, and what the next one reads, goes by what is open and not by all that ever was.

use std::{collections::BTreeSet, time::Duration};

use bailiwick_model::{CommandRecord, Record, Task, TaskId, Timestamp};
use bailiwick_store::{Ledger, LedgerError};

use super::{Told, unfinished};
use crate::desk::{DeskError, asked, signals};

/// After how many landmarks that nobody has looked through yet it is worth to name those that count.
const WORTH: u64 = 5_000;
/// After how many landmarks more what nothing counts of is forgotten, at the least.
const ROUND: usize = 4_096;

impl Told {
    /// Hears everything that counts beyond its task.
    pub(super) fn landmarks(ledger: &Ledger, now: Timestamp) -> Result<Self, DeskError> {
        let (mut told, mut left) =
            (Self { through: Some(ledger.head()), ..Self::default() }, ROUND);
        let named = ledger.named_landmarks(&mut |it| {
            told.landmark(it.record);
            told.heard = told.heard.saturating_add(1);
            left = left.saturating_sub(1);
            if left == 0 {
                told.forget(now);
                left = ROUND.max(told.tasks.len());
            }
        })?;
        told.forget(now);
        told.heard = told.heard.saturating_sub(named);
        Ok(told)
    }

    /// Forgets what nothing counts of: tasks that ended, save those whose calls still count, those that
    /// nobody has looked at though somebody must, those above a task that is open, and those of which a call
    /// may have been under way when the gateway ended.
    fn forget(&mut self, now: Timestamp) {
        self.untold.forget(now, signals::AGE_MAX);
        let mut counts = self.counting(now);
        counts.extend(self.unreviewed().map(|it| it.id));
        counts.extend(unfinished::lately(&self.ended));
        counts.extend(self.untold.tasks().cloned());
        // What has ended above an open task ends that, too.
        let open = self.tasks.values().filter(|it| it.is_open());
        counts.extend(open.flat_map(Task::ancestors).cloned());
        let gone: BTreeSet<TaskId> =
            self.tasks.keys().filter(|it| !counts.contains(*it)).cloned().collect();
        for task in &gone {
            self.tasks.remove(task);
            self.ended.remove(task);
            self.hidden.0.remove(task);
            self.reviewed.remove(task);
        }
        let tasks = &self.tasks;
        self.active.retain(|task, _| tasks.get(task).is_some_and(Task::is_open));
        self.holds.retain(|_, hold| !gone.contains(&hold.task));
        let holds = &self.holds;
        self.hidden.1.retain(|hold, _| holds.contains_key(hold));
        self.lines.retain(|hold, _| holds.contains_key(hold));
        self.used.retain(|hold, _| holds.contains_key(hold));
        let (held, used) = &mut self.evaluations;
        held.retain(|_, it| asked::is_known(it, now));
        used.retain(|hold| held.contains_key(hold));
    }

    /// Says whether a record is one of those that a start wants to hear.
    fn counts(&self, record: &Record, now: Timestamp) -> bool {
        match record {
            Record::Decision(it) => {
                it.approval.as_ref().is_some_and(|hold| self.holds.contains_key(hold))
            }
            Record::Evaluation(it) => {
                it.approval.as_ref().is_some_and(|hold| self.evaluations.0.contains_key(hold))
            }
            Record::Command { command, time, .. } => self.command_counts(command, (*time, now)),
            Record::Outcome(_) | Record::Finding(_) | Record::Search(_) | Record::Lease(_) => false,
        }
    }

    fn command_counts(&self, command: &CommandRecord, (time, now): (Timestamp, Timestamp)) -> bool {
        match command {
            CommandRecord::TaskOpened { task: Some(task), .. } => self.tasks.contains_key(&task.id),
            // The end of a task may be on record before its opening.
            CommandRecord::TaskEnded { task, .. } => self.ended.contains_key(task),
            CommandRecord::TaskReviewed { task, .. } => self.tasks.contains_key(task),
            CommandRecord::HoldChanged { hold, .. } => self.holds.contains_key(&hold.id),
            CommandRecord::EvaluationHeld { held, .. } => self.evaluations.0.contains_key(&held.id),
            CommandRecord::SignalReceived(it) => signals::counts(it, now),
            // The last word on it.
            CommandRecord::Contained { subject, .. } => {
                self.contained.get(subject).is_some_and(|(_, at, _)| *at <= time)
            }
            CommandRecord::PersonAdded { .. }
            | CommandRecord::PinChanged { .. }
            | CommandRecord::TokenKeyChanged { .. } => true,
            CommandRecord::TaskOpened { task: None, .. }
            | CommandRecord::OpeningHeld { .. }
            | CommandRecord::OpeningAnswered { .. }
            | CommandRecord::TokenMinted { .. }
            | CommandRecord::SecretChanged { .. }
            | CommandRecord::SecretsRekeyed {}
            | CommandRecord::EnrolmentChanged { .. }
            | CommandRecord::SvidIssued { .. }
            | CommandRecord::TurnedAway { .. }
            | CommandRecord::Activated(_)
            | CommandRecord::Started { .. } => false,
        }
    }

    /// Names those landmarks that count for the next start, where it would hear many others.
    pub(super) fn name_landmarks(&self, ledger: &Ledger, now: Timestamp) {
        if WORTH <= self.heard
            && let Err(error) = self.name(ledger, now)
        {
            tracing::warn!(%error, "the next start will read all of the ledger's commands");
        }
    }

    /// Names those landmarks that count, up to where the ledger went when it was asked: what came after
    /// that may not have been heard.
    pub(super) fn name(&self, ledger: &Ledger, now: Timestamp) -> Result<(), LedgerError> {
        let Some(through) = self.through else { return Ok(()) };
        let mut named = Vec::new();
        ledger.named_landmarks(&mut |it| {
            if it.seq <= through.seq && self.counts(&it.record, now) {
                named.push(it.seq);
            }
        })?;
        ledger.name_landmarks(through, &named)
    }
}

/// How much the ledger grows until what counts of it is looked through again.
const GROWTH: u64 = 100_000;
/// How long that is left alone after it was done.
const REST: Duration = Duration::from_secs(600);

/// When what counts of the ledger was looked through last.
#[derive(Clone, Copy, Debug)]
pub(in crate::desk) struct Looked {
    seq: u64,
    at: Timestamp,
}

impl Looked {
    pub(in crate::desk) const fn at(seq: u64, at: Timestamp) -> Self {
        Self { seq, at }
    }

    /// Says whether to look again.
    pub(in crate::desk) fn is_due(self, seq: u64, now: Timestamp) -> bool {
        self.seq.saturating_add(GROWTH) <= seq && REST <= now.since(self.at)
    }
}

/// Looks through the ledger for what the next start wants to hear.
pub(in crate::desk) fn look_through(ledger: &Ledger, now: Timestamp) {
    match Told::landmarks(ledger, now) {
        Ok(told) => told.name_landmarks(ledger, now),
        Err(error) => tracing::warn!(%error, "what counts of the ledger could not be read"),
    }
}
