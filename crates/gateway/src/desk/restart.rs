//! Taking up where the process before left off: the ledger is the truth, the registry its index.

mod agree;
mod approved;
mod forgotten;
#[cfg(test)]
mod tests;
mod unfinished;
mod whole;

use std::{
    collections::{BTreeMap, BTreeSet},
    ops::ControlFlow,
    sync::{Arc, Mutex, RwLock},
    time::Duration,
};

use arc_swap::ArcSwap;
use bailiwick_kernel::{DayKey, Memory, Paced, Snapshot, TaskState};
use bailiwick_model::{
    ApprovedLine, Budget, Charter, CommandRecord, CredentialId, DayAccount, DecisionId, EndCause,
    HeldEvaluation, Hold, HoldId, HoldStatus, IdentityId, LeaseCause, Person, PersonName, Pin,
    Record, ServerName, Spend, Subject, Task, TaskId, TaskStatus, Timestamp, VerdictKind,
};
use bailiwick_store::{DurableAt, Ledger, Registry};

pub(super) use self::forgotten::{Looked, look_through};
use self::{
    approved::{approval, line, says_line},
    unfinished::Unfinished,
};
use super::{Desk, DeskError, asked::Asked, signals::Heard, untold::Untold};
use crate::{Clock, Evidence, leases::Shelf};

/// What a desk is made of.
#[derive(Debug)]
pub struct DeskParts {
    /// Charters, templates and policies, as the configuration has them; what people decided is
    /// added from the registry.
    pub snapshot: Snapshot,
    /// Where records go.
    pub ledger: Ledger,
    /// Where state goes.
    pub registry: Registry,
    /// What arguments become.
    pub evidence: Evidence,
    /// The time.
    pub clock: Clock,
}

/// What the ledger tells of tasks, and of what people decided.
#[derive(Debug, Default)]
struct Told {
    /// Up to where the ledger went when it was asked, and how much was heard that need not be again.
    through: Option<DurableAt>,
    heard: u64,
    /// The number and the time of the first record that is kept.
    first: Option<(u64, Timestamp)>,
    tasks: BTreeMap<TaskId, Task>,
    ended: BTreeMap<TaskId, TaskStatus>,
    spent: BTreeMap<TaskId, Spend>,
    active: BTreeMap<TaskId, Timestamp>,
    /// How often each task did what rates bound.
    paced: BTreeMap<TaskId, Paced>,
    holds: BTreeMap<HoldId, Hold>,
    /// The digests of what the ledger does not show of tasks, and of holds.
    hidden: (BTreeMap<TaskId, String>, BTreeMap<HoldId, String>),
    lines: BTreeMap<HoldId, ApprovedLine>,
    /// What was used of each day, on its latest day.
    days: BTreeMap<DayKey, DayAccount>,
    used: BTreeMap<HoldId, DecisionId>,
    /// Evaluations for which a person was asked, and the approvals of them that were used.
    evaluations: (BTreeMap<HoldId, HeldEvaluation>, BTreeSet<HoldId>),
    persons: BTreeMap<PersonName, Person>,
    /// Break-glass tasks that a person has looked at.
    reviewed: BTreeSet<TaskId>,
    pins: BTreeMap<(ServerName, String), Pin>,
    /// Whether something is contained, since when, and why.
    contained: BTreeMap<Subject, (bool, Timestamp, String)>,
    /// Keys that were withdrawn.
    gone_keys: BTreeSet<CredentialId>,
    /// What other systems told.
    signals: Heard,
    /// What others told of, and is not on record as told of.
    untold: Untold,
    /// The calls that were under way at the end.
    unfinished: Unfinished,
}

impl Desk {
    /// Takes up the tasks that are open, with what they spent and what people answered. What the
    /// registry missed of the ledger is made good first.
    pub async fn resume(parts: DeskParts) -> Result<Self, DeskError> {
        let DeskParts { mut snapshot, ledger, registry, evidence, clock } = parts;
        let mut told = Told::listen(&ledger, clock.now())?;
        told.unfinished.close(&ledger, clock.now()).await?;
        let lost = told.made_whole((&ledger, &registry), &evidence, clock.now()).await?;
        let repairs = told.repairs((&ledger, &registry), told.keeps_from(&ledger))?;
        if !repairs.is_empty() {
            tracing::warn!(
                count = repairs.len(),
                "the registry missed what the ledger has: made good"
            );
            registry.write(repairs).await?;
        }
        let loaded = registry.load()?;
        let shelf = Arc::new(Shelf::load(&registry, clock.now())?);
        snapshot.contained = loaded.contained.into_iter().map(|it| it.subject).collect();
        (snapshot.exceptions, snapshot.lowered) =
            (loaded.exceptions, told.signals.lowered_at(clock.now()));
        for ((server, tool), pin) in loaded.pins {
            snapshot.pins.entry(server).or_default().insert(tool, pin);
        }
        // What was in force before: the files of this start come into force as a change of it.
        let active = |it: (IdentityId, Charter)| (it.0, Arc::new(it.1));
        snapshot.charters = loaded.charters.into_iter().map(active).collect();
        snapshot.templates =
            loaded.templates.into_iter().map(|(name, it)| (name, Arc::new(it))).collect();
        let crowds = snapshot.contained.iter().filter(|it| it.is_of_identities());
        let contained: Vec<_> = crowds.cloned().collect();
        let untold = told.take_untold();
        let withdrawn: Vec<_> = snapshot.contained.iter().cloned().collect();
        let orphans = told.orphans();
        let desk = Self {
            looked: Mutex::new(Looked::at(ledger.last_seq(), clock.now())),
            snapshot: ArcSwap::from_pointee(snapshot),
            slots: RwLock::default(),
            days: Mutex::new(told.take_days()),
            opening: tokio::sync::Mutex::default(),
            holds: Mutex::default(),
            asked: told.asked(clock.now()),
            emergencies: super::emergency::Emergencies::of(told.unreviewed()),
            waits: Arc::default(),
            gone_keys: RwLock::default(),
            refusals: super::refusals::Refusals::default(),
            changing: tokio::sync::Mutex::default(),
            answering: tokio::sync::Mutex::default(),
            people: RwLock::new(loaded.persons),
            owed: tokio::sync::Mutex::default(),
            ledger,
            registry,
            evidence,
            clock,
            counter: std::sync::atomic::AtomicU64::default(),
            changes: super::changed::Changes::default(),
            commanded: tokio::sync::Notify::new(),
            shelf,
            signals: tokio::sync::Mutex::new(std::mem::take(&mut told.signals)),
        };
        for state in told.states() {
            desk.place(state);
        }
        desk.end_leases_left(&withdrawn);
        desk.shelf.end_shown(&told.gone_keys, desk.now());
        desk.holds_map().extend(told.answerable());
        for subject in contained {
            desk.end_contained(&subject, untold.teller(&subject)).await?;
        }
        desk.end_left(orphans, EndCause::Parent, "a task above it has ended: it ends").await?;
        let why = "the registry lost what a task was opened with: it ends";
        desk.end_left(lost, EndCause::Lost, why).await?;
        Ok(desk)
    }
}

impl Desk {
    /// Ends tasks that are open and must not be.
    async fn end_left(
        &self,
        tasks: impl IntoIterator<Item = TaskId>,
        cause: EndCause,
        why: &'static str,
    ) -> Result<(), DeskError> {
        for task in tasks {
            tracing::warn!(%task, "{why}");
            self.end(&task, cause, "governor").await?;
        }
        Ok(())
    }

    /// Ends the leases of tasks that have ended and of what is contained, whatever was written of them.
    fn end_leases_left(&self, contained: &[Subject]) {
        for subject in contained {
            self.end_leases_of(subject);
        }
        for task in self.shelf.tasks() {
            if !self.task(&task).is_some_and(|it| it.is_open()) {
                self.shelf.end_task(&task, LeaseCause::Task, self.now());
            }
        }
    }
}

/// How long after its end a task's calls may still count in a day that is not over anywhere.
const DAY_OVER: Duration = Duration::from_secs(48 * 3600);

impl Told {
    /// Hears what counts now. Commands and used approvals count for ever; calls only for tasks
    /// that are open, for those whose end gave something back to one, and for a day's budget. So
    /// what a start reads does not grow with the calls of tasks that are long over.
    fn listen(ledger: &Ledger, now: Timestamp) -> Result<Self, DeskError> {
        let mut told = Self::landmarks(ledger, now)?;
        told.name_landmarks(ledger, now);
        ledger.scan(0, &mut |it| {
            told.first = Some((it.seq, it.record.time()));
            ControlFlow::Break(())
        })?;
        let (counting, mut calls) = (told.counting(now), Vec::new());
        for task in unfinished::lately(&told.ended).into_iter().filter(|it| !counting.contains(it))
        {
            told.unfinished.hear(ledger.task_records(&task)?.iter().map(|it| &it.record));
        }
        for task in counting {
            calls.extend(ledger.task_records(&task)?);
        }
        // Days are counted in the order of the ledger.
        calls.sort_by_key(|it| it.seq);
        told.unfinished.hear(calls.iter().map(|it| &it.record));
        for it in calls {
            told.call(it.record);
        }
        told.settle();
        Ok(told)
    }

    /// Gives the tasks whose calls still count.
    fn counting(&self, now: Timestamp) -> BTreeSet<TaskId> {
        let mut counting = BTreeSet::new();
        for task in self.tasks.values() {
            let ended = self.ended.get(&task.id).and_then(|it| match it {
                TaskStatus::Ended { at, .. } => Some(*at),
                TaskStatus::Open => None,
            });
            let in_a_day = task.grant.layers.iter().any(|it| it.day.is_some())
                && ended.is_none_or(|at| now.since(at) < DAY_OVER);
            if in_a_day || self.under_an_open_one(task) {
                counting.insert(task.id.clone());
            }
        }
        counting
    }

    /// Gives the open tasks below one whose end is on record: the process died before theirs was.
    fn orphans(&self) -> Vec<TaskId> {
        let open = self.tasks.values().filter(|it| it.is_open());
        let orphans = open.filter(|it| it.ancestors().any(|above| self.ended.contains_key(above)));
        orphans.map(|it| it.id.clone()).collect()
    }

    /// Says whether a task, or one that it descends from, is open.
    fn under_an_open_one(&self, task: &Task) -> bool {
        let mut at = Some(task);
        // Delegation is only so deep; what is deeper is no chain of ours.
        for _ in 0..=self.tasks.len() {
            match at {
                Some(task) if task.is_open() => return true,
                Some(task) => at = task.parent.as_ref().and_then(|it| self.tasks.get(it)),
                None => return false,
            }
        }
        false
    }

    /// Takes in a record that counts for ever.
    fn landmark(&mut self, record: Record) {
        match record {
            Record::Decision(it) => {
                let it = *it;
                self.used.extend(it.approval.map(|hold| (hold, it.decision)));
            }
            Record::Command { command, time, by } => {
                self.untold.hear(&by, &command, time);
                self.command(command, time);
            }
            Record::Evaluation(it) => self.evaluations.1.extend(it.approval),
            Record::Outcome(_) | Record::Finding(_) | Record::Search(_) | Record::Lease(_) => {}
        }
    }

    /// Takes in a call of a task that counts.
    fn call(&mut self, record: Record) {
        match record {
            Record::Decision(it) => {
                if it.verdict == VerdictKind::Allow {
                    let spent = self.spent.entry(it.task.clone()).or_default();
                    *spent = spent.plus(it.spend);
                    self.spend_days(&it.task, it.spend, it.time);
                    for name in &it.paced {
                        self.paced.entry(it.task.clone()).or_default().take(name, it.time);
                    }
                }
                if it.verdict != VerdictKind::Deny {
                    self.was_active(it.task, it.time);
                }
            }
            Record::Outcome(it) => self.was_active(it.task, it.time),
            // Heard already.
            Record::Command { .. }
            | Record::Finding(_)
            | Record::Evaluation(_)
            | Record::Lease(_)
            | Record::Search(_) => {}
        }
    }

    fn was_active(&mut self, task: TaskId, at: Timestamp) {
        let latest = self.active.entry(task).or_insert(at);
        *latest = at.max(*latest);
    }

    /// Counts a call in every day that its task counts in, as deciding it did.
    fn spend_days(&mut self, task: &TaskId, spend: Spend, at: Timestamp) {
        let layers = self.tasks.get(task).map(|it| it.grant.layers.as_slice()).unwrap_or_default();
        let mut taken = BTreeSet::new();
        for layer in layers {
            let key = (layer.identity.clone(), layer.template.clone());
            if let Some(limit) = layer.day.as_ref().filter(|_| taken.insert(key.clone())) {
                self.days.entry(key).or_default().take(limit.day(at), spend);
            }
        }
    }

    fn command(&mut self, command: CommandRecord, time: Timestamp) {
        match command {
            CommandRecord::TaskOpened { task: Some(task), whole, .. } => {
                let id = task.id.clone();
                self.hidden.0.extend(whole.map(|whole| (id.clone(), whole)));
                // Whoever hands authority on is at work.
                self.active.extend(task.parent.clone().map(|parent| (parent, task.opened)));
                self.tasks.insert(id.clone(), *task);
                // Whoever ends a task while it opens may be on record before its opening.
                if let Some(status) = self.ended.get(&id).copied() {
                    self.end(&id, status);
                }
            }
            CommandRecord::TaskEnded { task, status } => {
                let parent = self.tasks.get(&task).and_then(|it| it.parent.clone());
                self.active.extend(parent.map(|parent| (parent, time)));
                self.ended.insert(task.clone(), status);
                self.end(&task, status);
            }
            CommandRecord::HoldChanged { hold, statement, whole } => {
                self.hidden.1.extend(whole.map(|whole| (hold.id.clone(), whole)));
                // A line outlives the single call that its approval was used for.
                if statement.as_deref().is_some_and(says_line) {
                    self.lines.extend(line(&hold).map(|it| (it.hold.clone(), it)));
                }
                if hold.status == HoldStatus::Expired {
                    self.lines.remove(&hold.id);
                }
                self.holds.insert(hold.id.clone(), *hold);
            }
            CommandRecord::EvaluationHeld { held, .. } => {
                self.evaluations.0.insert(held.id.clone(), *held);
            }
            CommandRecord::TaskReviewed { task, .. } => {
                self.reviewed.insert(task);
            }
            CommandRecord::PersonAdded { person, .. } => {
                self.persons.insert(person.name.clone(), person);
            }
            CommandRecord::PinChanged { server, tool, pin, .. } => {
                self.pins.insert((server, tool), pin);
            }
            CommandRecord::Contained { subject, contained, why, .. } => {
                self.contained.insert(subject, (contained, time, why));
            }
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
            | CommandRecord::Started { .. } => {}
            CommandRecord::TokenKeyChanged { key, change, .. } => {
                let gone = key.parse().ok().filter(|_| change == "withdrawn");
                self.gone_keys.extend(gone);
            }
            CommandRecord::SignalReceived(it) => self.signals.hear(*it, time),
        }
    }

    /// Gives what others told of that is not on record as told; when it is told again, its tasks are named.
    fn take_untold(&mut self) -> Untold {
        let untold = std::mem::take(&mut self.untold);
        self.signals.left_over(untold.left(&self.tasks));
        untold
    }

    /// Gives the evaluations for which a person was asked.
    fn asked(&mut self, now: Timestamp) -> Asked {
        Asked::of(std::mem::take(&mut self.evaluations.0), &self.evaluations.1, now)
    }

    /// Gives the break-glass tasks that nobody has looked at.
    fn unreviewed(&self) -> impl Iterator<Item = Task> {
        let open = |it: &&Task| it.is_break_glass() && !self.reviewed.contains(&it.id);
        self.tasks.values().filter(open).cloned()
    }

    fn end(&mut self, task: &TaskId, status: TaskStatus) {
        if let Some(task) = self.tasks.get_mut(task) {
            task.end(status);
        }
    }

    /// Gives what was used of each day, to be shared by the tasks that count in it.
    fn take_days(&mut self) -> BTreeMap<DayKey, Arc<Mutex<DayAccount>>> {
        let days = std::mem::take(&mut self.days).into_iter();
        days.map(|(key, account)| (key, Arc::new(Mutex::new(account)))).collect()
    }

    /// Marks the approvals that were used; the decision's record says so.
    fn settle(&mut self) {
        for (id, decision) in &self.used {
            if let Some(hold) = self.holds.get_mut(id) {
                hold.status = HoldStatus::Used { decision: decision.clone() };
            }
        }
    }

    /// Makes the states of the tasks that are open.
    fn states(&self) -> Vec<TaskState> {
        self.tasks.values().filter(|it| it.is_open()).filter_map(|it| self.state(it)).collect()
    }

    fn state(&self, task: &Task) -> Option<TaskState> {
        let children = self.tasks.values().filter(|it| it.parent.as_ref() == Some(&task.id));
        let (mut carved, mut spent) = (BTreeMap::new(), self.spent_of(&task.id));
        for child in children {
            if child.is_open() {
                carved.insert(child.id.clone(), child.grant.budget);
            } else {
                spent = spent.plus(counted(child.grant.budget, self.used_by(child)));
            }
        }
        let mine = || self.holds.values().filter(|it| it.task == task.id);
        let memory = Memory {
            spent,
            carved,
            approvals: mine().filter_map(approval).collect(),
            lines: mine().filter_map(|it| self.lines.get(&it.id).cloned()).collect(),
            holds: mine().cloned().collect(),
            paced: self.paced.get(&task.id).cloned().unwrap_or_default(),
            active: self.active.get(&task.id).copied(),
        };
        TaskState::restore(task.clone(), memory)
            .inspect_err(|error| tracing::error!(%error, "a task stays closed"))
            .ok()
    }

    fn spent_of(&self, task: &TaskId) -> Spend {
        self.spent.get(task).copied().unwrap_or_default()
    }

    /// Gives all that an ended task used: its own calls and its children's.
    fn used_by(&self, task: &Task) -> Spend {
        let children = self.tasks.values().filter(|it| it.parent.as_ref() == Some(&task.id));
        children.fold(self.spent_of(&task.id), |all, child| {
            all.plus(counted(child.grant.budget, self.used_by(child)))
        })
    }

    /// Gives the holds that wait, or whose yes was not used yet, of tasks that are open.
    fn answerable(self) -> Vec<(HoldId, Hold)> {
        let open = |hold: &Hold| self.tasks.get(&hold.task).is_some_and(Task::is_open);
        let live =
            |hold: &Hold| matches!(hold.status, HoldStatus::Waiting | HoldStatus::Approved { .. });
        self.holds.into_iter().filter(|(_, hold)| live(hold) && open(hold)).collect()
    }
}

/// A child's spending counts against its parent only where it was given a share.
fn counted(share: Budget, spent: Spend) -> Spend {
    Spend {
        calls: share.calls.map_or(0, |_| spent.calls),
        bytes_out: share.bytes_out.map_or(0, |_| spent.bytes_out),
    }
}
