//! What an audit tells, as programs get it.

use std::collections::BTreeMap;

use bailiwick_model::{ActorKind, Platform, Timestamp};
use serde::{Deserialize, Serialize};

use super::{Chain, Idle, NotYet, Sessions, ToldExclusion};
use crate::{
    exercised::{SystemIdentity, is_local},
    granted::Extent,
    intent::{IntentFinding, SystemReach},
    names::{Certainty, Level},
};

/// What became of a permission.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum State {
    /// It was used, at least once with success.
    Exercised,
    /// It was asked for, and denied each time.
    Attempted,
    /// It is granted, its use would have been seen, and was not.
    Dormant,
    /// It is granted, and nothing that was read could have seen its use.
    Unobservable,
    /// It is granted, its use would have been seen, and was not; and there is a reason not to call it dormant.
    Excluded,
}

impl State {
    /// Every one of them.
    pub const ALL: [Self; 5] =
        [Self::Exercised, Self::Attempted, Self::Dormant, Self::Unobservable, Self::Excluded];

    /// Gives the word.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Exercised => "exercised",
            Self::Attempted => "attempted",
            Self::Dormant => "dormant",
            Self::Unobservable => "unobservable",
            Self::Excluded => "excluded",
        }
    }
}

/// Granted against exercised.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Audit {
    /// Counts of all of it.
    pub summary: Summary,
    /// Everybody, in order.
    pub identities: Vec<AuditedIdentity>,
    /// Who came by which way.
    pub chains: Vec<Chain>,
    /// What no permission stands behind, and what no rule knows.
    pub unmapped: Vec<UnmappedNative>,
    /// What somebody excluded from being called dormant.
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub exclusions: Vec<ToldExclusion>,
    /// What deserves a look, the first thing first.
    #[serde(default)]
    pub findings: Vec<IntentFinding>,
    /// How far enforcement reaches, by identity and system.
    #[serde(default)]
    pub reach: Vec<SystemReach>,
}

/// Counts.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Summary {
    /// Records that were read.
    pub records: u64,
    /// What somebody did, each once.
    pub events: u64,
    /// What came again.
    pub duplicates: u64,
    /// Records that could not be read.
    pub errors: u64,
    /// Records of what somebody did that do not say when. They count nowhere.
    #[serde(skip_serializing_if = "is_nothing", default)]
    pub undated: u64,
    /// Logs and folders that could not be read, or not whole: what is dormant here may have been used there.
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub left_out: Vec<String>,
    /// Identities that did something or hold something.
    pub identities: u64,
    /// The first and the last moment that was told of.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub window: Option<(Timestamp, Timestamp)>,
    /// On how many observed days something must not have been used to be taken away.
    #[serde(default)]
    pub window_days: u64,
    /// Where permission names are from, and of when.
    pub catalogue: String,
    /// What came with credentials that count for a while, and how many of them were seen being made.
    pub sessions: Sessions,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "it is called with a reference")]
fn is_nothing(count: &u64) -> bool {
    *count == 0
}

/// One identity.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AuditedIdentity {
    /// Its name in its system.
    pub id: String,
    /// Of which system.
    pub platform: Platform,
    /// In which account.
    pub account: String,
    /// What sort of caller.
    pub kind: ActorKind,
    /// Policies that it holds and of which nothing said what they grant: it may hold more than is told here.
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub unread: Vec<String>,
    /// How many permissions are in each state.
    pub states: BTreeMap<State, u64>,
    /// Each permission.
    pub entries: Vec<AuditEntry>,
}

impl AuditedIdentity {
    /// Says whether others may have its name in other accounts.
    pub fn is_local(&self) -> bool {
        is_local(self.platform, &self.id)
    }

    /// Gives its name, as logs have it.
    pub(crate) fn name(&self) -> SystemIdentity {
        SystemIdentity::within(self.platform, &self.id, &self.account)
    }
}

/// One permission of one identity.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AuditEntry {
    /// The permission's name: `aws:s3:GetObject`.
    pub name: String,
    /// In which namespace, project or bucket alone; nothing where it is told of as a whole, `*` where it is several.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub within: Option<Box<str>>,
    /// What became of it.
    pub state: State,
    /// How often it was used.
    pub count: u64,
    /// How often it was denied.
    pub attempts: u64,
    /// When it was first used, or asked for where it never was.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub first: Option<Timestamp>,
    /// When it was last.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub last: Option<Timestamp>,
    /// On how many days it was used.
    pub days: u64,
    /// How sure the name is.
    pub mapping: Certainty,
    /// By which ways it is granted; none where no grants were read, or nothing grants it.
    pub granted_by: Vec<GrantedBy>,
    /// On how many days its use would have been seen.
    pub observed_days: u64,
    /// How many stretches of days between are missing.
    pub gaps: u64,
    /// Why it is not to be taken away yet, where it was not used.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub not_yet: Option<NotYet>,
    /// Which of the exclusions says so, from 0.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub exclusion: Option<u32>,
    /// For how long it was not used again, where it was, and that would have been seen.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub idle: Option<Box<Idle>>,
    /// What sort of action it is.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub level: Option<Level>,
    /// To what it was done.
    pub resources: Vec<String>,
}

/// A way by which something is granted.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct GrantedBy {
    /// The way, from the holder on.
    pub path: String,
    /// How far.
    pub extent: Extent,
}

/// What a log names and no permission is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct UnmappedNative {
    /// Whose log.
    pub platform: Platform,
    /// Its names.
    pub native: String,
    /// Why.
    pub class: Certainty,
    /// How often it came.
    pub count: u64,
}
