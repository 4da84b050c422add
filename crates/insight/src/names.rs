//! What a system calls the permission for what its log tells of, and how sure that is.
//!
//! A name that is valid and wrong is worse than none: what no rule knows is unknown, and said to be.

mod anthropic;
mod aws;
mod azure;
mod catalogue;
mod github;
mod google;
mod kubernetes;
mod okta;
mod openai;
mod postgres;
mod sign_in;
mod table;
mod vault;
mod visible;
mod workspace;

use bailiwick_model::{Along, Platform};
use serde::{Deserialize, Serialize};

pub(crate) use self::catalogue::compared;
pub use self::catalogue::{Action, Catalogue, CatalogueError, Level};
pub use self::{sign_in::is_sign_in, visible::Sort};

/// How sure a permission name is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Certainty {
    /// The log's name is the permission's.
    Exact,
    /// A rule says which permission it is.
    Renamed,
    /// What came along takes this one as well.
    Implied,
    /// Nobody needs a permission for it.
    Permissionless,
    /// The system tells of itself, or of a console's own workings.
    Internal,
    /// No rule knows it.
    Unknown,
}

impl Certainty {
    /// Gives the word.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Exact => "exact",
            Self::Renamed => "renamed",
            Self::Implied => "implied",
            Self::Permissionless => "permissionless",
            Self::Internal => "internal",
            Self::Unknown => "unknown",
        }
    }

    /// Says whether the name is that of a permission that somebody needed.
    pub const fn is_permission(self) -> bool {
        match self {
            Self::Exact | Self::Renamed | Self::Implied => true,
            Self::Permissionless | Self::Internal | Self::Unknown => false,
        }
    }
}

/// What a log tells of, as it names it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Native<'a> {
    /// Whose log.
    pub platform: Platform,
    /// The part of the system.
    pub service: &'a str,
    /// What was done.
    pub operation: &'a str,
    /// What came along.
    pub along: Along,
    /// Whether the system tells of itself.
    pub internal: bool,
}

/// A permission's name: `aws:s3:GetObject`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Name {
    /// The name; of what is no permission, the log's own names behind the system's.
    pub text: String,
    /// How sure it is.
    pub certainty: Certainty,
}

/// Names the permissions that `native` took: more than one where it took more than one.
pub fn names(native: Native<'_>, catalogue: &Catalogue) -> Vec<Name> {
    match native.platform {
        Platform::Aws => return aws::names(native, catalogue),
        Platform::Azure => return azure::names(native),
        Platform::Google => return google::names(native),
        Platform::Kubernetes => return kubernetes::names(native),
        Platform::Workspace => return workspace::names(native),
        Platform::Vault => return vault::names(native),
        Platform::Github => return vec![github::TABLE.name(native)],
        Platform::Okta => return vec![okta::TABLE.name(native)],
        Platform::Anthropic => return vec![anthropic::TABLE.name(native)],
        Platform::Openai => return vec![openai::TABLE.name(native)],
        Platform::Postgres => return vec![postgres::name(native)],
        Platform::Mcp => {}
    }
    let certainty = match (native.internal, native.operation.is_empty()) {
        (true, _) => Certainty::Internal,
        (false, true) => Certainty::Unknown,
        (false, false) => Certainty::Exact,
    };
    vec![Name { text: spelt(native.platform, native.service, native.operation), certainty }]
}

/// Gives a name without that of its system.
pub(crate) fn bare(platform: Platform, name: &str) -> &str {
    name.strip_prefix(platform.as_str()).and_then(|it| it.strip_prefix(':')).unwrap_or(name)
}

/// Writes a name from its parts.
fn spelt(platform: Platform, service: &str, operation: &str) -> String {
    if service.is_empty() {
        format!("{platform}:{operation}")
    } else {
        format!("{platform}:{service}:{operation}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Says the names of what a log tells of, each with how sure it is.
    pub(super) fn said(
        platform: Platform,
        service: &str,
        operation: &str,
        catalogue: &Catalogue,
    ) -> String {
        let native =
            Native { platform, service, operation, along: Along::NOTHING, internal: false };
        let names = names(native, catalogue).into_iter();
        names
            .map(|it| format!("{} {}", it.text, it.certainty.as_str()))
            .collect::<Vec<_>>()
            .join(", ")
    }
}
