//! Trust domains whose bundles come by themselves, from a Workload API of this machine.

use std::{collections::BTreeSet, sync::Arc, time::Duration};

use bailiwick_model::{Timestamp, TrustDomain};
use tokio::task::JoinSet;

use super::{Attestor, source::KeySource};
use crate::workload::{Told, WorkloadPlace, follow};

/// How long is waited before somebody who is gone is asked again: at first, and at most.
const AGAIN: (Duration, Duration) = (Duration::from_millis(500), Duration::from_secs(30));

impl Attestor {
    /// Follows all Workload APIs that bundles come from, for as long as it is polled.
    pub async fn follow(
        self: Arc<Self>,
        now: impl Fn() -> Timestamp + Clone + Send + Sync + 'static,
    ) {
        let tellers = self.domains.values().filter_map(|it| it.keys.teller().cloned());
        let tellers: BTreeSet<WorkloadPlace> = tellers.collect();
        let mut following = JoinSet::new();
        for place in tellers {
            let (its, now) = (Arc::clone(&self), now.clone());
            following.spawn(async move { its.follow_one(place, now).await });
        }
        while following.join_next().await.is_some() {}
        std::future::pending::<()>().await;
    }

    async fn follow_one(&self, place: WorkloadPlace, now: impl Fn() -> Timestamp + Send + Sync) {
        let mut pause = AGAIN.0;
        loop {
            let mut told = false;
            let lost = follow(&place, |it| {
                told |= matches!(it, Told::Bundles(..));
                for (domain, keys) in self.told_by(&place) {
                    keys.hear(domain, &it, now());
                }
            });
            let why = lost.await;
            for (_, keys) in self.told_by(&place) {
                keys.lost(&why, now());
            }
            pause = if told { AGAIN.0 } else { pause.saturating_mul(2).min(AGAIN.1) };
            tokio::time::sleep(pause).await;
        }
    }

    /// The trust domains that are configured for `place`: what it tells of others counts for nobody.
    fn told_by<'a>(
        &'a self,
        place: &'a WorkloadPlace,
    ) -> impl Iterator<Item = (&'a TrustDomain, &'a KeySource)> {
        let theirs = self.domains.iter().map(|(domain, it)| (domain, &it.keys));
        theirs.filter(move |(_, keys)| keys.teller() == Some(place))
    }
}

#[cfg(test)]
mod tests;
