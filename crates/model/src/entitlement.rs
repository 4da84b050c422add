//! What a system says is possible: who holds which policies, in the system's own words.

use serde::{Deserialize, Serialize};

use crate::{ActorKind, Platform, Timestamp};

/// One identity of a system, and everything that gives it something or takes it away.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Holder {
    /// Of which system.
    pub platform: Platform,
    /// Its own name there, as the system's log writes it.
    pub id: String,
    /// In which account.
    pub account: String,
    /// What sort of caller.
    pub kind: ActorKind,
    /// When it was made.
    pub since: Option<Timestamp>,
    /// What it holds, itself or through something else.
    pub policies: Vec<HeldPolicy>,
    /// What nothing it holds may go beyond.
    pub bounds: Vec<HeldPolicy>,
    /// What it holds besides, of which only the way is known: nothing said what it grants.
    pub unread: Vec<String>,
    /// Who may become it, in the system's own names; `*` is anybody.
    pub trusts: Vec<String>,
    /// Whether it is everybody whose name fits its own, in which `*` is any letters. Elsewhere a `*` is but a letter.
    #[serde(default)]
    pub crowd: bool,
}

/// A policy, and by which way it is held.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct HeldPolicy {
    /// The way, from the holder on: `group admins › policy AdministratorAccess`.
    pub path: String,
    /// What it says.
    pub statements: Vec<Statement>,
    /// Since when it is held or says this, where that is known.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub since: Option<Timestamp>,
}

/// One statement of a policy.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Statement {
    /// Whether it gives or takes.
    pub allows: bool,
    /// What may be done.
    pub actions: Patterns,
    /// To what.
    pub resources: Patterns,
    /// Whether it counts only where something more holds, which nothing here can tell.
    pub conditional: bool,
}

/// Names with wildcards, or all names but some.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Patterns {
    /// Those that fit one of these.
    Only(Vec<String>),
    /// Those that fit none of these.
    AllBut(Vec<String>),
}

impl Patterns {
    /// Says whether it is every name there is.
    pub fn is_everything(&self) -> bool {
        match self {
            Self::Only(names) => names.iter().any(|it| it == "*"),
            Self::AllBut(names) => names.is_empty(),
        }
    }
}
