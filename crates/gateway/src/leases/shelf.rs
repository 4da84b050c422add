//! Where leases are kept while something of them may be alive: the book, what ending them needs, and
//! what is still to be written of them.
//!
//! Tasks end here without waiting for anybody; the engine does the rest.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap, VecDeque},
    fmt,
    sync::{Mutex, MutexGuard, PoisonError, atomic::AtomicBool},
};

use bailiwick_connect::{Credential, Secret};
use bailiwick_kernel::{LeaseBook, LeaseEffect, LeaseEvent};
use bailiwick_model::{
    CredentialId, EndCause, EnforcedAs, Finding, Lease, LeaseCause, LeaseId, LeaseState,
    TargetName, TaskId, Timestamp,
};
use bailiwick_store::{KeptLease, LeaseFilter, Registry, RegistryError};
use tokio::sync::{Notify, oneshot};

/// One thing that is still to be written.
#[derive(Debug)]
pub(super) enum Owed {
    /// How a lease stands, since when, and with what ending it needs.
    Step(Box<Lease>, Timestamp, Option<String>),
    /// Something that was noticed.
    Noticed(Box<Finding>),
    /// Nothing: whoever waits for what came before.
    Mark,
}

/// What is still to be written, and who waits for it.
#[derive(Debug)]
pub(super) struct Unwritten {
    pub(super) owed: Owed,
    /// Whether the ledger has it already, and the registry does not.
    pub(super) on_ledger: bool,
    pub(super) heard: Option<oneshot::Sender<Result<(), String>>>,
}

/// What of a target was wanted in a task, and whether it stays in the gateway: what does is never given to
/// anybody under the same name.
pub(super) type Wanted = (TargetName, Vec<String>, EnforcedAs);

/// Everything that is kept of leases, behind one lock that nobody waits under.
#[derive(Default)]
pub(super) struct Kept {
    pub(super) book: LeaseBook,
    /// What ending them needs, sealed.
    pub(super) sealed: HashMap<LeaseId, String>,
    /// The same, of what could not be sealed: it is told to targets as long as this process lives.
    pub(super) open: HashMap<LeaseId, Secret>,
    /// What is handed out once more to whoever asks for the same in the same task.
    ready: BTreeMap<TaskId, BTreeMap<Wanted, (LeaseId, Credential)>>,
    pub(super) unwritten: VecDeque<Unwritten>,
}

impl fmt::Debug for Kept {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { book, unwritten, .. } = self;
        let (leases, unwritten) = (book.len(), unwritten.len());
        write!(out, "Kept({leases} leases, {unwritten} unwritten)")
    }
}

/// Leases that live, shared by the desk and the engine.
#[derive(Debug, Default)]
pub(crate) struct Shelf {
    kept: Mutex<Kept>,
    /// Something is due, or may be.
    pub(super) due: Notify,
    /// Something is to be written.
    pub(super) owing: Notify,
    /// Something was written, or is gone.
    pub(super) moved: Notify,
    /// What was to be written last could not be.
    pub(super) failing: AtomicBool,
}

impl Kept {
    /// Takes down what is to be written, and gives whom to tell.
    pub(super) fn note(
        &mut self,
        effects: Vec<LeaseEffect>,
        now: Timestamp,
    ) -> Vec<(LeaseId, TargetName)> {
        let mut tell = Vec::new();
        for effect in effects {
            match effect {
                LeaseEffect::Write(lease) => drop(self.write(lease, now)),
                LeaseEffect::Noticed(finding) => self.notice(finding),
                LeaseEffect::Tell(lease, target) => tell.push((lease, target)),
            }
        }
        tell
    }

    /// Takes down how a lease stands; whoever waits hears when that is on disk.
    pub(super) fn write(
        &mut self,
        lease: Box<Lease>,
        now: Timestamp,
    ) -> oneshot::Receiver<Result<(), String>> {
        let keepsake = if lease.is_open() {
            self.sealed.get(&lease.id).cloned()
        } else {
            self.sealed.remove(&lease.id);
            self.open.remove(&lease.id);
            None
        };
        let (heard, hears) = oneshot::channel();
        let owed = Owed::Step(lease, now, keepsake);
        self.unwritten.push_back(Unwritten { owed, on_ledger: false, heard: Some(heard) });
        hears
    }

    pub(super) fn notice(&mut self, finding: Box<Finding>) {
        let owed = Owed::Noticed(finding);
        self.unwritten.push_back(Unwritten { owed, on_ledger: false, heard: None });
    }

    /// Lets something happen to a lease. What ended is handed out no more.
    pub(super) fn step(&mut self, id: &LeaseId, event: LeaseEvent, now: Timestamp) {
        let place = self.book.get(id).map(place);
        let effects = self.book.step(id, event, now);
        let told = self.note(effects, now);
        debug_assert!(told.is_empty(), "only the passing of time tells targets");
        if let Some((task, wanted)) = place
            && self.book.get(id).is_none_or(Lease::has_ended)
        {
            self.not_ready(&task, &wanted, id);
        }
    }

    /// Says whether nothing at all is kept.
    #[cfg(test)]
    pub(super) fn is_bare(&self) -> bool {
        let Self { book, sealed, open, ready, unwritten } = self;
        let told = sealed.is_empty() && open.is_empty();
        book.is_empty() && told && ready.is_empty() && unwritten.is_empty()
    }

    fn not_ready(&mut self, task: &TaskId, wanted: &Wanted, id: &LeaseId) {
        let Some(of_task) = self.ready.get_mut(task) else { return };
        if of_task.get(wanted).is_some_and(|(ready, _)| ready == id) {
            of_task.remove(wanted);
        }
        if of_task.is_empty() {
            self.ready.remove(task);
        }
    }

    /// Keeps a credential for whoever asks again.
    pub(super) fn keep_ready(&mut self, lease: &Lease, credential: Credential) {
        let (task, wanted) = place(lease);
        self.ready.entry(task).or_default().insert(wanted, (lease.id.clone(), credential));
    }

    /// Finds a credential that counts now, and until `least`.
    pub(super) fn ready(
        &self,
        task: &TaskId,
        wanted: &Wanted,
        (now, least): (Timestamp, Timestamp),
    ) -> Option<(Lease, Credential)> {
        let (id, credential) = self.ready.get(task)?.get(wanted)?;
        let lease = self.book.get(id)?;
        // What ends with its task is handed out up to there: a later one would end with it, too.
        let lasts = now < lease.until && least <= lease.until;
        let counts = lease.state == LeaseState::Active && lasts;
        counts.then(|| (lease.clone(), credential.clone()))
    }
}

fn place(lease: &Lease) -> (TaskId, Wanted) {
    (lease.task.clone(), (lease.target.clone(), lease.wants.clone(), lease.enforced))
}

impl Shelf {
    /// Takes up what another process left open.
    pub(crate) fn load(registry: &Registry, now: Timestamp) -> Result<Self, RegistryError> {
        let shelf = Self::default();
        let open = LeaseFilter { open_only: true, ..LeaseFilter::ALL };
        let mut kept = shelf.lock();
        for KeptLease { lease, keepsake } in registry.leases(open)? {
            kept.sealed.extend(keepsake.map(|it| (lease.id.clone(), it)));
            kept.book.take_up(lease, now);
        }
        drop(kept);
        Ok(shelf)
    }

    /// Locks what is kept. A panic under the lock leaves what the last whole step left.
    pub(super) fn lock(&self) -> MutexGuard<'_, Kept> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Does something with what is kept, and wakes whoever has to do with it.
    pub(super) fn with<T>(&self, step: impl FnOnce(&mut Kept) -> T) -> T {
        let done = step(&mut self.lock());
        self.due.notify_one();
        self.owing.notify_one();
        done
    }

    /// Accepts the end of every lease of a task, as the task ended.
    pub(crate) fn task_ended(&self, task: &TaskId, cause: EndCause, now: Timestamp) {
        let cause = match cause {
            EndCause::Contained | EndCause::Signal => LeaseCause::Contained,
            EndCause::Asked
            | EndCause::Deadline
            | EndCause::Idle
            | EndCause::Calendar
            | EndCause::Parent
            | EndCause::Lost => LeaseCause::Task,
        };
        self.end_task(task, cause, now);
    }

    /// Accepts the end of every lease of a task.
    pub(crate) fn end_task(&self, task: &TaskId, cause: LeaseCause, now: Timestamp) {
        self.with(|kept| {
            kept.ready.remove(task);
            kept.book.end_task(task, cause, now)
        });
    }

    /// Accepts the end of every lease that was asked for with any of these.
    pub(crate) fn end_shown(&self, credentials: &BTreeSet<CredentialId>, now: Timestamp) {
        self.with(|kept| {
            let asked = |it: &&Lease| !it.shown.is_disjoint(credentials) && !it.has_ended();
            let ids: Vec<_> = kept.book.iter().filter(asked).map(|it| it.id.clone()).collect();
            for id in ids {
                kept.step(&id, LeaseEvent::Ends(LeaseCause::Contained), now);
            }
        });
    }

    /// Accepts the end of every lease at a target.
    pub(crate) fn end_target(&self, target: &TargetName, cause: LeaseCause, now: Timestamp) {
        self.with(|kept| {
            for of_task in kept.ready.values_mut() {
                of_task.retain(|(at, ..), _| at != target);
            }
            kept.ready.retain(|_, of_task| !of_task.is_empty());
            kept.book.end_target(target, cause, now)
        });
    }

    /// Names the tasks that have leases.
    pub(crate) fn tasks(&self) -> Vec<TaskId> {
        let mut tasks: Vec<_> = self.lock().book.iter().map(|it| it.task.clone()).collect();
        tasks.sort();
        tasks.dedup();
        tasks
    }
}
