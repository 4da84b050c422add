//! `standing-grant`: permissions that are granted all the time, and were not used on days on which that would have been seen
//! (NHI5).
//!
//! What nothing could have seen does not count.

use super::{FindingKind, IntentFinding, Risk, Seen, finding::counted};
use crate::audit::State;

pub(super) fn run(seen: &Seen<'_>) -> Vec<IntentFinding> {
    let mut found = Vec::new();
    for it in seen.non_human() {
        let count = |state| it.states.get(&state).copied().unwrap_or(0);
        let dormant = count(State::Dormant);
        if dormant == 0 {
            continue;
        }
        let granted = it.entries.iter().filter(|it| !it.granted_by.is_empty()).count();
        let of = it.entries.iter().filter(|it| it.state == State::Dormant);
        let days = of.map(|it| it.observed_days).max().unwrap_or(0);
        let says = format!(
            "{dormant} of {} not used on up to {}",
            counted(
                u64::try_from(granted).unwrap_or(u64::MAX),
                "granted permission",
                "granted permissions"
            ),
            counted(days, "observed day", "observed days"),
        );
        let kind = (FindingKind::StandingGrant, Risk::Nhi5);
        let finding = IntentFinding::new(kind, (it.platform, &it.id), says, dormant);
        let finding = finding.within(&it.account);
        found.push(finding.charter(seen.charter_of(it.platform, &it.id)));
    }
    found
}
