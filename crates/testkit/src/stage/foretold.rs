//! What a shell asks whose callers stay with their held calls: whether deciding again would say
//! anything new.

use bailiwick_kernel::{Names, Outcome, Snapshot, TaskState, still_waits};
use bailiwick_model::{AccessRequest, HoldId, Timestamp};

use super::written::Written;

/// The tickets that a call would still wait for, as the kernel said before it decided.
#[derive(Clone, Debug)]
pub(super) struct Foretold {
    asked: Vec<HoldId>,
    waits: Vec<HoldId>,
}

impl Foretold {
    /// Asks about every ticket.
    pub(super) fn ask(
        snapshot: &Snapshot,
        state: &TaskState,
        (request, names): (&AccessRequest, &Names),
        tickets: impl Iterator<Item = HoldId>,
        now: Timestamp,
    ) -> Self {
        let (asked, call): (Vec<_>, _) = (tickets.collect(), Written(request));
        let waits = |it: &&HoldId| still_waits(snapshot, state, &call, (it, names.clone()), now);
        let waits = asked.iter().filter(waits).cloned().collect();
        Self { asked, waits }
    }

    /// Checks that it came as was said: a caller stays if, and only if, deciding would give it the
    /// ticket that it has.
    pub(super) fn check(&self, outcome: &Outcome) {
        let came = match outcome {
            Outcome::Hold(hold, _) => Some(hold),
            Outcome::Forward(..) | Outcome::Refuse(_) => None,
        };
        let came: Vec<_> = came.filter(|it| self.asked.contains(it)).cloned().into_iter().collect();
        assert_eq!(self.waits, came, "the kernel foretold otherwise than it decided");
    }
}
