//! What an enforcement point elsewhere looks for: whatever is known that would be a yes, judged
//! one by one as if it had been asked for.

use std::collections::BTreeSet;

use bailiwick_model::{Digest, Evaluation, Sought, Timestamp};
use bailiwick_policy::Candidates;

use crate::{Evaluated, Snapshot, evaluate};

/// An evaluation with one of its three parts open.
#[derive(Clone, Debug, PartialEq)]
pub struct Search {
    sought: Sought,
    /// What stands in the open place is of the type that is sought, and its id is not looked at.
    asked: Evaluation,
}

impl Search {
    /// Leaves `sought` open in `asked`.
    pub const fn new(sought: Sought, asked: Evaluation) -> Self {
        Self { sought, asked }
    }

    /// Says what is looked for.
    pub const fn sought(&self) -> Sought {
        self.sought
    }

    /// Gives all that was asked.
    pub const fn asked(&self) -> &Evaluation {
        &self.asked
    }

    /// Lists the ids or names of whatever could be found, in an order that is the same under the
    /// same policies.
    pub fn candidates<'s>(&self, snapshot: &'s Snapshot) -> Candidates<'s> {
        snapshot.access.candidates(self.sought, &self.asked)
    }

    /// Judges what is asked with `candidate` in the open place.
    pub fn judge(&mut self, snapshot: &Snapshot, candidate: &str, now: Timestamp) -> Evaluated {
        let open = match self.sought {
            Sought::Subject => &mut self.asked.subject.id,
            Sought::Resource => &mut self.asked.resource.id,
            Sought::Action => &mut self.asked.action.name,
        };
        candidate.clone_into(open);
        evaluate(snapshot, &self.asked, now)
    }
}

/// Names what evaluations are judged by beside policies and what is known: the facts that hold at
/// `now`, and the identities whose authority is withdrawn.
pub fn world(snapshot: &Snapshot, now: Timestamp) -> Digest {
    let holding = snapshot.facts.iter().filter(|it| now < it.until);
    let facts: BTreeSet<&str> = holding.map(|it| it.name.as_str()).collect();
    let contained = snapshot.contained_identities();
    let facts = facts.into_iter().flat_map(|it| ["fact", it]);
    let parts = facts.chain(contained.iter().flat_map(|it| ["contained", it.as_str()]));
    Digest::of_parts(&parts.map(str::as_bytes).collect::<Vec<_>>())
}
