//! What another system tells of an identity's owner or workload, and what came of it.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::{Subject, TaskId, Timestamp, action::words};

words! {
    /// What a transmitter tells, as CAEP, RISC and the Shared Signals Framework name it.
    SignalEvent {
        /// A session was ended (CAEP).
        SessionRevoked = "session-revoked",
        /// Every session was ended (RISC).
        SessionsRevoked = "sessions-revoked",
        /// A credential was made, changed, revoked or deleted (CAEP).
        CredentialChange = "credential-change",
        /// A credential is in foreign hands (RISC).
        CredentialCompromise = "credential-compromise",
        /// An account may not be used any more (RISC).
        AccountDisabled = "account-disabled",
        /// An account is gone (RISC).
        AccountPurged = "account-purged",
        /// What is believed of somebody has changed (CAEP).
        RiskLevelChange = "risk-level-change",
        /// Whether what is sent arrives (SSF).
        Verification = "verification",
        /// The stream was paused, ended or taken up again (SSF).
        StreamUpdated = "stream-updated",
    }
}

impl SignalEvent {
    /// Gives the address that names it in a security event token.
    pub fn uri(self) -> String {
        let family = match self {
            Self::SessionRevoked | Self::CredentialChange | Self::RiskLevelChange => "caep",
            Self::SessionsRevoked
            | Self::CredentialCompromise
            | Self::AccountDisabled
            | Self::AccountPurged => "risc",
            Self::Verification | Self::StreamUpdated => "ssf",
        };
        format!("https://schemas.openid.net/secevent/{family}/event-type/{self}")
    }

    /// Finds the one that has this address.
    pub fn from_uri(uri: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|it| it.uri() == uri)
    }

    /// Says whether it takes from its subject what tasks stand on.
    pub const fn revokes(self) -> bool {
        match self {
            Self::SessionRevoked
            | Self::SessionsRevoked
            | Self::CredentialChange
            | Self::CredentialCompromise
            | Self::AccountDisabled
            | Self::AccountPurged => true,
            Self::RiskLevelChange | Self::Verification | Self::StreamUpdated => false,
        }
    }
}

words! {
    /// What is done about a signal.
    SignalEffect {
        /// The tasks that it is about end.
        End = "end",
        /// Whom it is about is contained.
        Contain = "contain",
        /// For a while, only what reads goes by itself, and credentials that left come to an end.
        Lower = "lower",
        /// It is written down.
        Record = "record",
    }
}

/// A signal that was taken, and what came of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SignalRecord {
    /// Who told it, as the configuration calls them.
    pub transmitter: String,
    /// What they told.
    pub event: SignalEvent,
    /// Their name for this telling.
    pub jti: String,
    /// When they told it.
    pub issued: Timestamp,
    /// Whom it is about, as the configuration understands it; nobody where it is about the stream.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub about: Vec<Subject>,
    /// What was done about it.
    pub effect: SignalEffect,
    /// The tasks that ended.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub ended: Vec<TaskId>,
    /// Until when it counts, where it ends by itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub until: Option<Timestamp>,
}

/// Somebody of whom more care is to be taken for a while.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Lowered {
    /// Who, or which task.
    pub subject: Subject,
    /// Until when.
    pub until: Timestamp,
    /// Who said so.
    pub by: String,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_event_is_found_by_its_address_and_by_no_other() {
        for event in SignalEvent::ALL {
            assert_eq!(SignalEvent::from_uri(&event.uri()), Some(*event));
        }
        let one = SignalEvent::SessionRevoked.uri();
        assert_eq!(one, "https://schemas.openid.net/secevent/caep/event-type/session-revoked");
        for other in [one.to_uppercase(), format!("{one}/"), one.replace("caep", "risc")] {
            assert_eq!(SignalEvent::from_uri(&other), None, "{other}");
        }
    }
}
