//! `only-signs-in`: an identity comes in, again and again, and does nothing (NHI1).
//!
//! What it was for may be gone. A log of sign-ins alone shows nothing else of anybody: there must be something else of
//! somebody in the log of the same account.

use std::collections::BTreeSet;

use super::{FindingKind, IntentFinding, Risk, Seen, finding::counted};

pub(super) fn run(seen: &Seen<'_>) -> Vec<IntentFinding> {
    let shows_more: BTreeSet<_> = seen
        .touched
        .iter()
        .filter(|it| it.touch.sign_ins < it.touch.done)
        .map(|it| (it.who.platform, it.account.as_str()))
        .collect();
    let sums = seen.sums();
    let mut found = Vec::new();
    for it in seen.non_human() {
        let name = it.name();
        let Some((done, sign_ins)) = sums.get(&name) else { continue };
        let mut places = seen.touched.iter().filter(|of| of.who == name);
        let is_seen = places.all(|of| {
            of.touch.denied == 0 && shows_more.contains(&(it.platform, of.account.as_str()))
        });
        if 0 < *done && done == sign_ins && is_seen {
            let says = format!("{}, and nothing else", counted(*done, "sign-in", "sign-ins"));
            let kind = (FindingKind::OnlySignsIn, Risk::Nhi1);
            let finding = IntentFinding::new(kind, (it.platform, &it.id), says, *done);
            let finding = finding.within(&it.account);
            found.push(finding.charter(seen.charter_of(it.platform, &it.id)));
        }
    }
    found
}
