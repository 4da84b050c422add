//! What a ledger does on a good day, and on a few bad ones.

use std::{fs, ops::ControlFlow};

use bailiwick_model::Digest;
use bailiwick_store::{
    DurableAt, Ledger, LedgerError, LedgerHealth, LedgerReader, LockError, SegmentSizes,
    StoredRecord, verify,
};
use tokio::task::JoinSet;

use crate::{
    sample::{self, Place},
    segment::{self, Row, Segment},
};

pub(crate) fn seqs(records: &[StoredRecord]) -> Vec<u64> {
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
async fn one_who_comes_alone_finds_everything_in_its_order() {
    let dir = sample::quick_dir();
    let place = Place::new(dir.path());
    let (ledger, _) = place.open();
    for number in 0..400 {
        let at = ledger.append([sample::decision(number)]).await.unwrap();
        assert_eq!(at.seq, 2 * number + 1);
        ledger.append_soon([sample::outcome(number, "")]).await.unwrap();
    }
    ledger.close();
    let mut expected = (0..400).flat_map(|it| [sample::decision(it), sample::outcome(it, "")]);
    let mut each = |it: StoredRecord| {
        assert_eq!(Some(it.record), expected.next());
        ControlFlow::Continue(())
    };
    place.open().0.scan(1, &mut each).unwrap();
    assert_eq!(expected.next(), None);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_nobody_waits_for_is_found_by_readers_and_kept_by_a_close() {
    let dir = sample::quick_dir();
    let place = Place::new(dir.path());
    let (ledger, _) = place.open();
    for number in 0..50 {
        ledger.append(vec![sample::decision(number)]).await.unwrap();
        ledger.append_soon(vec![sample::outcome(number, "")]).await.unwrap();
        let found = ledger.decision_records(&sample::decision_id(number)).unwrap();
        assert_eq!(found.len(), 2);
    }
    ledger.append_soon(vec![sample::finding(50)]).await.unwrap();
    ledger.close();
    assert_eq!(place.open().1.records, 101);
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
fn a_deleted_replaced_or_cut_file_is_noticed_and_nothing_more_is_taken() {
    for change in ["deleted", "replaced", "cut"] {
        let dir = sample::quick_dir();
        let place = Place::new(dir.path());
        let (ledger, _) = place.open();
        ledger.append_blocking(vec![sample::finding(1)]).unwrap();
        let path = place.live();
        let away = place.dir().join("away");
        if change == "cut" {
            fs::copy(&path, &away).unwrap();
            fs::OpenOptions::new().write(true).open(&path).unwrap().set_len(6000).unwrap();
        } else {
            fs::rename(&path, &away).unwrap();
        }
        if change == "replaced" {
            fs::copy(&away, &path).unwrap();
        }
        for _ in 0..2 {
            let refused = ledger.append_blocking(vec![sample::finding(2)]).unwrap_err();
            assert!(refused.to_string().contains("until a restart"), "{change}: {refused}");
        }
        assert!(matches!(ledger.health(), LedgerHealth::Failed { .. }));
        ledger.close();
        fs::rename(&away, &path).unwrap();
        let (again, recovered) = place.open();
        assert!(1 <= recovered.records);
        again.append_blocking(vec![sample::finding(3)]).unwrap();
    }
}

/// Writes `rows` behind the records of a ledger that is closed, as a write that the power cut
/// short may leave them, and forgets its signed head.
fn leave(place: &Place, rows: &[Row]) {
    let mut segment = Segment::read(&place.live());
    segment.rows.extend(rows.iter().cloned());
    segment.write(&place.dir(), true);
    fs::remove_file(place.dir().join("checkpoint")).unwrap();
}

/// Makes the rows that come next in a ledger as one append of several.
fn joined(place: &Place, numbers: std::ops::Range<u64>) -> Vec<Row> {
    let last = Segment::read(&place.live()).rows.pop().unwrap();
    let mut rows: Vec<_> = numbers.map(|it| Row::of(&sample::outcome(it, "late"))).collect();
    segment::chain((last.seq, last.chain), &mut rows);
    for row in &mut rows {
        row.durable = last.seq;
        row.flags |= 1;
    }
    rows.last_mut().unwrap().flags = 0;
    rows
}

fn two_records(place: &Place) {
    let (ledger, _) = place.open();
    ledger.append_blocking(vec![sample::decision(1)]).unwrap();
    ledger.append_blocking(vec![sample::decision(2)]).unwrap();
    ledger.close();
}

#[test]
fn what_was_never_wholly_written_is_cut_and_told() {
    for torn in 0..4 {
        let dir = sample::quick_dir();
        let place = Place::new(dir.path());
        two_records(&place);
        let rows = joined(&place, 3..6);
        leave(&place, &rows);
        let lens: Vec<_> = rows.iter().map(|it| it.to_bytes().len()).collect();
        let mut bytes = fs::read(place.live()).unwrap();
        let end = bytes.iter().rposition(|it| *it != 0).unwrap().next_multiple_of(8);
        let start = end - lens.iter().sum::<usize>();
        match torn {
            // A part of the first, of the last, all of the last; the end of a sector in between.
            0 => bytes[start + 200..start + 230].fill(0),
            1 => bytes[end - 100..end].fill(0),
            2 => bytes[end - lens[2]..end].fill(0),
            _ => bytes[start..start + 100].fill(0),
        }
        fs::write(place.live(), bytes).unwrap();
        let before = verify(&place.dir(), None, place.key().public()).unwrap();
        assert_eq!((before.ok, before.records >= 2), (false, true), "{before:?}");
        let (again, recovered) = place.open();
        assert_eq!((recovered.records, recovered.last_seq), (2, 2), "{torn}");
        assert!((1..=3).contains(&recovered.truncated), "{torn}: {recovered:?}");
        assert_eq!(again.append_blocking(vec![sample::decision(3)]).unwrap().seq, 3);
        assert_eq!(seqs(&again.decision_records(&sample::decision_id(2)).unwrap()), [2]);
        again.close();
        assert!(verify(&place.dir(), Some(&place.copies()), place.key().public()).unwrap().ok);
        assert_eq!(place.open().1.truncated, 0);
    }
}

#[test]
fn what_was_written_after_a_bad_record_shows_that_it_was_acknowledged() {
    let dir = sample::quick_dir();
    let place = Place::new(dir.path());
    two_records(&place);
    let mut rows = joined(&place, 3..4);
    let last = rows.last().unwrap();
    let (seq, chain) = (last.seq, last.chain);
    rows.push(Row {
        durable: seq,
        seq: seq + 1,
        chain: Digest::of(chain.as_bytes()),
        ..rows[0].clone()
    });
    leave(&place, &rows);
    let mut bytes = fs::read(place.live()).unwrap();
    let end = bytes.iter().rposition(|it| *it != 0).unwrap().next_multiple_of(8);
    bytes[end - 2 * rows[0].to_bytes().len() + 90] ^= 1;
    fs::write(place.live(), bytes).unwrap();
    let refused = Ledger::open(place.options()).err();
    assert!(matches!(refused, Some(LedgerError::Tampered { seq: 3, .. })), "{refused:?}");
    assert!(refused.unwrap().to_string().contains("record 4 was written after it"));
}

#[test]
fn a_segment_that_lost_its_room_gets_it_back() {
    let dir = sample::quick_dir();
    let place = Place::new(dir.path());
    two_records(&place);
    let whole = fs::read(place.live()).unwrap();
    let end = whole.iter().rposition(|it| *it != 0).unwrap() + 1;
    fs::write(place.live(), &whole[..end.next_multiple_of(8)]).unwrap();
    let (ledger, recovered) = place.open();
    assert_eq!((recovered.records, recovered.truncated), (2, 0));
    assert_eq!(fs::metadata(place.live()).unwrap().len(), u64::try_from(whole.len()).unwrap());
    ledger.append_blocking(vec![sample::decision(3)]).unwrap();
}

pub(crate) fn fill(place: &Place, count: u64) {
    let (ledger, _) = place.open_short();
    for number in 1..=count {
        ledger.append_blocking(vec![sample::decision(number)]).unwrap();
    }
    ledger.close();
}

pub(crate) fn check(place: &Place, records: u64) {
    let found = verify(&place.dir(), Some(&place.copies()), place.key().public()).unwrap();
    assert!(found.ok, "{found:?}");
    assert_eq!(found.records, records);
}

pub(crate) fn disk_use(place: &Place) -> u64 {
    let files = fs::read_dir(place.dir()).unwrap().map(|it| it.unwrap().metadata().unwrap().len());
    files.sum()
}

#[test]
fn segments_follow_on_each_other_and_readers_do_not_notice() {
    let dir = sample::quick_dir();
    let place = Place::new(dir.path());
    fill(&place, 40);
    let segments = segment::all(&place.dir());
    assert!(10 < segments.len(), "{}", segments.len());
    let look = |ledger: &Ledger| {
        assert_eq!(seqs(&sample::all(ledger, 1)), (1..=40).collect::<Vec<_>>());
        assert_eq!(seqs(&sample::all(ledger, 17)), (17..=40).collect::<Vec<_>>());
        let task = seqs(&ledger.task_records(&sample::task_id(2)).unwrap());
        assert_eq!(task, (20..30).collect::<Vec<_>>());
        assert_eq!(seqs(&ledger.decision_records(&sample::decision_id(7)).unwrap()), [7]);
    };
    let (ledger, recovered) = place.open_short();
    assert_eq!((recovered.records, recovered.last_seq), (40, 40));
    look(&ledger);
    assert_eq!(ledger.patrolled(), None);
    ledger.close();
    check(&place, 40);
    // Without indexes everything is found, too, and they are made anew.
    for segment in &segments {
        let _none =
            fs::remove_file(segment::path(&place.dir(), segment.number).with_extension("index"));
    }
    let reader = LedgerReader::open(&place.dir()).unwrap();
    assert_eq!(seqs(&reader.decision_records(&sample::decision_id(7)).unwrap()), [7]);
    let (ledger, _) = place.open_short();
    look(&ledger);
    ledger.close();
    assert!(segment::path(&place.dir(), 1).with_extension("index").exists());
    // The same for one that was damaged.
    let path = segment::path(&place.dir(), 2).with_extension("index");
    let whole = fs::read(&path).unwrap();
    fs::write(&path, &whole[..whole.len() - 1]).unwrap();
    look(&place.open_short().0);
    assert_eq!(fs::read(&path).unwrap(), whole);
}

#[test]
fn an_append_that_is_longer_than_a_segment_gets_a_longer_one() {
    let dir = sample::quick_dir();
    let place = Place::new(dir.path());
    let (ledger, _) = place.open_short();
    for number in 0..4 {
        let batch: Vec<_> = (number * 30..number * 30 + 30).map(sample::decision).collect();
        assert_eq!(ledger.append_blocking(batch).unwrap().seq, number * 30 + 30);
    }
    ledger.close();
    assert_eq!(place.open_short().1.truncated, 0);
    let much = "x".repeat(20 << 20);
    let (ledger, _) = place.open_short();
    let batch = vec![sample::outcome(1, &much), sample::outcome(2, &much)];
    let refused = ledger.append_blocking(batch).unwrap_err();
    assert!(matches!(refused, LedgerError::TooMuch { records: 2, .. }), "{refused}");
    assert_eq!(ledger.health(), LedgerHealth::Good);
}

#[test]
fn a_ledger_that_grows_gets_longer_segments() {
    let dir = sample::quick_dir();
    let place = Place::new(dir.path());
    let sizes = SegmentSizes { first: 8192, largest: 65536 };
    let (ledger, _) = Ledger::open_sized(place.options(), sizes).unwrap();
    for number in 0..240 {
        ledger.append_blocking(vec![sample::decision(number)]).unwrap();
    }
    let lengths: Vec<_> = segment::all(&place.dir()).iter().map(|it| it.capacity).collect();
    assert_eq!(lengths[..5], [8192, 16384, 32768, 65536, 65536]);
}

#[test]
fn landmarks_are_commands_and_used_approvals() {
    let dir = sample::quick_dir();
    let place = Place::new(dir.path());
    let (ledger, _) = place.open_short();
    for number in 0..24 {
        ledger.append_blocking(vec![sample::record(number)]).unwrap();
    }
    let look = |ledger: &Ledger| {
        let mut found = Vec::new();
        ledger.landmarks(&mut |it| found.push(it.seq)).unwrap();
        // Record `number` is a decision or a command where it is even.
        assert_eq!(found, (1..=24).step_by(2).collect::<Vec<_>>());
    };
    look(&ledger);
    ledger.close();
    look(&place.open_short().0);
}

#[test]
fn whoever_reads_landmarks_on_looks_at_no_segment_that_was_read() {
    let dir = sample::quick_dir();
    let place = Place::new(dir.path());
    let (ledger, _) = place.open_short();
    for number in 0..400 {
        ledger.append_blocking(vec![sample::record(number)]).unwrap();
    }
    ledger.close();
    let (ledger, _) = place.open_short();
    let look = |after: u64| {
        let mut found = Vec::new();
        ledger.landmarks_after(after, &mut |it| found.push(it.seq)).map(|()| found)
    };
    assert_eq!(look(0).unwrap().len(), 200);
    fs::remove_file(segment::path(&place.dir(), 1).with_extension("index")).unwrap();
    assert!(look(0).is_err(), "the first segment is looked at");
    assert_eq!(look(301).unwrap(), (303..=399).step_by(2).collect::<Vec<_>>());
}

#[test]
fn whoever_reads_what_was_named_leaves_nothing_out_where_an_index_is_gone() {
    let dir = sample::quick_dir();
    let place = Place::new(dir.path());
    let (ledger, _) = place.open_short();
    for number in 0..400 {
        ledger.append_blocking(vec![sample::record(number)]).unwrap();
    }
    ledger.close();
    let (ledger, _) = place.open_short();
    let named: Vec<u64> = (1..=399).step_by(2).collect();
    ledger.name_landmarks(ledger.head(), &named).unwrap();
    let look = || {
        let mut found = Vec::new();
        ledger.named_landmarks(&mut |it| found.push(it.seq)).map(|_| found)
    };
    assert_eq!(look().unwrap(), named);
    fs::remove_file(segment::path(&place.dir(), 1).with_extension("index")).unwrap();
    assert!(look().is_err(), "what is named in the first segment is not left out");
    let scanned = ledger.scan(0, &mut |_| ControlFlow::Continue(()));
    assert!(scanned.is_err(), "nor is it by whoever reads everything");
    // What retention took is not there, and that is no error.
    ledger.retain_now(sample::time(200)).unwrap();
    let rest = look().unwrap();
    assert!(rest.len() < named.len() && named.ends_with(&rest), "{rest:?}");
}

#[test]
fn the_ledger_is_read_while_it_is_written() {
    let dir = sample::quick_dir();
    let place = Place::new(dir.path());
    let (ledger, _) = place.open_short();
    std::thread::scope(|scope| {
        let writer = scope.spawn(|| {
            for number in 1..=400 {
                ledger.append_blocking(vec![sample::decision(number)]).unwrap();
            }
        });
        let mut seen = 0;
        while !writer.is_finished() {
            let known = ledger.head().seq;
            let reader = LedgerReader::open(&place.dir()).unwrap();
            let mut next = 1;
            let each = &mut |it: StoredRecord| {
                assert_eq!((it.seq, it.record), (next, sample::decision(next)));
                next += 1;
                ControlFlow::Continue(())
            };
            reader.scan(1, each).unwrap();
            assert!(known < next, "{known} were acknowledged, {next} come next");
            let found = verify(&place.dir(), None, place.key().public()).unwrap();
            assert!(found.ok && known <= found.records, "{found:?}");
            seen = next;
        }
        assert!(1 < seen);
    });
}

#[test]
fn the_ledger_is_read_without_a_server_and_beside_one() {
    let dir = sample::quick_dir();
    let place = Place::new(dir.path());
    assert!(matches!(LedgerReader::open(&place.dir()), Err(LedgerError::Missing { .. })));
    let (ledger, _) = place.open();
    ledger.append_blocking(vec![sample::decision(11), sample::outcome(11, "")]).unwrap();
    let look = || {
        let reader = LedgerReader::open(&place.dir()).unwrap();
        assert_eq!(seqs(&reader.task_records(&sample::task_id(1)).unwrap()), [1, 2]);
        assert_eq!(seqs(&reader.decision_records(&sample::decision_id(11)).unwrap()), [1, 2]);
    };
    look();
    ledger.close();
    look();
}

#[test]
fn what_a_dead_process_left_is_read_too() {
    let dir = sample::quick_dir();
    let place = Place::new(dir.path());
    let (ledger, _) = place.open();
    ledger.append_blocking(vec![sample::decision(11)]).unwrap();
    let dead = sample::quick_dir();
    let left = Place::new(dead.path());
    fs::create_dir(left.dir()).unwrap();
    fs::copy(place.live(), left.live()).unwrap();
    let reader = LedgerReader::open(&left.dir()).unwrap();
    assert_eq!(seqs(&reader.task_records(&sample::task_id(1)).unwrap()), [1]);
    assert!(verify(&left.dir(), None, place.key().public()).unwrap().ok);
}

#[test]
fn the_database_of_an_earlier_version_is_refused_and_kept() {
    let dir = sample::quick_dir();
    let place = Place::new(dir.path());
    fs::create_dir(place.dir()).unwrap();
    let old = place.dir().join("live.db");
    fs::write(&old, "SQLite format 3\0").unwrap();
    let refused = Ledger::open(place.options()).err().unwrap().to_string();
    assert!(refused.contains("earlier version") && refused.contains("live.db"), "{refused}");
    assert!(matches!(LedgerReader::open(&place.dir()), Err(LedgerError::Old { .. })));
    assert!(!verify(&place.dir(), None, place.key().public()).unwrap().ok);
    assert!(old.exists());
}

#[test]
fn another_programs_file_is_refused() {
    let dir = sample::quick_dir();
    let place = Place::new(dir.path());
    fs::create_dir(place.dir()).unwrap();
    fs::write(place.live(), "theirs").unwrap();
    let refused = Ledger::open(place.options()).err().unwrap().to_string();
    assert!(refused.contains("it is no segment of a ledger"), "{refused}");
    let (ours, _) = Place::new(&dir.path().join("ours")).open();
    ours.close();
    let ours = Place::new(&dir.path().join("ours"));
    let mut bytes = fs::read(ours.live()).unwrap();
    bytes[16] = 9;
    fs::write(ours.live(), bytes).unwrap();
    let refused = Ledger::open(ours.options()).err().unwrap().to_string();
    assert!(refused.contains("of a version that this program does not know"), "{refused}");
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
