//! Law 5 at every step: everything stops at each place of issue and of revoke, once and with a target
//! that fails besides; the next process ends what is left, and the proof of it is true.

use std::ops::ControlFlow;

use bailiwick_model::Record;
use tokio::runtime::{Builder, Runtime};

use super::*;
use crate::seam::stand;

/// The places, and how often each is passed in the life of one lease.
const PLACES: [(&str, usize); 11] = [
    ("lease-ordered", 1),
    ("lease-recorded", 1),
    ("lease-made", 1),
    ("lease-kept", 1),
    ("lease-writing", 4),
    ("lease-on-ledger", 4),
    ("lease-written", 4),
    ("lease-passed", 1),
    ("lease-telling", 1),
    ("lease-told", 1),
    ("lease-gone", 1),
];

/// A process of its own, as far as tasks go: what it drops stands still where it is.
fn process() -> Runtime {
    Builder::new_current_thread().enable_all().build().unwrap()
}

/// A task that asks for a credential and ends, up to where everything stops; says whether it did.
async fn life(
    dir: &Path,
    target: &ScriptedTarget,
    stops: (&'static str, usize),
) -> (bool, Timestamp) {
    let house = Arc::new(House::start(dir, start(), std::slice::from_ref(target)).await);
    let task = house.open().await;
    stand::at(Some(stops));
    let asks = Arc::clone(&house);
    let asking = tokio::spawn(async move {
        if let LeaseAnswered::HandedOut(_, handed) = asks.ask(&task, &[]).await {
            handed.take();
        }
        asks.end(&task.id).await;
    });
    let over = || asking.is_finished() && house.engine.shelf().lock().is_bare();
    for _ in 0..2_000 {
        if stand::reached() || over() {
            break;
        }
        tokio::time::sleep(Duration::from_millis(1)).await;
        house.wait(Duration::from_secs(1));
    }
    assert!(stand::reached() || over(), "it neither stops nor ends: {:?}", house.engine.shelf());
    let (reached, now) = (stand::reached(), house.now());
    house.engine.desk().registry().clone().close();
    house.engine.desk().ledger().clone().close();
    (reached, now)
}

/// What the next process makes of it.
async fn end_of_it(dir: &Path, target: &ScriptedTarget, at: Timestamp, what: &str) {
    let house = House::start(dir, at, std::slice::from_ref(target)).await;
    for task in house.engine.desk().open_tasks(&"reporter".parse().unwrap()) {
        house.end(&task.id).await;
    }
    target.comes_round();
    house.until("the end of all", || house.open_leases() == 0).await;
    house.wait(Duration::from_secs(1));
    let mut strangers = BTreeSet::new();
    house.engine.sweep_once(&"orders-db".parse().unwrap(), &mut strangers).await.unwrap();
    house.until("the end of what came late", || house.open_leases() == 0).await;
    // What is taken to be written is not on the shelf any more, and not on disk yet.
    house.until("the record of all", || !house.all().iter().any(Lease::is_open)).await;
    assert!(house.engine.shelf().lock().is_bare(), "{what}");
    assert_eq!(target.live(), [], "{what}: something is alive");
    assert_eq!(strangers, BTreeSet::new(), "{what}: something was made and is on no record");
    let mut records = Vec::new();
    let scanned = house.engine.desk().ledger().scan(0, &mut |it| {
        records.push(it.record);
        ControlFlow::Continue(())
    });
    scanned.unwrap();
    let told = Lease::all_told(&records);
    let all = house.all();
    // Whatever was made was on the registry before, and the ledger tells the same of it.
    assert_eq!(told.len(), all.len().max(told.len()), "{what}: {all:?}");
    for lease in &all {
        let ended = lease.ended.unwrap_or_else(|| panic!("{what}: {lease:?} is forgotten"));
        assert_eq!(lease.state, LeaseState::Revoked, "{what}: {lease:?}");
        assert!(ended.at <= lease.gone.unwrap(), "{what}: {lease:?}");
        let told = told.iter().find(|it| it.id == lease.id).unwrap();
        assert_eq!((told.state, told.ended, told.gone), (lease.state, lease.ended, lease.gone));
    }
    let active = records
        .iter()
        .filter(|it| matches!(it, Record::Lease(it) if it.state == LeaseState::Active));
    assert!(active.count() <= 1, "{what}: it came to life again");
    house.crash().await;
}

/// Stops at a place while the target fails, goes on in the next process, and says whether it stopped.
fn stops_at(place: &'static str, time: usize, troubles: &[Trouble]) -> bool {
    let (dir, target) = (tempfile::tempdir().unwrap(), ScriptedTarget::new("orders-db"));
    let what = format!("{place}:{time} with {troubles:?}");
    target.goes_wrong(troubles.iter().copied());
    let first = process();
    let (reached, at) = first.block_on(life(dir.path(), &target, (place, time)));
    first.shutdown_background();
    stand::at(None);
    process().block_on(end_of_it(dir.path(), &target, at.after(Duration::from_secs(5)), &what));
    reached
}

#[test]
fn law_5_whoever_dies_at_whichever_step_leaves_nothing_alive_and_nothing_forgotten() {
    for (place, times) in PLACES {
        for time in 1..=times {
            // The last two steps may be written at once.
            let passed = stops_at(place, time, &[]);
            assert!(passed || time == 4, "{place}:{time} is never passed");
        }
    }
}

#[test]
fn law_5_at_every_step_with_a_target_that_answers_late_wrongly_or_not_at_all() {
    let seeds = if std::env::var_os("BAILIWICK_LONG").is_some() { 600 } else { 16 };
    for seed in 1..=seeds {
        let mut dice = Dice(seed * 7919);
        let (place, times) = PLACES[usize::try_from(dice.roll(11)).unwrap()];
        let time = 1 + usize::try_from(dice.roll(u64::try_from(times).unwrap())).unwrap();
        let mut troubles: Vec<_> = (0..=dice.roll(4)).map(|_| dice.trouble()).collect();
        if dice.roll(3) == 0 {
            troubles.insert(0, Trouble::Lies);
        }
        stops_at(place, time, &troubles);
    }
}
