//! Law 5, all of it: real ledger, real registry, a target that fails in every way, and a process that
//! dies at any point. Nothing is forgotten, and nothing is alive at the end.

mod canary;
mod ends;
mod handed;
mod lives;
mod over;
mod several;
mod steps;
mod storm;

use std::{collections::BTreeSet, path::Path, sync::Arc, time::Duration};

use bailiwick_connect::{EvidenceKey, KekSource, Vault};
use bailiwick_model::{
    AllowLine, Caller, EndCause, Environment, Lease, LeaseCause, LeaseId, LeaseState, OpenRequest,
    Opener, Reach, Sensitivity, Subject, Surface, Task, TaskId, Timestamp,
};
use bailiwick_store::{
    Change, CheckpointKey, Folding, KeptLease, LeaseFilter, Ledger, LedgerOptions, Registry,
};
use bailiwick_testkit::{
    broker::{ScriptedTarget, Trouble},
    build,
};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use super::{LeaseAnswered, LeaseAsker, LeaseWish, Leases, LeasesParts, TargetSpec};
use crate::{
    Active, Clock, Desk, DeskParts, Evidence, Hand, HandedOut, Keep, Lane, Room, Upstreams,
};

const START: i64 = 1_800_000_000_000;

/// A governor with an engine and nothing else, over a state on disk.
struct House {
    engine: Arc<Leases>,
    hand: Hand,
    stop: CancellationToken,
    running: JoinHandle<()>,
}

fn line(target: &str, wants: &[&str]) -> AllowLine {
    AllowLine {
        tools: Vec::new(),
        leases: wants.iter().map(|it| (*it).to_owned()).collect(),
        max: Some(Duration::from_secs(1800)),
        ..build::line(target, "nothing", None, "report.toml:1")
    }
}

impl House {
    /// Starts a governor over what an earlier one left in `dir`.
    async fn start(dir: &Path, at: Timestamp, targets: &[ScriptedTarget]) -> Self {
        Self::start_with(dir, at, targets, None).await
    }

    /// Starts one whose target has a canary.
    async fn proven(
        dir: &Path,
        at: Timestamp,
        target: &ScriptedTarget,
        canary: crate::CanarySpec,
    ) -> Self {
        Self::start_with(dir, at, std::slice::from_ref(target), Some(canary)).await
    }

    async fn start_with(
        dir: &Path,
        at: Timestamp,
        targets: &[ScriptedTarget],
        canary: Option<crate::CanarySpec>,
    ) -> Self {
        let key = CheckpointKey::load_or_create(&dir.join("checkpoint.key")).unwrap();
        let options = LedgerOptions {
            dir: dir.join("ledger"),
            key,
            copies: None,
            checkpoint_every: Duration::from_secs(3600),
            retain: None,
        };
        let (ledger, _) = Ledger::open(options).unwrap();
        // Few changes and few leases that are over are kept, so that every test here goes through it.
        let folding = Folding { after: 64, leases: 8, tasks: 8 };
        let registry = Registry::open_folding(&dir.join("registry.db"), folding).unwrap();
        let (clock, hand) = Clock::set(at);
        let mut charter = build::charter("reporter");
        charter.templates = BTreeSet::from(["report".parse().unwrap()]);
        charter.targets = BTreeSet::from(["orders-db".parse().unwrap()]);
        let mut template = build::template("report");
        template.allow = vec![line("orders-db", &["auditors", "readers"])];
        let evidence = EvidenceKey::load_or_create(&dir.join("evidence.key")).unwrap();
        let snapshot = build::snapshot(vec![charter], vec![template]);
        let parts = DeskParts {
            snapshot: build::snapshot(Vec::new(), Vec::new()),
            ledger,
            registry,
            evidence: Evidence::new(Keep::Full, Arc::new(evidence)),
            clock,
        };
        let desk = Arc::new(Desk::resume(parts).await.unwrap());
        desk.activate(Active { snapshot, activations: Vec::new() }, "files").await.unwrap();
        let (events, _) = tokio::sync::mpsc::channel(1);
        let stop = CancellationToken::new();
        let upstreams = Upstreams::start(Vec::new(), events, stop.clone(), Room::new(1 << 20));
        let lane = Arc::new(Lane::new(desk, Arc::new(upstreams)));
        let vault = Vault::open(&dir.join("secrets"), KekSource::File(dir.join("kek"))).unwrap();
        let spec = |it: &ScriptedTarget| TargetSpec {
            broker: Arc::new(it.clone()),
            environment: Environment::Production,
            sensitivity: Sensitivity::Confidential,
            reach: Reach::Internal,
            at_once: 3,
            sweep: Duration::from_secs(3600),
            canary: canary.clone(),
        };
        let targets = targets.iter().map(spec).collect();
        let engine = Leases::new(LeasesParts { lane, targets, vault: Arc::new(vault) });
        let running = tokio::spawn(Arc::clone(&engine).run(stop.clone()));
        Self { engine, hand, stop, running }
    }

    /// The process dies: whatever is under way is dropped where it stands.
    async fn crash(self) {
        self.running.abort();
        drop(self.running.await);
        self.stop.cancel();
    }

    fn now(&self) -> Timestamp {
        self.engine.desk().now()
    }

    async fn open(&self) -> Task {
        let request = OpenRequest {
            identity: "reporter".parse().unwrap(),
            template: "report".parse().unwrap(),
            opener: Opener::Itself,
            params: std::collections::BTreeMap::new(),
            purpose: None,
            parent: None,
            credential: None,
            on_behalf: None,
            shown: None,
            people: BTreeSet::default(),
        };
        self.engine.desk().open(&request, "identity:reporter").await.unwrap()
    }

    async fn ask(&self, task: &Task, wants: &[&str]) -> LeaseAnswered {
        self.ask_with(task, wants, &[]).await
    }

    async fn ask_with(&self, task: &Task, wants: &[&str], shown: &[&str]) -> LeaseAnswered {
        let caller = Caller {
            identity: task.identity.clone(),
            via: Vec::new(),
            task: task.id.clone(),
            generation: task.generation,
            credentials: shown.iter().map(|it| it.parse().unwrap()).collect(),
            exposed: false,
        };
        let wants = wants.iter().map(|it| (*it).to_owned()).collect();
        let wish = LeaseWish { target: "orders-db".parse().unwrap(), wants, span: None };
        self.engine.ask(LeaseAsker { caller, surface: Surface::Lease }, wish).await.unwrap()
    }

    async fn get(&self, task: &Task) -> HandedOut {
        match self.ask(task, &[]).await {
            LeaseAnswered::HandedOut(_, handed) => {
                handed.take();
                *handed
            }
            other @ (LeaseAnswered::Refused(_) | LeaseAnswered::Failed(..)) => {
                panic!("it is not handed out: {other:?}")
            }
        }
    }

    async fn end(&self, task: &TaskId) {
        self.engine.desk().end(task, EndCause::Asked, "uid:0").await.unwrap();
    }

    /// Moves time on and has it noticed.
    fn wait(&self, span: Duration) {
        self.hand.on(span);
        self.engine.shelf().due.notify_one();
    }

    /// Waits until `so`, moving time on meanwhile as nobody else would.
    async fn until(&self, what: &str, so: impl Fn() -> bool) {
        for _ in 0..2_000 {
            if so() {
                return;
            }
            tokio::time::sleep(Duration::from_millis(2)).await;
            self.wait(Duration::from_secs(2));
        }
        panic!("{what} never came: {:?}", self.engine.of(None, false, 10).await);
    }

    fn open_leases(&self) -> usize {
        self.engine.shelf().lock().book.len()
    }

    async fn record(&self, lease: &Lease) {
        let kept = KeptLease { lease: lease.clone(), keepsake: None };
        let changes = vec![Change::Lease(Box::new(kept))];
        self.engine.desk().registry().write(changes).await.unwrap();
    }

    fn all(&self) -> Vec<Lease> {
        let all = self.engine.desk().registry().leases(LeaseFilter::ALL).unwrap();
        all.into_iter().map(|it| it.lease).collect()
    }
}

fn start() -> Timestamp {
    Timestamp::from_millis(START)
}

/// What goes wrong by chance.
const TROUBLES: [Trouble; 8] = [
    Trouble::Away,
    Trouble::DoesItUnheard,
    Trouble::DoesItLater,
    Trouble::Busy,
    Trouble::Refuses,
    Trouble::Panics,
    Trouble::NamesAnother,
    Trouble::Misfits,
];

/// Numbers that are the same in every run.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: u64) -> u64 {
        self.0 =
            self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33).checked_rem(sides).unwrap_or(0)
    }

    fn trouble(&mut self) -> Trouble {
        TROUBLES[usize::try_from(self.roll(8)).unwrap()]
    }
}
