//! Law 15 for what lies on the disk: whatever bytes are in the files of a ledger, reading them
//! ends, in memory that does not grow with what they say.

use std::{fs, ops::ControlFlow, path::Path};

use bailiwick_store::{Ledger, LedgerReader, StoredRecord, verify};
use proptest::{prelude::*, sample::Index};

use crate::{
    sample::{self, Place},
    segment,
};

/// Reads what is in `place` in every way there is; gives what a governor found that started.
fn read_all(place: &Place) -> Option<Vec<StoredRecord>> {
    if let Ok(reader) = LedgerReader::open(&place.dir()) {
        let _outcome = reader.scan(0, &mut |_| ControlFlow::Continue(()));
        let _found = reader.task_records(&sample::task_id(0));
        let _found = reader.decision_records(&sample::decision_id(1));
    }
    let _report = verify(&place.dir(), None, place.key().public());
    let (ledger, _) = Ledger::open_sized(place.options(), sample::SHORT).ok()?;
    let records = if ledger.patrolled().is_none() { sample::all(&ledger, 0) } else { return None };
    ledger.append_blocking(vec![sample::record(1)]).unwrap();
    ledger.close();
    assert!(verify(&place.dir(), None, place.key().public()).unwrap().ok);
    Some(records)
}

fn written(place: &Place, count: u64) -> Vec<StoredRecord> {
    let (ledger, _) = place.open_short();
    for number in 1..=count {
        ledger.append_blocking(vec![sample::record(number)]).unwrap();
    }
    let records = sample::all(&ledger, 0);
    ledger.close();
    records
}

/// Something that happens to a file.
#[derive(Clone, Debug)]
enum Blow {
    Fill { at: Index, with: u8, len: usize },
    Splice { from: Index, to: Index, len: usize },
    Scatter { at: Index, bytes: Vec<u8> },
    Cut { at: Index },
}

fn blows() -> impl Strategy<Value = Blow> {
    let index = any::<Index>;
    prop_oneof![
        (index(), any::<u8>(), 1_usize..600).prop_map(|(at, with, len)| Blow::Fill {
            at,
            with,
            len
        }),
        (index(), index(), 1_usize..3000).prop_map(|(from, to, len)| Blow::Splice {
            from,
            to,
            len
        }),
        (index(), proptest::collection::vec(any::<u8>(), 1..40))
            .prop_map(|(at, bytes)| Blow::Scatter { at, bytes }),
        index().prop_map(|at| Blow::Cut { at }),
    ]
}

impl Blow {
    fn fall(&self, path: &Path) {
        let mut bytes = fs::read(path).unwrap();
        if bytes.is_empty() {
            return;
        }
        let size = bytes.len();
        match self {
            Self::Fill { at, with, len } => {
                let at = at.index(size);
                bytes[at..size.min(at + len)].fill(*with);
            }
            Self::Splice { from, to, len } => {
                let (from, to) = (from.index(size), to.index(size));
                let len = (*len).min(size - from.max(to));
                bytes.copy_within(from..from + len, to);
            }
            Self::Scatter { at, bytes: with } => {
                let at = at.index(size);
                bytes.iter_mut().skip(at).zip(with).for_each(|(to, from)| *to = *from);
            }
            Self::Cut { at } => bytes.truncate(at.index(size)),
        }
        fs::write(path, bytes).unwrap();
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]

    #[test]
    fn any_bytes_for_a_segment_are_read_to_an_end(
        first in proptest::collection::vec(any::<u8>(), 0..9000),
        second in proptest::collection::vec(prop_oneof![Just(0_u8), any::<u8>()], 0..9000),
        whole_header in any::<bool>(),
    ) {
        let dir = sample::quick_dir();
        let place = Place::new(dir.path());
        written(&place, 3);
        let mut bytes = fs::read(place.live()).unwrap();
        bytes.truncate(if whole_header { segment::BLOCK } else { 0 });
        bytes.extend(first);
        fs::write(place.live(), bytes).unwrap();
        fs::write(segment::path(&place.dir(), 2), &second).unwrap();
        fs::write(place.live().with_extension("index"), second).unwrap();
        fs::remove_file(place.dir().join("checkpoint")).unwrap();
        read_all(&place);
    }

    #[test]
    fn whatever_befalls_the_files_what_a_start_takes_up_is_a_beginning_of_what_was_written(
        count in 1_u64..14,
        blows in proptest::collection::vec((any::<Index>(), blows()), 1..4),
    ) {
        let dir = sample::quick_dir();
        let place = Place::new(dir.path());
        let before = written(&place, count);
        let files = fs::read_dir(place.dir()).unwrap().map(|it| it.unwrap().path());
        let mut files: Vec<_> = files.collect();
        files.sort();
        for (file, blow) in &blows {
            blow.fall(file.get::<std::path::PathBuf>(&files));
        }
        if let Some(after) = read_all(&place) {
            prop_assert!(before.starts_with(&after), "{} of {}", after.len(), before.len());
        }
    }
}
