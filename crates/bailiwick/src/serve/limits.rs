//! How much of the world is answered at once. `docs/reference/limits.md` has these numbers, too.

use std::time::Duration;

/// How many connections are served at once, where the system has descriptors for them.
pub(super) const CONNECTIONS: usize = 16_384;
/// How many of them one address may have, or one network of IPv6.
pub(super) const CONNECTIONS_OF_A_PEER: usize = 4096;
/// How many connections the admin socket serves at once.
pub(super) const CONNECTIONS_OF_THE_SOCKET: usize = 512;
/// How many descriptors are left for everything else: the ledger, tool servers, connections to them.
pub(super) const DESCRIPTORS_OF_OUR_OWN: usize = 1024;
/// How many connections that find no place are told so at once; more are just closed.
pub(super) const TURNED_AWAY_AT_ONCE: usize = 64;
/// How long the head of a request may take, and how long a connection may idle.
pub(super) const HEAD_WAIT: Duration = Duration::from_secs(15);
/// How many bytes of a request's head are read.
pub(super) const HEAD_MAX: usize = 64 << 10;
/// How long nothing of an answer may be taken before its reader is left.
pub(super) const WRITE_WAIT: Duration = Duration::from_secs(30);
/// How long a head that has begun may still take when the governor stops.
pub(super) const LAST_HEAD: Duration = Duration::from_secs(1);

/// Gives how many connections are served at once in a process that may have so many descriptors.
pub(super) const fn connections(descriptors: usize) -> usize {
    // A process with few descriptors shares them evenly.
    let half = descriptors / 2;
    let rest = descriptors.saturating_sub(DESCRIPTORS_OF_OUR_OWN);
    let affordable = if rest < half { half } else { rest };
    if affordable < CONNECTIONS { affordable } else { CONNECTIONS }
}

/// Asks for as many descriptors as the system lets this process have, and gives how many that are.
pub(super) fn descriptors() -> usize {
    use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
    let Rlimit { current, maximum } = getrlimit(Resource::Nofile);
    if setrlimit(Resource::Nofile, Rlimit { current: maximum, maximum }).is_err() {
        tracing::debug!("the limit of descriptors stays as it is");
    }
    let now = getrlimit(Resource::Nofile).current.or(current);
    now.map_or(usize::MAX, |it| usize::try_from(it).unwrap_or(usize::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_page_of_limits_has_these_numbers() {
        let page = include_str!("../../../../docs/reference/limits.md");
        let thousands = |it: usize| format!("{},{:03}", it / 1000, it % 1000);
        for line in [
            format!("| connections of the listener | {};", thousands(CONNECTIONS)),
            format!("less {} (half", thousands(DESCRIPTORS_OF_OUR_OWN)),
            format!("| {} | the same, among its own |", thousands(CONNECTIONS_OF_A_PEER)),
            format!("| connections of the admin socket | {CONNECTIONS_OF_THE_SOCKET} |"),
            format!("| {} s, {} KiB,", HEAD_WAIT.as_secs(), HEAD_MAX >> 10),
            format!("or is gone | {} s |", WRITE_WAIT.as_secs()),
        ] {
            assert!(page.contains(&line), "{line}");
        }
    }

    #[test]
    fn connections_never_take_all_descriptors() {
        for (descriptors, wanted) in [
            (0, 0),
            (256, 128),
            (1024, 512),
            (4096, 3072),
            (20_000, CONNECTIONS),
            (usize::MAX, CONNECTIONS),
        ] {
            assert_eq!(connections(descriptors), wanted, "{descriptors}");
        }
    }
}
