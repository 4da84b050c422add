//! How long to wait before a server is started again.

use std::time::Duration;

const FIRST: Duration = Duration::from_millis(100);
const LONGEST: Duration = Duration::from_secs(30);
/// Whatever stayed up this long starts over with a short pause.
const STEADY: Duration = Duration::from_secs(10);

/// Counts failures in a row.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Backoff {
    failures: u32,
}

impl Backoff {
    /// Gives the pause after a run of `stayed`. `roll` picks a moment in the pause's second half,
    /// so that servers that fell together do not rise together.
    pub(super) fn pause(&mut self, stayed: Duration, roll: u8) -> Duration {
        if STEADY <= stayed {
            self.failures = 0;
        }
        let full =
            FIRST.saturating_mul(1_u32.checked_shl(self.failures).unwrap_or(u32::MAX)).min(LONGEST);
        self.failures = self.failures.saturating_add(1).min(16);
        // Two times 255 parts, of which the first half is always waited.
        let part = full.checked_div(510).unwrap_or(full);
        part.saturating_mul(255_u32.saturating_add(u32::from(roll)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_double_up_to_thirty_seconds() {
        let mut backoff = Backoff::default();
        for millis in [100, 200, 400, 800, 1600, 3200, 6400, 12_800, 25_600, 30_000, 30_000] {
            let (pause, wanted) =
                (backoff.pause(Duration::ZERO, u8::MAX), Duration::from_millis(millis));
            assert!(pause.abs_diff(wanted) < Duration::from_millis(1), "{pause:?} for {wanted:?}");
        }
    }

    #[test]
    fn staying_up_for_ten_seconds_starts_over() {
        let mut backoff = Backoff::default();
        for _ in 0..20 {
            backoff.pause(Duration::from_secs(9), 0);
        }
        assert!(backoff.pause(STEADY, u8::MAX) <= FIRST);
        let second = backoff.pause(Duration::ZERO, u8::MAX);
        assert!(FIRST < second && second <= FIRST * 2);
    }

    #[test]
    fn the_roll_moves_a_pause_within_its_second_half() {
        for roll in 0..=u8::MAX {
            let pause = Backoff::default().pause(Duration::ZERO, roll);
            assert!((Duration::from_micros(49_999)..=FIRST).contains(&pause));
        }
    }
}
