//! Changes of what decisions look at: containment, people, and files that became active.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use bailiwick_kernel::Snapshot;
use bailiwick_model::{
    Activation, CommandRecord, CredentialId, EndCause, Finding, IdentityId, LeaseCause, Person,
    Subject, Task, Timestamp,
};
use bailiwick_store::Change;

use super::{Changed, Desk, DeskError, Writing};

/// What becomes active together.
#[derive(Clone, Debug)]
pub struct Active {
    /// Policies, charters, templates and facts; what people decided is kept from before.
    pub snapshot: Snapshot,
    /// What differs from what was active before, for the record.
    pub activations: Vec<Activation>,
}

impl Desk {
    /// Withdraws all authority of something: in memory first, then on record. An identity's tasks
    /// end for good; everything else waits for a person.
    pub async fn contain(&self, subject: &Subject, why: &str, by: &str) -> Result<(), DeskError> {
        let _one_by_one = self.changing.lock().await;
        self.swap(|snapshot| snapshot.contained.contain(subject.clone()));
        self.withdraw_permits_of(subject);
        let mut writing = Writing::default();
        let command = CommandRecord::Contained {
            subject: subject.clone(),
            contained: true,
            why: why.to_owned(),
            statement: None,
        };
        writing.command(self.now(), by, command);
        let (since, why) = (self.now(), why.to_owned());
        writing.changes.push(Change::Contain { subject: subject.clone(), since, why });
        self.end_leases_of(subject);
        let written = self.owe(writing).await;
        if subject.is_of_identities() {
            self.end_tasks_within(subject, by).await?;
        }
        written
    }

    /// Leaves behind what was decided before and is not sent yet, and has what is under way looked at:
    /// of whatever task the subject may concern.
    pub(super) fn withdraw_permits_of(&self, subject: &Subject) {
        let snapshot = self.snapshot();
        let concerned = |task: &Task| match subject {
            Subject::Task(it) => task.id == *it || task.ancestors().any(|above| above == it),
            Subject::Identity(_) | Subject::Class(_) | Subject::Owner(_) | Subject::Everyone => {
                let mut hands = std::iter::once(&task.identity).chain(&task.via);
                hands.any(|it| snapshot.is_within(it, subject))
            }
            // Who shows a credential, or is about to call something, is known to no task.
            Subject::Credential(_) | Subject::Server(_) | Subject::Tool(..) => true,
        };
        for slot in self.slots() {
            slot.with(|state| {
                if concerned(state.task()) {
                    state.withdraw_permits();
                }
            });
        }
    }

    /// Ends the leases of what is contained, as far as that is told by name: those at a target that is
    /// called so, those of a task and of the tasks below it, those that were asked for with a credential. An identity's end with its tasks.
    pub(super) fn end_leases_of(&self, subject: &Subject) {
        let now = self.now();
        match subject {
            Subject::Server(server) => {
                if let Ok(target) = server.as_str().parse() {
                    self.shelf.end_target(&target, LeaseCause::Contained, now);
                }
            }
            Subject::Task(task) => {
                for task in self.below(task) {
                    self.shelf.end_task(&task, LeaseCause::Contained, now);
                }
            }
            Subject::Credential(it) => self.shelf.end_shown(&BTreeSet::from([it.clone()]), now),
            Subject::Identity(_)
            | Subject::Tool(..)
            | Subject::Class(_)
            | Subject::Owner(_)
            | Subject::Everyone => {}
        }
    }

    /// Ends the tasks of the identities that `subject` means.
    pub(super) async fn end_tasks_within(
        &self,
        subject: &Subject,
        by: &str,
    ) -> Result<(), DeskError> {
        let snapshot = self.snapshot();
        self.end_tasks_of(|it| snapshot.is_within(it, subject), by).await
    }

    /// Ends the tasks of what is contained when a governor starts. What was contained as another system told,
    /// and is not on record as told, is so in its name: told again, it is named with the rest.
    pub(super) async fn end_contained(
        &self,
        subject: &Subject,
        teller: Option<&str>,
    ) -> Result<(), DeskError> {
        let Some(teller) = teller else {
            return self.end_tasks_within(subject, "governor").await;
        };
        let mut heard = self.signals.lock().await;
        let snapshot = self.snapshot();
        let hands = |it: &Task| {
            let mut hands = std::iter::once(&it.identity).chain(&it.via);
            it.is_open() && hands.any(|it| snapshot.is_within(it, subject))
        };
        let open: Vec<Task> = self.slots().iter().map(|it| it.lock().task().clone()).collect();
        open.into_iter().filter(hands).for_each(|it| heard.leave(teller, it));
        self.end_tasks_within(subject, &super::untold::by(teller)).await
    }

    /// Ends the tasks whose authority came through any of these hands.
    async fn end_tasks_of(
        &self,
        whom: impl Fn(&IdentityId) -> bool,
        by: &str,
    ) -> Result<(), DeskError> {
        let theirs: Vec<_> = self
            .slots()
            .iter()
            .filter_map(|it| {
                let state = it.lock();
                let task = state.task();
                let concerned = whom(&task.identity) || task.via.iter().any(&whom);
                (task.is_open() && concerned).then(|| task.id.clone())
            })
            .collect();
        // Every one of them ends, whatever becomes of another's record.
        let mut all = Vec::new();
        for task in theirs {
            all.extend(self.end_below(&task, EndCause::Contained));
        }
        self.write(all, by).await
    }

    /// Gives something its authority back: on record first. What ended stays ended.
    pub async fn release(
        &self,
        subject: &Subject,
        by: &str,
        statement: String,
    ) -> Result<(), DeskError> {
        let _one_by_one = self.changing.lock().await;
        let mut writing = Writing::default();
        let command = CommandRecord::Contained {
            subject: subject.clone(),
            contained: false,
            why: "released".to_owned(),
            statement: Some(statement),
        };
        writing.command(self.now(), by, command);
        writing.changes.push(Change::Release { subject: subject.clone() });
        self.record(writing).await?;
        self.swap(|snapshot| snapshot.contained.release(subject));
        Ok(())
    }

    /// Registers a person; `statement` is the voucher's signed word, none for the first person.
    pub async fn add_person(
        &self,
        person: &Person,
        by: &str,
        statement: Option<String>,
    ) -> Result<(), DeskError> {
        let mut writing = Writing::default();
        let command = CommandRecord::PersonAdded { person: person.clone(), statement };
        writing.command(self.now(), by, command);
        writing.changes.push(Change::Person(person.clone()));
        self.record(writing).await?;
        let mut people = self.people.write().unwrap_or_else(std::sync::PoisonError::into_inner);
        people.insert(person.name.clone(), person.clone());
        Ok(())
    }

    /// Puts policies, templates, charters and facts in force together: on record first, with what
    /// changed and who asked. Identities that are no longer registered lose their tasks.
    pub async fn activate(&self, active: Active, by: &str) -> Result<(), DeskError> {
        let _one_by_one = self.changing.lock().await;
        let mut writing = Writing::default();
        for activation in active.activations {
            writing.command(self.now(), by, CommandRecord::Activated(activation));
        }
        let (old, new) = (self.snapshot(), active.snapshot);
        writing.changes.extend(changed(
            &old.charters,
            &new.charters,
            Change::Charter,
            Change::CharterGone,
        ));
        writing.changes.extend(changed(
            &old.templates,
            &new.templates,
            Change::Template,
            Change::TemplateGone,
        ));
        // No edit of a file lifts what is contained: who leaves a crowd stays so by name.
        let now = self.now();
        let mut after = Snapshot { charters: new.charters.clone(), ..Snapshot::clone(&old) };
        let left = released_by(&old, &after);
        for identity in &left {
            let subject = Subject::Identity(identity.clone());
            let why = "its charter left what is contained".to_owned();
            let command = CommandRecord::Contained {
                subject: subject.clone(),
                contained: true,
                why: why.clone(),
                statement: None,
            };
            writing.command(now, by, command);
            writing.changes.push(Change::Contain { subject: subject.clone(), since: now, why });
            after.contained.contain(subject);
        }
        let entered = released_by(&after, &old);
        self.record(writing).await?;
        let mut gone: BTreeSet<_> =
            old.charters.keys().filter(|it| !new.charters.contains_key(*it)).cloned().collect();
        gone.extend(entered);
        self.swap(|snapshot| {
            left.iter()
                .cloned()
                .map(Subject::Identity)
                .for_each(|it| snapshot.contained.contain(it));
            snapshot.policies = Arc::clone(&new.policies);
            snapshot.access = Arc::clone(&new.access);
            snapshot.charters.clone_from(&new.charters);
            snapshot.templates.clone_from(&new.templates);
            snapshot.facts.clone_from(&new.facts);
        });
        if !gone.is_empty() {
            self.end_tasks_of(|it| gone.contains(it), by).await?;
        }
        Ok(())
    }

    /// Records that a token was minted for a task.
    pub async fn token_minted(
        &self,
        task: &Task,
        (token, credential, expires): (String, CredentialId, Timestamp),
        by: &str,
    ) -> Result<(), DeskError> {
        let mut writing = Writing::default();
        let (task, identity) = (task.id.clone(), task.identity.clone());
        let command = CommandRecord::TokenMinted {
            task,
            identity,
            token,
            credential: Some(credential),
            expires,
        };
        writing.command(self.now(), by, command);
        self.record(writing).await
    }

    /// Records that something was noticed.
    pub async fn notice(&self, code: &str, text: String, subject: &str) -> Result<(), DeskError> {
        let (code, subject, at) = (code.to_owned(), subject.to_owned(), self.now());
        let finding = Finding { code, text, at, task: None, identity: None, subject };
        let records = vec![bailiwick_model::Record::Finding(finding)];
        self.record(Writing { records, changes: Vec::new() }).await
    }

    /// Records that the governor started, and what it found.
    pub async fn started(&self, version: &str, truncated: u64) -> Result<(), DeskError> {
        let mut writing = Writing::default();
        let command = CommandRecord::Started { version: version.to_owned(), truncated };
        writing.command(self.now(), "governor", command);
        self.record(writing).await
    }

    /// Makes a new snapshot out of the old one and puts it in force.
    pub(super) fn swap(&self, change: impl Fn(&mut Snapshot)) {
        self.snapshot.rcu(|old| {
            let mut new = Snapshot::clone(old);
            change(&mut new);
            Arc::new(new)
        });
        self.changes.tell(Changed::Everything);
        self.waits.wake_all();
    }
}

/// Finds whom one snapshot holds contained and the other does not.
fn released_by(one: &Snapshot, other: &Snapshot) -> BTreeSet<IdentityId> {
    if one.contained.iter().next().is_none() {
        return BTreeSet::new();
    }
    let none = BTreeSet::new();
    let held = |snapshot: &Snapshot, it: &IdentityId| {
        !snapshot.contained_of_identity(it, &none).is_empty()
    };
    one.charters.keys().filter(|it| held(one, it) && !held(other, it)).cloned().collect()
}

/// Gives the changes that turn one set of files into another.
fn changed<K: Ord + Clone, V: PartialEq + Clone>(
    old: &BTreeMap<K, Arc<V>>,
    new: &BTreeMap<K, Arc<V>>,
    put: fn(Box<V>) -> Change,
    gone: fn(K) -> Change,
) -> Vec<Change> {
    let added = new.iter().filter(|(key, value)| old.get(*key) != Some(*value));
    let removed = old.keys().filter(|it| !new.contains_key(*it));
    added
        .map(|(_, value)| put(Box::new((**value).clone())))
        .chain(removed.map(|it| gone(it.clone())))
        .collect()
}
