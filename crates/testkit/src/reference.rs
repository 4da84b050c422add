//! The naive reference model: DESIGN section 4 once more, as plain lists and loops.
//!
//! It shares nouns with the kernel and no code. Where the two disagree, one of them is wrong.

mod judge;
mod opening;
mod task;

use std::collections::BTreeSet;

use bailiwick_model::{Budget, EndCause, IdentityId, Timestamp};

use crate::{CallLine, Event, Seen, Target, World};
use task::{Layer, Task, Ticket, TicketState};

/// The model.
#[derive(Clone, Debug)]
pub struct Reference {
    world: World,
    now: Timestamp,
    tasks: Vec<Task>,
    tickets: Vec<Ticket>,
    current: Option<usize>,
    /// Names of what is contained: `identity:ann`, or `task#2` by a task's place.
    contained: Vec<String>,
    /// Server, tool, and the version that is offered; 0 is none.
    offered: Vec<(String, String, u8)>,
    /// Server, tool, and the version that was accepted.
    accepted: Vec<(String, String, u8)>,
    active: Vec<String>,
    /// Every call that was allowed: whose, when, and how many bytes.
    sent: Vec<(usize, Timestamp, u64)>,
}

impl Reference {
    /// Starts where the world starts.
    pub fn new(world: World) -> Self {
        let tools: Vec<(String, String, u8)> = world
            .tools
            .iter()
            .map(|(server, tool)| (server.to_string(), tool.clone(), 1))
            .collect();
        Self {
            now: world.start,
            tasks: Vec::new(),
            tickets: Vec::new(),
            current: None,
            contained: Vec::new(),
            offered: tools.clone(),
            accepted: tools,
            active: world.policies.iter().map(|it| it.name.clone()).collect(),
            sent: Vec::new(),
            world,
        }
    }

    /// Lets one thing happen.
    pub fn play(&mut self, event: &Event) -> Seen {
        let mut seen = self.happen(event);
        seen.left = self.current.map(|it| self.left(it));
        seen
    }

    fn happen(&mut self, event: &Event) -> Seen {
        match event {
            Event::At(moment) => self.now = *moment,
            Event::Forward(span) => self.now = self.now.after(*span),
            Event::Back(span) => {
                let millis = i64::try_from(span.as_millis()).expect("a short span");
                self.now = Timestamp::from_millis(self.now.millis().saturating_sub(millis));
            }
            Event::In(label) => self.current = self.find(label),
            Event::Open(line) => return self.open(line),
            Event::Call(line) => return self.called(line),
            Event::Retry => {
                let last = self.current.and_then(|it| self.task(it).last.clone());
                return last.map_or_else(|| Seen::word("nothing"), |line| self.called(&line));
            }
            Event::Done => return self.done(),
            Event::Approve { hold, line, span } => {
                return self.answer(*hold, Some((*line, self.now.after(*span))));
            }
            Event::Refuse(hold) => return self.answer(*hold, None),
            Event::End => return self.asked_to_end(),
            Event::Tick => return self.tick(),
            Event::Restart => return self.restart(),
            Event::Contain(what) => self.contained.extend(self.named(what)),
            Event::Release(what) => {
                let name = self.named(what);
                self.contained.retain(|it| Some(it) != name.as_ref());
            }
            Event::Offer(server, tool, version) => {
                self.offered.push((server.to_string(), tool.clone(), *version));
            }
            Event::Accept(server, tool, version) => {
                self.accepted.push((server.to_string(), tool.clone(), *version));
            }
            Event::Activate(names) => {
                let all = self.world.policies.iter().map(|it| it.name.clone());
                self.active = all.filter(|it| names.contains(it)).collect();
            }
        }
        Seen::word("done")
    }

    /// Names what is contained; a task that there is not is nothing.
    fn named(&self, what: &Target) -> Option<String> {
        match what {
            Target::Task(label) => self.find(label).map(|place| format!("task#{place}")),
            Target::Other(subject) => Some(subject.to_string()),
        }
    }

    /// Says whether a task, somebody whose hands it went through, or a task above it is contained.
    fn is_contained(&self, place: usize) -> bool {
        let task = self.task(place);
        let hands = std::iter::once(&task.identity).chain(&task.via);
        let mut names: Vec<String> = hands.flat_map(|it| self.names_of(it)).collect();
        let above = std::iter::successors(Some(place), |it| self.task(*it).parent);
        names.extend(above.map(|it| format!("task#{it}")));
        names.iter().any(|it| self.contained.contains(it))
    }

    /// Gives all that an identity is contained by.
    fn names_of(&self, identity: &IdentityId) -> Vec<String> {
        let mut names = vec![format!("identity:{identity}"), "all:identities".to_owned()];
        for charter in self.world.charters.iter().filter(|it| it.identity == *identity) {
            names.push(format!("class:{}", charter.class));
            names.push(format!("owner:{}", charter.owner));
        }
        names
    }

    fn find(&self, label: &str) -> Option<usize> {
        self.tasks.iter().rposition(|it| it.label == label)
    }

    fn task(&self, place: usize) -> &Task {
        self.tasks.get(place).expect("a task of the model")
    }

    fn task_mut(&mut self, place: usize) -> &mut Task {
        self.tasks.get_mut(place).expect("a task of the model")
    }

    /// Time as the task knows it: it never goes back.
    fn tell(&mut self, place: usize) -> Timestamp {
        let now = self.now;
        let task = self.task_mut(place);
        task.latest = task.latest.max(now);
        task.latest
    }

    fn children(&self, place: usize) -> Vec<usize> {
        (0..self.tasks.len()).filter(|it| self.task(*it).parent == Some(place)).collect()
    }

    /// Says whether a child of the task is open.
    fn has_children(&self, place: usize) -> bool {
        self.children(place).into_iter().any(|it| self.task(it).ended.is_none())
    }

    /// Everything that is gone from a task's budget, counted anew each time: its own calls, the
    /// shares of children that are open, and what ended children used.
    fn used(&self, place: usize) -> (u64, u64) {
        let task = self.task(place);
        let mut used = (task.calls, task.bytes);
        for child in self.children(place) {
            let (calls, bytes) = if self.task(child).ended.is_none() {
                let share = self.task(child).budget;
                (share.calls.unwrap_or(0), share.bytes_out.unwrap_or(0))
            } else {
                self.used(child)
            };
            used = (used.0.saturating_add(calls), used.1.saturating_add(bytes));
        }
        used
    }

    fn left(&self, place: usize) -> Budget {
        let (budget, used) = (self.task(place).budget, self.used(place));
        Budget {
            calls: budget.calls.map(|it| it.saturating_sub(used.0)),
            bytes_out: budget.bytes_out.map(|it| it.saturating_sub(used.1)),
        }
    }

    fn done(&mut self) -> Seen {
        let Some(place) = self.current else { return Seen::word("nothing") };
        let now = self.tell(place);
        let task = self.task_mut(place);
        task.on_their_way = task.on_their_way.saturating_sub(1);
        task.active = now;
        Seen::word("done")
    }

    fn asked_to_end(&mut self) -> Seen {
        let Some(place) = self.current else { return Seen::word("nothing") };
        let mut seen = Seen::word("done");
        self.end(place, EndCause::Asked, &mut seen);
        if seen.ended.is_empty() { Seen::word("nothing") } else { seen }
    }

    /// Ends a task and those below it, for good.
    fn end(&mut self, place: usize, cause: EndCause, seen: &mut Seen) {
        if self.task(place).ended.is_some() {
            return;
        }
        self.tell(place);
        let task = self.task_mut(place);
        task.ended = Some(cause);
        task.generation = task.generation.saturating_add(1);
        seen.ended.insert((task.label.clone(), cause));
        for ticket in self.tickets.iter_mut().filter(|it| it.task == place) {
            ticket.close();
        }
        for child in self.children(place) {
            self.end(child, EndCause::Parent, seen);
        }
        // Until now its parent waited for it.
        let parent = self.task(place).parent;
        if let Some(parent) = parent.filter(|it| self.task(*it).ended.is_none()) {
            let now = self.tell(parent);
            self.task_mut(parent).active = now;
        }
    }

    fn tick(&mut self) -> Seen {
        let mut seen = Seen::word("done");
        for place in 0..self.tasks.len() {
            self.pass(place, &mut seen);
        }
        seen
    }

    /// Lets a task notice what time it is.
    fn pass(&mut self, place: usize, seen: &mut Seen) -> Timestamp {
        let now = self.tell(place);
        if let Some(cause) = self.task(place).lapsed(now, self.has_children(place)) {
            self.end(place, cause, seen);
        }
        for ticket in self.tickets.iter_mut().filter(|it| it.task == place) {
            ticket.pass(now);
        }
        now
    }

    /// A crash: calls on their way are forgotten, and so is what time it was.
    fn restart(&mut self) -> Seen {
        let Some(place) = self.current else { return Seen::word("nothing") };
        let latest = self.task(place).latest;
        for ticket in self.tickets.iter_mut().filter(|it| it.task == place) {
            ticket.pass(latest);
        }
        let task = self.task_mut(place);
        task.latest = task.active;
        task.on_their_way = 0;
        Seen::word("done")
    }

    /// A person answers: yes (as a line or once, until a moment) or no.
    fn answer(&mut self, ticket: Option<usize>, yes: Option<(bool, Timestamp)>) -> Seen {
        let place = ticket.unwrap_or(self.tickets.len()).checked_sub(1);
        let Some(task) = place.and_then(|it| self.tickets.get(it)).map(|it| it.task) else {
            return Seen::word("nothing");
        };
        let now = self.tell(task);
        let (open, deadline) = (self.task(task).ended.is_none(), self.task(task).deadline);
        let ticket = place.and_then(|it| self.tickets.get_mut(it)).expect("the ticket just found");
        let waits = matches!(ticket.state, TicketState::Waiting) && now < ticket.expires;
        if !waits || !open {
            return Seen::word("nothing");
        }
        match yes {
            None => ticket.state = TicketState::Refused,
            Some((line, until)) => {
                let until = until.min(deadline);
                ticket.state = TicketState::Approved(until);
                ticket.line = line.then_some(until);
            }
        }
        Seen::word("done")
    }

    fn called(&mut self, line: &CallLine) -> Seen {
        let Some(place) = self.current else { return Seen::word("nothing") };
        self.task_mut(place).last = Some(line.clone());
        self.call(place, line)
    }
}

/// Collects reasons by what they are about, so that an approval of one is none of another.
type Keys = BTreeSet<(bailiwick_model::ReasonCode, String)>;
