//! Law 2: no acknowledged record is lost when the power goes, whatever the disk had in its cache.

use std::path::Path;

use crate::{
    child::{Load, Role, acks, check, command},
    disk::{Disk, Loss},
    journal::{self, Event},
    sample::{Dice, often, quick_dir},
};

/// Runs a child under the recording layer and cuts its power at `cuts` random moments.
fn cut_the_power(load: Load, cuts: usize) {
    let role = load.role;
    let dir = quick_dir();
    let root = dir.path().join("root");
    std::fs::create_dir(&root).unwrap();
    let log = dir.path().join("journal");
    let output = command(load, &root)
        .env("LD_PRELOAD", journal::library())
        .env("SHIM_DIR", &root)
        .env("SHIM_LOG", &log)
        .output()
        .unwrap();
    assert!(output.status.success());
    let events = journal::read(&log);

    let mut dice = Dice::new(42);
    let mut moments: Vec<_> = (0..often(cuts)).map(|_| dice.below(events.len() + 1)).collect();
    // The end too: everything was closed, and nothing may be missing.
    moments.push(events.len());
    moments.sort_unstable();

    let mut disk = Disk::default();
    let mut said = String::new();
    let mut done = 0;
    for (seed, moment) in moments.into_iter().enumerate() {
        for event in &events[done..moment] {
            disk.apply(event);
            if let Event::Say { text } = event {
                said.push_str(text);
            }
        }
        done = moment;
        let loss = match seed % 8 {
            0 => Loss::All,
            1 => Loss::Nothing,
            2..=4 => Loss::Some { sector: 512 },
            _ => Loss::Some { sector: 4096 },
        };
        let left = quick_dir();
        disk.cut_power(loss, &mut dice, &root, left.path());
        check(role, left.path(), &acks(&said));
    }
    assert_eq!(
        acks(&said).len(),
        usize::try_from(load.rounds * load.writers * load.writes).unwrap()
    );
    match role {
        // When the tables were made and at each close make three: the log was copied back while
        // the child wrote, too.
        Role::Registry => assert!(3 < copied_back(&events), "{}", copied_back(&events)),
        Role::Ledger => assert!(8 < begun(&events), "{}", begun(&events)),
    }
}

/// Counts the syncs of the database itself, which happen when the log is copied back.
fn copied_back(events: &[Event]) -> usize {
    let mut database = Vec::new();
    let mut syncs = 0;
    for event in events {
        if let Event::Open { inode, path, .. } = event
            && Path::new(path).extension().is_some_and(|it| it == "db")
        {
            database.push(*inode);
        } else if let Event::Sync { inode } = event {
            syncs += usize::from(database.contains(inode));
        }
    }
    syncs
}

/// Counts the segments that were begun.
fn begun(events: &[Event]) -> usize {
    let begun = |it: &&Event| matches!(it, Event::Rename { to, .. } if to.ends_with(".segment"));
    events.iter().filter(begun).count()
}

#[test]
fn no_acknowledged_record_is_ever_lost_when_the_power_goes() {
    cut_the_power(Load { role: Role::Ledger, rounds: 2, writers: 2, writes: 190 }, 240);
}

#[test]
fn no_acknowledged_change_is_ever_lost_when_the_power_goes() {
    cut_the_power(Load { role: Role::Registry, rounds: 2, writers: 4, writes: 60 }, 200);
}
