//! How long sessions of ours live: by every clock there is, since one of them may be wrong.

use std::{
    collections::BTreeMap,
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use bailiwick_model::{LeaseId, Timestamp};
use tokio::time::Instant;

use crate::broker::{
    ISSUE_WAIT,
    deny::{bits, wall},
};

/// No session lives longer; where nothing else is known of one, the id of its lease says when it began.
const NAMED: Duration = Duration::from_secs(13 * 3600);

/// The session of one lease.
#[derive(Debug)]
struct Life {
    /// When AWS says that it ends.
    until: Timestamp,
    /// Since when it is known here, and how long it lives from then.
    since: Instant,
    span: Duration,
}

/// The sessions of leases, until they are over.
#[derive(Debug, Default)]
pub(super) struct Lives(Mutex<BTreeMap<LeaseId, Life>>);

impl Lives {
    fn lock(&self) -> MutexGuard<'_, BTreeMap<LeaseId, Life>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes down a session that was just made.
    pub(super) fn began(&self, lease: &LeaseId, until: Timestamp, span: Duration) {
        let life = Life { until, since: Instant::now(), span };
        self.lock().insert(lease.clone(), life);
    }

    /// Says how long a session lives still, by the clock that gives it the longest. Of what another process
    /// made, nobody here counted the time: it is counted from now on.
    pub(super) fn left(&self, lease: &LeaseId, until: Timestamp, now: Timestamp) -> Duration {
        let mut lives = self.lock();
        let life = lives.entry(lease.clone()).or_insert_with(|| {
            let span = until.since(now.min(wall()));
            Life { until, since: Instant::now(), span }
        });
        life.left(now)
    }

    /// Says whether a session is over by every clock.
    pub(super) fn is_over(&self, lease: &LeaseId, now: Timestamp) -> bool {
        let mut lives = self.lock();
        let Some(life) = lives.get(lease) else {
            let end = began(lease).after(NAMED);
            return end <= now && end <= wall();
        };
        let over = life.left(now).is_zero();
        if over {
            lives.remove(lease);
        }
        over
    }

    /// Drops what is known of a session that matters no more.
    pub(super) fn forget(&self, lease: &LeaseId) {
        self.lock().remove(lease);
    }
}

impl Life {
    fn left(&self, now: Timestamp) -> Duration {
        let counted = self.span.saturating_sub(self.since.elapsed());
        self.until.since(now).max(self.until.since(wall())).max(counted)
    }
}

/// How long it may take until a lease is on record, and how far AWS's clock may be ahead of ours.
const RECORD: Duration = Duration::from_secs(60);
const AHEAD: Duration = Duration::from_secs(5 * 60);
/// How long after its lease was ordered a session may be issued, by AWS's clock at the latest: it waits to
/// be on record, then for its turn, then for the answer.
const ISSUING: Duration = RECORD.saturating_add(ISSUE_WAIT.saturating_mul(2)).saturating_add(AHEAD);

/// Says when the session of a lease was issued at the latest.
pub(super) fn issued(lease: &LeaseId) -> Timestamp {
    began(lease).after(ISSUING)
}

/// Says whether a session may live that was issued before, by any clock.
pub(super) fn may_live(issued: Timestamp, now: Timestamp) -> bool {
    let end = issued.after(NAMED);
    now < end || wall() < end
}

/// When a lease was put on record, as its id says.
fn began(lease: &LeaseId) -> Timestamp {
    let millis = bits(lease).checked_shr(80).unwrap_or(0);
    Timestamp::from_millis(i64::try_from(millis).unwrap_or(i64::MAX))
}

#[cfg(test)]
mod tests {
    use bailiwick_model::Ulid;

    use super::*;

    const HOUR: Duration = Duration::from_secs(3600);

    fn lease(at: Timestamp, number: u8) -> LeaseId {
        LeaseId::new(Ulid::new(at, [number; 10]))
    }

    #[tokio::test(start_paused = true)]
    async fn a_session_is_over_when_it_is_by_every_clock() {
        let (lives, now) = (Lives::default(), Timestamp::from_millis(1_500_000_000_000));
        let (one, end) = (lease(now, 1), now.after(HOUR));
        lives.began(&one, end, HOUR);
        // One clock is far ahead, and so is the system's; the time that was counted is not.
        let ahead = now.after(HOUR.saturating_mul(1000));
        assert_eq!(lives.left(&one, end, ahead), HOUR);
        assert!(!lives.is_over(&one, ahead));
        tokio::time::advance(HOUR).await;
        assert!(!lives.is_over(&one, now), "it is not over by the clock of whoever asks");
        assert!(lives.is_over(&one, end), "it is named for as long as it lives and no longer");
    }

    #[test]
    fn what_waited_for_as_long_as_it_may_is_denied_by_when_it_was_issued() {
        let ordered = Timestamp::from_millis(1_500_000_000_000);
        let asked = ordered.after(ISSUE_WAIT);
        let answered = asked.after(ISSUE_WAIT);
        let ahead = Duration::from_secs(5 * 60);
        assert!(answered.after(ahead) < issued(&lease(ordered, 1)));
    }

    #[tokio::test(start_paused = true)]
    async fn what_another_process_made_is_named_as_long_as_any_session_may_live() {
        let lives = Lives::default();
        let began = wall();
        let other = lease(began, 2);
        let ahead = began.after(NAMED.saturating_mul(2));
        assert!(!lives.is_over(&other, ahead), "the system's clock is not ahead");
        let long_ago = Timestamp::from_millis(1_500_000_000_000);
        assert!(lives.is_over(&lease(long_ago, 3), ahead));
        // Once it is known when it ends, that counts.
        let until = began.after(HOUR);
        assert!(HOUR <= lives.left(&other, until, ahead).saturating_add(Duration::from_secs(1)));
    }
}
