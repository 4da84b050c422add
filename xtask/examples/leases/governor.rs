//! A governor in this process, with one target in memory.

use std::{
    collections::{BTreeMap, BTreeSet},
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use bailiwick_connect::{EvidenceKey, KekSource, Vault};
use bailiwick_gateway::{
    Active, Clock, Desk, DeskParts, Evidence, Keep, Lane, Leases, LeasesParts, Room, TargetSpec,
    Upstreams,
};
use bailiwick_model::{Environment, OpenRequest, Opener, Reach, Sensitivity, Task, Timestamp};
use bailiwick_store::{CheckpointKey, Ledger, LedgerOptions, Registry};
use bailiwick_testkit::{broker::ScriptedTarget, build};
use tokio_util::sync::CancellationToken;

/// When all of it happens.
pub(crate) const START: Timestamp = Timestamp::from_millis(1_800_000_000_000);

/// A governor and what holds it.
pub(crate) struct Governor {
    pub(crate) engine: Arc<Leases>,
    stop: CancellationToken,
    ledger: Ledger,
    registry: Registry,
    running: tokio::task::JoinHandle<()>,
}

/// Where the registry of a state lies.
pub(crate) fn registry(folder: &Path) -> PathBuf {
    folder.join("registry.db")
}

impl Governor {
    /// Starts over what lies in `folder`.
    pub(crate) async fn start(folder: &Path, target: &ScriptedTarget) -> anyhow::Result<Self> {
        let options = LedgerOptions {
            dir: folder.join("ledger"),
            key: CheckpointKey::load_or_create(&folder.join("checkpoint.key"))?,
            copies: None,
            checkpoint_every: Duration::from_secs(2),
            retain: None,
        };
        let (ledger, _) = Ledger::open(options)?;
        let registry = Registry::open(&registry(folder))?;
        let (clock, _hand) = Clock::set(START);
        let evidence = Arc::new(EvidenceKey::load_or_create(&folder.join("evidence.key"))?);
        let parts = DeskParts {
            snapshot: build::snapshot(Vec::new(), Vec::new()),
            ledger: ledger.clone(),
            registry: registry.clone(),
            evidence: Evidence::new(Keep::Full, evidence),
            clock,
        };
        let desk = Arc::new(Desk::resume(parts).await?);
        let mut charter = build::charter("reporter");
        charter.templates = BTreeSet::from(["report".parse()?]);
        let template = build::template("report");
        let snapshot = build::snapshot(vec![charter], vec![template]);
        desk.activate(Active { snapshot, activations: Vec::new() }, "files").await?;
        let (events, _) = tokio::sync::mpsc::channel(1);
        let stop = CancellationToken::new();
        let upstreams = Upstreams::start(Vec::new(), events, stop.clone(), Room::new(1 << 20));
        let lane = Arc::new(Lane::new(desk, Arc::new(upstreams)));
        let vault = Vault::open(&folder.join("secrets"), KekSource::File(folder.join("kek")))?;
        let targets = vec![TargetSpec {
            broker: Arc::new(target.clone()),
            environment: Environment::Production,
            sensitivity: Sensitivity::Confidential,
            reach: Reach::Internal,
            at_once: 4,
            sweep: Duration::from_secs(3600),
            canary: None,
        }];
        let engine = Leases::new(LeasesParts { lane, targets, vault: Arc::new(vault) });
        let running = tokio::spawn(Arc::clone(&engine).run(stop.clone()));
        Ok(Self { engine, stop, ledger, registry, running })
    }

    /// Opens a task.
    pub(crate) async fn open(&self) -> anyhow::Result<Task> {
        let request = OpenRequest {
            identity: "reporter".parse()?,
            on_behalf: None,
            template: "report".parse()?,
            opener: Opener::Itself,
            params: BTreeMap::new(),
            purpose: None,
            parent: None,
            credential: None,
            shown: None,
            people: BTreeSet::default(),
        };
        Ok(self.engine.desk().open(&request, "identity:reporter").await?)
    }

    /// Stops, with everything written.
    pub(crate) async fn stop(self) {
        self.stop.cancel();
        drop(self.running.await);
        self.ledger.close();
        self.registry.close();
    }
}
