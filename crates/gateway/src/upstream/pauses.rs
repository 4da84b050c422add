//! How long a server is left alone before it is asked again to tell of changes.

use std::time::Duration;

const FIRST: Duration = Duration::from_millis(500);
const LAST: Duration = Duration::from_secs(60);

/// The pauses between tries to hear a server, longer after each that came to nothing.
#[derive(Clone, Copy, Debug)]
pub(super) struct Pauses(Duration);

impl Default for Pauses {
    fn default() -> Self {
        Self(FIRST)
    }
}

impl Pauses {
    /// Gives the pause after a try that went well, after however long.
    pub(super) const fn after_well(&mut self) -> Duration {
        self.0 = FIRST;
        self.0
    }

    /// Gives the pause after a try that came to nothing and took `lasted`. Whatever held as long as the
    /// longest pause begins anew.
    pub(super) fn after_badly(&mut self, lasted: Duration) -> Duration {
        let before = if LAST <= lasted { FIRST } else { self.0 };
        self.0 = before.saturating_mul(2).min(LAST);
        self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_double_up_to_a_minute_and_begin_anew_with_what_goes_well() {
        let mut pauses = Pauses::default();
        for seconds in [1, 2, 4, 8, 16, 32, 60, 60] {
            assert_eq!(pauses.after_badly(Duration::ZERO), Duration::from_secs(seconds));
        }
        assert_eq!(pauses.after_badly(LAST), Duration::from_secs(1), "it held for long");
        assert_eq!(pauses.after_badly(Duration::ZERO), Duration::from_secs(2));
        assert_eq!(pauses.after_well(), FIRST);
        assert_eq!(pauses.after_badly(Duration::ZERO), Duration::from_secs(1));
    }
}
