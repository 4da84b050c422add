//! Records that the tests of this crate look at.

use std::collections::{BTreeMap, BTreeSet};

use bailiwick_model::{
    Action, ActionFacts, ActionKind, ArgumentsRecord, Budget, CallDigest, DecisionRecord, Effect,
    EndCause, Environment, Grant, Json, Judgement, Mode, OnWiden, Opener, OutcomeKind,
    OutcomeRecord, Reach, Reason, ReasonCode, Sensitivity, Spend, Step, Surface, Task, TaskStatus,
    Timestamp, VerdictKind,
};

fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}

pub(crate) fn task() -> Task {
    let cause = EndCause::Asked;
    Task {
        id: "task_01JD8X00000000000000000000".parse().unwrap(),
        identity: "triage-agent".parse().unwrap(),
        via: Vec::new(),
        template: "ticket-triage".parse().unwrap(),
        purpose: "Triage T-1".to_owned(),
        opener: Opener::Itself,
        params: BTreeMap::new(),
        parent: None,
        above: Vec::new(),
        opened: at("2026-11-23T10:00:00Z"),
        deadline: at("2026-11-23T11:00:00Z"),
        idle: None,
        calendars: Vec::new(),
        grant: Grant {
            layers: Vec::new(),
            budget: Budget::default(),
            on_widen: OnWiden::Deny,
            mode: Mode::Enforce,
        },
        generation: 2,
        status: TaskStatus::Ended { at: at("2026-11-23T10:30:00Z"), cause },
        on_behalf: None,
        people: BTreeSet::new(),
    }
}

fn step(step: Step, verdict: VerdictKind, reasons: Vec<Reason>) -> Judgement {
    Judgement { step, verdict, reasons, attributes: BTreeMap::new(), observed: false }
}

fn decision(id: &str, tool: &str, verdict: VerdictKind, steps: Vec<Judgement>) -> DecisionRecord {
    let action = Action {
        server: "tickets".parse().unwrap(),
        kind: ActionKind::Tool,
        name: tool.to_owned(),
    };
    DecisionRecord {
        decision: id.parse().unwrap(),
        time: at("2026-11-23T10:01:00Z"),
        surface: Surface::Mcp,
        task: task().id,
        template: Some(task().template),
        caller: task().identity,
        via: Vec::new(),
        call: CallDigest::of(&action, &Json::Null),
        action,
        facts: ActionFacts {
            reading_credential: false,
            effects: BTreeSet::from([Effect::Read, Effect::Egress]),
            sensitivity: Sensitivity::Internal,
            results_trusted: false,
            reversible: true,
            reach: Reach::Internal,
            environment: Environment::Production,
        },
        privileged: false,
        resources: BTreeSet::from(["T-1".to_owned()]),
        arguments: ArgumentsRecord::Full("{}".to_owned()),
        verdict,
        would: None,
        steps,
        spend: Spend { calls: 1, bytes_out: 2 },
        paced: BTreeSet::new(),
        approval: None,
        hold: None,
        policy: "sha256:00".to_owned(),
        explained: None,
    }
}

pub(crate) fn allowed() -> DecisionRecord {
    let permits = Reason::new(
        ReasonCode::PolicyPermits,
        "permitted by policy `bailiwick:granted`",
        "bailiwick:granted",
    );
    let mut granted = step(Step::Grant, VerdictKind::Allow, Vec::new());
    granted.attributes.insert("lines".to_owned(), "ticket-triage.toml:14".to_owned());
    let steps = vec![granted, step(Step::Policy, VerdictKind::Allow, vec![permits])];
    decision("dec_01JD8X00000000000000000001", "get_ticket", VerdictKind::Allow, steps)
}

pub(crate) fn denied() -> DecisionRecord {
    let text = "`export` of `tickets` is in no line of template `ticket-triage`";
    let outside = Reason::new(ReasonCode::OutsideGrant, text, "ticket-triage");
    let permits = Reason::new(
        ReasonCode::PolicyPermits,
        "permitted by policy `bailiwick:granted`",
        "bailiwick:granted",
    );
    let steps = vec![
        step(Step::Window, VerdictKind::Allow, Vec::new()),
        step(Step::Grant, VerdictKind::Deny, vec![outside]),
        step(Step::Policy, VerdictKind::Allow, vec![permits]),
    ];
    decision("dec_01JD8X00000000000000000002", "export", VerdictKind::Deny, steps)
}

pub(crate) fn outcome(of: &DecisionRecord, outcome: OutcomeKind) -> OutcomeRecord {
    OutcomeRecord {
        decision: of.decision.clone(),
        task: of.task.clone(),
        time: at("2026-11-23T10:01:01Z"),
        outcome,
        detail: String::new(),
        bytes_in: 10,
        millis: 3,
        secret: None,
    }
}
