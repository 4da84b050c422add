//! What sort of call an access was: create, read, update or delete, where its name says so.

use bailiwick_insight::{Catalogue, Level, Native, names};
use bailiwick_model::{Exercise, Platform};

/// What the schema lets an activity be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Activity {
    /// Nobody knows.
    Unknown,
    /// Something is new.
    Create,
    /// Something was looked at.
    Read,
    /// Something changed.
    Update,
    /// Something is gone.
    Delete,
    /// Somebody came in: the first of Authentication.
    Logon,
    /// Something else, which its name says.
    Other,
}

impl Activity {
    pub(super) const fn id(self) -> u32 {
        match self {
            Self::Unknown => 0,
            Self::Create | Self::Logon => 1,
            Self::Read => 2,
            Self::Update => 3,
            Self::Delete => 4,
            Self::Other => 99,
        }
    }

    /// Gives the schema's word, or for what is something else the log's.
    pub(super) const fn name(self, operation: &str) -> &str {
        match self {
            Self::Unknown => "Unknown",
            Self::Create => "Create",
            Self::Logon => "Logon",
            Self::Read => "Read",
            Self::Update => "Update",
            Self::Delete => "Delete",
            Self::Other => operation,
        }
    }
}

/// Gives the activity of an access. A verb that may make or change something is something else.
pub(super) fn of(it: &Exercise<'_>, catalogue: &Catalogue) -> Activity {
    if it.operation.is_empty() {
        return Activity::Unknown;
    }
    if it.platform == Platform::Aws && reads(it, catalogue) {
        return Activity::Read;
    }
    let verb = verb(it.platform, &it.operation);
    match verb.to_ascii_lowercase().as_str() {
        "create" | "insert" => Activity::Create,
        "get" | "list" | "watch" | "read" | "select" | "describe" | "head" | "search" => {
            Activity::Read
        }
        "update" | "patch" | "modify" | "alter" => Activity::Update,
        "delete" | "deletecollection" | "remove" | "drop" | "terminate" | "destroy" => {
            Activity::Delete
        }
        _ => Activity::Other,
    }
}

/// Says whether the catalogue has its permission as one that only looks.
fn reads(it: &Exercise<'_>, catalogue: &Catalogue) -> bool {
    let native = Native {
        platform: it.platform,
        service: &it.service,
        operation: &it.operation,
        along: it.along,
        internal: it.internal,
    };
    let names = names(native, catalogue);
    let [name] = names.as_slice() else { return false };
    let action = name.certainty.is_permission().then(|| catalogue.action(&name.text)).flatten();
    action.is_some_and(|it| matches!(it.level, Level::List | Level::Read))
}

/// Gives the verb of an operation: its first word at AWS, its last part where parts are set apart.
fn verb(platform: Platform, operation: &str) -> &str {
    match platform {
        Platform::Aws => {
            let later = operation.char_indices().skip(1).find(|(_, it)| !it.is_ascii_lowercase());
            later.map_or(operation, |(end, _)| operation.get(..end).unwrap_or(operation))
        }
        Platform::Azure | Platform::Google | Platform::Github | Platform::Okta => {
            operation.rsplit(['.', '/']).next().unwrap_or(operation)
        }
        Platform::Kubernetes
        | Platform::Workspace
        | Platform::Postgres
        | Platform::Vault
        | Platform::Mcp
        | Platform::Anthropic
        | Platform::Openai => operation,
    }
}
