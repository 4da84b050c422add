//! Retention: whole segments go, and what is left still proves itself.

use std::{fs, time::Duration};

use bailiwick_model::{Finding, Record, Timestamp};
use bailiwick_store::{Ledger, LedgerError, LedgerOptions, Retained, verify};

use crate::{
    ledger::{check, disk_use, fill, seqs},
    sample::{self, Place},
    segment,
};

#[test]
fn retention_drops_whole_segments_and_what_is_left_still_verifies() {
    let dir = sample::quick_dir();
    let place = Place::new(dir.path());
    fill(&place, 60);
    let (ledger, _) = place.open_short();
    let before = disk_use(&place);
    let Retained { dropped } = ledger.retain_now(sample::time(40)).unwrap();
    // All but those in the segment of the first record that is to stay.
    assert!((30..=39).contains(&dropped), "{dropped}");
    assert!(disk_use(&place) * 2 < before, "{before} bytes became {}", disk_use(&place));
    assert_eq!(ledger.retain_now(sample::time(40)).unwrap(), Retained { dropped: 0 });
    assert_eq!(ledger.decision_records(&sample::decision_id(dropped)).unwrap(), []);
    assert_eq!(seqs(&ledger.decision_records(&sample::decision_id(40)).unwrap()), [40]);
    assert_eq!(sample::all(&ledger, 1).first().unwrap().seq, dropped + 1);
    assert_eq!(ledger.append_blocking(vec![sample::decision(9000)]).unwrap().seq, 61);
    // Beside the running writer, too.
    check(&place, 61 - dropped);
    ledger.close();
    check(&place, 61 - dropped);
    let (again, recovered) = place.open_short();
    assert_eq!((recovered.records, recovered.last_seq), (61 - dropped, 61));
    // Everything may go, and the numbers go on.
    let rest = Retained { dropped: 61 - dropped };
    assert_eq!(again.retain_now(Timestamp::MAX).unwrap(), rest);
    assert_eq!(again.append_blocking(vec![sample::decision(9001)]).unwrap().seq, 62);
    again.close();
    check(&place, 1);
    assert_eq!(place.open_short().1.records, 1);
}

#[test]
fn retention_never_leaves_a_hole() {
    let dir = sample::quick_dir();
    let place = Place::new(dir.path());
    let (ledger, _) = place.open_short();
    // The clock was set back in between.
    for number in (10..30).chain(1..5).chain(30..50) {
        ledger.append_blocking(vec![sample::decision(number)]).unwrap();
    }
    let Retained { dropped } = ledger.retain_now(sample::time(20)).unwrap();
    assert!((1..10).contains(&dropped), "{dropped}");
    let left = seqs(&sample::all(&ledger, 1));
    assert_eq!(left, (dropped + 1..=44).collect::<Vec<_>>());
}

#[test]
fn retention_that_was_interrupted_is_ended_at_the_start() {
    let dir = sample::quick_dir();
    let place = Place::new(dir.path());
    fill(&place, 20);
    let kept = sample::quick_dir();
    for path in segment::paths(&place.dir()) {
        fs::copy(&path, kept.path().join(path.file_name().unwrap())).unwrap();
    }
    let (ledger, _) = place.open_short();
    let Retained { dropped } = ledger.retain_now(sample::time(12)).unwrap();
    ledger.close();
    // The text that says so was on the disk, and the segments were still there.
    for path in segment::paths(kept.path()) {
        let to = place.dir().join(path.file_name().unwrap());
        if !to.exists() {
            fs::copy(&path, to).unwrap();
        }
    }
    check(&place, 20 - dropped);
    let (ledger, recovered) = place.open_short();
    assert_eq!(recovered.records, 20 - dropped);
    assert!(!segment::path(&place.dir(), 1).exists());
    ledger.close();
    check(&place, 20 - dropped);
}

#[test]
fn a_base_that_nobody_signed_is_detected() {
    let dir = sample::quick_dir();
    let place = Place::new(dir.path());
    fill(&place, 20);
    let (ledger, _) = place.open_short();
    let Retained { dropped } = ledger.retain_now(sample::time(12)).unwrap();
    ledger.close();
    let path = place.dir().join("base");
    let text = fs::read_to_string(&path).unwrap();
    let segments = segment::all(&place.dir());
    let (number, chain) = segments[1].before;
    // Somebody drops one segment more, and says so in the text.
    let mut lines: Vec<_> = text.lines().map(str::to_owned).collect();
    lines[1] = number.to_string();
    lines[2] = base64::Engine::encode(&base64::engine::general_purpose::STANDARD, chain.as_bytes());
    fs::write(&path, lines.join("\n") + "\n").unwrap();
    fs::remove_file(segment::path(&place.dir(), segments[0].number)).unwrap();
    assert_eq!(segments[0].before.0, dropped);
    let found = verify(&place.dir(), None, place.key().public()).unwrap();
    assert_eq!((found.ok, found.first_bad), (false, Some(number + 1)), "{found:?}");
    let refused = Ledger::open(place.options()).err();
    assert!(matches!(refused, Some(LedgerError::Tampered { .. })), "{refused:?}");
    assert!(refused.unwrap().to_string().contains("nothing signed says"));
}

#[test]
fn retention_runs_at_the_start() {
    let dir = sample::quick_dir();
    let place = Place::new(dir.path());
    let (ledger, _) = place.open_short();
    // Whatever the clock says now, one day ago lies between these.
    for at in [Timestamp::from_millis(0), Timestamp::MAX] {
        let Record::Finding(finding) = sample::finding(1) else { panic!("not a finding") };
        let text = "x".repeat(4000);
        let finding = Finding { at, text, ..finding };
        ledger.append_blocking(vec![Record::Finding(finding)]).unwrap();
    }
    ledger.close();
    let day = Some(Duration::from_secs(86_400));
    let options = LedgerOptions { retain: day, ..place.options() };
    let (ledger, recovered) = Ledger::open_sized(options, sample::SHORT).unwrap();
    assert_eq!((recovered.records, recovered.last_seq), (1, 2));
    assert_eq!(seqs(&sample::all(&ledger, 1)), [2]);
    assert_eq!(ledger.checkpoint_trouble(), None);
}

#[test]
fn a_segment_that_is_hardly_used_does_not_hold_up_retention() {
    let dir = sample::quick_dir();
    let place = Place::new(dir.path());
    let (ledger, _) = place.open();
    // Made two years ago by the clock, and one that will be made.
    for at in [Timestamp::from_millis(0), Timestamp::MAX] {
        let Record::Finding(finding) = sample::finding(1) else { panic!("not a finding") };
        ledger.append_blocking(vec![Record::Finding(Finding { at, ..finding })]).unwrap();
    }
    // The first is old, the last is not, and they lie in one segment: what comes next does not.
    assert_eq!(ledger.retain_now(Timestamp::from_millis(1)).unwrap().dropped, 0);
    ledger.append_blocking(vec![sample::finding(2)]).unwrap();
    assert_eq!(segment::all(&place.dir()).len(), 2);
}
