//! Which proofs were used in the last minutes: counted for each holder apart, bounded for all of them
//! together, and forgotten in two steps.

use std::{
    collections::{BTreeMap, HashSet},
    sync::{Mutex, PoisonError},
    time::Duration,
};

use bailiwick_model::{IdentityId, Timestamp};

use super::{DpopError, WINDOW};

/// How many proofs of one holder are remembered of each span, whatever keys they are of.
const PROOFS_MAX: usize = 16 << 10;
/// How many are of all holders.
const ALL_MAX: usize = 512 << 10;

/// What one holder proved: in this span, and in the one before it.
#[derive(Debug)]
struct Spans {
    since: Timestamp,
    now: HashSet<[u8; 32]>,
    before: HashSet<[u8; 32]>,
}

/// The proofs that were used.
#[derive(Debug, Default)]
pub(super) struct Seen(Mutex<Holders>);

#[derive(Debug, Default)]
struct Holders {
    spans: BTreeMap<IdentityId, Spans>,
    /// How many proofs are remembered.
    all: usize,
    /// When those who prove nothing any more were forgotten last.
    swept: Timestamp,
}

/// How long a proof can be shown: from a minute before its date to a minute after it.
fn span() -> Duration {
    WINDOW.saturating_mul(2)
}

impl Spans {
    fn new(since: Timestamp) -> Self {
        Self { since, now: HashSet::new(), before: HashSet::new() }
    }

    /// Begins a new span where this one is over; what is two spans old can be shown no more. Says
    /// how many it forgot.
    fn turn(&mut self, now: Timestamp) -> usize {
        if now < self.since.after(span()) {
            return 0;
        }
        let before = self.len();
        let over = self.since.after(span()).after(span()) <= now;
        let last = std::mem::take(&mut self.now);
        self.before = if over { HashSet::new() } else { last };
        self.since = now;
        before.saturating_sub(self.len())
    }

    fn len(&self) -> usize {
        self.now.len().saturating_add(self.before.len())
    }
}

impl Holders {
    fn sweep(&mut self, now: Timestamp) {
        for spans in self.spans.values_mut() {
            self.all = self.all.saturating_sub(spans.turn(now));
        }
        self.spans.retain(|_, it| 0 < it.len());
        self.swept = now;
    }
}

impl Seen {
    /// Uses up the proof called `name`, which `who` holds.
    pub(super) fn spend(
        &self,
        who: &IdentityId,
        name: [u8; 32],
        now: Timestamp,
    ) -> Result<(), DpopError> {
        let mut holders = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if ALL_MAX <= holders.all || holders.swept.after(span()) <= now {
            holders.sweep(now);
        }
        let Holders { spans, all, .. } = &mut *holders;
        let spans = spans.entry(who.clone()).or_insert_with(|| Spans::new(now));
        *all = all.saturating_sub(spans.turn(now));
        if spans.now.contains(&name) || spans.before.contains(&name) {
            return Err(DpopError::Replayed);
        }
        // To forget one would let it be used twice.
        if PROOFS_MAX <= spans.now.len() || ALL_MAX <= *all {
            return Err(DpopError::TooMany);
        }
        spans.now.insert(name);
        *all = all.saturating_add(1);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use bailiwick_model::Digest;
    use proptest::prelude::*;

    use super::*;

    fn at(seconds: u64) -> Timestamp {
        Timestamp::from_millis(1_800_000_000_000).after(Duration::from_secs(seconds))
    }

    fn named(who: &str) -> IdentityId {
        who.parse().unwrap()
    }

    fn spend(seen: &Seen, who: &str, id: &str, now: u64) -> Result<(), DpopError> {
        seen.spend(&named(who), *Digest::of(id.as_bytes()).as_bytes(), at(now))
    }

    #[test]
    fn one_that_proves_too_much_keeps_nobody_else_out() {
        let seen = Seen::default();
        for number in 0..PROOFS_MAX {
            spend(&seen, "a", &number.to_string(), 0).unwrap();
        }
        assert_eq!(spend(&seen, "a", "more", 1), Err(DpopError::TooMany));
        assert_eq!(spend(&seen, "a", "0", 1), Err(DpopError::Replayed));
        assert_eq!(spend(&seen, "b", "more", 1), Ok(()));
        assert_eq!(spend(&seen, "a", "more", 120), Ok(()));
    }

    #[test]
    fn all_together_are_bounded_and_those_that_prove_nothing_any_more_make_room() {
        let seen = Seen::default();
        for who in 0..ALL_MAX / PROOFS_MAX {
            for number in 0..PROOFS_MAX {
                spend(&seen, &format!("a{who}"), &number.to_string(), 0).unwrap();
            }
        }
        assert_eq!(spend(&seen, "b", "x", 119), Err(DpopError::TooMany));
        // Those of the span before can be shown still, so they are known still.
        assert_eq!(spend(&seen, "a0", "0", 130), Err(DpopError::Replayed));
        assert_eq!(spend(&seen, "b", "x", 130), Err(DpopError::TooMany));
        assert_eq!(spend(&seen, "b", "x", 260), Ok(()));
        let holders = seen.0.lock().unwrap();
        assert_eq!((holders.spans.len(), holders.all), (1, 1));
    }

    proptest! {
        /// However time passes: no proof is used twice within the two minutes in which it can be shown.
        #[test]
        fn no_proof_is_used_twice_while_it_could_be_shown(
            steps in proptest::collection::vec((0_u64..50, 0_u8..6), 1..80),
        ) {
            let seen = Seen::default();
            let (mut now, mut used) = (0_u64, BTreeMap::new());
            for (pass, id) in steps {
                now = now.saturating_add(pass);
                let result = spend(&seen, "a", &id.to_string(), now);
                let last = used.get(&id).copied();
                if last.is_some_and(|it: u64| now < it.saturating_add(120)) {
                    prop_assert_eq!(result, Err(DpopError::Replayed));
                } else if result.is_ok() {
                    used.insert(id, now);
                }
            }
        }
    }
}
