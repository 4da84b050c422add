//! One piece of work: who does it, for what, until when.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
    time::Duration,
};

use serde::{Deserialize, Serialize};

use crate::{
    Calendar, CommandRecord, Grant, IdentityId, PersonName, Record, ServerName, TaskId,
    TemplateName, Timestamp, action::words,
};

/// Who opened a task, and so how far its parameters are trusted.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Opener {
    /// The identity itself: its parameters are its own word and no more.
    Itself,
    /// A person who proved it.
    Person(PersonName),
    /// Another identity, handing on narrowed authority.
    Orchestrator(IdentityId),
}

impl Opener {
    /// Says whether parameters from this opener are trusted.
    pub const fn trusted(&self) -> bool {
        match self {
            Self::Itself => false,
            Self::Person(_) | Self::Orchestrator(_) => true,
        }
    }

    /// Gives the label that policies see.
    pub const fn label(&self) -> &'static str {
        match self {
            Self::Itself => "itself",
            Self::Person(_) => "person",
            Self::Orchestrator(_) => "orchestrator",
        }
    }
}

/// The person on whose behalf a task works, in the words of whoever vouches for that. It narrows what the
/// task is for, and gives it nothing.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct OnBehalf {
    /// Who vouches.
    pub issuer: String,
    /// What they call the person.
    pub subject: String,
    /// Who acts for the person there, nearest first, as they say: it informs, and decides nothing.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub through: Vec<String>,
    /// The servers that their word is for; none where it is for all of them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub only: Option<BTreeSet<ServerName>>,
}

impl fmt::Display for OnBehalf {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{} of {}", self.subject, self.issuer)
    }
}

/// A parameter's value with the label of whoever gave it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Param {
    /// The value.
    pub value: String,
    /// Who gave it.
    pub from: Opener,
}

words! {
    /// Why a task ended.
    EndCause {
        /// Somebody ended it.
        Asked = "asked",
        /// Its deadline came.
        Deadline = "deadline",
        /// Nothing happened for too long.
        Idle = "idle",
        /// Its calendar closed.
        Calendar = "calendar",
        /// Its parent ended.
        Parent = "parent",
        /// Its authority was withdrawn: its identity was contained or is no longer registered, or it
        /// tried what nobody with good reason tries.
        Contained = "contained",
        /// Another system told that who stands behind it has no session, credential or account any more.
        Signal = "signal",
        /// What it was opened with was lost in a crash, and nobody acts on half of it.
        Lost = "lost",
    }
}

/// Whether a task is open. Ending is final.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "state")]
pub enum TaskStatus {
    /// It may act.
    Open,
    /// It may not, and never will again.
    Ended {
        /// Since when.
        at: Timestamp,
        /// Why.
        cause: EndCause,
    },
}

/// One piece of work with an intent, a window and an end.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Task {
    /// Its id.
    pub id: TaskId,
    /// Who does it.
    pub identity: IdentityId,
    /// Who handed the authority on, nearest first; empty for a task of its own.
    pub via: Vec<IdentityId>,
    /// What it was opened from.
    pub template: TemplateName,
    /// What it is for: the opener's words, or the template's.
    pub purpose: String,
    /// Who opened it.
    pub opener: Opener,
    /// What it was opened with.
    pub params: BTreeMap<String, Param>,
    /// The task whose authority it narrows.
    pub parent: Option<TaskId>,
    /// The tasks above that one, nearest first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub above: Vec<TaskId>,
    /// When it opened.
    pub opened: Timestamp,
    /// When it ends at the latest.
    pub deadline: Timestamp,
    /// The longest pause between two calls.
    pub idle: Option<Duration>,
    /// Days and hours, its own and its ancestors'.
    pub calendars: Vec<Calendar>,
    /// What it may do.
    pub grant: Grant,
    /// Raised whenever its tokens must stop working.
    pub generation: u64,
    /// Whether it is open.
    pub status: TaskStatus,
    /// The person on whose behalf it works; none where nobody vouched for one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub on_behalf: Option<OnBehalf>,
    /// The people who opened it together, where it is a break-glass task.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub people: BTreeSet<PersonName>,
}

impl Task {
    /// Says whether it is open.
    pub const fn is_open(&self) -> bool {
        matches!(self.status, TaskStatus::Open)
    }

    /// Tells of a task what `records` say, as the ledger may show it: what it was opened with, and how it
    /// ended. None where they do not say that it was opened.
    pub fn told<'a>(id: &TaskId, records: impl IntoIterator<Item = &'a Record>) -> Option<Self> {
        let (mut task, mut ended) = (None, None);
        for record in records {
            let Record::Command { command, .. } = record else { continue };
            if let CommandRecord::TaskOpened { task: Some(opened), .. } = command
                && opened.id == *id
            {
                task = Some((**opened).clone());
            }
            // Whoever ends a task while it opens may be on record before its opening.
            if let CommandRecord::TaskEnded { task, status } = command
                && task == id
            {
                ended.get_or_insert(*status);
            }
        }
        let mut task: Self = task?;
        if let Some(status) = ended {
            task.end(status);
        }
        Some(task)
    }

    /// Ends it, with all that was given out under its generation. What has ended stays as it ended.
    pub const fn end(&mut self, status: TaskStatus) {
        if self.is_open() {
            self.status = status;
            self.generation = self.generation.saturating_add(1);
        }
    }

    /// Says whether people opened it for an emergency.
    pub fn is_break_glass(&self) -> bool {
        !self.people.is_empty()
    }

    /// Gives the tasks that its authority came through, nearest first.
    pub fn ancestors(&self) -> impl Iterator<Item = &TaskId> {
        self.parent.iter().chain(&self.above)
    }
}
