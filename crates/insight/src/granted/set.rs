//! A set of actions, by their numbers in the catalogue.

use std::ops::Range;

/// Which of a catalogue's actions are in it: a bit for each.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ActionSet {
    size: usize,
    words: Vec<u64>,
}

impl ActionSet {
    /// Gives the empty one, of a catalogue of `size` actions.
    pub fn none(size: usize) -> Self {
        Self { size, words: vec![0; size.div_ceil(64)] }
    }

    /// Says whether an action is in it.
    pub fn has(&self, action: usize) -> bool {
        self.words.get(action / 64).is_some_and(|it| it & bit(action) != 0)
    }

    /// Puts an action in.
    pub fn put(&mut self, action: usize) {
        if action < self.size
            && let Some(word) = self.words.get_mut(action / 64)
        {
            *word |= bit(action);
        }
    }

    /// Puts a stretch of actions in.
    pub fn add_range(&mut self, range: Range<usize>) {
        let (first, end) = (range.start, range.end.min(self.size));
        let mut at = first;
        while at < end {
            let next = (at / 64).saturating_add(1).saturating_mul(64);
            if at.is_multiple_of(64) && next <= end {
                if let Some(word) = self.words.get_mut(at / 64) {
                    *word = u64::MAX;
                }
                at = next;
            } else {
                self.put(at);
                at = at.saturating_add(1);
            }
        }
    }

    /// Puts in what is in the other.
    pub fn add(&mut self, other: &Self) {
        self.words.iter_mut().zip(&other.words).for_each(|(own, other)| *own |= other);
    }

    /// Keeps what is in the other, too.
    pub fn keep(&mut self, other: &Self) {
        self.words.iter_mut().zip(&other.words).for_each(|(own, other)| *own &= other);
    }

    /// Takes off what is in the other.
    pub fn take_off(&mut self, other: &Self) {
        self.words.iter_mut().zip(&other.words).for_each(|(own, other)| *own &= !other);
    }

    /// Gives what is not in it.
    #[must_use]
    pub fn turned(&self) -> Self {
        let mut all = Self::none(self.size);
        all.add_range(0..self.size);
        all.take_off(self);
        all
    }

    /// Counts the actions in it.
    pub fn len(&self) -> usize {
        self.words.iter().map(|it| usize::try_from(it.count_ones()).unwrap_or(64)).sum()
    }

    /// Says whether none is in it.
    pub fn is_empty(&self) -> bool {
        self.words.iter().all(|it| *it == 0)
    }

    /// Gives the actions in it, in order.
    pub fn iter(&self) -> impl Iterator<Item = usize> {
        let filled = self.words.iter().enumerate().filter(|(_, word)| **word != 0);
        filled.flat_map(|(place, word)| {
            let first = place.saturating_mul(64);
            (first..first.saturating_add(64)).filter(move |it| word & bit(*it) != 0)
        })
    }
}

fn bit(action: usize) -> u64 {
    1 << (action % 64)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn a_stretch_is_its_actions(size in 0_usize..300, first in 0_usize..320, length in 0_usize..320) {
            let mut whole = ActionSet::none(size);
            let stretch = first..first.saturating_add(length);
            whole.add_range(stretch.clone());
            let mut single = ActionSet::none(size);
            stretch.for_each(|it| single.put(it));
            prop_assert_eq!(&whole, &single);
            prop_assert_eq!(whole.len().saturating_add(whole.turned().len()), size);
            prop_assert_eq!(whole.iter().count(), whole.len());
        }
    }
}
