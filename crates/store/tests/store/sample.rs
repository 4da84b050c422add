//! Things to store: made from a number, so that each is different and each is known.

use std::{
    collections::{BTreeMap, BTreeSet},
    path::{Path, PathBuf},
    time::Duration,
};

use bailiwick_model::*;
use bailiwick_store::{
    CheckpointKey, KeptLease, Ledger, LedgerOptions, Recovered, SegmentSizes, StoredRecord,
};

pub(crate) const START: i64 = 1_785_000_000_000;

pub(crate) fn time(number: u64) -> Timestamp {
    Timestamp::from_millis(START + i64::try_from(number).unwrap() * 1000)
}

fn ulid(number: u64) -> Ulid {
    let mut random = [0; 10];
    random[2..].copy_from_slice(&number.to_be_bytes());
    Ulid::new(time(0), random)
}

pub(crate) fn task_id(number: u64) -> TaskId {
    TaskId::new(ulid(number))
}

pub(crate) fn decision_id(number: u64) -> DecisionId {
    DecisionId::new(ulid(number))
}

pub(crate) fn hold_id(number: u64) -> HoldId {
    HoldId::new(ulid(number))
}

fn action() -> Action {
    Action {
        server: "files".parse().unwrap(),
        kind: ActionKind::Tool,
        name: "write_file".to_owned(),
    }
}

fn reason() -> Reason {
    Reason::new(ReasonCode::ApprovalNeeded, "a person must say yes", "export-needs-approval")
}

/// A decision of task `number / 10`.
pub(crate) fn decision(number: u64) -> Record {
    Record::Decision(Box::new(DecisionRecord {
        decision: decision_id(number),
        time: time(number),
        surface: Surface::Mcp,
        task: task_id(number / 10),
        template: Some("ticket-triage".parse().unwrap()),
        caller: "triage-agent".parse().unwrap(),
        via: vec!["lead-agent".parse().unwrap()],
        action: action(),
        facts: ActionFacts {
            reading_credential: false,
            effects: BTreeSet::from([Effect::Write]),
            sensitivity: Sensitivity::Internal,
            results_trusted: false,
            reversible: true,
            reach: Reach::Internal,
            environment: Environment::Production,
        },
        privileged: true,
        resources: BTreeSet::from(["files:/srv/data/a".to_owned()]),
        call: CallDigest::of(&action(), &Json::Null),
        arguments: ArgumentsRecord::Redacted("{\"path\":\"/srv/data/a\"}".to_owned()),
        verdict: VerdictKind::Hold,
        would: Some(VerdictKind::Deny),
        steps: vec![Judgement {
            step: Step::Policy,
            verdict: VerdictKind::Hold,
            reasons: vec![reason()],
            attributes: BTreeMap::from([("sensitivity".to_owned(), "internal".to_owned())]),
            observed: true,
        }],
        spend: Spend { calls: 1, bytes_out: 21 },
        paced: BTreeSet::new(),
        approval: Some(hold_id(1)),
        hold: Some(hold_id(2)),
        policy: "sha256:00".to_owned(),
        explained: None,
    }))
}

/// The outcome of decision `number`.
pub(crate) fn outcome(number: u64, detail: &str) -> Record {
    Record::Outcome(OutcomeRecord {
        decision: decision_id(number),
        task: task_id(number / 10),
        time: time(number),
        outcome: OutcomeKind::Error,
        detail: detail.to_owned(),
        bytes_in: 7,
        millis: 12,
        secret: None,
    })
}

pub(crate) fn command(number: u64) -> Record {
    let status = TaskStatus::Ended { at: time(number), cause: EndCause::Asked };
    Record::Command {
        time: time(number),
        by: "person:alice".to_owned(),
        command: CommandRecord::TaskEnded { task: task_id(number / 10), status },
    }
}

pub(crate) fn finding(number: u64) -> Record {
    Record::Finding(Finding {
        code: "tool-pinned".to_owned(),
        text: "pinned at the first connection".to_owned(),
        at: time(number),
        task: None,
        identity: None,
        subject: format!("files__tool{number}"),
    })
}

/// A record of whatever kind `number` says.
pub(crate) fn record(number: u64) -> Record {
    match number % 4 {
        0 => decision(number),
        1 => outcome(number, "it broke"),
        2 => command(number),
        _ => finding(number),
    }
}

pub(crate) fn task(number: u64) -> Task {
    let params = BTreeMap::from([(
        "ticket".to_owned(),
        Param { value: "OPS-7".to_owned(), from: Opener::Person("alice".parse().unwrap()) },
    )]);
    Task {
        id: task_id(number),
        identity: "triage-agent".parse().unwrap(),
        via: vec!["lead-agent".parse().unwrap()],
        template: "ticket-triage".parse().unwrap(),
        purpose: "Triage OPS-7".to_owned(),
        opener: Opener::Orchestrator("lead-agent".parse().unwrap()),
        params: params.clone(),
        parent: Some(task_id(number + 1000)),
        above: Vec::new(),
        opened: time(number),
        deadline: time(number + 3600),
        idle: Some(Duration::from_secs(600)),
        calendars: vec!["Mon-Fri 06:00-22:00 Europe/Berlin".parse().unwrap()],
        grant: Grant {
            layers: vec![Layer {
                day: None,
                identity: "triage-agent".parse().unwrap(),
                template: "ticket-triage".parse().unwrap(),
                purpose: "Triage one support ticket".to_owned(),
                params,
                servers: BTreeSet::from(["files".parse().unwrap()]),
                targets: BTreeSet::new(),
                lines: vec![line()],
            }],
            budget: Budget { calls: Some(200), bytes_out: None },
            on_widen: OnWiden::Hold,
            mode: Mode::Observe { owner: "team-support".to_owned(), until: time(9) },
        },
        generation: 3,
        status: TaskStatus::Open,
        on_behalf: None,
        people: BTreeSet::new(),
    }
}

pub(crate) fn ended(number: u64) -> Task {
    let status = TaskStatus::Ended { at: time(number), cause: EndCause::Deadline };
    Task { status, ..task(number) }
}

fn line() -> AllowLine {
    AllowLine {
        server: "files".parse().unwrap(),
        tools: vec!["read_text_file".parse().unwrap()],
        resources: vec!["file:///srv/*".to_owned()],
        prompts: vec!["summary".to_owned()],
        leases: Vec::new(),
        max: None,
        when: Some("context.input.path like \"/srv/data/*\"".to_owned()),
        source: "ticket-triage.toml:14".to_owned(),
    }
}

pub(crate) fn hold(number: u64) -> Hold {
    Hold {
        id: hold_id(number),
        decision: decision_id(number),
        task: task_id(number / 10),
        caller: "triage-agent".parse().unwrap(),
        via: Vec::new(),
        action: action(),
        resources: BTreeSet::from(["files:/srv/data/a".to_owned()]),
        destinations: BTreeSet::new(),
        call: CallDigest::of(&action(), &Json::Null),
        arguments: "{\"path\":\"/srv/data/a\"}".to_owned(),
        reasons: BTreeSet::from([reason()]),
        policy: "sha256:00".to_owned(),
        opened: time(number),
        expires: time(number + 600),
        status: HoldStatus::Approved {
            by: "alice".parse().unwrap(),
            at: time(number + 1),
            expires: time(number + 300),
        },
    }
}

pub(crate) fn lease(number: u64, state: LeaseState) -> KeptLease {
    let ended = match state {
        LeaseState::Minting | LeaseState::Active => None,
        LeaseState::Revoking | LeaseState::Revoked | LeaseState::Stuck => {
            Some(LeaseEnd { at: time(number), cause: LeaseCause::Task })
        }
    };
    let lease = Lease {
        id: LeaseId::new(ulid(number)),
        task: task_id(0),
        identity: "triage-agent".parse().unwrap(),
        target: "orders-db".parse().unwrap(),
        wants: vec!["readers".to_owned()],
        decision: Some(decision_id(number)),
        shown: BTreeSet::new(),
        enforced: EnforcedAs::Session,
        state,
        called: Some("bw_1".to_owned()),
        until: time(number + 1),
        opened: time(number),
        issued: Some(time(number)),
        used: None,
        ended,
        gone: None,
        tries: 0,
        why: String::new(),
    };
    KeptLease { lease, keepsake: Some("v1.sealed".to_owned()) }
}

pub(crate) fn charter() -> Charter {
    Charter {
        identity: "triage-agent".parse().unwrap(),
        kind: IdentityKind::Agent,
        class: "interactive-agent".parse().unwrap(),
        owner: "team-support".to_owned(),
        purpose: "Triage support tickets".to_owned(),
        proof: vec![
            Proof::Key { path: "keys/a.pub.pem".to_owned(), pem: "-----BEGIN".to_owned() },
            Proof::Uid(1000),
        ],
        templates: BTreeSet::from(["ticket-triage".parse().unwrap()]),
        servers: BTreeSet::from(["files".parse().unwrap()]),
        targets: BTreeSet::new(),
        delegates_to: BTreeSet::from(["summary-agent".parse().unwrap()]),
    }
}

pub(crate) fn template() -> Template {
    let ticket = ParamShape { pattern: Some("^[A-Z]+-[0-9]+$".to_owned()), optional: false };
    Template {
        name: "ticket-triage".parse().unwrap(),
        owner: "team-support".to_owned(),
        purpose: "Triage one support ticket".to_owned(),
        kind: TemplateKind::Ordinary,
        on_widen: OnWiden::Deny,
        mode: Mode::Enforce,
        params: BTreeMap::from([("ticket".to_owned(), ticket)]),
        window: Window {
            max: Duration::from_secs(3600),
            idle: None,
            calendar: Some("Mon-Fri 06:00-22:00 Europe/Berlin".parse().unwrap()),
        },
        allow: vec![line()],
        budget: Budget { calls: None, bytes_out: Some(1 << 20) },
        day: None,
        max_open: Some(4),
        bound_tokens: BoundTokens::default(),
    }
}

pub(crate) fn person(name: &str) -> Person {
    let by = Some("alice".parse().unwrap());
    Person { name: name.parse().unwrap(), key: "AAAA".to_owned(), added: time(1), by }
}

pub(crate) fn pin(status: PinStatus) -> Pin {
    let digest = Digest::of(b"definition");
    Pin { digest, executable: None, status, at: time(2), by: "first-connection".to_owned() }
}

pub(crate) fn exception() -> Exception {
    Exception {
        id: ExceptionId::new(ulid(1)),
        identity: "triage-agent".parse().unwrap(),
        detector: "D-004".to_owned(),
        owner: "alice".parse().unwrap(),
        reason: "month end".to_owned(),
        until: time(5),
    }
}

/// Segments of a few records each.
pub(crate) const SHORT: SegmentSizes = SegmentSizes { first: 8192, largest: 8192 };

/// Where one test keeps a ledger, its key and copies of its heads.
pub(crate) struct Place {
    pub(crate) root: PathBuf,
}

impl Place {
    pub(crate) fn new(root: &Path) -> Self {
        Self { root: root.to_owned() }
    }

    pub(crate) fn dir(&self) -> PathBuf {
        self.root.join("ledger")
    }

    /// The first segment, which is the only one of a small ledger.
    pub(crate) fn live(&self) -> PathBuf {
        crate::segment::path(&self.dir(), 1)
    }

    pub(crate) fn copies(&self) -> PathBuf {
        self.root.join("copies")
    }

    pub(crate) fn key(&self) -> CheckpointKey {
        CheckpointKey::load_or_create(&self.root.join("checkpoint.pem")).unwrap()
    }

    /// Heads are signed only when asked for and at the end, so that nothing depends on time.
    pub(crate) fn options(&self) -> LedgerOptions {
        LedgerOptions {
            dir: self.dir(),
            key: self.key(),
            copies: Some(self.copies()),
            checkpoint_every: Duration::from_secs(3600),
            retain: None,
        }
    }

    pub(crate) fn open(&self) -> (Ledger, Recovered) {
        Ledger::open(self.options()).unwrap()
    }

    /// Opens it with segments of a few records each.
    pub(crate) fn open_short(&self) -> (Ledger, Recovered) {
        Ledger::open_sized(self.options(), SHORT).unwrap()
    }
}

/// Reads every record from number `from` on.
pub(crate) fn all(ledger: &Ledger, from: u64) -> Vec<StoredRecord> {
    let mut records = Vec::new();
    ledger
        .scan(from, &mut |it| {
            records.push(it);
            std::ops::ControlFlow::Continue(())
        })
        .unwrap();
    records
}

/// A directory for many small files: in memory where there is such a place, since these tests
/// bring their own disk.
pub(crate) fn quick_dir() -> tempfile::TempDir {
    let memory = Path::new("/dev/shm");
    if memory.is_dir() { tempfile::tempdir_in(memory) } else { tempfile::tempdir() }.unwrap()
}

/// A small generator of numbers that look random: the same ones for the same seed.
pub(crate) struct Dice(u64);

impl Dice {
    pub(crate) const fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// Gives a number below `bound`.
    pub(crate) fn below(&mut self, bound: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut it = self.0;
        it = (it ^ (it >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        it = (it ^ (it >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        usize::try_from((it ^ (it >> 31)) >> 8).unwrap() % bound.max(1)
    }
}

/// How often what is left to chance is tried; with `BAILIWICK_LONG=1`, ten times as often.
pub(crate) fn often(few: usize) -> usize {
    let more = if std::env::var_os("BAILIWICK_LONG").is_some() { 10 } else { 1 };
    few.saturating_mul(more)
}
