//! Requests that break off by a fault of ours are on record.

use std::{
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};

use bailiwick_gateway::Desk;

/// How often faults are written down: whoever finds out how to cause one must not fill the record.
const TOLD_EVERY: Duration = Duration::from_secs(1);

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
