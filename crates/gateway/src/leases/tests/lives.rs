//! Law 5 over whole lives of a state directory, with everything going wrong by chance.

use super::*;

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
