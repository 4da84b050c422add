//! Looks at targets for what they still have of leases that should be gone.

use std::{collections::BTreeSet, sync::Arc, time::Duration};

use bailiwick_kernel::LeaseEvent;
use bailiwick_model::{Finding, LeaseId, TargetName};
use bailiwick_store::KeptLease;
use tokio_util::sync::CancellationToken;

use super::Leases;
use crate::{DeskError, caught, meter};

/// How long a target may take to say what it has.
const FOUND_WAIT: Duration = Duration::from_secs(60);
/// How many are looked at in one round; the rest comes in the next.
const ROUND: usize = 10_000;

impl Leases {
    /// Sweeps one target again and again until told to stop.
    pub(super) async fn sweep(self: Arc<Self>, target: TargetName, stop: CancellationToken) {
        let every = self.targets.get(&target).map_or(Duration::MAX, |it| it.sweep);
        let mut strangers = BTreeSet::new();
        loop {
            tokio::select! {
                () = stop.cancelled() => return,
                () = tokio::time::sleep(every) => {}
            }
            if let Err(error) = self.sweep_once(&target, &mut strangers).await {
                tracing::error!(%target, %error, "a target could not be swept");
            }
        }
    }

    /// Looks at one target once. What is on record as gone and is there all the same is ended again.
    /// What no record knows was never made here: every lease is on record before its target is asked.
    /// It may be another governor's, so it is told of and left alone.
    pub(super) async fn sweep_once(
        &self,
        target: &TargetName,
        strangers: &mut BTreeSet<LeaseId>,
    ) -> Result<(), DeskError> {
        let Some(at) = self.targets.get(target) else { return Ok(()) };
        let begun = self.desk().now();
        let looking = tokio::time::timeout(FOUND_WAIT, at.broker.found());
        let found = match caught::whole(looking).await {
            Ok(Ok(Ok(found))) => found,
            Ok(Ok(Err(error))) => {
                tracing::warn!(%target, %error, "a target does not say what it has");
                return Ok(());
            }
            Ok(Err(_)) | Err(_) => {
                tracing::warn!(%target, "a target does not say in time what it has");
                return Ok(());
            }
        };
        let known: Vec<_> = self.shelf().with(|kept| {
            let (here, others): (Vec<_>, Vec<_>) =
                found.into_iter().partition(|it| kept.book.get(it).is_some());
            for id in here {
                kept.step(&id, LeaseEvent::Found, begun);
            }
            others.into_iter().filter(|it| !strangers.contains(it)).take(ROUND).collect()
        });
        for id in known {
            match self.known(&id).await? {
                Some(KeptLease { lease, keepsake }) if lease.target == *target => {
                    // What went while the target was counting is no orphan, nor is what is on record as
                    // alive and no more in the book: its end is just being written.
                    if lease.gone.is_none_or(|gone| begun <= gone) {
                        continue;
                    }
                    let now = self.desk().now();
                    meter::lease_orphan(target);
                    self.shelf().with(|kept| {
                        if let Some(found) = kept.book.orphan(lease, now) {
                            kept.sealed.extend(keepsake.map(|it| (id.clone(), it)));
                            kept.notice(Box::new(found));
                        }
                    });
                }
                Some(_) | None => self.tell_of_stranger(target, id, strangers),
            }
        }
        Ok(())
    }

    fn tell_of_stranger(
        &self,
        target: &TargetName,
        id: LeaseId,
        strangers: &mut BTreeSet<LeaseId>,
    ) {
        if ROUND <= strangers.len() || !strangers.insert(id.clone()) {
            return;
        }
        let text = format!(
            "`{target}` has a credential named after `{id}`, which is on no record here: it is left alone, as it may be another governor's"
        );
        let finding = Finding {
            code: "lease-unknown".to_owned(),
            text,
            at: self.desk().now(),
            task: None,
            identity: None,
            subject: target.to_string(),
        };
        self.shelf().with(|kept| kept.notice(Box::new(finding)));
    }
}
