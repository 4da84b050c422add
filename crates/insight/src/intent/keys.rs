//! `static-key` and `overdue-credential`: a credential that lasts until somebody takes it away, and one that is older than
//! the policy allows (both NHI7).
//!
//! Its age counts from when it was made, or from its first use where that was out of sight: it is at least so old. A key that
//! is overdue is not told of as static again.

use std::{collections::BTreeMap, time::Duration};

use bailiwick_model::{Platform, Timestamp, Via};

use super::{FindingKind, IntentFinding, Risk, Seen, finding::counted};
use crate::exercised::{Origin, Shown};

/// Says whether a credential lasts, and was seen to count: nobody makes it anew for a while. Of one that was refused each
/// time nobody knows whether it is still there.
pub(super) fn lasts(it: &Shown) -> bool {
    it.let_through.is_some() && is_lasting(it)
}

fn is_lasting(it: &Shown) -> bool {
    match (it.way.first(), it.origin) {
        (Some(made), _) => made.via == Via::Key,
        (None, Origin::Lasting) => true,
        // A key of a service account bears its own name.
        (None, _) => {
            it.by.platform == Platform::Google
                && it.credential.contains("/serviceAccounts/")
                && it.credential.contains("/keys/")
        }
    }
}

/// Gives since when it is there, as far as that is known.
fn since(seen: &Seen<'_>, it: &Shown) -> Timestamp {
    let made = seen.made.iter().filter(|made| made.credential == it.credential).map(|made| made.at);
    made.fold(it.used.first, Timestamp::min)
}

fn age(seen: &Seen<'_>, it: &Shown) -> Duration {
    seen.end.since(since(seen, it))
}

pub(super) fn overdue(seen: &Seen<'_>) -> Vec<IntentFinding> {
    let is_old = |it: &&Shown| lasts(it) && seen.policy.max_key_age < age(seen, it);
    let told = |it: &Shown| {
        let days = age(seen, it).as_secs() / 86_400;
        let most = seen.policy.max_key_age.as_secs() / 86_400;
        let says = format!(
            "at least {} old, where {} are allowed",
            counted(days, "day", "days"),
            counted(most, "day", "days")
        );
        IntentFinding::new(
            (FindingKind::OverdueCredential, Risk::Nhi7),
            (it.by.platform, &it.by.id),
            says,
            days,
        )
        .credential(&it.credential)
        .charter(seen.charter_of(it.by.platform, &it.by.id))
        .when(since(seen, it), it.used.last)
    };
    seen.shown.iter().filter(is_old).map(told).collect()
}

pub(super) fn lasting(seen: &Seen<'_>) -> Vec<IntentFinding> {
    let mut keys: BTreeMap<_, Vec<&Shown>> = BTreeMap::new();
    for it in &seen.shown {
        if lasts(it) && age(seen, it) <= seen.policy.max_key_age {
            keys.entry(&it.by).or_default().push(it);
        }
    }
    let mut found = Vec::new();
    for (by, keys) in keys {
        for it in keys {
            let says = format!(
                "{} with a key that lasts until it is taken away",
                counted(it.used.count, "access", "accesses")
            );
            let kind = (FindingKind::StaticKey, Risk::Nhi7);
            found.push(
                IntentFinding::new(kind, (by.platform, &by.id), says, it.used.count)
                    .credential(&it.credential)
                    .charter(seen.charter_of(by.platform, &by.id))
                    .when(it.used.first, it.used.last),
            );
        }
    }
    found
}
