//! How often one identity is refused in writing.
//!
//! Every decision is a record, so whoever is refused without end would fill the disk. An identity
//! may be refused so often at once, and so often a second from then on. Beyond that it is turned
//! away before anything is decided, and the clock writes down how often: nothing is unsaid, and
//! what was decided is still on record one by one (law 3).

use std::{
    collections::BTreeMap,
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use bailiwick_model::{CommandRecord, IdentityId, Timestamp};

use super::{Desk, DeskError, Writing};

/// How often an identity may be refused at once.
const AT_ONCE: u32 = 1000;
/// How long it takes until it may be refused once more.
const ONE_MORE: Duration = Duration::from_secs(1);
/// How often the clock writes down that an identity is turned away.
const TOLD_EVERY: Duration = Duration::from_secs(10);

/// How often each identity was refused of late.
#[derive(Debug, Default)]
pub(super) struct Refusals(Mutex<BTreeMap<IdentityId, Account>>);

/// One identity's account.
#[derive(Clone, Copy, Debug, Default)]
struct Account {
    /// When all of its refusals will be forgotten.
    clear: Timestamp,
    /// How often it was turned away, and since when, as far as it is not on record.
    away: u64,
    since: Timestamp,
    /// When that was written down last.
    told: Timestamp,
}

impl Account {
    /// Says how long it takes until a refusal is decided again; none where it would be now.
    fn wait(&self, now: Timestamp) -> Option<Duration> {
        let ahead = self.clear.millis().saturating_sub(now.millis());
        let room = millis(ONE_MORE).saturating_mul(i64::from(AT_ONCE.saturating_sub(1)));
        let over = u64::try_from(ahead.saturating_sub(room)).unwrap_or(0);
        (0 < over).then(|| Duration::from_millis(over))
    }
}

impl Refusals {
    fn accounts(&self) -> MutexGuard<'_, BTreeMap<IdentityId, Account>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes note of a refusal.
    fn refused(&self, who: &IdentityId, now: Timestamp) {
        let mut accounts = self.accounts();
        let account = accounts.entry(who.clone()).or_default();
        account.clear = account.clear.max(now).after(ONE_MORE);
    }

    /// Turns `who` away where it was refused too often, and says when to come back.
    fn turned_away(&self, who: &IdentityId, now: Timestamp) -> Option<Duration> {
        let mut accounts = self.accounts();
        let account = accounts.get_mut(who)?;
        let wait = account.wait(now)?;
        if account.away == 0 {
            account.since = now;
        }
        account.away = account.away.saturating_add(1);
        Some(wait)
    }

    /// Takes what is to be written down by now, and forgets whoever was not refused of late.
    fn due(&self, now: Timestamp, all: bool) -> Vec<(IdentityId, u64, Timestamp)> {
        let mut accounts = self.accounts();
        let mut due = Vec::new();
        for (who, account) in accounts.iter_mut().filter(|(_, it)| 0 < it.away) {
            if all || account.told.after(TOLD_EVERY) <= now {
                due.push((who.clone(), std::mem::take(&mut account.away), account.since));
                account.told = now;
            }
        }
        accounts.retain(|_, it| now < it.clear || 0 < it.away);
        due
    }
}

impl Desk {
    /// Takes note that `who` was refused, which is on record.
    pub(crate) fn was_refused(&self, who: &IdentityId) {
        self.refusals.refused(who, self.now());
    }

    /// Says when `who`, who was refused too often, may come back; none where it may ask now.
    pub(crate) fn turned_away(&self, who: &IdentityId) -> Option<Duration> {
        self.refusals.turned_away(who, self.now())
    }

    /// Writes down whoever was turned away and is not on record yet: the last words before the
    /// ledger is closed.
    pub async fn tell_turned_away(&self) -> Result<(), DeskError> {
        self.tell(true).await
    }

    pub(super) async fn tell(&self, all: bool) -> Result<(), DeskError> {
        let (mut writing, now) = (Writing::default(), self.now());
        for (identity, count, since) in self.refusals.due(now, all) {
            tracing::warn!(%identity, count, "turned away: it was refused too often");
            writing.command(now, "clock", CommandRecord::TurnedAway { identity, count, since });
        }
        self.owe(writing).await
    }
}

fn millis(span: Duration) -> i64 {
    i64::try_from(span.as_millis()).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn who(name: &str) -> IdentityId {
        name.parse().unwrap()
    }

    fn at(seconds: u64) -> Timestamp {
        Timestamp::from_millis(1_000_000).after(Duration::from_secs(seconds))
    }

    #[test]
    fn whoever_is_refused_without_end_is_turned_away_and_may_come_back() {
        let (refusals, loud, quiet) = (Refusals::default(), who("loud"), who("quiet"));
        for _ in 0..AT_ONCE {
            assert_eq!(refusals.turned_away(&loud, at(0)), None);
            refusals.refused(&loud, at(0));
        }
        assert_eq!(refusals.turned_away(&loud, at(0)), Some(ONE_MORE));
        assert_eq!(refusals.turned_away(&quiet, at(0)), None, "nobody pays for another");
        // Once a second from then on.
        for second in 1..10 {
            assert_eq!(refusals.turned_away(&loud, at(second)), None);
            refusals.refused(&loud, at(second));
            assert_eq!(refusals.turned_away(&loud, at(second)), Some(ONE_MORE));
        }
    }

    #[test]
    fn what_was_turned_away_is_told_at_once_then_seldom_and_at_the_end() {
        let (refusals, loud) = (Refusals::default(), who("loud"));
        (0..AT_ONCE).for_each(|_| refusals.refused(&loud, at(0)));
        assert_eq!(refusals.due(at(0), false), Vec::new());
        let away = |second| assert!(refusals.turned_away(&loud, at(second)).is_some());
        (0..3).for_each(|_| away(0));
        assert_eq!(refusals.due(at(0), false), vec![(loud.clone(), 3, at(0))]);
        refusals.refused(&loud, at(1));
        away(1);
        assert_eq!(refusals.due(at(2), false), Vec::new());
        assert_eq!(refusals.due(at(2), true), vec![(loud.clone(), 1, at(1))]);
        // In the end it is forgotten, and as good as new.
        assert_eq!(refusals.due(at(10_000), false), Vec::new());
        assert!(refusals.accounts().is_empty());
    }

    proptest! {
        /// However an identity asks, what is decided is bounded and everything is counted.
        #[test]
        fn every_call_is_decided_or_counted(calls in proptest::collection::vec((0_u64..3, 0_u64..400), 1..40)) {
            let (refusals, loud) = (Refusals::default(), who("loud"));
            let (mut now, mut decided, mut told) = (0_u64, 0_u64, Vec::new());
            for (pause, count) in &calls {
                now = now.saturating_add(*pause);
                for _ in 0..*count {
                    if refusals.turned_away(&loud, at(now)).is_none() {
                        decided = decided.saturating_add(1);
                        refusals.refused(&loud, at(now));
                    }
                }
                told.extend(refusals.due(at(now), false));
            }
            told.extend(refusals.due(at(now), true));
            let told = told.iter().map(|it| it.1).sum::<u64>();
            prop_assert_eq!(calls.iter().map(|it| it.1).sum::<u64>(), decided.saturating_add(told));
            prop_assert!(decided <= now.saturating_add(AT_ONCE.into()));
        }
    }
}
