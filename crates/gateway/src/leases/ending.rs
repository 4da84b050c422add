//! Ends leases at their targets: as many at once as each target takes, for as long as it takes.

use std::{
    collections::VecDeque,
    sync::{Arc, atomic::Ordering},
    time::Duration,
};

use bailiwick_connect::{BrokerError, EndedLease, Secret};
use bailiwick_kernel::LeaseEvent;
use bailiwick_model::{
    Finding, Lease, LeaseCause, LeaseId, LeaseState, TargetName, TaskId, Timestamp,
};
use tokio::sync::{mpsc, oneshot};
use tokio_util::sync::CancellationToken;

use super::{
    Leases,
    shelf::{Owed, Unwritten},
};
use crate::{DeskError, caught, meter, seam};

/// The most that time passes for at once.
const PIECE: usize = 256;
/// How much may be unwritten while time passes on: what ends by the hundred thousand does not lie
/// in memory twice.
const UNWRITTEN: usize = 4096;
/// How long nobody looks at the clock at the most: it may be set.
const LOOK: Duration = Duration::from_millis(500);
/// How many leases a broker hears of at once.
const TOGETHER: usize = 1024;
/// How long it may take to hear of many: those who hear wait meanwhile.
const ANNOUNCE_WAIT: Duration = Duration::from_secs(10);
/// How long a target may take to end one lease. Brokers have bounds of their own; this is the last.
const REVOKE_WAIT: Duration = Duration::from_secs(60);

/// Who waits to be ended at one target.
pub(super) struct Line {
    pub(super) lined: mpsc::UnboundedReceiver<LeaseId>,
    /// Those that their broker has heard of, or is hearing of.
    announced: VecDeque<LeaseId>,
}

impl Line {
    pub(super) const fn of(lined: mpsc::UnboundedReceiver<LeaseId>) -> Self {
        Self { lined, announced: VecDeque::new() }
    }

    /// Gives who is next. Where more wait, gives all of them besides: their broker is to hear of them at
    /// once, and what it can do for all of them it does not do for each.
    async fn next(&mut self) -> Option<(LeaseId, Vec<LeaseId>)> {
        if let Some(next) = self.announced.pop_front() {
            return Some((next, Vec::new()));
        }
        self.announced.extend(self.lined.recv().await);
        while self.announced.len() < TOGETHER
            && let Ok(more) = self.lined.try_recv()
        {
            self.announced.push_back(more);
        }
        let many = 1 < self.announced.len();
        let together = if many { self.announced.iter().cloned().collect() } else { Vec::new() };
        Some((self.announced.pop_front()?, together))
    }
}

impl Leases {
    /// Lets time pass for leases until told to stop.
    pub(super) async fn pass(&self, stop: CancellationToken) {
        while !stop.is_cancelled() {
            let now = self.desk().now();
            let (tell, next) = {
                let mut kept = self.shelf().lock();
                // Ending needs no disk: where nothing can be written, it goes on.
                let writes = !self.shelf().failing.load(Ordering::Acquire);
                if writes && UNWRITTEN <= kept.unwritten.len() {
                    (None, None)
                } else {
                    let effects = kept.book.pass(now, PIECE);
                    let some = !effects.is_empty();
                    let tell = kept.note(effects, now);
                    (some.then_some(tell), kept.book.next())
                }
            };
            if let Some(tell) = tell {
                self.shelf().owing.notify_one();
                seam::reach("lease-passed").await;
                self.tell(tell, now);
                tokio::task::yield_now().await;
                continue;
            }
            self.count();
            let wait = next.map_or(LOOK, |at| at.since(now)).min(LOOK);
            tokio::select! {
                () = stop.cancelled() => {}
                () = self.shelf().due.notified() => {}
                () = tokio::time::sleep(wait) => {}
            }
        }
    }

    /// Counts the leases, for whoever watches.
    fn count(&self) {
        let counts = self.shelf().lock().book.counts();
        for (state, count) in LeaseState::ALL.iter().zip(counts) {
            meter::leases(*state, count);
        }
    }

    /// Puts leases in the line of their target.
    fn tell(&self, leases: Vec<(LeaseId, TargetName)>, now: Timestamp) {
        for (lease, target) in leases {
            let line = self.targets.get(&target).map(|it| &it.line);
            if line.is_none_or(|it| it.send(lease.clone()).is_err()) {
                let why = format!("target `{target}` is no longer configured");
                let event = untold(why, None);
                self.shelf().with(|kept| kept.step(&lease, event, now));
            }
        }
    }

    /// Ends leases at one target, one after the other. As many of these run as the target takes.
    pub(super) async fn work(
        self: Arc<Self>,
        target: TargetName,
        line: Arc<tokio::sync::Mutex<Line>>,
        stop: CancellationToken,
    ) {
        loop {
            let next = async { line.lock().await.next().await };
            let (lease, together) = tokio::select! {
                () = stop.cancelled() => return,
                next = next => match next {
                    Some(next) => next,
                    None => return,
                },
            };
            if !together.is_empty() {
                // The others go on meanwhile: what hangs here holds up nobody else.
                self.announce(&target, &together).await;
            }
            self.revoke(&target, &lease).await;
        }
    }

    async fn announce(&self, target: &TargetName, leases: &[LeaseId]) {
        let Some(at) = self.targets.get(target) else { return };
        let ended: Vec<(LeaseId, Timestamp)> = {
            let kept = self.shelf().lock();
            let until = |it: &LeaseId| Some((it.clone(), kept.book.get(it)?.until));
            leases.iter().filter_map(until).collect()
        };
        let telling = at.broker.announce(&ended, self.desk().now());
        let told = caught::whole(tokio::time::timeout(ANNOUNCE_WAIT, telling)).await;
        if !matches!(told, Ok(Ok(Ok(())))) {
            // Each is told by itself all the same.
            tracing::warn!(%target, "a target could not be told of many leases at once");
        }
    }

    /// Tells a target that a lease ended, and takes down what it says.
    async fn revoke(&self, target: &TargetName, id: &LeaseId) {
        let Some(at) = self.targets.get(target) else { return };
        let (lease, sealed, open) = {
            let kept = self.shelf().lock();
            let Some(lease) = kept.book.get(id).cloned() else { return };
            (lease, kept.sealed.get(id).cloned(), kept.open.get(id).cloned())
        };
        let unseal = |it: String| self.vault.unseal(id.as_str(), &it.parse()?);
        let event = match sealed.map(unseal) {
            Some(Err::<Secret, bailiwick_connect::VaultError>(_)) => {
                untold("what ending it needs cannot be opened".to_owned(), None)
            }
            keepsake => {
                let ended = EndedLease {
                    lease: id.clone(),
                    called: lease.called.clone(),
                    keepsake: keepsake.and_then(Result::ok).or(open),
                    enforced: lease.enforced,
                    until: lease.until,
                    now: self.desk().now(),
                };
                seam::reach("lease-telling").await;
                let telling = tokio::time::timeout(REVOKE_WAIT, at.broker.revoke(&ended));
                match caught::whole(telling).await {
                    Ok(Ok(Ok(()))) => LeaseEvent::Gone,
                    Ok(Ok(Err(BrokerError::Lasts { why, until, .. }))) => {
                        LeaseEvent::Lasts { why, until }
                    }
                    Ok(Ok(Err(error))) => {
                        let (why, after) = failed(&error);
                        untold(why, after)
                    }
                    Ok(Err(_)) => untold("it did not answer in time".to_owned(), None),
                    Err(broke_off) => untold(broke_off.to_string(), None),
                }
            }
        };
        seam::reach("lease-told").await;
        let now = self.desk().now();
        if let Some(text) = at.broker.noticed() {
            let (code, subject) = ("lease-hits-others".to_owned(), target.to_string());
            let found = Finding { code, text, at: now, task: None, identity: None, subject };
            self.shelf().with(|kept| kept.notice(Box::new(found)));
        }
        if let LeaseEvent::Failed { why, .. } | LeaseEvent::Lasts { why, .. } = &event {
            tracing::warn!(lease = %id, %target, why, "a lease is not known to be gone");
        }
        let gone = event == LeaseEvent::Gone;
        let over = self.shelf().with(|kept| {
            kept.step(id, event, now);
            kept.book.get(id).is_none()
        });
        seam::reach("lease-gone").await;
        meter::lease_told(target, gone);
        if let Some(ended) = lease.ended.filter(|_| over) {
            let took = now.since(ended.at);
            meter::lease_gone(target, took);
            tracing::info!(lease = %id, %target, cause = %ended.cause, ?took, "a lease is gone");
        }
        self.shelf().moved.notify_waiters();
    }

    /// Ends one lease, whatever its task does; none where there is no such lease.
    pub async fn end(&self, id: &LeaseId, wait: Duration) -> Result<Option<Lease>, DeskError> {
        let now = self.desk().now();
        let found = self.shelf().with(|kept| {
            let lease = kept.book.get(id).cloned()?;
            kept.step(id, LeaseEvent::Ends(LeaseCause::Asked), now);
            Some(lease)
        });
        if found.is_some() {
            let over = || self.shelf().lock().book.get(id).is_none();
            self.until(over, wait).await;
        }
        self.lease(id).await
    }

    /// Waits until no lease of these tasks can be alive, `wait` at the longest, and gives all that
    /// they ever had: the proof of what became of each.
    pub async fn settled(&self, tasks: &[TaskId], wait: Duration) -> Result<Vec<Lease>, DeskError> {
        let over = || {
            let kept = self.shelf().lock();
            tasks.iter().all(|it| kept.book.of_task(it).next().is_none())
        };
        self.until(over, wait).await;
        let mut all = Vec::new();
        for task in tasks {
            all.extend(self.of(Some(task), true, usize::MAX).await?);
        }
        Ok(all)
    }

    /// Gives a task and the tasks below it that are at the desk.
    pub fn tasks_below(&self, task: &TaskId) -> Vec<TaskId> {
        self.desk().below(task)
    }

    /// Waits until something is so and written, `wait` at the longest.
    pub(super) async fn until(&self, so: impl Fn() -> bool, wait: Duration) {
        let waiting = async {
            loop {
                let moved = self.shelf().moved.notified();
                tokio::pin!(moved);
                moved.as_mut().enable();
                if so() {
                    break;
                }
                moved.await;
            }
            let (heard, hears) = oneshot::channel();
            let mark = Unwritten { owed: Owed::Mark, on_ledger: false, heard: Some(heard) };
            self.shelf().with(|kept| kept.unwritten.push_back(mark));
            drop(hears.await);
        };
        drop(tokio::time::timeout(wait, waiting).await);
    }

    /// Counts the leases of which something may be alive.
    pub fn open_leases(&self) -> usize {
        self.shelf().lock().book.len()
    }
}

fn untold(why: String, after: Option<Duration>) -> LeaseEvent {
    LeaseEvent::Failed { why, after, jitter: jitter() }
}

/// Says what a broker could not do, and how long its target wants to be left alone.
pub(super) fn failed(error: &BrokerError) -> (String, Option<Duration>) {
    let after = if let BrokerError::Busy { after, .. } = error { *after } else { None };
    (error.to_string(), after)
}

/// Draws a number up to a thousand.
fn jitter() -> u16 {
    let drawn = bailiwick_connect::random_bytes::<2>().map(u16::from_be_bytes);
    drawn.map_or(500, |it| it % 1001)
}
