//! Which proofs were used in the last minutes: for each key apart, bounded, and forgotten in two steps.

use std::{
    collections::{HashMap, HashSet},
    sync::{Mutex, PoisonError},
    time::Duration,
};

use bailiwick_model::{Digest, Timestamp};

use super::{DpopError, WINDOW};

/// How many proofs of one key are remembered of each span.
const PROOFS_MAX: usize = 16 << 10;
/// How many keys are.
const KEYS_MAX: usize = 4 << 10;

/// What one key proved: in this span, and in the one before it.
#[derive(Debug)]
struct Spans {
    since: Timestamp,
    now: HashSet<[u8; 32]>,
    before: HashSet<[u8; 32]>,
}

/// The proofs that were used.
#[derive(Debug, Default)]
pub(super) struct Seen(Mutex<HashMap<String, Spans>>);

/// How long a proof can be shown: from a minute before its date to a minute after it.
fn span() -> Duration {
    WINDOW.saturating_mul(2)
}

impl Spans {
    fn new(since: Timestamp) -> Self {
        Self { since, now: HashSet::new(), before: HashSet::new() }
    }

    /// Begins a new span where this one is over; what is two spans old can be shown no more.
    fn turn(&mut self, now: Timestamp) {
        if now < self.since.after(span()) {
            return;
        }
        let over = self.since.after(span()).after(span()) <= now;
        let last = std::mem::take(&mut self.now);
        self.before = if over { HashSet::new() } else { last };
        self.since = now;
    }
}

impl Seen {
    /// Uses the proof `id` of `key`.
    pub(super) fn spend(&self, key: &str, id: &str, now: Timestamp) -> Result<(), DpopError> {
        let mut keys = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if !keys.contains_key(key) && KEYS_MAX <= keys.len() {
            keys.retain(|_, it| now < it.since.after(span()).after(span()));
            if KEYS_MAX <= keys.len() {
                return Err(DpopError::TooMany);
            }
        }
        let spans = keys.entry(key.to_owned()).or_insert_with(|| Spans::new(now));
        spans.turn(now);
        let name = *Digest::of(id.as_bytes()).as_bytes();
        if spans.now.contains(&name) || spans.before.contains(&name) {
            return Err(DpopError::Replayed);
        }
        // To forget one would let it be used twice.
        if PROOFS_MAX <= spans.now.len() {
            return Err(DpopError::TooMany);
        }
        spans.now.insert(name);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn at(seconds: u64) -> Timestamp {
        Timestamp::from_millis(1_800_000_000_000).after(Duration::from_secs(seconds))
    }

    #[test]
    fn one_key_that_proves_too_much_keeps_nobody_else_out() {
        let seen = Seen::default();
        for number in 0..PROOFS_MAX {
            seen.spend("a", &number.to_string(), at(0)).unwrap();
        }
        assert_eq!(seen.spend("a", "more", at(1)), Err(DpopError::TooMany));
        assert_eq!(seen.spend("b", "more", at(1)), Ok(()));
        assert_eq!(seen.spend("a", "more", at(120)), Ok(()));
    }

    #[test]
    fn keys_that_prove_nothing_any_more_make_room() {
        let seen = Seen::default();
        for number in 0..KEYS_MAX {
            seen.spend(&number.to_string(), "x", at(0)).unwrap();
        }
        assert_eq!(seen.spend("more", "x", at(239)), Err(DpopError::TooMany));
        assert_eq!(seen.spend("more", "x", at(240)), Ok(()));
        assert_eq!(seen.0.lock().unwrap().len(), 1);
    }

    proptest! {
        /// However time passes: no proof is used twice within the two minutes in which it can be shown.
        #[test]
        fn no_proof_is_used_twice_while_it_could_be_shown(
            steps in proptest::collection::vec((0_u64..50, 0_u8..6), 1..80),
        ) {
            let seen = Seen::default();
            let (mut now, mut used) = (0_u64, HashMap::new());
            for (pass, id) in steps {
                now = now.saturating_add(pass);
                let result = seen.spend("a", &id.to_string(), at(now));
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
