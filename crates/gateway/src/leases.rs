//! The lease engine: credentials at other systems, handed out by decision and ended with their task.
//!
//! A lease is on disk before its target is asked. What ends is told to its target until the target
//! says that it is gone, however long that takes and whatever is started anew meanwhile (law 5).

mod asked;
mod canary;
mod clerk;
mod ending;
mod kept;
mod making;
mod over;
mod shelf;
mod sweep;
#[cfg(test)]
mod tests;

use std::{
    collections::BTreeMap,
    fmt,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use bailiwick_connect::{Broker, EnforcedAs, Vault};
use bailiwick_model::{Environment, LeaseId, Reach, Sensitivity, TargetName};
use tokio::{
    sync::{Semaphore, mpsc},
    task::JoinSet,
};
use tokio_util::sync::CancellationToken;

pub use asked::{LeaseAnswered, LeaseAsker, LeaseWish};
pub use canary::{Canary, CanarySpec, Failing};
pub use kept::KeptSecret;
pub(crate) use making::Order;
pub use making::{HandedOut, NotHandedOut};
pub(crate) use shelf::Shelf;

use crate::{Desk, Lane};

/// One target: a system that credentials are made at.
#[derive(Debug)]
pub struct TargetSpec {
    /// Who makes its credentials.
    pub broker: Arc<dyn Broker>,
    /// Where it runs.
    pub environment: Environment,
    /// How sensitive what its credentials open is.
    pub sensitivity: Sensitivity,
    /// How far what is done with them reaches.
    pub reach: Reach,
    /// How many leases are made, and how many ended, at once.
    pub at_once: usize,
    /// How often it is looked at for what should be gone.
    pub sweep: Duration,
    /// Whether it is tried on a schedule, and how.
    pub canary: Option<CanarySpec>,
}

/// What an engine is made of.
#[derive(Debug)]
pub struct LeasesParts {
    /// Where handing out is decided.
    pub lane: Arc<Lane>,
    /// Where credentials are made.
    pub targets: Vec<TargetSpec>,
    /// Seals what ending a lease needs, before it is written.
    pub vault: Arc<Vault>,
}

/// The lease engine.
pub struct Leases {
    lane: Arc<Lane>,
    targets: BTreeMap<TargetName, Target>,
    vault: Arc<Vault>,
    making: making::Making,
    canaries: canary::Canaries,
}

/// A target and its lines.
struct Target {
    broker: Arc<dyn Broker>,
    environment: Environment,
    sensitivity: Sensitivity,
    reach: Reach,
    at_once: usize,
    sweep: Duration,
    issuing: Arc<Semaphore>,
    line: mpsc::UnboundedSender<LeaseId>,
    /// Taken by those who work it off.
    lined: Mutex<Option<mpsc::UnboundedReceiver<LeaseId>>>,
}

impl fmt::Debug for Leases {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_tuple("Leases").field(&self.targets.keys().collect::<Vec<_>>()).finish()
    }
}

impl Leases {
    /// Makes the engine. What another process left is taken up already; [`Leases::run`] works on it.
    pub fn new(parts: LeasesParts) -> Arc<Self> {
        let LeasesParts { lane, targets, vault } = parts;
        let canary = |it: &TargetSpec| Some((it.broker.target().clone(), it.canary.clone()?));
        let canaries = canary::Canaries::of(targets.iter().filter_map(canary));
        let target = |spec: TargetSpec| {
            let TargetSpec { broker, environment, sensitivity, reach, at_once, sweep, .. } = spec;
            let (line, lined) = mpsc::unbounded_channel();
            let at_once = at_once.max(1);
            let issuing = Arc::new(Semaphore::new(at_once));
            let name = broker.target().clone();
            let lined = Mutex::new(Some(lined));
            let target = Target {
                broker,
                environment,
                sensitivity,
                reach,
                at_once,
                sweep,
                issuing,
                line,
                lined,
            };
            (name, target)
        };
        let targets = targets.into_iter().map(target).collect();
        let making = making::Making::default();
        let engine = Arc::new(Self { lane, targets, vault, making, canaries });
        engine.lane.upstreams().lend_from(&engine);
        engine
    }

    /// Works until told to stop: lets time pass, ends what is to end, writes it down, and looks at
    /// targets for what should be gone.
    pub async fn run(self: Arc<Self>, stop: CancellationToken) {
        let mut running = JoinSet::new();
        for (name, target) in &self.targets {
            let lined = target.lined.lock().unwrap_or_else(PoisonError::into_inner).take();
            let Some(lined) = lined else { continue };
            let lined = Arc::new(tokio::sync::Mutex::new(ending::Line::of(lined)));
            for _ in 0..target.at_once {
                let engine = Arc::clone(&self);
                running.spawn(engine.work(name.clone(), Arc::clone(&lined), stop.clone()));
            }
            running.spawn(Arc::clone(&self).sweep(name.clone(), stop.clone()));
            running.spawn(Arc::clone(&self).send_canaries(name.clone(), stop.clone()));
        }
        let (writes, engine) = (CancellationToken::new(), Arc::clone(&self));
        let until = writes.clone();
        let writing = tokio::spawn(async move { engine.write(until).await });
        self.pass(stop.clone()).await;
        // What is under way at targets is taken up by the next start: it is on record.
        running.shutdown().await;
        writes.cancel();
        drop(writing.await);
    }

    /// Names the targets, with how far what they hand out can be kept within bounds.
    pub fn targets(&self) -> impl Iterator<Item = (&TargetName, EnforcedAs)> {
        self.targets.iter().map(|(name, it)| (name, it.broker.reach()))
    }

    /// Gives the desk.
    pub fn desk(&self) -> &Arc<Desk> {
        self.lane.desk()
    }

    fn shelf(&self) -> &Arc<Shelf> {
        self.desk().shelf()
    }
}
