//! Handing out: on record first, once for a task, to whoever may, and with what was shown for it.

use super::*;

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
