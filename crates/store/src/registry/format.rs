//! Things as text, and back: one format number for each kind, raised when its text changes.

use bailiwick_model::{Charter, Exception, Hold, Person, Pin, ServerName, Subject, Task, Template};
use serde::{Deserialize, Serialize, de::DeserializeOwned};

use super::{Contained, KeptLease, RegistryError, schema::Kind};

/// The format that is written. Older ones stay readable; a test holds a text of each.
pub(super) const FORMAT: i64 = 1;

/// Something that is kept as one row.
pub(super) trait Stored: Serialize + DeserializeOwned {
    /// What it is.
    const KIND: Kind;

    /// Reads one of any format that was ever written.
    fn decode(key: &str, format: i64, body: &str) -> Result<Self, RegistryError> {
        let kind = Self::KIND.name();
        match format {
            1 => serde_json::from_str(body).map_err(|source| RegistryError::Unreadable {
                kind,
                key: key.to_owned(),
                source,
            }),
            _ => Err(RegistryError::UnknownFormat { kind, key: key.to_owned(), format }),
        }
    }
}

impl Stored for Charter {
    const KIND: Kind = Kind::Charter;
}

impl Stored for Template {
    const KIND: Kind = Kind::Template;
}

impl Stored for Task {
    const KIND: Kind = Kind::Task;
}

impl Stored for Hold {
    const KIND: Kind = Kind::Hold;
}

impl Stored for Person {
    const KIND: Kind = Kind::Person;
}

impl Stored for Exception {
    const KIND: Kind = Kind::Exception;
}

impl Stored for Contained {
    const KIND: Kind = Kind::Containment;
}

impl Stored for KeptLease {
    const KIND: Kind = Kind::Lease;
}

/// A pin with the tool that it is for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct PinRow {
    pub(super) server: ServerName,
    pub(super) tool: String,
    pub(super) pin: Pin,
}

impl Stored for PinRow {
    const KIND: Kind = Kind::Pin;
}

/// Names the tool of a pin; no server's name holds a `/`.
pub(super) fn pin_key(server: &ServerName, tool: &str) -> String {
    format!("{server}/{tool}")
}

/// Names what is contained. Identities stand under their plain names, as they did when nothing
/// else could be contained; no name holds the colon of the others.
pub(super) fn containment_key(subject: &Subject) -> String {
    match subject {
        Subject::Identity(identity) => identity.to_string(),
        Subject::Credential(_)
        | Subject::Task(_)
        | Subject::Server(_)
        | Subject::Tool(..)
        | Subject::Class(_)
        | Subject::Owner(_)
        | Subject::Everyone => subject.to_string(),
    }
}
