//! What is written to the ledger is read back as it was.

use std::{collections::BTreeMap, time::Duration};

use proptest::prelude::*;

use super::*;
use crate::{
    ActionKind, AllowLine, Budget, EndCause, EntityName, Environment, Grant, Hold, HoldStatus,
    Json, Layer, Mode, OnWiden, Opener, Param, Pin, PinStatus, Reach, Reason, ReasonCode,
    Sensitivity, Sought, Step, TaskStatus,
};

fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}

fn action() -> Action {
    Action {
        server: "tickets".parse().unwrap(),
        kind: ActionKind::Tool,
        name: "get_ticket".to_owned(),
    }
}

fn judgement(observed: bool) -> Judgement {
    Judgement {
        step: Step::Grant,
        verdict: VerdictKind::Hold,
        reasons: vec![Reason::new(ReasonCode::OutsideGrant, "no line", "t.toml:1")],
        attributes: BTreeMap::from([("lines".to_owned(), String::new())]),
        observed,
    }
}

fn task() -> Task {
    let line = AllowLine {
        server: "tickets".parse().unwrap(),
        tools: vec!["get_ticket".parse().unwrap()],
        resources: vec!["file:///srv/*".to_owned()],
        prompts: Vec::new(),
        leases: Vec::new(),
        max: None,
        when: Some("context.input.ticket == context.task.params.ticket".to_owned()),
        source: "t.toml:1".to_owned(),
    };
    let params = BTreeMap::from([(
        "ticket".to_owned(),
        Param { value: "T-1".to_owned(), from: Opener::Itself },
    )]);
    let layer = Layer {
        day: None,
        identity: "ann".parse().unwrap(),
        template: "triage".parse().unwrap(),
        purpose: "Triage".to_owned(),
        params: params.clone(),
        servers: BTreeSet::from(["tickets".parse().unwrap()]),
        targets: BTreeSet::new(),
        lines: vec![line],
    };
    Task {
        id: "task_01JD8X00000000000000000000".parse().unwrap(),
        identity: "ann".parse().unwrap(),
        via: vec!["bob".parse().unwrap()],
        template: "triage".parse().unwrap(),
        purpose: "Triage T-1".to_owned(),
        opener: Opener::Orchestrator("bob".parse().unwrap()),
        params,
        parent: Some("task_01JD8X00000000000000000001".parse().unwrap()),
        above: vec!["task_01JD8X00000000000000000002".parse().unwrap()],
        opened: at("2026-11-23T10:00:00Z"),
        deadline: at("2026-11-23T11:00:00Z"),
        idle: Some(Duration::from_millis(600_001)),
        calendars: vec!["Mon-Fri 06:00-22:00 Europe/Berlin".parse().unwrap()],
        grant: Grant {
            layers: vec![layer],
            budget: Budget { calls: Some(u64::MAX), bytes_out: None },
            on_widen: OnWiden::Hold,
            mode: Mode::Observe { owner: "team".to_owned(), until: Timestamp::MAX },
        },
        generation: 3,
        status: TaskStatus::Ended { at: at("2026-11-23T10:30:00Z"), cause: EndCause::Idle },
        on_behalf: None,
        people: BTreeSet::new(),
    }
}

fn decision() -> DecisionRecord {
    DecisionRecord {
        decision: "dec_01JD8X00000000000000000000".parse().unwrap(),
        time: at("2026-11-23T10:01:00Z"),
        surface: Surface::Mcp,
        task: task().id,
        template: Some(task().template),
        caller: task().identity,
        via: task().via,
        action: action(),
        facts: ActionFacts {
            reading_credential: false,
            effects: BTreeSet::from([crate::Effect::Read]),
            sensitivity: Sensitivity::Restricted,
            results_trusted: false,
            reversible: true,
            reach: Reach::External,
            environment: Environment::Production,
        },
        privileged: true,
        resources: BTreeSet::from(["T-1".to_owned()]),
        call: CallDigest::of(&action(), &Json::Null),
        arguments: ArgumentsRecord::Redacted("{}".to_owned()),
        verdict: VerdictKind::Hold,
        would: Some(VerdictKind::Deny),
        steps: vec![judgement(false), judgement(true)],
        spend: Spend { calls: 1, bytes_out: u64::MAX },
        paced: BTreeSet::new(),
        approval: None,
        hold: Some("hold_01JD8X00000000000000000000".parse().unwrap()),
        policy: "sha256:00".to_owned(),
        explained: None,
    }
}

fn hold(status: HoldStatus) -> Box<Hold> {
    let record = decision();
    Box::new(Hold {
        id: "hold_01JD8X00000000000000000000".parse().unwrap(),
        decision: record.decision,
        task: record.task,
        caller: record.caller,
        via: record.via,
        action: record.action,
        resources: record.resources,
        destinations: BTreeSet::new(),
        call: record.call,
        arguments: "{}".to_owned(),
        reasons: judgement(false).reasons.into_iter().collect(),
        policy: record.policy,
        opened: record.time,
        expires: Timestamp::MAX,
        status,
    })
}

fn commands() -> Vec<CommandRecord> {
    let by = "pat".parse().unwrap();
    let approved = HoldStatus::Approved { by, at: Timestamp::default(), expires: Timestamp::MAX };
    let used = HoldStatus::Used { decision: decision().decision };
    let changed = |status, statement: Option<String>| {
        let whole = statement.is_none().then(|| "hmac:00".to_owned());
        CommandRecord::HoldChanged { hold: hold(status), statement, whole }
    };
    vec![
        CommandRecord::TaskOpened {
            verdict: VerdictKind::Allow,
            steps: vec![judgement(false)],
            task: Some(Box::new(task())),
            identity: task().identity,
            template: "not a name!".to_owned(),
            whole: Some("hmac:00".to_owned()),
        },
        CommandRecord::TaskEnded { task: task().id, status: task().status },
        changed(HoldStatus::Waiting, None),
        changed(approved, Some("signed".to_owned())),
        changed(used, None),
        changed(HoldStatus::Expired, None),
        CommandRecord::PinChanged {
            server: action().server,
            tool: action().name,
            pin: Pin {
                digest: Digest::of(b"a"),
                executable: Some(Digest::of(b"b")),
                status: PinStatus::Waiting,
                at: Timestamp::default(),
                by: "first-connection".to_owned(),
            },
            statement: None,
        },
        CommandRecord::Contained {
            subject: Subject::Identity(task().identity),
            contained: true,
            why: "it leaks".to_owned(),
            statement: None,
        },
        CommandRecord::Activated(Activation {
            what: "policies".to_owned(),
            digest: Digest::of(b"now"),
            before: Some(Digest::of(b"before")),
            changed: vec!["guardrails.cedar".to_owned()],
        }),
        CommandRecord::TurnedAway {
            identity: task().identity,
            count: 3,
            since: Timestamp::default(),
        },
        CommandRecord::Started { version: "0.1.0".to_owned(), truncated: 2 },
    ]
}

fn evaluation() -> EvaluationRecord {
    let named = |kind: &str, id: &str| EntityName { kind: kind.to_owned(), id: id.to_owned() };
    EvaluationRecord {
        decision: decision().decision,
        time: Timestamp::default(),
        pep: "shop".to_owned(),
        request_id: Some("r-1".to_owned()),
        subject: named("user", "alice"),
        action: "read".to_owned(),
        resource: named("record", "1"),
        said: ArgumentsRecord::Redacted("{}".to_owned()),
        verdict: VerdictKind::Deny,
        would: None,
        approval: None,
        asked: None,
        constraints: BTreeSet::from(["few-rows@2".to_owned()]),
        reasons: vec![Reason::new(ReasonCode::NoPermit, "no policy permits it", "policies")],
        reasons_in_all: None,
        policy: "sha256:00".to_owned(),
    }
}

fn search() -> SearchRecord {
    let EvaluationRecord { decision, time, pep, request_id, subject, action, said, .. } =
        evaluation();
    SearchRecord {
        decision,
        time,
        pep,
        request_id,
        sought: Sought::Resource,
        kind: Some("record".to_owned()),
        subject: Some(subject),
        action: Some(action),
        resource: None,
        said,
        from: 20,
        limit: Some(2),
        found: 2,
        names: Some(ArgumentsRecord::Full("[\"1\",\"2\"]".to_owned())),
        looked_at: 7,
        unclear: 1,
        more: true,
        policy: "sha256:00".to_owned(),
    }
}

#[track_caller]
fn reads_back(record: &Record) {
    let text = serde_json::to_string(record).unwrap();
    assert_eq!(&serde_json::from_str::<Record>(&text).unwrap(), record, "{text}");
}

#[test]
fn every_kind_of_record_reads_back_as_it_was_written() {
    reads_back(&Record::Decision(Box::new(decision())));
    reads_back(&Record::Evaluation(Box::new(evaluation())));
    reads_back(&Record::Search(Box::new(search())));
    reads_back(&Record::Search(Box::new(SearchRecord { unclear: 0, more: false, ..search() })));
    let (from, limit, names) = (0, None, None);
    reads_back(&Record::Search(Box::new(SearchRecord { from, limit, names, ..search() })));
    for command in commands() {
        let (time, by) = (Timestamp::default(), "person:pat".to_owned());
        reads_back(&Record::Command { time, by, command });
    }
    reads_back(&Record::Finding(Finding {
        code: "tool-pinned".to_owned(),
        text: "a new tool".to_owned(),
        at: Timestamp::default(),
        task: None,
        identity: Some(task().identity),
        subject: "tickets__export".to_owned(),
    }));
}

#[test]
fn a_record_names_the_task_it_belongs_to() {
    let belong: Vec<bool> = commands().iter().map(|it| it.task() == Some(&task().id)).collect();
    assert_eq!(belong, [true, true, true, true, true, true, false, false, false, false, false]);
}

#[test]
fn a_containment_from_when_only_identities_were_contained_stays_readable() {
    let text = r#"{"command":"contained","identity":"ann","contained":true,"why":"it leaks","statement":null}"#;
    let expected = commands().into_iter().find(|it| matches!(it, CommandRecord::Contained { .. }));
    assert_eq!(serde_json::from_str::<CommandRecord>(text).ok(), expected);
}

proptest! {
    #[test]
    fn an_outcome_reads_back_as_it_was_written(
        outcome in prop::sample::select(OutcomeKind::ALL),
        detail in any::<String>(),
        (bytes_in, millis, time) in any::<(u64, u64, i64)>(),
    ) {
        let record = Record::Outcome(OutcomeRecord {
            decision: decision().decision,
            task: task().id,
            time: Timestamp::from_millis(time),
            outcome,
            detail,
            bytes_in,
            millis,
            secret: None,
        });
        reads_back(&record);
        prop_assert_eq!(record.task(), Some(&task().id));
    }

    #[test]
    fn no_text_read_as_a_record_makes_it_panic(text in r#"[\[\]{}:,"a-z_0-9 ]{0,60}"#) {
        let _ = serde_json::from_str::<Record>(&text);
    }
}
