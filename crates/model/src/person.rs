//! A person who may approve, publish and lift.

use serde::{Deserialize, Serialize};

use crate::{PersonName, Timestamp};

/// A person and the public half of their passphrase-protected key.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Person {
    /// Who.
    pub name: PersonName,
    /// The Ed25519 public key, base64url without padding.
    pub key: String,
    /// Since when.
    pub added: Timestamp,
    /// Who vouched; none for the first person, who starts the chain.
    pub by: Option<PersonName>,
}
