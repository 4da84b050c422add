//! `shared-identity`: several charters know one identity of a system, or several identities showed one credential (NHI9).
//!
//! Nobody can then say who it was. Where somebody acts as somebody else, one credential rightly stands behind two names:
//! only systems whose credentials are never lent like that are looked at.

use std::collections::{BTreeMap, BTreeSet};

use bailiwick_model::{Platform, Timestamp};

use super::{FindingKind, IntentFinding, Risk, Seen, is_non_human};

const KIND: (FindingKind, Risk) = (FindingKind::SharedIdentity, Risk::Nhi9);

/// Systems in which a credential is one identity's.
const NEVER_LENT: [Platform; 3] = [Platform::Github, Platform::Anthropic, Platform::Openai];

pub(super) fn run(seen: &Seen<'_>) -> Vec<IntentFinding> {
    let mut found = charters(seen);
    found.extend(credentials(seen));
    found
}

fn charters(seen: &Seen<'_>) -> Vec<IntentFinding> {
    let mut known: BTreeMap<_, BTreeSet<&str>> = BTreeMap::new();
    for charter in seen.charters {
        for name in &charter.known_as {
            known.entry(name).or_default().insert(&charter.identity);
        }
    }
    let several = known.into_iter().filter(|(_, charters)| 1 < charters.len());
    several
        .map(|(name, charters)| {
            let count = u64::try_from(charters.len()).unwrap_or(u64::MAX);
            let charters: Vec<_> = charters.iter().map(|it| format!("`{it}`")).collect();
            let says = format!("the charters of {} all know it", charters.join(", "));
            IntentFinding::new(KIND, (name.platform, &name.id), says, count)
        })
        .collect()
}

fn credentials(seen: &Seen<'_>) -> Vec<IntentFinding> {
    let kinds: BTreeMap<_, _> =
        seen.audit.identities.iter().map(|it| (it.name(), it.kind)).collect();
    // One identity may have come by one credential in several ways: it is one all the same.
    let mut by: BTreeMap<_, BTreeMap<_, (Timestamp, Timestamp)>> = BTreeMap::new();
    for it in &seen.shown {
        let kind = kinds.get(&it.by).copied().unwrap_or_default();
        let counts = NEVER_LENT.contains(&it.by.platform) && !it.credential.is_empty();
        if counts && (is_non_human(kind, &it.by.id) || kind == bailiwick_model::ActorKind::Person) {
            by.entry((it.by.platform, it.credential.as_str()))
                .or_default()
                .entry(&it.by)
                .and_modify(|when| {
                    *when = (when.0.min(it.used.first), when.1.max(it.used.last));
                })
                .or_insert((it.used.first, it.used.last));
        }
    }
    let several = by.into_iter().filter(|(_, shown)| 1 < shown.len());
    several
        .flat_map(|((platform, credential), shown)| {
            let count = u64::try_from(shown.len()).unwrap_or(u64::MAX);
            shown.into_iter().map(move |(who, (first, last))| {
                let says = format!("{count} identities showed this credential");
                IntentFinding::new(KIND, (platform, &who.id), says, count)
                    .credential(credential)
                    .when(first, last)
            })
        })
        .collect()
}
