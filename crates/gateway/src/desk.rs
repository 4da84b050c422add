//! The desk: where live tasks are kept, and every change to them is recorded.
//!
//! The kernel says what happens; the desk holds what it says it about, one lock a task, and
//! writes down what it said: the ledger first, as the truth, then the registry.

mod asked;
mod changed;
mod command;
mod emergency;
mod holds;
mod keys;
mod openings;
mod pins;
mod refusals;
mod restart;
mod signals;
mod slot;
mod untold;
mod waits;
mod watch;
mod written;

use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    sync::{
        Arc, Mutex, MutexGuard, PoisonError, RwLock,
        atomic::{AtomicU64, Ordering},
    },
};

use arc_swap::ArcSwap;
use bailiwick_kernel::{DayKey, Effect, Snapshot, TaskState};
use bailiwick_model::{
    CredentialId, DayAccount, EndCause, Hold, HoldId, Person, PersonName, Task, TaskId, TaskStatus,
    Timestamp, Ulid,
};
use bailiwick_store::{Ledger, LedgerError, Registry, RegistryError};

use crate::{Clock, Evidence, leases::Shelf};

pub(crate) use asked::{AskError, CancelError};
pub(crate) use changed::Changed;
pub use emergency::EmergencyError;
pub use holds::AnswerError;
pub use openings::OpenError;
pub(crate) use openings::seconds;
pub use pins::{Offer, PinError};
pub use restart::DeskParts;
pub(crate) use signals::{Behind, Signal, Taken};
pub(crate) use slot::Slot;
pub(crate) use waits::NoPlace;
pub use watch::Active;
pub(crate) use written::Writing;

/// Live tasks, the snapshot they are judged by, and where it is written down.
#[derive(Debug)]
pub struct Desk {
    snapshot: ArcSwap<Snapshot>,
    slots: RwLock<HashMap<TaskId, Arc<Slot>>>,
    /// Tasks open one after the other, so that they are counted rightly.
    opening: tokio::sync::Mutex<()>,
    /// What was used of each day; kept for as long as the process lives.
    days: Mutex<BTreeMap<DayKey, Arc<Mutex<DayAccount>>>>,
    /// Holds that can still be answered or used, as they were asked: people see less of them.
    holds: Mutex<HashMap<HoldId, Hold>>,
    /// Evaluations for which a person was asked.
    asked: asked::Asked,
    /// Break-glass: what waits for a second person, and what waits to be looked at.
    emergencies: emergency::Emergencies,
    /// Callers that stay with their held calls.
    waits: Arc<waits::Waits>,
    /// How often each identity was refused of late.
    refusals: refusals::Refusals,
    /// People answer one after the other.
    answering: tokio::sync::Mutex<()>,
    /// Who may sign: as recorded, whatever somebody writes into the registry meanwhile.
    people: RwLock<BTreeMap<PersonName, Person>>,
    /// What has happened in memory and must still be written down.
    owed: tokio::sync::Mutex<Writing>,
    /// Changes of the snapshot happen one after the other.
    changing: tokio::sync::Mutex<()>,
    ledger: Ledger,
    registry: Registry,
    evidence: Evidence,
    clock: Clock,
    counter: AtomicU64,
    changes: changed::Changes,
    /// Token keys that were withdrawn since the start.
    gone_keys: RwLock<BTreeSet<CredentialId>>,
    /// Leases that live; what ends a task ends them.
    shelf: Arc<Shelf>,
    /// Commands were written down.
    commanded: tokio::sync::Notify,
    /// What other systems told of late; what they tell is taken one after the other.
    signals: tokio::sync::Mutex<signals::Heard>,
    /// When the ledger was looked through for what the next start wants to hear.
    looked: Mutex<restart::Looked>,
}

/// What was asked could not be written down, so it did not happen or must not be relied on.
#[derive(Debug, thiserror::Error)]
pub enum DeskError {
    /// The ledger does not take records.
    #[error("the evidence cannot be written: {0}")]
    Ledger(#[from] LedgerError),
    /// The registry does not take changes.
    #[error("the registry cannot be written: {0}")]
    Registry(#[from] RegistryError),
    /// The registry has what was never recorded.
    #[error(
        "the registry knows the {what} `{name}` otherwise than the ledger, which is always written first: one of the two was cut, exchanged or changed by somebody else"
    )]
    Beyond {
        /// What kind of thing.
        what: &'static str,
        /// Its name.
        name: String,
    },
}

impl Desk {
    /// Tells the time.
    pub fn now(&self) -> Timestamp {
        self.clock.now()
    }

    /// Tells what the wall clock shows, which may go back.
    pub(crate) fn wall(&self) -> Timestamp {
        self.clock.wall()
    }

    /// Makes the unique part of a new id. Ids are names and no secrets: where the operating
    /// system gives no randomness, counting keeps them apart.
    pub fn ulid(&self) -> Ulid {
        let now = self.now();
        bailiwick_connect::new_ulid(now).unwrap_or_else(|_| {
            let count = self.counter.fetch_add(1, Ordering::Relaxed);
            let mut tail = [0; 10];
            tail.iter_mut().zip(count.to_be_bytes()).for_each(|(to, from)| *to = from);
            Ulid::new(now, tail)
        })
    }

    /// Gives the snapshot.
    pub fn snapshot(&self) -> Arc<Snapshot> {
        self.snapshot.load_full()
    }

    /// Gives the ledger.
    pub const fn ledger(&self) -> &Ledger {
        &self.ledger
    }

    /// Gives the clock.
    pub(crate) fn clock(&self) -> Clock {
        self.clock.clone()
    }

    /// Waits until commands were written down since it was last asked.
    pub(crate) async fn commanded(&self) {
        self.commanded.notified().await;
    }

    /// Gives the leases that live.
    pub(crate) const fn shelf(&self) -> &Arc<Shelf> {
        &self.shelf
    }

    /// Gives the registry.
    pub const fn registry(&self) -> &Registry {
        &self.registry
    }

    /// Gives what turns arguments into evidence.
    pub const fn evidence(&self) -> &Evidence {
        &self.evidence
    }

    /// Gives the generation that tokens of `task` must carry; none where it is not at the desk.
    pub fn generation(&self, task: &TaskId) -> Option<u64> {
        self.slot(task).map(|it| it.generation())
    }

    /// Says whether a task that is still at the desk has ended by now.
    pub fn has_ended(&self, task: &TaskId) -> bool {
        let now = self.now();
        self.slot(task).is_some_and(|it| {
            let state = it.lock();
            !state.task().is_open() || state.task().deadline <= now
        })
    }

    /// Gives a task as it stands; none where it is not at the desk.
    pub fn task(&self, task: &TaskId) -> Option<Task> {
        self.slot(task).map(|it| it.lock().task().clone())
    }

    pub(crate) fn slot(&self, task: &TaskId) -> Option<Arc<Slot>> {
        self.slots.read().unwrap_or_else(PoisonError::into_inner).get(task).cloned()
    }

    fn slots(&self) -> Vec<Arc<Slot>> {
        self.slots.read().unwrap_or_else(PoisonError::into_inner).values().cloned().collect()
    }

    /// Gives a task and those below it, as far as they are at the desk.
    pub(crate) fn below(&self, task: &TaskId) -> Vec<TaskId> {
        let below = |slot: &Arc<Slot>| {
            let state = slot.lock();
            let it = state.task();
            it.ancestors().any(|above| above == task).then(|| it.id.clone())
        };
        std::iter::once(task.clone()).chain(self.slots().iter().filter_map(below)).collect()
    }

    fn place(&self, state: TaskState) {
        let id = state.task().id.clone();
        let days = self.days_of(&state);
        self.slots
            .write()
            .unwrap_or_else(PoisonError::into_inner)
            .insert(id, Slot::new(state, days));
    }

    /// Finds the days that a task counts in.
    fn days_of(&self, state: &TaskState) -> Vec<(DayKey, Arc<Mutex<DayAccount>>)> {
        let mut days = self.days.lock().unwrap_or_else(PoisonError::into_inner);
        let found = |key: DayKey| {
            let day = Arc::clone(days.entry(key.clone()).or_default());
            (key, day)
        };
        state.day_keys().into_iter().map(found).collect()
    }

    fn holds_map(&self) -> MutexGuard<'_, HashMap<HoldId, Hold>> {
        self.holds.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Ends a task, and every task below it. From the moment this is called, not from the moment
    /// it returns, no call of theirs is allowed. It fails while the end is not on record, and says
    /// so again to whoever asks again.
    pub async fn end(&self, task: &TaskId, cause: EndCause, by: &str) -> Result<bool, DeskError> {
        let ended = self.end_below(task, cause);
        let any = !ended.is_empty();
        self.write(ended, by).await?;
        Ok(any)
    }

    /// Finds a person who may sign.
    pub fn person(&self, name: &PersonName) -> Option<Person> {
        self.people.read().unwrap_or_else(PoisonError::into_inner).get(name).cloned()
    }

    /// Lists the people who may sign.
    pub fn people(&self) -> Vec<Person> {
        self.people.read().unwrap_or_else(PoisonError::into_inner).values().cloned().collect()
    }

    /// Ends a task and those below it in memory, and gives what is to be written.
    fn end_below(&self, task: &TaskId, cause: EndCause) -> Vec<(TaskId, Vec<Effect>)> {
        let now = self.now();
        let Some(slot) = self.slot(task) else { return Vec::new() };
        let effects = slot.with(|state| bailiwick_kernel::end(state, cause, now));
        if effects.is_empty() {
            return Vec::new();
        }
        self.after_end(task, effects)
    }

    /// Brings effects on one task to every task that they concern.
    pub(crate) fn spread(&self, task: &TaskId, effects: Vec<Effect>) -> Vec<(TaskId, Vec<Effect>)> {
        if effects.is_empty() {
            return Vec::new();
        }
        if effects.iter().any(|it| matches!(it, Effect::TaskStatus(_))) {
            return self.after_end(task, effects);
        }
        vec![(task.clone(), effects)]
    }

    /// Brings the end of one task to its children and its parent. Those below come first, so that nothing
    /// is open below an end that is on record, wherever writing stops.
    fn after_end(&self, task: &TaskId, effects: Vec<Effect>) -> Vec<(TaskId, Vec<Effect>)> {
        let Some(slot) = self.slot(task) else { return Vec::new() };
        let mut all = Vec::new();
        let children: Vec<_> = self
            .slots()
            .iter()
            .filter_map(|it| {
                let state = it.lock();
                (state.task().parent.as_ref() == Some(task)).then(|| state.task().id.clone())
            })
            .collect();
        for child in children {
            all.extend(self.end_below(&child, EndCause::Parent));
        }
        all.push((task.clone(), effects));
        // What the children did not use has come back by now.
        let (parent, spent) = {
            let state = slot.lock();
            (state.task().parent.clone(), state.used())
        };
        if let Some(parent) = parent.and_then(|it| self.slot(&it)) {
            let now = self.now();
            parent.with(|state| state.take_back(task, spent, now));
        }
        all
    }

    /// Lets time pass for every task at the desk.
    pub async fn tick(&self) -> Result<(), DeskError> {
        let now = self.now();
        let mut all = Vec::new();
        for slot in self.slots() {
            let (id, effects) = slot.with(|state| {
                let effects = bailiwick_kernel::tick(state, now);
                (state.task().id.clone(), effects)
            });
            all.extend(self.spread(&id, effects));
        }
        self.clear(now);
        self.look_through(now);
        self.forget_evaluations(now);
        let told = self.tell(false).await;
        self.write(all, "clock").await.and(told)
    }

    /// Forgets tasks that ended so long ago that no token of theirs still counts.
    fn clear(&self, now: Timestamp) {
        const KEPT: std::time::Duration = std::time::Duration::from_secs(15 * 60);
        let gone: Vec<_> = self
            .slots()
            .iter()
            .filter_map(|slot| {
                let state = slot.lock();
                match state.task().status {
                    TaskStatus::Ended { at, .. } if at.after(KEPT) <= now => {
                        Some(state.task().id.clone())
                    }
                    TaskStatus::Ended { .. } | TaskStatus::Open => None,
                }
            })
            .collect();
        // A slot is never locked under the lock of the map: `open` locks them the other way round.
        let mut slots = self.slots.write().unwrap_or_else(PoisonError::into_inner);
        slots.retain(|id, _| !gone.contains(id));
    }

    /// Has the ledger looked through once it has grown by much, so that a start hears no more than counts.
    fn look_through(&self, now: Timestamp) {
        let seq = self.ledger.last_seq();
        let mut looked = self.looked.lock().unwrap_or_else(PoisonError::into_inner);
        if looked.is_due(seq, now) {
            *looked = restart::Looked::at(seq, now);
            let ledger = self.ledger.clone();
            drop(tokio::task::spawn_blocking(move || restart::look_through(&ledger, now)));
        }
    }
}
