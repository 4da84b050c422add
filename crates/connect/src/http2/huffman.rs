//! Huffman's code as HPACK has it (RFC 7541, appendix B): read, never written.
//!
//! Codes of one length follow each other as their letters do, and longer ones follow shorter ones, so
//! that the lengths alone say all.

use std::sync::LazyLock;

/// The longest code.
const LONGEST: u8 = 30;
/// The sign that ends a text, which nobody may write.
const END: u16 = 256;

/// How many bits each letter has, and the end.
const LENGTHS: [u8; 257] = [
    13, 23, 28, 28, 28, 28, 28, 28, 28, 24, 30, 28, 28, 30, 28, 28, 28, 28, 28, 28, 28, 28, 30, 28,
    28, 28, 28, 28, 28, 28, 28, 28, 6, 10, 10, 12, 13, 6, 8, 11, 10, 10, 8, 11, 8, 6, 6, 6, 5, 5,
    5, 6, 6, 6, 6, 6, 6, 6, 7, 8, 15, 6, 12, 10, 13, 6, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7,
    7, 7, 7, 7, 7, 7, 7, 7, 8, 7, 8, 13, 19, 13, 14, 6, 15, 5, 6, 5, 6, 5, 6, 6, 6, 5, 7, 7, 6, 6,
    6, 5, 6, 7, 6, 5, 5, 6, 7, 7, 7, 7, 7, 15, 11, 14, 13, 28, 20, 22, 20, 20, 22, 22, 22, 23, 22,
    23, 23, 23, 23, 23, 24, 23, 24, 24, 22, 23, 24, 23, 23, 23, 23, 21, 22, 23, 22, 23, 23, 24, 22,
    21, 20, 22, 22, 23, 23, 21, 23, 22, 22, 24, 21, 22, 23, 23, 21, 21, 22, 21, 23, 22, 23, 23, 20,
    22, 22, 22, 23, 22, 22, 23, 26, 26, 20, 19, 22, 23, 22, 25, 26, 26, 26, 27, 27, 26, 24, 25, 19,
    21, 26, 27, 27, 26, 27, 24, 21, 21, 26, 26, 28, 27, 27, 27, 20, 24, 20, 21, 22, 21, 21, 23, 22,
    22, 25, 25, 24, 24, 26, 23, 26, 27, 26, 26, 27, 27, 27, 27, 27, 28, 27, 27, 27, 27, 27, 26, 30,
];

/// The letters of each length, in order.
static CODES: LazyLock<Vec<Vec<u16>>> = LazyLock::new(|| {
    let of = |length| {
        let letters = (0_u16..).zip(LENGTHS);
        letters.filter(move |(_, it)| *it == length).map(|(letter, _)| letter).collect()
    };
    (1..=LONGEST).map(of).collect()
});

/// Reads a text; none where no code is met, the end is written, or what fills the last byte is not
/// fewer than eight ones.
pub(super) fn decode(bytes: &[u8]) -> Option<Vec<u8>> {
    let mut text = Vec::with_capacity(bytes.len());
    let mut place = Place::default();
    for byte in bytes {
        for bit in (0..8).rev() {
            match place.step(byte >> bit & 1 == 1)? {
                Step::Letter(END) => return None,
                Step::Letter(letter) => text.push(u8::try_from(letter).ok()?),
                Step::More => {}
            }
        }
    }
    (place.all_ones && place.length < 8).then_some(text)
}

/// What one more bit came to.
enum Step {
    Letter(u16),
    More,
}

/// How far a code was read.
struct Place {
    length: usize,
    code: u32,
    /// The first code of the next length.
    first: u32,
    all_ones: bool,
}

impl Default for Place {
    fn default() -> Self {
        Self { length: 0, code: 0, first: 0, all_ones: true }
    }
}

impl Place {
    /// Takes one bit; none where there is no such code.
    fn step(&mut self, one: bool) -> Option<Step> {
        let letters = CODES.get(self.length)?;
        self.code = self.code.checked_mul(2)?.checked_add(one.into())?;
        let nth = self.code.checked_sub(self.first)?;
        if let Some(letter) = letters.get(usize::try_from(nth).ok()?) {
            *self = Self::default();
            return Some(Step::Letter(*letter));
        }
        let count = u32::try_from(letters.len()).ok()?;
        self.first = self.first.checked_add(count)?.checked_mul(2)?;
        self.length = self.length.checked_add(1)?;
        self.all_ones &= one;
        Some(Step::More)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Writes a text, from the codes as numbers.
    fn encode(text: &[u8]) -> Vec<u8> {
        let mut codes = vec![(0_u32, 0_usize); 257];
        let (mut code, mut bits) = (0_u32, String::new());
        for (length, letters) in CODES.iter().enumerate() {
            code <<= 1;
            for letter in letters {
                codes[usize::from(*letter)] = (code, length.saturating_add(1));
                code = code.saturating_add(1);
            }
        }
        for byte in text {
            let (code, length) = codes[usize::from(*byte)];
            bits.push_str(&format!("{code:0length$b}"));
        }
        while bits.len() % 8 != 0 {
            bits.push('1');
        }
        let byte = |it: &[u8]| u8::from_str_radix(std::str::from_utf8(it).unwrap(), 2).unwrap();
        bits.as_bytes().chunks(8).map(byte).collect()
    }

    #[test]
    fn the_examples_of_the_standard_are_read() {
        for (bytes, text) in [
            (&b"\xf1\xe3\xc2\xe5\xf2\x3a\x6b\xa0\xab\x90\xf4\xff"[..], "www.example.com"),
            (b"\xa8\xeb\x10\x64\x9c\xbf", "no-cache"),
            (b"\x25\xa8\x49\xe9\x5b\xa9\x7d\x7f", "custom-key"),
            (
                b"\x9d\x29\xad\x17\x18\x63\xc7\x8f\x0b\x97\xc8\xe9\xae\x82\xae\x43\xd3",
                "https://www.example.com",
            ),
            (b"", ""),
        ] {
            assert_eq!(decode(bytes).as_deref(), Some(text.as_bytes()), "{text}");
        }
    }

    #[test]
    fn an_end_that_is_written_and_padding_that_is_not_ones_or_too_long_are_refused() {
        for bytes in
            [&b"\xff\xff\xff\xff"[..], b"\xff", b"\x00", b"\x1f\xff", b"\xa8\xeb\x10\x64\x9c\xbe"]
        {
            assert_eq!(decode(bytes), None, "{bytes:?}");
        }
    }

    proptest! {
        #[test]
        fn whatever_is_written_is_read(text in proptest::collection::vec(any::<u8>(), 0..100)) {
            prop_assert_eq!(decode(&encode(&text)), Some(text));
        }

        #[test]
        fn what_is_read_has_one_writing(bytes in proptest::collection::vec(any::<u8>(), 0..40)) {
            if let Some(text) = decode(&bytes) {
                prop_assert_eq!(encode(&text), bytes);
            }
        }
    }
}
