//! Tasks and tickets of the reference model.

use std::{collections::BTreeMap, time::Duration};

use bailiwick_model::{
    Budget, Calendar, EndCause, IdentityId, ServerName, TemplateName, Timestamp,
};

use super::Keys;
use crate::CallLine;

/// One task.
#[derive(Clone, Debug)]
pub(super) struct Task {
    pub(super) label: String,
    pub(super) identity: IdentityId,
    /// Whoever handed the authority on, nearest first.
    pub(super) via: Vec<IdentityId>,
    pub(super) template: TemplateName,
    /// Its own template and parameters, then its parent's, and so on up.
    pub(super) layers: Vec<Layer>,
    pub(super) parent: Option<usize>,
    pub(super) deadline: Timestamp,
    pub(super) idle: Option<Duration>,
    pub(super) calendars: Vec<Calendar>,
    pub(super) budget: Budget,
    /// A call outside the grant is held rather than denied.
    pub(super) holds: bool,
    /// Grant and budget only observe until then.
    pub(super) observes: Option<Timestamp>,
    pub(super) calls: u64,
    pub(super) bytes: u64,
    pub(super) ended: Option<EndCause>,
    pub(super) generation: u64,
    pub(super) on_their_way: u64,
    pub(super) active: Timestamp,
    pub(super) latest: Timestamp,
    pub(super) last: Option<CallLine>,
}

/// One template with the parameters of one task.
#[derive(Clone, Debug)]
pub(super) struct Layer {
    pub(super) identity: IdentityId,
    pub(super) template: TemplateName,
    pub(super) params: BTreeMap<String, String>,
    /// The one server that the token of the task above was good for.
    pub(super) only: Option<ServerName>,
}

impl Task {
    /// Says why it should have ended by `now`.
    pub(super) fn lapsed(&self, now: Timestamp, has_children: bool) -> Option<EndCause> {
        if self.ended.is_some() {
            return None;
        }
        if now >= self.deadline {
            return Some(EndCause::Deadline);
        }
        for calendar in &self.calendars {
            if !calendar.contains(now) {
                return Some(EndCause::Calendar);
            }
        }
        let idle = self.idle?;
        (self.on_their_way == 0 && !has_children && now >= self.active.after(idle))
            .then_some(EndCause::Idle)
    }
}

/// One hold.
#[derive(Clone, Debug)]
pub(super) struct Ticket {
    pub(super) task: usize,
    pub(super) call: CallLine,
    pub(super) reasons: Keys,
    /// The names of the policies that it was made under.
    pub(super) policies: Vec<String>,
    pub(super) expires: Timestamp,
    pub(super) state: TicketState,
    /// The line that came of it counts until then.
    pub(super) line: Option<Timestamp>,
}

/// Where a hold stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum TicketState {
    Waiting,
    Approved(Timestamp),
    Used,
    Refused,
    /// Nothing will come of it any more.
    Over,
}

impl Ticket {
    /// Lets time pass.
    pub(super) fn pass(&mut self, now: Timestamp) {
        match self.state {
            TicketState::Waiting | TicketState::Refused if self.expires <= now => {
                self.state = TicketState::Over;
            }
            TicketState::Approved(until) if until <= now => self.state = TicketState::Over,
            TicketState::Waiting
            | TicketState::Approved(_)
            | TicketState::Used
            | TicketState::Refused
            | TicketState::Over => {}
        }
        self.line = self.line.filter(|until| now < *until);
    }

    /// Closes it, as its task has ended.
    pub(super) fn close(&mut self) {
        self.state = TicketState::Over;
        self.line = None;
    }

    /// Says whether it is about this call, to the digit.
    pub(super) fn is_for(&self, call: &CallLine) -> bool {
        self.call.server == call.server
            && self.call.tool == call.tool
            && self.call.arguments == call.arguments
    }
}
