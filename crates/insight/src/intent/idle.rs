//! `unused-credential`: a credential that lasts was made, and not used since; or it was used, and long not again.
//!
//! Somebody may have left, and the key stayed (NHI1). It is told only where the account's log has both what is read and what
//! is changed on days since: a log of changes alone does not show a key that reads. Data events may still be missing.

use std::{
    cell::LazyCell,
    collections::{BTreeMap, BTreeSet},
};

use bailiwick_model::{Platform, Timestamp, Via};

use super::{FindingKind, IntentFinding, Risk, Seen, finding::counted, keys};
use crate::{exercised::Deeds, names::Sort};

const KIND: (FindingKind, Risk) = (FindingKind::UnusedCredential, Risk::Nhi1);

pub(super) fn run(seen: &Seen<'_>) -> Vec<IntentFinding> {
    let mut found = Vec::new();
    // Which key was deleted is not kept: where any was since, none is called unused.
    let doers = LazyCell::new(|| seen.exercised.doers());
    let deleted = |since: Timestamp| {
        let deeds = doers.values().filter_map(|it| it.deeds.get("aws:iam:DeleteAccessKey"));
        deeds.filter_map(Deeds::exercised).any(|it| since <= it.last)
    };
    let shown: BTreeSet<_> = seen.shown.iter().map(|it| it.credential.as_str()).collect();
    for made in &seen.made {
        let platform = made.by.platform;
        let is_other = made.via != Via::Key || shown.contains(made.credential.as_str());
        if is_other || deleted(made.at) {
            continue;
        }
        let account = account_of(&made.to).unwrap_or(&made.account);
        let days = observed(seen, platform, account, made.at);
        if 0 < days {
            let says = format!(
                "made at {}, and not used on the {} of its account's log since",
                made.at,
                counted(days, "day", "days")
            );
            let whose = (platform, made.to.as_str());
            let finding = IntentFinding::new(KIND, whose, says, days).credential(&made.credential);
            found.push(finding.charter(seen.charter_of(platform, &made.to)));
        }
    }
    // Whoever used a credential, and in whichever way, it was used.
    let mut last: BTreeMap<_, Timestamp> = BTreeMap::new();
    let used = seen.shown.iter().filter_map(|it| Some((it, it.let_through?)));
    for (it, (_, used_last)) in used.clone() {
        let known = last.entry((it.by.platform, it.credential.as_str())).or_insert(used_last);
        *known = used_last.max(*known);
    }
    for (it, (first, used_last)) in used.filter(|it| keys::lasts(it.0)) {
        let platform = it.by.platform;
        let is_last = last.get(&(platform, it.credential.as_str())) == Some(&used_last);
        if !is_last || deleted(used_last) {
            continue;
        }
        let account = account_of(&it.by.id).map_or_else(|| account(seen, it), str::to_owned);
        let days = observed(seen, platform, &account, used_last);
        if 0 < days && seen.policy.unused_days <= days {
            let says = format!(
                "last used at {}, and not on the {} of its account's log since",
                used_last,
                counted(days, "day", "days")
            );
            let finding = IntentFinding::new(KIND, (platform, &it.by.id), says, days)
                .credential(&it.credential)
                .when(first, used_last);
            found.push(finding.charter(seen.charter_of(platform, &it.by.id)));
        }
    }
    found
}

/// Counts the days since, where the log would have shown any use: none where it has no reads, or no changes.
fn observed(seen: &Seen<'_>, platform: Platform, account: &str, since: Timestamp) -> u64 {
    if platform == Platform::Aws {
        let has = |reads| {
            0 < seen
                .exercised
                .observed(platform, account, &Sort { data_of: "".into(), reads })
                .count()
        };
        if !has(true) || !has(false) {
            return 0;
        }
    }
    seen.days_after(platform, account, since)
}

/// Gives the account that an ARN names.
fn account_of(arn: &str) -> Option<&str> {
    let account = arn.strip_prefix("arn:")?.split(':').nth(3)?;
    (!account.is_empty()).then_some(account)
}

fn account(seen: &Seen<'_>, it: &crate::exercised::Shown) -> String {
    let found = seen.touched.iter().find(|touched| touched.who == it.by);
    found.map(|it| it.account.clone()).unwrap_or_default()
}
