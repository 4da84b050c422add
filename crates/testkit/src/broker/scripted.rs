//! A target in memory, which is away, late, busy or lying as a test wants it.

use std::{
    collections::{BTreeMap, VecDeque},
    fmt,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::Duration,
};

use bailiwick_connect::{
    Attempt, Broker, BrokerError, Credential, EndedLease, EnforcedAs, Field, Issued, LeaseOrder,
    Secret,
};
use bailiwick_model::{LeaseId, TargetName, Timestamp};

use super::{Limit, Stay, Trial, Waited};

/// What goes wrong with one thing that the target is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Trouble {
    /// It is not reached.
    Away,
    /// It is not reached in time, and does it all the same.
    DoesItUnheard,
    /// It is not reached in time, and does it when somebody lets it, later.
    DoesItLater,
    /// It wants to be left alone.
    Busy,
    /// It says no.
    Refuses,
    /// It never answers.
    Hangs,
    /// It says that it did it, and did not.
    Lies,
    /// It breaks off.
    Panics,
    /// It makes what nobody may have.
    Misfits,
    /// It does it, and calls it by another lease's name.
    NamesAnother,
}

/// A target in memory. Clones share it; it outlives whoever asks it.
#[derive(Clone)]
pub struct ScriptedTarget {
    name: TargetName,
    inside: Arc<Inside>,
}

#[derive(Default)]
struct Inside {
    /// What there is, by lease, and its password.
    live: Mutex<BTreeMap<LeaseId, String>>,
    /// What will be there later.
    later: Mutex<BTreeMap<LeaseId, String>>,
    script: Mutex<VecDeque<Trouble>>,
    away: AtomicBool,
    deaf: AtomicBool,
    made: AtomicU64,
    /// How many are being ended at this moment, and how many were at the most.
    at_once: AtomicU64,
    most: AtomicU64,
}

impl fmt::Debug for ScriptedTarget {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "ScriptedTarget({})", self.name)
    }
}

fn locked<T>(it: &Mutex<T>) -> MutexGuard<'_, T> {
    it.lock().unwrap_or_else(PoisonError::into_inner)
}

impl ScriptedTarget {
    /// Makes a target where nothing is yet and nothing goes wrong.
    pub fn new(name: &str) -> Self {
        Self { name: name.parse().expect("a target's name"), inside: Arc::default() }
    }

    /// Says what goes wrong next, one after the other; after that nothing does.
    pub fn goes_wrong(&self, troubles: impl IntoIterator<Item = Trouble>) {
        locked(&self.inside.script).extend(troubles);
    }

    /// Takes it away, or brings it back.
    pub fn set_away(&self, away: bool) {
        self.inside.away.store(away, Ordering::SeqCst);
    }

    /// Has it never come to the end of hearing of many ends at once, or do so again.
    pub fn set_deaf(&self, deaf: bool) {
        self.inside.deaf.store(deaf, Ordering::SeqCst);
    }

    /// Says that nothing goes wrong any more, and does what was put off.
    pub fn comes_round(&self) {
        locked(&self.inside.script).clear();
        self.set_away(false);
        let later = std::mem::take(&mut *locked(&self.inside.later));
        locked(&self.inside.live).extend(later);
    }

    /// Gives the leases that something is there of.
    pub fn live(&self) -> Vec<LeaseId> {
        locked(&self.inside.live).keys().cloned().collect()
    }

    /// Says how many credentials were ever made.
    pub fn made(&self) -> u64 {
        self.inside.made.load(Ordering::SeqCst)
    }

    /// Says how many were being ended at once, at the most.
    pub fn most_at_once(&self) -> u64 {
        self.inside.most.load(Ordering::SeqCst)
    }

    /// Says whether a credential counts.
    pub fn lets_in(&self, credential: &Credential) -> bool {
        let mut fields = credential.fields();
        let named = fields.find_map(|(name, field)| match field {
            Field::Plain(text) if name == "user" => Some(text.clone()),
            Field::Plain(_) | Field::Secret(_) => None,
        });
        let secret = credential.secrets().next().map(Secret::expose);
        let live = locked(&self.inside.live);
        let there = named.and_then(|name| {
            live.iter().find(|(lease, _)| called(lease) == name).map(|(_, secret)| secret)
        });
        !self.inside.away.load(Ordering::SeqCst)
            && there.is_some_and(|it| Some(it.as_str()) == secret)
    }

    fn trouble(&self) -> Option<Trouble> {
        let next = locked(&self.inside.script).pop_front();
        next.or_else(|| self.inside.away.load(Ordering::SeqCst).then_some(Trouble::Away))
    }

    fn is_away(&self) -> BrokerError {
        BrokerError::Away { target: self.name.clone(), why: "it is told to be away".to_owned() }
    }

    async fn meets(&self, trouble: Trouble) -> BrokerError {
        match trouble {
            Trouble::Busy => BrokerError::Busy {
                target: self.name.clone(),
                why: "it is told to be busy".to_owned(),
                after: Some(Duration::from_secs(2)),
            },
            Trouble::Refuses => BrokerError::Refused {
                target: self.name.clone(),
                why: "it is told to refuse".to_owned(),
            },
            Trouble::Hangs => std::future::pending().await,
            Trouble::Panics => panic!("it is told to break off"),
            Trouble::Away
            | Trouble::DoesItUnheard
            | Trouble::DoesItLater
            | Trouble::Lies
            | Trouble::Misfits
            | Trouble::NamesAnother => self.is_away(),
        }
    }

    async fn make(&self, order: &LeaseOrder) -> Result<Issued, BrokerError> {
        tokio::task::yield_now().await;
        if let Some(unfit) = order.wants.iter().find(|it| it.starts_with("no-")) {
            return Err(BrokerError::Unfit {
                target: self.name.clone(),
                wanted: unfit.clone(),
                why: "there is no such group".to_owned(),
            });
        }
        let count = self.inside.made.fetch_add(1, Ordering::SeqCst);
        let secret = format!("secret-{count}-of-{}", order.lease);
        let trouble = self.trouble();
        if trouble == Some(Trouble::DoesItLater) {
            locked(&self.inside.later).insert(order.lease.clone(), secret.clone());
        }
        let does = [Trouble::DoesItUnheard, Trouble::Misfits, Trouble::NamesAnother];
        if trouble.is_none_or(|it| does.contains(&it)) {
            locked(&self.inside.live).insert(order.lease.clone(), secret.clone());
        }
        match trouble {
            None | Some(Trouble::Lies | Trouble::Misfits | Trouble::NamesAnother) => {}
            Some(trouble) => return Err(self.meets(trouble).await),
        }
        let another = "lease_00000000000000000000000000".to_owned();
        let named = trouble == Some(Trouble::NamesAnother);
        let credential = Credential::default()
            .with("user", called(&order.lease))
            .with_secret("password", Secret::new(secret));
        Ok(Issued {
            credential,
            called: if named { another } else { called(&order.lease) },
            until: order.until,
            keepsake: Some(Secret::new(format!("keepsake-{count}-of-{}", order.lease))),
            unfit: (trouble == Some(Trouble::Misfits)).then(|| "it is told to misfit".to_owned()),
        })
    }

    async fn end(&self, ended: &EndedLease) -> Result<(), BrokerError> {
        let now = self.inside.at_once.fetch_add(1, Ordering::SeqCst).saturating_add(1);
        self.inside.most.fetch_max(now, Ordering::SeqCst);
        let _over = Over(&self.inside.at_once);
        tokio::task::yield_now().await;
        if let (Some(keepsake), Some(name)) = (&ended.keepsake, &ended.called) {
            assert!(keepsake.expose().ends_with(ended.lease.as_str()), "another lease's keepsake");
            // Unless that is what it was told itself.
            let other = name.starts_with("lease_0000000000");
            assert!(other || *name == called(&ended.lease), "another lease's name");
        }
        let trouble = self.trouble();
        if matches!(trouble, None | Some(Trouble::DoesItUnheard | Trouble::NamesAnother)) {
            locked(&self.inside.live).remove(&ended.lease);
        }
        match trouble {
            None | Some(Trouble::Lies | Trouble::NamesAnother) => Ok(()),
            Some(trouble) => Err(self.meets(trouble).await),
        }
    }
}

struct Over<'a>(&'a AtomicU64);

impl Drop for Over<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::SeqCst);
    }
}

fn called(lease: &LeaseId) -> String {
    lease.as_str().to_lowercase()
}

impl Broker for ScriptedTarget {
    fn target(&self) -> &TargetName {
        &self.name
    }

    fn reach(&self) -> EnforcedAs {
        EnforcedAs::Session
    }

    fn issue<'a>(&'a self, order: &'a LeaseOrder) -> Attempt<'a, Issued> {
        Box::pin(self.make(order))
    }

    fn revoke<'a>(&'a self, ended: &'a EndedLease) -> Attempt<'a, ()> {
        Box::pin(self.end(ended))
    }

    fn announce<'a>(&'a self, _: &'a [(LeaseId, Timestamp)], _: Timestamp) -> Attempt<'a, ()> {
        Box::pin(async {
            if self.inside.deaf.load(Ordering::SeqCst) {
                std::future::pending().await
            } else {
                Ok(())
            }
        })
    }

    fn found(&self) -> Attempt<'_, Vec<LeaseId>> {
        Box::pin(async {
            if self.inside.away.load(Ordering::SeqCst) {
                Err(self.is_away())
            } else {
                Ok(self.live())
            }
        })
    }
}

struct Staying(ScriptedTarget, Credential);

impl Stay for Staying {
    fn goes_on(&mut self) -> Waited<'_, bool> {
        Box::pin(async { self.0.lets_in(&self.1) })
    }
}

impl Trial for ScriptedTarget {
    fn broker(&self) -> &dyn Broker {
        self
    }

    fn limits(&self) -> &'static [Limit] {
        &[Limit::NoEndOfItsOwn]
    }

    fn wants(&self) -> Vec<String> {
        vec!["readers".to_owned()]
    }

    fn unfit(&self) -> Option<String> {
        Some("no-such-group".to_owned())
    }

    fn now(&self) -> Timestamp {
        Timestamp::from_millis(1_800_000_000_000)
    }

    fn is_let_in<'a>(&'a self, credential: &'a Credential) -> Waited<'a, bool> {
        Box::pin(async { self.lets_in(credential) })
    }

    fn stays<'a>(&'a self, credential: &'a Credential) -> Waited<'a, Option<Box<dyn Stay>>> {
        Box::pin(async {
            let stays: Box<dyn Stay> = Box::new(Staying(self.clone(), credential.clone()));
            Some(stays)
        })
    }

    fn away(&self, away: bool) -> Waited<'_, ()> {
        self.set_away(away);
        Box::pin(async {})
    }

    fn late(&self, _: Timestamp) -> Waited<'_, ()> {
        Box::pin(async {})
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_target_where_nothing_goes_wrong_conforms() {
        crate::broker::conforms(&ScriptedTarget::new("orders-db")).await;
    }

    #[tokio::test(start_paused = true)]
    #[should_panic(expected = "what was revoked still counts")]
    async fn a_target_that_lies_does_not() {
        let target = ScriptedTarget::new("orders-db");
        let order = crate::broker::order(&target, 1);
        let issued = target.make(&order).await.expect("it is made");
        target.goes_wrong([Trouble::Lies]);
        let ended = crate::broker::ended(&target, &order, Some(&issued));
        target.end(&ended).await.expect("it says so");
        assert!(!target.lets_in(&issued.credential), "what was revoked still counts");
    }
}
