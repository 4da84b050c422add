//! `cross-platform-hop`: an identity of one system became one of another (NHI6).
//!
//! Trust between systems is set up once and seldom looked at. Each way is told with its first moment; what is new since the
//! last report is what was not in it.

use super::{FindingKind, IntentFinding, Risk, Seen};

pub(super) fn run(seen: &Seen<'_>) -> Vec<IntentFinding> {
    let mut found = Vec::new();
    for chain in seen.audit.chains.iter().filter(|it| it.crosses) {
        let (Some(last), Some(platform)) = (chain.path.last(), chain.platforms.last()) else {
            continue;
        };
        let says = format!("first at {}: {}", chain.first, chain.path.join(" › "));
        let kind = (FindingKind::CrossPlatformHop, Risk::Nhi6);
        found.push(
            IntentFinding::new(kind, (*platform, last), says, chain.events)
                .charter(seen.charter_of(*platform, last))
                .when(chain.first, chain.last),
        );
    }
    found
}
