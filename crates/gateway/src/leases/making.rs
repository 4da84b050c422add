//! Makes credentials: on record first, then at the target, then in the hands of who asked, once.

use std::{
    collections::{BTreeSet, HashMap},
    fmt,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use bailiwick_connect::{BrokerError, Credential, ISSUE_WAIT, Issued, LeaseOrder, Secret};
use bailiwick_kernel::{LeaseEffect, LeaseEvent, PermitError};
use bailiwick_model::{
    CredentialId, DecisionId, EnforcedAs, IdentityId, Lease, LeaseCause, LeaseId, LeaseState,
    Subject, TargetName, TaskId, Timestamp,
};
use tokio::sync::oneshot;

use super::{Leases, Shelf, ending::failed, shelf::Wanted};
use crate::{Clock, caught, meter, seam};

/// How many leases of one task may be alive.
const OF_A_TASK: usize = 256;
/// How many leases may be alive in all.
const IN_ALL: usize = 1_000_000;
/// A credential that ends sooner than this is not handed out once more.
const TOO_SHORT: Duration = Duration::from_secs(30);

/// How many credentials one lease was asked for with at the most: with more it is another lease.
const SHOWN: usize = 256;

/// A credential is wanted, and may be had.
#[derive(Clone, Debug)]
pub(crate) struct Order {
    pub(crate) task: TaskId,
    pub(crate) identity: IdentityId,
    pub(crate) target: TargetName,
    pub(crate) wants: Vec<String>,
    /// By which decision; none of a canary, which nobody asks for.
    pub(crate) decision: Option<DecisionId>,
    /// What whoever asks for it shows.
    pub(crate) shown: BTreeSet<CredentialId>,
    pub(crate) until: Timestamp,
    /// Whether it stays in the gateway.
    pub(crate) enforced: EnforcedAs,
}

impl Order {
    fn wanted(&self) -> Wanted {
        (self.target.clone(), self.wants.clone(), self.enforced)
    }
}

/// A credential in the hands of who asked for it. Where nobody takes it, it ends.
#[derive(Clone)]
pub struct HandedOut {
    /// Its lease, as it stood then.
    pub lease: Lease,
    /// The credential.
    pub credential: Credential,
    claim: Arc<Claim>,
}

impl fmt::Debug for HandedOut {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_tuple("HandedOut").field(&self.lease.id).finish()
    }
}

impl HandedOut {
    /// Notes that who asked has it, or is about to.
    pub fn take(&self) {
        self.claim.taken.store(true, Ordering::Release);
    }
}

/// What was made for somebody, until they have it.
struct Claim {
    shelf: Arc<Shelf>,
    clock: Clock,
    lease: LeaseId,
    taken: AtomicBool,
}

impl Drop for Claim {
    fn drop(&mut self) {
        if !*self.taken.get_mut() {
            let (event, now) = (LeaseEvent::Ends(LeaseCause::Unclaimed), self.clock.now());
            self.shelf.with(|kept| kept.step(&self.lease, event, now));
        }
    }
}

/// A credential was not handed out.
#[derive(Clone, Debug, thiserror::Error)]
pub enum NotHandedOut {
    /// So many are alive that there is no room for more.
    #[error("{0} have live leases already: end some first")]
    TooMany(&'static str),
    /// Nothing is to be made there.
    #[error("`{0}` is contained")]
    Contained(TargetName),
    /// The authority changed meanwhile.
    #[error("the task's authority changed meanwhile: {0}")]
    Withdrawn(#[from] PermitError),
    /// It could not be written down before.
    #[error("it cannot be recorded, so nothing may happen: {0}")]
    Unrecorded(String),
    /// The target did not make it.
    #[error("{0}")]
    NotMade(String),
    /// It ended while it was made.
    #[error("it ended while it was made")]
    Ended,
}

type Waiter = oneshot::Sender<Result<HandedOut, NotHandedOut>>;

/// Who waits for what is being made.
#[derive(Debug, Default)]
pub(super) struct Making(Mutex<Made>);

/// By what is wanted: the lease that is being made of it, and who waits.
type Made = HashMap<(TaskId, Wanted), (LeaseId, Vec<Waiter>)>;

impl Making {
    fn lock(&self) -> std::sync::MutexGuard<'_, Made> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What becomes of an order, before anybody waits.
enum Begun {
    Ready(Box<(Lease, Credential)>),
    Ordered(LeaseId, oneshot::Receiver<Result<(), String>>),
}

impl Leases {
    /// Hands out a credential: the one that this task has already, or a new one. `still` says whether
    /// it may be had still, asked in the moment in which nothing can end in between.
    pub(crate) async fn hand_out(
        self: &Arc<Self>,
        order: Order,
        still: impl FnOnce() -> Result<(), PermitError> + Send,
    ) -> Result<HandedOut, NotHandedOut> {
        if !self.targets.contains_key(&order.target) {
            return Err(NotHandedOut::NotMade(no_target(&order.target)));
        }
        let key = (order.task.clone(), order.wanted());
        let (waiter, hears) = oneshot::channel();
        {
            // Who asks for what is being made waits with the others.
            let mut making = self.making.lock();
            if let Some((lease, others)) = making.get_mut(&key) {
                self.join(&order, lease, still)?;
                others.push(waiter);
            } else {
                match self.begin(&order, still)? {
                    Begun::Ready(ready) => {
                        let (lease, credential) = *ready;
                        let handed = self.handed(lease, credential);
                        handed.take();
                        return Ok(handed);
                    }
                    Begun::Ordered(lease, recorded) => {
                        making.insert(key.clone(), (lease.clone(), vec![waiter]));
                        let engine = Arc::clone(self);
                        tokio::spawn(async move { engine.make(order, lease, recorded, key).await });
                    }
                }
            }
        }
        hears.await.unwrap_or_else(|_| Err(NotHandedOut::NotMade("it broke off".to_owned())))
    }

    /// Says whether an order may be carried out still, in the step in which it is. A target is contained
    /// under its own name, whatever the server is called whose calls bear its credentials.
    fn may(
        &self,
        order: &Order,
        still: impl FnOnce() -> Result<(), PermitError>,
    ) -> Result<(), NotHandedOut> {
        still()?;
        if self.is_contained(&order.target) {
            return Err(NotHandedOut::Contained(order.target.clone()));
        }
        Ok(())
    }

    /// Says whether a target is contained.
    pub(super) fn is_contained(&self, target: &TargetName) -> bool {
        let named = target.as_str().parse().map(Subject::Server);
        named.is_ok_and(|it| self.desk().snapshot().contained.contains(&it))
    }

    /// Adds what one more who waits shows to the lease that is being made: if that is contained, the
    /// lease ends.
    fn join(
        &self,
        order: &Order,
        lease: &LeaseId,
        still: impl FnOnce() -> Result<(), PermitError>,
    ) -> Result<(), NotHandedOut> {
        let now = self.desk().now();
        self.shelf().with(|kept| {
            self.may(order, still)?;
            kept.step(lease, LeaseEvent::Used { shown: order.shown.clone() }, now);
            Ok(())
        })
    }

    /// Takes what there is, or puts a new lease on the shelf. All of it is one step to whoever ends
    /// the task: they come before it, and `still` says no, or after it, and find the lease.
    fn begin(
        &self,
        order: &Order,
        still: impl FnOnce() -> Result<(), PermitError>,
    ) -> Result<Begun, NotHandedOut> {
        let now = self.desk().now();
        let id = LeaseId::new(self.desk().ulid());
        self.shelf().with(|kept| {
            self.may(order, still)?;
            let wanted = order.wanted();
            let least = now.after(TOO_SHORT).min(order.until);
            let ready = kept.ready(&order.task, &wanted, (now, least));
            if let Some((mut lease, credential)) = ready.filter(|it| it.0.shown.len() < SHOWN) {
                let shown = order.shown.clone();
                kept.step(&lease.id, LeaseEvent::Used { shown }, now);
                lease.used = Some(now);
                return Ok(Begun::Ready(Box::new((lease, credential))));
            }
            if OF_A_TASK <= kept.book.of_task(&order.task).count() {
                return Err(NotHandedOut::TooMany("256 of this task"));
            }
            if IN_ALL <= kept.book.len() {
                return Err(NotHandedOut::TooMany("a million of all tasks"));
            }
            let lease = Lease {
                id: id.clone(),
                task: order.task.clone(),
                identity: order.identity.clone(),
                target: order.target.clone(),
                wants: order.wants.clone(),
                decision: order.decision.clone(),
                shown: order.shown.clone(),
                enforced: order.enforced,
                state: LeaseState::Minting,
                called: None,
                until: order.until,
                opened: now,
                issued: None,
                used: None,
                ended: None,
                gone: None,
                tries: 0,
                why: String::new(),
            };
            let LeaseEffect::Write(lease) = kept.book.order(lease) else {
                return Err(NotHandedOut::Ended);
            };
            Ok(Begun::Ordered(id.clone(), kept.write(lease, now)))
        })
    }

    fn handed(&self, lease: Lease, credential: Credential) -> HandedOut {
        let claim = Claim {
            shelf: Arc::clone(self.shelf()),
            clock: self.desk().clock(),
            lease: lease.id.clone(),
            taken: AtomicBool::new(false),
        };
        HandedOut { lease, credential, claim: Arc::new(claim) }
    }

    /// Makes what was ordered and hands it to everybody who waits for it.
    async fn make(
        self: Arc<Self>,
        order: Order,
        id: LeaseId,
        recorded: oneshot::Receiver<Result<(), String>>,
        key: (TaskId, Wanted),
    ) {
        let made =
            caught::whole(self.made(&order, &id, recorded)).await.unwrap_or_else(|broke_off| {
                let (why, now) = (broke_off.to_string(), self.desk().now());
                self.shelf().with(|kept| kept.step(&id, LeaseEvent::Unheard { why }, now));
                Err(NotHandedOut::NotMade(broke_off.to_string()))
            });
        let waiters = self.making.lock().remove(&key).map(|it| it.1).unwrap_or_default();
        meter::lease_made(&order.target, made.is_ok());
        if let Err(error) = &made {
            tracing::warn!(lease = %id, target = %order.target, %error, "a credential was not handed out");
        }
        for waiter in waiters {
            drop(waiter.send(made.clone()));
        }
        // What nobody took by now, or takes later, ends by itself: the last claim on it is dropped.
    }

    async fn made(
        &self,
        order: &Order,
        id: &LeaseId,
        recorded: oneshot::Receiver<Result<(), String>>,
    ) -> Result<HandedOut, NotHandedOut> {
        let not_made = |why: String| {
            let (event, now) = (LeaseEvent::NotIssued { why }, self.desk().now());
            self.shelf().with(|kept| kept.step(id, event, now));
        };
        seam::reach("lease-ordered").await;
        if let Err(why) = recorded.await.unwrap_or_else(|_| Err("nobody writes".to_owned())) {
            not_made(why.clone());
            return Err(NotHandedOut::Unrecorded(why));
        }
        seam::reach("lease-recorded").await;
        let issued = match self.issued(order, id).await {
            Ok(issued) => issued,
            Err(Unmade::Surely(why)) => {
                not_made(why.clone());
                return Err(NotHandedOut::NotMade(why));
            }
            Err(Unmade::Perhaps(why)) => {
                let (event, now) = (LeaseEvent::Unheard { why: why.clone() }, self.desk().now());
                self.shelf().with(|kept| kept.step(id, event, now));
                return Err(NotHandedOut::NotMade(why));
            }
        };
        seam::reach("lease-made").await;
        let kept = self.keep(id, issued).await;
        seam::reach("lease-kept").await;
        kept
    }

    /// Keeps what was made, on disk before anybody has it.
    async fn keep(&self, id: &LeaseId, issued: Issued) -> Result<HandedOut, NotHandedOut> {
        let Issued { credential, called, until, keepsake, mut unfit } = issued;
        let seal = |it: &Secret| self.vault.seal(id.as_str(), it.expose().as_bytes());
        let sealed = keepsake.as_ref().map(seal).transpose();
        if let Err(error) = &sealed {
            tracing::error!(lease = %id, %error, "what ending a lease needs cannot be sealed");
            unfit = Some("what ending it needs cannot be sealed".to_owned());
        }
        let now = self.desk().now();
        let (lease, recorded) = self.shelf().with(|kept| {
            if let Ok(Some(sealed)) = &sealed {
                kept.sealed.insert(id.clone(), sealed.as_str().to_owned());
            } else if let Some(keepsake) = keepsake {
                kept.open.insert(id.clone(), keepsake);
            }
            let effects = kept.book.step(id, LeaseEvent::Issued { called, until }, now);
            let writes = effects.into_iter().filter_map(|effect| match effect {
                LeaseEffect::Write(lease) => Some(lease),
                LeaseEffect::Tell(..) | LeaseEffect::Noticed(_) => None,
            });
            let mut recorded = None;
            for lease in writes {
                recorded = Some(kept.write(lease, now));
            }
            if let Some(why) = unfit.clone() {
                kept.step(id, LeaseEvent::NotIssued { why }, now);
            }
            (kept.book.get(id).cloned(), recorded)
        });
        if let Some(why) = unfit {
            return Err(NotHandedOut::NotMade(why));
        }
        let (Some(lease), Some(recorded)) = (lease, recorded) else {
            return Err(NotHandedOut::Ended);
        };
        let handed = self.handed(lease, credential);
        if let Err(why) = recorded.await.unwrap_or_else(|_| Err("nobody writes".to_owned())) {
            // Dropping it ends it.
            return Err(NotHandedOut::Unrecorded(why));
        }
        let counts = self.shelf().with(|kept| {
            let counts = kept.book.get(id).is_some_and(|it| it.state == LeaseState::Active);
            if counts {
                kept.step(id, LeaseEvent::Used { shown: BTreeSet::new() }, now);
                kept.keep_ready(&handed.lease, handed.credential.clone());
            }
            counts
        });
        if counts { Ok(handed) } else { Err(NotHandedOut::Ended) }
    }

    /// Asks the target, when it is this one's turn.
    async fn issued(&self, order: &Order, id: &LeaseId) -> Result<Issued, Unmade> {
        let gone = || Unmade::Surely(no_target(&order.target));
        let target = self.targets.get(&order.target).ok_or_else(gone)?;
        let turn = tokio::time::timeout(ISSUE_WAIT, Arc::clone(&target.issuing).acquire_owned());
        let Ok(Ok(_turn)) = turn.await else {
            return Err(Unmade::Surely(format!("`{}` has more to do than it can", order.target)));
        };
        let ended = self.shelf().lock().book.get(id).is_none_or(Lease::has_ended);
        if ended {
            return Err(Unmade::Surely("it ended before its target was asked".to_owned()));
        }
        let asked = LeaseOrder {
            lease: id.clone(),
            task: order.task.clone(),
            identity: order.identity.clone(),
            on_behalf: self.desk().task(&order.task).and_then(|it| it.on_behalf),
            wants: order.wants.clone(),
            until: order.until,
            now: self.desk().now(),
        };
        let asking = tokio::time::timeout(ISSUE_WAIT, target.broker.issue(&asked));
        match asking.await {
            Ok(Ok(issued)) => Ok(issued),
            Ok(Err(error)) => Err(Unmade::of(&error)),
            Err(_) => Err(Unmade::Perhaps(format!("`{}` did not answer in time", order.target))),
        }
    }
}

fn no_target(target: &TargetName) -> String {
    format!("there is no target `{target}`")
}

/// Why nothing was made, as far as is known.
enum Unmade {
    Surely(String),
    Perhaps(String),
}

impl Unmade {
    fn of(error: &BrokerError) -> Self {
        let (why, _) = failed(error);
        let surely = matches!(
            error,
            BrokerError::Busy { .. } | BrokerError::Refused { .. } | BrokerError::Unfit { .. }
        );
        if surely { Self::Surely(why) } else { Self::Perhaps(why) }
    }
}
