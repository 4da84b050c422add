//! Canaries: on a schedule a target makes a credential that nobody gets, and ends it again.
//!
//! A target that fails quietly is found out before a task needs it. Such a lease is like every other: on
//! record before its target is asked, told to be gone until it is, and never made at what is contained.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use bailiwick_kernel::LeaseEvent;
use bailiwick_model::{
    EnforcedAs, IdentityId, Lease, LeaseCause, TargetName, TaskId, Timestamp, format_span,
};
use serde::{Deserialize, Serialize};
use tokio_util::sync::CancellationToken;

use super::{Leases, NotHandedOut, Order};
use crate::meter;

/// How long its credential may live: as long as the shortest-lived that targets make.
const LIFE: Duration = Duration::from_secs(15 * 60);
/// How often the clock is looked at: one that jumps makes nobody wait for a day.
const LOOK: Duration = Duration::from_secs(60);

/// How a target is proven.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CanarySpec {
    /// How often.
    pub every: Duration,
    /// What is wanted of it.
    pub wants: Vec<String>,
    /// How long the target may take to say that it is gone.
    pub patience: Duration,
}

/// What is known of a target by its canary.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Canary {
    /// How often it is sent, as the configuration says it.
    pub every: String,
    /// When the target last made a credential and ended it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub proven: Option<Timestamp>,
    /// What went wrong since.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub failing: Option<Failing>,
}

/// What goes wrong with a target.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Failing {
    /// Since when.
    pub since: Timestamp,
    /// How often by now.
    pub times: u32,
    /// What was seen last.
    pub why: String,
}

/// What is known of every target that has a canary.
#[derive(Debug, Default)]
pub(super) struct Canaries(Mutex<BTreeMap<TargetName, Known>>);

#[derive(Debug)]
struct Known {
    spec: CanarySpec,
    canary: Canary,
    due: Timestamp,
}

impl Canaries {
    /// Begins with nothing proven, and all of it due.
    pub(super) fn of(specs: impl Iterator<Item = (TargetName, CanarySpec)>) -> Self {
        let known = |(target, spec): (TargetName, CanarySpec)| {
            let canary = Canary { every: format_span(spec.every), proven: None, failing: None };
            (target, Known { spec, canary, due: Timestamp::from_millis(0) })
        };
        Self(Mutex::new(specs.map(known).collect()))
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<TargetName, Known>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes down what came of one. Says what is to be told, where a target begins to fail.
    fn came(
        &self,
        target: &TargetName,
        came: Result<(), String>,
        now: Timestamp,
    ) -> Option<String> {
        let mut all = self.lock();
        let known = all.get_mut(target)?;
        known.due = now.after(known.spec.every);
        let canary = &mut known.canary;
        match (came, &mut canary.failing) {
            (Ok(()), failing) => {
                *failing = None;
                canary.proven = Some(now);
                None
            }
            (Err(why), Some(failing)) => {
                failing.times = failing.times.saturating_add(1);
                failing.why = why;
                None
            }
            (Err(why), failing @ None) => {
                let text = format!("the canary of `{target}` fails: {why}");
                *failing = Some(Failing { since: now, times: 1, why });
                Some(text)
            }
        }
    }
}

impl Leases {
    /// Tells what is known of each target by its canary, where it has one.
    pub fn canaries(&self) -> BTreeMap<TargetName, Canary> {
        let all = self.canaries.lock();
        all.iter().map(|(target, it)| (target.clone(), it.canary.clone())).collect()
    }

    /// Sends canaries to one target until told to stop.
    pub(super) async fn send_canaries(
        self: Arc<Self>,
        target: TargetName,
        stop: CancellationToken,
    ) {
        while let Some(pause) = self.canary_due(&target).await {
            tokio::select! {
                () = stop.cancelled() => return,
                () = tokio::time::sleep(pause.min(LOOK)) => {}
            }
        }
    }

    /// Sends one where it is due, and says how long it is until the next; none where there is no canary.
    pub(super) async fn canary_due(self: &Arc<Self>, target: &TargetName) -> Option<Duration> {
        let now = self.desk().now();
        let (spec, due) = {
            let all = self.canaries.lock();
            let known = all.get(target)?;
            (known.spec.clone(), known.due)
        };
        if now < due {
            return Some(due.since(now));
        }
        let came = match self.prove(target, &spec).await {
            Err(Unproven::Contained) => return Some(spec.every),
            Err(Unproven::Failed(why)) => Err(why),
            Ok(()) => Ok(()),
        };
        meter::canary(target, came.is_ok());
        if let Err(why) = &came {
            tracing::warn!(%target, why, "a canary fails");
        }
        if let Some(text) = self.canaries.came(target, came, self.desk().now())
            && let Err(error) = self.desk().notice("canary-failed", text, target.as_str()).await
        {
            tracing::error!(%target, %error, "that a canary fails could not be recorded");
        }
        Some(spec.every)
    }

    async fn prove(
        self: &Arc<Self>,
        target: &TargetName,
        spec: &CanarySpec,
    ) -> Result<(), Unproven> {
        if self.is_contained(target) {
            return Err(Unproven::Contained);
        }
        // What a target does not end would pile up there, one for each time that it is due.
        if let Some(earlier) = self.earlier(target) {
            let gone = || self.shelf().lock().book.get(&earlier.id).is_none();
            self.until(gone, spec.patience).await;
        }
        if let Some(earlier) = self.earlier(target) {
            let why = why(&earlier);
            let text = format!("none is made while an earlier one is not known to be gone: {why}");
            return Err(Unproven::Failed(text));
        }
        let order = Order {
            task: TaskId::new(self.desk().ulid()),
            identity: IdentityId::canary(),
            target: target.clone(),
            wants: spec.wants.clone(),
            decision: None,
            shown: BTreeSet::new(),
            until: self.desk().now().after(LIFE),
            enforced: self.targets.get(target).map_or(EnforcedAs::Session, |it| it.broker.reach()),
        };
        let handed = self.hand_out(order, || Ok(())).await.map_err(Unproven::of)?;
        let id = handed.lease.id.clone();
        let now = self.desk().now();
        self.shelf().with(|kept| kept.step(&id, LeaseEvent::Ends(LeaseCause::Canary), now));
        // Nobody gets it: it is gone from memory here, and at its target a moment later.
        handed.take();
        drop(handed);
        self.until(|| self.shelf().lock().book.get(&id).is_none(), spec.patience).await;
        match self.shelf().lock().book.get(&id) {
            None => Ok(()),
            Some(lease) => {
                let text = format!("what it made is not known to be gone: {}", why(lease));
                Err(Unproven::Failed(text))
            }
        }
    }

    /// Gives a canary of this target that may be alive still, if there is one.
    fn earlier(&self, target: &TargetName) -> Option<Lease> {
        let (kept, ours) = (self.shelf().lock(), IdentityId::canary());
        kept.book.iter().find(|it| it.identity == ours && it.target == *target).cloned()
    }
}

fn why(lease: &Lease) -> &str {
    if lease.why.is_empty() { "it does not say why" } else { &lease.why }
}

/// Why a target is not proven.
enum Unproven {
    /// Nothing may be made there, which is no fault of its.
    Contained,
    Failed(String),
}

impl Unproven {
    fn of(error: NotHandedOut) -> Self {
        match error {
            NotHandedOut::Contained(_) => Self::Contained,
            NotHandedOut::Ended => Self::Failed("it was ended by somebody else".to_owned()),
            other @ (NotHandedOut::TooMany(_)
            | NotHandedOut::Withdrawn(_)
            | NotHandedOut::Unrecorded(_)
            | NotHandedOut::NotMade(_)) => Self::Failed(other.to_string()),
        }
    }
}
