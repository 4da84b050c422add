//! Law 13: whatever is done to the ledger behind our back is found.

#![expect(clippy::wildcard_enum_match_arm, reason = "each step takes its own kinds of tampering")]

use std::{
    fs,
    path::{Path, PathBuf},
};

use bailiwick_model::Digest;
use bailiwick_store::{Ledger, LedgerError, VerifyReport, verify};
use proptest::{prelude::*, sample::Index};

use crate::{
    sample::{self, Place},
    segment::{self, Row, Segment},
};

/// What somebody with the files in their hands may do to records `one` and `other`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Tampering {
    AlterBody,
    AlterBytes,
    AlterChain,
    AlterKind,
    AlterTime,
    AlterFormat,
    AlterLandmark,
    Remove,
    RemoveAndRenumber,
    Zero,
    SwapBodies,
    SwapRecords,
    InsertCopy,
    CutBeginning,
    CutBeginningWithAHead,
    CutEnd,
    CutFile,
    RewriteFrom,
    RemoveSegment,
    SwapSegments,
    DeleteFiles,
}

const ALL: [Tampering; 21] = [
    Tampering::AlterBody,
    Tampering::AlterBytes,
    Tampering::AlterChain,
    Tampering::AlterKind,
    Tampering::AlterTime,
    Tampering::AlterFormat,
    Tampering::AlterLandmark,
    Tampering::Remove,
    Tampering::RemoveAndRenumber,
    Tampering::Zero,
    Tampering::SwapBodies,
    Tampering::SwapRecords,
    Tampering::InsertCopy,
    Tampering::CutBeginning,
    Tampering::CutBeginningWithAHead,
    Tampering::CutEnd,
    Tampering::CutFile,
    Tampering::RewriteFrom,
    Tampering::RemoveSegment,
    Tampering::SwapSegments,
    Tampering::DeleteFiles,
];

/// What leaves nothing behind where it befalls the last record.
const REMOVALS: [Tampering; 3] = [Tampering::Remove, Tampering::RemoveAndRenumber, Tampering::Zero];

/// A ledger in the hands of somebody who knows its format as well as we do.
struct Hands {
    dir: PathBuf,
    segments: Vec<Segment>,
}

impl Hands {
    fn take(place: &Place) -> Self {
        Self { dir: place.dir(), segments: segment::all(&place.dir()) }
    }

    /// Finds a record: which segment, and where in it.
    fn find(&self, seq: u64) -> (usize, usize) {
        let holds = |it: &Segment| it.rows.iter().any(|row| row.seq == seq);
        let segment = self.segments.iter().position(holds).unwrap();
        let rows = &self.segments[segment].rows;
        (segment, rows.iter().position(|it| it.seq == seq).unwrap())
    }

    fn row(&mut self, seq: u64) -> &mut Row {
        let (segment, row) = self.find(seq);
        &mut self.segments[segment].rows[row]
    }

    /// Lays down what became of it, with sums that are right.
    fn lay_down(&self) {
        for path in segment::paths(&self.dir) {
            fs::remove_file(path).unwrap();
        }
        for (place, segment) in self.segments.iter().enumerate() {
            segment.write(&self.dir, place + 1 == self.segments.len());
        }
    }

    /// Gives where a record lies in the file of its segment.
    fn bytes_of(&self, seq: u64) -> (PathBuf, std::ops::Range<usize>) {
        let (segment, row) = self.find(seq);
        let segment = &self.segments[segment];
        let len = |it: &Row| it.to_bytes().len();
        let from = segment::BLOCK + segment.rows[..row].iter().map(len).sum::<usize>();
        let path = segment::path(&self.dir, segment.number);
        (path, from..from + len(&segment.rows[row]))
    }
}

impl Tampering {
    /// Says whether only a head that is kept elsewhere can show it.
    fn needs_a_head(self, hands: &Hands, one: u64, last: u64) -> bool {
        let (segment, _) = hands.find(one);
        // Without its last records, the ledger is one with a cut end.
        match self {
            Self::CutEnd | Self::RewriteFrom => true,
            Self::RemoveSegment => segment != 0 && segment + 1 == hands.segments.len(),
            Self::CutBeginning => one == last && segment == 0,
            other => one == last && REMOVALS.contains(&other),
        }
    }

    fn apply(self, place: &Place, one: u64, other: u64) {
        let mut hands = Hands::take(place);
        if self.befall_files(&mut hands, one) {
            return;
        }
        let (segment, row) = hands.find(one);
        if self.befall_order(&mut hands, (segment, row), (one, other)) {
            return hands.lay_down();
        }
        let row = &mut hands.segments[segment].rows[row];
        match self {
            Self::AlterBody => {
                // The digit of a moment: what is left is still a record.
                let digit = row.body.windows(4).position(|it| it == b"2026").unwrap();
                row.body[digit] = b'1';
            }
            Self::AlterChain => row.chain = Digest::of(row.chain.as_bytes()),
            Self::AlterKind => row.kind ^= 1,
            Self::AlterTime => row.time += 1,
            Self::AlterFormat => row.format += 1,
            other => {
                assert_eq!(other, Self::AlterLandmark);
                row.flags ^= 2;
            }
        }
        hands.lay_down();
    }

    /// Does what is done to the bytes of files, without a care for their sums.
    fn befall_files(self, hands: &mut Hands, one: u64) -> bool {
        let (segment, _) = hands.find(one);
        let (path, bytes) = hands.bytes_of(one);
        match self {
            Self::AlterBytes => overwrite(&path, bytes.start + 100..bytes.start + 101, b"~"),
            Self::Zero => overwrite(&path, bytes.clone(), &vec![0; bytes.len()]),
            Self::CutFile => {
                let file = fs::OpenOptions::new().write(true).open(path).unwrap();
                file.set_len(u64::try_from(bytes.end - 9).unwrap()).unwrap();
            }
            Self::SwapSegments => {
                let next = hands.segments.get(segment + 1).or(hands.segments.first()).unwrap();
                let second = segment::path(&hands.dir, next.number);
                let away = hands.dir.join("away");
                fs::rename(&path, &away).unwrap();
                if path != second {
                    fs::rename(&second, &path).unwrap();
                    fs::rename(&away, &second).unwrap();
                }
            }
            Self::RemoveSegment => fs::remove_file(path).unwrap(),
            Self::DeleteFiles => {
                hands.segments.clear();
                hands.lay_down();
            }
            _ => return false,
        }
        true
    }

    /// Does what changes which records there are, and in which order.
    fn befall_order(
        self,
        hands: &mut Hands,
        (segment, row): (usize, usize),
        (one, other): (u64, u64),
    ) -> bool {
        match self {
            Self::Remove => drop(hands.segments[segment].rows.remove(row)),
            Self::RemoveAndRenumber => {
                let rows = &mut hands.segments[segment].rows;
                rows.remove(row);
                for row in &mut rows[row..] {
                    row.seq -= 1;
                    row.durable -= 1;
                }
            }
            Self::SwapBodies | Self::SwapRecords => {
                let (mine, theirs) = (hands.row(one).clone(), hands.row(other).clone());
                for (to, from) in [(one, theirs), (other, mine)] {
                    let to = hands.row(to);
                    let chain = if self == Self::SwapBodies { to.chain } else { from.chain };
                    *to = Row { seq: to.seq, durable: to.durable, chain, ..from };
                }
            }
            Self::InsertCopy => {
                let copy = hands.row(one).clone();
                let rows = &mut hands.segments.last_mut().unwrap().rows;
                let seq = rows.last().unwrap().seq + 1;
                rows.push(Row { seq, durable: seq - 1, ..copy });
            }
            Self::CutBeginning | Self::CutBeginningWithAHead => {
                let chain = hands.row(one).chain;
                hands.segments.drain(..segment);
                hands.segments[0].rows.drain(..=row);
                if self == Self::CutBeginningWithAHead {
                    // A head that was signed is passed off as what retention signs.
                    hands.segments[0].before = (one, chain);
                    fs::copy(hands.dir.join("checkpoint"), hands.dir.join("base")).unwrap();
                }
            }
            Self::CutEnd => {
                hands.segments.truncate(segment + 1);
                hands.segments[segment].rows.truncate(row);
            }
            Self::RewriteFrom => rewrite(hands, one),
            _ => return false,
        }
        true
    }
}

fn overwrite(path: &Path, range: std::ops::Range<usize>, with: &[u8]) {
    let mut bytes = fs::read(path).unwrap();
    bytes[range].copy_from_slice(with);
    fs::write(path, bytes).unwrap();
}

/// Alters one record and makes a chain that fits for it and all that follow; indexes, which would
/// tell, are removed.
fn rewrite(hands: &mut Hands, one: u64) {
    let mut at = hands.segments[0].before;
    for segment in &mut hands.segments {
        segment.before = at;
        for row in &mut segment.rows {
            if row.seq == one {
                let text = String::from_utf8(row.body.clone()).unwrap();
                row.body = text.replacen("\"kind\":", "\"kind\": ", 1).into_bytes();
            }
            at = (row.seq, Digest::chain(&at.1, &row.body));
            row.chain = at.1;
        }
        let index = segment::path(&hands.dir, segment.number).with_extension("index");
        let _none = fs::remove_file(index);
    }
}

fn report(place: &Place, against: Option<&Path>) -> VerifyReport {
    verify(&place.dir(), against, place.key().public()).unwrap()
}

/// Writes records with heads signed at the numbers in `heads` and at the end.
fn write(place: &Place, count: u64, heads: &[u64]) {
    let (ledger, _) = place.open_short();
    for number in 1..=count {
        ledger.append_blocking(vec![sample::record(number)]).unwrap();
        if heads.contains(&number) {
            assert_eq!(ledger.checkpoint_now().unwrap().unwrap().seq, number);
        }
    }
    ledger.close();
}

fn copy(from: &Place, to: &Path) -> Place {
    let place = Place::new(to);
    fs::create_dir(place.dir()).unwrap();
    fs::copy(from.root.join("checkpoint.pem"), to.join("checkpoint.pem")).unwrap();
    for entry in fs::read_dir(from.dir()).unwrap() {
        let entry = entry.unwrap();
        fs::copy(entry.path(), place.dir().join(entry.file_name())).unwrap();
    }
    place
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn any_altered_removed_reordered_or_truncated_record_is_detected(
        count in 2_u64..24,
        heads in proptest::collection::vec(1_u64..24, 0..3),
        picks in any::<(Index, Index)>(),
    ) {
        let dir = sample::quick_dir();
        let original = Place::new(dir.path());
        write(&original, count, &heads);
        let copies = original.copies();
        let whole = report(&original, Some(&copies));
        prop_assert!(whole.ok, "{:?}", whole);
        prop_assert_eq!(whole.records, count);
        prop_assert!(report(&original, None).ok);

        let size = usize::try_from(count).unwrap();
        let one = u64::try_from(picks.0.index(size)).unwrap() + 1;
        let step = u64::try_from(picks.1.index(size - 1)).unwrap() + 1;
        let other = (one - 1 + step) % count + 1;
        for tampering in ALL {
            let dir = sample::quick_dir();
            let place = copy(&original, dir.path());
            tampering.apply(&place, one, other);
            let found = report(&place, Some(&copies));
            prop_assert!(!found.ok, "{:?} of {} and {} unseen: {:?}", tampering, one, other, found);
            prop_assert!(found.why.is_some());
            let alone = report(&place, None);
            let seen = !tampering.needs_a_head(&Hands::take(&original), one, count);
            prop_assert_eq!(alone.ok, !seen, "{:?} of {}: {:?}", tampering, one, alone);
            // The governor does not work on it either: its own last head knows better, and what
            // it did not read at the start it reads after.
            let told = match Ledger::open_sized(place.options(), sample::SHORT) {
                Err(LedgerError::Tampered { .. }) => true,
                Err(_) => false,
                Ok((ledger, _)) => ledger.patrolled().is_some(),
            };
            prop_assert!(told, "{:?} of {}", tampering, one);
        }
    }

    #[test]
    fn no_altered_byte_of_the_file_hides_a_record(
        place_in_file in any::<Index>(),
        bit in 0_u8..8,
    ) {
        let dir = sample::quick_dir();
        let place = Place::new(dir.path());
        write(&place, 12, &[]);
        let before: Vec<_> = everything(&place);
        let files = fs::read_dir(place.dir()).unwrap().map(|it| it.unwrap().path());
        let file = place_in_file.get(&files.collect::<Vec<_>>()).clone();
        let mut bytes = fs::read(&file).unwrap();
        prop_assume!(!bytes.is_empty());
        let at = place_in_file.index(bytes.len());
        bytes[at] ^= 1 << bit;
        fs::write(file, bytes).unwrap();
        // Either it is found, or it was a byte that no record is made of. That the reader meets
        // an error that is not damage is a finding, too: nothing is said to be right.
        let found = verify(&place.dir(), Some(&place.copies()), place.key().public());
        if found.is_ok_and(|it| it.ok) {
            prop_assert_eq!(everything(&place), before);
        }
    }
}

fn everything(place: &Place) -> Vec<bailiwick_store::StoredRecord> {
    let reader = bailiwick_store::LedgerReader::open(&place.dir()).unwrap();
    let mut records = Vec::new();
    reader
        .scan(0, &mut |it| {
            records.push(it);
            std::ops::ControlFlow::Continue(())
        })
        .unwrap();
    records
}

#[test]
fn a_forged_head_is_detected() {
    let dir = sample::quick_dir();
    let place = Place::new(dir.path());
    write(&place, 9, &[]);
    // Somebody cuts the end and makes heads of their own for what is left.
    let forger = sample::quick_dir();
    let forged = Place::new(forger.path());
    write(&forged, 5, &[]);
    for entry in fs::read_dir(place.dir()).unwrap() {
        fs::remove_file(entry.unwrap().path()).unwrap();
    }
    for path in segment::paths(&forged.dir()) {
        fs::copy(&path, place.dir().join(path.file_name().unwrap())).unwrap();
    }
    let found = report(&place, Some(&forged.copies()));
    assert!(!found.ok && !found.checkpoint.unwrap().matches, "{found:?}");
    assert!(found.why.unwrap().contains("not signed by this ledger's key"));
    // The local head forged along with it keeps the governor from starting.
    fs::copy(forged.dir().join("checkpoint"), place.dir().join("checkpoint")).unwrap();
    let refused = Ledger::open(place.options()).err();
    assert!(matches!(refused, Some(LedgerError::Tampered { .. })), "{refused:?}");
}

#[test]
fn the_report_reads_as_programs_rely_on() {
    let dir = sample::quick_dir();
    let place = Place::new(dir.path());
    let (ledger, _) = place.open();
    for number in 1..=3 {
        ledger.append_blocking(vec![sample::record(number)]).unwrap();
    }
    ledger.close();
    let good = serde_json::to_value(report(&place, Some(&place.copies()))).unwrap();
    let time = good["checkpoint"]["time"].clone();
    assert!(time.as_str().unwrap().ends_with('Z'));
    let checkpoint = serde_json::json!({"seq": 3, "time": time, "matches": true});
    let expected =
        serde_json::json!({"records": 3, "segments": 1, "ok": true, "checkpoint": checkpoint});
    assert_eq!(good, expected);
    Tampering::AlterTime.apply(&place, 2, 1);
    let bad = serde_json::to_value(report(&place, None)).unwrap();
    let why = "its head does not say what its body says";
    let expected =
        serde_json::json!({"records": 1, "segments": 1, "ok": false, "first_bad": 2, "why": why});
    assert_eq!(bad, expected);
}

#[test]
fn an_index_that_hides_a_record_is_detected() {
    let dir = sample::quick_dir();
    let place = Place::new(dir.path());
    write(&place, 12, &[]);
    let path = segment::path(&place.dir(), 1).with_extension("index");
    let mut bytes = fs::read(&path).unwrap();
    // The last landmark of the list, right before the digest, which is made to fit.
    let digest = bytes.len() - 32;
    bytes[digest - 4..digest].fill(0);
    let fits = Digest::of(&bytes[..digest]);
    bytes[digest..].copy_from_slice(fits.as_bytes());
    fs::write(&path, bytes).unwrap();
    let found = report(&place, Some(&place.copies()));
    assert!(!found.ok && found.why.unwrap().contains("does not say what is in its segment"));
    let (ledger, _) = place.open_short();
    assert!(ledger.patrolled().unwrap().contains("its index does not say what is in it"));
    assert!(ledger.append_blocking(vec![sample::record(1)]).is_err());
}
