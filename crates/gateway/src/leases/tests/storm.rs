//! Leases that end by the thousand in one moment: in pieces, in bounded memory, and calls that are
//! decided beside them hardly notice.

use std::{
    sync::atomic::{AtomicBool, Ordering},
    time::Instant,
};

use bailiwick_model::{EnforcedAs, LeaseId, Ulid};

use super::*;

/// How long the leases of a storm live.
const CALM: Duration = Duration::from_secs(10);

/// Puts so many active leases on record, whose time is over in the same moment.
async fn on_record(dir: &Path, task: &TaskId, count: u32) {
    let registry = Registry::open(&dir.join("registry.db")).unwrap();
    for piece in (0..count).collect::<Vec<_>>().chunks(1000) {
        let change = |number: &u32| {
            let mut random = [0; 10];
            random[..4].copy_from_slice(&number.to_be_bytes());
            let ulid = Ulid::new(start(), random);
            let lease = Lease {
                id: LeaseId::new(ulid),
                task: task.clone(),
                identity: "reporter".parse().unwrap(),
                target: "orders-db".parse().unwrap(),
                wants: vec!["readers".to_owned()],
                decision: None,
                shown: BTreeSet::new(),
                enforced: EnforcedAs::Session,
                state: LeaseState::Active,
                called: Some(LeaseId::new(ulid).as_str().to_lowercase()),
                until: start().after(CALM),
                opened: start(),
                issued: Some(start()),
                used: None,
                ended: None,
                gone: None,
                tries: 0,
                why: String::new(),
            };
            Change::Lease(Box::new(KeptLease { lease, keepsake: None }))
        };
        registry.write(piece.iter().map(change).collect()).await.unwrap();
    }
    registry.close();
}

/// How much memory the process has, and had at the most, in KiB.
fn memory() -> (u64, u64) {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let of = |name: &str| {
        let line = status.lines().find_map(|it| it.strip_prefix(name)).unwrap();
        line.trim_start_matches(':').trim().trim_end_matches(" kB").parse().unwrap()
    };
    (of("VmRSS"), of("VmHWM"))
}

/// Asks for what is ready and measures how long each decision takes, until told to stop.
async fn decides(house: &House, task: &Task, stop: &AtomicBool, most: usize) -> Vec<Duration> {
    let mut took = Vec::new();
    while took.is_empty() || (!stop.load(Ordering::Acquire) && took.len() < most) {
        let begun = Instant::now();
        house.get(task).await;
        took.push(begun.elapsed());
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    took.sort();
    took
}

fn p99(took: &[Duration]) -> Duration {
    let place = took.len().saturating_mul(99).checked_div(100).unwrap();
    took[place.min(took.len().saturating_sub(1))]
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_storm_of_leases_ends_in_pieces_and_calls_are_decided_beside_it() {
    let long = std::env::var_os("BAILIWICK_LONG").is_some();
    let count: u32 = if long { 100_000 } else { 2_000 };
    let (dir, target) = (tempfile::tempdir().unwrap(), ScriptedTarget::new("orders-db"));
    let house = House::start(dir.path(), start(), std::slice::from_ref(&target)).await;
    let task = house.open().await;
    house.engine.desk().registry().clone().close();
    house.engine.desk().ledger().clone().close();
    house.crash().await;
    on_record(dir.path(), &task.id, count).await;
    let house = Arc::new(House::start(dir.path(), start(), std::slice::from_ref(&target)).await);
    // Another task works on.
    let task = house.open().await;
    let stop = Arc::new(AtomicBool::new(false));
    let deciding = |most: usize| {
        let (asks, asked, stop) = (Arc::clone(&house), task.clone(), Arc::clone(&stop));
        tokio::spawn(async move { decides(&asks, &asked, &stop, most).await })
    };
    let calm = deciding(200).await.unwrap();
    assert_eq!(house.open_leases(), usize::try_from(count).unwrap() + 1);
    let (before, _) = memory();
    let (mut most_unwritten, begun) = (0, Instant::now());
    house.wait(CALM);
    let deciding = deciding(20_000);
    // The one that is asked for again and again stays.
    while 1 < house.open_leases() {
        assert!(begun.elapsed() < Duration::from_secs(600), "it stalls: {}", house.open_leases());
        most_unwritten = most_unwritten.max(house.engine.shelf().lock().unwritten.len());
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    let storm = begun.elapsed();
    stop.store(true, Ordering::Release);
    let beside = deciding.await.unwrap();
    let (_, most) = memory();
    let grown = most.saturating_sub(before);
    println!(
        "{count} leases ended in {storm:?}; {} decisions beside them, p50 {:?}, p99 {:?}, longest {:?} (in the calm {:?}); {grown} KiB more, {most_unwritten} unwritten",
        beside.len(),
        beside[beside.len() / 2],
        p99(&beside),
        beside.last().unwrap(),
        p99(&calm),
    );
    // What is unwritten is bounded, whatever ends at once, and so is what it takes to end it.
    assert!(most_unwritten <= 8192, "{most_unwritten}");
    assert!(target.most_at_once() <= 3, "{}", target.most_at_once());
    assert!(grown < 256 * 1024, "{grown} KiB more than before");
    assert!(p99(&beside) < Duration::from_secs(1), "{:?}", p99(&beside));
    house.end(&task.id).await;
    house.until("the last one's end", || house.open_leases() == 0).await;
    assert_eq!(target.live(), []);
}
