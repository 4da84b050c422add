//! Whether deciding once more would say anything new.

use bailiwick_model::{AccessRequest, HoldId, Timestamp};

use super::decide;
use crate::{Names, Outcome, Snapshot, TaskState};

/// Says whether `request` would wait for the ticket `hold` and for nothing else. The question is
/// put to a copy, so nothing happens: a caller that keeps waiting leaves no second record.
pub fn still_waits(
    snapshot: &Snapshot,
    state: &TaskState,
    request: &AccessRequest,
    (hold, names): (&HoldId, Names),
    now: Timestamp,
) -> bool {
    match decide(snapshot, &mut state.clone(), request, names, now).outcome {
        Outcome::Hold(ticket, _) => ticket == *hold,
        Outcome::Forward(..) | Outcome::Refuse(_) => false,
    }
}
