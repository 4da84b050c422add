//! `cross-platform-hop`: an identity of one system became one of another (NHI6).
//!
//! Trust between systems is set up once and seldom looked at. Each way is told with its first moment, and with how long the
//! system that it leads to had been watched without it: a way that is new, where that was long, is the first of its kind.

use bailiwick_model::{Platform, Timestamp};

use super::{FindingKind, IntentFinding, Risk, Seen, finding::counted};

pub(super) fn run(seen: &Seen<'_>) -> Vec<IntentFinding> {
    let mut found = Vec::new();
    for chain in seen.audit.chains.iter().filter(|it| it.crosses) {
        let (Some(last), Some(platform)) = (chain.path.last(), chain.platforms.last()) else {
            continue;
        };
        let way = chain.path.join(" › ");
        let says = match watched_before(seen, (*platform, last), chain.first) {
            0 => format!("first at {}: {way}", chain.first),
            days => {
                let days = counted(days, "day", "days");
                format!("new at {}, after {days} without it: {way}", chain.first)
            }
        };
        let kind = (FindingKind::CrossPlatformHop, Risk::Nhi6);
        found.push(
            IntentFinding::new(kind, (*platform, last), says, chain.events)
                .charter(seen.charter_of(*platform, last))
                .when(chain.first, chain.last),
        );
    }
    found
}

/// Counts the days before a moment on which the log of somebody's account was there: of several, the fewest.
fn watched_before(seen: &Seen<'_>, (platform, id): (Platform, &str), at: Timestamp) -> u64 {
    let mine = seen.touched.iter().filter(|it| it.who.platform == platform && it.who.id == id);
    let days = mine.map(|it| {
        let days = seen.exercised.delivered(platform, &it.account);
        days.count().saturating_sub(days.count_since(at))
    });
    days.min().unwrap_or(0)
}
