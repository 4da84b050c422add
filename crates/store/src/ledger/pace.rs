//! How long a write waits for company: not at all where few come, a moment where many do.
//!
//! A write costs processor time, however much is in it. Where records come close on each other, one
//! that is a moment later takes several along, and all of them together come through sooner.

use std::time::Duration;

/// How close on each other they come at least where it pays to wait, on average.
const CLOSE: Duration = Duration::from_micros(200);
/// How long a write waits then.
const PAUSE: Duration = Duration::from_micros(500);
/// A longer time without a record says no more than this one.
const LONG: Duration = Duration::from_millis(10);
/// How many writes the average is over.
const OVER: u32 = 8;

/// How close on each other records come that somebody waits for.
#[derive(Debug)]
pub(super) struct Pace {
    gap: Duration,
}

impl Default for Pace {
    fn default() -> Self {
        Self { gap: LONG }
    }
}

impl Pace {
    /// Takes note of a write that `waited` callers waited for, so long after the one before.
    pub(super) fn wrote(&mut self, waited: usize, since: Duration) {
        let waited = u32::try_from(waited.max(1)).unwrap_or(u32::MAX);
        let gap = since.min(LONG).checked_div(waited).unwrap_or(LONG);
        let sum = self.gap.saturating_mul(OVER.saturating_sub(1)).saturating_add(gap);
        self.gap = sum.checked_div(OVER).unwrap_or(LONG);
    }

    /// Says how long the next write waits for company.
    pub(super) fn pause(&self) -> Duration {
        if self.gap < CLOSE { PAUSE } else { Duration::ZERO }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Lets so many come with each of many writes, so long after each other.
    fn after(waited: usize, since: Duration) -> Duration {
        let mut pace = Pace::default();
        (0..200).for_each(|_| pace.wrote(waited, since));
        pace.pause()
    }

    #[test]
    fn one_after_the_other_never_waits_for_company() {
        assert_eq!(Pace::default().pause(), Duration::ZERO);
        assert_eq!(after(1, Duration::from_micros(450)), Duration::ZERO);
        assert_eq!(after(0, Duration::from_millis(2)), Duration::ZERO);
    }

    #[test]
    fn many_wait_for_company_and_soon_no_more_when_they_are_gone() {
        let mut pace = Pace::default();
        (0..100).for_each(|_| pace.wrote(5, Duration::from_micros(700)));
        assert_eq!(pace.pause(), PAUSE);
        pace.wrote(1, Duration::from_secs(3600));
        assert_eq!(pace.pause(), Duration::ZERO);
    }

    proptest! {
        #[test]
        fn the_pause_follows_from_how_close_they_come(waited in 1_usize..100, micros in 0_u64..20_000) {
            let since = Duration::from_micros(micros);
            let edge = CLOSE.saturating_mul(u32::try_from(waited).unwrap());
            let (came, pause) = (since.min(LONG), after(waited, since));
            // Averages are rounded.
            let near = came.abs_diff(edge) < Duration::from_micros(5);
            prop_assert!(near || (pause == PAUSE) == (came < edge), "{pause:?}");
        }
    }
}
