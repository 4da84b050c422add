//! Law 2: no acknowledged record is lost when the power goes, whatever the disk had in its cache.

use std::path::{Path, PathBuf};

use crate::{
    child::{Load, Role, acks, check, command},
    disk::{Disk, Loss},
    journal::{self, Event},
    sample::{Dice, often, quick_dir},
};

/// At how many moments each seed cuts the power; the end of it all is one more.
const CUTS: usize = 9;
/// How many seeds look at what one child did; the next ones look at another.
const TOGETHER: usize = 12;

/// What a child did to its disk.
struct History {
    load: Load,
    root: PathBuf,
    events: Vec<Event>,
}

impl History {
    /// Runs a child under the recording layer.
    fn of(load: Load) -> Self {
        let dir = quick_dir();
        let root = dir.path().join("root");
        std::fs::create_dir(&root).unwrap();
        let log = dir.path().join("journal");
        let output = command(load, &root)
            .env("LD_PRELOAD", bailiwick_hostile::recorder())
            .env("SHIM_DIR", &root)
            .env("SHIM_LOG", &log)
            .output()
            .unwrap();
        assert!(output.status.success());
        let events = journal::read(&log);
        let history = Self { load, root, events };
        let said = history.said(history.events.len());
        assert_eq!(acks(&said).len(), history.wanted());
        history
    }

    /// Gives what the child said before a moment.
    fn said(&self, moment: usize) -> String {
        let mut said = String::new();
        for event in &self.events[..moment] {
            if let Event::Say { text } = event {
                said.push_str(text);
            }
        }
        said
    }

    /// Gives how much is acknowledged where nothing fails.
    fn wanted(&self) -> usize {
        let Load { role, rounds, writers, writes } = self.load;
        let each = if role == Role::Aside { writes / 4 } else { writes };
        usize::try_from(rounds * writers * each).unwrap()
    }

    /// Cuts the power at random moments, each time with another loss.
    fn cut_the_power(&self, seed: usize) {
        let mut dice = Dice::new(u64::try_from(seed).unwrap());
        let mut moments: Vec<_> = (0..CUTS).map(|_| dice.below(self.events.len() + 1)).collect();
        // The end too: everything was closed, and nothing may be missing.
        moments.push(self.events.len());
        moments.sort_unstable();
        let (mut disk, mut done) = (Disk::default(), 0);
        for moment in moments {
            for event in &self.events[done..moment] {
                disk.apply(event);
            }
            done = moment;
            let loss = match dice.below(8) {
                0 => Loss::All,
                1 => Loss::Nothing,
                2..=4 => Loss::Some { sector: 512 },
                _ => Loss::Some { sector: 4096 },
            };
            let left = quick_dir();
            disk.cut_power(loss, &mut dice, &self.root, left.path());
            check(self.load.role, left.path(), &acks(&self.said(moment)));
        }
    }

    /// Makes sure that it comes to everything that may go wrong.
    fn is_rich(&self) {
        match self.load.role {
            // When the tables were made and at each close make three: the log was copied back while
            // the child wrote, too.
            Role::Registry | Role::Folding => {
                assert!(3 < copied_back(&self.events), "{}", copied_back(&self.events));
            }
            Role::Ledger => assert!(8 < begun(&self.events), "{}", begun(&self.events)),
            Role::Aside => assert!(2 < begun(&self.events), "{}", begun(&self.events)),
        }
    }
}

/// Cuts the power under `load` with so many seeds; with `BAILIWICK_LONG=1`, ten times as many.
fn cut_the_power(load: Load, seeds: usize) {
    let seeds: Vec<_> = (0..often(seeds)).collect();
    let mut histories = 0;
    for some in seeds.chunks(TOGETHER) {
        let history = History::of(load);
        history.is_rich();
        for seed in some {
            history.cut_the_power(*seed);
        }
        histories += 1;
    }
    let (count, cuts) = (seeds.len(), seeds.len() * (CUTS + 1));
    println!("{:?}: {cuts} power cuts, {count} seeds, {histories} histories", load.role);
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
    cut_the_power(Load { role: Role::Ledger, rounds: 2, writers: 2, writes: 190 }, 24);
}

#[test]
fn what_lay_aside_comes_with_the_next_acknowledgement_though_the_power_goes() {
    cut_the_power(Load { role: Role::Aside, rounds: 2, writers: 2, writes: 160 }, 24);
}

#[test]
fn no_acknowledged_change_is_ever_lost_when_the_power_goes() {
    cut_the_power(Load { role: Role::Registry, rounds: 2, writers: 4, writes: 60 }, 24);
}
