//! What questions of others call the identities that charters register.

use std::{fmt, str::FromStr};

use crate::vocabulary::type_of_others;

/// The type of the identities that charters register, as questions of others name it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IdentityType(String);

/// No policy could name the type.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{}` is no type that policies can name", .text.escape_debug())]
pub struct IdentityTypeError {
    text: String,
}

impl Default for IdentityType {
    fn default() -> Self {
        Self("identity".to_owned())
    }
}

impl FromStr for IdentityType {
    type Err = IdentityTypeError;

    fn from_str(text: &str) -> Result<Self, IdentityTypeError> {
        let wrong = || IdentityTypeError { text: text.chars().take(80).collect() };
        type_of_others(text).map(|_| Self(text.to_owned())).ok_or_else(wrong)
    }
}

impl fmt::Display for IdentityType {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(&self.0)
    }
}

impl IdentityType {
    /// Gives it as it is written.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Says whether `kind` means it: in large letters or small, nobody else's word counts.
    pub const fn is_meant_by(&self, kind: &str) -> bool {
        self.0.as_str().eq_ignore_ascii_case(kind)
    }
}
