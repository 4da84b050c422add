//! What a charter says of other systems: which an identity is meant to touch, and what it is called there.

use std::{collections::BTreeSet, fmt, str::FromStr};

use bailiwick_model::{Platform, PlatformError};
use serde::{Deserialize, Serialize};

/// What one charter says of other systems.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Intent {
    /// Whose charter it is.
    pub identity: String,
    /// Who answers for it.
    pub owner: String,
    /// The systems it is meant to touch; none where the charter says nothing of that.
    pub systems: BTreeSet<SystemName>,
    /// What it is called there.
    pub known_as: BTreeSet<NativeName>,
    /// The servers whose calls pass the gateway.
    pub servers: BTreeSet<String>,
    /// The targets that credentials are leased of.
    pub targets: BTreeSet<String>,
}

impl Intent {
    /// Says whether it is meant by an identity of a system. Our own name for it counts where our own log has it.
    pub(super) fn knows(&self, platform: Platform, id: &str) -> bool {
        let is_ours = platform == Platform::Mcp && self.identity == id;
        is_ours || self.known_as.iter().any(|it| it.platform == platform && it.id == id)
    }

    /// Says whether it is meant to touch an account; none where the charter, or the log, does not say.
    pub(super) fn allows(&self, platform: Platform, account: &str) -> Option<bool> {
        if self.systems.is_empty() || platform == Platform::Mcp {
            // What passes the gateway is bounded by `servers`, call by call.
            return None;
        }
        let of = || self.systems.iter().filter(|it| it.platform == platform);
        if of().any(|it| it.account.is_empty() || it.account == account) {
            return Some(true);
        }
        if account.is_empty() && of().next().is_some() { None } else { Some(false) }
    }
}

/// A system, or one account of it: `github`, `aws:111122223333`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
pub struct SystemName {
    /// Which.
    pub platform: Platform,
    /// The account, project, tenant, cluster or organisation; empty for all of them, or where a log names none.
    pub account: String,
}

impl fmt::Display for SystemName {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.account.as_str() {
            "" => write!(out, "{}", self.platform),
            account => write!(out, "{}:{account}", self.platform),
        }
    }
}

impl From<SystemName> for String {
    fn from(it: SystemName) -> Self {
        it.to_string()
    }
}

impl TryFrom<String> for SystemName {
    type Error = SystemNameError;

    fn try_from(text: String) -> Result<Self, SystemNameError> {
        text.parse()
    }
}

/// The text names no system.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SystemNameError {
    /// Nobody knows it.
    #[error(
        "{0}: it is one of `{all}`, and may have an account behind a colon, as in `aws:111122223333`",
        all = Platform::ALL.map(Platform::as_str).join("`, `")
    )]
    Platform(#[from] PlatformError),
    /// There is a colon, and nothing behind it.
    #[error("`{0}` names no account behind its colon: without one, every account is meant")]
    Account(String),
}

impl FromStr for SystemName {
    type Err = SystemNameError;

    fn from_str(text: &str) -> Result<Self, SystemNameError> {
        let (platform, account) = match text.split_once(':') {
            Some((_, account)) if account.trim() != account || account.is_empty() => {
                return Err(SystemNameError::Account(text.to_owned()));
            }
            Some((platform, account)) => (platform, account),
            None => (text, ""),
        };
        Ok(Self { platform: platform.parse()?, account: account.to_owned() })
    }
}

/// What an identity is called in a system: `aws:arn:aws:iam::111122223333:role/triage`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct NativeName {
    /// Where.
    pub platform: Platform,
    /// The name, as all of the system's records have it.
    pub id: String,
}

impl fmt::Display for NativeName {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{}:{}", self.platform, self.id)
    }
}

/// The text is nobody's name in a system.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NativeNameError {
    /// Nobody knows the system.
    #[error(
        "{0}: write the system, a colon, and the name that its log has, as in `aws:arn:aws:iam::111122223333:role/triage`"
    )]
    Platform(#[from] PlatformError),
    /// There is no name.
    #[error("`{0}` has no name behind the system's: write it as the system's log does")]
    Name(String),
}

impl FromStr for NativeName {
    type Err = NativeNameError;

    fn from_str(text: &str) -> Result<Self, NativeNameError> {
        let (platform, id) = text.split_once(':').unwrap_or((text, ""));
        let platform = platform.parse()?;
        if id.is_empty() || id.trim() != id {
            return Err(NativeNameError::Name(text.to_owned()));
        }
        Ok(Self { platform, id: platform.name_of(id.into()).into_owned() })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn names_are_read_or_refused_in_words() {
        let said = |it: &str| match it.parse::<SystemName>() {
            Ok(read) => read.to_string(),
            Err(error) => error.to_string(),
        };
        assert_eq!(said("aws:111122223333"), "aws:111122223333");
        assert_eq!(said("github"), "github");
        assert!(
            said("amazon").starts_with("`amazon` is no system that is read: it is one of `aws`")
        );
        assert!(said("aws:").contains("no account"));
        let said = |it: &str| match it.parse::<NativeName>() {
            Ok(read) => format!("{} {}", read.platform, read.id),
            Err(error) => error.to_string(),
        };
        assert_eq!(said("aws:arn:aws:iam::1:role/x"), "aws arn:aws:iam::1:role/x");
        assert_eq!(said("okta:Ann@Acme.example"), "okta ann@acme.example");
        assert!(said("arn:aws:iam::1:role/x").starts_with("`arn` is no system"));
        assert!(said("aws: x").contains("no name"));
        assert!(said("aws").contains("no name"));
    }

    #[test]
    fn a_charter_that_says_nothing_forbids_nothing() {
        let meant = |systems: &[&str]| Intent {
            systems: systems.iter().map(|it| it.parse().unwrap()).collect(),
            ..Intent::default()
        };
        for (systems, platform, account, allows) in [
            (&[][..], Platform::Aws, "1", None),
            (&["aws:1"], Platform::Aws, "1", Some(true)),
            (&["aws:1"], Platform::Aws, "2", Some(false)),
            (&["aws"], Platform::Aws, "2", Some(true)),
            (&["aws:1"], Platform::Okta, "1", Some(false)),
            // The log does not say which account it was: nobody can tell.
            (&["aws:1"], Platform::Aws, "", None),
            (&["okta"], Platform::Aws, "", Some(false)),
            (&["aws"], Platform::Mcp, "", None),
        ] {
            assert_eq!(meant(systems).allows(platform, account), allows, "{systems:?} {account}");
        }
    }

    proptest! {
        #[test]
        fn what_is_written_reads_back(place in 0..12_usize, account in "[a-z0-9/:@.-]{0,12}") {
            let name = SystemName { platform: Platform::ALL[place], account };
            prop_assert_eq!(name.to_string().parse::<SystemName>(), Ok(name));
        }
    }
}
