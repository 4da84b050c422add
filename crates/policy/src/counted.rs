//! How often each of some things is there: one that goes takes no more away than itself.

use std::{borrow::Borrow, collections::BTreeMap};

/// Things, and how often each is there.
#[derive(Clone, Debug)]
pub(crate) struct Counted<T>(BTreeMap<T, usize>);

impl<T> Default for Counted<T> {
    fn default() -> Self {
        Self(BTreeMap::new())
    }
}

impl<T: Ord> Counted<T> {
    /// Adds one.
    pub(crate) fn add(&mut self, one: T) {
        let count = self.0.entry(one).or_default();
        *count = count.saturating_add(1);
    }

    /// Adds one that is copied only where none like it is there.
    pub(crate) fn add_like<Q>(&mut self, one: &Q)
    where
        T: Borrow<Q>,
        Q: Ord + ToOwned<Owned = T> + ?Sized,
    {
        match self.0.get_mut(one) {
            Some(count) => *count = count.saturating_add(1),
            None => self.add(one.to_owned()),
        }
    }

    /// Takes one away.
    pub(crate) fn take<Q>(&mut self, one: &Q)
    where
        T: Borrow<Q>,
        Q: Ord + ?Sized,
    {
        let Some(count) = self.0.get_mut(one) else { return };
        *count = count.saturating_sub(1);
        if *count == 0 {
            self.0.remove(one);
        }
    }

    /// Says whether one is there.
    pub(crate) fn has<Q>(&self, one: &Q) -> bool
    where
        T: Borrow<Q>,
        Q: Ord + ?Sized,
    {
        self.0.contains_key(one)
    }

    /// Gives what is there, each once and in order.
    pub(crate) fn each(&self) -> impl Iterator<Item = &T> {
        self.0.keys()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_there_twice_is_there_until_both_are_gone() {
        let mut counted = Counted::<String>::default();
        for it in ["b", "a", "b"] {
            counted.add_like(it);
        }
        counted.take("b");
        assert_eq!(counted.each().collect::<Vec<_>>(), ["a", "b"]);
        counted.take("b");
        counted.take("never there");
        assert_eq!(counted.each().collect::<Vec<_>>(), ["a"]);
        assert!(counted.has("a") && !counted.has("b"));
    }
}
