//! Whether this machine's clock can be believed: windows, tokens and evidence live by it.

use std::time::{Duration, Instant};

use bailiwick_model::Timestamp;

use super::{
    finding::{Finding, Severity},
    past::Past,
};
use crate::command::sign::now;

/// How far the ledger may be ahead: another process may have written while we looked.
const AHEAD: Duration = Duration::from_secs(2);
/// How far wall clock and elapsed time may part while we look.
const JUMP: Duration = Duration::from_millis(500);

/// The moment at which the looking began, by both clocks.
#[derive(Debug)]
pub(super) struct Watch {
    wall: Timestamp,
    elapsed: Instant,
}

impl Watch {
    pub(super) fn start() -> Self {
        Self { wall: now(), elapsed: Instant::now() }
    }

    pub(super) fn look(&self, past: Option<&Past>) -> Vec<Finding> {
        let now = now();
        let behind = past.and_then(|it| it.last).and_then(|last| behind(now, last));
        jumped(self.wall, now, self.elapsed.elapsed()).into_iter().chain(behind).collect()
    }
}

fn behind(now: Timestamp, last: Timestamp) -> Option<Finding> {
    let ahead = last.since(now);
    (AHEAD < ahead).then(|| Finding {
        severity: Severity::Open,
        code: "clock-behind",
        subject: "clock".to_owned(),
        found: format!("it is {now}, and the last record was written at {last}"),
        means: "the clock was set back, or was wrong before: windows and holds last longer by that much",
        mend: "find out which of both is right, and keep the clock by NTP".to_owned(),
    })
}

fn jumped(before: Timestamp, now: Timestamp, elapsed: Duration) -> Option<Finding> {
    let wall = now.since(before);
    let apart = wall.abs_diff(elapsed).max(before.since(now));
    (JUMP < apart).then(|| Finding {
        severity: Severity::Weak,
        code: "clock-jumps",
        subject: "clock".to_owned(),
        found: format!("it moved by {} ms while {} ms passed", wall.as_millis(), elapsed.as_millis()),
        means: "the times on record are worth less; a window never lasts longer than the time that passed",
        mend: "let NTP slew the clock instead of setting it".to_owned(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn at(millis: i64) -> Timestamp {
        Timestamp::from_millis(millis)
    }

    #[test]
    fn a_clock_behind_the_ledger_is_open() {
        assert_eq!(behind(at(10_000), at(13_000)).map(|it| it.severity), Some(Severity::Open));
        assert_eq!(behind(at(10_000), at(11_000)), None);
        assert_eq!(behind(at(10_000), at(1_000)), None);
    }

    #[test]
    fn a_clock_that_moves_otherwise_than_time_jumps() {
        let second = Duration::from_secs(1);
        assert_eq!(jumped(at(0), at(1_000), second), None);
        assert_eq!(jumped(at(0), at(9_000), second).map(|it| it.code), Some("clock-jumps"));
        assert_eq!(jumped(at(9_000), at(0), second).map(|it| it.code), Some("clock-jumps"));
    }
}
