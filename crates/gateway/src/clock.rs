//! The time that windows and expiry are judged by.

use std::{
    sync::{
        Arc,
        atomic::{AtomicI64, Ordering},
    },
    time::{Duration, Instant, SystemTime, UNIX_EPOCH},
};

use bailiwick_model::Timestamp;

/// The later of wall time and of the time that has passed since it was last told: a wall clock
/// that is set back opens no window again, and does not stop time either.
#[derive(Clone, Debug)]
pub struct Clock(Source);

#[derive(Clone, Debug)]
enum Source {
    /// How far ahead of the time since the start the wall clock ever was, in milliseconds.
    Real {
        started: Instant,
        ahead: Arc<AtomicI64>,
    },
    Set {
        hand: Arc<AtomicI64>,
        latest: Arc<AtomicI64>,
    },
}

/// Moves a clock that stands still otherwise: time for tests.
#[derive(Clone, Debug)]
pub struct Hand(Arc<AtomicI64>);

impl Clock {
    /// Starts the machine's clock; it never shows less than `floor`.
    pub fn start(floor: Timestamp) -> Self {
        let ahead = Arc::new(AtomicI64::new(floor.max(wall()).millis()));
        Self(Source::Real { started: Instant::now(), ahead })
    }

    /// Makes a clock that moves only by its hand.
    pub fn set(at: Timestamp) -> (Self, Hand) {
        let hand = Arc::new(AtomicI64::new(at.millis()));
        let latest = Arc::new(AtomicI64::new(at.millis()));
        (Self(Source::Set { hand: Arc::clone(&hand), latest }), Hand(hand))
    }

    /// Tells the time.
    pub fn now(&self) -> Timestamp {
        match &self.0 {
            Source::Real { started, ahead } => {
                let elapsed = i64::try_from(started.elapsed().as_millis()).unwrap_or(i64::MAX);
                let now_ahead = wall().millis().saturating_sub(elapsed);
                let most = ahead.fetch_max(now_ahead, Ordering::AcqRel).max(now_ahead);
                Timestamp::from_millis(most.saturating_add(elapsed))
            }
            Source::Set { hand, latest } => {
                let told = hand.load(Ordering::Acquire);
                Timestamp::from_millis(latest.fetch_max(told, Ordering::AcqRel).max(told))
            }
        }
    }

    /// Tells what the wall clock shows, which may go back.
    pub(crate) fn wall(&self) -> Timestamp {
        match &self.0 {
            Source::Real { .. } => wall(),
            Source::Set { hand, .. } => Timestamp::from_millis(hand.load(Ordering::Acquire)),
        }
    }
}

impl Hand {
    /// Moves time on.
    pub fn on(&self, span: Duration) {
        let moved = Timestamp::from_millis(self.0.load(Ordering::Acquire)).after(span);
        self.0.store(moved.millis(), Ordering::Release);
    }
}

fn wall() -> Timestamp {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    Timestamp::default().after(since)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn never_runs_backwards() {
        let (clock, hand) = Clock::set(Timestamp::from_millis(5_000));
        hand.on(Duration::from_secs(60));
        let later = clock.now();
        hand.0.store(0, Ordering::Release);
        assert_eq!(clock.now(), later);
    }

    #[test]
    fn goes_on_from_a_moment_that_lies_ahead_of_the_wall_clock() {
        let tomorrow = wall().after(Duration::from_secs(86_400));
        let clock = Clock::start(tomorrow);
        let deadline = Instant::now() + Duration::from_secs(10);
        while clock.now() < tomorrow.after(Duration::from_millis(2)) {
            assert!(Instant::now() < deadline, "time stands still");
        }
    }

    #[test]
    fn starts_no_earlier_than_what_was_seen_before() {
        let tomorrow = wall().after(Duration::from_secs(86_400));
        assert!(tomorrow <= Clock::start(tomorrow).now());
    }
}
