//! What a call that was let through owes whoever asks for its answer later: what was asked for then,
//! whatever is asked for since.

use std::collections::{BTreeMap, BTreeSet};

use bailiwick_model::{Change, DecisionId, Most, Obligation as _, Obligations, Redact};
use serde::{Deserialize, Serialize};

use super::{About, DECISION, KEY};
use crate::{jsonrpc::RawObject, upstream::Reply};

/// How large it may be in the name of a call that goes on.
const SIZE_MAX: usize = 1 << 10;

/// What must be done to an answer, whenever it is asked for.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Owed {
    /// The constraints that asked for it.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    from: BTreeSet<String>,
    #[serde(default, skip_serializing_if = "Redact::is_nothing")]
    redact: Redact,
    #[serde(default, skip_serializing_if = "Most::is_nothing")]
    rows: Most,
    #[serde(default, skip_serializing_if = "Most::is_nothing")]
    bytes: Most,
    /// What of the arguments was sent otherwise than it came.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    changed: BTreeMap<String, String>,
    /// Whether nothing of the answer is left that could be shown.
    #[serde(skip)]
    withheld: bool,
}

impl Owed {
    /// Keeps of `asks` what answers owe.
    pub(crate) fn of(asks: &Obligations, changes: &[Change]) -> Self {
        let changed = changes.iter().map(|it| (it.path.to_string(), it.value.clone()));
        Self {
            from: asks.from.clone(),
            redact: asks.redact.clone(),
            rows: asks.rows,
            bytes: asks.bytes,
            changed: changed.collect(),
            withheld: false,
        }
    }

    /// Notes that the answer is withheld, where it is.
    pub(crate) const fn withheld(mut self, withheld: bool) -> Self {
        self.withheld = withheld;
        self
    }

    pub(crate) fn is_nothing(&self) -> bool {
        *self == Self::default()
    }

    /// Says whether the name of a call can hold it.
    pub(crate) fn fits(&self) -> bool {
        serde_json::to_vec(self).is_ok_and(|it| it.len() <= SIZE_MAX)
    }

    /// Gives what is owed where `now` is asked for as well.
    pub(crate) fn with(&self, now: &Obligations) -> Obligations {
        let Self { from, redact, rows, bytes, .. } = self.clone();
        Obligations { from, redact, rows, bytes, ..Obligations::NONE }.and(now.clone())
    }

    /// Gives what of the arguments was sent otherwise than it came.
    pub(crate) fn changes(&self) -> Vec<Change> {
        let change = |(path, value): (&String, &String)| {
            Some(Change { path: path.parse().ok()?, value: value.clone() })
        };
        self.changed.iter().filter_map(change).collect()
    }

    /// Does to an answer that has what it owed then what is asked for `now` as well.
    pub(crate) fn further(
        &self,
        (decision, method): (&DecisionId, &str),
        reply: Reply,
        now: &Obligations,
    ) -> Reply {
        let asks = self.with(now);
        let same = asks.redact == self.redact && asks.rows == self.rows && asks.bytes == self.bytes;
        if same || self.withheld {
            return reply;
        }
        let changes = self.changes();
        About { decision, method, asks: &asks, changes: &changes }.obliged(self.bare(reply))
    }

    /// Takes out what was told beside the answer: it is told anew.
    fn bare(&self, reply: Reply) -> Reply {
        let without = |result: &str| {
            let object = RawObject::read(result).ok()?;
            let beside = RawObject::read(object.get("_meta")?.get()).ok()?.without(KEY).ok()?;
            let beside = RawObject::read(beside.get()).ok()?.without(DECISION).ok()?;
            object.with("_meta", &beside).ok()
        };
        match reply {
            Reply::Result(result) if !self.from.is_empty() => {
                Reply::Result(without(result.get()).unwrap_or(result))
            }
            reply @ (Reply::Result(_) | Reply::Error(_)) => reply,
        }
    }
}
