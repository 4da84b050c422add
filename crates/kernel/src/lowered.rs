//! Of whom more care is taken for a while, as another system says that their risk has risen.

use bailiwick_model::{ActionFacts, Caller, Effect, Lowered, Subject, Task, Timestamp};

use crate::Snapshot;

impl Snapshot {
    /// Finds what says that more care is taken of a call, by whoever's hands its authority came through.
    pub(crate) fn lowered_of(&self, caller: &Caller, task: &Task, now: Timestamp) -> Vec<&Lowered> {
        let concerned = |subject: &Subject| match subject {
            Subject::Task(it) => task.id == *it || task.ancestors().any(|above| above == it),
            Subject::Identity(_) | Subject::Class(_) | Subject::Owner(_) | Subject::Everyone => {
                let mut hands = std::iter::once(&caller.identity).chain(&caller.via);
                hands.any(|it| self.is_within(it, subject))
            }
            Subject::Credential(_) | Subject::Server(_) | Subject::Tool(..) => false,
        };
        self.lowered.iter().filter(|it| now < it.until && concerned(&it.subject)).collect()
    }
}

/// Says whether an action reads and does nothing else. Of one of which nothing is known, nobody can say.
pub(crate) fn only_reads(facts: &ActionFacts) -> bool {
    !facts.effects.is_empty() && facts.effects.iter().all(|it| *it == Effect::Read)
}
