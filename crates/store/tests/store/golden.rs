//! Texts of format 1 of everything that is stored: they must stay readable for ever.

use bailiwick_model::{Digest, PinStatus, Record};
use bailiwick_store::{Ledger, Registry, RegistryError};
use rusqlite::{Connection, params};

use crate::{
    sample::{self, Place},
    segment::{self, Row, Segment},
};

const RECORDS: [&str; 4] = [
    include_str!("../golden/record-decision.1.json"),
    include_str!("../golden/record-outcome.1.json"),
    include_str!("../golden/record-command.1.json"),
    include_str!("../golden/record-finding.1.json"),
];

fn records() -> [Record; 4] {
    [sample::decision(1), sample::outcome(2, "it broke"), sample::command(3), sample::finding(4)]
}

/// Lays `bodies` into a ledger as an older program would have written them.
fn ledger_of(place: &Place, bodies: &[&str], format: u8) {
    std::fs::create_dir(place.dir()).unwrap();
    let start = (0, Digest::from_bytes([0; 32]));
    let row = |(body, record): (&&str, Record)| Row {
        format,
        body: body.as_bytes().to_vec(),
        ..Row::of(&record)
    };
    let mut rows: Vec<_> = bodies.iter().zip(records()).map(row).collect();
    segment::chain(start, &mut rows);
    Segment { number: 1, before: start, capacity: 65536, rows }.write(&place.dir(), true);
}

#[test]
fn records_of_format_1_stay_readable() {
    let dir = sample::quick_dir();
    let place = Place::new(dir.path());
    let bodies = RECORDS.map(str::trim_end);
    ledger_of(&place, &bodies, 1);
    let (ledger, recovered) = place.open();
    assert_eq!((recovered.records, recovered.truncated), (4, 0));
    let found: Vec<_> = sample::all(&ledger, 1).into_iter().map(|it| it.record).collect();
    assert_eq!(found, records());
    // And this program still writes them so, which an older one can read.
    assert_eq!(records().map(|it| serde_json::to_string(&it).unwrap()), bodies);
}

#[test]
fn a_segment_is_written_as_version_1_has_it() {
    let dir = sample::quick_dir();
    let place = Place::new(dir.path());
    let (ledger, _) = place.open();
    for record in records() {
        ledger.append_blocking(vec![record]).unwrap();
    }
    ledger.close();
    let by_the_book = sample::quick_dir();
    let other = Place::new(by_the_book.path());
    ledger_of(&other, &RECORDS.map(str::trim_end), 1);
    let (written, expected) =
        (std::fs::read(place.live()).unwrap(), std::fs::read(other.live()).unwrap());
    // How long it is to be is the writer's choice, and stands in the header with its sum.
    let same = |range: std::ops::Range<usize>| written[range.clone()] == expected[range];
    assert!(same(0..40) && same(48..88) && same(92..8192));
    assert!(written[8192..].iter().all(|it| *it == 0));
}

#[test]
fn a_record_of_an_unknown_format_is_a_clear_error() {
    let dir = sample::quick_dir();
    let place = Place::new(dir.path());
    ledger_of(&place, &RECORDS.map(str::trim_end), 2);
    let error = Ledger::open(place.options()).err().unwrap().to_string();
    let expected = "record 1: it cannot be read as what its head says, format 2";
    assert!(error.ends_with(expected), "{error}");
}

macro_rules! rows {
    ($($table:literal, $key:expr, $file:literal;)*) => {
        [$(($table, $key.to_string(), include_str!(concat!("../golden/", $file, ".1.json")).trim_end()),)*]
    };
}

fn rows() -> [(&'static str, String, &'static str); 8] {
    rows! {
        "charters", "triage-agent", "charter";
        "templates", "ticket-triage", "template";
        "persons", "alice", "person";
        "pins", "files/read", "pin";
        "containment", "triage-agent", "containment";
        "exceptions", sample::exception().id, "exception";
        "tasks", sample::task_id(1), "task";
        "holds", sample::hold_id(3), "hold";
    }
}

fn registry_of(path: &std::path::Path, format: i64) {
    Registry::open(path).unwrap().close();
    let file = Connection::open(path).unwrap();
    for (table, key, body) in rows() {
        let more = if matches!(table, "tasks" | "holds") { ", '', 1" } else { "" };
        let insert = format!("INSERT INTO {table} VALUES (?1, ?2, ?3{more})");
        file.execute(&insert, params![key, format, body]).unwrap();
    }
}

#[tokio::test]
async fn rows_of_format_1_stay_readable() {
    use bailiwick_store::Change;
    let dir = sample::quick_dir();
    let path = dir.path().join("old.db");
    registry_of(&path, 1);
    let old = Registry::open_read_only(&path).unwrap().load().unwrap();

    let fresh = Registry::open(&dir.path().join("new.db")).unwrap();
    let changes = vec![
        Change::Charter(Box::new(sample::charter())),
        Change::Template(Box::new(sample::template())),
        Change::Person(sample::person("alice")),
        Change::Pin {
            server: "files".parse().unwrap(),
            tool: "read".to_owned(),
            pin: sample::pin(PinStatus::Waiting),
        },
        Change::Contain {
            subject: "triage-agent".parse().unwrap(),
            since: sample::time(3),
            why: "person:alice: looks wrong".to_owned(),
        },
        Change::Exception(sample::exception()),
        Change::Task(Box::new(sample::task(1))),
        Change::Hold(Box::new(sample::hold(3))),
    ];
    let rev = fresh.write(changes).await.unwrap();
    let new = fresh.load().unwrap();
    assert_eq!(bailiwick_store::Loaded { rev, ..old }, new);
    // And this program still writes them so, which an older one can read.
    let written: Vec<_> = fresh.changes(bailiwick_store::Rev(0), 99).unwrap();
    for ((table, key, body), row) in rows().into_iter().zip(&written) {
        // Once only identities could be contained; that text is read, and written no more.
        let body = if table == "containment" {
            include_str!("../golden/containment-subject.1.json").trim_end()
        } else {
            body
        };
        assert_eq!((row.format, &row.key, row.body.as_deref()), (1, &key, Some(body)));
    }
}

#[test]
fn a_row_of_an_unknown_format_is_a_clear_error() {
    let dir = sample::quick_dir();
    let path = dir.path().join("registry.db");
    registry_of(&path, 7);
    let registry = Registry::open(&path).unwrap();
    let error = registry.person(&"alice".parse().unwrap()).unwrap_err();
    assert!(matches!(error, RegistryError::UnknownFormat { .. }));
    let text = error.to_string();
    assert_eq!(text, "person `alice` has format 7, which this program cannot read");
    assert!(registry.load().is_err());
}
