//! Everything that is on record about a task, in order: what it asked, what people answered, and
//! what was noticed meanwhile.

use std::collections::BTreeMap;

use bailiwick_model::{
    CommandRecord, DecisionId, DecisionRecord, Finding, Hold, HoldId, LeaseRecord, OutcomeRecord,
    Record, Task, TaskStatus, Timestamp, VerdictKind,
};

use crate::path::{AccessPath, PathStep, access_path, step};

/// A task and everything that happened in it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Timeline {
    /// The task, as it stands now.
    pub task: Task,
    /// What it touched.
    pub path: AccessPath,
    /// What happened, oldest first.
    pub moments: Vec<Moment>,
}

/// One thing that happened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Moment {
    /// Its place in the ledger.
    pub seq: u64,
    /// When.
    pub time: Timestamp,
    /// What.
    pub what: What,
}

/// What happened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum What {
    /// The task opened, for whom.
    Opened {
        /// Who asked for it.
        by: String,
    },
    /// A token was minted.
    Token {
        /// Who got it.
        by: String,
        /// Until when it counts.
        expires: Timestamp,
    },
    /// A call was judged.
    Call(Box<Told>),
    /// A hold was answered, used, or left to expire.
    Hold {
        /// The hold as it stood then.
        hold: Box<Hold>,
        /// Who did it.
        by: String,
    },
    /// A step in the life of one of its leases.
    Lease(Box<LeaseRecord>),
    /// Something was noticed.
    Noticed(Box<Finding>),
    /// The task ended.
    Ended {
        /// How.
        status: TaskStatus,
        /// Who ended it.
        by: String,
    },
    /// A person looked at what it did.
    Reviewed {
        /// Who.
        by: String,
        /// What they say of it.
        note: String,
    },
}

/// A call that was judged, with all that was kept of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Told {
    /// The call, as the path has it.
    pub step: PathStep,
    /// Its arguments, as the evidence keeps them.
    pub arguments: String,
    /// Is it one of the calls that are listed apart?
    pub privileged: bool,
    /// What enforcing would have said, where something only observed.
    pub would: Option<VerdictKind>,
    /// The ticket it opened, or repeats.
    pub hold: Option<HoldId>,
    /// The yes it used up.
    pub approval: Option<HoldId>,
    /// What became of it, where it was sent.
    pub outcome: Option<OutcomeRecord>,
}

/// Builds the timeline of `task` from its records, each with its place in the ledger.
pub fn timeline(task: &Task, records: &[(u64, Record)]) -> Timeline {
    let mut records: Vec<_> =
        records.iter().filter(|(_, it)| it.task() == Some(&task.id)).collect();
    records.sort_by_key(|(seq, _)| *seq);
    let mut outcomes: BTreeMap<&DecisionId, &OutcomeRecord> = BTreeMap::new();
    for (_, record) in &records {
        if let Record::Outcome(it) = record {
            outcomes.entry(&it.decision).or_insert(it);
        }
    }
    let moment = |(seq, record): &&(u64, Record)| {
        let what = what(*seq, record, &outcomes)?;
        Some(Moment { seq: *seq, time: record.time(), what })
    };
    let moments = records.iter().filter_map(moment).collect();
    let kept: Vec<_> = records.into_iter().cloned().collect();
    Timeline { task: task.clone(), path: access_path(task, &kept), moments }
}

fn what(
    seq: u64,
    record: &Record,
    outcomes: &BTreeMap<&DecisionId, &OutcomeRecord>,
) -> Option<What> {
    match record {
        Record::Decision(it) => {
            let outcome = outcomes.get(&it.decision).copied();
            Some(What::Call(Box::new(told(seq, it, outcome))))
        }
        // An outcome stands with its call; evaluations and searches are of no task.
        Record::Outcome(_) | Record::Evaluation(_) | Record::Search(_) => None,
        Record::Lease(it) => Some(What::Lease(it.clone())),
        Record::Finding(it) => Some(What::Noticed(Box::new(it.clone()))),
        Record::Command { by, command, .. } => commanded(by.clone(), command),
    }
}

fn told(seq: u64, record: &DecisionRecord, outcome: Option<&OutcomeRecord>) -> Told {
    let mut step = step(seq, record);
    if let Some(outcome) = outcome {
        step.outcome = outcome.outcome;
    }
    Told {
        step,
        arguments: record.arguments.text().to_owned(),
        privileged: record.privileged,
        would: record.would,
        hold: record.hold.clone(),
        approval: record.approval.clone(),
        outcome: outcome.cloned(),
    }
}

fn commanded(by: String, command: &CommandRecord) -> Option<What> {
    match command {
        CommandRecord::TaskOpened { .. } => Some(What::Opened { by }),
        CommandRecord::TokenMinted { expires, .. } => Some(What::Token { by, expires: *expires }),
        CommandRecord::TaskEnded { status, .. } => Some(What::Ended { status: *status, by }),
        CommandRecord::HoldChanged { hold, .. } => Some(What::Hold { hold: hold.clone(), by }),
        CommandRecord::TaskReviewed { note, .. } => Some(What::Reviewed { by, note: note.clone() }),
        CommandRecord::PersonAdded { .. }
        | CommandRecord::OpeningHeld { .. }
        | CommandRecord::OpeningAnswered { .. }
        | CommandRecord::EvaluationHeld { .. }
        | CommandRecord::PinChanged { .. }
        | CommandRecord::Contained { .. }
        | CommandRecord::SecretChanged { .. }
        | CommandRecord::SecretsRekeyed {}
        | CommandRecord::EnrolmentChanged { .. }
        | CommandRecord::SvidIssued { .. }
        | CommandRecord::TurnedAway { .. }
        | CommandRecord::TokenKeyChanged { .. }
        | CommandRecord::SignalReceived(_)
        | CommandRecord::Activated(_)
        | CommandRecord::Started { .. } => None,
    }
}

#[cfg(test)]
mod tests {
    use bailiwick_model::OutcomeKind;

    use super::*;
    use crate::fixture;

    #[test]
    fn a_call_stands_with_its_outcome_and_what_happened_is_in_order() {
        let (allowed, denied) = (fixture::allowed(), fixture::denied());
        let ended = Record::Command {
            time: fixture::task().deadline,
            by: "clock".to_owned(),
            command: CommandRecord::TaskEnded {
                task: fixture::task().id,
                status: fixture::task().status,
            },
        };
        let records = [
            (12, ended),
            (9, Record::Outcome(fixture::outcome(&allowed, OutcomeKind::Error))),
            (8, Record::Decision(Box::new(allowed))),
            (10, Record::Decision(Box::new(denied))),
        ];
        let timeline = timeline(&fixture::task(), &records);
        let seqs: Vec<_> = timeline.moments.iter().map(|it| it.seq).collect();
        assert_eq!(seqs, [8, 10, 12]);
        let calls: Vec<_> = timeline
            .moments
            .iter()
            .filter_map(|it| match &it.what {
                What::Call(told) => Some((told.step.verdict, told.step.outcome)),
                What::Opened { .. }
                | What::Token { .. }
                | What::Hold { .. }
                | What::Noticed(_)
                | What::Lease(_)
                | What::Ended { .. }
                | What::Reviewed { .. } => None,
            })
            .collect();
        assert_eq!(
            calls,
            [(VerdictKind::Allow, OutcomeKind::Error), (VerdictKind::Deny, OutcomeKind::None)]
        );
        assert_eq!(timeline.path.steps.len(), 2);
    }

    #[test]
    fn what_belongs_to_another_task_is_left_out() {
        let mut other = fixture::allowed();
        other.task = "task_01JD8X0000000000000000000Z".parse().unwrap();
        let records = [(8, Record::Decision(Box::new(other)))];
        assert!(timeline(&fixture::task(), &records).moments.is_empty());
    }
}
