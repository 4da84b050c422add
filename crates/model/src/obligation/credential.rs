//! What the credential can do that a call is made with.

use serde::{Serialize, Serializer};

use super::Obligation;

/// How far the credential of a call may reach.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum CredentialScope {
    /// As far as it does.
    #[default]
    Any,
    /// It can read, and nothing else.
    ReadOnly,
}

impl CredentialScope {
    /// Asks for nothing.
    pub const NONE: Self = Self::Any;

    /// Gives the word of a file.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Any => "any",
            Self::ReadOnly => "read-only",
        }
    }
}

impl Serialize for CredentialScope {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.serialize_str(self.as_str())
    }
}

impl Obligation for CredentialScope {
    fn is_nothing(&self) -> bool {
        *self == Self::Any
    }

    fn and(self, other: Self) -> Self {
        match (self, other) {
            (Self::Any, Self::Any) => Self::Any,
            (Self::ReadOnly, _) | (_, Self::ReadOnly) => Self::ReadOnly,
        }
    }

    fn text(&self) -> String {
        self.as_str().to_owned()
    }
}
