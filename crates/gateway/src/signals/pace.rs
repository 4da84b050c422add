//! How much a transmitter may tell, and how often a receiver may come for it: some at once, and then one a second.

use std::sync::{Mutex, PoisonError};

use bailiwick_model::Timestamp;

/// How much may be told or taken at once.
pub(super) const AT_ONCE: i64 = 120;
/// How long it takes until one more may be told, in milliseconds.
const EACH: i64 = 1000;

/// What somebody has told or taken of late, as the time by which all of it would be paid for.
#[derive(Debug, Default)]
pub(super) struct Pace(Mutex<i64>);

impl Pace {
    /// Takes one more, or says in how many seconds one may come.
    pub(super) fn take(&self, now: Timestamp) -> Result<(), u64> {
        let mut paid = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let next = (*paid).max(now.millis()).saturating_add(EACH);
        let ahead = next.saturating_sub(now.millis());
        let over = ahead.saturating_sub(AT_ONCE.saturating_mul(EACH));
        if 0 < over {
            return Err(u64::try_from(over.saturating_add(EACH - 1) / EACH).unwrap_or(1));
        }
        *paid = next;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn so_many_at_once_and_then_one_a_second() {
        let (pace, at) =
            (Pace::default(), |millis: i64| Timestamp::from_millis(1_000_000 + millis));
        let taken = (0..1000).filter(|_| pace.take(at(0)).is_ok()).count();
        assert_eq!(i64::try_from(taken), Ok(AT_ONCE));
        assert_eq!(pace.take(at(0)), Err(1));
        assert_eq!((pace.take(at(999)), pace.take(at(1000))), (Err(1), Ok(())));
        assert_eq!(pace.take(at(1001)), Err(1));
        let taken = (0..1000).filter(|_| pace.take(at(1_000_000)).is_ok()).count();
        assert_eq!(i64::try_from(taken), Ok(AT_ONCE), "what was not used does not add up");
    }
}
