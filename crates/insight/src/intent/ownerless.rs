//! `ownerless`: an identity that acts or holds something, and no charter knows it (NHI1).
//!
//! A charter has an owner. Without any charter nothing is known of owners, and nothing is said. People answer for themselves,
//! and what a system made for itself is the system's.

use super::{FindingKind, IntentFinding, Risk, Seen};

pub(super) fn run(seen: &Seen<'_>) -> Vec<IntentFinding> {
    if seen.charters.is_empty() {
        return Vec::new();
    }
    let sums = seen.sums();
    let nobody = seen.non_human().filter(|it| seen.charter_of(it.platform, &it.id).is_none());
    nobody
        .map(|it| {
            let done = sums.get(&it.name()).map_or(0, |it| it.0);
            let says = "no charter knows it, and so nobody answers for it".to_owned();
            let kind = (FindingKind::Ownerless, Risk::Nhi1);
            IntentFinding::new(kind, (it.platform, &it.id), says, done).within(&it.account)
        })
        .collect()
}
