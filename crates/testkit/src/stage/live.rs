//! A task on the stage, and what the records would say of it after a crash.

use std::{collections::BTreeMap, sync::Arc};

use bailiwick_kernel::{Memory, TaskState};
use bailiwick_model::{
    ApprovedCall, ApprovedLine, Budget, Hold, HoldStatus, PersonName, Spend, TaskId, Timestamp,
};
use bailiwick_policy::GrantProgram;

use crate::CallLine;

/// One task.
#[derive(Clone, Debug)]
pub(super) struct Live {
    pub(super) label: String,
    pub(super) state: TaskState,
    /// By the records: its own calls, and everything that its ended children used.
    pub(super) spent: Spend,
    /// When it last did something.
    pub(super) active: Timestamp,
    /// The latest moment that it was told.
    latest: Timestamp,
    /// The last call, for `retry`.
    pub(super) last: Option<CallLine>,
}

/// A hold, with the task it belongs to.
#[derive(Clone, Debug)]
pub(super) struct Ticket {
    pub(super) task: usize,
    pub(super) hold: Hold,
    /// It was answered with a line: by whom, and until when.
    pub(super) line: Option<(PersonName, Timestamp)>,
}

impl Live {
    pub(super) fn new(label: String, state: TaskState) -> Self {
        let opened = state.task().opened;
        Self { label, state, spent: Spend::default(), active: opened, latest: opened, last: None }
    }

    /// Notes that the task was told `now`, and gives the moment it goes by.
    pub(super) fn touch(&mut self, now: Timestamp) -> Timestamp {
        self.latest = self.latest.max(now);
        self.latest
    }

    /// Forgets the state and takes the task up again from what the records say.
    pub(super) fn restart(&mut self, carved: BTreeMap<TaskId, Budget>, tickets: &[Ticket]) {
        let task = self.state.task().clone();
        let program = match GrantProgram::compile(&task.grant) {
            Ok(program) => Arc::new(program),
            Err(errors) => panic!("a grant that compiled once does not any more: {errors:?}"),
        };
        let memory = Memory {
            spent: self.spent,
            carved,
            approvals: tickets.iter().filter_map(|it| self.approval(&it.hold)).collect(),
            lines: tickets.iter().filter_map(|it| self.line(it)).collect(),
            holds: tickets
                .iter()
                .map(|it| it.hold.clone())
                .filter(|it| self.latest < it.expires)
                .collect(),
            paced: bailiwick_kernel::Paced::default(),
            active: Some(self.active),
        };
        self.latest = self.active;
        self.state = TaskState::resume(task, program, memory);
    }

    fn approval(&self, hold: &Hold) -> Option<ApprovedCall> {
        let (by, expires) = yes(&hold.status).filter(|(_, end)| self.latest < *end)?;
        Some(ApprovedCall {
            hold: hold.id.clone(),
            call: hold.call,
            caller: hold.caller.clone(),
            via: hold.via.clone(),
            reasons: hold.reasons.clone(),
            policy: hold.policy.clone(),
            by,
            expires,
        })
    }

    fn line(&self, ticket: &Ticket) -> Option<ApprovedLine> {
        let (by, until) = ticket.line.clone().filter(|(_, end)| self.latest < *end)?;
        Some(ApprovedLine {
            hold: ticket.hold.id.clone(),
            action: ticket.hold.action.clone(),
            resources: ticket.hold.resources.clone(),
            destinations: ticket.hold.destinations.clone(),
            by,
            until,
        })
    }
}

/// Says who approved, and until when, where nobody has used it yet.
pub(super) fn yes(status: &HoldStatus) -> Option<(PersonName, Timestamp)> {
    match status {
        HoldStatus::Approved { by, expires, .. } => Some((by.clone(), *expires)),
        HoldStatus::Waiting
        | HoldStatus::Refused { .. }
        | HoldStatus::Used { .. }
        | HoldStatus::Expired => None,
    }
}
