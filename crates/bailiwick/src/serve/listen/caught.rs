//! A request that breaks off by a fault of ours: it is caught, and on record.

use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    pin::Pin,
    sync::{Arc, Mutex, PoisonError},
    task::{Context, Poll},
    time::{Duration, Instant},
};

use bailiwick_gateway::Desk;

/// How often faults are written down: whoever finds out how to cause one must not fill the record.
const TOLD_EVERY: Duration = Duration::from_secs(1);

/// Something panicked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Fault;

/// Work whose panic is its own.
pub(super) struct Caught<F>(Pin<Box<F>>);

impl<F: Future> Caught<F> {
    pub(super) fn new(work: F) -> Self {
        Self(Box::pin(work))
    }
}

impl<F: Future> Future for Caught<F> {
    type Output = Result<F::Output, Fault>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        // What broke is dropped and never polled again; locks of ours are taken over as they are.
        match caught(|| self.0.as_mut().poll(context)) {
            Ok(polled) => polled.map(Ok),
            Err(fault) => Poll::Ready(Err(fault)),
        }
    }
}

/// Does something whose panic is its own.
pub(super) fn caught<T>(work: impl FnOnce() -> T) -> Result<T, Fault> {
    catch_unwind(AssertUnwindSafe(work)).map_err(|_| Fault)
}

/// Writes down that requests broke off.
#[derive(Debug)]
pub(in crate::serve) struct Faults {
    desk: Arc<Desk>,
    untold: Mutex<Untold>,
}

#[derive(Debug, Default)]
struct Untold {
    count: u64,
    told: Option<Instant>,
}

impl Faults {
    pub(in crate::serve) fn new(desk: Arc<Desk>) -> Self {
        Self { desk, untold: Mutex::default() }
    }

    /// Takes note of a fault while `what` was answered. It is on record when this is done, unless
    /// one was just before: then the next one counts it.
    pub(super) async fn tell(&self, what: &str) {
        tracing::error!(what, "a request broke off");
        let Some(count) = self.due() else { return };
        let text =
            format!("{count} requests broke off by a fault of the governor's, the last at {what}");
        if let Err(error) = self.desk.notice("request-broke-off", text, what).await {
            tracing::error!(%error, "a fault could not be recorded");
        }
    }

    fn due(&self) -> Option<u64> {
        let mut untold = self.untold.lock().unwrap_or_else(PoisonError::into_inner);
        untold.count = untold.count.saturating_add(1);
        if untold.told.is_some_and(|it| it.elapsed() < TOLD_EVERY) {
            return None;
        }
        untold.told = Some(Instant::now());
        Some(std::mem::take(&mut untold.count))
    }
}

/// Has panics say where they were and not what they said: that may hold what a caller sent.
pub(crate) fn panics_say_where() {
    std::panic::set_hook(Box::new(|panic| {
        let at = panic.location().map(ToString::to_string).unwrap_or_default();
        tracing::error!(at, "something of the governor's panicked");
    }));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn what_panics_is_caught_and_what_does_not_is_as_it_was() {
        assert_eq!(Caught::new(async { 7 }).await, Ok(7));
        let broken = async {
            tokio::task::yield_now().await;
            assert!(std::hint::black_box(false), "on purpose");
        };
        assert_eq!(Caught::new(broken).await, Err(Fault));
    }
}
