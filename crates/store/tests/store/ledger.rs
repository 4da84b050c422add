//! What a ledger does on a good day, and on a few bad ones.

use std::{fs, time::Duration};

use bailiwick_model::{Digest, Finding, Record, Timestamp};
use bailiwick_store::{
    DurableAt, Ledger, LedgerError, LedgerHealth, LedgerOptions, LedgerReader, LockError, Retained,
    SqliteError, verify,
};
use rusqlite::Connection;
use tokio::task::JoinSet;

use crate::sample::{self, Place};

fn seqs(records: &[bailiwick_store::StoredRecord]) -> Vec<u64> {
    records.iter().map(|it| it.seq).collect()
}

#[tokio::test]
async fn records_are_numbered_chained_and_found_again() {
    let dir = sample::quick_dir();
    let place = Place::new(dir.path());
    let (ledger, recovered) = place.open();
    assert_eq!((recovered.records, recovered.last_seq), (0, 0));
    let first = vec![sample::decision(11), sample::finding(12)];
    let at = ledger.append(first.clone()).await.unwrap();
    assert_eq!(at.seq, 2);
    let chain = first.iter().fold(Digest::from_bytes([0; 32]), |chain, record| {
        Digest::chain(&chain, &serde_json::to_vec(record).unwrap())
    });
    assert_eq!(at.chain, chain);
    let at = ledger.append(vec![sample::outcome(11, ""), sample::decision(25)]).await.unwrap();
    assert_eq!((at, ledger.append(Vec::new()).await.unwrap()), (ledger.head(), ledger.head()));

    let look = |ledger: &Ledger| {
        assert_eq!(seqs(&ledger.task_records(&sample::task_id(1)).unwrap()), [1, 3]);
        assert_eq!(seqs(&ledger.decision_records(&sample::decision_id(11)).unwrap()), [1, 3]);
        assert_eq!(seqs(&ledger.decision_records(&sample::decision_id(25)).unwrap()), [4]);
        assert_eq!(ledger.task_records(&sample::task_id(9)).unwrap(), []);
        assert_eq!(seqs(&sample::all(ledger, 2)), [2, 3, 4]);
        assert_eq!(
            sample::all(ledger, 1)[..2].iter().map(|it| &it.record).collect::<Vec<_>>(),
            first.iter().collect::<Vec<_>>()
        );
    };
    look(&ledger);
    ledger.close();
    let (again, recovered) = place.open();
    let DurableAt { seq, chain } = at;
    let found = (recovered.records, recovered.truncated, recovered.last_seq, recovered.last_chain);
    assert_eq!(found, (4, 0, seq, chain));
    look(&again);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn many_writers_get_each_their_own_place() {
    let dir = sample::quick_dir();
    let (ledger, _) = Place::new(dir.path()).open();
    let mut writers = JoinSet::new();
    for number in 0..200 {
        let ledger = ledger.clone();
        writers.spawn(async move {
            let batch = vec![sample::decision(number), sample::outcome(number, "")];
            (number, ledger.append(batch).await.unwrap())
        });
    }
    let mut taken = Vec::new();
    while let Some(done) = writers.join_next().await {
        let (number, at) = done.unwrap();
        let found = ledger.decision_records(&sample::decision_id(number)).unwrap();
        assert_eq!(seqs(&found), [at.seq - 1, at.seq]);
        taken.push(at.seq);
    }
    taken.sort_unstable();
    assert_eq!(taken, (1..=200).map(|it| it * 2).collect::<Vec<_>>());
}

#[tokio::test]
async fn a_full_queue_is_told_in_time() {
    let dir = sample::quick_dir();
    let place = Place::new(dir.path());
    let (ledger, _) = place.open();
    // Somebody else holds the file, so that the writer waits.
    let other = Connection::open(place.live()).unwrap();
    other.execute_batch("BEGIN IMMEDIATE").unwrap();
    let mut writers = JoinSet::new();
    for number in 0..4300 {
        let ledger = ledger.clone();
        writers.spawn(async move { ledger.append(vec![sample::finding(number)]).await });
    }
    let mut other = Some(other);
    let (mut busy, mut done) = (0, 0);
    while let Some(answer) = writers.join_next().await {
        match answer.unwrap() {
            Ok(_) => done += 1,
            Err(LedgerError::Busy { waited }) => {
                assert_eq!(waited, Duration::from_millis(250));
                busy += 1;
                other.take();
            }
            Err(error) => panic!("{error}"),
        }
    }
    assert!(0 < busy);
    assert_eq!(ledger.head().seq, done);
    assert_eq!(ledger.health(), LedgerHealth::Good);
}

#[test]
fn only_one_process_owns_a_ledger() {
    let dir = sample::quick_dir();
    let place = Place::new(dir.path());
    let (ledger, _) = place.open();
    let refused = Ledger::open(place.options()).err();
    assert!(matches!(refused, Some(LedgerError::Lock(LockError::InUse { .. }))), "{refused:?}");
    let clone = ledger.clone();
    ledger.close();
    assert!(matches!(clone.append_blocking(vec![sample::finding(1)]), Err(LedgerError::Closed)));
    place.open();
}

#[test]
fn a_deleted_or_replaced_file_is_noticed_and_nothing_more_is_taken() {
    for name in ["live.db", "live.db-wal"] {
        for replaced in [false, true] {
            let dir = sample::quick_dir();
            let place = Place::new(dir.path());
            let (ledger, _) = place.open();
            ledger.append_blocking(vec![sample::finding(1)]).unwrap();
            let path = place.dir().join(name);
            let away = place.dir().join("away");
            fs::rename(&path, &away).unwrap();
            if replaced {
                fs::copy(&away, &path).unwrap();
            }
            for _ in 0..2 {
                let refused = ledger.append_blocking(vec![sample::finding(2)]).unwrap_err();
                assert!(refused.to_string().contains("until a restart"), "{refused}");
            }
            assert!(matches!(ledger.health(), LedgerHealth::Failed { .. }));
            ledger.close();
            fs::rename(&away, &path).unwrap();
            let (again, recovered) = place.open();
            assert!(1 <= recovered.records);
            again.append_blocking(vec![sample::finding(3)]).unwrap();
        }
    }
}

#[test]
fn a_bad_last_record_that_no_head_knows_is_cut_and_told() {
    let dir = sample::quick_dir();
    let place = Place::new(dir.path());
    let (ledger, _) = place.open();
    ledger.append_blocking(vec![sample::decision(1), sample::decision(2)]).unwrap();
    ledger.close();
    Connection::open(place.live())
        .unwrap()
        .execute_batch(
            "INSERT INTO record SELECT 3, kind, time, task, format, body, zeroblob(32)
             FROM record WHERE seq = 2",
        )
        .unwrap();
    let (again, recovered) = place.open();
    assert_eq!((recovered.records, recovered.truncated, recovered.last_seq), (2, 1, 2));
    assert_eq!(again.append_blocking(vec![sample::decision(3)]).unwrap().seq, 3);
    assert_eq!(seqs(&again.decision_records(&sample::decision_id(2)).unwrap()), [2]);
    again.close();
    assert!(verify(&place.dir(), Some(&place.copies()), place.key().public()).unwrap().ok);
}

#[test]
fn retention_drops_the_oldest_records_and_what_is_left_still_verifies() {
    let dir = sample::quick_dir();
    let place = Place::new(dir.path());
    let (ledger, _) = place.open();
    for number in 0..2500_u64.div_ceil(100) {
        let batch = (number * 100..number * 100 + 100).map(sample::decision).collect();
        ledger.append_blocking(batch).unwrap();
    }
    ledger.checkpoint_now().unwrap();
    assert_eq!(ledger.retain_now(sample::time(2300)).unwrap(), Retained { dropped: 2300 });
    assert_eq!(ledger.retain_now(sample::time(2300)).unwrap(), Retained { dropped: 0 });
    assert_eq!(ledger.decision_records(&sample::decision_id(2299)).unwrap(), []);
    assert_eq!(seqs(&ledger.decision_records(&sample::decision_id(2300)).unwrap()), [2301]);
    assert_eq!(ledger.append_blocking(vec![sample::decision(9000)]).unwrap().seq, 2501);
    // Beside the running writer, too.
    let check = |records: u64| {
        let found = verify(&place.dir(), Some(&place.copies()), place.key().public()).unwrap();
        assert!(found.ok, "{found:?}");
        assert_eq!(found.records, records);
    };
    check(201);
    ledger.close();
    check(201);
    let (again, recovered) = place.open();
    assert_eq!((recovered.records, recovered.last_seq), (201, 2501));
    // Everything may go, and the numbers go on.
    assert_eq!(again.retain_now(Timestamp::MAX).unwrap(), Retained { dropped: 201 });
    assert_eq!(again.append_blocking(vec![sample::decision(9001)]).unwrap().seq, 2502);
    again.close();
    check(1);
}

#[test]
fn retention_never_leaves_a_hole() {
    let dir = sample::quick_dir();
    let place = Place::new(dir.path());
    let (ledger, _) = place.open();
    // The clock was set back between the second and the third record.
    let batch = [5, 6, 1, 2, 7].into_iter().map(sample::decision).collect();
    ledger.append_blocking(batch).unwrap();
    assert_eq!(ledger.retain_now(sample::time(6)).unwrap(), Retained { dropped: 1 });
    assert_eq!(seqs(&sample::all(&ledger, 1)), [2, 3, 4, 5]);
}

#[test]
fn a_base_that_nobody_signed_is_detected() {
    let dir = sample::quick_dir();
    let place = Place::new(dir.path());
    let (ledger, _) = place.open();
    ledger.append_blocking((0..9).map(sample::decision).collect()).unwrap();
    ledger.retain_now(sample::time(4)).unwrap();
    ledger.close();
    let file = Connection::open(place.live()).unwrap();
    file.execute_batch(
        "UPDATE base SET seq = 5, chain = (SELECT chain FROM record WHERE seq = 5);
         DELETE FROM record WHERE seq = 5;",
    )
    .unwrap();
    let found = verify(&place.dir(), None, place.key().public()).unwrap();
    assert_eq!((found.ok, found.first_bad), (false, Some(6)), "{found:?}");
    let refused = Ledger::open(place.options()).err();
    assert!(matches!(refused, Some(LedgerError::Tampered { seq: 5, .. })), "{refused:?}");
}

#[test]
fn retention_runs_at_the_start() {
    let dir = sample::quick_dir();
    let place = Place::new(dir.path());
    let (ledger, _) = place.open();
    // Whatever the clock says now, one day ago lies between these.
    for at in [Timestamp::from_millis(0), Timestamp::from_millis(1), Timestamp::MAX] {
        let Record::Finding(finding) = sample::finding(1) else { panic!("not a finding") };
        ledger.append_blocking(vec![Record::Finding(Finding { at, ..finding })]).unwrap();
    }
    ledger.close();
    let day = Some(Duration::from_secs(86_400));
    let (ledger, recovered) =
        Ledger::open(LedgerOptions { retain: day, ..place.options() }).unwrap();
    assert_eq!((recovered.records, recovered.last_seq), (1, 3));
    assert_eq!(seqs(&sample::all(&ledger, 1)), [3]);
    assert_eq!(ledger.checkpoint_trouble(), None);
}

#[test]
fn the_ledger_is_read_without_a_server_and_beside_one() {
    let dir = sample::quick_dir();
    let place = Place::new(dir.path());
    assert!(matches!(
        LedgerReader::open(&place.dir()),
        Err(LedgerError::Sqlite(SqliteError::Missing { .. }))
    ));
    let (ledger, _) = place.open();
    ledger.append_blocking(vec![sample::decision(11), sample::outcome(11, "")]).unwrap();
    let look = || {
        let reader = LedgerReader::open(&place.dir()).unwrap();
        assert_eq!(seqs(&reader.task_records(&sample::task_id(1)).unwrap()), [1, 2]);
        assert_eq!(seqs(&reader.decision_records(&sample::decision_id(11)).unwrap()), [1, 2]);
    };
    // The write-ahead log holds everything now, and nothing after the close.
    assert!(fs::metadata(place.dir().join("live.db-wal")).unwrap().len() > 0);
    look();
    ledger.close();
    assert!(!place.dir().join("live.db-wal").exists());
    look();
}

#[test]
fn a_log_left_by_a_dead_process_is_read_too() {
    let dir = sample::quick_dir();
    let place = Place::new(dir.path());
    let (ledger, _) = place.open();
    ledger.append_blocking(vec![sample::decision(11)]).unwrap();
    let dead = sample::quick_dir();
    let left = Place::new(dead.path());
    fs::create_dir(left.dir()).unwrap();
    for name in ["live.db", "live.db-wal"] {
        fs::copy(place.dir().join(name), left.dir().join(name)).unwrap();
    }
    let reader = LedgerReader::open(&left.dir()).unwrap();
    assert_eq!(seqs(&reader.task_records(&sample::task_id(1)).unwrap()), [1]);
    assert!(verify(&left.dir(), None, place.key().public()).unwrap().ok);
}

#[test]
fn another_programs_database_is_refused() {
    let dir = sample::quick_dir();
    let place = Place::new(dir.path());
    fs::create_dir(place.dir()).unwrap();
    let file = Connection::open(place.live()).unwrap();
    file.execute_batch("CREATE TABLE theirs (it INTEGER)").unwrap();
    let refused = Ledger::open(place.options()).err().unwrap().to_string();
    assert!(refused.contains("another program's mark"), "{refused}");
    let (ours, _) = Place::new(&dir.path().join("ours")).open();
    ours.close();
    let ours = Place::new(&dir.path().join("ours"));
    let file = Connection::open(ours.live()).unwrap();
    file.execute_batch("PRAGMA user_version = 9").unwrap();
    let refused = Ledger::open(ours.options()).err().unwrap().to_string();
    assert!(refused.ends_with("has schema version 9; this program knows 1"), "{refused}");
    let trap = "PRAGMA user_version = 1; CREATE TRIGGER trap AFTER INSERT ON record
                BEGIN DELETE FROM record; END";
    file.execute_batch(trap).unwrap();
    let refused = Ledger::open(ours.options()).err().unwrap().to_string();
    assert!(refused.contains("added a trigger"), "{refused}");
}

#[test]
fn a_head_that_cannot_be_copied_is_told_and_copied_later() {
    let dir = sample::quick_dir();
    let place = Place::new(dir.path());
    fs::write(place.copies(), "in the way").unwrap();
    let (ledger, _) = place.open();
    ledger.append_blocking(vec![sample::decision(1)]).unwrap();
    assert!(ledger.checkpoint_now().is_err());
    assert_eq!(ledger.last_checkpoint().unwrap().seq, 1);
    fs::remove_file(place.copies()).unwrap();
    ledger.checkpoint_now().unwrap();
    assert!(verify(&place.dir(), Some(&place.copies()), place.key().public()).unwrap().ok);
}
