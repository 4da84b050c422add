//! Break-glass: one person asks, another one agrees, a task opens for minutes, and a person looks
//! afterwards at what it did.
//!
//! What waits for the second person is kept in memory alone: it is minutes old at the most, and after a
//! restart it is asked for again. What waits to be looked at is on record.

use std::{
    collections::BTreeMap,
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use bailiwick_model::{
    CommandRecord, Finding, HeldOpening, HoldId, OpenRequest, PersonName, Record, Task, TaskId,
    Timestamp,
};

use super::{Desk, DeskError, OpenError, Writing};

/// How long the second person has.
const PATIENCE: Duration = Duration::from_secs(10 * 60);
/// How many openings may wait.
const WAITING: usize = 100;

/// Openings that wait for a second person, and tasks that nobody has looked at yet.
#[derive(Debug, Default)]
pub(super) struct Emergencies {
    waiting: Mutex<BTreeMap<HoldId, (HeldOpening, OpenRequest)>>,
    unreviewed: Mutex<BTreeMap<TaskId, Task>>,
}

/// An opening was not taken, not answered, or a task not reviewed.
#[derive(Debug, thiserror::Error)]
pub enum EmergencyError {
    /// Many wait already.
    #[error("{WAITING} openings wait for a second person already")]
    TooMany,
    /// There is nothing of this name that waits.
    #[error(
        "no opening `{0}` waits: it was answered, its ten minutes are over, or the governor was started anew"
    )]
    Unknown(HoldId),
    /// Nobody is two people.
    #[error("`{0}` asked for it: another person must agree")]
    Same(PersonName),
    /// It is no task that wants to be looked at.
    #[error("`{0}` is no break-glass task that waits for its review")]
    NotWaiting(TaskId),
    /// It is still going on.
    #[error("`{0}` is still open: it is reviewed when it has ended")]
    Open(TaskId),
    /// Whoever asked for it does not review it.
    #[error("`{0}` asked for it: another person reviews it")]
    Asker(PersonName),
    /// With the second person it was decided again, and not opened.
    #[error(transparent)]
    Opening(#[from] OpenError),
    /// It could not be written down.
    #[error(transparent)]
    Desk(#[from] DeskError),
}

impl Emergencies {
    /// Takes up the tasks that nobody has looked at.
    pub(super) fn of(unreviewed: impl Iterator<Item = Task>) -> Self {
        let unreviewed = unreviewed.map(|it| (it.id.clone(), it)).collect();
        Self { waiting: Mutex::default(), unreviewed: Mutex::new(unreviewed) }
    }

    /// Remembers that a task is to be looked at, as the evidence shows it.
    pub(super) fn opened(&self, task: Task) {
        self.unreviewed().insert(task.id.clone(), task);
    }

    fn waiting(&self) -> MutexGuard<'_, BTreeMap<HoldId, (HeldOpening, OpenRequest)>> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn unreviewed(&self) -> MutexGuard<'_, BTreeMap<TaskId, Task>> {
        self.unreviewed.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Says that a break-glass task opened, or that it ended and is to be looked at.
pub(super) fn finding(code: &str, task: &Task, at: Timestamp) -> Record {
    let people: Vec<_> = task.people.iter().map(|it| format!("`{it}`")).collect();
    let (identity, template, id) = (&task.identity, &task.template, &task.id);
    let text = if task.is_open() {
        format!(
            "break-glass: `{identity}` has `{template}` until {}, by the word of {}",
            task.deadline,
            people.join(" and "),
        )
    } else {
        format!(
            "break-glass is over: look at `bailiwick path {id}`, then `bailiwick review done {id} --note TEXT --by PERSON`"
        )
    };
    tracing::warn!(task = %id, %identity, %template, "{text}");
    let (task, identity) = (Some(id.clone()), Some(identity.clone()));
    let subject = id.to_string();
    Record::Finding(Finding { code: code.to_owned(), text, at, task, identity, subject })
}

impl Desk {
    /// Keeps an opening that nothing but a second person is missing from.
    pub async fn hold_opening(
        &self,
        request: OpenRequest,
        by: &PersonName,
        statement: String,
    ) -> Result<HeldOpening, EmergencyError> {
        let now = self.now();
        self.emergencies.waiting().retain(|_, (held, _)| now < held.expires);
        if WAITING <= self.emergencies.waiting().len() {
            return Err(EmergencyError::TooMany);
        }
        let shown = |text: &str| self.evidence.text(text);
        let held = HeldOpening {
            id: HoldId::new(self.ulid()),
            identity: request.identity.clone(),
            template: request.template.clone(),
            params: request.params.iter().map(|(name, it)| (name.clone(), shown(it))).collect(),
            purpose: shown(request.purpose.as_deref().unwrap_or_default()),
            by: by.clone(),
            opened: now,
            expires: now.after(PATIENCE),
        };
        let mut writing = Writing::default();
        let command = CommandRecord::OpeningHeld { held: Box::new(held.clone()), statement };
        writing.command(now, &format!("person:{by}"), command);
        self.record(writing).await?;
        self.emergencies.waiting().insert(held.id.clone(), (held.clone(), request));
        Ok(held)
    }

    /// Lists the openings that wait for a second person, oldest first.
    pub fn held_openings(&self) -> Vec<HeldOpening> {
        let now = self.now();
        let waiting = self.emergencies.waiting();
        let live = waiting.values().map(|(held, _)| held).filter(|it| now < it.expires);
        live.cloned().collect()
    }

    /// Finds an opening that waits.
    pub fn held_opening(&self, id: &HoldId) -> Option<HeldOpening> {
        self.held_openings().into_iter().find(|it| it.id == *id)
    }

    /// Brings a second person's answer, whose signed word was verified before. A yes opens the task, if
    /// it is opened when it is decided again.
    pub async fn answer_opening(
        &self,
        id: &HoldId,
        (by, yes): (&PersonName, bool),
        statement: String,
    ) -> Result<Option<Task>, EmergencyError> {
        let held = self.held_opening(id).ok_or_else(|| EmergencyError::Unknown(id.clone()))?;
        if yes && held.by == *by {
            return Err(EmergencyError::Same(by.clone()));
        }
        // Whoever takes it out answers it: of two answers at once one comes too late.
        let taken = self.emergencies.waiting().remove(id);
        let (_, mut request) = taken.ok_or_else(|| EmergencyError::Unknown(id.clone()))?;
        let mut writing = Writing::default();
        let command = CommandRecord::OpeningAnswered { hold: id.clone(), yes, statement };
        writing.command(self.now(), &format!("person:{by}"), command);
        self.record(writing).await?;
        if !yes {
            return Ok(None);
        }
        request.people.insert(by.clone());
        Ok(Some(self.open(&request, &format!("person:{by}")).await?))
    }

    /// Lists the break-glass tasks that nobody has looked at yet, as they stand.
    pub fn unreviewed(&self) -> Vec<Task> {
        let all: Vec<_> = self.emergencies.unreviewed().values().cloned().collect();
        let stands = |it: Task| match self.task(&it.id) {
            Some(live) => Task { status: live.status, ..it },
            None => it,
        };
        all.into_iter().map(stands).collect()
    }

    /// Records that a person looked at what a break-glass task did.
    pub async fn review(
        &self,
        task: &TaskId,
        (by, note): (&PersonName, &str),
        statement: String,
    ) -> Result<Task, EmergencyError> {
        let found = self.unreviewed().into_iter().find(|it| it.id == *task);
        let found = found.ok_or_else(|| EmergencyError::NotWaiting(task.clone()))?;
        if found.is_open() {
            return Err(EmergencyError::Open(task.clone()));
        }
        if matches!(&found.opener, bailiwick_model::Opener::Person(asker) if asker == by) {
            return Err(EmergencyError::Asker(by.clone()));
        }
        let mut writing = Writing::default();
        let note = self.evidence.text(note);
        let command = CommandRecord::TaskReviewed { task: task.clone(), note, statement };
        writing.command(self.now(), &format!("person:{by}"), command);
        self.record(writing).await?;
        self.emergencies.unreviewed().remove(task);
        Ok(found)
    }
}
