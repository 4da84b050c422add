//! What can be changed, and the row that each change becomes.

use bailiwick_model::{
    Charter, Exception, Hold, HoldStatus, IdentityId, Lease, Person, Pin, ServerName, Subject,
    Task, Template, TemplateName, Timestamp,
};
use serde::{Deserialize, Serialize};

use super::{
    RegistryError,
    format::{FORMAT, PinRow, Stored, containment_key, pin_key},
    schema::Kind,
};

/// One change of the registry: the thing as it stands from now on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Change {
    /// A task was opened, changed or ended. What has ended never opens again.
    Task(Box<Task>),
    /// A call was held, or its hold answered, used or left to expire; that never opens again.
    Hold(Box<Hold>),
    /// A person was added.
    Person(Person),
    /// A tool was pinned, accepted or found changed.
    Pin {
        /// The server.
        server: ServerName,
        /// The tool.
        tool: String,
        /// The pin.
        pin: Pin,
    },
    /// Authority was withdrawn.
    Contain {
        /// From what.
        subject: Subject,
        /// Since when.
        since: Timestamp,
        /// By whom, and why.
        why: String,
    },
    /// Containment was lifted.
    Release {
        /// From what.
        subject: Subject,
    },
    /// A finding is tolerated.
    Exception(Exception),
    /// A charter was added or changed.
    Charter(Box<Charter>),
    /// A charter is gone.
    CharterGone(IdentityId),
    /// A template was added or changed.
    Template(Box<Template>),
    /// A template is gone.
    TemplateGone(TemplateName),
    /// A lease came a step further.
    Lease(Box<KeptLease>),
}

/// A lease, with what ending it needs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct KeptLease {
    /// The lease.
    pub lease: Lease,
    /// What ending it needs beyond its name, sealed by whoever keeps it here.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub keepsake: Option<String>,
}

/// Something whose authority is withdrawn.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Contained {
    /// What; once only identities could be.
    #[serde(alias = "identity")]
    pub subject: Subject,
    /// Since when.
    pub since: Timestamp,
    /// By whom, and why.
    pub why: String,
}

/// One change, ready to be written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Row {
    pub(super) kind: Kind,
    pub(super) key: String,
    /// The text; none where the thing is gone.
    pub(super) body: Option<String>,
    /// Of tasks, holds and leases: whose, and whether open.
    pub(super) place: Option<Place>,
}

/// Whose a task, hold or lease is, and whether it is open.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Place {
    pub(super) of: String,
    pub(super) open: bool,
}

impl Place {
    pub(super) fn of_task(task: &Task) -> Self {
        Self { of: task.identity.to_string(), open: task.is_open() }
    }

    pub(super) fn of_lease(lease: &Lease) -> Self {
        Self { of: lease.task.to_string(), open: lease.is_open() }
    }

    pub(super) fn of_hold(hold: &Hold) -> Self {
        let open = match hold.status {
            HoldStatus::Waiting | HoldStatus::Approved { .. } => true,
            HoldStatus::Refused { .. } | HoldStatus::Used { .. } | HoldStatus::Expired => false,
        };
        Self { of: hold.task.to_string(), open }
    }
}

impl Row {
    pub(super) fn of(change: &Change) -> Result<Self, RegistryError> {
        match change {
            Change::Task(it) => {
                Self::put(it.id.to_string(), &**it).map(|row| row.at(Place::of_task(it)))
            }
            Change::Hold(it) => {
                Self::put(it.id.to_string(), &**it).map(|row| row.at(Place::of_hold(it)))
            }
            Change::Person(it) => Self::put(it.name.to_string(), it),
            Change::Pin { server, tool, pin } => {
                let row = PinRow { server: server.clone(), tool: tool.clone(), pin: pin.clone() };
                Self::put(pin_key(server, tool), &row)
            }
            Change::Contain { subject, since, why } => {
                let contained =
                    Contained { subject: subject.clone(), since: *since, why: why.clone() };
                Self::put(containment_key(subject), &contained)
            }
            Change::Release { subject } => {
                Ok(Self::gone(Kind::Containment, containment_key(subject)))
            }
            Change::Exception(it) => Self::put(it.id.to_string(), it),
            Change::Charter(it) => Self::put(it.identity.to_string(), &**it),
            Change::CharterGone(it) => Ok(Self::gone(Kind::Charter, it.to_string())),
            Change::Template(it) => Self::put(it.name.to_string(), &**it),
            Change::TemplateGone(it) => Ok(Self::gone(Kind::Template, it.to_string())),
            Change::Lease(it) => Self::put(it.lease.id.to_string(), &**it)
                .map(|row| row.at(Place::of_lease(&it.lease))),
        }
    }

    fn put<T: Stored>(key: String, it: &T) -> Result<Self, RegistryError> {
        let body = serde_json::to_string(it)?;
        // What cannot be read again would keep the next start from reading anything.
        T::decode(&key, FORMAT, &body)?;
        Ok(Self { kind: T::KIND, key, body: Some(body), place: None })
    }

    const fn gone(kind: Kind, key: String) -> Self {
        Self { kind, key, body: None, place: None }
    }

    fn at(self, place: Place) -> Self {
        Self { place: Some(place), ..self }
    }
}
