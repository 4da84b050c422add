//! Ends: by time, by containment, when asked; at targets that are away, lie, or take few at once.

use super::*;

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
