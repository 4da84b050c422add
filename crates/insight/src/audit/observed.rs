//! On which days what would have been seen, looked up once.

use std::collections::{BTreeMap, btree_map::Entry};

use bailiwick_model::Platform;

use crate::{
    exercised::{Days, Exercised},
    names::Sort,
};

/// On which days the logs of one system would have had what.
pub(super) struct Observed<'a> {
    exercised: &'a Exercised,
    pub(super) platform: Platform,
    account: &'a str,
    seen: BTreeMap<(&'a str, Sort<'a>), Seen>,
}

/// On which days the logs would have had something, and what these come to.
pub(super) struct Seen {
    pub(super) days: Days,
    pub(super) count: u64,
    pub(super) gaps: u64,
}

impl<'a> Observed<'a> {
    /// Begins with an account that matters most.
    pub(super) fn new(exercised: &'a Exercised, platform: Platform, account: &'a str) -> Self {
        Self { exercised, platform, account, seen: BTreeMap::new() }
    }

    pub(super) fn of(&mut self, sort: Sort<'a>) -> &Seen {
        self.at(self.account, sort)
    }

    pub(super) fn at(&mut self, account: &'a str, sort: Sort<'a>) -> &Seen {
        match self.seen.entry((account, sort)) {
            Entry::Occupied(known) => known.into_mut(),
            Entry::Vacant(new) => {
                let days = self.exercised.observed(self.platform, account, &new.key().1);
                let (count, gaps) = (days.count(), days.gaps());
                new.insert(Seen { days, count, gaps })
            }
        }
    }
}
