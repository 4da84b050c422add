//! The access path of a task: what it touched, in order, as its records tell it.

use std::collections::BTreeMap;

use bailiwick_model::{
    ActionKind, CommandRecord, DecisionId, DecisionRecord, Effect, EndCause, EnforcedAs, Finding,
    IdentityId, LeaseEnd, LeaseId, LeaseRecord, LeaseState, OnBehalf, OutcomeKind, Reason, Record,
    ServerName, TargetName, Task, TaskId, TaskStatus, TemplateName, Timestamp, VerdictKind,
};
use serde::{Deserialize, Serialize};

/// What one task touched, in order.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AccessPath {
    /// The task.
    pub task: TaskId,
    /// What it was opened from.
    pub template: TemplateName,
    /// What it was for.
    pub purpose: String,
    /// Who did it.
    pub caller: IdentityId,
    /// The person on whose behalf, where somebody vouched for one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub on_behalf: Option<OnBehalf>,
    /// When it opened.
    pub opened: Timestamp,
    /// When it ended, where it has.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ended: Option<Timestamp>,
    /// Why it ended, as far as that is on record.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cause: Option<EndCause>,
    /// Who ended it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ended_by: Option<String>,
    /// Every call that was judged.
    pub steps: Vec<PathStep>,
    /// Every credential that it got, as it stood last.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub leases: Vec<PathLease>,
    /// What was noticed of it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub findings: Vec<Finding>,
}

/// A credential that a task got.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PathLease {
    /// Its lease.
    pub lease: LeaseId,
    /// Where it counts.
    pub target: TargetName,
    /// What of the target.
    pub wants: Vec<String>,
    /// How closely what is done with it is kept within bounds.
    pub enforced: EnforcedAs,
    /// How far it has come.
    pub state: LeaseState,
    /// When it was ordered.
    pub opened: Timestamp,
    /// When its end was accepted, and why.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ended: Option<LeaseEnd>,
    /// When its target said that it is gone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub gone: Option<Timestamp>,
}

/// One call that was judged, and what became of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PathStep {
    /// The place of its decision in the ledger.
    pub seq: u64,
    /// When it was decided.
    pub time: Timestamp,
    /// Who called.
    pub caller: IdentityId,
    /// Who handed the authority on, nearest first.
    pub via: Vec<IdentityId>,
    /// Which server was asked.
    pub server: ServerName,
    /// The tool, or `resources/read`, or `prompts/get`, or `lease`.
    pub tool: String,
    /// What it was done to; the tool itself where no argument names a resource.
    pub resource: String,
    /// Every resource by itself.
    pub resources: Vec<String>,
    /// What such a call does.
    pub effects: Vec<Effect>,
    /// What was decided.
    pub verdict: VerdictKind,
    /// The decision.
    pub decision: DecisionId,
    /// Why it was held or denied; of an allowed call, what allowed it.
    pub reasons: Vec<Reason>,
    /// What became of it; `none` where it was not sent, or its answer never came.
    pub outcome: OutcomeKind,
    /// The credential it was sent with, where one was leased for it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub lease: Option<String>,
}

/// Builds the access path of `task` from its records, each with its place in the ledger.
pub fn access_path(task: &Task, records: &[(u64, Record)]) -> AccessPath {
    let mut records: Vec<_> =
        records.iter().filter(|(_, it)| it.task() == Some(&task.id)).collect();
    records.sort_by_key(|(seq, _)| *seq);
    let (mut outcomes, mut handed) = (BTreeMap::new(), BTreeMap::new());
    let (mut steps, mut leases, mut end) = (Vec::new(), BTreeMap::new(), None);
    let mut findings = Vec::new();
    for (seq, record) in records {
        match record {
            Record::Decision(it) => steps.push(step(*seq, it)),
            Record::Outcome(it) => {
                outcomes.entry(it.decision.clone()).or_insert(it.outcome);
                handed.entry(it.decision.clone()).or_insert(it.detail.clone());
            }
            Record::Lease(it) => stands(&mut leases, it),
            Record::Command { by, command: CommandRecord::TaskEnded { status, .. }, .. } => {
                if let TaskStatus::Ended { cause, .. } = status {
                    end = Some((*cause, by.clone()));
                }
            }
            Record::Finding(it) => findings.push(it.clone()),
            Record::Command { .. } | Record::Evaluation(_) | Record::Search(_) => {}
        }
    }
    for step in &mut steps {
        step.outcome = outcomes.get(&step.decision).copied().unwrap_or(OutcomeKind::None);
        // Of a credential that was handed out, the outcome names the lease.
        step.lease = handed.remove(&step.decision).filter(|it| it.parse::<LeaseId>().is_ok());
    }
    AccessPath {
        task: task.id.clone(),
        template: task.template.clone(),
        purpose: task.purpose.clone(),
        caller: task.identity.clone(),
        on_behalf: task.on_behalf.clone(),
        opened: task.opened,
        ended: match task.status {
            TaskStatus::Open => None,
            TaskStatus::Ended { at, .. } => Some(at),
        },
        cause: end.as_ref().map(|(cause, _)| *cause),
        ended_by: end.map(|(_, by)| by),
        steps,
        leases: leases.into_values().collect(),
        findings,
    }
}

/// Takes down how a lease stands.
fn stands(leases: &mut BTreeMap<LeaseId, PathLease>, record: &LeaseRecord) {
    let lease = leases.entry(record.lease.clone()).or_insert_with(|| PathLease {
        lease: record.lease.clone(),
        target: record.target.clone(),
        wants: record.wants.clone(),
        enforced: record.enforced,
        state: record.state,
        opened: record.time,
        ended: None,
        gone: None,
    });
    lease.state = record.state;
    lease.ended = record.ended;
    lease.gone = (record.state == LeaseState::Revoked).then_some(record.time);
}

pub(crate) fn step(seq: u64, record: &DecisionRecord) -> PathStep {
    let (tool, itself) = asked(record);
    let mut resources: Vec<String> = record.resources.iter().cloned().collect();
    if resources.is_empty() {
        resources.extend(itself);
    }
    PathStep {
        seq,
        time: record.time,
        caller: record.caller.clone(),
        via: record.via.clone(),
        server: record.action.server.clone(),
        resource: if resources.is_empty() { tool.clone() } else { resources.join(", ") },
        tool,
        resources,
        effects: record.facts.effects.iter().copied().collect(),
        verdict: record.verdict,
        decision: record.decision.clone(),
        reasons: reasons(record),
        outcome: OutcomeKind::None,
        lease: None,
    }
}

/// Gives what was asked, and the resource that its name is, if it is one.
fn asked(record: &DecisionRecord) -> (String, Option<String>) {
    let name = record.action.name.clone();
    match record.action.kind {
        ActionKind::Tool => (name, None),
        ActionKind::Resource => ("resources/read".to_owned(), Some(name)),
        ActionKind::Prompt => ("prompts/get".to_owned(), Some(name)),
        ActionKind::Lease => ("lease".to_owned(), Some(name)),
    }
}

/// Gives the reasons that were carried out: those of the steps that held or denied, or, of an
/// allowed call, those that name what allowed.
pub(crate) fn reasons(record: &DecisionRecord) -> Vec<Reason> {
    let counts = |verdict: VerdictKind| match record.verdict {
        VerdictKind::Allow => verdict == VerdictKind::Allow,
        VerdictKind::Hold | VerdictKind::Deny => verdict != VerdictKind::Allow,
    };
    let mut all: Vec<Reason> = record
        .steps
        .iter()
        .filter(|it| !it.observed && counts(it.verdict))
        .flat_map(|it| it.reasons.iter().cloned())
        .collect();
    all.sort();
    all.dedup();
    all
}

#[cfg(test)]
mod tests {
    use bailiwick_model::ReasonCode;

    use super::*;
    use crate::fixture;

    #[test]
    fn a_path_is_written_as_programs_read_it() {
        let allowed = fixture::allowed();
        let records = [
            (9, Record::Outcome(fixture::outcome(&allowed, OutcomeKind::Ok))),
            (8, Record::Decision(Box::new(allowed))),
        ];
        let path = access_path(&fixture::task(), &records);
        insta::assert_snapshot!(serde_json::to_string_pretty(&path).unwrap(), @r#"
        {
          "task": "task_01JD8X00000000000000000000",
          "template": "ticket-triage",
          "purpose": "Triage T-1",
          "caller": "triage-agent",
          "opened": "2026-11-23T10:00:00.000Z",
          "ended": "2026-11-23T10:30:00.000Z",
          "steps": [
            {
              "seq": 8,
              "time": "2026-11-23T10:01:00.000Z",
              "caller": "triage-agent",
              "via": [],
              "server": "tickets",
              "tool": "get_ticket",
              "resource": "T-1",
              "resources": [
                "T-1"
              ],
              "effects": [
                "read",
                "egress"
              ],
              "verdict": "allow",
              "decision": "dec_01JD8X00000000000000000001",
              "reasons": [
                {
                  "code": "policy_permits",
                  "text": "permitted by policy `bailiwick:granted`",
                  "source": "bailiwick:granted"
                }
              ],
              "outcome": "ok"
            }
          ]
        }
        "#);
    }

    #[test]
    fn a_path_tells_every_call_in_the_order_of_the_ledger() {
        let records = [
            (11, Record::Decision(Box::new(fixture::denied()))),
            (8, Record::Decision(Box::new(fixture::allowed()))),
        ];
        let path = access_path(&fixture::task(), &records);
        let told: Vec<_> =
            path.steps.iter().map(|it| (it.seq, it.verdict, it.reasons[0].code)).collect();
        assert_eq!(
            told,
            [
                (8, VerdictKind::Allow, ReasonCode::PolicyPermits),
                (11, VerdictKind::Deny, ReasonCode::OutsideGrant),
            ]
        );
    }

    #[test]
    fn records_of_other_tasks_do_not_show() {
        let other = DecisionRecord {
            task: "task_01JD8X0000000000000000000Z".parse().unwrap(),
            ..fixture::allowed()
        };
        let path = access_path(&fixture::task(), &[(1, Record::Decision(Box::new(other)))]);
        assert_eq!(path.steps, []);
    }

    #[test]
    fn a_call_without_an_outcome_record_has_no_outcome_and_only_the_first_counts() {
        let allowed = fixture::allowed();
        let first = (2, Record::Outcome(fixture::outcome(&allowed, OutcomeKind::Error)));
        let second = (3, Record::Outcome(fixture::outcome(&allowed, OutcomeKind::Ok)));
        let decided = (1, Record::Decision(Box::new(allowed)));
        let alone = access_path(&fixture::task(), std::slice::from_ref(&decided));
        assert_eq!(alone.steps[0].outcome, OutcomeKind::None);
        let both = access_path(&fixture::task(), &[second, decided, first]);
        assert_eq!(both.steps[0].outcome, OutcomeKind::Error);
    }

    #[test]
    fn a_resource_that_is_read_is_named_by_its_uri_and_a_tool_without_one_by_itself() {
        let mut record = fixture::allowed();
        record.resources.clear();
        assert_eq!(step(1, &record).resource, "get_ticket");
        record.action.kind = ActionKind::Resource;
        record.action.name = "file:///srv/a.txt".to_owned();
        assert_eq!(step(1, &record).tool, "resources/read");
        assert_eq!(step(1, &record).resource, "file:///srv/a.txt");
    }

    #[test]
    fn what_was_only_observed_is_no_reason() {
        let mut record = fixture::denied();
        record.steps.iter_mut().for_each(|it| it.observed = true);
        assert_eq!(reasons(&record), []);
    }
}
