//! By which ways something is known, and how much each of them may have.

use std::collections::BTreeMap;

use bailiwick_model::{Exercise, Platform};

/// Some of at most 128 ways that accesses come by.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Inlets(u128);

impl Inlets {
    /// Gives the way of a number alone.
    pub fn one(number: u8) -> Self {
        Self(1_u128.checked_shl(number.into()).unwrap_or_default())
    }

    /// Gives their numbers, in order.
    pub fn numbers(self) -> impl Iterator<Item = u8> {
        (0..128).filter(move |it| self.0 & Self::one(*it).0 != 0)
    }

    /// Adds others to them.
    pub fn add(&mut self, other: Self) {
        self.0 |= other.0;
    }
}

/// By which ways each identity was told of, in each account.
#[derive(Debug, Default)]
pub(super) struct Told {
    by: BTreeMap<Platform, BTreeMap<String, BTreeMap<String, Inlets>>>,
    all: Inlets,
}

impl Told {
    /// Notes whom an access that came by a way names. One that came before adds no names: a key is anybody's word.
    pub(super) fn take(&mut self, it: &Exercise<'_>, way: u8, is_new: bool) {
        let way = Inlets::one(way);
        self.all.add(way);
        let chain = it.actor.chain.iter().map(AsRef::as_ref);
        let names = self.by.entry(it.platform).or_default();
        for name in std::iter::once(&*it.actor.id).chain(chain) {
            // Most are there already, and no name is copied for them.
            if let Some(known) = names.get_mut(name).and_then(|all| all.get_mut(&*it.account)) {
                known.add(way);
            } else if is_new {
                let accounts = names.entry(name.to_owned()).or_default();
                accounts.entry(it.account.to_string()).or_default().add(way);
            }
        }
    }

    /// Gives the ways by which an identity is known, in one account or in any. One whom no access names by this name may be known
    /// by all of them.
    pub(super) fn of(&self, platform: Platform, name: &str, account: Option<&str>) -> Inlets {
        let mut ways = Inlets::default();
        let accounts = self.by.get(&platform).and_then(|it| it.get(name));
        for (_, by) in accounts.into_iter().flatten().filter(|it| account.is_none_or(|a| a == it.0))
        {
            ways.add(*by);
        }
        if ways == Inlets::default() { self.all } else { ways }
    }
}

/// Gives how many each may have at most so that all of them have no more than `most`: whoever has less leaves the rest to others.
pub(super) fn level(counts: &[usize], most: usize) -> usize {
    let mut counts: Vec<_> = counts.iter().copied().filter(|it| 0 < *it).collect();
    counts.sort_unstable();
    let (mut left, mut others) = (most, counts.len());
    for count in counts {
        let share = left.checked_div(others).unwrap_or(left);
        if share < count {
            return share;
        }
        left = left.saturating_sub(count);
        others = others.saturating_sub(1);
    }
    usize::MAX
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn whoever_has_little_leaves_the_rest_to_others() {
        assert_eq!(level(&[0, 0], 10), usize::MAX);
        assert_eq!(level(&[5, 0, 5], 10), usize::MAX);
        assert_eq!(level(&[100], 10), 10);
        assert_eq!(level(&[1, 100, 100], 11), 5);
    }

    proptest! {
        #[test]
        fn no_share_is_too_much_and_none_is_smaller_than_an_equal_one(
            counts in proptest::collection::vec(0..50_usize, 1..12),
            most in 1..200_usize,
        ) {
            let level = level(&counts, most);
            let all: usize = counts.iter().map(|it| level.min(*it)).sum();
            prop_assert!(all <= most, "{level} {all}");
            prop_assert!(most.checked_div(counts.len()).unwrap() <= level);
        }
    }
}
