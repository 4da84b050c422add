//! Processor time of the thread that asks, to the nanosecond.

use std::time::Duration;

use rustix::time::{ClockId, clock_gettime};

/// Gives what this thread has used so far.
pub(crate) fn used() -> Duration {
    let time = clock_gettime(ClockId::ThreadCPUTime);
    let (seconds, nanos) = (u64::try_from(time.tv_sec), u32::try_from(time.tv_nsec));
    Duration::new(seconds.unwrap_or_default(), nanos.unwrap_or_default())
}

/// Runs `step`, and gives what it made with the processor time that it took. Asking the clock is
/// part of it: some 0.3 µs.
pub(crate) fn timed<T>(step: impl FnOnce() -> T) -> (T, Duration) {
    let before = used();
    let made = step();
    (made, used().saturating_sub(before))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn time_is_used_by_work_and_not_by_waiting() {
        let ((), waited) = timed(|| std::thread::sleep(Duration::from_millis(20)));
        let (_, worked) =
            timed(|| (0..5_000_000_u64).fold(0, |sum, it| sum ^ std::hint::black_box(it)));
        assert!(waited < Duration::from_millis(10), "{waited:?}");
        assert!(Duration::ZERO < worked);
    }
}
