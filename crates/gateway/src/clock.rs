//! The time that windows and expiry are judged by.

use std::{
    sync::{
        Arc,
        atomic::{AtomicI64, Ordering},
    },
    time::{Duration, Instant, SystemTime, UNIX_EPOCH},
};

use bailiwick_model::Timestamp;

/// The later of wall time and of the time that has passed since the start, and never earlier than
/// it said before: a wall clock that is set back opens no window again.
#[derive(Clone, Debug)]
pub struct Clock {
    source: Source,
    latest: Arc<AtomicI64>,
}

#[derive(Clone, Debug)]
enum Source {
    Real { wall: Timestamp, started: Instant },
    Set(Arc<AtomicI64>),
}

/// Moves a clock that stands still otherwise: time for tests.
#[derive(Clone, Debug)]
pub struct Hand(Arc<AtomicI64>);

impl Clock {
    /// Starts the machine's clock; it never shows less than `floor`.
    pub fn start(floor: Timestamp) -> Self {
        let wall = wall();
        let latest = Arc::new(AtomicI64::new(floor.max(wall).millis()));
        Self { source: Source::Real { wall, started: Instant::now() }, latest }
    }

    /// Makes a clock that moves only by its hand.
    pub fn set(at: Timestamp) -> (Self, Hand) {
        let hand = Arc::new(AtomicI64::new(at.millis()));
        let clock = Self {
            source: Source::Set(Arc::clone(&hand)),
            latest: Arc::new(AtomicI64::new(at.millis())),
        };
        (clock, Hand(hand))
    }

    /// Tells the time.
    pub fn now(&self) -> Timestamp {
        let told = match &self.source {
            Source::Real { wall: anchor, started } => wall().max(anchor.after(started.elapsed())),
            Source::Set(hand) => Timestamp::from_millis(hand.load(Ordering::Acquire)),
        };
        let before = self.latest.fetch_max(told.millis(), Ordering::AcqRel);
        told.max(Timestamp::from_millis(before))
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
    fn starts_no_earlier_than_what_was_seen_before() {
        let tomorrow = wall().after(Duration::from_secs(86_400));
        assert!(tomorrow <= Clock::start(tomorrow).now());
    }
}
