//! What is over: in no memory, in the registry for a while, and told of by the ledger.

use super::*;

#[tokio::test]
async fn what_is_over_leaves_memory_and_registry_and_is_known_all_the_same() {
    let (dir, target) = (tempfile::tempdir().unwrap(), ScriptedTarget::new("orders-db"));
    let (mut at, mut over) = (start(), Vec::new());
    for restart in 0..4 {
        let house = House::start(dir.path(), at, std::slice::from_ref(&target)).await;
        for round in 0..15 {
            // What was made first goes first, and names tell that to the millisecond.
            house.wait(Duration::from_millis(1));
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
        assert!(tasks <= 8 + 64 / 4 + 1, "{tasks}");
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
    // Their tasks left the registry as well, and the ledger tells how each ended.
    let (desk, first) = (house.engine.desk(), &over[0].task);
    assert_eq!(desk.registry().task(first).unwrap(), None);
    let records = desk.ledger().task_records(first).unwrap();
    let told = Task::told(first, records.iter().map(|it| &it.record)).unwrap();
    assert!(!told.is_open() && told.identity.as_str() == "reporter", "{told:?}");
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
