//! Records as bytes, and back.

use bailiwick_model::{DecisionId, LeaseId, Record, Timestamp};
use serde::{Deserialize, de::IgnoredAny};

use super::{LedgerError, index::key, plain};

/// The format that is written. Older ones stay readable; a test holds a record of each.
pub(super) const FORMAT: u8 = 1;

/// Room for most decisions, so that few are moved while they grow.
const USUAL: usize = 2 << 10;

/// One record, ready to be hashed and written.
#[derive(Debug)]
pub(super) struct Encoded {
    pub(super) outline: Outline,
    pub(super) body: Vec<u8>,
    /// The sum over the body.
    pub(super) sum: u32,
}

impl Encoded {
    /// Encodes a record, and sees to it that it will be found again: a record that does not read
    /// as it was written would pass for an altered one at the next start. Of decisions and outcomes,
    /// which come by the thousand, that is a law of their format, and the tests look every time.
    pub(super) fn of(record: &Record) -> Result<Self, LedgerError> {
        let mut body = Vec::with_capacity(USUAL);
        plain::write(record, &mut body).map_err(|source| LedgerError::Encode { source })?;
        let outline = Outline::whole(record);
        let look = match outline.kind {
            Kind::Decision | Kind::Outcome | Kind::Evaluation | Kind::Search => {
                cfg!(debug_assertions)
            }
            Kind::Command | Kind::Finding => true,
            // These come by the thousand, too, when many tasks end at once.
            Kind::Lease => cfg!(debug_assertions),
        };
        if look && Outline::of(0, FORMAT, &body) != Some(outline) {
            return Err(LedgerError::NotReadable { kind: outline.kind.name() });
        }
        let sum = crc32c::crc32c(&body);
        Ok(Self { outline, body, sum })
    }
}

/// The kind of a record, as its head says it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Decision,
    Outcome,
    Command,
    Finding,
    Evaluation,
    Search,
    Lease,
}

impl Kind {
    const fn of(record: &Record) -> Self {
        match record {
            Record::Decision(_) => Self::Decision,
            Record::Outcome(_) => Self::Outcome,
            Record::Command { .. } => Self::Command,
            Record::Finding(_) => Self::Finding,
            Record::Evaluation(_) => Self::Evaluation,
            Record::Search(_) => Self::Search,
            Record::Lease(_) => Self::Lease,
        }
    }

    /// Gives the name, as a record's body has it.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Decision => "decision",
            Self::Outcome => "outcome",
            Self::Command => "command",
            Self::Finding => "finding",
            Self::Evaluation => "evaluation",
            Self::Search => "search",
            Self::Lease => "lease",
        }
    }

    /// Gives the byte in a record's head.
    pub(crate) const fn code(self) -> u8 {
        match self {
            Self::Decision => 1,
            Self::Outcome => 2,
            Self::Command => 3,
            Self::Finding => 4,
            Self::Evaluation => 5,
            Self::Search => 6,
            Self::Lease => 7,
        }
    }
}

/// Gives the decision that a record is, or is the outcome of.
pub(super) const fn decision(record: &Record) -> Option<&DecisionId> {
    match record {
        Record::Decision(it) => Some(&it.decision),
        Record::Outcome(it) => Some(&it.decision),
        Record::Evaluation(it) => Some(&it.decision),
        Record::Search(it) => Some(&it.decision),
        Record::Lease(it) => it.decision.as_ref(),
        Record::Command { .. } | Record::Finding(_) => None,
    }
}

/// Gives the lease that a record is a step of.
pub(super) const fn lease(record: &Record) -> Option<&LeaseId> {
    match record {
        Record::Lease(it) => Some(&it.lease),
        Record::Decision(_)
        | Record::Outcome(_)
        | Record::Evaluation(_)
        | Record::Search(_)
        | Record::Command { .. }
        | Record::Finding(_) => None,
    }
}

/// Reads a record of any format that was ever written.
pub(crate) fn decode(seq: u64, format: u8, body: &[u8]) -> Result<Record, LedgerError> {
    match format {
        1 => serde_json::from_slice(body).map_err(|source| LedgerError::Unreadable { seq, source }),
        _ => Err(LedgerError::UnknownFormat { seq, format: format.into() }),
    }
}

/// What is also kept beside a record's body, read from the body without reading all of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Outline {
    /// The kind.
    pub(crate) kind: Kind,
    /// When.
    pub(crate) time: Timestamp,
    /// The key of the task.
    pub(crate) task: Option<u64>,
    /// The key of the decision that it is, or is the outcome of.
    pub(crate) decision: Option<u64>,
    /// The key of the lease that it is a step of.
    pub(crate) lease: Option<u64>,
    /// Whether it counts at every start: a command, or what used an approval.
    pub(crate) landmark: bool,
}

/// The fields of decisions, evaluations, searches, outcomes, findings and leases that matter here. Ids and kinds hold nothing
/// that JSON writes otherwise, so that none of them is copied.
#[derive(Deserialize)]
struct Fields<'a> {
    kind: &'a str,
    time: Option<Timestamp>,
    at: Option<Timestamp>,
    task: Option<&'a str>,
    decision: Option<&'a str>,
    lease: Option<&'a str>,
    approval: Option<IgnoredAny>,
}

impl Outline {
    /// Reads the outline of a record; none if the body is not one.
    pub(crate) fn of(seq: u64, format: u8, body: &[u8]) -> Option<Self> {
        if format != 1 {
            return None;
        }
        let whole = || Some(Self::whole(&decode(seq, format, body).ok()?));
        // What another kind of record has by these names may be anything.
        let Ok(fields) = serde_json::from_slice::<Fields<'_>>(body) else { return whole() };
        let kind = match fields.kind {
            "decision" => Kind::Decision,
            "outcome" => Kind::Outcome,
            "finding" => Kind::Finding,
            "evaluation" => Kind::Evaluation,
            "search" => Kind::Search,
            "lease" => Kind::Lease,
            // A command's task lies deeper, and commands are few.
            _ => return whole(),
        };
        let Fields { time, at, task, decision, lease, approval, .. } = fields;
        let (time, decision) = if kind == Kind::Finding { (at, None) } else { (time, decision) };
        let landmark = matches!(kind, Kind::Decision | Kind::Evaluation) && approval.is_some();
        let task = task.filter(|_| !matches!(kind, Kind::Evaluation | Kind::Search)).map(key);
        let decision = decision.map(key);
        let lease = lease.filter(|_| kind == Kind::Lease).map(key);
        Some(Self { kind, time: time?, task, decision, lease, landmark })
    }

    pub(super) fn whole(record: &Record) -> Self {
        let landmark = match record {
            Record::Decision(it) => it.approval.is_some(),
            Record::Evaluation(it) => it.approval.is_some(),
            Record::Command { .. } => true,
            Record::Outcome(_) | Record::Finding(_) | Record::Search(_) | Record::Lease(_) => false,
        };
        Self {
            kind: Kind::of(record),
            time: record.time(),
            task: record.task().map(|it| key(it.as_str())),
            decision: decision(record).map(|it| key(it.as_str())),
            lease: lease(record).map(|it| key(it.as_str())),
            landmark,
        }
    }
}

#[cfg(test)]
impl Encoded {
    /// Makes the outcome of a call, for tests that want some record.
    pub(super) fn outcome(number: u64) -> Self {
        let millis = i64::try_from(number).expect("a small number");
        let ulid = bailiwick_model::Ulid::new(Timestamp::from_millis(millis), [7; 10]);
        let record = Record::Outcome(bailiwick_model::OutcomeRecord {
            decision: DecisionId::new(ulid),
            task: bailiwick_model::TaskId::new(ulid),
            time: Timestamp::default(),
            outcome: bailiwick_model::OutcomeKind::Ok,
            detail: String::new(),
            bytes_in: 7,
            millis: 1,
            secret: None,
        });
        Self::of(&record).expect("an outcome is a record")
    }
}
