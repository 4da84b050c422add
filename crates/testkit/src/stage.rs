//! A stage on which the kernel plays a scenario: it does with effects what the shell does, in
//! virtual time and without a disk.

mod foretold;
mod live;
mod written;

use std::collections::{BTreeMap, BTreeSet};

use bailiwick_kernel::{Answer, DayKey, Effect, Judged, Names, Outcome, Snapshot, TaskState};
use bailiwick_model::{
    AccessRequest, Budget, DayAccount, DayBudget, DecisionId, EndCause, Hold, HoldId, HoldStatus,
    IdentityId, Layer, Offered, OpenRequest, Opener, PersonName, Reason, ServerName, Spend,
    Subject, TaskId, TaskStatus, TemplateName, Timestamp, Ulid, VerdictKind,
};

use crate::{By, CallLine, Event, OpenLine, Seen, Target, VirtualClock, World, build};
use foretold::Foretold;
use live::{Live, Ticket, yes};
use written::Written;

/// The kernel, with tasks, tickets and a clock.
#[derive(Clone, Debug)]
pub struct Stage {
    world: World,
    /// What decisions look at.
    pub snapshot: Snapshot,
    /// The clock.
    pub clock: VirtualClock,
    tasks: Vec<Live>,
    tickets: Vec<Ticket>,
    current: Option<usize>,
    versions: BTreeMap<(ServerName, String), u8>,
    drawn: u64,
    /// What was used of each day.
    days: BTreeMap<DayKey, DayAccount>,
    /// The judgement of the last call.
    pub judged: Option<Judged>,
    /// Every call that was allowed: whose, and what it took.
    pub sent: Vec<(String, Spend)>,
    /// When each of them was decided, as its task knew the time.
    sent_at: Vec<Timestamp>,
}

impl Stage {
    /// Sets the stage.
    pub fn new(world: World) -> Self {
        let versions = world.tools.iter().map(|it| (it.clone(), 1)).collect();
        Self {
            snapshot: world.snapshot(),
            clock: VirtualClock::new(world.start),
            world,
            tasks: Vec::new(),
            tickets: Vec::new(),
            current: None,
            versions,
            drawn: 0,
            days: BTreeMap::new(),
            judged: None,
            sent: Vec::new(),
            sent_at: Vec::new(),
        }
    }

    /// Gives what it started from.
    pub const fn world(&self) -> &World {
        &self.world
    }

    /// Lets one thing happen.
    pub fn play(&mut self, event: &Event) -> Seen {
        let mut seen = self.happen(event);
        seen.left = self.current.and_then(|it| self.tasks.get(it)).map(|it| it.state.left());
        seen
    }

    fn happen(&mut self, event: &Event) -> Seen {
        match event {
            Event::At(moment) => self.clock.set(*moment),
            Event::Forward(span) => self.clock.forward(*span),
            Event::Back(span) => self.clock.back(*span),
            Event::In(label) => self.current = self.place(label),
            Event::Open(line) => return self.open(line),
            Event::Call(line) => return self.call(line),
            Event::Retry => return self.retry(),
            Event::Done => return self.on_current(Self::done),
            Event::Approve { hold, line, span } => {
                let until = self.clock.now().after(*span);
                let answer = if *line { Answer::Line(until) } else { Answer::Once(until) };
                return self.answer(*hold, &answer);
            }
            Event::Refuse(hold) => return self.answer(*hold, &Answer::No),
            Event::End => return self.on_current(Self::end),
            Event::Tick => return self.tick(),
            Event::Restart => return self.on_current(Self::restart),
            Event::Contain(what) => {
                if let Some(subject) = self.subject(what) {
                    self.snapshot.contained.contain(subject);
                }
            }
            Event::Release(what) => {
                if let Some(subject) = self.subject(what) {
                    self.snapshot.contained.release(&subject);
                }
            }
            Event::Offer(server, tool, version) => {
                self.versions.insert((server.clone(), tool.clone()), *version);
            }
            Event::Accept(server, tool, version) => {
                let pin = build::pin(*version, self.clock.now());
                self.snapshot.pins.entry(server.clone()).or_default().insert(tool.clone(), pin);
            }
            Event::Activate(names) => {
                self.snapshot.policies = self.world.compile(|it| names.contains(it));
            }
        }
        Seen::word("done")
    }

    /// Gives a task by its label.
    pub fn task(&self, label: &str) -> Option<&TaskState> {
        self.place(label).and_then(|it| self.tasks.get(it)).map(|it| &it.state)
    }

    /// Gives every task's label and state, in the order in which they were opened.
    pub fn tasks(&self) -> impl Iterator<Item = (&str, &TaskState)> {
        self.tasks.iter().map(|it| (it.label.as_str(), &it.state))
    }

    /// Sums up, day by day, what was sent by tasks that count in the day of an identity and template.
    pub fn sent_in_a_day(
        &self,
        identity: &IdentityId,
        template: &TemplateName,
        day: &DayBudget,
    ) -> Vec<Spend> {
        let counts = |label: &str| {
            let layers = self.task(label).map(|it| it.task().grant.layers.as_slice());
            let mine = |it: &Layer| it.identity == *identity && it.template == *template;
            layers.unwrap_or_default().iter().any(mine)
        };
        let mut days: BTreeMap<_, Spend> = BTreeMap::new();
        for ((label, spend), at) in self.sent.iter().zip(&self.sent_at) {
            if counts(label) {
                let spent = days.entry(day.day(*at)).or_default();
                *spent = spent.plus(*spend);
            }
        }
        days.into_values().collect()
    }

    /// Gives the label of the task that a task narrows.
    pub fn parent(&self, label: &str) -> Option<&str> {
        let parent = self.task(label)?.task().parent.clone()?;
        self.tasks().find(|(_, it)| it.task().id == parent).map(|(label, _)| label)
    }

    /// Gives the call that `retry` would make again.
    pub fn last_call(&self) -> Option<CallLine> {
        self.current.and_then(|it| self.tasks.get(it)).and_then(|it| it.last.clone())
    }

    /// Gives what a scenario's line contains; a task that there is not is nothing.
    fn subject(&self, what: &Target) -> Option<Subject> {
        match what {
            Target::Task(label) => self.task(label).map(|it| Subject::Task(it.task().id.clone())),
            Target::Other(subject) => Some(subject.clone()),
        }
    }

    fn place(&self, label: &str) -> Option<usize> {
        self.tasks.iter().rposition(|it| it.label == label)
    }

    fn on_current(&mut self, act: fn(&mut Self, usize) -> Seen) -> Seen {
        match self.current {
            Some(place) if place < self.tasks.len() => act(self, place),
            Some(_) | None => Seen::word("nothing"),
        }
    }

    fn live(&mut self, place: usize) -> &mut Live {
        self.tasks.get_mut(place).expect("the task that a scenario is about")
    }

    fn draw(&mut self) -> Ulid {
        self.drawn = self.drawn.saturating_add(1);
        let mut random = [0; 10];
        random.iter_mut().zip(self.drawn.to_le_bytes()).for_each(|(to, from)| *to = from);
        Ulid::new(self.clock.now(), random)
    }

    fn open(&mut self, line: &OpenLine) -> Seen {
        let id = TaskId::new(self.draw());
        let nobody = TaskId::new(self.draw());
        let parent = line.under.as_ref().map(|label| self.place(label));
        let above = parent.flatten().and_then(|it| self.tasks.get(it)).map(|it| it.state.task());
        let opener = match (&line.by, above) {
            (Some(By::Itself | By::Token(_)), _) | (None, None) => Opener::Itself,
            (Some(By::Person), _) => Opener::Person(person()),
            (Some(By::Orchestrator(who)), _) => Opener::Orchestrator(who.clone()),
            (None, Some(above)) => Opener::Orchestrator(above.identity.clone()),
        };
        let request = OpenRequest {
            identity: line.identity.clone(),
            template: line.template.clone(),
            opener,
            params: line.params.clone(),
            purpose: None,
            parent: parent.map(|_| above.map_or(nobody, |it| it.id.clone())),
            credential: line.with.clone(),
            on_behalf: None,
            shown: above.and(line.token()),
            people: BTreeSet::new(),
        };
        let same = |it: &&Live| {
            let task = it.state.task();
            task.is_open() && task.identity == request.identity && task.template == request.template
        };
        let open_now = u32::try_from(self.tasks.iter().filter(same).count()).unwrap_or(u32::MAX);
        let key = (line.identity.clone(), line.template.clone());
        let day = self.days.get(&key).copied().unwrap_or_default();
        let now = self.clock.now();
        let above = parent.flatten().and_then(|it| self.tasks.get_mut(it));
        let snapshot = &self.snapshot;
        let opening = match above {
            Some(above) => {
                let opening = bailiwick_kernel::open(
                    snapshot,
                    Some(&mut above.state),
                    &request,
                    (id, open_now, day),
                    now,
                );
                if opening.outcome.is_ok() {
                    above.active = above.touch(now);
                }
                opening
            }
            None => bailiwick_kernel::open(snapshot, None, &request, (id, open_now, day), now),
        };
        match opening.outcome {
            Ok(state) => {
                self.current = Some(self.tasks.len());
                self.tasks.push(Live::new(line.label.clone(), *state));
                Seen::word("allow")
            }
            Err(why) => Seen { codes: codes(&why), ..Seen::word("deny") },
        }
    }

    fn call(&mut self, line: &CallLine) -> Seen {
        let Some(place) = self.current else { return Seen::word("nothing") };
        self.live(place).last = Some(line.clone());
        let request = self.request(place, line);
        self.decide(place, &request, line.stays)
    }

    fn retry(&mut self) -> Seen {
        let last = self.last_call();
        last.map_or_else(|| Seen::word("nothing"), |line| self.call(&line))
    }

    /// Gives the access request that a scenario's line of the task at `label` stands for.
    pub fn asks(&self, label: &str, line: &CallLine) -> Option<AccessRequest> {
        self.place(label).map(|place| self.request(place, line))
    }

    fn request(&self, place: usize, line: &CallLine) -> AccessRequest {
        let task = self.tasks.get(place).expect("the task that calls").state.task();
        let action = build::tool(line.server.as_str(), &line.tool);
        let mut request = build::request(task, action, line.arguments.clone());
        if let Some(who) = &line.as_ {
            request.caller.identity = who.clone();
        }
        request.caller.credentials.extend(line.with.clone());
        if line.stale {
            request.caller.generation = task.generation.saturating_sub(1);
        }
        request.resources.clone_from(&line.resources);
        request.bytes_out = line.bytes;
        let version = self.versions.get(&(line.server.clone(), line.tool.clone())).copied();
        request.offered = match version {
            None | Some(0) => Offered::Nothing,
            Some(version) => build::offered(version),
        };
        request
    }

    fn decide(&mut self, place: usize, request: &AccessRequest, stays: bool) -> Seen {
        let names =
            Names { decision: DecisionId::new(self.draw()), hold: HoldId::new(self.draw()) };
        let now = self.clock.now();
        let (snapshot, days) = (self.snapshot.clone(), self.days.clone());
        let tickets: Vec<_> = self.tickets.iter().map(|it| it.hold.id.clone()).collect();
        let live = self.live(place);
        let seen_at = live.touch(now);
        let keys = live.state.day_keys();
        for key in &keys {
            live.state.tell_day(key.clone(), days.get(key).copied().unwrap_or_default());
        }
        let asked = (request, &names);
        let foretold = Foretold::ask(&snapshot, &live.state, asked, tickets.into_iter(), now);
        let call = Written(request);
        let made = bailiwick_kernel::decide(&snapshot, &mut live.state, &call, names, now);
        let sent = made.sent.as_deref().unwrap_or(request);
        foretold.check(&made.outcome);
        let told: Vec<_> =
            keys.into_iter().map(|key| (key.clone(), live.state.day(&key))).collect();
        let mut seen = Seen::default();
        match made.outcome {
            Outcome::Forward(permit, _) => {
                assert_eq!(made.judged.verdict, VerdictKind::Allow, "the record says otherwise");
                let authority = live.state.authority();
                assert_eq!(permit.spend(&sent.call, authority, now), Ok(()));
                live.spent = live.spent.plus(made.judged.spend);
                live.active = seen_at;
                let label = live.label.clone();
                self.sent.push((label, made.judged.spend));
                self.sent_at.push(seen_at);
                seen.word = "allow";
            }
            Outcome::Hold(hold, why) => {
                assert_eq!(made.judged.verdict, VerdictKind::Hold, "the record says otherwise");
                assert_eq!(made.judged.hold.as_ref(), Some(&hold));
                live.active = seen_at;
                seen = Seen { codes: codes(&why), ..Seen::word("hold") };
            }
            Outcome::Refuse(why) => {
                assert_eq!(made.judged.verdict, VerdictKind::Deny, "the record says otherwise");
                seen = Seen { codes: codes(&why), ..Seen::word("deny") };
            }
        }
        self.days.extend(told);
        self.absorb(place, made.effects, &mut seen);
        let hold = made.judged.hold.as_ref();
        seen.hold = hold.and_then(|id| self.ticket(id)).map(|it| it.saturating_add(1));
        self.judged = Some(made.judged);
        if seen.word == "allow" && !stays {
            self.done(place);
        }
        seen
    }

    fn done(&mut self, place: usize) -> Seen {
        let now = self.clock.now();
        let live = self.live(place);
        bailiwick_kernel::observe(&mut live.state, now);
        live.active = live.touch(now);
        Seen::word("done")
    }

    fn answer(&mut self, ticket: Option<usize>, answer: &Answer) -> Seen {
        let place = ticket.unwrap_or(self.tickets.len()).checked_sub(1);
        let now = self.clock.now();
        let found = place.and_then(|it| self.tickets.get_mut(it));
        let Some(ticket) = found else { return Seen::word("nothing") };
        let live = self.tasks.get_mut(ticket.task).expect("a ticket's task");
        live.touch(now);
        let hold = bailiwick_kernel::answer(&mut live.state, &ticket.hold, &person(), answer, now);
        match hold {
            Some(hold) => {
                ticket.hold = hold;
                ticket.line =
                    yes(&ticket.hold.status).filter(|_| matches!(answer, Answer::Line(_)));
                Seen::word("done")
            }
            None => Seen::word("nothing"),
        }
    }

    fn end(&mut self, place: usize) -> Seen {
        let mut seen = Seen::word("done");
        self.end_for(place, EndCause::Asked, &mut seen);
        if seen.ended.is_empty() { Seen::word("nothing") } else { seen }
    }

    fn end_for(&mut self, place: usize, cause: EndCause, seen: &mut Seen) {
        let now = self.clock.now();
        let live = self.live(place);
        if live.state.task().is_open() {
            live.touch(now);
        }
        let effects = bailiwick_kernel::end(&mut live.state, cause, now);
        self.absorb(place, effects, seen);
    }

    fn tick(&mut self) -> Seen {
        let mut seen = Seen::word("done");
        for place in 0..self.tasks.len() {
            let now = self.clock.now();
            let live = self.live(place);
            live.touch(now);
            let effects = bailiwick_kernel::tick(&mut live.state, now);
            self.absorb(place, effects, &mut seen);
        }
        seen
    }

    /// Does what effects ask for, and brings the end of a task to those below and above it.
    fn absorb(&mut self, place: usize, effects: Vec<Effect>, seen: &mut Seen) {
        let mut ended = None;
        for effect in effects {
            match effect {
                Effect::TaskStatus(TaskStatus::Ended { cause, .. }) => ended = Some(cause),
                Effect::TaskStatus(TaskStatus::Open) | Effect::Noticed(_) | Effect::MustEnd => {}
                Effect::HoldOpened(hold) => {
                    self.tickets.push(Ticket { task: place, hold: *hold, line: None });
                }
                Effect::HoldUsed(id) => {
                    let decision = DecisionId::new(self.draw());
                    self.set(&id, &HoldStatus::Used { decision });
                }
                Effect::HoldsExpired(gone) => {
                    for id in &gone {
                        self.set(id, &HoldStatus::Expired);
                    }
                }
            }
        }
        let Some(cause) = ended else { return };
        let live = self.live(place);
        let (label, id) = (live.label.clone(), live.state.task().id.clone());
        let parent = live.state.task().parent.clone();
        seen.ended.insert((label, cause));
        for child in 0..self.tasks.len() {
            let task = self.live(child).state.task();
            if task.is_open() && task.parent.as_ref() == Some(&id) {
                self.end_for(child, EndCause::Parent, seen);
            }
        }
        let (used, now) = (self.live(place).state.used(), self.clock.now());
        let above = self.tasks.iter_mut().find(|it| Some(&it.state.task().id) == parent.as_ref());
        if let Some(above) = above {
            above.state.take_back(&id, used, now);
            if above.state.task().is_open() {
                above.active = above.touch(now);
            }
            above.spent = above.spent.plus(used);
        }
    }

    fn ticket(&self, id: &HoldId) -> Option<usize> {
        self.tickets.iter().position(|it| it.hold.id == *id)
    }

    fn set(&mut self, id: &HoldId, status: &HoldStatus) {
        let place = self.ticket(id).expect("a ticket that was opened");
        if let Some(ticket) = self.tickets.get_mut(place) {
            ticket.hold = Hold { status: status.clone(), ..ticket.hold.clone() };
        }
    }

    fn restart(&mut self, place: usize) -> Seen {
        let id = self.live(place).state.task().id.clone();
        let shares: BTreeMap<TaskId, Budget> = self
            .tasks
            .iter()
            .map(|it| it.state.task())
            .filter(|it| it.is_open() && it.parent.as_ref() == Some(&id))
            .map(|it| (it.id.clone(), it.grant.budget))
            .collect();
        let tickets: Vec<Ticket> =
            self.tickets.iter().filter(|it| it.task == place).cloned().collect();
        self.live(place).restart(shares, &tickets);
        Seen::word("done")
    }
}

/// The person who answers in every scenario.
fn person() -> PersonName {
    "pat".parse().expect("a person's name")
}

fn codes(why: &BTreeSet<Reason>) -> BTreeSet<bailiwick_model::ReasonCode> {
    why.iter().map(|it| it.code).collect()
}
