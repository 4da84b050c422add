//! A disk that fails: nothing is acknowledged any more, and nothing acknowledged is lost.

use std::path::Path;

use crate::{
    child::{Ack, Load, Role, acks, check, command},
    disk::{Disk, Loss},
    journal::{self, Event},
    sample::{Dice, often, quick_dir},
};

/// Runs a child on a disk that fails as `how` says; gives what it acknowledged and whether it
/// came to the failure.
fn run_on(role: Role, root: &Path, how: (&str, usize)) -> (Vec<Ack>, bool) {
    let file = match role {
        Role::Registry | Role::Folding => "registry.db",
        Role::Ledger | Role::Aside => ".segment",
    };
    // A registry goes on by itself once there is room.
    let over =
        if file == "registry.db" && how.0 == "SHIM_FULL" { "no room" } else { "until a restart" };
    let load = Load { role, rounds: 1, writers: 4, writes: 60 };
    let log = quick_dir();
    let log = log.path().join("journal");
    let output = command(load, root)
        .env("LD_PRELOAD", bailiwick_hostile::recorder())
        .env("SHIM_DIR", root)
        .env("SHIM_LOG", &log)
        .env("SHIM_MATCH", file)
        .env(how.0, how.1.to_string())
        .output()
        .unwrap();
    let said = String::from_utf8(output.stdout).unwrap();
    let lines: Vec<_> = said.lines().collect();
    let failed = lines.iter().any(|it| it.starts_with("failed ") || it.starts_with("not opened"));
    // Each of four threads may still print what it was told just before the failure.
    if let Some(first) = lines.iter().position(|it| it.starts_with("failed ")) {
        let late = lines[first..].iter().filter(|it| it.starts_with("ack ")).count();
        assert!(late < 4, "{late} acknowledged after the failure: {said}");
        let mut after = lines.iter().skip(first).filter(|it| it.starts_with("failed "));
        assert!(after.all(|it| it.contains(over)), "{said}");
        assert!(lines.contains(&"health false"), "{said}");
    } else if !failed {
        assert!(lines.contains(&"health true"), "{said}");
    }
    let acks = acks(&said);
    check_without_cache(role, root, &journal::read(&log), &acks);
    (acks, failed)
}

/// Checks what a power cut after the failure leaves of it all.
fn check_without_cache(role: Role, root: &Path, events: &[Event], acks: &[Ack]) {
    let mut disk = Disk::default();
    for event in events {
        disk.apply(event);
    }
    let left = quick_dir();
    disk.cut_power(Loss::All, &mut Dice::new(1), root, left.path());
    check(role, left.path(), acks);
}

fn break_the_disk(role: Role, how: &str, amounts: &[usize]) {
    let (mut met, all) = (0, often(amounts.len()));
    for amount in amounts.iter().cycle().take(all) {
        let dir = quick_dir();
        let (acks, failed) = run_on(role, dir.path(), (how, *amount));
        met += usize::from(failed);
        check(role, dir.path(), &acks);
    }
    assert!(all / 2 < met, "too few runs met the failure: {met} of {all}");
}

#[test]
fn after_a_failed_fsync_the_ledger_acknowledges_nothing_and_loses_nothing() {
    let syncs: Vec<_> = (1..24).chain([30, 40, 55, 70]).collect();
    break_the_disk(Role::Ledger, "SHIM_FAIL_SYNC", &syncs);
}

#[test]
fn after_a_failed_fsync_what_lay_aside_comes_with_the_next_acknowledgement() {
    let syncs: Vec<_> = (1..20).collect();
    break_the_disk(Role::Aside, "SHIM_FAIL_SYNC", &syncs);
}

#[test]
fn on_a_full_disk_what_lay_aside_comes_with_the_next_acknowledgement() {
    let mut dice = Dice::new(5);
    let bytes: Vec<_> = (0..12).map(|_| dice.below(500_000)).collect();
    break_the_disk(Role::Aside, "SHIM_FULL", &bytes);
}

#[test]
fn after_a_failed_fsync_the_registry_acknowledges_nothing_and_loses_nothing() {
    let syncs: Vec<_> = (1..16).chain([20, 25]).collect();
    break_the_disk(Role::Registry, "SHIM_FAIL_SYNC", &syncs);
}

#[test]
fn on_a_full_disk_the_ledger_acknowledges_nothing_and_loses_nothing() {
    let mut dice = Dice::new(3);
    let bytes: Vec<_> = (0..16).map(|_| dice.below(600_000)).collect();
    break_the_disk(Role::Ledger, "SHIM_FULL", &bytes);
}

#[test]
fn on_a_full_disk_the_registry_acknowledges_nothing_and_loses_nothing() {
    let mut dice = Dice::new(4);
    let bytes: Vec<_> = (0..12).map(|_| dice.below(500_000)).collect();
    break_the_disk(Role::Registry, "SHIM_FULL", &bytes);
}

/// Runs a registry that folds on a disk that is full for so many writes; gives how often it was refused.
fn fill_the_disk_for_a_while(bytes: usize, refusals: usize) -> (usize, usize) {
    let (dir, log) = (quick_dir(), quick_dir());
    let (root, log) = (dir.path(), log.path().join("journal"));
    let load = Load { role: Role::Folding, rounds: 1, writers: 2, writes: 80 };
    let output = command(load, root)
        .env("LD_PRELOAD", bailiwick_hostile::recorder())
        .env("SHIM_DIR", root)
        .env("SHIM_LOG", &log)
        .env("SHIM_MATCH", "registry.db")
        .env("SHIM_FULL", bytes.to_string())
        .env("SHIM_ROOM", refusals.to_string())
        .output()
        .unwrap();
    let said = String::from_utf8(output.stdout).unwrap();
    let failed: Vec<_> = said.lines().filter(|it| it.starts_with("failed ")).collect();
    assert!(failed.iter().all(|it| it.contains("no room")), "{said}");
    // Whoever was refused was not all: the rest was taken by the same process.
    let acks = acks(&said);
    assert_eq!(acks.len() + failed.len(), 160, "{said}");
    assert!(said.contains("health true") && 2 * failed.len() < acks.len(), "{said}");
    let events = journal::read(&log);
    check_without_cache(Role::Folding, root, &events, &acks);
    check(Role::Folding, root, &acks);
    let refused = events.iter().filter(|it| matches!(it, Event::NoRoom)).count();
    (refused, failed.len())
}

#[test]
fn a_registry_on_a_full_disk_goes_on_by_itself_once_there_is_room() {
    let (mut met, mut beside) = (0, 0);
    let runs = often(24);
    for run in 0..runs {
        // Spread over all that it writes, so that some meet a commit, some a fold and some a copying back.
        let bytes = 150_000 + run * 1_100_000 / runs;
        let (refused, failed) = fill_the_disk_for_a_while(bytes, 1 + run % 5);
        met += usize::from(0 < failed);
        beside += usize::from(0 < refused && failed == 0);
    }
    println!("{runs} runs: {met} had changes refused, {beside} met it beside them");
    assert!(0 < met && 0 < beside, "{met} and {beside} of {runs}");
}
