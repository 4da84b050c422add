//! A clock that stands still until it is told otherwise, and runs backwards if told to.

use std::time::Duration;

use bailiwick_model::Timestamp;

/// A clock in a test's hands.
#[derive(Clone, Copy, Debug)]
pub struct VirtualClock {
    now: Timestamp,
}

impl VirtualClock {
    /// Starts at `now`.
    pub const fn new(now: Timestamp) -> Self {
        Self { now }
    }

    /// Tells the time.
    pub const fn now(&self) -> Timestamp {
        self.now
    }

    /// Jumps to `moment`.
    pub const fn set(&mut self, moment: Timestamp) {
        self.now = moment;
    }

    /// Lets `span` pass.
    pub fn forward(&mut self, span: Duration) {
        self.now = self.now.after(span);
    }

    /// Goes back by `span`, as clocks do when someone sets them.
    pub fn back(&mut self, span: Duration) {
        let millis = i64::try_from(span.as_millis()).unwrap_or(i64::MAX);
        self.now = Timestamp::from_millis(self.now.millis().saturating_sub(millis));
    }
}
