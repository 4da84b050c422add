//! One task's place at the desk: its state behind a lock that no await is made under.

use std::sync::{
    Arc, Mutex, MutexGuard, PoisonError,
    atomic::{AtomicU64, Ordering},
};

use bailiwick_kernel::{DayKey, TaskState};
use bailiwick_model::DayAccount;

/// One task's place: its state behind a lock that no await is made under, and its generation
/// where one load can see it.
#[derive(Debug)]
pub(crate) struct Slot {
    generation: AtomicU64,
    /// What permits are held against, for calls that are under way.
    authority: Arc<AtomicU64>,
    /// Tells calls that are under way when it has changed.
    withdrawn: tokio::sync::Notify,
    state: Mutex<TaskState>,
    /// What was used of the days that it counts in, in the order in which they are locked.
    days: Vec<(DayKey, Arc<Mutex<DayAccount>>)>,
}

impl Slot {
    pub(super) fn new(state: TaskState, days: Vec<(DayKey, Arc<Mutex<DayAccount>>)>) -> Arc<Self> {
        Arc::new(Self {
            generation: AtomicU64::new(state.task().generation),
            authority: Arc::new(AtomicU64::new(state.authority())),
            withdrawn: tokio::sync::Notify::new(),
            state: Mutex::new(state),
            days,
        })
    }

    /// Locks the state. A panic under the lock poisons it; the state is then what the last whole
    /// step left, and deciding on goes by it.
    pub(crate) fn lock(&self) -> MutexGuard<'_, TaskState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Runs `step` on the state and shows the generation and the authority it leaves.
    pub(crate) fn with<T>(&self, step: impl FnOnce(&mut TaskState) -> T) -> T {
        let mut state = self.lock();
        let result = step(&mut state);
        self.generation.store(state.task().generation, Ordering::Release);
        if self.authority.swap(state.authority(), Ordering::AcqRel) != state.authority() {
            self.withdrawn.notify_waiters();
        }
        result
    }

    /// Runs a decision with what was used of its days, which nobody else decides by meanwhile.
    /// Days are locked after their task, and always in the same order.
    pub(crate) fn decide<T>(&self, step: impl FnOnce(&mut TaskState) -> T) -> T {
        self.decide_then(step, |_, it| it)
    }

    /// Does the same, and looks at what it left once the days are given back.
    pub(crate) fn decide_then<S, T>(
        &self,
        step: impl FnOnce(&mut TaskState) -> S,
        then: impl FnOnce(&TaskState, S) -> T,
    ) -> T {
        self.with(|state| {
            let mut days: Vec<_> = self
                .days
                .iter()
                .map(|(key, day)| (key, day.lock().unwrap_or_else(PoisonError::into_inner)))
                .collect();
            for (key, account) in &days {
                state.tell_day((*key).clone(), **account);
            }
            let result = step(state);
            for (key, account) in &mut days {
                **account = state.day(key);
            }
            drop(days);
            then(state, result)
        })
    }

    /// Gives the authority as it changes, for a call that is under way.
    pub(crate) const fn authority(&self) -> &Arc<AtomicU64> {
        &self.authority
    }

    /// Waits until authority is withdrawn, from when this is called and not from when it is awaited.
    pub(crate) fn news(&self) -> tokio::sync::futures::Notified<'_> {
        self.withdrawn.notified()
    }

    /// Gives the generation without the lock.
    pub(crate) fn generation(&self) -> u64 {
        self.generation.load(Ordering::Acquire)
    }
}
