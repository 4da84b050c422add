//! Where an identity has its name: in which account, cluster, database or namespace. What its name says itself is not said
//! twice.

use std::{cmp::Reverse, collections::BTreeMap};

use bailiwick_insight::{Audit, AuditedIdentity, Chain, IntentFinding, State};
use bailiwick_model::Platform;

use crate::page::escape::plain;

/// The accounts of identities whose names nobody else can have.
#[derive(Debug)]
pub(super) struct Within<'a>(BTreeMap<(Platform, &'a str), &'a str>);

impl<'a> Within<'a> {
    pub(super) fn new(told: &'a Audit) -> Self {
        let known = told.identities.iter().filter(|it| !it.is_local());
        Self(known.map(|it| ((it.platform, it.id.as_str()), it.account.as_str())).collect())
    }

    /// Gives the account of a finding's identity; it is empty where nobody knows.
    pub(super) fn account(&self, it: &'a IntentFinding) -> &'a str {
        self.known(it.platform, &it.identity, it.account.as_deref().unwrap_or_default())
    }

    /// Gives where the identity of a finding has its name.
    pub(super) fn finding(&self, it: &'a IntentFinding) -> Option<&'a str> {
        unsaid(&it.identity, self.account(it))
    }

    /// Gives where one of those whom a chain leads through has its name.
    pub(super) fn step(&self, chain: &'a Chain, place: usize) -> Option<&'a str> {
        let (platform, id) = (chain.platforms.get(place)?, chain.path.get(place)?);
        unsaid(id, self.known(*platform, id, chain.account(place)))
    }

    fn known(&self, platform: Platform, id: &str, said: &'a str) -> &'a str {
        let of_name = || self.0.get(&(platform, id)).copied().unwrap_or_default();
        if said.is_empty() { of_name() } else { said }
    }
}

/// Gives where an identity has its name.
pub(super) fn identity(it: &AuditedIdentity) -> Option<&str> {
    unsaid(&it.id, &it.account)
}

fn unsaid<'a>(id: &str, account: &'a str) -> Option<&'a str> {
    (!account.is_empty() && !id.contains(account)).then_some(account)
}

/// Writes a name, and where it is one, for people.
pub(super) fn called(id: &str, within: Option<&str>) -> String {
    match within {
        Some(within) => format!("{} ({})", plain(id), plain(within)),
        None => plain(id),
    }
}

/// Puts whoever holds most that is not used first, then who was denied most, then who did most.
pub(super) fn ranked(told: &Audit) -> Vec<&AuditedIdentity> {
    let mut all: Vec<_> = told.identities.iter().collect();
    let count =
        |it: &AuditedIdentity, state| Reverse(it.states.get(&state).copied().unwrap_or_default());
    all.sort_by_key(|it| {
        let (dormant, attempted) = (count(it, State::Dormant), count(it, State::Attempted));
        (dormant, attempted, count(it, State::Exercised))
    });
    all
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_name_says_itself_is_not_said_twice() {
        assert_eq!(unsaid("arn:aws:iam::1111:role/a", "1111"), None);
        assert_eq!(unsaid("system:serviceaccount:ci:runner", "prod"), Some("prod"));
        assert_eq!(unsaid("runner", ""), None);
        assert_eq!(called("run\u{202e}ner", Some("pr\u{1b}od")), "run\\u{202e}ner (pr\\u{1b}od)");
    }
}
