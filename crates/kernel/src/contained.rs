//! What is contained of those who act and of what they act with.
//!
//! An identity is contained by its name, by its class, by its owner, or with everybody; class and
//! owner are those of its charter now.

use std::collections::BTreeSet;

use bailiwick_model::{Action, ActionKind, Caller, CredentialId, IdentityId, Subject, Task};

use crate::Snapshot;

impl Snapshot {
    /// Finds what is contained of an identity and of the credentials that it shows.
    pub fn contained_of_identity(
        &self,
        identity: &IdentityId,
        credentials: &BTreeSet<CredentialId>,
    ) -> BTreeSet<Subject> {
        let shown = credentials.iter().cloned().map(Subject::Credential);
        self.contained.among(|| self.hand(identity).chain(shown))
    }

    /// Finds what is contained of whoever makes a call.
    pub fn contained_of_caller(&self, caller: &Caller) -> BTreeSet<Subject> {
        let mut found = self.contained_of_identity(&caller.identity, &caller.credentials);
        found.extend(self.contained.among(|| caller.via.iter().flat_map(|it| self.hand(it))));
        found
    }

    /// Finds what is contained of the hands and tasks that a task's authority came through.
    pub fn contained_of_task(&self, task: &Task) -> BTreeSet<Subject> {
        let hands = std::iter::once(&task.identity).chain(&task.via);
        let tasks = std::iter::once(&task.id).chain(task.ancestors());
        self.contained
            .among(|| hands.flat_map(|it| self.hand(it)).chain(tasks.cloned().map(Subject::Task)))
    }

    /// Finds what is contained of what an action is done with.
    pub fn contained_of_action(&self, action: &Action) -> BTreeSet<Subject> {
        let server = || action.server.clone();
        let named = || action.name.parse().ok().filter(|_| action.kind == ActionKind::Tool);
        let tool = || named().map(|it| Subject::Tool(server(), it));
        self.contained.among(|| std::iter::once(Subject::Server(server())).chain(tool()))
    }

    /// Gives the identities whose authority is withdrawn, in order.
    pub(crate) fn contained_identities(&self) -> BTreeSet<IdentityId> {
        let named = self.contained.iter().filter_map(|it| match it {
            Subject::Identity(it) => Some(it.clone()),
            Subject::Credential(_)
            | Subject::Task(_)
            | Subject::Server(_)
            | Subject::Tool(..)
            | Subject::Class(_)
            | Subject::Owner(_)
            | Subject::Everyone => None,
        });
        let mut all: BTreeSet<_> = named.collect();
        if self.contained.iter().any(Subject::is_of_crowds) {
            let none = BTreeSet::new();
            let within = |it: &&IdentityId| !self.contained_of_identity(it, &none).is_empty();
            all.extend(self.charters.keys().filter(within).cloned());
        }
        all
    }

    /// Says whether what `subject` names is, or holds, this identity.
    pub fn is_within(&self, identity: &IdentityId, subject: &Subject) -> bool {
        self.hand(identity).any(|it| it == *subject)
    }

    /// Gives all that an identity is contained by.
    fn hand(&self, identity: &IdentityId) -> impl Iterator<Item = Subject> {
        let charter = self.charters.get(identity);
        let crowds =
            charter.map(|it| [Subject::Class(it.class.clone()), Subject::Owner(it.owner.clone())]);
        [Subject::Identity(identity.clone()), Subject::Everyone]
            .into_iter()
            .chain(crowds.into_iter().flatten())
    }
}
