//! What people do in a history: they answer, their answers are used, and they decide what counts for ever.

use bailiwick_model::{
    ArgumentsRecord, DecisionRecord, EntityName, EvaluationRecord, HeldStatus, Surface,
};

use super::*;

impl History {
    /// Draws one of so many.
    fn pick(&mut self, many: usize) -> Option<usize> {
        let which = usize::try_from(self.roll(1 << 20)).unwrap();
        which.checked_rem(many)
    }

    /// Somebody answers a hold, or says otherwise after all.
    pub(super) fn answers(&mut self) {
        let Some(which) = self.pick(self.held.len()) else { return };
        let (mut hold, at) = (self.held.swap_remove(which), self.now);
        if !self.open.iter().any(|it| it.id == hold.task) {
            return;
        }
        let (by, expires) = ("alice".parse().unwrap(), at.after(Duration::from_secs(600)));
        hold.status = match self.roll(4) {
            0 => HoldStatus::Refused { by, at },
            1 => HoldStatus::Expired,
            _ => HoldStatus::Approved { by, at, expires },
        };
        if matches!(hold.status, HoldStatus::Approved { .. }) {
            self.held.push(hold.clone());
        }
        let (hold, statement, whole) = (Box::new(hold), Some("signed".to_owned()), None);
        self.command("person:alice", CommandRecord::HoldChanged { hold, statement, whole });
    }

    /// A call uses what was answered, or is held, allowed and made at once.
    pub(super) fn uses(&mut self) {
        let Some(which) = self.pick(self.open.len()) else { return };
        let task = self.open[which].clone();
        let yes = |it: &Hold| matches!(it.status, HoldStatus::Approved { .. });
        let answered = self.held.iter().position(|it| it.task == task.id && yes(it));
        let hold = match answered {
            Some(which) => self.held.swap_remove(which),
            None => {
                let (mut hold, at) = (self.hold(&task), self.now);
                let (by, expires) = ("alice".parse().unwrap(), at.after(Duration::from_secs(600)));
                hold.status = HoldStatus::Approved { by, at, expires };
                let (told, statement) = (Box::new(hold.clone()), Some("signed".to_owned()));
                let command = CommandRecord::HoldChanged { hold: told, statement, whole: None };
                self.command("person:alice", command);
                hold
            }
        };
        let decision = DecisionId::new(self.ulid());
        self.records.push(used(&hold, decision, self.now));
    }

    /// Somebody is asked about an evaluation, answers it, or the answer is used.
    pub(super) fn evaluates(&mut self) {
        let at = self.now;
        let entity = || EntityName { kind: "user".to_owned(), id: "ann".to_owned() };
        let asked = self.pick(self.evaluations.len()).filter(|_| !self.made.is_multiple_of(3));
        let Some(which) = asked else {
            let (id, decision) = (HoldId::new(self.ulid()), DecisionId::new(self.ulid()));
            // Of some it is soon forgotten what became of them.
            let hours = if self.roll(2) == 0 { 1 } else { -22 };
            let held = HeldEvaluation {
                id,
                decision,
                pep: "pep".to_owned(),
                subject: entity(),
                action: "read".to_owned(),
                resource: entity(),
                said: String::new(),
                asked: String::new(),
                request: String::new(),
                key: None,
                wanted_until: None,
                emergency: false,
                actor: None,
                reasons: BTreeSet::new(),
                policy: String::new(),
                opened: at,
                expires: Timestamp::from_millis(at.millis() + hours * 3_600_000),
                status: HeldStatus::Waiting,
            };
            self.evaluations.push(held.clone());
            let (held, statement) = (Box::new(held), None);
            return self.command("pep:pep", CommandRecord::EvaluationHeld { held, statement });
        };
        let mut held = self.evaluations.swap_remove(which);
        if held.status == HeldStatus::Waiting {
            let (by, expires) = ("alice".parse().unwrap(), at.after(Duration::from_secs(600)));
            held.status = HeldStatus::Approved { by, at, expires };
            self.evaluations.push(held.clone());
            let (held, statement) = (Box::new(held), Some("signed".to_owned()));
            return self.command("person:alice", CommandRecord::EvaluationHeld { held, statement });
        }
        let decision = DecisionId::new(self.ulid());
        self.records.push(Record::Evaluation(Box::new(EvaluationRecord {
            decision,
            time: at,
            pep: held.pep,
            request_id: None,
            subject: held.subject,
            action: held.action,
            resource: held.resource,
            said: ArgumentsRecord::Full(String::new()),
            verdict: VerdictKind::Allow,
            would: None,
            approval: Some(held.id),
            asked: None,
            constraints: BTreeSet::new(),
            reasons: Vec::new(),
            reasons_in_all: None,
            policy: String::new(),
        })));
    }

    /// Somebody joins, accepts a tool or withdraws a key.
    pub(super) fn decides(&mut self) {
        self.made += 1;
        let (number, at) = (self.made, self.now);
        let command = match self.roll(3) {
            0 => {
                let (name, key) = (format!("person-{number}").parse().unwrap(), "key".to_owned());
                let person = Person { name, key, added: at, by: None };
                CommandRecord::PersonAdded { person, statement: None }
            }
            1 => {
                let (server, tool) = ("files".parse().unwrap(), format!("tool-{}", number % 7));
                let pin = build::pin(u8::try_from(number % 200).unwrap(), at);
                CommandRecord::PinChanged { server, tool, pin, statement: None }
            }
            _ => {
                let (key, change) = (format!("key-{number}"), "withdrawn".to_owned());
                CommandRecord::TokenKeyChanged { key, change, signs_from: None }
            }
        };
        self.command("person:alice", command);
    }
}

/// Gives the decision that used the yes to a hold.
pub(super) fn used(hold: &Hold, decision: DecisionId, time: Timestamp) -> Record {
    Record::Decision(Box::new(DecisionRecord {
        decision,
        time,
        surface: Surface::Mcp,
        task: hold.task.clone(),
        template: None,
        caller: hold.caller.clone(),
        via: Vec::new(),
        action: hold.action.clone(),
        facts: build::facts(),
        privileged: false,
        resources: BTreeSet::new(),
        call: hold.call,
        arguments: ArgumentsRecord::Full(String::new()),
        verdict: VerdictKind::Allow,
        would: None,
        steps: Vec::new(),
        spend: Spend::default(),
        paced: BTreeSet::new(),
        approval: Some(hold.id.clone()),
        hold: None,
        policy: String::new(),
        explained: None,
    }))
}
