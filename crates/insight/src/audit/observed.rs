//! On which days what would have been seen, looked up once.

use std::collections::{BTreeMap, btree_map::Entry};

use bailiwick_model::{Platform, Timestamp};

use crate::{
    exercised::{Days, Exercised},
    names::Sort,
};

/// On which days the logs of one system would have had what.
pub(super) struct Observed<'a> {
    exercised: &'a Exercised,
    pub(super) platform: Platform,
    account: &'a str,
    seen: BTreeMap<(&'a str, Sort<'a>, Option<Timestamp>), Seen>,
}

/// On which days the logs would have had something, and what these come to.
pub(super) struct Seen {
    pub(super) days: Days,
    pub(super) count: u64,
    pub(super) gaps: u64,
}

impl Seen {
    pub(super) fn of(days: Days) -> Self {
        let (count, gaps) = (days.count(), days.gaps());
        Self { days, count, gaps }
    }
}

impl<'a> Observed<'a> {
    /// Begins with an account that matters most.
    pub(super) fn new(exercised: &'a Exercised, platform: Platform, account: &'a str) -> Self {
        Self { exercised, platform, account, seen: BTreeMap::new() }
    }

    pub(super) fn of(&mut self, sort: Sort<'a>, since: Option<Timestamp>) -> &Seen {
        self.at(self.account, sort, since)
    }

    pub(super) fn at(
        &mut self,
        account: &'a str,
        sort: Sort<'a>,
        since: Option<Timestamp>,
    ) -> &Seen {
        match self.seen.entry((account, sort, since)) {
            Entry::Occupied(known) => known.into_mut(),
            Entry::Vacant(new) => {
                let mut days = self.exercised.observed(self.platform, account, &new.key().1);
                // Nobody could have used it before it was there.
                if let Some(since) = since {
                    days.begin_at(since);
                }
                new.insert(Seen::of(days))
            }
        }
    }
}
