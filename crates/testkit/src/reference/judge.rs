//! How the reference model judges a call: ask every step, take the strictest.

use std::time::Duration;

use bailiwick_model::{EndCause, Json, ReasonCode, Timestamp};

use super::{Keys, Layer, Reference, Ticket, TicketState};
use crate::{CallLine, Seen, ToyLine};

/// What the steps found.
#[derive(Default)]
struct Found {
    denied: Keys,
    held: Keys,
}

impl Found {
    fn deny(&mut self, code: ReasonCode) {
        self.denied.insert((code, String::new()));
    }

    fn hold(&mut self, code: ReasonCode, about: &str) {
        self.held.insert((code, about.to_owned()));
    }
}

impl Reference {
    pub(super) fn call(&mut self, place: usize, call: &CallLine) -> Seen {
        let mut seen = Seen::default();
        let mut found = Found::default();
        let sent = self.as_sent(call, &mut found);
        let call = &sent;
        // What the call itself brings to an end, it still meets as it was.
        let (token, used) = (self.task(place).generation, self.used(place));
        let now = self.pass(place, &mut seen);
        self.containment(place, call, &mut found);
        self.binding(place, call, token, &mut found);
        self.window(place, &mut found);
        self.grant(place, call, now, &mut found);
        self.policy(call, &mut found);
        self.pin(call, &mut found);
        self.budget(place, call, (now, used), &mut found);

        if !found.denied.is_empty() {
            return denied(seen, &found.denied);
        }
        if found.held.is_empty() {
            return self.allow(place, call, now, seen);
        }
        let yes = self.tickets.iter().position(|it| {
            it.task == place
                && it.is_for(call)
                && it.policies == self.active
                && matches!(it.state, TicketState::Approved(until) if now < until)
                && found.held.is_subset(&it.reasons)
        });
        if let Some(yes) = yes {
            self.ticket(yes).state = TicketState::Used;
            return self.allow(place, call, now, seen);
        }
        let refused = self.tickets.iter().any(|it| {
            it.task == place && it.is_for(call) && matches!(it.state, TicketState::Refused)
        });
        if refused {
            found.deny(ReasonCode::Refused);
            return denied(seen, &found.denied);
        }
        self.hold(place, call, now, (found.held, seen))
    }

    /// Gives the call as it is sent: with `x` as policies want it, which is denied where they want it
    /// in two ways.
    fn as_sent(&self, call: &CallLine, found: &mut Found) -> CallLine {
        let active = self.world.policies.iter().filter(|it| self.active.contains(&it.name));
        let mut wanted = active.filter_map(|it| match &it.rule {
            ToyLine::Fix(server, tool, value) => {
                (*server == call.server && *tool == call.tool).then_some(value)
            }
            ToyLine::Forbid(..) | ToyLine::Ask(..) | ToyLine::Cedar(_) => None,
        });
        let mut sent = call.clone();
        let Some(first) = wanted.next() else { return sent };
        if wanted.any(|it| it != first) {
            found.deny(ReasonCode::CannotComply);
        } else if let Json::Object(members) = &mut sent.arguments {
            members.insert("x".to_owned(), Json::Text(first.clone()));
        }
        sent
    }

    fn ticket(&mut self, place: usize) -> &mut Ticket {
        self.tickets.get_mut(place).expect("a ticket of the model")
    }

    fn allow(&mut self, place: usize, call: &CallLine, now: Timestamp, seen: Seen) -> Seen {
        let task = self.task_mut(place);
        task.calls = task.calls.saturating_add(1);
        task.bytes = task.bytes.saturating_add(call.bytes);
        task.active = now;
        self.sent.push((place, now, call.bytes));
        let task = self.task_mut(place);
        if call.stays {
            task.on_their_way = task.on_their_way.saturating_add(1);
        }
        Seen { word: "allow", ..seen }
    }

    fn hold(&mut self, place: usize, call: &CallLine, now: Timestamp, to: (Keys, Seen)) -> Seen {
        let (reasons, seen) = to;
        let same = self.tickets.iter().position(|it| {
            it.task == place
                && it.is_for(call)
                && it.reasons == reasons
                && it.policies == self.active
                && it.state == TicketState::Waiting
        });
        let codes = reasons.iter().map(|(code, _)| *code).collect();
        let ticket = same.unwrap_or_else(|| {
            let day = Duration::from_secs(24 * 60 * 60);
            self.tickets.push(Ticket {
                task: place,
                call: call.clone(),
                reasons,
                policies: self.active.clone(),
                expires: now.after(day).min(self.task(place).deadline),
                state: TicketState::Waiting,
                line: None,
            });
            self.tickets.len().saturating_sub(1)
        });
        self.task_mut(place).active = now;
        Seen { word: "hold", codes, hold: Some(ticket.saturating_add(1)), ..seen }
    }

    fn containment(&self, place: usize, call: &CallLine, found: &mut Found) {
        let mut shown =
            vec![format!("server:{}", call.server), format!("tool:{}__{}", call.server, call.tool)];
        shown.extend(call.as_.iter().flat_map(|it| self.names_of(it)));
        shown.extend(call.with.iter().map(|it| format!("credential:{it}")));
        if self.is_contained(place) || shown.iter().any(|it| self.contained.contains(it)) {
            found.deny(ReasonCode::Contained);
        }
    }

    fn binding(&self, place: usize, call: &CallLine, token: u64, found: &mut Found) {
        let task = self.task(place);
        let caller = call.as_.as_ref().unwrap_or(&task.identity);
        if *caller != task.identity {
            found.deny(ReasonCode::NotTheOwner);
        } else if !self.world.charters.iter().any(|it| it.identity == *caller) {
            found.deny(ReasonCode::NotRegistered);
        } else if task.ended.is_none() && (call.stale || token != task.generation) {
            found.deny(ReasonCode::StaleToken);
        }
    }

    fn window(&self, place: usize, found: &mut Found) {
        match self.task(place).ended {
            None => {}
            Some(EndCause::Deadline) => found.deny(ReasonCode::PastDeadline),
            Some(EndCause::Idle) => found.deny(ReasonCode::Idle),
            Some(EndCause::Calendar) => found.deny(ReasonCode::OutsideCalendar),
            Some(
                EndCause::Asked
                | EndCause::Parent
                | EndCause::Contained
                | EndCause::Signal
                | EndCause::Lost,
            ) => found.deny(ReasonCode::TaskEnded),
        }
    }

    fn grant(&self, place: usize, call: &CallLine, now: Timestamp, found: &mut Found) {
        let task = self.task(place);
        let reached =
            task.layers.iter().all(|layer| {
                let bound = layer.only.as_ref().is_none_or(|it| *it == call.server);
                bound
                    && self.world.charters.iter().any(|it| {
                        it.identity == layer.identity && it.servers.contains(&call.server)
                    })
            });
        if !reached {
            found.deny(ReasonCode::OutsideCharter);
            return;
        }
        let added = self.tickets.iter().any(|it| {
            it.task == place
                && it.line.is_some_and(|until| now < until)
                && it.call.server == call.server
                && it.call.tool == call.tool
                && !call.resources.is_empty()
                && call.resources.is_subset(&it.call.resources)
        });
        let own = task.layers.iter().take(1).all(|it| self.covers(it, call));
        let above = task.layers.iter().skip(1).all(|it| self.covers(it, call));
        if (added || own) && above {
            return;
        }
        if task.observes.is_some_and(|until| now < until) {
            return;
        }
        if task.holds && above {
            found.hold(ReasonCode::OutsideGrant, "");
        } else {
            found.deny(ReasonCode::OutsideGrant);
        }
    }

    /// Says whether some line of a layer covers the call.
    fn covers(&self, layer: &Layer, call: &CallLine) -> bool {
        let template = self.world.templates.iter().find(|it| it.name == layer.template);
        let lines = template.map(|it| it.allow.as_slice()).unwrap_or_default();
        lines.iter().any(|line| {
            line.server == call.server
                && line.tools.iter().any(|it| it.as_str() == call.tool)
                && line.when.as_deref().is_none_or(|when| met(when, layer, call))
        })
    }

    fn policy(&self, call: &CallLine, found: &mut Found) {
        for policy in self.world.policies.iter().filter(|it| self.active.contains(&it.name)) {
            match &policy.rule {
                ToyLine::Forbid(server, tool) if *server == call.server && *tool == call.tool => {
                    found.deny(ReasonCode::PolicyForbids);
                }
                ToyLine::Ask(server, tool) if *server == call.server && *tool == call.tool => {
                    found.hold(ReasonCode::ApprovalNeeded, &policy.name);
                }
                ToyLine::Forbid(..) | ToyLine::Ask(..) | ToyLine::Fix(..) => {}
                ToyLine::Cedar(_) => panic!("the reference model does not read Cedar"),
            }
        }
    }

    fn pin(&self, call: &CallLine, found: &mut Found) {
        let version = |list: &[(String, String, u8)]| {
            let same =
                |it: &&(String, String, u8)| it.0 == call.server.as_str() && it.1 == call.tool;
            list.iter().rev().find(same).map(|it| it.2)
        };
        match (version(&self.offered), version(&self.accepted)) {
            (None | Some(0), _) => found.deny(ReasonCode::NotOffered),
            (Some(_), None) => found.deny(ReasonCode::NotAccepted),
            (Some(offered), Some(accepted)) if offered != accepted => {
                found.hold(ReasonCode::Changed, &format!("version {offered}"));
            }
            (Some(_), Some(_)) => {}
        }
    }

    fn budget(
        &self,
        place: usize,
        call: &CallLine,
        (now, used): (Timestamp, (u64, u64)),
        found: &mut Found,
    ) {
        let task = self.task(place);
        let (calls, bytes) = (used.0.saturating_add(1), used.1.saturating_add(call.bytes));
        let over = task.budget.calls.is_some_and(|most| most < calls)
            || task.budget.bytes_out.is_some_and(|most| most < bytes)
            || task.layers.iter().any(|it| self.day_is_over(it, call.bytes, now));
        if over && task.observes.is_none_or(|until| until <= now) {
            found.deny(ReasonCode::OverBudget);
        }
    }
}

impl Reference {
    /// Says whether the call would be too much for the day of a layer's identity and template,
    /// counting every call of the day anew.
    pub(super) fn day_is_over(&self, layer: &Layer, more: u64, now: Timestamp) -> bool {
        let template = self.world.templates.iter().find(|it| it.name == layer.template);
        let Some((template, limit)) = template.and_then(|it| Some((it, it.day?))) else {
            return false;
        };
        let ahead = |at: Timestamp| {
            let berlin = template.window.calendar.as_ref();
            // The one zone of the models' worlds besides UTC, in winter.
            let berlin = berlin.is_some_and(|it| it.to_string().contains("Berlin"));
            at.millis().saturating_add(if berlin { 3_600_000 } else { 0 }).div_euclid(86_400_000)
        };
        let (mut calls, mut bytes) = (1_u64, more);
        for (task, at, sent) in &self.sent {
            let layers = &self.task(*task).layers;
            let mine = |it: &Layer| it.identity == layer.identity && it.template == layer.template;
            if ahead(now) <= ahead(*at) && layers.iter().any(mine) {
                calls = calls.saturating_add(1);
                bytes = bytes.saturating_add(*sent);
            }
        }
        limit.calls.is_some_and(|most| most < calls)
            || limit.bytes_out.is_some_and(|most| most < bytes)
    }
}

fn denied(seen: Seen, why: &Keys) -> Seen {
    Seen { word: "deny", codes: why.iter().map(|(code, _)| *code).collect(), ..seen }
}

/// Judges `context.input.NAME == "VALUE"` and `context.input.NAME == context.task.params.NAME`.
fn met(when: &str, layer: &Layer, call: &CallLine) -> bool {
    let (left, right) = when.split_once(" == ").expect("a condition the model can read");
    let name = left.trim().strip_prefix("context.input.").expect("an argument on the left");
    let right = right.trim();
    let wanted = match right.strip_prefix("context.task.params.") {
        Some(param) => layer.params.get(param).cloned(),
        None => Some(right.trim_matches('"').to_owned()),
    };
    wanted.is_some() && call.arguments.get(name).and_then(Json::as_text) == wanted.as_deref()
}
