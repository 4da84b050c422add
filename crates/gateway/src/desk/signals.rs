//! What another system told of those whom it knows, carried out: in memory first, then on record.
//!
//! A telling counts once, also across restarts, as long as it could come again. Its record is the last
//! of what it brought about, so a crash in between leaves a telling that is told again; its record then names
//! what ended before the crash, too.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use bailiwick_kernel::{Effect, Snapshot};
use bailiwick_model::{
    CommandRecord, EndCause, Finding, LeaseCause, Lowered, OnBehalf, Record, SignalEffect,
    SignalEvent, SignalRecord, Subject, Task, TaskId, Timestamp,
};

use super::{Desk, DeskError, Writing, untold};

/// The longest that a telling could come again, whatever is configured.
pub(super) const AGE_MAX: Duration = Duration::from_secs(7 * 24 * 3600);
/// How many tellings of one transmitter are remembered.
const TOLD_MAX: usize = 1 << 16;
/// How many of those that a telling is about are named in a sentence.
const NAMED_MAX: usize = 8;

/// A telling that was verified, and what is to be done about it.
#[derive(Clone, Debug)]
pub(crate) struct Signal {
    pub(crate) transmitter: String,
    pub(crate) event: SignalEvent,
    pub(crate) jti: String,
    pub(crate) issued: Timestamp,
    /// Whom it is about, as the configuration has it.
    pub(crate) about: Vec<Subject>,
    /// The people it is about, whom the transmitter itself vouches for.
    pub(crate) people: Vec<Behind>,
    pub(crate) effect: SignalEffect,
    /// How long more care is taken, where that is what it brings about.
    pub(crate) lasts: Duration,
    /// What a person should hear, where it is about the stream itself.
    pub(crate) noticed: Option<(&'static str, String)>,
}

/// The person behind a task, as whoever vouches for them calls them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Behind {
    pub(crate) issuer: String,
    pub(crate) subject: String,
}

impl Behind {
    /// Says whether it is on their behalf that a task works.
    pub(crate) fn is(&self, on_behalf: &OnBehalf) -> bool {
        self.issuer == on_behalf.issuer && self.subject == on_behalf.subject
    }
}

/// What became of a telling.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Taken {
    /// It was carried out, and is on disk.
    Now,
    /// It was before.
    Before,
    /// It is about nobody here.
    Nobody,
    /// So many were told of late that it could not be known again.
    TooMany,
}

/// What was told, as far as it could come again, and what counts of it still.
#[derive(Debug, Default)]
pub(super) struct Heard {
    told: BTreeMap<String, BTreeMap<String, Timestamp>>,
    lowered: Vec<Lowered>,
    /// Tasks that ended for a telling that could not be put on record: the process before died, or there was no
    /// room.
    left: BTreeMap<String, Vec<Task>>,
}

/// Says whether what the ledger has of a telling still counts: it could come again, or it lowers somebody.
pub(super) fn counts(record: &SignalRecord, now: Timestamp) -> bool {
    now <= record.issued.after(AGE_MAX) || record.until.is_some_and(|until| now < until)
}

impl Heard {
    /// Takes in what the ledger has of a telling.
    pub(super) fn hear(&mut self, record: SignalRecord, time: Timestamp) {
        if let (SignalEffect::Lower, Some(until)) = (record.effect, record.until) {
            for subject in &record.about {
                let by = record.transmitter.clone();
                lower(&mut self.lowered, Lowered { subject: subject.clone(), until, by }, time);
            }
        }
        self.remember(record.transmitter, record.jti, record.issued, time);
    }

    /// Gives whose risk has risen and not been forgotten by `now`.
    pub(super) fn lowered_at(&self, now: Timestamp) -> Vec<Lowered> {
        self.lowered.iter().filter(|it| now < it.until).cloned().collect()
    }

    /// Takes up what ended for tellings that are not on record.
    pub(super) fn left_over(&mut self, left: BTreeMap<String, Vec<Task>>) {
        self.left = left;
    }

    /// Takes down a task that ended so.
    pub(super) fn leave(&mut self, transmitter: &str, task: Task) {
        self.left.entry(transmitter.to_owned()).or_default().push(task);
    }

    /// Gives those of them that a telling is about.
    fn take_left(&mut self, transmitter: &str, about: impl Fn(&Task) -> bool) -> Vec<Task> {
        let left = self.left.get_mut(transmitter);
        left.map(|it| it.extract_if(.., |task| about(task)).collect()).unwrap_or_default()
    }

    fn knows(&self, transmitter: &str, jti: &str) -> bool {
        self.told.get(transmitter).is_some_and(|it| it.contains_key(jti))
    }

    /// Says whether one more can be remembered, after forgetting those that cannot come again.
    fn has_room(&mut self, transmitter: &str, now: Timestamp) -> bool {
        let Some(told) = self.told.get_mut(transmitter) else { return true };
        if TOLD_MAX <= told.len() {
            told.retain(|_, issued| now <= issued.after(AGE_MAX));
        }
        told.len() < TOLD_MAX
    }

    fn remember(&mut self, transmitter: String, jti: String, issued: Timestamp, now: Timestamp) {
        if self.has_room(&transmitter, now) {
            self.told.entry(transmitter).or_default().insert(jti, issued);
        }
    }
}

/// Puts what is said now in the place of what the same transmitter said before, unless that lasts longer.
fn lower(all: &mut Vec<Lowered>, new: Lowered, now: Timestamp) {
    all.retain(|it| now < it.until);
    match all.iter_mut().find(|it| it.subject == new.subject && it.by == new.by) {
        Some(old) => old.until = old.until.max(new.until),
        None => all.push(new),
    }
}

impl Desk {
    /// Carries out what was told, once. It returns when that is on disk.
    pub(crate) async fn signalled(&self, signal: Signal) -> Result<Taken, DeskError> {
        let mut heard = self.signals.lock().await;
        let now = self.now();
        if heard.knows(&signal.transmitter, &signal.jti) {
            // Its record may be owed yet, and another would be one too many.
            self.owe(Writing::default()).await?;
            return Ok(Taken::Before);
        }
        let theirs = Signal { about: self.tasks_of_people(&heard, &signal), ..signal.clone() };
        if signal.about.is_empty() && theirs.about.is_empty() && !signal.people.is_empty() {
            // What ended for it just now may be owed yet.
            self.owe(Writing::default()).await?;
            return Ok(Taken::Nobody);
        }
        let mut writing = Writing::default();
        let room = heard.has_room(&signal.transmitter, now);
        // Without room nothing says that it was taken; told again, it names what it ended all the same.
        let mut ended_before = |it: &Signal| {
            if room { self.ended_before(&mut heard, it) } else { Vec::new() }
        };
        let (before, left) = (ended_before(&signal), ended_before(&theirs));
        let (mut ended, mut until) = (Vec::new(), None);
        match signal.effect {
            SignalEffect::End => ended = self.end_for(&signal, before, &mut writing),
            SignalEffect::Contain if signal.about.is_empty() => {}
            SignalEffect::Contain => {
                ended = self.contain_for(&signal, before, &mut writing).await;
            }
            SignalEffect::Lower => until = Some(self.lower_for(&signal, &mut writing, now)),
            SignalEffect::Record => {}
        }
        match signal.effect {
            // People are not contained: what works for them ends.
            SignalEffect::End | SignalEffect::Contain => {
                ended.extend(self.end_for(&theirs, left, &mut writing));
            }
            SignalEffect::Lower => until = Some(self.lower_for(&theirs, &mut writing, now)),
            SignalEffect::Record => {}
        }
        if let Some((code, text)) = &signal.noticed {
            writing.records.push(Record::Finding(self.finding(code, text.clone(), &signal, None)));
        }
        let Signal { transmitter, event, jti, issued, mut about, effect, .. } = signal;
        about.extend(theirs.about);
        // What it brings about is brought about all the same; that it was taken is not said.
        if !room {
            let ended = ended.iter().filter_map(|it| self.task(it));
            ended.for_each(|it| heard.leave(&transmitter, it));
            self.owe(writing).await?;
            return Ok(Taken::TooMany);
        }
        let by = untold::by(&transmitter);
        let record = SignalRecord { transmitter, event, jti, issued, about, effect, ended, until };
        let (transmitter, jti) = (record.transmitter.clone(), record.jti.clone());
        writing.command(now, &by, CommandRecord::SignalReceived(Box::new(record)));
        heard.remember(transmitter, jti, issued, now);
        self.owe(writing).await?;
        Ok(Taken::Now)
    }

    /// Gives the tasks that work for the people whom a telling is about: those that are open, each with
    /// what is below it, and those that ended for what was told and is not on record.
    fn tasks_of_people(&self, heard: &Heard, signal: &Signal) -> Vec<Subject> {
        if signal.people.is_empty() {
            return Vec::new();
        }
        let theirs = |task: &Task| {
            let on_behalf = task.on_behalf.as_ref();
            on_behalf.is_some_and(|it| signal.people.iter().any(|person| person.is(it)))
        };
        let open = |slot: &std::sync::Arc<super::Slot>| {
            let state = slot.lock();
            let task = state.task();
            let found = task.is_open() && task.parent.is_none() && theirs(task);
            found.then(|| task.id.clone())
        };
        let left = heard.left.get(&signal.transmitter).into_iter().flatten();
        let left = left.filter(|it| theirs(it)).map(|it| it.id.clone());
        let slots = self.slots();
        slots.iter().filter_map(open).chain(left).map(Subject::Task).collect()
    }

    /// Gives the tasks that ended for a telling before it was on record, in a process that is no more.
    fn ended_before(&self, heard: &mut Heard, signal: &Signal) -> Vec<Task> {
        let snapshot = self.snapshot();
        match signal.effect {
            SignalEffect::End | SignalEffect::Contain => heard
                .take_left(&signal.transmitter, |task| {
                    signal.about.iter().any(|it| concerns(&snapshot, task, it))
                }),
            SignalEffect::Lower | SignalEffect::Record => Vec::new(),
        }
    }

    /// Ends the tasks that a telling is about; gives them with those that ended `before` for it.
    fn end_for(&self, signal: &Signal, before: Vec<Task>, writing: &mut Writing) -> Vec<TaskId> {
        let by = untold::by(&signal.transmitter);
        let ended = || format!("{}: its task ended", told(signal));
        let mut gone = Vec::new();
        for task in before {
            let finding = self.finding("signal", ended(), signal, Some(&task));
            writing.records.push(Record::Finding(finding));
            gone.push(task.id);
        }
        for task in self.tasks_about(&signal.about) {
            for (id, effects) in self.end_below(&task.id, EndCause::Signal) {
                if effects.iter().any(|it| matches!(it, Effect::TaskStatus(_))) {
                    let finding = self.finding("signal", ended(), signal, self.task(&id).as_ref());
                    writing.records.push(Record::Finding(finding));
                    gone.push(id.clone());
                }
                self.write_up(writing, &id, effects, (&by, None));
            }
        }
        gone
    }

    /// Contains whom a telling is about, as the command does.
    async fn contain_for(
        &self,
        signal: &Signal,
        before: Vec<Task>,
        writing: &mut Writing,
    ) -> Vec<TaskId> {
        let by = untold::by(&signal.transmitter);
        let mut tasks = self.tasks_about(&signal.about);
        tasks.extend(before);
        for subject in &signal.about {
            if !self.snapshot().contained.contains(subject) {
                // It is in force. What could not be written is owed, and goes before this one's record.
                if let Err(error) = self.contain(subject, &told(signal), &by).await {
                    tracing::error!(%error, "what was told to be contained is not on record yet");
                }
            }
        }
        // A task that is contained waits for a person; those of an identity have ended.
        let over = |it: &&Task| self.task(&it.id).is_none_or(|it| !it.is_open());
        let text = || format!("{}: {} contained", told(signal), named(&signal.about));
        for task in &tasks {
            let finding = self.finding("signal", text(), signal, Some(task));
            writing.records.push(Record::Finding(finding));
        }
        if tasks.is_empty() {
            writing.records.push(Record::Finding(self.finding("signal", text(), signal, None)));
        }
        tasks.iter().filter(over).map(|it| it.id.clone()).collect()
    }

    /// Takes more care for a while: of calls by the next decision, of credentials that left by ending them.
    fn lower_for(&self, signal: &Signal, writing: &mut Writing, now: Timestamp) -> Timestamp {
        let until = now.after(signal.lasts);
        self.swap(|snapshot| {
            for subject in &signal.about {
                let (subject, by) = (subject.clone(), signal.transmitter.clone());
                lower(&mut snapshot.lowered, Lowered { subject, until, by }, now);
            }
        });
        for subject in &signal.about {
            self.withdraw_permits_of(subject);
        }
        for task in self.tasks_about(&signal.about) {
            self.shelf.end_task(&task.id, LeaseCause::Contained, now);
            let text = format!(
                "{}: until {until}, what does more than read waits for a person, and its leases end",
                told(signal)
            );
            let finding = self.finding("signal", text, signal, Some(&task));
            writing.records.push(Record::Finding(finding));
        }
        until
    }

    /// Gives the open tasks that any of `about` means, by whatever hand their authority came through.
    fn tasks_about(&self, about: &[Subject]) -> Vec<Task> {
        let snapshot = self.snapshot();
        let open = |slot: &std::sync::Arc<super::Slot>| {
            let state = slot.lock();
            let task = state.task();
            let meant = task.is_open() && about.iter().any(|it| concerns(&snapshot, task, it));
            meant.then(|| task.clone())
        };
        self.slots().iter().filter_map(open).collect()
    }

    /// Says whether the task of this name is, or was of late, one of those that `about` means, or works
    /// for one of those `people`.
    pub(crate) fn is_about(
        &self,
        task: &TaskId,
        about: &BTreeSet<Subject>,
        people: impl Fn(&OnBehalf) -> bool,
    ) -> bool {
        let (snapshot, task) = (self.snapshot(), self.task(task));
        task.is_some_and(|task| {
            let mut hands = std::iter::once(&task.identity).chain(&task.via);
            hands.any(|hand| about.iter().any(|it| snapshot.is_within(hand, it)))
                || task.on_behalf.as_ref().is_some_and(people)
        })
    }

    fn finding(&self, code: &str, text: String, signal: &Signal, task: Option<&Task>) -> Finding {
        Finding {
            code: code.to_owned(),
            text,
            at: self.now(),
            task: task.map(|it| it.id.clone()),
            identity: task.map(|it| it.identity.clone()),
            subject: format!("transmitter:{}", signal.transmitter),
        }
    }
}

/// Says whether a subject means a task, by whatever hand its authority came through.
fn concerns(snapshot: &Snapshot, task: &Task, subject: &Subject) -> bool {
    match subject {
        Subject::Task(it) => task.id == *it || task.ancestors().any(|above| above == it),
        Subject::Identity(_) | Subject::Class(_) | Subject::Owner(_) | Subject::Everyone => {
            let mut hands = std::iter::once(&task.identity).chain(&task.via);
            hands.any(|it| snapshot.is_within(it, subject))
        }
        Subject::Credential(_) | Subject::Server(_) | Subject::Tool(..) => false,
    }
}

/// Says what was told of whom, in the configuration's words alone.
fn told(signal: &Signal) -> String {
    format!("`{}` told `{}` of {}", signal.transmitter, signal.event, named(&signal.about))
}

fn named(about: &[Subject]) -> String {
    let mut names: Vec<_> = about.iter().take(NAMED_MAX).map(Subject::in_words).collect();
    let more = about.len().saturating_sub(NAMED_MAX);
    names.extend((0 < more).then(|| format!("{more} more")));
    names.join(", ")
}

#[cfg(test)]
mod tests;
