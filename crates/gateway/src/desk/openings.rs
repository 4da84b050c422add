//! Opening tasks: decided, recorded, then at the desk.

use std::{collections::BTreeSet, sync::PoisonError, time::Duration};

use bailiwick_kernel::{DayKey, Opening, TaskState};
use bailiwick_model::{
    CommandRecord, DayAccount, EndCause, IdentityId, Layer, OpenRequest, Opener, Reason,
    ReasonCode, Spend, Task, TaskId, VerdictKind,
};
use bailiwick_store::Change;

use super::{Desk, DeskError, Writing, emergency};

/// The task was not opened.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// That was the decision.
    #[error("the task was not opened")]
    Refused(BTreeSet<Reason>),
    /// Nothing was decided: whoever asks was refused too often.
    #[error("`{who}` was refused too often: come back in {} s", seconds(.wait))]
    TurnedAway {
        /// Who asks.
        who: IdentityId,
        /// When to come back.
        wait: Duration,
    },
    /// Nothing is missing but a second person.
    #[error("a second person must agree")]
    Held(BTreeSet<Reason>),
    /// It could not be written down.
    #[error(transparent)]
    Desk(#[from] DeskError),
}

/// Tells a span in whole seconds, at least one.
pub(crate) fn seconds(span: &Duration) -> u64 {
    span.as_secs().saturating_add(u64::from(span.subsec_nanos() != 0)).max(1)
}

/// Gives the identity that asks; none where a person does.
const fn asker(request: &OpenRequest) -> Option<&IdentityId> {
    match &request.opener {
        Opener::Itself => Some(&request.identity),
        Opener::Orchestrator(giver) => Some(giver),
        Opener::Person(_) => None,
    }
}

impl Desk {
    /// Decides whether `request` opens a task, records the decision, and keeps the task.
    pub async fn open(&self, request: &OpenRequest, by: &str) -> Result<Task, OpenError> {
        let _one_by_one = self.opening.lock().await;
        let asker = asker(request);
        if let Some((who, wait)) = asker.and_then(|it| Some((it, self.turned_away(it)?))) {
            return Err(OpenError::TurnedAway { who: who.clone(), wait });
        }
        let id = TaskId::new(self.ulid());
        let opening = self.decide_opening(request, id);
        let task = opening.outcome.as_ref().ok().map(|it| Box::new(it.task().clone()));
        let (evidence, params) = (&self.evidence, &request.params);
        let mut writing = Writing::default();
        let verdict = match &task {
            Some(_) => VerdictKind::Allow,
            None if opening.held => VerdictKind::Hold,
            None => VerdictKind::Deny,
        };
        let command = CommandRecord::TaskOpened {
            verdict,
            steps: opening.steps.into_iter().map(|it| evidence.opening(it, params)).collect(),
            task: task.as_deref().map(|it| Box::new(evidence.task(it))),
            whole: task.as_deref().and_then(|it| evidence.hidden_of_task(it)),
            identity: request.identity.clone(),
            template: request.template.to_string(),
        };
        writing.command(self.now(), by, command);
        let glass = task.as_deref().filter(|it| it.is_break_glass()).cloned();
        let found = glass.as_ref().map(|it| emergency::finding("break-glass", it, self.now()));
        writing.records.extend(found);
        writing.changes.extend(task.map(Change::Task));
        let written = self.record(writing).await;
        if let Some(task) = glass.filter(|_| written.is_ok()) {
            self.emergencies.opened(evidence.task(&task));
        }
        match opening.outcome {
            Ok(state) => self.opened(state.task(), written, by).await,
            Err(why) => {
                written?;
                if let Some(asker) = asker {
                    self.was_refused(asker);
                }
                let shown = why.iter().map(|it| self.evidence.opening_reason(it, &request.params));
                let shown = shown.collect();
                Err(if opening.held { OpenError::Held(shown) } else { OpenError::Refused(shown) })
            }
        }
    }

    /// Decides, and puts the task at the desk while its parent is still locked: whoever ends the
    /// parent then finds the child. Nobody holds a token for it before it is recorded.
    fn decide_opening(&self, request: &OpenRequest, id: TaskId) -> Opening {
        let (snapshot, now) = (self.snapshot(), self.now());
        let named = (id, self.open_now(request), self.day_now(request));
        let decide = |parent: Option<&mut TaskState>| {
            let opening = bailiwick_kernel::open(&snapshot, parent, request, named, now);
            if let Ok(state) = &opening.outcome {
                self.place((**state).clone());
            }
            opening
        };
        match request.parent.as_ref().and_then(|it| self.slot(it)) {
            Some(parent) => parent.with(|state| decide(Some(state))),
            None => decide(None),
        }
    }

    /// Looks once more at a task that was placed before it was recorded: what could not be
    /// recorded ends, and so does what was contained or ended meanwhile.
    async fn opened(
        &self,
        task: &Task,
        written: Result<(), DeskError>,
        by: &str,
    ) -> Result<Task, OpenError> {
        if let Err(error) = written {
            if let Err(error) = self.end(&task.id, EndCause::Asked, by).await {
                tracing::error!(task = %task.id, %error, "a task that did not open is owed its end");
            }
            return Err(error.into());
        }
        if !self.snapshot().contained_of_task(task).is_empty() {
            self.end(&task.id, EndCause::Contained, by).await?;
        }
        match self.task(&task.id).filter(Task::is_open) {
            Some(task) => Ok(task),
            None => Err(OpenError::Refused(BTreeSet::from([Reason::new(
                ReasonCode::TaskEnded,
                "the task was ended while it opened",
                task.id.as_str(),
            )]))),
        }
    }

    /// Lists the open tasks of an identity.
    pub fn open_tasks(&self, identity: &IdentityId) -> Vec<Task> {
        let its = |task: &Task| task.is_open() && task.identity == *identity;
        let slots = self.slots();
        slots.iter().map(|it| it.lock().task().clone()).filter(its).collect()
    }

    /// Gives what the identity's tasks of this template used of the latest day.
    fn day_now(&self, request: &OpenRequest) -> DayAccount {
        self.day_used(&(request.identity.clone(), request.template.clone()))
    }

    fn day_used(&self, key: &DayKey) -> DayAccount {
        let days = self.days.lock().unwrap_or_else(PoisonError::into_inner);
        let day = days.get(key).cloned();
        drop(days);
        day.map(|it| *it.lock().unwrap_or_else(PoisonError::into_inner)).unwrap_or_default()
    }

    /// Gives what was used today of every day that a task counts in, its own first.
    pub fn used_today(&self, task: &Task) -> Vec<(DayKey, Spend)> {
        let now = self.now();
        let used = |layer: &Layer| {
            let day = layer.day.as_ref()?.day(now);
            let key = (layer.identity.clone(), layer.template.clone());
            let spent = self.day_used(&key).spent_on(day);
            Some((key, spent))
        };
        task.grant.layers.iter().filter_map(used).collect()
    }

    /// Counts the identity's open tasks of this template.
    fn open_now(&self, request: &OpenRequest) -> u32 {
        let same = |state: &TaskState| {
            let task = state.task();
            task.is_open() && task.identity == request.identity && task.template == request.template
        };
        let count = self.slots().iter().filter(|it| same(&it.lock())).count();
        u32::try_from(count).unwrap_or(u32::MAX)
    }
}
