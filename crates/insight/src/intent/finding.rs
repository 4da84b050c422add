//! The shape of a finding, and the risk that it shows.

use std::{cmp::Ordering, fmt, str::FromStr};

use bailiwick_model::{Platform, Timestamp};
use serde::{Deserialize, Serialize};

use crate::exercised::is_local;

/// Writes each word once.
macro_rules! worded {
    ($(#[$about:meta])* $name:ident { $($(#[$doc:meta])* $variant:ident = $word:literal,)+ }) => {
        $(#[$about])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
        pub enum $name { $($(#[$doc])* #[serde(rename = $word)] $variant,)+ }

        impl $name {
            /// Every one of them, in order.
            pub const ALL: &[Self] = &[$(Self::$variant,)+];

            /// Gives the word.
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $word,)+ }
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
                out.write_str(self.as_str())
            }
        }
    };
}

worded! {
    /// What sort of finding it is; what to look at first first.
    FindingKind {
        /// It was used where its charter does not want it.
        OutsideCharter = "outside-charter",
        /// A lasting credential that nobody uses.
        UnusedCredential = "unused-credential",
        /// A lasting credential that is older than the policy allows.
        OverdueCredential = "overdue-credential",
        /// A credential that lasts.
        StaticKey = "static-key",
        /// More than one stands behind it.
        SharedIdentity = "shared-identity",
        /// Nobody answers for it.
        Ownerless = "ownerless",
        /// It comes in and does nothing.
        OnlySignsIn = "only-signs-in",
        /// What it is granted stands by unused.
        StandingGrant = "standing-grant",
        /// It may change who may do what, and never does.
        OverPrivileged = "over-privileged",
        /// It came over from another system.
        CrossPlatformHop = "cross-platform-hop",
    }
}

worded! {
    /// An entry of the OWASP Non-Human Identities Top 10 of 2025.
    Risk {
        /// Improper offboarding.
        Nhi1 = "NHI1:2025",
        /// Secret leakage.
        Nhi2 = "NHI2:2025",
        /// Vulnerable third-party NHI.
        Nhi3 = "NHI3:2025",
        /// Insecure authentication.
        Nhi4 = "NHI4:2025",
        /// Overprivileged NHI.
        Nhi5 = "NHI5:2025",
        /// Insecure cloud deployment configurations.
        Nhi6 = "NHI6:2025",
        /// Long-lived secrets.
        Nhi7 = "NHI7:2025",
        /// Environment isolation.
        Nhi8 = "NHI8:2025",
        /// NHI reuse.
        Nhi9 = "NHI9:2025",
        /// Human use of NHI.
        Nhi10 = "NHI10:2025",
    }
}

impl Risk {
    /// Gives the entry's title.
    pub const fn title(self) -> &'static str {
        match self {
            Self::Nhi1 => "Improper Offboarding",
            Self::Nhi2 => "Secret Leakage",
            Self::Nhi3 => "Vulnerable Third-Party NHI",
            Self::Nhi4 => "Insecure Authentication",
            Self::Nhi5 => "Overprivileged NHI",
            Self::Nhi6 => "Insecure Cloud Deployment Configurations",
            Self::Nhi7 => "Long-Lived Secrets",
            Self::Nhi8 => "Environment Isolation",
            Self::Nhi9 => "NHI Reuse",
            Self::Nhi10 => "Human Use of NHI",
        }
    }
}

/// The word names no sort of finding.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{word}` is no finding; known are `{all}`", all = FindingKind::ALL.iter().map(|it| it.as_str()).collect::<Vec<_>>().join("`, `"))]
pub struct FindingKindError {
    word: String,
}

impl FromStr for FindingKind {
    type Err = FindingKindError;

    fn from_str(word: &str) -> Result<Self, FindingKindError> {
        let found = Self::ALL.iter().find(|it| it.as_str() == word).copied();
        found.ok_or_else(|| FindingKindError { word: word.to_owned() })
    }
}

/// What deserves a look, and what it rests on.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct IntentFinding {
    /// What sort of finding.
    pub finding: FindingKind,
    /// The risk that it shows.
    pub risk: Risk,
    /// The risk's title.
    pub title: String,
    /// Of which system the identity is.
    pub platform: Platform,
    /// Whose finding it is, by the system's own name.
    pub identity: String,
    /// In which account it has that name, where others may have it in theirs.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub account: Option<String>,
    /// Whose charter knows it.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub charter: Option<String>,
    /// What was found, in a sentence.
    pub says: String,
    /// The name of the credential that it is about. Never the credential.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub credential: Option<String>,
    /// The system that it is about, where that is another than the identity's own.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub system: Option<String>,
    /// How much of it: accesses, permissions or days, as the sentence says.
    pub count: u64,
    /// When it was first seen.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub first: Option<Timestamp>,
    /// When it was last seen.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub last: Option<Timestamp>,
}

impl IntentFinding {
    pub(super) fn new(
        (finding, risk): (FindingKind, Risk),
        (platform, identity): (Platform, &str),
        says: String,
        count: u64,
    ) -> Self {
        Self {
            finding,
            risk,
            title: risk.title().to_owned(),
            platform,
            identity: identity.to_owned(),
            account: None,
            charter: None,
            says,
            credential: None,
            system: None,
            count,
            first: None,
            last: None,
        }
    }

    #[must_use]
    pub(super) fn charter(self, charter: Option<String>) -> Self {
        Self { charter, ..self }
    }

    /// Says in which account it has its name, where that is a part of whom it names.
    #[must_use]
    pub(super) fn within(self, account: &str) -> Self {
        let is_part = !account.is_empty() && is_local(self.platform, &self.identity);
        Self { account: is_part.then(|| account.to_owned()), ..self }
    }

    #[must_use]
    pub(super) fn credential(self, name: &str) -> Self {
        Self { credential: Some(name.to_owned()), ..self }
    }

    #[must_use]
    pub(super) fn when(self, first: Timestamp, last: Timestamp) -> Self {
        Self { first: Some(first), last: Some(last), ..self }
    }

    /// Puts what to look at first first: by sort, then by how much of it there is, then by name.
    pub(super) fn order(one: &Self, next: &Self) -> Ordering {
        let name = |it: &Self| {
            (
                it.platform,
                it.identity.clone(),
                it.account.clone(),
                it.credential.clone(),
                it.system.clone(),
                it.says.clone(),
            )
        };
        one.finding
            .cmp(&next.finding)
            .then(next.count.cmp(&one.count))
            .then(name(one).cmp(&name(next)))
    }
}

/// Writes a number with the thing that is counted.
pub(super) fn counted(count: u64, one: &str, several: &str) -> String {
    if count == 1 { format!("1 {one}") } else { format!("{count} {several}") }
}
