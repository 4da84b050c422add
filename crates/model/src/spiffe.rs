//! Names of workloads: SPIFFE IDs, read strictly.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// The longest SPIFFE ID.
const LEN_MAX: usize = 2048;
/// The longest name of a trust domain.
const DOMAIN_MAX: usize = 255;

/// Names a trust domain: whose keys count, and for whom alone.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct TrustDomain(Box<str>);

/// Names a workload within a trust domain: `spiffe://example.org/agents/triage`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct SpiffeId {
    domain: TrustDomain,
    text: Box<str>,
}

/// The text names no workload, or no trust domain.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SpiffeError {
    /// It does not begin with `spiffe://`.
    #[error("it does not begin with `spiffe://`")]
    Scheme,
    /// Longer than the limit.
    #[error("it has {len} bytes, {LEN_MAX} at most")]
    TooLong {
        /// How long it is.
        len: usize,
    },
    /// Not the name of a trust domain.
    #[error("its trust domain is not 1 to {DOMAIN_MAX} of small letters, digits, `.`, `-` and `_`")]
    Domain,
    /// It names no workload, or in a way that two readers could read differently.
    #[error(
        "its path is not `/` and segments of letters, digits, `.`, `-` and `_`, none of them empty, `.` or `..`"
    )]
    Path,
}

impl TrustDomain {
    /// Gives the name.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl SpiffeId {
    /// Gives the trust domain that it belongs to.
    pub const fn domain(&self) -> &TrustDomain {
        &self.domain
    }

    /// Gives the whole text.
    pub fn as_str(&self) -> &str {
        &self.text
    }
}

impl FromStr for TrustDomain {
    type Err = SpiffeError;

    fn from_str(text: &str) -> Result<Self, SpiffeError> {
        let fits = |it: char| {
            it.is_ascii_lowercase() || it.is_ascii_digit() || matches!(it, '.' | '-' | '_')
        };
        if (1..=DOMAIN_MAX).contains(&text.len()) && text.chars().all(fits) {
            Ok(Self(text.into()))
        } else {
            Err(SpiffeError::Domain)
        }
    }
}

impl FromStr for SpiffeId {
    type Err = SpiffeError;

    fn from_str(text: &str) -> Result<Self, SpiffeError> {
        if LEN_MAX < text.len() {
            return Err(SpiffeError::TooLong { len: text.len() });
        }
        let rest = text.strip_prefix("spiffe://").ok_or(SpiffeError::Scheme)?;
        let (domain, path) = rest.split_once('/').ok_or(SpiffeError::Path)?;
        let fits = |it: char| it.is_ascii_alphanumeric() || matches!(it, '.' | '-' | '_');
        let good = |it: &str| !matches!(it, "" | "." | "..") && it.chars().all(fits);
        if !path.split('/').all(good) {
            return Err(SpiffeError::Path);
        }
        Ok(Self { domain: domain.parse()?, text: text.into() })
    }
}

impl fmt::Display for TrustDomain {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(&self.0)
    }
}

impl fmt::Display for SpiffeId {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(&self.text)
    }
}

impl Serialize for SpiffeId {
    fn serialize<S: Serializer>(&self, out: S) -> Result<S::Ok, S::Error> {
        out.serialize_str(&self.text)
    }
}

impl<'de> Deserialize<'de> for SpiffeId {
    fn deserialize<D: Deserializer<'de>>(input: D) -> Result<Self, D::Error> {
        String::deserialize(input)?.parse().map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_workload_has_one_name_and_no_other_spelling_of_it_is_read() {
        let id: SpiffeId = "spiffe://example.org/agents/triage".parse().unwrap();
        assert_eq!(id.domain().as_str(), "example.org");
        assert_eq!(id.to_string(), "spiffe://example.org/agents/triage");
        for (text, error) in [
            ("https://example.org/a", SpiffeError::Scheme),
            ("SPIFFE://example.org/a", SpiffeError::Scheme),
            ("spiffe://example.org", SpiffeError::Path),
            ("spiffe://example.org/", SpiffeError::Path),
            ("spiffe://example.org/a/", SpiffeError::Path),
            ("spiffe://example.org//a", SpiffeError::Path),
            ("spiffe://example.org/a/../b", SpiffeError::Path),
            ("spiffe://example.org/./b", SpiffeError::Path),
            ("spiffe://example.org/a%2Fb", SpiffeError::Path),
            ("spiffe://example.org/a?b", SpiffeError::Path),
            ("spiffe://example.org/a#b", SpiffeError::Path),
            ("spiffe:///a", SpiffeError::Domain),
            ("spiffe://Example.org/a", SpiffeError::Domain),
            ("spiffe://example.org:443/a", SpiffeError::Domain),
            ("spiffe://me@example.org/a", SpiffeError::Domain),
        ] {
            assert_eq!(text.parse::<SpiffeId>(), Err(error), "{text}");
        }
        let long = format!("spiffe://example.org/{}", "a".repeat(LEN_MAX));
        assert!(matches!(long.parse::<SpiffeId>(), Err(SpiffeError::TooLong { .. })));
    }

    proptest! {
        #[test]
        fn what_is_read_is_written_as_it_was(text in "spiffe://[a-z0-9._-]{1,10}(/[A-Za-z0-9._-]{0,4}){0,3}") {
            if let Ok(id) = text.parse::<SpiffeId>() {
                prop_assert_eq!(id.as_str(), text);
            }
        }
    }
}
