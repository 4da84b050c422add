//! Remembers which single-use values were used, for as long as they could be used again.

use std::{
    collections::BTreeMap,
    sync::{Mutex, PoisonError},
};

use bailiwick_model::Timestamp;

use crate::proof::ProofError;

/// How many live values one signer may have outstanding, where nothing else is said.
const LIVE_MAX: usize = 1024;

/// Single-use values by who signed them. Only verified values are remembered, so the signers are
/// registered ones and their number is bounded.
#[derive(Debug)]
pub(crate) struct Replay {
    /// How many live values one signer may have outstanding.
    most: usize,
    used: Mutex<BTreeMap<String, BTreeMap<String, Timestamp>>>,
}

impl Default for Replay {
    fn default() -> Self {
        Self::of(LIVE_MAX)
    }
}

impl Replay {
    /// Remembers so many live values of each signer.
    pub(crate) const fn of(most: usize) -> Self {
        Self { most, used: Mutex::new(BTreeMap::new()) }
    }

    /// Uses `value` of `signer`, which could be shown again until `until`. A signer with too many
    /// live values is refused: forgetting one would let it be used twice.
    pub(crate) fn spend(
        &self,
        signer: &str,
        value: &str,
        until: Timestamp,
        now: Timestamp,
    ) -> Result<(), ProofError> {
        let mut used = self.used.lock().unwrap_or_else(PoisonError::into_inner);
        let values = used.entry(signer.to_owned()).or_default();
        if self.most <= values.len() {
            values.retain(|_, until| now < *until);
        }
        if values.get(value).is_some_and(|until| now < *until) {
            return Err(ProofError::Replayed);
        }
        if self.most <= values.len() {
            return Err(ProofError::TooMany);
        }
        values.insert(value.to_owned(), until);
        Ok(())
    }

    /// Gives back what was used for something of which nothing came.
    pub(crate) fn give_back(&self, signer: &str, value: &str) {
        let mut used = self.used.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(values) = used.get_mut(signer) {
            values.remove(value);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_millis(seconds.saturating_mul(1000))
    }

    #[test]
    fn a_value_is_used_once_by_each_signer_until_it_dies() {
        let replay = Replay::default();
        assert_eq!(replay.spend("a", "1", at(10), at(0)), Ok(()));
        assert_eq!(replay.spend("a", "1", at(10), at(9)), Err(ProofError::Replayed));
        assert_eq!(replay.spend("b", "1", at(10), at(9)), Ok(()));
        assert_eq!(replay.spend("a", "1", at(20), at(10)), Ok(()));
    }

    #[test]
    fn too_many_live_values_are_refused_and_dead_ones_make_room() {
        let replay = Replay::default();
        for number in 0..LIVE_MAX {
            replay.spend("a", &number.to_string(), at(10), at(0)).unwrap();
        }
        assert_eq!(replay.spend("a", "more", at(10), at(9)), Err(ProofError::TooMany));
        assert_eq!(replay.spend("a", "7", at(10), at(9)), Err(ProofError::Replayed));
        assert_eq!(replay.spend("b", "more", at(10), at(9)), Ok(()));
        assert_eq!(replay.spend("a", "more", at(20), at(10)), Ok(()));
        assert_eq!(replay.used.lock().unwrap().get("a").unwrap().len(), 1);
    }
}
