//! A target that fails quietly is found out, and a canary is a lease like every other.

use super::*;
use crate::CanarySpec;

const EVERY: Duration = Duration::from_secs(3600);

impl House {
    fn canary(&self) -> crate::Canary {
        let mut all = self.engine.canaries();
        all.remove("orders-db").unwrap()
    }

    async fn due(&self) -> Duration {
        self.engine.canary_due(&"orders-db".parse().unwrap()).await.unwrap()
    }

    fn findings(&self) -> Vec<String> {
        let mut found = Vec::new();
        let each = &mut |it: bailiwick_store::StoredRecord| {
            if let bailiwick_model::Record::Finding(it) = it.record {
                found.push(it.code);
            }
            std::ops::ControlFlow::Continue(())
        };
        self.engine.desk().ledger().scan(0, each).unwrap();
        found
    }
}

fn spec() -> CanarySpec {
    let patience = Duration::from_millis(500);
    CanarySpec { every: EVERY, wants: vec!["readers".to_owned()], patience }
}

#[tokio::test]
async fn a_canary_is_sent_at_the_start_and_then_as_often_as_it_is_due() {
    let (dir, target) = (tempfile::tempdir().unwrap(), ScriptedTarget::new("orders-db"));
    let house = House::proven(dir.path(), start(), &target, spec()).await;
    house.until("the first", || house.canary().proven.is_some()).await;
    let first = house.canary().proven.unwrap();
    assert_eq!((target.made(), target.live()), (1, vec![]));
    assert!(house.due().await <= EVERY);
    house
        .hand
        .on(EVERY.saturating_sub(house.now().since(first)).saturating_sub(Duration::from_secs(1)));
    house.due().await;
    assert_eq!((target.made(), house.canary().proven), (1, Some(first)), "it is too early");
    house.hand.on(Duration::from_secs(1));
    house.due().await;
    assert_eq!((target.made(), target.live()), (2, vec![]));
    assert!(first < house.canary().proven.unwrap());
    // On record as what it is: of no task that anybody opened, and by no decision.
    for lease in house.all() {
        assert_eq!((lease.identity.as_str(), &lease.decision), ("bailiwick.canary", &None));
        assert_eq!(lease.ended.unwrap().cause, LeaseCause::Canary);
        assert!(lease.gone.is_some() && house.engine.desk().task(&lease.task).is_none());
    }
    assert_eq!(house.findings(), Vec::<String>::new());
    house.crash().await;
}

#[tokio::test]
async fn a_target_that_fails_is_told_of_once_until_it_is_proven_again() {
    let (dir, target) = (tempfile::tempdir().unwrap(), ScriptedTarget::new("orders-db"));
    target.set_away(true);
    let house = House::proven(dir.path(), start(), &target, spec()).await;
    house.until("the first", || house.canary().failing.is_some()).await;
    for _ in 0..2 {
        house.hand.on(EVERY);
        house.due().await;
    }
    let failing = house.canary().failing.unwrap();
    assert_eq!((failing.times, house.canary().proven), (3, None));
    assert!(failing.since < house.now() && !failing.why.is_empty(), "{failing:?}");
    let told = |it: &House| it.findings().iter().filter(|it| *it == "canary-failed").count();
    assert_eq!(told(&house), 1);
    target.comes_round();
    house.until("the end of what may be there", || house.open_leases() == 0).await;
    house.hand.on(EVERY);
    house.due().await;
    assert_eq!(house.canary().failing, None);
    assert!(house.canary().proven.is_some());
    target.set_away(true);
    house.hand.on(EVERY);
    house.due().await;
    assert_eq!(told(&house), 2);
    target.comes_round();
    house.until("the end of all", || house.open_leases() == 0).await;
    assert_eq!(target.live(), []);
    house.crash().await;
}

#[tokio::test]
async fn what_is_made_and_does_not_end_is_a_failure() {
    let (dir, target) = (tempfile::tempdir().unwrap(), ScriptedTarget::new("orders-db"));
    let house = House::proven(dir.path(), start(), &target, spec()).await;
    house.until("the first", || house.canary().proven.is_some()).await;
    target.goes_wrong([Trouble::NamesAnother, Trouble::Refuses]);
    house.hand.on(EVERY);
    house.due().await;
    let why = house.canary().failing.unwrap().why;
    assert!(why.contains("not known to be gone"), "{why}");
    house.until("its end", || target.live().is_empty() && house.open_leases() == 0).await;
    house.crash().await;
}

#[tokio::test]
async fn no_other_is_made_where_an_earlier_one_is_not_ended() {
    let (dir, target) = (tempfile::tempdir().unwrap(), ScriptedTarget::new("orders-db"));
    target.goes_wrong(
        std::iter::once(Trouble::NamesAnother).chain(std::iter::repeat_n(Trouble::Refuses, 600)),
    );
    let house = House::proven(dir.path(), start(), &target, spec()).await;
    house.until("the first", || house.canary().failing.is_some()).await;
    for _ in 0..3 {
        house.hand.on(EVERY);
        house.due().await;
    }
    let failing = house.canary().failing.unwrap();
    assert_eq!((target.made(), target.live().len(), failing.times), (1, 1, 4));
    assert!(failing.why.contains("an earlier one is not known to be gone"), "{}", failing.why);
    target.comes_round();
    house.until("its end", || target.live().is_empty() && house.open_leases() == 0).await;
    house.hand.on(EVERY);
    house.due().await;
    assert_eq!((target.made(), house.canary().failing), (2, None));
    house.crash().await;
}

#[tokio::test]
async fn no_canary_is_sent_to_what_is_contained_and_that_is_no_failure() {
    let (dir, target) = (tempfile::tempdir().unwrap(), ScriptedTarget::new("orders-db"));
    let house = House::proven(dir.path(), start(), &target, spec()).await;
    house.until("the first", || house.canary().proven.is_some()).await;
    let subject: Subject = "server:orders-db".parse().unwrap();
    house.engine.desk().contain(&subject, "it leaks", "uid:0").await.unwrap();
    house.hand.on(EVERY);
    house.due().await;
    assert_eq!((target.made(), house.canary().failing), (1, None));
    house.crash().await;
}

#[tokio::test]
async fn a_canary_that_a_process_died_with_is_ended_by_the_next() {
    let (dir, target) = (tempfile::tempdir().unwrap(), ScriptedTarget::new("orders-db"));
    let refusals = std::iter::repeat_n(Trouble::Refuses, 60);
    target.goes_wrong(std::iter::once(Trouble::NamesAnother).chain(refusals));
    let house = House::proven(dir.path(), start(), &target, spec()).await;
    house.until("the first", || house.canary().failing.is_some()).await;
    assert_eq!(target.live().len(), 1);
    let now = house.now();
    house.engine.desk().registry().clone().close();
    house.engine.desk().ledger().clone().close();
    house.crash().await;
    target.comes_round();
    let next = House::start(dir.path(), now, std::slice::from_ref(&target)).await;
    next.until("its end", || target.live().is_empty() && next.open_leases() == 0).await;
    next.crash().await;
}
