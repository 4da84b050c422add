//! Records as bytes, and back.

use bailiwick_model::{DecisionId, Record, TaskId, Timestamp};
use serde::Deserialize;

use super::LedgerError;

/// The format that is written. Older ones stay readable; a test holds a record of each.
pub(super) const FORMAT: i64 = 1;

/// One record, ready to be hashed and written.
#[derive(Debug)]
pub(super) struct Encoded {
    pub(super) outline: Outline,
    pub(super) body: Vec<u8>,
}

impl Encoded {
    /// Encodes a record, and sees to it that it will be found again: a record that does not read
    /// as it was written would pass for an altered one at the next start.
    pub(super) fn of(record: &Record) -> Result<Self, LedgerError> {
        let body = serde_json::to_vec(record).map_err(|source| LedgerError::Encode { source })?;
        let outline = Outline::whole(record);
        match Outline::of(0, FORMAT, &body) {
            Some(read) if read == outline => Ok(Self { outline, body }),
            Some(_) | None => Err(LedgerError::NotReadable { kind: outline.kind }),
        }
    }
}

/// Names the kind of a record, as its body does.
const fn kind(record: &Record) -> &'static str {
    match record {
        Record::Decision(_) => "decision",
        Record::Outcome(_) => "outcome",
        Record::Command { .. } => "command",
        Record::Finding(_) => "finding",
    }
}

/// Gives the decision that a record is, or is the outcome of.
pub(super) const fn decision(record: &Record) -> Option<&DecisionId> {
    match record {
        Record::Decision(it) => Some(&it.decision),
        Record::Outcome(it) => Some(&it.decision),
        Record::Command { .. } | Record::Finding(_) => None,
    }
}

/// Reads a record of any format that was ever written.
pub(crate) fn decode(seq: u64, format: i64, body: &[u8]) -> Result<Record, LedgerError> {
    match format {
        1 => serde_json::from_slice(body).map_err(|source| LedgerError::Unreadable { seq, source }),
        _ => Err(LedgerError::UnknownFormat { seq, format }),
    }
}

/// What is also kept beside a record's body, read from the body without reading all of it.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Outline {
    /// The kind.
    pub(crate) kind: &'static str,
    /// When.
    pub(crate) time: Timestamp,
    /// The task.
    pub(crate) task: Option<TaskId>,
    /// The decision that it is, or is the outcome of.
    pub(crate) decision: Option<DecisionId>,
}

impl Outline {
    /// Reads the outline of a record; none if the body is not one.
    pub(crate) fn of(seq: u64, format: i64, body: &[u8]) -> Option<Self> {
        /// The fields of decisions, outcomes and findings that matter here.
        #[derive(Deserialize)]
        struct Fields {
            kind: Box<str>,
            time: Option<Timestamp>,
            at: Option<Timestamp>,
            task: Option<TaskId>,
            decision: Option<DecisionId>,
        }
        if format != 1 {
            return None;
        }
        let Fields { kind, time, at, task, decision } = serde_json::from_slice(body).ok()?;
        let kind = match &*kind {
            "decision" => "decision",
            "outcome" => "outcome",
            "finding" => "finding",
            // A command's task lies deeper, and commands are few.
            _ => return Some(Self::whole(&decode(seq, format, body).ok()?)),
        };
        Some(Self { kind, time: time.or(at)?, task, decision })
    }

    fn whole(record: &Record) -> Self {
        Self {
            kind: kind(record),
            time: record.time(),
            task: record.task().cloned(),
            decision: decision(record).cloned(),
        }
    }
}
