//! An organisation that lives for some days, from a seed: agents, workflows, a cluster, a cloud, a database and people.
//!
//! It writes what its systems would log, and beside it the truth that no log has: who acted, by which way, with which
//! permission. Nothing in it is random but by the seed, and its size is bounded by the plan.

mod dice;
mod life;
mod native;

use std::collections::{BTreeMap, BTreeSet};

use bailiwick_model::{Exercise, Platform};

pub use self::dice::Dice;

/// What is to be lived through.
#[derive(Clone, Copy, Debug)]
pub struct Plan {
    /// Of what everything comes.
    pub seed: u64,
    /// How many pieces of work are done; each makes at most some thirty accesses.
    pub works: u32,
    /// Whether a gateway leases agents their credentials, instead of keys that lie about.
    pub leases: bool,
}

/// A name of one system.
pub type Name = (Platform, String);

/// One access, as it was.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Deed {
    /// Its key in the log.
    pub key: u128,
    /// The credential that was shown.
    pub credential: String,
    /// Whoever began it first, and all whom it led through, to the one that the log names.
    pub path: Vec<Name>,
    /// The permission that it took.
    pub permission: String,
    /// Whether it was refused.
    pub denied: bool,
    /// Whether it came by a lease of the gateway.
    pub leased: bool,
}

/// What became of it.
#[derive(Debug, Default)]
pub struct Organisation {
    /// Each access, as a source tells of it.
    pub exercises: Vec<Exercise<'static>>,
    /// What systems wrote, line by line.
    pub logs: BTreeMap<Platform, Vec<String>>,
    /// What AWS grants, as its own tool lists it.
    pub grants: serde_json::Value,
    /// What is granted and was never asked for: role and permission.
    pub dormant: BTreeSet<(String, String)>,
    /// What happened, and is in some log.
    pub truth: Vec<Deed>,
}

/// Lives through a plan.
pub fn organisation(plan: Plan) -> Organisation {
    life::live(plan)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_seed_lives_the_same_life_and_another_another() {
        let plan = Plan { seed: 7, works: 12, leases: true };
        let (one, again) = (organisation(plan), organisation(plan));
        assert_eq!(one.logs, again.logs);
        assert_eq!(one.truth, again.truth);
        assert_ne!(one.logs, organisation(Plan { seed: 8, ..plan }).logs);
    }

    #[test]
    fn each_access_is_told_once_and_its_size_is_bounded() {
        for leases in [true, false] {
            let all = organisation(Plan { seed: 3, works: 40, leases });
            assert_eq!(all.exercises.len(), all.truth.len());
            assert!(all.truth.len() < 40 * 30, "{}", all.truth.len());
            let keys: BTreeSet<_> = all.truth.iter().map(|it| it.key).collect();
            assert_eq!(keys.len(), all.truth.len());
            assert_eq!(all.truth.iter().any(|it| it.leased), leases);
            // Every kind of system has something to say.
            for platform in [
                Platform::Aws,
                Platform::Kubernetes,
                Platform::Github,
                Platform::Okta,
                Platform::Postgres,
            ] {
                assert!(all.logs.contains_key(&platform), "{platform}");
            }
        }
    }
}
