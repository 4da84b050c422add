//! What several have to do with: a lease that more than one asked for, a target that more than one route
//! leads to, a line that several work off, and two places that one step is written to.

use bailiwick_connect::EnforcedAs;
use bailiwick_kernel::LeaseEvent;
use bailiwick_model::Record;

use super::*;
use crate::{NotHandedOut, leases::Order};

fn take(answer: LeaseAnswered) -> LeaseId {
    match answer {
        LeaseAnswered::HandedOut(_, handed) => {
            handed.take();
            handed.lease.id
        }
        other @ (LeaseAnswered::Refused(_) | LeaseAnswered::Failed(..)) => panic!("{other:?}"),
    }
}

impl House {
    fn has(&self, so: impl Fn(&Lease) -> bool) -> bool {
        self.engine.shelf().lock().book.iter().any(so)
    }
}

fn lease_records(engine: &Leases) -> usize {
    let mut records = Vec::new();
    engine
        .desk()
        .ledger()
        .scan(0, &mut |it| {
            if matches!(it.record, Record::Lease(_)) {
                records.push(it.record);
            }
            std::ops::ControlFlow::Continue(())
        })
        .unwrap();
    records.len()
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_shown_for_a_lease_ends_it_after_a_restart_too() {
    let (dir, target) = (tempfile::tempdir().unwrap(), ScriptedTarget::new("orders-db"));
    let house = House::start(dir.path(), start(), std::slice::from_ref(&target)).await;
    let task = house.open().await;
    let one = take(house.ask_with(&task, &["readers"], &["key-1"]).await);
    assert_eq!(one, take(house.ask_with(&task, &["readers"], &["key-2"]).await));
    let second: bailiwick_model::CredentialId = "key-2".parse().unwrap();
    house.until("the record of both", || house.all()[0].shown.contains(&second)).await;
    let at = house.now();
    house.engine.desk().registry().clone().close();
    house.engine.desk().ledger().clone().close();
    house.crash().await;

    let house = House::start(dir.path(), at, std::slice::from_ref(&target)).await;
    assert!(house.has(|it| it.id == one && !it.has_ended()));
    house
        .engine
        .desk()
        .contain(&"credential:key-2".parse().unwrap(), "a test", "uid:0")
        .await
        .unwrap();
    assert!(!house.has(|it| !it.has_ended()));
    house.crash().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn who_waits_for_what_another_asked_for_has_shown_something_for_it_too() {
    let (dir, target) = (tempfile::tempdir().unwrap(), ScriptedTarget::new("orders-db"));
    let house = Arc::new(House::start(dir.path(), start(), std::slice::from_ref(&target)).await);
    let task = house.open().await;
    target.goes_wrong([Trouble::Hangs]);
    let mut asking = Vec::new();
    for key in ["key-1", "key-2"] {
        let (asks, task) = (Arc::clone(&house), task.clone());
        asking.push(tokio::spawn(async move { asks.ask_with(&task, &["readers"], &[key]).await }));
        let shown: bailiwick_model::CredentialId = key.parse().unwrap();
        house.until("its turn", || house.has(|it| it.shown.contains(&shown))).await;
    }
    assert_eq!((house.open_leases(), house.has(|it| it.used.is_some())), (1, false));
    house
        .engine
        .desk()
        .contain(&"credential:key-2".parse().unwrap(), "a test", "uid:0")
        .await
        .unwrap();
    assert!(!house.has(|it| !it.has_ended()), "it is being made for what is contained");
    asking.iter().for_each(JoinHandle::abort);
}

#[tokio::test]
async fn nothing_is_made_at_a_contained_target_whatever_the_route_is_called() {
    let (dir, target) = (tempfile::tempdir().unwrap(), ScriptedTarget::new("orders-db"));
    let house = House::start(dir.path(), start(), std::slice::from_ref(&target)).await;
    let task = house.open().await;
    let order = |target: &str| Order {
        task: task.id.clone(),
        identity: task.identity.clone(),
        target: target.parse().unwrap(),
        wants: vec!["readers".to_owned()],
        decision: Some(bailiwick_model::DecisionId::new(house.engine.desk().ulid())),
        shown: BTreeSet::new(),
        until: task.deadline,
        enforced: EnforcedAs::Prevent,
    };
    let lent = async || house.engine.hand_out(order("orders-db"), || Ok(())).await;
    lent().await.unwrap().take();
    let (desk, server) = (house.engine.desk(), "server:orders-db".parse().unwrap());
    desk.contain(&server, "a test", "uid:0").await.unwrap();
    house.until("its end", || house.open_leases() == 0).await;
    let refused = lent().await;
    assert!(matches!(refused, Err(NotHandedOut::Contained(_))), "{refused:?}");
    assert_eq!(target.live(), []);
    house.crash().await;
}

#[tokio::test]
async fn in_the_last_seconds_of_a_task_it_gets_the_same_credential_again() {
    let (dir, target) = (tempfile::tempdir().unwrap(), ScriptedTarget::new("orders-db"));
    let house = House::start(dir.path(), start(), std::slice::from_ref(&target)).await;
    let task = house.open().await;
    house.hand.on(Duration::from_secs(3600 - 20));
    let first = take(house.ask(&task, &["readers"]).await);
    house.hand.on(Duration::from_secs(10));
    assert_eq!(first, take(house.ask(&task, &["readers"]).await));
    assert_eq!(target.made(), 1);
    house.crash().await;
}

#[tokio::test]
async fn a_target_that_does_not_hear_of_many_is_told_of_each_meanwhile() {
    let (dir, target) = (tempfile::tempdir().unwrap(), ScriptedTarget::new("orders-db"));
    let house = House::start(dir.path(), start(), std::slice::from_ref(&target)).await;
    for _ in 0..20 {
        let task = house.open().await;
        house.get(&task).await;
    }
    target.set_deaf(true);
    house.wait(Duration::from_secs(4000));
    // All but the one whose turn it is after the others have heard.
    house.until("the end of the others", || target.live().len() <= 1).await;
    house.crash().await;
}

#[tokio::test]
async fn a_step_that_the_registry_does_not_take_is_in_the_ledger_once() {
    let (dir, target) = (tempfile::tempdir().unwrap(), ScriptedTarget::new("orders-db"));
    let house = House::start(dir.path(), start(), std::slice::from_ref(&target)).await;
    let task = house.open().await;
    let lease = house.get(&task).await.lease.id;
    let engine = Arc::clone(&house.engine);
    house.until("its record", || engine.shelf().lock().unwritten.is_empty()).await;
    house.running.abort();
    drop(house.running.await);
    let before = lease_records(&engine);
    std::fs::remove_file(dir.path().join("registry.db")).unwrap();
    let shown = BTreeSet::from(["key-2".parse().unwrap()]);
    engine.shelf().with(|kept| kept.step(&lease, LeaseEvent::Used { shown }, start()));
    for _ in 0..3 {
        engine.write_some().await.unwrap_err();
    }
    assert_eq!(lease_records(&engine), before + 1);
}
