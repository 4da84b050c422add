//! A disk that fails in the middle of work: by a sync that fails, or full. Nothing is sent that is
//! not on it, nothing that was answered is lost, and nothing more is taken until a restart.

use std::{collections::BTreeSet, sync::Mutex};

use serde_json::{Value, json};

use super::{any_below, call, rounds};
use crate::governor::{Governor, NOTES};

/// What agents saw before the disk failed.
#[derive(Default)]
struct Seen {
    /// Decisions whose calls were answered.
    allowed: Mutex<BTreeSet<String>>,
    /// Whether somebody was refused for want of evidence.
    refused: Mutex<bool>,
}

/// Calls until the disk fails, or for long enough.
fn work(host: &str, token: &str, name: &str, seen: &Seen) {
    for number in 0..60 {
        let path = format!("/notes/{name}-{number}");
        let answer = call(host, token, &path).expect("the governor lives on");
        let (decision, result) = (answer.decision().unwrap(), &answer.json()["result"]);
        if result["structuredContent"]["code"] == "no_evidence" {
            *seen.refused.lock().unwrap() = true;
            return;
        }
        assert_eq!(result["isError"], false, "{result}");
        seen.allowed.lock().unwrap().insert(decision.to_owned());
    }
}

/// Runs a governor on a disk that fails as `how` says; says whether it came to the failure.
fn run_on(how: &str, amount: usize) -> bool {
    let mut governor = Governor::prepare(NOTES);
    let state = governor.path("state");
    let started = governor.try_serve_with(|command| {
        command
            .env("LD_PRELOAD", bailiwick_hostile::recorder())
            .env("SHIM_DIR", &state)
            .env("SHIM_MATCH", ".segment")
            .env(how, amount.to_string())
            .env("BAILIWICK_LOG", "off");
    });
    let words = ["task", "open", "--as", "reader", "--template", "reading", "--output", "json"];
    let opened = started.then(|| governor.run(&words)).filter(|it| it.code == 0);
    let seen = Seen::default();
    if let Some(opened) = &opened {
        let opened: Value = serde_json::from_str(&opened.stdout).unwrap();
        let (host, token) = (governor.host(), opened["token"].as_str().unwrap());
        std::thread::scope(|scope| {
            for client in 0..3 {
                let seen = &seen;
                scope.spawn(move || work(host, token, &client.to_string(), seen));
            }
        });
        if *seen.refused.lock().unwrap() {
            nothing_more_goes_out(&governor, token);
        }
    }
    let failed = opened.is_none() || *seen.refused.lock().unwrap();
    governor.kill();
    governor.serve();
    everything_is_there(&governor, &seen, (how, amount));
    failed
}

fn nothing_more_goes_out(governor: &Governor, token: &str) {
    let before = governor.reached();
    for number in 0..3 {
        let read = governor.call(token, "read_note", &json!({"path": format!("/notes/{number}")}));
        assert_eq!(read["structuredContent"]["code"], "no_evidence", "{read}");
    }
    assert_eq!(governor.reached(), before);
}

fn everything_is_there(governor: &Governor, seen: &Seen, how: (&str, usize)) {
    // Where it failed at once, no head was signed yet.
    let is_signed = std::fs::read_dir(governor.path("checkpoints")).is_ok_and(|mut heads| {
        heads.any(|it| it.is_ok_and(|it| it.metadata().is_ok_and(|it| 0 < it.len())))
    });
    let against: &[&str] = if is_signed { &["--against", "checkpoints"] } else { &[] };
    let verified = governor.json(&[&["ledger", "verify"], against].concat());
    assert_eq!(verified["ok"], true, "{how:?}: {verified}");
    let records = governor.records();
    let allowed: Vec<_> =
        records.iter().filter(|it| it["kind"] == "decision" && it["verdict"] == "allow").collect();
    let ids: BTreeSet<_> = allowed.iter().map(|it| it["decision"].as_str().unwrap()).collect();
    assert_eq!(ids.len(), allowed.len(), "{how:?}: one record for each decision");
    for decision in seen.allowed.lock().unwrap().iter() {
        assert!(ids.contains(decision.as_str()), "{how:?}: {decision} was answered, and is lost");
    }
    let paths: BTreeSet<_> =
        allowed.iter().map(|it| it["resources"][0].as_str().unwrap()).collect();
    for line in governor.reached_calls() {
        let arguments: Value =
            serde_json::from_str(line.strip_prefix("read_note ").unwrap()).unwrap();
        let path = arguments["path"].as_str().unwrap();
        assert!(paths.contains(path), "{how:?}: {path} was sent without a record");
    }
    let (_, token) = governor.open("reader", "reading", &[]);
    let read = governor.call(&token, "read_note", &json!({"path": "/notes/again"}));
    assert_eq!(read["isError"], false, "{how:?}: {read}");
}

fn again_and_again(how: &str, least: usize, more: usize) {
    let runs = rounds(8);
    let amount = || least.saturating_add(any_below(more));
    let failed = (0..runs).filter(|_| run_on(how, amount())).count();
    println!("{how}: {failed} of {runs} runs met the failure");
    assert!(runs / 2 < failed, "too few runs met the failure: {failed} of {runs}");
}

#[test]
fn after_a_failed_sync_nothing_is_sent_and_nothing_answered_is_lost() {
    again_and_again("SHIM_FAIL_SYNC", 1, 60);
}

#[test]
fn on_a_disk_that_fills_up_nothing_is_sent_and_nothing_answered_is_lost() {
    // The first segment takes half a mebibyte before anything is written.
    again_and_again("SHIM_FULL", 520_000, 400_000);
}
