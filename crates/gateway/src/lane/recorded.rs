//! What the record has of a call whose answer is not kept any more.

use std::sync::Arc;

use bailiwick_model::{DecisionId, OutcomeKind, Record, VerdictKind};
use bailiwick_store::StoredRecord;

use super::Lane;

/// What is on record of one decision.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Recorded {
    /// Nothing: it was never made.
    Nothing,
    /// It let nothing through.
    Stopped(VerdictKind),
    /// It let its call through, and that is all.
    LetThrough,
    /// It let its call through, and that came to this.
    CameTo(OutcomeKind),
}

impl Lane {
    /// Gives what is on record of the decision of this id.
    pub(crate) async fn recorded(&self, decision: &DecisionId) -> Result<Recorded, String> {
        let (desk, id) = (Arc::clone(&self.desk), decision.clone());
        let read = tokio::task::spawn_blocking(move || desk.ledger().decision_records(&id)).await;
        let found = read.map_err(|error| error.to_string())?;
        found.map(|it| Recorded::of(&it)).map_err(|error| error.to_string())
    }
}

impl Recorded {
    fn of(records: &[StoredRecord]) -> Self {
        let each = |known, it: &StoredRecord| match &it.record {
            Record::Decision(it) if it.verdict == VerdictKind::Allow => Self::LetThrough,
            Record::Decision(it) => Self::Stopped(it.verdict),
            Record::Outcome(it) => Self::CameTo(it.outcome),
            Record::Command { .. }
            | Record::Finding(_)
            | Record::Evaluation(_)
            | Record::Lease(_)
            | Record::Search(_) => known,
        };
        records.iter().fold(Self::Nothing, each)
    }

    /// Says what became of the call of `decision`; nothing where it was never decided. It was or was
    /// not made, and is not made again.
    pub(crate) fn said_of(self, decision: &DecisionId) -> Option<String> {
        match self {
            Self::Nothing => None,
            Self::Stopped(VerdictKind::Hold) => {
                Some(format!("the call was not made: it was held once more ({decision})"))
            }
            Self::Stopped(VerdictKind::Deny | VerdictKind::Allow) => {
                Some(format!("the call was not made: it was denied ({decision})"))
            }
            Self::LetThrough | Self::CameTo(OutcomeKind::None) => Some(format!(
                "the call was let through ({decision}), nobody knows what its server did, and it is not made again"
            )),
            Self::CameTo(OutcomeKind::Ok) => {
                Some(format!("the call was made ({decision}), and its answer is not kept"))
            }
            Self::CameTo(OutcomeKind::Error) => Some(format!(
                "the call was made ({decision}) and failed, and its answer is not kept"
            )),
        }
    }
}
