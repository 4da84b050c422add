//! Looks at 64 bytes at once, and marks those that matter: one bit for each, the lowest for the first.
//!
//! Which wide words of the processor do that is the business of `wide`; where there are none, it goes byte by byte.

use wide::u8x16;

/// How many bytes are looked at at once.
pub(super) const WINDOW: usize = 64;

/// With this bit turned a quote is the next behind the control characters, which stay where they are among themselves: one
/// comparison is for all of them.
const TURNED: u8 = 2;
const QUOTE: u8x16 = u8x16::splat(b'"' ^ TURNED);
const BACKSLASH: u8x16 = u8x16::splat(b'\\' ^ TURNED);

/// Marks where a string of JSON may end: at a quote, and at what it cannot go on with as it is, a backslash or a control
/// character.
#[inline]
pub(super) fn of_strings(window: &[u8; WINDOW]) -> u64 {
    let ends = |it: u8x16| {
        let it = it ^ u8x16::splat(TURNED);
        it.min(QUOTE).simd_eq(it) | it.simd_eq(BACKSLASH)
    };
    let (quarters, _) = window.as_chunks::<16>();
    let marked = quarters.iter().map(|it| u64::from(ends(u8x16::new(*it)).to_bitmask()));
    marked.rev().fold(0, |all, it| (all << 16) | it)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        /// Wide words see what one byte after the other shows.
        #[test]
        fn each_byte_that_matters_is_marked_and_no_other(window in proptest::collection::vec(
            prop_oneof![any::<u8>(), Just(b'"'), Just(b'\\'), 0x1e..0x23_u8], WINDOW,
        )) {
            let is = |it: &u8| matches!(it, b'"' | b'\\' | 0..=0x1f);
            let marked = of_strings(window.first_chunk().unwrap());
            for (place, byte) in window.iter().enumerate() {
                prop_assert_eq!(marked >> place & 1 == 1, is(byte), "{} at {}", byte, place);
            }
        }
    }
}
