//! What a start hears of a long history: nothing that counts is left out, whether it reads all of it or what
//! was named of it, and what it keeps goes by what is open.

#![expect(clippy::arithmetic_side_effects, reason = "numbers are small here, and overflow panics")]

mod people;
mod resumes;

use std::path::Path;

use bailiwick_model::{CallDigest, Grant, Json, Layer, Mode, OnWiden, Opener, Ulid, VerdictKind};
use bailiwick_store::{CheckpointKey, LedgerOptions};
use bailiwick_testkit::build;

use super::*;

const START: i64 = 1_800_000_000_000;

fn open_ledger(dir: &Path) -> Ledger {
    let key = CheckpointKey::load_or_create(&dir.join("checkpoint.key")).unwrap();
    let (checkpoint_every, dir) = (Duration::from_secs(3600), dir.join("ledger"));
    Ledger::open(LedgerOptions { dir, key, copies: None, checkpoint_every, retain: None })
        .unwrap()
        .0
}

/// A history that is made by chance: tasks open and end, are held, contained, told of and looked at, and people
/// answer and decide.
struct History {
    dice: u64,
    now: Timestamp,
    made: u64,
    open: Vec<Task>,
    glass: Vec<TaskId>,
    held: Vec<Hold>,
    evaluations: Vec<HeldEvaluation>,
    records: Vec<Record>,
}

impl History {
    fn new(seed: u64) -> Self {
        let now = Timestamp::from_millis(START);
        Self {
            dice: seed,
            now,
            made: 0,
            open: Vec::new(),
            glass: Vec::new(),
            held: Vec::new(),
            evaluations: Vec::new(),
            records: Vec::new(),
        }
    }

    fn roll(&mut self, sides: u64) -> u64 {
        self.dice = self
            .dice
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (self.dice >> 33) % sides
    }

    fn ulid(&mut self) -> Ulid {
        self.made += 1;
        let mut random = [0; 10];
        random[2..].copy_from_slice(&self.made.to_be_bytes());
        Ulid::new(self.now, random)
    }

    fn command(&mut self, by: &str, command: CommandRecord) {
        self.records.push(Record::Command { time: self.now, by: by.to_owned(), command });
    }

    fn opens(&mut self) {
        let (above, glass) = (self.roll(3) == 0, self.roll(40) == 0);
        let which = usize::try_from(self.roll(1 << 20)).unwrap();
        let parent = self.open.get(which % self.open.len().max(1)).filter(|_| above).cloned();
        let task = task(TaskId::new(self.ulid()), parent.as_ref(), (self.now, glass));
        if glass {
            self.glass.push(task.id.clone());
        }
        self.open.push(task.clone());
        let (identity, template) = (task.identity.clone(), task.template.to_string());
        let (task, verdict) = (Some(Box::new(task)), VerdictKind::Allow);
        let whole = Some("digest".to_owned());
        let opened = CommandRecord::TaskOpened {
            verdict,
            steps: Vec::new(),
            task,
            identity,
            template,
            whole,
        };
        self.command("uid:0", opened);
    }

    /// A task ends with all below it, sometimes as another system told of it.
    fn ends(&mut self) {
        let which = usize::try_from(self.roll(1 << 20)).unwrap();
        let Some(top) = self.open.get(which % self.open.len().max(1)).map(|it| it.id.clone())
        else {
            return;
        };
        let is_in = |it: &Task| it.id == top || it.ancestors().any(|above| *above == top);
        let (gone, open) = std::mem::take(&mut self.open).into_iter().partition(is_in);
        self.open = open;
        let told = self.roll(20) == 0;
        let by = if told { "transmitter:idp" } else { "clock" };
        let mut ended = Vec::new();
        for task in Vec::<Task>::into_iter(gone) {
            let status = TaskStatus::Ended { at: self.now, cause: EndCause::Asked };
            self.command(by, CommandRecord::TaskEnded { task: task.id.clone(), status });
            ended.push(task.id);
        }
        // Half of those who told died before it was on record.
        if told && self.roll(2) == 0 {
            let (issued, jti) = (self.now, self.made.to_string());
            self.command(
                "transmitter:idp",
                CommandRecord::SignalReceived(Box::new(bailiwick_model::SignalRecord {
                    transmitter: "idp".to_owned(),
                    event: bailiwick_model::SignalEvent::SessionRevoked,
                    jti,
                    issued,
                    about: Vec::new(),
                    effect: bailiwick_model::SignalEffect::End,
                    ended,
                    until: None,
                })),
            );
        }
    }

    fn holds(&mut self) {
        let which = usize::try_from(self.roll(1 << 20)).unwrap();
        let Some(task) = self.open.get(which % self.open.len().max(1)).cloned() else { return };
        let mut hold = self.hold(&task);
        if self.roll(2) == 0 {
            self.held.push(hold.clone());
        } else {
            hold.status = HoldStatus::Expired;
        }
        let (hold, statement) = (Box::new(hold), None);
        let whole = Some("digest".to_owned());
        self.command("uid:0", CommandRecord::HoldChanged { hold, statement, whole });
    }

    /// Makes a hold that waits.
    fn hold(&mut self, task: &Task) -> Hold {
        let (id, decision) = (HoldId::new(self.ulid()), DecisionId::new(self.ulid()));
        let action = build::tool("files", "read_text_file");
        Hold {
            id,
            decision,
            task: task.id.clone(),
            caller: task.identity.clone(),
            via: Vec::new(),
            call: CallDigest::of(&action, &Json::Null),
            action,
            resources: BTreeSet::new(),
            destinations: BTreeSet::new(),
            arguments: String::new(),
            reasons: BTreeSet::new(),
            policy: String::new(),
            opened: self.now,
            expires: self.now.after(Duration::from_secs(600)),
            status: HoldStatus::Waiting,
        }
    }

    fn contains(&mut self) {
        let subject = format!("identity:agent-{}", self.roll(5)).parse().unwrap();
        let (contained, why, statement) = (self.roll(2) == 0, "a test".to_owned(), None);
        self.command("uid:0", CommandRecord::Contained { subject, contained, why, statement });
    }

    fn is_looked_at(&mut self) {
        let Some(task) = self.glass.pop() else { return };
        let (note, statement) = (String::new(), String::new());
        self.command("person:alice", CommandRecord::TaskReviewed { task, note, statement });
    }

    /// Lets so many things happen, and puts them on record.
    fn goes_on(&mut self, ledger: &Ledger, steps: usize) {
        for _ in 0..steps {
            self.now = self.now.after(Duration::from_secs(self.roll(60)));
            match self.roll(24) {
                0..8 => self.opens(),
                8..16 => self.ends(),
                16..18 => self.holds(),
                18 => self.contains(),
                19 => self.is_looked_at(),
                20 => self.answers(),
                21 => self.uses(),
                22 => self.evaluates(),
                _ => self.decides(),
            }
        }
        for piece in std::mem::take(&mut self.records).chunks(500) {
            ledger.append_blocking(piece).unwrap();
        }
    }
}

fn task(id: TaskId, parent: Option<&Task>, (now, glass): (Timestamp, bool)) -> Task {
    let identity: IdentityId = "reporter".parse().unwrap();
    let layer = Layer {
        identity: identity.clone(),
        template: "report".parse().unwrap(),
        purpose: String::new(),
        params: BTreeMap::new(),
        servers: BTreeSet::new(),
        targets: BTreeSet::new(),
        lines: Vec::new(),
        day: None,
    };
    let above = parent.map(|it| it.ancestors().cloned().collect()).unwrap_or_default();
    Task {
        id,
        identity,
        via: Vec::new(),
        on_behalf: None,
        template: "report".parse().unwrap(),
        purpose: String::new(),
        opener: Opener::Itself,
        params: BTreeMap::new(),
        parent: parent.map(|it| it.id.clone()),
        above,
        opened: now,
        deadline: now.after(Duration::from_secs(3600)),
        idle: None,
        calendars: Vec::new(),
        grant: Grant {
            layers: vec![layer],
            budget: Budget::default(),
            on_widen: OnWiden::Deny,
            mode: Mode::Enforce,
        },
        generation: 1,
        status: TaskStatus::Open,
        people: if glass { BTreeSet::from(["alice".parse().unwrap()]) } else { BTreeSet::new() },
    }
}

/// What a start knows, in words that compare; how much it heard for that is left out.
fn known(told: &Told) -> String {
    format!("{told:?}").replace(&format!("heard: {}", told.heard), "")
}

/// A start that hears what was named knows what one knows that hears everything, and hears less.
fn agree(ledger: &Ledger, dir: &Path, now: Timestamp, seed: u64) {
    let told = Told::landmarks(ledger, now).unwrap();
    let names = dir.join("ledger/landmarks");
    let Ok(kept) = std::fs::read(&names) else { return };
    std::fs::remove_file(&names).unwrap();
    let whole = Told::landmarks(ledger, now).unwrap();
    assert!(known(&told) == known(&whole), "seed {seed}: {told:#?}\n{whole:#?}");
    assert!(told.heard < whole.heard, "seed {seed}");
    std::fs::write(&names, kept).unwrap();
}

#[test]
fn what_was_named_of_a_history_tells_as_much_as_all_of_it() {
    for seed in 1..=8 {
        let dir = tempfile::tempdir().unwrap();
        let (ledger, mut history) = (open_ledger(dir.path()), History::new(seed));
        for _ in 0..4 {
            history.goes_on(&ledger, 300);
            let told = Told::landmarks(&ledger, history.now).unwrap();
            let open = told.tasks.values().filter(|it| it.is_open()).count();
            assert_eq!(open, history.open.len(), "seed {seed}");
            agree(&ledger, dir.path(), history.now, seed);
            history.goes_on(&ledger, 20);
            told.name(&ledger, history.now).unwrap();
            // What was just named is the whole truth: nothing of it has been over for long.
            agree(&ledger, dir.path(), history.now, seed);
        }
        ledger.close();
    }
}

#[test]
fn a_list_of_names_that_is_not_ours_or_of_another_ledger_is_not_heard() {
    let dir = tempfile::tempdir().unwrap();
    let (ledger, mut history) = (open_ledger(dir.path()), History::new(9));
    history.goes_on(&ledger, 400);
    let told = Told::landmarks(&ledger, history.now).unwrap();
    told.name(&ledger, history.now).unwrap();
    let (names, all) = (dir.path().join("ledger/landmarks"), told.heard);
    let good = std::fs::read(&names).unwrap();
    let heard = |bytes: &[u8]| {
        std::fs::write(&names, bytes).unwrap();
        Told::landmarks(&ledger, history.now).unwrap().heard
    };
    assert_eq!(heard(&good), 0);
    // What was signed, and the end of the list.
    for place in (4..60).chain(good.len() - 40..good.len()) {
        let mut other = good.clone();
        other[place] ^= 1;
        assert_eq!(heard(&other), all, "byte {place}");
    }
    for cut in [&good[..good.len() - 8], &good[..good.len() - 1], &good[..40], &[]] {
        assert_eq!(heard(cut), all);
    }
    // The same number of records, and others.
    let other = tempfile::tempdir().unwrap();
    std::fs::copy(dir.path().join("checkpoint.key"), other.path().join("checkpoint.key")).unwrap();
    let (ledger, mut history) = (open_ledger(other.path()), History::new(10));
    history.goes_on(&ledger, 400);
    std::fs::write(other.path().join("ledger/landmarks"), &good).unwrap();
    let told = Told::landmarks(&ledger, history.now).unwrap();
    let commands = told.heard;
    std::fs::remove_file(other.path().join("ledger/landmarks")).unwrap();
    assert_eq!(commands, Told::landmarks(&ledger, history.now).unwrap().heard);
}

#[test]
fn however_many_tasks_have_ended_a_start_keeps_few_and_hears_few() {
    let dir = tempfile::tempdir().unwrap();
    let (ledger, mut history) = (open_ledger(dir.path()), History::new(3));
    // With `BAILIWICK_LONG=1` most of a million tasks end.
    let steps = if std::env::var_os("BAILIWICK_LONG").is_some() { 200_000 } else { 2_000 };
    let (mut most, mut kept, mut longest) = (0, 0, Duration::ZERO);
    for _ in 0..10 {
        history.goes_on(&ledger, steps);
        let began = std::time::Instant::now();
        let told = Told::landmarks(&ledger, history.now).unwrap();
        longest = longest.max(began.elapsed());
        let (open, glass) = (history.open.len(), history.glass.len());
        // Those that ended in the last ten minutes, or as somebody told, are there besides.
        assert!(told.tasks.len() <= open + glass + 500, "{} of {open}", told.tasks.len());
        (most, kept) = (most.max(told.heard), kept.max(told.tasks.len()));
        told.name(&ledger, history.now).unwrap();
    }
    let began = std::time::Instant::now();
    let told = Told::landmarks(&ledger, history.now).unwrap();
    let again = began.elapsed();
    println!(
        "{} records of {} tasks and holds: {kept} tasks kept at the most; a tenth heard in {longest:?}, what was named in {again:?}",
        ledger.last_seq(),
        history.made,
    );
    assert_eq!(told.heard, 0);
    assert!(most < 2 * u64::try_from(steps).unwrap(), "it heard {most} of {}", ledger.last_seq());
    assert!(2 * steps < usize::try_from(history.made).unwrap());
}
