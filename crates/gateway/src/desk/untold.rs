//! What tellings of others brought about, where the process ended before it had put the telling itself on
//! record: whoever tells tells again, and the record of that names what was brought about before.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use bailiwick_model::{CommandRecord, Subject, Task, TaskId, Timestamp};

/// How those are named on record who did something because another system told of it.
const BY: &str = "transmitter:";

/// Names a transmitter as the one who did something.
pub(super) fn by(transmitter: &str) -> String {
    format!("{BY}{transmitter}")
}

/// What no telling on record says yet, by transmitter.
#[derive(Debug, Default)]
pub(super) struct Untold(BTreeMap<String, Left>);

/// What one transmitter's tellings left.
#[derive(Debug, Default)]
struct Left {
    contained: BTreeMap<Subject, Timestamp>,
    ended: BTreeMap<TaskId, Timestamp>,
}

impl Untold {
    /// Hears a command, in the order of the ledger.
    pub(super) fn hear(&mut self, by: &str, command: &CommandRecord, time: Timestamp) {
        if let CommandRecord::SignalReceived(told) = command {
            let Some(left) = self.0.get_mut(&told.transmitter) else { return };
            left.contained.retain(|it, _| !told.about.contains(it));
            left.ended.retain(|it, _| !told.ended.contains(it));
            return;
        }
        let Some(transmitter) = by.strip_prefix(BY) else { return };
        if let CommandRecord::Contained { subject, contained: true, .. } = command {
            let left = self.0.entry(transmitter.to_owned()).or_default();
            left.contained.insert(subject.clone(), time);
        }
        if let CommandRecord::TaskEnded { task, .. } = command {
            self.0.entry(transmitter.to_owned()).or_default().ended.insert(task.clone(), time);
        }
    }

    /// Forgets what is so old that nobody tells of it again.
    pub(super) fn forget(&mut self, now: Timestamp, age: Duration) {
        for left in self.0.values_mut() {
            left.contained.retain(|_, since| now <= since.after(age));
            left.ended.retain(|_, at| now <= at.after(age));
        }
        self.0.retain(|_, left| !left.contained.is_empty() || !left.ended.is_empty());
    }

    /// Names the tasks that ended so.
    pub(super) fn tasks(&self) -> impl Iterator<Item = &TaskId> {
        self.0.values().flat_map(|it| it.ended.keys())
    }

    /// Says by whose telling something was contained, where nothing on record says so yet.
    pub(super) fn teller(&self, subject: &Subject) -> Option<&str> {
        let told = self.0.iter().find(|(_, left)| left.contained.contains_key(subject));
        told.map(|(transmitter, _)| transmitter.as_str())
    }

    /// Gives what is kept of each transmitter's tasks.
    pub(super) fn left(&self, tasks: &BTreeMap<TaskId, Task>) -> BTreeMap<String, Vec<Task>> {
        let of = |left: &Left| -> Vec<Task> {
            let ids: BTreeSet<&TaskId> = left.ended.keys().collect();
            ids.into_iter().filter_map(|it| tasks.get(it).cloned()).collect()
        };
        self.0.iter().map(|(transmitter, left)| (transmitter.clone(), of(left))).collect()
    }
}
