//! A process of its own that writes to a store and says what was acknowledged, so that another
//! one can kill it, cut its power or break its disk.

use std::{
    collections::BTreeSet,
    io::Write,
    ops::Range,
    path::{Path, PathBuf},
    process::{Command, Stdio},
    time::Duration,
};

use bailiwick_model::Record;
use bailiwick_store::{
    Change, Folding, Ledger, LedgerHealth, LedgerOptions, Registry, RegistryHealth, SegmentSizes,
    verify,
};

use crate::{
    sample::{self, Place},
    segment,
};

const ROLE: &str = "STORE_CHILD";

/// What a child does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Role {
    Ledger,
    /// A ledger to which most is given without waiting for it.
    Aside,
    Registry,
    /// A registry whose change log is folded all the while.
    Folding,
}

/// How much it does.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Load {
    pub(crate) role: Role,
    /// How often the store is closed and opened again.
    pub(crate) rounds: u64,
    /// How many threads write.
    pub(crate) writers: u64,
    /// How many writes each makes in a round.
    pub(crate) writes: u64,
}

/// Prepares a child that works in `root`.
pub(crate) fn command(load: Load, root: &Path) -> Command {
    let mut command = Command::new(std::env::current_exe().unwrap());
    let Load { role, rounds, writers, writes } = load;
    command
        .args(["--exact", "child::what_a_child_acknowledges_is_there", "--nocapture"])
        .env(ROLE, format!("{role:?} {rounds} {writers} {writes} {}", root.display()))
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::null());
    command
}

/// One acknowledged write: its number, the chain or the key that was acknowledged with it, and what
/// its writer had put aside before the acknowledgement before: the outcomes of these decisions.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Ack {
    pub(crate) number: u64,
    pub(crate) with: String,
    pub(crate) behind: Range<u64>,
}

/// Reads the acknowledgements out of what a child said; a line that was cut is none.
pub(crate) fn acks(said: &str) -> Vec<Ack> {
    let (whole, _cut) = said.rsplit_once('\n').unwrap_or_default();
    let line = |line: &str| {
        let mut words = line.strip_prefix("ack ")?.split(' ');
        let (number, with) = (words.next()?.parse().ok()?, words.next()?.to_owned());
        let mut edge = || words.next().and_then(|it| it.parse().ok()).unwrap_or_default();
        let behind = edge()..edge();
        Some(Ack { number, with, behind })
    };
    whole.lines().filter_map(line).collect()
}

fn say(line: &str) {
    // One write each, so that lines of several threads do not mix.
    std::io::stdout().write_all(format!("{line}\n").as_bytes()).unwrap();
}

/// Run as a child this writes as it was told; run as a test it is its own parent.
#[test]
fn what_a_child_acknowledges_is_there() {
    if let Ok(text) = std::env::var(ROLE) {
        let words: Vec<_> = text.splitn(5, ' ').collect();
        let number = |place: usize| words[place].parse().unwrap();
        let role = match words[0] {
            "Ledger" => Role::Ledger,
            "Aside" => Role::Aside,
            "Folding" => Role::Folding,
            _ => Role::Registry,
        };
        let load = Load { role, rounds: number(1), writers: number(2), writes: number(3) };
        say("");
        return run(load, &PathBuf::from(words[4]));
    }
    let wanted = [(Role::Ledger, 80), (Role::Aside, 20), (Role::Registry, 80), (Role::Folding, 80)];
    for (role, wanted) in wanted {
        let dir = sample::quick_dir();
        let load = Load { role, rounds: 2, writers: 2, writes: 20 };
        let output = command(load, dir.path()).output().unwrap();
        let acks = acks(&String::from_utf8(output.stdout).unwrap());
        assert_eq!(acks.len(), wanted, "{role:?}");
        check(role, dir.path(), &acks);
    }
}

fn run(load: Load, root: &Path) {
    for round in 0..load.rounds {
        let done = match load.role {
            Role::Ledger | Role::Aside => run_ledger(load, root, round),
            Role::Registry | Role::Folding => run_registry(load, root, round),
        };
        if !done {
            return;
        }
    }
}

fn options(root: &Path) -> LedgerOptions {
    LedgerOptions { checkpoint_every: Duration::from_millis(5), ..Place::new(root).options() }
}

fn run_ledger(load: Load, root: &Path, round: u64) -> bool {
    let sizes = SegmentSizes { first: 64 << 10, largest: 512 << 10 };
    let ledger = match Ledger::open_sized(options(root), sizes) {
        Ok((ledger, _)) => ledger,
        Err(error) => {
            say(&format!("not opened: {error}"));
            return false;
        }
    };
    std::thread::scope(|scope| {
        for writer in 0..load.writers {
            let ledger = &ledger;
            scope.spawn(move || {
                if load.role == Role::Aside {
                    return write_aside(ledger, writer, load.writes);
                }
                for write in 0..load.writes {
                    let number = round * 1_000_000 + writer * 10_000 + write;
                    // Long enough to break across pages and to fill segment after segment.
                    let detail = "x".repeat(usize::try_from(number * 1317 % 16_000).unwrap());
                    let mut batch = vec![sample::outcome(number, &detail)];
                    if number.is_multiple_of(8) {
                        batch.push(sample::record(number / 8));
                    }
                    match ledger.append_blocking(batch) {
                        Ok(at) => say(&format!("ack {} {}", at.seq, at.chain)),
                        Err(error) => say(&format!("failed {error}")),
                    }
                }
            });
        }
    });
    let good = ledger.health() == LedgerHealth::Good;
    say(&format!("health {good}"));
    ledger.close();
    good
}

/// Gives most without waiting for it, as outcomes are. What is acknowledged tells what must be there by
/// now: all that was given before it.
fn write_aside(ledger: &Ledger, writer: u64, writes: u64) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    // Each life of the child has numbers of its own.
    let first = ledger.head().seq * 100_000 + writer * 10_000;
    for write in 0..writes {
        let number = first + write;
        let detail = "x".repeat(usize::try_from(number * 1317 % 3000).unwrap());
        if let Err(error) =
            runtime.block_on(ledger.append_soon(vec![sample::outcome(number, &detail)]))
        {
            say(&format!("failed {error}"));
            return;
        }
        match write % 8 {
            // Nothing comes for a while that would take it along.
            0 => std::thread::sleep(Duration::from_millis(3)),
            3 | 7 => match ledger.append_blocking(vec![sample::finding(number)]) {
                Ok(at) => say(&format!("ack {} {} {first} {}", at.seq, at.chain, number + 1)),
                Err(error) => say(&format!("failed {error}")),
            },
            _ => {}
        }
    }
}

fn run_registry(load: Load, root: &Path, round: u64) -> bool {
    let folding = match load.role {
        Role::Folding => Folding { after: 40, leases: 10, tasks: 1000 },
        Role::Ledger | Role::Aside | Role::Registry => Folding::default(),
    };
    let registry = match Registry::open_folding(&root.join("registry.db"), folding) {
        Ok(registry) => registry,
        Err(error) => {
            say(&format!("not opened: {error}"));
            return false;
        }
    };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let work = async |writer: u64| {
        for write in 0..load.writes {
            let number = round * 1_000_000 + writer * 10_000 + write;
            let task =
                if write % 3 == 2 { sample::ended(number - 1) } else { sample::task(number) };
            let key = task.id.clone();
            let changes =
                vec![Change::Hold(Box::new(sample::hold(number))), Change::Task(Box::new(task))];
            match registry.write(changes).await {
                Ok(rev) => say(&format!("ack {rev} {key}")),
                Err(error) => say(&format!("failed {error}")),
            }
        }
    };
    runtime.block_on(async {
        match load.writers {
            2 => drop(tokio::join!(work(0), work(1))),
            _ => drop(tokio::join!(work(0), work(1), work(2), work(3))),
        }
    });
    let good = registry.health() == RegistryHealth::Good;
    say(&format!("health {good}"));
    registry.close();
    good
}

/// Opens what a child left in `root` and compares it with what was acknowledged.
pub(crate) fn check(role: Role, root: &Path, acks: &[Ack]) {
    match role {
        Role::Ledger | Role::Aside => check_ledger(root, acks),
        Role::Registry => check_registry(root, acks),
        Role::Folding => check_folded(root, acks),
    }
}

fn check_ledger(root: &Path, acks: &[Ack]) {
    let place = Place::new(root);
    let (ledger, recovered) = place.open();
    // Now every record's chain was compared, so that it says what the record is.
    assert_eq!(ledger.patrolled(), None);
    let chains = chains(&place);
    assert_eq!(recovered.last_seq, u64::try_from(chains.len()).unwrap());
    for Ack { number, with, .. } in acks {
        let place = usize::try_from(*number).unwrap().checked_sub(1).unwrap();
        assert_eq!(chains.get(place), Some(with), "acknowledged record {number} is lost");
    }
    check_behind(&ledger, acks);
    let key = place.key();
    ledger.close();
    let against = Some(place.copies()).filter(|it| it.is_dir() && !chains.is_empty());
    let report = verify(&place.dir(), against.as_deref(), key.public()).unwrap();
    assert!(report.ok, "{report:?}");
}

/// What was put aside is there with the next acknowledgement, and once.
fn check_behind(ledger: &Ledger, acks: &[Ack]) {
    if acks.iter().all(|it| it.behind.is_empty()) {
        return;
    }
    let mut there = BTreeSet::new();
    for it in sample::all(ledger, 0) {
        if let Record::Outcome(it) = it.record {
            assert!(there.insert(it.decision.clone()), "{} is there twice", it.decision);
        }
    }
    for Ack { number, behind, .. } in acks {
        for given in behind.clone() {
            let is_there = there.contains(&sample::decision_id(given));
            assert!(is_there, "{given} was given before {number}, and is lost");
        }
    }
}

fn chains(place: &Place) -> Vec<String> {
    let rows = segment::all(&place.dir()).into_iter().flat_map(|it| it.rows);
    rows.map(|it| it.chain.to_string()).collect()
}

fn check_registry(root: &Path, acks: &[Ack]) {
    let registry = Registry::open(&root.join("registry.db")).unwrap();
    assert_eq!(registry.verify_changes().unwrap(), None);
    assert_eq!(registry.verify_rows().unwrap(), []);
    let changes = registry.changes(bailiwick_store::Rev(0), usize::MAX).unwrap();
    for Ack { number, with, .. } in acks {
        let place = usize::try_from(*number).unwrap().checked_sub(1).unwrap();
        let found = changes.get(place).map(|it| &it.key);
        assert_eq!(found, Some(with), "acknowledged change {number} is lost");
    }
    registry.close();
}

/// Of a log that was folded, what each acknowledged change was about is there.
fn check_folded(root: &Path, acks: &[Ack]) {
    let registry = Registry::open(&root.join("registry.db")).unwrap();
    assert_eq!(registry.verify_changes().unwrap(), None);
    assert_eq!(registry.verify_rows().unwrap(), []);
    for Ack { number, with, .. } in acks {
        let there = registry.task(&with.parse().unwrap()).unwrap();
        assert!(there.is_some(), "what change {number} was about is lost");
    }
    let last = acks.iter().map(|it| it.number).max().unwrap_or_default();
    assert!(last <= registry.head().unwrap().0.0);
    registry.close();
}
