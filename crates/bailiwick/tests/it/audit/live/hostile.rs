//! Disks, folders and senders at their worst: what can be read is read, and what cannot is told of.

use std::{
    fs::{self, File, FileTimes},
    path::{Path, PathBuf},
    time::{Duration, SystemTime},
};

use serde_json::{Value, json};

use super::{Watching, gz, hop, hopped, outside, ownerless, was_outside};
use crate::{
    audit::{USER, log},
    governor::until,
    process::memory,
};

/// Has a file look as if it changed last so long ago.
fn age(path: &Path, by: Duration) {
    let file = File::options().write(true).open(path).unwrap();
    let then = SystemTime::now().checked_sub(by).unwrap();
    file.set_times(FileTimes::new().set_modified(then)).unwrap();
}

impl Watching {
    fn findings(&self, code: &str) -> Vec<Value> {
        self.0.records().into_iter().filter(|it| it["code"] == code).collect()
    }
}

#[test]
fn what_a_report_of_what_is_live_cannot_read_costs_itself_alone_and_is_told_of() {
    let watching = Watching::prepare("folder = \"trail\"");
    watching.append("a.log", log().as_bytes());
    let packed = gz(&(outside() + &hop()[0] + &"x".repeat(3000)));
    for name in ["new.gz", "old.gz"] {
        watching.append(name, &packed[..packed.len() - 9]);
    }
    let trail = watching.0.path("trail");
    age(&trail.join("old.gz"), Duration::from_secs(3600));
    let broken: Vec<u8> = packed.iter().copied().chain(*b"and something else").collect();
    watching.append("broken.gz", &broken);
    let deep: PathBuf = std::iter::repeat_n("d", 18).collect();
    fs::create_dir_all(trail.join(&deep)).unwrap();
    watching.append("z.log", outside().as_bytes());
    let run = watching.0.run(&["audit", "--live", "--output", "json"]);
    assert_eq!(run.code, 0, "{run:?}");
    let told: Value = serde_json::from_str(&run.stdout).unwrap();
    let left_out = told["summary"]["left_out"].as_array().unwrap();
    let has = |words: &[&str]| {
        left_out.iter().any(|it| words.iter().all(|word| it.as_str().unwrap().contains(word)))
    };
    assert!(has(&["source `trail`", "old.gz", "beyond byte"]), "{left_out:?}");
    assert!(has(&["source `trail`", "broken.gz", "beyond byte"]), "{left_out:?}");
    assert!(has(&["source `trail`", "d/d/d", "deep"]), "{left_out:?}");
    assert_eq!(left_out.len(), 3, "{left_out:?}");
    assert!(run.stderr.contains("new.gz` is still written"), "{}", run.stderr);
    // Two files are broken, and so is a line in each of them that came out whole.
    assert!(2 <= told["summary"]["errors"].as_u64().unwrap(), "{}", told["summary"]);
    let findings = told["findings"].as_array().unwrap();
    assert!(findings.iter().any(|it| it["finding"] == "outside-charter"), "{findings:?}");
    let table = watching.0.run(&["audit", "--live"]).stdout;
    assert!(table.contains("not all logs were read"), "{table}");
}

#[test]
fn a_source_that_falls_silent_is_told_of_once_until_something_comes() {
    let mut watching = Watching::prepare("folder = \"trail\"\nsilence = \"1h\"");
    watching.append("a.log", log().as_bytes());
    let path = watching.0.path("trail").join("a.log");
    age(&path, Duration::from_secs(7200));
    watching.0.serve();
    until("it is silent", || !watching.findings("source-silent").is_empty());
    assert!(7200 <= watching.view()["quiet"].as_u64().unwrap(), "{}", watching.view());
    watching.once(&[ownerless("aws", USER)]);
    watching.append("a.log", outside().as_bytes());
    watching.once(&[ownerless("aws", USER), was_outside()]);
    assert!(watching.view()["quiet"].as_u64().unwrap() < 7200, "{}", watching.view());
    let told = watching.findings("source-silent");
    assert_eq!(told.len(), 1, "{told:?}");
    assert_eq!(told[0]["subject"], "source:trail");
    assert!(told[0]["text"].as_str().unwrap().contains("nothing has come for 2h"), "{told:?}");
}

#[test]
fn on_a_disk_that_takes_no_state_everything_is_told_once_all_the_same() {
    let mut watching = Watching::prepare("folder = \"trail\"");
    let state = watching.0.path("state/sources");
    watching.0.serve_with(|command| {
        command
            .env("LD_PRELOAD", bailiwick_hostile::recorder())
            .env("SHIM_DIR", &state)
            .env("SHIM_MATCH", "sources/.new-")
            .env("SHIM_FULL", "10");
    });
    let [began, did] = hop();
    watching.append("a.log", (log() + &began).as_bytes());
    let mut wanted = vec![ownerless("aws", USER), ownerless("aws", &super::began_by())];
    watching.once(&wanted);
    assert!(!state.join("seen.json").exists(), "the disk took it");
    watching.0.kill();
    watching.append("a.log", did.as_bytes());
    watching.0.serve();
    wanted.push(hopped());
    watching.once(&wanted);
}

#[test]
fn a_body_that_a_full_disk_does_not_take_is_not_answered_as_taken() {
    let mut watching = Watching::prepare("push = true");
    let state = watching.0.path("state/sources");
    watching.0.serve_with(|command| {
        command
            .env("LD_PRELOAD", bailiwick_hostile::recorder())
            .env("SHIM_DIR", &state)
            .env("SHIM_MATCH", ".log")
            .env("SHIM_FULL", "4000");
    });
    assert_eq!(watching.push(&outside(), &[]).status, 202);
    let answer = watching.push(&log(), &[]);
    assert_eq!((answer.status, answer.header("retry-after")), (503, Some("10")), "{answer:?}");
    watching.0.kill();
    watching.0.serve();
    watching.once(&[was_outside()]);
    assert_eq!(watching.push(&log(), &[]).status, 202);
    watching.once(&[was_outside(), ownerless("aws", USER)]);
    // The log has one broken line and one that comes again; of the body that was refused nothing stayed.
    let summary = &watching.0.json(&["audit", "--live"])["summary"];
    assert_eq!((&summary["errors"], &summary["duplicates"]), (&json!(1), &json!(1)), "{summary}");
}

#[test]
fn bodies_that_lie_about_themselves_are_taken_as_what_they_are_and_take_little_room() {
    let watching = Watching::start("push = true");
    let before = memory(&watching.0);
    for (body, headers, status) in [
        (outside().into_bytes(), &[("Content-Encoding", "gzip")][..], 202),
        (gz(&outside()), &[("Content-Encoding", "zstd")], 202),
        (gz(&outside()), &[("Content-Encoding", "identity")], 202),
        // A short text of millions of values, and a short one of nothing at all.
        (format!("[{}1]", "1,".repeat(2 << 20)).into_bytes(), &[], 422),
        (format!("{{\"value\":[{}1]}}", "1,".repeat(2 << 20)).into_bytes(), &[], 422),
        (gz("").repeat(50_000), &[], 422),
        (format!("{}\0\0\n{{\0}}\n", outside()).into_bytes(), &[], 202),
    ] {
        let begin = String::from_utf8_lossy(&body[..body.len().min(20)]).into_owned();
        let answer = watching.push_bytes(&body, headers);
        assert_eq!(answer.status, status, "{begin:?} {headers:?}: {answer:?}");
    }
    let after = memory(&watching.0);
    assert!(after < before.saturating_add(60 << 10), "{before} {after}");
    watching.once(&[was_outside()]);
}
