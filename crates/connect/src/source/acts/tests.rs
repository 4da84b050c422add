//! What becomes of a ledger's records.

use bailiwick_model::{
    ActionFacts, ArgumentsRecord, CallDigest, EnforcedAs, Environment, Json, OutcomeRecord, Reach,
    Sensitivity, Spend, Surface,
};
use proptest::prelude::*;

use super::*;

const AT: &str = "2026-11-23T10:00:00Z";

fn ulid(number: u8) -> String {
    format!("01JD8X000000000000000000{number:02}")
}

fn decision(number: u8, verdict: VerdictKind) -> DecisionRecord {
    let (server, name) = ("tickets".parse().unwrap(), "get_ticket".to_owned());
    let action = Action { server, kind: ActionKind::Tool, name };
    DecisionRecord {
        decision: format!("dec_{}", ulid(number)).parse().unwrap(),
        time: AT.parse().unwrap(),
        surface: Surface::Mcp,
        task: format!("task_{}", ulid(0)).parse().unwrap(),
        template: Some("ticket-triage".parse().unwrap()),
        caller: "triage-agent".parse().unwrap(),
        via: Vec::new(),
        call: CallDigest::of(&action, &Json::Null),
        action,
        facts: ActionFacts {
            effects: BTreeSet::new(),
            sensitivity: Sensitivity::Internal,
            results_trusted: false,
            reversible: true,
            reach: Reach::Internal,
            environment: Environment::Production,
            reading_credential: false,
        },
        privileged: false,
        resources: BTreeSet::from(["tickets:T-1".to_owned()]),
        arguments: ArgumentsRecord::Full("{\"ticket\":\"T-1\"}".to_owned()),
        verdict,
        would: None,
        steps: Vec::new(),
        spend: Spend { calls: 1, bytes_out: 2 },
        paced: BTreeSet::new(),
        approval: None,
        hold: None,
        policy: "sha256:00".to_owned(),
        explained: None,
    }
}

fn outcome(number: u8, outcome: OutcomeKind) -> Record {
    let of = decision(number, VerdictKind::Allow);
    Record::Outcome(OutcomeRecord {
        decision: of.decision,
        task: of.task,
        time: of.time,
        outcome,
        detail: String::new(),
        bytes_in: 0,
        millis: 1,
        secret: None,
    })
}

fn ticket(number: u8) -> HoldId {
    format!("hold_{}", ulid(number)).parse().unwrap()
}

fn held(number: u8, on: u8) -> Record {
    Record::Decision(Box::new(DecisionRecord {
        hold: Some(ticket(on)),
        ..decision(number, VerdictKind::Hold)
    }))
}

fn approved(number: u8, on: u8) -> Record {
    Record::Decision(Box::new(DecisionRecord {
        approval: Some(ticket(on)),
        ..decision(number, VerdictKind::Allow)
    }))
}

fn decided(number: u8, verdict: VerdictKind) -> Record {
    Record::Decision(Box::new(decision(number, verdict)))
}

fn lease(state: LeaseState, called: Option<&str>, by: &str) -> Record {
    let of = decision(9, VerdictKind::Allow);
    Record::Lease(Box::new(LeaseRecord {
        time: of.time,
        task: of.task,
        lease: format!("lease_{}", ulid(1)).parse().unwrap(),
        identity: by.parse().unwrap(),
        target: "orders-db".parse().unwrap(),
        state,
        enforced: EnforcedAs::Session,
        decision: Some(of.decision),
        wants: vec!["readers".to_owned()],
        called: called.map(str::to_owned),
        until: "2026-11-23T11:00:00Z".parse().unwrap(),
        used: None,
        ended: None,
        tries: 0,
        why: String::new(),
    }))
}

fn exercises(records: &[Record]) -> Vec<String> {
    let (mut acts, mut all) = (Acts::default(), Vec::new());
    let mut tell = |it: &Exercise<'_>| {
        let code = Some(&*it.code).filter(|it| !it.is_empty()).map(|it| format!(" {it}"));
        let issued = it.issued.as_ref().map(|it| format!(" -> {}", it.credential));
        let (code, issued) = (code.unwrap_or_default(), issued.unwrap_or_default());
        all.push(format!("{}:{} {:?}{code}{issued}", it.service, it.operation, it.ended));
    };
    for record in records {
        acts.take(record, &mut tell);
    }
    acts.end(&mut tell);
    all
}

#[test]
fn a_decision_is_one_access_with_what_became_of_it() {
    for (records, is) in [
        (
            vec![decided(1, VerdictKind::Allow), outcome(1, OutcomeKind::Ok)],
            "tickets:get_ticket Success",
        ),
        (
            vec![decided(1, VerdictKind::Allow), outcome(1, OutcomeKind::Error)],
            "tickets:get_ticket Error error",
        ),
        // Nobody knows, and it was let through.
        (vec![decided(1, VerdictKind::Allow)], "tickets:get_ticket Success"),
        (vec![decided(1, VerdictKind::Deny)], "tickets:get_ticket Denied deny"),
        (vec![held(1, 1)], "tickets:get_ticket Denied hold"),
        (
            vec![held(1, 1), approved(2, 1), outcome(2, OutcomeKind::Ok)],
            "tickets:get_ticket Success",
        ),
    ] {
        assert_eq!(exercises(&records), [is], "{records:#?}");
    }
    let told = exercises(&[held(1, 1), held(2, 2), approved(3, 2), outcome(3, OutcomeKind::Ok)]);
    assert_eq!(told, ["tickets:get_ticket Success", "tickets:get_ticket Denied hold"]);
}

#[test]
fn a_lease_is_told_of_once_under_the_name_that_its_target_knows() {
    let mut asked = decision(9, VerdictKind::Allow);
    asked.action = Action {
        kind: ActionKind::Lease,
        server: "orders-db".parse().unwrap(),
        name: "readers".to_owned(),
    };
    let records = [
        Record::Decision(Box::new(asked)),
        lease(LeaseState::Minting, None, "triage-agent"),
        lease(LeaseState::Active, Some("bw_x"), "triage-agent"),
        lease(LeaseState::Active, Some("bw_x"), "triage-agent"),
        lease(LeaseState::Revoking, Some("bw_x"), "triage-agent"),
        lease(LeaseState::Revoked, Some("bw_x"), "triage-agent"),
    ];
    assert_eq!(exercises(&records), ["lease:orders-db:readers Success -> bw_x"]);
    let mut both = records.clone();
    if let Record::Decision(it) = &mut both[0] {
        it.action.name = "readers,writers".to_owned();
    }
    let told = ["lease:orders-db:readers Success -> bw_x", "lease:orders-db:writers Success"];
    assert_eq!(exercises(&both), told);
    // Its decision may be older than what is kept.
    assert_eq!(exercises(&records[1..]), ["lease:orders-db:readers Success -> bw_x"]);
    let canary = IdentityId::canary().to_string();
    assert_eq!(
        exercises(&[lease(LeaseState::Active, Some("bw_x"), &canary)]),
        Vec::<String>::new()
    );
}

#[test]
fn an_access_has_its_task_and_its_template_and_nothing_of_what_was_sent() {
    let (mut acts, mut all) = (Acts::default(), Vec::new());
    let mut of = decision(1, VerdictKind::Deny);
    of.via = vec!["near".parse().unwrap(), "far".parse().unwrap()];
    acts.take(&Record::Decision(Box::new(of)), &mut |it| all.push(format!("{it:?}")));
    let [told] = all.as_slice() else { panic!("{all:#?}") };
    for part in ["task_01JD8X", "template ticket-triage", "[\"far\", \"near\"]", "tickets:T-1"] {
        assert!(told.contains(part), "{part} in {told}");
    }
    assert!(!told.contains("{\\\"ticket"), "{told}");
}

proptest! {
    /// Law 3, from the other end: every decision is told of exactly once, and a denied one never as use.
    #[test]
    fn each_decision_is_told_of_once(verdicts in proptest::collection::vec((0..3_u8, any::<bool>()), 1..20)) {
        let mut records = Vec::new();
        for (number, (verdict, has_outcome)) in (10_u8..).zip(&verdicts) {
            let verdict = [VerdictKind::Allow, VerdictKind::Hold, VerdictKind::Deny][usize::from(*verdict)];
            records.push(match verdict {
                VerdictKind::Hold => held(number, number),
                VerdictKind::Allow | VerdictKind::Deny => decided(number, verdict),
            });
            if *has_outcome && verdict == VerdictKind::Allow {
                records.push(outcome(number, OutcomeKind::Ok));
            }
        }
        let told = exercises(&records);
        let used = told.iter().filter(|it| it.ends_with("Success")).count();
        prop_assert_eq!(told.len(), verdicts.len());
        prop_assert_eq!(used, verdicts.iter().filter(|it| it.0 == 0).count());
    }
}
