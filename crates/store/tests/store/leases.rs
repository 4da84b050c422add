//! Leases are kept as they stand, and a registry from before there were any grows a place for them.

use bailiwick_model::LeaseState;
use bailiwick_store::{Change, Folding, LeaseFilter, Registry, Rev};
use rusqlite::Connection;

use crate::sample;

fn lease(number: u64, state: LeaseState) -> Change {
    Change::Lease(Box::new(sample::lease(number, state)))
}

#[tokio::test]
async fn a_lease_is_read_as_it_was_last_written_and_the_log_tells_each_step() {
    let dir = sample::quick_dir();
    let path = dir.path().join("registry.db");
    let registry = Registry::open(&path).unwrap();
    let steps = vec![
        lease(1, LeaseState::Minting),
        lease(1, LeaseState::Active),
        lease(2, LeaseState::Revoking),
        lease(3, LeaseState::Revoked),
    ];
    assert_eq!(registry.write(steps).await.unwrap(), Rev(4));
    registry.close();

    let reader = Registry::open_read_only(&path).unwrap();
    let (one, two) = (sample::lease(1, LeaseState::Active), sample::lease(2, LeaseState::Revoking));
    let open = LeaseFilter { open_only: true, ..LeaseFilter::ALL };
    assert_eq!(reader.leases(open).unwrap(), [one.clone(), two]);
    assert_eq!(reader.leases(LeaseFilter::ALL).unwrap().len(), 3);
    let of = LeaseFilter { task: Some(sample::task_id(9)), ..LeaseFilter::ALL };
    assert_eq!(reader.leases(of).unwrap(), []);
    assert_eq!(reader.lease(&one.lease.id).unwrap(), Some(one));
    assert_eq!(reader.verify_rows().unwrap(), []);
    assert_eq!(reader.verify_changes().unwrap(), None);
}

#[tokio::test]
async fn who_marks_a_lease_as_over_behind_our_back_is_seen() {
    let dir = sample::quick_dir();
    let path = dir.path().join("registry.db");
    let registry = Registry::open(&path).unwrap();
    registry.write(vec![lease(1, LeaseState::Active)]).await.unwrap();
    registry.close();
    Connection::open(&path).unwrap().execute("UPDATE leases SET open = 0", []).unwrap();
    let wrong = Registry::open_read_only(&path).unwrap().verify_rows().unwrap();
    assert_eq!(wrong.len(), 1);
    assert!(wrong[0].to_string().contains("was altered beside its text"), "{}", wrong[0]);
}

#[tokio::test]
async fn a_registry_from_before_there_were_leases_takes_them_after_its_next_start() {
    let dir = sample::quick_dir();
    let path = dir.path().join("registry.db");
    let registry = Registry::open(&path).unwrap();
    registry.write(vec![Change::Person(sample::person("alice"))]).await.unwrap();
    registry.close();
    let old = Connection::open(&path).unwrap();
    old.execute_batch("DROP TABLE leases; DROP TABLE folded; PRAGMA user_version = 1;").unwrap();
    drop(old);
    // What only reads looks at it as it is.
    let reader = Registry::open_read_only(&path).unwrap();
    assert_eq!(reader.persons().unwrap(), [sample::person("alice")]);
    drop(reader);

    let registry = Registry::open(&path).unwrap();
    registry.write(vec![lease(1, LeaseState::Minting)]).await.unwrap();
    assert_eq!(registry.leases(LeaseFilter::ALL).unwrap().len(), 1);
    assert_eq!(registry.persons().unwrap(), [sample::person("alice")]);
    assert_eq!(registry.verify_changes().unwrap(), None);
}

/// A registry that folds after ten changes, and keeps two leases that are over.
fn folding(path: &std::path::Path) -> Registry {
    Registry::open_folding(path, Folding { after: 10, leases: 2, tasks: 2 }).unwrap()
}

/// Lets leases live and end one after the other, each in a write of its own.
async fn lives(registry: &Registry, numbers: std::ops::Range<u64>) {
    for number in numbers {
        for state in [LeaseState::Minting, LeaseState::Active, LeaseState::Revoked] {
            registry.write(vec![lease(number, state)]).await.unwrap();
        }
    }
}

#[tokio::test]
async fn what_is_over_is_folded_and_what_is_open_stays() {
    let dir = sample::quick_dir();
    let path = dir.path().join("registry.db");
    let registry = folding(&path);
    registry.write(vec![Change::Person(sample::person("alice"))]).await.unwrap();
    registry.write(vec![lease(1, LeaseState::Active)]).await.unwrap();
    let mut most = 0;
    for round in 1..=10 {
        lives(&registry, round * 100..round * 100 + 10).await;
        most = most.max(registry.changes(Rev(0), usize::MAX).unwrap().len());
        assert_eq!(registry.verify_changes().unwrap(), None);
        assert_eq!(registry.verify_rows().unwrap(), []);
    }
    // Numbers go on, whatever was taken out.
    assert_eq!(registry.head().unwrap().0, Rev(302));
    assert!(most <= 14, "{most}");
    registry.close();

    let registry = folding(&path);
    assert_eq!(registry.verify_changes().unwrap(), None);
    assert_eq!(registry.verify_rows().unwrap(), []);
    let open = LeaseFilter { open_only: true, ..LeaseFilter::ALL };
    assert_eq!(registry.leases(open).unwrap(), [sample::lease(1, LeaseState::Active)]);
    let all = registry.leases(LeaseFilter::ALL).unwrap();
    assert!(3 <= all.len() && all.len() <= 6, "{}", all.len());
    assert_eq!(registry.persons().unwrap(), [sample::person("alice")]);
    // The newest are kept, and what was open comes to its end.
    assert!(all.iter().any(|it| it.lease.id == sample::lease(1009, LeaseState::Active).lease.id));
    registry.write(vec![lease(1, LeaseState::Revoked)]).await.unwrap();
    lives(&registry, 2000..2010).await;
    let first = sample::lease(1, LeaseState::Active).lease.id;
    assert_eq!(registry.lease(&first).unwrap(), None);
}

#[tokio::test]
async fn an_edit_is_seen_in_what_was_folded_as_in_the_rest_and_is_never_folded_away() {
    let dir = sample::quick_dir();
    let path = dir.path().join("registry.db");
    let registry = folding(&path);
    registry.write(vec![Change::Person(sample::person("alice"))]).await.unwrap();
    registry.write(vec![lease(1, LeaseState::Active)]).await.unwrap();
    lives(&registry, 100..103).await;
    lives(&registry, 103..104).await;
    registry.close();
    let whole = std::fs::read(&path).unwrap();
    let edits = [
        "UPDATE change_log SET body = replace(body, 'alice', 'mallory') WHERE kind = 'person'",
        "UPDATE change_log SET hash = zeroblob(32) WHERE rev = 1",
        "UPDATE change_log SET rev = 3 WHERE rev = 2",
        "DELETE FROM change_log WHERE rev = 2",
        "DELETE FROM change_log WHERE rev = 12",
        "DELETE FROM change_log",
        "UPDATE folded SET rev = 9",
        "UPDATE folded SET hash = zeroblob(32)",
        "UPDATE folded SET kept = zeroblob(32)",
        "UPDATE counter SET rev = 30",
        "INSERT INTO change_log SELECT 4, kind, 'bob', format, body, hash FROM change_log WHERE rev = 1",
    ];
    for edit in edits {
        std::fs::write(&path, &whole).unwrap();
        Connection::open(&path).unwrap().execute_batch(edit).unwrap();
        let registry = Registry::open_read_only(&path).unwrap();
        assert!(registry.verify_changes().unwrap().is_some(), "{edit}");
    }
    // Who marks a lease as over beside a running governor does not have it forgotten.
    std::fs::write(&path, &whole).unwrap();
    let registry = folding(&path);
    assert_eq!(registry.verify_changes().unwrap(), None);
    Connection::open(&path).unwrap().execute("UPDATE leases SET open = 0", []).unwrap();
    lives(&registry, 200..210).await;
    let first = sample::lease(1, LeaseState::Active).lease.id;
    assert!(registry.lease(&first).unwrap().is_some());
    assert_ne!(registry.verify_rows().unwrap(), []);
}

#[tokio::test]
async fn the_steps_of_a_lease_are_found_in_the_ledger_wherever_they_lie() {
    use bailiwick_model::{LeaseId, LeaseRecord, Record, Ulid};
    let dir = sample::quick_dir();
    let place = sample::Place::new(dir.path());
    let (ledger, _) = place.open_short();
    let id = |number: u64| {
        let mut random = [7; 10];
        random[..8].copy_from_slice(&number.to_be_bytes());
        LeaseId::new(Ulid::new(sample::time(number), random))
    };
    let step = |number: u64, state, time| {
        let mut lease = sample::lease(number, state).lease;
        (lease.id, lease.task) = (id(number), sample::task_id(500 + number));
        Record::Lease(Box::new(LeaseRecord::of(&lease, sample::time(time))))
    };
    for number in 1..=40 {
        ledger.append([step(number, LeaseState::Active, number)]).await.unwrap();
        ledger
            .append((0..4).map(|it| sample::decision(number + it)).collect::<Vec<_>>())
            .await
            .unwrap();
    }
    for number in 1..=40 {
        ledger.append([step(number, LeaseState::Revoked, 100 + number)]).await.unwrap();
    }
    let states = |records: Vec<bailiwick_store::StoredRecord>| -> Vec<LeaseState> {
        let state = |it| if let Record::Lease(it) = it { Some(it.state) } else { None };
        records.into_iter().filter_map(|it| state(it.record)).collect()
    };
    let both = [LeaseState::Active, LeaseState::Revoked];
    for number in 1..=40 {
        assert_eq!(states(ledger.lease_records(&id(number)).unwrap()), both);
        let of_task = ledger.task_records(&sample::task_id(500 + number)).unwrap();
        assert_eq!(states(of_task), both);
    }
    assert_eq!(ledger.lease_records(&id(41)).unwrap().len(), 0);
    ledger.close();
    let reader = bailiwick_store::LedgerReader::open(&place.dir()).unwrap();
    assert_eq!(states(reader.lease_records(&id(7)).unwrap()), both);
}
