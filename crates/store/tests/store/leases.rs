//! Leases are kept as they stand, and a registry from before there were any grows a place for them.

use bailiwick_model::LeaseState;
use bailiwick_store::{Change, LeaseFilter, Registry, Rev};
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
    old.execute_batch("DROP TABLE leases; PRAGMA user_version = 1;").unwrap();
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
