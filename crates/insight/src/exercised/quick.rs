//! A hash that is quick over short texts and small numbers, as most of a log is.
//!
//! It begins with a number that nobody outside can foresee, so that whoever chooses names cannot choose where they lie.

use std::{
    collections::{HashMap, HashSet, hash_map::RandomState},
    hash::{BuildHasher, Hasher},
};

/// A map that is quick.
pub(crate) type QuickMap<K, V> = HashMap<K, V, Quick>;
/// A set that is quick.
pub(super) type QuickSet<K> = HashSet<K, Quick>;

/// Begins hashes, all with the same number.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Quick {
    begin: u64,
}

impl Default for Quick {
    fn default() -> Self {
        Self { begin: RandomState::new().hash_one(0_u64) }
    }
}

impl BuildHasher for Quick {
    type Hasher = Hashed;

    fn build_hasher(&self) -> Hashed {
        Hashed(self.begin)
    }
}

/// A hash of what came so far.
#[derive(Debug)]
pub(crate) struct Hashed(u64);

impl Hashed {
    /// Folds a word in: the two halves of a product, so that each bit moves all others.
    fn fold(&mut self, word: u64) {
        const ODD: u128 = 0x9e37_79b9_7f4a_7c15;
        let product = u128::from(self.0 ^ word).wrapping_mul(ODD).to_le_bytes();
        let (halves, _) = product.as_chunks::<8>();
        self.0 = halves.iter().fold(0, |sum, half| sum ^ u64::from_le_bytes(*half));
    }
}

impl Hasher for Hashed {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        let (words, rest) = bytes.as_chunks::<8>();
        for word in words {
            self.fold(u64::from_le_bytes(*word));
        }
        // The length goes in as well: a text that ends in zeros is another than one without.
        let length = u64::try_from(bytes.len()).unwrap_or(u64::MAX) << 56;
        self.fold(rest.iter().fold(0, |last, byte| (last << 8) | u64::from(*byte)) | length);
    }

    fn write_u8(&mut self, number: u8) {
        self.fold(number.into());
    }

    fn write_u32(&mut self, number: u32) {
        self.fold(number.into());
    }

    fn write_u64(&mut self, number: u64) {
        self.fold(number);
    }

    fn write_u128(&mut self, number: u128) {
        let bytes = number.to_le_bytes();
        let (halves, _) = bytes.as_chunks::<8>();
        for half in halves {
            self.fold(u64::from_le_bytes(*half));
        }
    }

    fn write_isize(&mut self, number: isize) {
        self.fold(u64::from_le_bytes(i64::try_from(number).unwrap_or_default().to_le_bytes()));
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn what_differs_a_little_lies_far_apart() {
        let quick = Quick::default();
        let texts =
            (0..2_000_u32).flat_map(|it| [format!("{it}"), format!("arn:aws:iam::1:role/{it:09}")]);
        let zeros = (0..40).map(|it| "\0".repeat(it));
        let all: Vec<String> = texts.chain(zeros).collect();
        let of = |shift: u32| -> BTreeSet<u64> {
            all.iter().map(|it| quick.hash_one(it) >> shift).collect()
        };
        assert_eq!(of(0).len(), all.len(), "none hashes as another does");
        // Maps look at the lowest bits, and at the highest seven.
        let low: BTreeSet<u64> = all.iter().map(|it| quick.hash_one(it) & 0xfff).collect();
        assert!(2_300 < low.len(), "{}", low.len());
        assert_eq!(of(57).len(), 128);
        let numbers: BTreeSet<u64> =
            (0..4_096_u128).map(|it| quick.hash_one(it << 96) & 0xfff).collect();
        assert!(2_300 < numbers.len(), "{}", numbers.len());
    }

    #[test]
    fn no_two_begin_alike() {
        assert_ne!(Quick::default().hash_one("a"), Quick::default().hash_one("a"));
    }
}
