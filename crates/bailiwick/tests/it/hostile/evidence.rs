//! An agent changes the evidence.

use std::fs;

use serde_json::{Value, json};

use super::{copy, overwrite};
use crate::governor::{Governor, NOTES, until};

/// A governor that was stopped after two calls: one allowed, one denied.
fn house() -> Governor {
    let mut governor = Governor::start(NOTES);
    acting(&governor);
    governor.stop();
    governor
}

fn acting(governor: &Governor) {
    let (_, token) = governor.open("reader", "reading", &[]);
    governor.call(&token, "read_note", &json!({"path": "/notes/today"}));
    governor.call(&token, "read_note", &json!({"path": "/etc/shadow"}));
}

/// Verifies the ledger, which must fail, and says what is reported.
fn not_verified(governor: &Governor, against: Option<&str>) -> Value {
    let mut words = vec!["ledger", "verify", "--output", "json"];
    words.extend(against.iter().flat_map(|it| ["--against", it]));
    let ran = governor.run(&words);
    assert_eq!(ran.code, 1, "{ran:?}");
    let report: Value = serde_json::from_str(&ran.stdout).unwrap();
    assert_eq!(report["ok"], false, "{report}");
    report
}

#[test]
fn an_edited_record_is_found_and_such_a_ledger_is_not_written_on() {
    let governor = house();
    let good = governor.json(&["ledger", "verify"]);
    let segment = governor.path("state/ledger/00000001.segment");
    assert_ne!(overwrite(&segment, "/etc/shadow", "/etc/motd.d"), 0);
    let report = not_verified(&governor, None);
    let bad = report["first_bad"].as_u64().unwrap();
    assert!(0 < bad && bad <= good["records"].as_u64().unwrap(), "{report}");
    let ran = governor.refuses_to_serve();
    assert_eq!(ran.code, 3, "{ran:?}");
    assert!(ran.stderr.contains(&format!("{bad}")), "{}", ran.stderr);
}

#[test]
fn a_cut_tail_is_found_against_the_copied_heads_and_at_the_start() {
    let mut governor = house();
    let (state, kept) = (governor.path("state"), governor.path("kept"));
    copy(&state, &kept);
    governor.serve();
    acting(&governor);
    governor.stop();

    // Only the records go back in time: the signed head beside them knows more.
    let newer = governor.path("newer");
    copy(&state, &newer);
    let segment = "ledger/00000001.segment";
    fs::copy(kept.join(segment), state.join(segment)).unwrap();
    assert_eq!(governor.json(&["ledger", "verify"])["ok"], true, "alone it is a whole ledger");
    let report = not_verified(&governor, Some("checkpoints"));
    assert_eq!(report["checkpoint"]["matches"], false);
    let ran = governor.refuses_to_serve();
    assert_eq!(ran.code, 3, "{ran:?}");
    assert!(ran.stderr.contains("signed head"), "{}", ran.stderr);

    // The whole folder of the ledger goes back: the registry knows more.
    fs::remove_dir_all(state.join("ledger")).unwrap();
    copy(&kept.join("ledger"), &state.join("ledger"));
    not_verified(&governor, Some("checkpoints"));
    let ran = governor.refuses_to_serve();
    assert_eq!(ran.code, 3, "{ran:?}");
    assert!(ran.stderr.contains("the registry knows the task"), "{}", ran.stderr);

    // All of the state goes back: only heads that are kept elsewhere tell.
    fs::remove_dir_all(&state).unwrap();
    copy(&kept, &state);
    not_verified(&governor, Some("checkpoints"));

    // Nothing was wrong before somebody meddled.
    fs::remove_dir_all(&state).unwrap();
    copy(&newer, &state);
    let verified = governor.json(&["ledger", "verify", "--against", "checkpoints"]);
    assert_eq!(verified["ok"], true);
    governor.serve();
}

#[test]
fn a_ledger_that_is_gone_is_found_against_the_copied_heads_and_at_the_start() {
    let mut governor = house();
    fs::remove_dir_all(governor.path("state/ledger")).unwrap();
    let ran = governor.refuses_to_serve();
    assert_eq!(ran.code, 3, "{ran:?}");
    assert!(ran.stderr.contains("the registry knows the"), "{}", ran.stderr);
    // With the registry gone as well, everything begins anew; the copied heads remember.
    fs::remove_dir_all(governor.path("state/ledger")).unwrap();
    for name in ["registry.db", "registry.db-wal", "registry.db-shm"] {
        let _gone = fs::remove_file(governor.path("state").join(name));
    }
    governor.serve();
    acting(&governor);
    governor.stop();
    let report = not_verified(&governor, Some("checkpoints"));
    assert_eq!(report["checkpoint"]["matches"], false);
}

#[test]
fn a_forged_head_and_a_rewritten_ledger_are_found() {
    let governor = house();
    // Somebody else's governor makes a ledger that is right in itself, and signs its head.
    let forger = house();
    let theirs = forger.path("checkpoints");
    let report = not_verified(&governor, theirs.to_str());
    assert_eq!(report["checkpoint"]["matches"], false);

    // A forged head among the real ones is found.
    copy(&governor.path("checkpoints"), &governor.path("mixed"));
    for entry in fs::read_dir(&theirs).unwrap() {
        let path = entry.unwrap().path();
        let to = governor.path("mixed").join(format!(
            "ledger-9{}",
            path.file_name().unwrap().to_str().unwrap().trim_start_matches("ledger-")
        ));
        fs::copy(path, to).unwrap();
    }
    not_verified(&governor, Some("mixed"));

    // A whole rewrite with a key of the forger's own: the heads that were kept elsewhere tell.
    let kept = governor.path("kept-elsewhere");
    copy(&governor.path("checkpoints"), &kept);
    for name in ["ledger", "keys"] {
        fs::remove_dir_all(governor.path("state").join(name)).unwrap();
        copy(&forger.path("state").join(name), &governor.path("state").join(name));
    }
    assert_eq!(governor.json(&["ledger", "verify"])["ok"], true);
    not_verified(&governor, kept.to_str());
}

#[test]
fn a_head_that_was_altered_counts_for_nothing() {
    let governor = house();
    let file = fs::read_dir(governor.path("checkpoints")).unwrap().next().unwrap().unwrap().path();
    let text = fs::read_to_string(&file).unwrap();
    let lines: Vec<_> = text.lines().collect();
    let number: u64 = lines[1].parse().unwrap();
    let less = text.replacen(&format!("\n{number}\n"), &format!("\n{}\n", number - 1), 1);
    fs::write(&file, less).unwrap();
    not_verified(&governor, Some("checkpoints"));

    fs::write(&file, "no head at all\n\nnothing\n").unwrap();
    governor.refused(&["ledger", "verify", "--against", "checkpoints"], 1);
    governor.refused(&["ledger", "verify", "--against", "no-such-folder"], 1);
}

#[test]
fn heads_are_copied_while_the_governor_runs() {
    let governor = Governor::start(NOTES);
    acting(&governor);
    until("a head is copied", || {
        let files = fs::read_dir(governor.path("checkpoints"));
        files.is_ok_and(|it| 0 < it.count())
    });
    let verified = governor.json(&["ledger", "verify", "--against", "checkpoints"]);
    assert_eq!(verified["checkpoint"]["matches"], true);
}
