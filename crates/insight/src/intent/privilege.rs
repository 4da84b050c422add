//! `over-privileged`: it may change who may do what, and on the days on which that would have been seen it never did (NHI5).
//!
//! Whoever gets hold of it can give themselves the rest.

use super::{FindingKind, IntentFinding, Risk, Seen, finding::counted};
use crate::{audit::State, names::Level};

/// How many permissions are named.
const NAMED: usize = 3;

pub(super) fn run(seen: &Seen<'_>) -> Vec<IntentFinding> {
    let mut found = Vec::new();
    for it in seen.non_human() {
        let is = |it: &&crate::audit::AuditEntry| {
            it.state == State::Dormant && it.level == Some(Level::Permissions)
        };
        let names: Vec<_> = it.entries.iter().filter(is).map(|it| it.name.as_str()).collect();
        let Ok(count) = u64::try_from(names.len()) else { continue };
        if count == 0 {
            continue;
        }
        let more = names.len().saturating_sub(NAMED);
        let more = if more == 0 { String::new() } else { format!(" and {more} more") };
        let named: Vec<_> = names.into_iter().take(NAMED).collect();
        let says = format!(
            "{} that {} who may do what, never used: {}{more}",
            counted(count, "permission", "permissions"),
            if count == 1 { "changes" } else { "change" },
            named.join(", "),
        );
        let kind = (FindingKind::OverPrivileged, Risk::Nhi5);
        let finding = IntentFinding::new(kind, (it.platform, &it.id), says, count);
        let finding = finding.within(&it.account);
        found.push(finding.charter(seen.charter_of(it.platform, &it.id)));
    }
    found
}
