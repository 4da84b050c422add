//! Law 5, all of it: real ledger, real registry, a target that fails in every way, and a process that
//! dies at any point. Nothing is forgotten, and nothing is alive at the end.

mod canary;
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
        let folding = Folding { after: 64, over: 8 };
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

#[tokio::test]
async fn a_credential_is_on_record_before_it_exists_and_gone_when_its_task_has_ended() {
    let (dir, target) = (tempfile::tempdir().unwrap(), ScriptedTarget::new("orders-db"));
    let house = House::start(dir.path(), start(), std::slice::from_ref(&target)).await;
    let task = house.open().await;
    let handed = house.get(&task).await;
    assert!(target.lets_in(&handed.credential));
    assert_eq!(house.all()[0].state, LeaseState::Active);
    assert_eq!(house.all()[0].wants, ["auditors", "readers"].map(str::to_owned));

    house.end(&task.id).await;
    let proof = house
        .engine
        .settled(std::slice::from_ref(&task.id), Duration::from_secs(10))
        .await
        .unwrap();
    assert!(!target.lets_in(&handed.credential));
    let [lease] = proof.as_slice() else { panic!("{proof:?}") };
    assert_eq!(lease.state, LeaseState::Revoked);
    assert!(lease.issued.is_some() && lease.used.is_some() && lease.gone.is_some());
    assert_eq!(lease.ended.unwrap().cause, LeaseCause::Task);

    // Every step is in the ledger, and no secret is.
    let mut steps = Vec::new();
    house
        .engine
        .desk()
        .ledger()
        .scan(0, &mut |it| {
            let text = serde_json::to_string(&it.record).unwrap();
            assert!(!text.contains("secret-") && !text.contains("keepsake-"), "{text}");
            if let bailiwick_model::Record::Lease(it) = it.record {
                steps.push(it.state);
            }
            std::ops::ControlFlow::Continue(())
        })
        .unwrap();
    let words: Vec<_> = steps.iter().map(|it| it.as_str()).collect();
    assert_eq!(words, ["minting", "active", "revoking", "revoked"]);
    house.crash().await;
}

#[tokio::test]
async fn a_task_gets_the_same_credential_again_and_never_another_tasks() {
    let (dir, target) = (tempfile::tempdir().unwrap(), ScriptedTarget::new("orders-db"));
    let house = House::start(dir.path(), start(), std::slice::from_ref(&target)).await;
    let (one, other) = (house.open().await, house.open().await);
    let (first, again) = (house.get(&one).await, house.get(&one).await);
    assert_eq!(first.lease.id, again.lease.id);
    assert_ne!(first.lease.id, house.get(&other).await.lease.id);
    assert_eq!(target.made(), 2);
    // Those who ask at once for the same get one, too.
    let third = house.open().await;
    let all = tokio::join!(house.get(&third), house.get(&third), house.get(&third));
    assert_eq!((&all.0.lease.id, &all.0.lease.id), (&all.1.lease.id, &all.2.lease.id));
    assert_eq!(target.made(), 3);
    house.crash().await;
}

#[tokio::test]
async fn what_nobody_takes_any_more_ends() {
    let (dir, target) = (tempfile::tempdir().unwrap(), ScriptedTarget::new("orders-db"));
    let house = House::start(dir.path(), start(), std::slice::from_ref(&target)).await;
    let task = house.open().await;
    let LeaseAnswered::HandedOut(_, handed) = house.ask(&task, &["readers"]).await else {
        panic!("it is not handed out");
    };
    drop(handed);
    house.until("the end", || !house.all()[0].is_open()).await;
    assert_eq!(target.live(), []);
    assert_eq!(house.all()[0].ended.unwrap().cause, LeaseCause::Unclaimed);
    house.crash().await;
}

#[tokio::test]
async fn what_no_line_names_is_refused_and_its_target_never_hears_of_it() {
    let (dir, target) = (tempfile::tempdir().unwrap(), ScriptedTarget::new("orders-db"));
    let house = House::start(dir.path(), start(), std::slice::from_ref(&target)).await;
    let task = house.open().await;
    for wants in [&["writers"][..], &["readers", "writers"], &["a,b"], &["read ers"], &[""]] {
        let answered = house.ask(&task, wants).await;
        assert!(matches!(answered, LeaseAnswered::Refused(_)), "{wants:?}: {answered:?}");
    }
    house.end(&task.id).await;
    assert!(matches!(house.ask(&task, &["readers"]).await, LeaseAnswered::Refused(_)));
    assert_eq!((target.made(), house.all().len()), (0, 0));
    house.crash().await;
}

#[tokio::test]
async fn a_lease_ends_with_its_own_time_with_its_target_and_when_asked() {
    let (dir, target) = (tempfile::tempdir().unwrap(), ScriptedTarget::new("orders-db"));
    let house = House::start(dir.path(), start(), std::slice::from_ref(&target)).await;
    let task = house.open().await;
    let expires = house.get(&task).await.lease;
    assert_eq!(expires.until, start().after(Duration::from_secs(1800)));
    house.wait(Duration::from_secs(1801));
    house.until("its time", || house.open_leases() == 0).await;

    let asked = house.get(&task).await.lease;
    let ended = house.engine.end(&asked.id, Duration::from_secs(10)).await.unwrap().unwrap();
    assert!(ended.gone.is_some(), "{ended:?}");

    let contained = house.get(&task).await.lease;
    let subject: Subject = "server:orders-db".parse().unwrap();
    house.engine.desk().contain(&subject, "it leaks", "uid:0").await.unwrap();
    house.until("containment", || !house.all().iter().any(Lease::is_open)).await;
    assert!(matches!(house.ask(&task, &[]).await, LeaseAnswered::Refused(_)));

    let causes = [
        (expires.id, LeaseCause::Expired),
        (asked.id, LeaseCause::Asked),
        (contained.id, LeaseCause::Contained),
    ];
    for (id, cause) in causes {
        assert_eq!(house.engine.lease(&id).await.unwrap().unwrap().ended.unwrap().cause, cause);
    }
    assert_eq!(target.live(), []);
    house.crash().await;
}

#[tokio::test]
async fn a_target_that_is_away_for_long_is_told_again_and_that_is_a_finding() {
    let (dir, target) = (tempfile::tempdir().unwrap(), ScriptedTarget::new("orders-db"));
    let house = House::start(dir.path(), start(), std::slice::from_ref(&target)).await;
    let task = house.open().await;
    house.get(&task).await;
    target.set_away(true);
    house.end(&task.id).await;
    let any = |so: fn(&Lease) -> bool| house.engine.shelf().lock().book.iter().any(so);
    let stuck = || any(|it| it.state == LeaseState::Stuck);
    house.until("a stuck lease", stuck).await;
    house.wait(Duration::from_secs(24 * 3600));
    house.until("more tries", || any(|it| 9 <= it.tries)).await;
    target.comes_round();
    house.until("the end", || !house.all()[0].is_open()).await;
    assert_eq!(target.live(), []);
    let mut found = Vec::new();
    house
        .engine
        .desk()
        .ledger()
        .scan(0, &mut |it| {
            if let bailiwick_model::Record::Finding(it) = it.record {
                found.push(it.code);
            }
            std::ops::ControlFlow::Continue(())
        })
        .unwrap();
    assert_eq!(found, ["lease-stuck"]);
    house.crash().await;
}

#[tokio::test]
async fn what_a_target_made_otherwise_is_nobodys_and_ended_until_the_target_says_so() {
    let (dir, target) = (tempfile::tempdir().unwrap(), ScriptedTarget::new("orders-db"));
    let house = House::start(dir.path(), start(), std::slice::from_ref(&target)).await;
    let task = house.open().await;
    target.goes_wrong([Trouble::Misfits, Trouble::Away, Trouble::Busy, Trouble::Refuses]);
    let LeaseAnswered::Failed(_, error) = house.ask(&task, &[]).await else {
        panic!("it was handed out");
    };
    assert_eq!(error.to_string(), "it is told to misfit");
    let tried = || house.engine.shelf().lock().book.iter().any(|it| 3 <= it.tries);
    house.until("three tries", tried).await;
    assert_eq!(target.live().len(), 1, "it is there, and not called gone");
    house.until("the end", || house.open_leases() == 0).await;
    assert_eq!(target.live(), []);
    house.crash().await;
}

#[tokio::test]
async fn an_orphan_is_found_and_ended_and_a_stranger_is_told_of_and_left() {
    let (dir, target) = (tempfile::tempdir().unwrap(), ScriptedTarget::new("orders-db"));
    let house = House::start(dir.path(), start(), std::slice::from_ref(&target)).await;
    let task = house.open().await;
    target.goes_wrong([]);
    house.get(&task).await;
    // It says that it ended it, and did not.
    target.goes_wrong([Trouble::Lies]);
    house.end(&task.id).await;
    house.until("the lie", || house.open_leases() == 0).await;
    house.until("its record", || !house.all().iter().any(Lease::is_open)).await;
    assert_eq!(target.live().len(), 1);
    let stranger = bailiwick_testkit::broker::order(&target, 77);
    bailiwick_connect::Broker::issue(&target, &stranger).await.unwrap();

    let (name, mut strangers) = ("orders-db".parse().unwrap(), BTreeSet::new());
    house.wait(Duration::from_secs(1));
    // While its end is not on record yet, it is no orphan.
    let lease = house.all().remove(0);
    let earlier = Lease { state: LeaseState::Revoking, gone: None, ..lease.clone() };
    house.record(&earlier).await;
    house.engine.sweep_once(&name, &mut strangers).await.unwrap();
    assert_eq!((house.open_leases(), house.all()), (0, vec![earlier]));
    house.record(&lease).await;
    house.engine.sweep_once(&name, &mut strangers).await.unwrap();
    house.until("the orphan's end", || house.open_leases() == 0).await;
    // It was over once before: what counts is that it is over as an orphan.
    let as_orphan = |it: &Lease| it.ended.as_ref().is_some_and(|it| it.cause == LeaseCause::Orphan);
    house.until("its record", || house.all().iter().all(|it| !it.is_open() && as_orphan(it))).await;
    assert_eq!(target.live(), std::slice::from_ref(&stranger.lease));
    assert_eq!(strangers, BTreeSet::from([stranger.lease]));
    assert_eq!(house.all()[0].ended.unwrap().cause, LeaseCause::Orphan);
    house.crash().await;
}

#[tokio::test]
async fn what_is_over_leaves_memory_and_registry_and_is_known_all_the_same() {
    let (dir, target) = (tempfile::tempdir().unwrap(), ScriptedTarget::new("orders-db"));
    let (mut at, mut over) = (start(), Vec::new());
    for restart in 0..4 {
        let house = House::start(dir.path(), at, std::slice::from_ref(&target)).await;
        for round in 0..15 {
            let task = house.open().await;
            let lease = house.get(&task).await.lease;
            if (restart, round) == (0, 0) {
                // It says that it ended it, and did not.
                target.goes_wrong([Trouble::Lies]);
            }
            house.end(&task.id).await;
            let tasks = std::slice::from_ref(&task.id);
            let proof = house.engine.settled(tasks, Duration::from_secs(60)).await.unwrap();
            assert_eq!(proof.iter().map(|it| &it.id).collect::<Vec<_>>(), [&lease.id]);
            over.extend(proof);
        }
        // Nothing of them is in memory, and in the registry no more than it was told to keep since.
        let shelf = format!("{:?}", house.engine.shelf());
        assert!(shelf.contains("Kept(0 leases"), "{shelf}");
        house.until("the record of all", || !house.all().iter().any(Lease::is_open)).await;
        assert!(house.engine.shelf().lock().is_bare(), "{shelf}");
        let registry = house.engine.desk().registry();
        assert!(house.all().len() <= 8 + 64 / 4 + 1, "{}", house.all().len());
        let tasks = registry.tasks(bailiwick_store::TaskFilter::ALL).unwrap().len();
        let changes = registry.changes(bailiwick_store::Rev(0), usize::MAX).unwrap().len();
        assert!(changes <= 2 * (tasks + 64 + 16), "{changes} changes for {tasks} tasks");
        assert_eq!(registry.verify_changes().unwrap(), None);
        assert_eq!(registry.verify_rows().unwrap(), []);
        at = house.now();
        house.engine.desk().registry().clone().close();
        house.engine.desk().ledger().clone().close();
        house.crash().await;
    }
    let house = House::start(dir.path(), at, std::slice::from_ref(&target)).await;
    assert!(house.all().len() < over.len());
    for lease in &over {
        assert_eq!(house.engine.lease(&lease.id).await.unwrap().as_ref(), Some(lease));
        let of_task = house.engine.of(Some(&lease.task), true, 10).await.unwrap();
        assert_eq!(of_task, std::slice::from_ref(lease));
    }
    // What is found of one of them is an orphan and no stranger, however long it has been over.
    let first = over[0].id.clone();
    assert!(house.all().iter().all(|it| it.id != first));
    assert_eq!(target.live(), std::slice::from_ref(&first));
    let mut strangers = BTreeSet::new();
    house.wait(Duration::from_secs(1));
    house.engine.sweep_once(&"orders-db".parse().unwrap(), &mut strangers).await.unwrap();
    house.until("the orphan's end", || target.live().is_empty()).await;
    assert_eq!(strangers, BTreeSet::new());
    house.crash().await;
}

#[tokio::test]
async fn no_more_is_asked_of_a_target_at_once_than_it_takes() {
    let (dir, target) = (tempfile::tempdir().unwrap(), ScriptedTarget::new("orders-db"));
    let house = House::start(dir.path(), start(), std::slice::from_ref(&target)).await;
    for _ in 0..20 {
        let task = house.open().await;
        house.get(&task).await;
    }
    house.wait(Duration::from_secs(4000));
    house.until("the end of all", || house.open_leases() == 0).await;
    assert!(target.most_at_once() <= 3, "{}", target.most_at_once());
    assert_eq!(target.live(), []);
    house.crash().await;
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

/// One life of a state directory: tasks come and go, the target fails as it likes, the process dies
/// where it stands; at the end the target comes round.
async fn one_life(seed: u64) {
    let (dir, target) = (tempfile::tempdir().unwrap(), ScriptedTarget::new("orders-db"));
    let (mut dice, mut at) = (Dice(seed), start());
    for _ in 0..4 {
        let house = Arc::new(House::start(dir.path(), at, std::slice::from_ref(&target)).await);
        let mut asking = Vec::new();
        for _ in 0..dice.roll(6) {
            let many = dice.roll(4);
            target.goes_wrong((0..many).map(|_| dice.trouble()).collect::<Vec<_>>());
            let task = house.open().await;
            let (asks, ends) = (Arc::clone(&house), dice.roll(2) == 0);
            asking.push(tokio::spawn(async move {
                if let LeaseAnswered::HandedOut(_, handed) = asks.ask(&task, &[]).await {
                    handed.take();
                }
                if ends {
                    asks.end(&task.id).await;
                }
            }));
            for _ in 0..dice.roll(8) {
                tokio::task::yield_now().await;
            }
            house.wait(Duration::from_secs(dice.roll(400)));
        }
        tokio::time::sleep(Duration::from_millis(dice.roll(8))).await;
        // The process dies. What it was doing is dropped where it stands.
        asking.iter().for_each(JoinHandle::abort);
        for it in asking {
            drop(it.await);
        }
        at = house.now().after(Duration::from_secs(dice.roll(100)));
        // What still goes on in tasks of its own holds the house; it is let go of with them.
        let House { running, stop, .. } = &*house;
        running.abort();
        stop.cancel();
        house.engine.desk().registry().clone().close();
        house.engine.desk().ledger().clone().close();
        drop(house);
    }
    let house = House::start(dir.path(), at, std::slice::from_ref(&target)).await;
    for task in house.engine.desk().open_tasks(&"reporter".parse().unwrap()) {
        house.end(&task.id).await;
    }
    target.comes_round();
    house.until("the end of all", || house.open_leases() == 0).await;
    house.until("the record of that", || !house.all().iter().any(Lease::is_open)).await;
    // What the target did long after it was asked is found there.
    house.wait(Duration::from_secs(1));
    house.engine.sweep_once(&"orders-db".parse().unwrap(), &mut BTreeSet::new()).await.unwrap();
    house.until("the end of what came late", || house.open_leases() == 0).await;
    let alive: Vec<_> = target.live();
    assert_eq!(alive, [], "seed {seed}: something is alive");
    // What became of each is on disk, too.
    house.until("the record of all", || !house.all().iter().any(Lease::is_open)).await;
    house.crash().await;
}

#[tokio::test]
async fn law_5_nothing_is_forgotten_and_nothing_is_alive_at_the_end() {
    let lives = if std::env::var_os("BAILIWICK_LONG").is_some() { 300 } else { 12 };
    for seed in 1..=lives {
        one_life(seed).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_contained_credential_ends_what_was_asked_for_with_it_and_nothing_else() {
    let (dir, target) = (tempfile::tempdir().unwrap(), ScriptedTarget::new("orders-db"));
    let house = House::start(dir.path(), start(), std::slice::from_ref(&target)).await;
    let task = house.open().await;
    let take = |answer: LeaseAnswered| match answer {
        LeaseAnswered::HandedOut(_, handed) => {
            handed.take();
            handed.lease.id
        }
        other @ (LeaseAnswered::Refused(_) | LeaseAnswered::Failed(..)) => panic!("{other:?}"),
    };
    let one = take(house.ask_with(&task, &["readers"], &["token-1", "key-1"]).await);
    // The same once more, by whoever holds a later token of the task.
    let again = take(house.ask_with(&task, &["readers"], &["token-2", "key-1"]).await);
    let other = take(house.ask_with(&task, &["auditors"], &["token-3", "key-3"]).await);
    assert_eq!(one, again);
    let desk = house.engine.desk();
    let is_open =
        |id: &LeaseId| house.engine.shelf().lock().book.get(id).is_some_and(|it| !it.has_ended());
    desk.contain(&"credential:token-9".parse().unwrap(), "a test", "uid:0").await.unwrap();
    assert!(is_open(&one) && is_open(&other));
    desk.contain(&"credential:token-2".parse().unwrap(), "a test", "uid:0").await.unwrap();
    assert!(!is_open(&one) && is_open(&other));
    let gone = bailiwick_connect::TokenKeyChange::Withdrawn { key: "key-3".to_owned() };
    desk.token_keys_changed(&[gone], "uid:0").await.unwrap();
    assert!(!is_open(&other));
    house.until("both are gone", || house.open_leases() == 0).await;
}
