//! Law 13: whatever is done to the ledger behind our back is found.

use std::{fs, path::Path};

use bailiwick_model::Digest;
use bailiwick_store::{LedgerError, VerifyReport, verify};
use proptest::{prelude::*, sample::Index};
use rusqlite::{Connection, params};

use crate::sample::{self, Place};

/// What somebody with the file in their hands may do to records `one` and `other`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Tampering {
    AlterBody,
    AlterChain,
    AlterKind,
    AlterTime,
    AlterTask,
    AlterFormat,
    Remove,
    RemoveAndRenumber,
    SwapBodies,
    SwapRecords,
    InsertCopy,
    CutBeginning,
    CutBeginningWithAHead,
    CutEnd,
    RewriteFrom,
    DeleteFile,
}

const ALL: [Tampering; 16] = [
    Tampering::AlterBody,
    Tampering::AlterChain,
    Tampering::AlterKind,
    Tampering::AlterTime,
    Tampering::AlterTask,
    Tampering::AlterFormat,
    Tampering::Remove,
    Tampering::RemoveAndRenumber,
    Tampering::SwapBodies,
    Tampering::SwapRecords,
    Tampering::InsertCopy,
    Tampering::CutBeginning,
    Tampering::CutBeginningWithAHead,
    Tampering::CutEnd,
    Tampering::RewriteFrom,
    Tampering::DeleteFile,
];

impl Tampering {
    /// Says whether only a head that is kept elsewhere can show it.
    fn needs_a_head(self, one: u64, last: u64) -> bool {
        // Without its last record, the ledger is one with a cut end.
        matches!(self, Self::CutEnd | Self::RewriteFrom)
            || one == last
                && matches!(self, Self::Remove | Self::RemoveAndRenumber | Self::CutBeginning)
    }

    fn apply(self, place: &Place, one: u64, other: u64) {
        if self == Self::DeleteFile {
            return fs::remove_file(place.live()).unwrap();
        }
        let file = Connection::open(place.live()).unwrap();
        let one = i64::try_from(one).unwrap();
        let other = i64::try_from(other).unwrap();
        let run = |sql: &str| file.execute(sql, [one]).unwrap();
        match self {
            Self::AlterBody => {
                let mut body: Vec<u8> = value(&file, "body", one);
                // The digit of a moment: what is left is still a record.
                let digit = body.windows(4).position(|it| it == b"2026").unwrap();
                body[digit] = b'1';
                file.execute("UPDATE record SET body = ?2 WHERE seq = ?1", params![one, body])
                    .unwrap()
            }
            Self::AlterChain => {
                let mut chain: Vec<u8> = value(&file, "chain", one);
                chain[31] ^= 1;
                file.execute("UPDATE record SET chain = ?2 WHERE seq = ?1", params![one, chain])
                    .unwrap()
            }
            Self::AlterKind => run("UPDATE record SET kind = kind || 's' WHERE seq = ?1"),
            Self::AlterTime => run("UPDATE record SET time = time + 1 WHERE seq = ?1"),
            Self::AlterTask => {
                run("UPDATE record SET task = coalesce(task, '') || 'x' WHERE seq = ?1")
            }
            Self::AlterFormat => run("UPDATE record SET format = format + 1 WHERE seq = ?1"),
            Self::Remove => run("DELETE FROM record WHERE seq = ?1"),
            Self::RemoveAndRenumber => {
                run("DELETE FROM record WHERE seq = ?1");
                run("UPDATE record SET seq = -seq WHERE seq > ?1");
                run("UPDATE record SET seq = -seq - 1 WHERE seq < -?1")
            }
            Self::SwapBodies => swap(&file, "kind, time, task, body", one, other),
            Self::SwapRecords => swap(&file, "kind, time, task, body, chain", one, other),
            Self::InsertCopy => run("INSERT INTO record SELECT (SELECT max(seq) + 1 FROM record),
                     kind, time, task, format, body, chain FROM record WHERE seq = ?1"),
            Self::CutBeginning => run("DELETE FROM record WHERE seq <= ?1"),
            Self::CutBeginningWithAHead => {
                // A head that was signed is passed off as what retention signs.
                let note = fs::read_to_string(place.dir().join("checkpoint")).unwrap();
                let chain: Vec<u8> = value(&file, "chain", one);
                run("DELETE FROM record WHERE seq <= ?1");
                let insert = "INSERT INTO base VALUES (1, ?1, ?2, ?3)";
                file.execute(insert, params![one, chain, note]).unwrap()
            }
            Self::CutEnd => run("DELETE FROM record WHERE seq >= ?1"),
            Self::RewriteFrom => rewrite(&file, one),
            Self::DeleteFile => 0,
        };
    }
}

fn value<T: rusqlite::types::FromSql>(file: &Connection, column: &str, seq: i64) -> T {
    let select = format!("SELECT {column} FROM record WHERE seq = ?1");
    file.query_row(&select, [seq], |row| row.get(0)).unwrap()
}

fn swap(file: &Connection, columns: &str, one: i64, other: i64) -> usize {
    let update = format!(
        "UPDATE record SET ({columns}) =
         (SELECT {columns} FROM record AS o WHERE o.seq = ?1 + ?2 - record.seq)
         WHERE seq IN (?1, ?2)"
    );
    // The two see each other through a copy, not half swapped.
    file.execute_batch("CREATE TEMP TABLE old AS SELECT * FROM record").unwrap();
    let update = update.replace("FROM record AS o", "FROM temp.old AS o");
    file.execute(&update, [one, other]).unwrap()
}

/// Alters one record and makes a chain that fits for it and all that follow.
fn rewrite(file: &Connection, one: i64) -> usize {
    let last: i64 = file.query_row("SELECT max(seq) FROM record", [], |row| row.get(0)).unwrap();
    let before: Option<[u8; 32]> = (1 < one).then(|| value(file, "chain", one - 1));
    let mut chain = Digest::from_bytes(before.unwrap_or_default());
    for seq in one..=last {
        let body: Vec<u8> = value(file, "body", seq);
        let text = String::from_utf8(body).unwrap();
        let text = if seq == one { text.replacen("\"kind\":", "\"kind\": ", 1) } else { text };
        chain = Digest::chain(&chain, text.as_bytes());
        let update = "UPDATE record SET body = ?2, chain = ?3 WHERE seq = ?1";
        file.execute(update, params![seq, text.as_bytes(), chain.as_bytes()]).unwrap();
    }
    1
}

fn report(place: &Place, against: Option<&Path>) -> VerifyReport {
    verify(&place.dir(), against, place.key().public()).unwrap()
}

/// Writes records with heads signed at the numbers in `heads` and at the end.
fn write(place: &Place, count: u64, heads: &[u64]) {
    let (ledger, _) = place.open();
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
    for name in ["checkpoint.pem", "ledger/live.db", "ledger/checkpoint"] {
        fs::copy(from.root.join(name), to.join(name)).unwrap();
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
            let seen = !tampering.needs_a_head(one, count);
            prop_assert_eq!(alone.ok, !seen, "{:?} of {}: {:?}", tampering, one, alone);
            // The governor does not start on it either: its own last head knows better. What was
            // added behind that head is cut, and told.
            let told = match bailiwick_store::Ledger::open(place.options()) {
                Err(LedgerError::Tampered { .. }) => true,
                Err(_) => false,
                Ok((_, recovered)) => {
                    tampering == Tampering::InsertCopy
                        && (recovered.records, recovered.truncated) == (count, 1)
                }
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
        write(&place, 40, &[]);
        let before: Vec<_> = everything(&place);
        let mut bytes = fs::read(place.live()).unwrap();
        let at = place_in_file.index(bytes.len());
        bytes[at] ^= 1 << bit;
        fs::write(place.live(), bytes).unwrap();
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
    fs::copy(forged.live(), place.live()).unwrap();
    let found = report(&place, Some(&forged.copies()));
    assert!(!found.ok && !found.checkpoint.unwrap().matches, "{found:?}");
    assert!(found.why.unwrap().contains("not signed by this ledger's key"));
    // The local head forged along with it keeps the governor from starting.
    fs::copy(forged.dir().join("checkpoint"), place.dir().join("checkpoint")).unwrap();
    let refused = bailiwick_store::Ledger::open(place.options()).err();
    assert!(matches!(refused, Some(LedgerError::Tampered { .. })), "{refused:?}");
}

#[test]
fn the_report_reads_as_programs_rely_on() {
    let dir = sample::quick_dir();
    let place = Place::new(dir.path());
    write(&place, 3, &[]);
    let good = serde_json::to_value(report(&place, Some(&place.copies()))).unwrap();
    let time = good["checkpoint"]["time"].clone();
    assert!(time.as_str().unwrap().ends_with('Z'));
    let checkpoint = serde_json::json!({"seq": 3, "time": time, "matches": true});
    let expected =
        serde_json::json!({"records": 3, "segments": 1, "ok": true, "checkpoint": checkpoint});
    assert_eq!(good, expected);
    Tampering::AlterTime.apply(&place, 2, 1);
    let bad = serde_json::to_value(report(&place, None)).unwrap();
    let why = "its kind, time or task is not the one in its body";
    let expected =
        serde_json::json!({"records": 1, "segments": 1, "ok": false, "first_bad": 2, "why": why});
    assert_eq!(bad, expected);
}
