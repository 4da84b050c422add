//! What a governor's own ledger says was done: each decision with what became of it, and each lease under the name by which
//! its target knows it.
//!
//! A call that was held and then approved is decided again, and is one access. One that was held and never went is an
//! attempt that was denied.

use std::{
    borrow::Cow,
    collections::{BTreeMap, BTreeSet},
};

use bailiwick_model::{
    Action, ActionKind, Actor, ActorKind, CommandRecord, DecisionId, DecisionRecord, Ended,
    Exercise, HoldId, IdentityId, Issued, LeaseId, LeaseRecord, LeaseState, OutcomeKind, Platform,
    Record, TaskId, Timestamp, VerdictKind, Via,
};

use super::key;

/// How many calls may wait for what becomes of them.
const WAITING_MAX: usize = 100_000;
/// Why nobody else made what a task of one's own is worked under.
const OWN_TASK: &str = "it opened its task with a proof of its own";

/// Takes a ledger's records in order, and tells of what was done.
#[derive(Debug, Default)]
pub struct Acts {
    /// Calls that were let through, and of which nothing more is known yet.
    sent: BTreeMap<DecisionId, Exercise<'static>>,
    /// Calls that wait for a person, by ticket.
    held: BTreeMap<HoldId, Vec<Exercise<'static>>>,
    held_count: usize,
    /// Leases that were told of and may still be alive.
    leases: BTreeSet<LeaseId>,
}

impl Acts {
    /// Takes the next record.
    pub fn take(&mut self, record: &Record, each: &mut dyn FnMut(&Exercise<'_>)) {
        let each = &mut |it: &Exercise<'_>| one_by_one(it, each);
        match record {
            Record::Decision(it) => self.decided(it, each),
            Record::Outcome(it) => {
                let Some(mut call) = self.sent.remove(&it.decision) else { return };
                (call.ended, call.code) = match it.outcome {
                    OutcomeKind::Ok => (Ended::Success, Cow::Borrowed("")),
                    OutcomeKind::Error | OutcomeKind::None => {
                        (Ended::Error, Cow::Borrowed(it.outcome.as_str()))
                    }
                };
                each(&call);
            }
            Record::Lease(it) => self.leased(it, each),
            Record::Command { time, command, .. } => opened(*time, command, each),
            // Whoever was answered elsewhere may have done it or not.
            Record::Evaluation(_) | Record::Search(_) | Record::Finding(_) => {}
        }
    }

    /// Tells of what is left: nobody knows what became of it, or it never went.
    pub fn end(&mut self, each: &mut dyn FnMut(&Exercise<'_>)) {
        let mut each = |it: &Exercise<'_>| one_by_one(it, each);
        std::mem::take(&mut self.sent).values().for_each(&mut each);
        std::mem::take(&mut self.held).values().flatten().for_each(&mut each);
        self.held_count = 0;
    }

    fn decided(&mut self, record: &DecisionRecord, each: &mut dyn FnMut(&Exercise<'_>)) {
        if record.caller.is_canary() {
            return;
        }
        let call = call(record);
        match record.verdict {
            VerdictKind::Allow => {
                let approved = record.approval.as_ref().and_then(|it| self.held.remove(it));
                let approved = approved.map_or(0, |it| it.len());
                self.held_count = self.held_count.saturating_sub(approved);
                self.sent.insert(record.decision.clone(), call);
            }
            VerdictKind::Hold => match &record.hold {
                Some(ticket) => {
                    self.held.entry(ticket.clone()).or_default().push(call);
                    self.held_count = self.held_count.saturating_add(1);
                }
                None => each(&call),
            },
            VerdictKind::Deny => each(&call),
        }
        if WAITING_MAX < self.sent.len() {
            self.sent.pop_first().iter().for_each(|(_, it)| each(it));
        }
        if WAITING_MAX < self.held_count
            && let Some((_, calls)) = self.held.pop_first()
        {
            self.held_count = self.held_count.saturating_sub(calls.len());
            calls.iter().for_each(each);
        }
    }

    /// Tells of a lease once, when its target has said what it calls it.
    fn leased(&mut self, record: &LeaseRecord, each: &mut dyn FnMut(&Exercise<'_>)) {
        if record.state == LeaseState::Revoked {
            self.leases.remove(&record.lease);
            return;
        }
        let Some(called) = record.called.as_ref().filter(|_| !record.identity.is_canary()) else {
            return;
        };
        if record.state != LeaseState::Active || !self.leases.insert(record.lease.clone()) {
            return;
        }
        let decided = record.decision.as_ref().and_then(|it| self.sent.remove(it));
        let mut lease = decided.unwrap_or_else(|| Exercise {
            service: Cow::Owned(format!("lease:{}", record.target)),
            operation: Cow::Owned(record.wants.join(",")),
            ..exercise(record.time, record.lease.as_str(), &record.identity, &record.task, &[])
        });
        lease.issued = Some(Issued {
            credential: Cow::Owned(called.clone()),
            to: Cow::Owned(called.clone()),
            via: Via::Lease,
            until: Some(record.until),
        });
        each(&lease);
    }
}

/// Tells of each thing that a lease is for, as lines of templates name them; it is issued once.
fn one_by_one(call: &Exercise<'_>, each: &mut dyn FnMut(&Exercise<'_>)) {
    if !(call.service.starts_with("lease:") && call.operation.contains(',')) {
        return each(call);
    }
    for (number, want) in call.operation.split(',').enumerate() {
        let mut one = Exercise { operation: Cow::Borrowed(want), ..call.clone() };
        if number != 0 {
            one.key = key(Platform::Mcp, &format!("{:x} {want}", call.key), b"");
            one.issued = None;
        }
        each(&one);
    }
}

/// Tells who opened a task for somebody else: whoever works under it has it from there.
fn opened(time: Timestamp, command: &CommandRecord, each: &mut dyn FnMut(&Exercise<'_>)) {
    let CommandRecord::TaskOpened { task: Some(task), identity, .. } = command else { return };
    if *identity == task.identity {
        return;
    }
    let mut opens = exercise(time, task.id.as_str(), identity, &task.id, &[]);
    // Under which of its own tasks it asked, the parent says.
    let under = task.parent.as_ref().map(ToString::to_string);
    opens.actor.credential = Cow::Owned(under.unwrap_or_default());
    opens.service = Cow::Borrowed("task");
    opens.operation = Cow::Owned(task.template.to_string());
    opens.internal = true;
    opens.issued = Some(Issued {
        credential: Cow::Owned(task.id.to_string()),
        to: Cow::Owned(task.identity.to_string()),
        via: Via::Exchange,
        until: Some(task.deadline),
    });
    each(&opens);
}

/// Tells of one decision, as if all went well from there.
fn call(record: &DecisionRecord) -> Exercise<'static> {
    let (service, operation) = names(&record.action);
    let ended = match record.verdict {
        VerdictKind::Allow => Ended::Success,
        VerdictKind::Hold | VerdictKind::Deny => Ended::Denied,
    };
    let code = if ended == Ended::Denied { record.verdict.as_str() } else { "" };
    Exercise {
        service: Cow::Owned(service),
        operation: Cow::Owned(operation),
        resource: Cow::Owned(record.resources.first().cloned().unwrap_or_default()),
        ended,
        code: Cow::Borrowed(code),
        granted_by: record
            .template
            .as_ref()
            .map_or(Cow::Borrowed(""), |it| Cow::Owned(format!("template {it}"))),
        ..exercise(record.time, record.decision.as_str(), &record.caller, &record.task, &record.via)
    }
}

/// Names an action as lines of templates do.
fn names(action: &Action) -> (String, String) {
    let server = action.server.to_string();
    match action.kind {
        ActionKind::Tool => (server, action.name.clone()),
        ActionKind::Resource => (server, "resources/read".to_owned()),
        ActionKind::Prompt => (server, "prompts/get".to_owned()),
        ActionKind::Lease => (format!("lease:{server}"), action.name.clone()),
    }
}

fn exercise(
    at: Timestamp,
    id: &str,
    by: &IdentityId,
    task: &TaskId,
    via: &[IdentityId],
) -> Exercise<'static> {
    Exercise {
        key: key(Platform::Mcp, id, b""),
        actor: Actor {
            id: Cow::Owned(by.to_string()),
            kind: ActorKind::Agent,
            credential: Cow::Owned(task.to_string()),
            through: Cow::Borrowed(""),
            chain: via.iter().rev().map(|it| Cow::Owned(it.to_string())).collect(),
            delivered: if via.is_empty() { OWN_TASK } else { "" },
        },
        ..Exercise::begun(Platform::Mcp, at)
    }
}

#[cfg(test)]
mod tests;
