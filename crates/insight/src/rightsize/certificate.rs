//! What is certified of a smaller policy, as programs get it.

use std::collections::BTreeMap;

use bailiwick_model::{Digest, Platform, Timestamp};
use serde::{Deserialize, Serialize};

use super::stays::{KeptFor, Wishes};
use crate::names::Level;

/// Names the shape.
pub const CERTIFICATE: &str = "bailiwick-rightsize/1";

/// What a smaller policy rests on, and what was checked of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Certificate {
    /// The shape's name.
    pub shape: String,
    /// When it was made.
    pub made: Timestamp,
    /// The rules that were checked by.
    pub evaluator: String,
    /// Where permission names are from, and of when.
    pub catalogue: String,
    /// Of which system.
    pub platform: Platform,
    /// Whose policies.
    pub identity: String,
    /// In which account.
    pub account: String,
    /// What was asked for.
    pub wishes: Wishes,
    /// The first and the last moment that the logs tell of.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub window: Option<(Timestamp, Timestamp)>,
    /// On how many days the account's log has anything.
    pub observed_days: u64,
    /// How many stretches of days between are missing.
    pub gaps: u64,
    /// What of the account the logs have.
    pub sources: Vec<SeenSource>,
    /// Counts of all that was read.
    pub events: EventCounts,
    /// Every file that was read.
    pub inputs: Vec<Input>,
    /// What denies for a trial, and what takes the smaller policies back.
    #[serde(default)]
    pub files: Vec<DocumentRef>,
    /// What becomes of each policy and each credential.
    pub decisions: Vec<Decision>,
    /// What is given no longer.
    pub removed: Removed,
    /// What stays, by the reason.
    pub kept: BTreeMap<KeptFor, Vec<String>>,
    /// Which logs would have to be read for what is unobservable, and for how many permissions.
    pub needed: BTreeMap<String, u64>,
    /// What is held besides and was in no file.
    pub unread: Vec<String>,
    /// Names in the identity's log that no rule knows.
    pub unknown: Vec<String>,
    /// What a reader should know.
    pub notes: Vec<String>,
    /// What was checked.
    pub checks: Checks,
}

/// One sort of what a log may have.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SeenSource {
    /// What: reads or writes, of settings or of a service's data.
    pub source: String,
    /// On how many days it would have been seen.
    pub observed_days: u64,
    /// How many stretches of days between are missing.
    pub gaps: u64,
}

/// Counts of what was read.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EventCounts {
    /// Records.
    pub records: u64,
    /// Accesses, each once.
    pub events: u64,
    /// What came again.
    pub duplicates: u64,
    /// Records that could not be read.
    pub errors: u64,
    /// Accesses of this identity that were let through.
    pub exercised: u64,
    /// Accesses of this identity that were denied.
    pub denied: u64,
}

/// One file that was read.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Input {
    /// Its name, as it was given.
    pub name: String,
    /// What it is: `log` or `grants`.
    pub what: String,
    /// Its digest, as it lies there.
    pub sha256: Digest,
    /// How long it is.
    pub bytes: u64,
}

/// What becomes of something.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Decide {
    /// It stays as it is.
    Keep,
    /// It becomes smaller.
    Reduce,
    /// It is made anew.
    Rotate,
    /// It is taken away.
    Revoke,
}

impl Decide {
    /// Gives the word.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Keep => "keep",
            Self::Reduce => "reduce",
            Self::Rotate => "rotate",
            Self::Revoke => "revoke",
        }
    }
}

/// What becomes of one policy or credential.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Decision {
    /// The way by which it is held, or which key it is.
    pub entitlement: String,
    /// What becomes of it.
    pub decision: Decide,
    /// Why.
    pub why: String,
    /// Whether its document changes or goes.
    pub is_changed: bool,
    /// Of how many permissions it is.
    pub before: u64,
    /// Of how many it is afterwards.
    pub after: u64,
    /// How many of those were used.
    pub exercised: u64,
    /// The last use of any of it, or of the key.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub last: Option<Timestamp>,
    /// The digest of its canonical text; none for a credential.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub original: Option<Digest>,
    /// What takes its place.
    pub documents: Vec<DocumentRef>,
}

/// One document that was written.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DocumentRef {
    /// Its file, beside the certificate.
    pub file: String,
    /// The digest of its canonical text (RFC 8785).
    pub sha256: Digest,
}

/// What is given no longer.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Removed {
    /// Why.
    pub why: String,
    /// How many, by level.
    pub levels: BTreeMap<Level, u64>,
    /// Their names.
    pub actions: Vec<String>,
}

impl Removed {
    /// Tells of names that have no level.
    pub(super) fn of_names(actions: Vec<String>, window_days: u64) -> Self {
        let why = format!(
            "granted, not used, and on at least {window_days} observed days its use would have been seen"
        );
        Self { why, levels: BTreeMap::new(), actions }
    }
}

/// What was checked, by code that shares nothing with what made the documents.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Checks {
    /// Nothing is given that was not given before.
    pub gives_no_more: bool,
    /// Everything that was used is still given.
    pub gives_all_used: bool,
    /// How many pairs of action and resource were asked for.
    pub asked: u64,
    /// How many of them no policy of the identity gave: a resource's own policy did, or one in no file.
    pub given_otherwise: u64,
}
