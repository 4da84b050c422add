//! What happens to the files of a corpus before a parser gets them.

use proptest::{prelude::*, sample::Index};

/// The longest input that is made: repeating doubles it, and no test should wait for that.
const LEN_MAX: usize = 64 << 10;

/// What parsers trip over: ends, beginnings and escapes of the formats that are read here.
const WORDS: [&[u8]; 40] = [
    b"",
    b"\0",
    b"\n",
    b"\r\n",
    b"\n\n",
    b"\xff",
    b"\xc0\x80",
    b"\xed\xa0\x80",
    b"\xef\xbb\xbf",
    "\u{e9}".as_bytes(),
    "\u{2014} ".as_bytes(),
    "\u{1f512}".as_bytes(),
    b"\"",
    b"\\",
    b"\\u0000",
    b"\\ud800",
    b"{",
    b"}",
    b"[",
    b"]",
    b"{}",
    b":",
    b",",
    b".",
    b"..",
    b"/",
    b"//",
    b"%2e",
    b"%25",
    b"%",
    b"null",
    b"-1",
    b"1e999",
    b"9007199254740993",
    b"18446744073709551616",
    b"99999999999999999999999999999999999999999",
    b"=?base64?",
    b"\xff\xff\xff\xff\xff\xff\xff\xff",
    b"\0\0\0\0\0\0\0\x80",
    b"data:",
];

/// Something that happens to a file.
#[derive(Clone, Debug)]
enum Blow {
    /// The rest of it is gone.
    Cut { at: Index },
    /// A part of it is gone.
    Drop { at: Index, len: usize },
    /// One bit is another.
    Flip { at: Index, bit: u8 },
    /// Something stands in it that was not there, or in the place of something.
    Put { at: Index, bytes: Vec<u8>, over: bool },
    /// A part of it comes again and again.
    Repeat { at: Index, len: usize, times: usize },
    /// Another file goes on where it ends.
    Splice { at: Index, other: Index, from: Index },
}

/// Makes inputs of `files`: one of them with up to six blows, or bytes that have nothing to do with
/// any of them.
pub(crate) fn spoiled(files: Vec<Vec<u8>>) -> impl Strategy<Value = Vec<u8>> {
    let struck =
        (any::<Index>(), prop::collection::vec(blow(), 1..6)).prop_map(move |(which, blows)| {
            let start = which.get(&files).clone();
            blows.iter().fold(start, |bytes, blow| blow.strike(bytes, &files))
        });
    prop_oneof![9 => struck, 1 => prop::collection::vec(any::<u8>(), 0..256)]
}

fn blow() -> impl Strategy<Value = Blow> {
    let index = any::<Index>;
    let word = prop::sample::select(WORDS.to_vec()).prop_map(<[u8]>::to_vec);
    let put = prop_oneof![3 => word, 1 => prop::collection::vec(any::<u8>(), 1..12)];
    prop_oneof![
        2 => index().prop_map(|at| Blow::Cut { at }),
        2 => (index(), 1_usize..40).prop_map(|(at, len)| Blow::Drop { at, len }),
        3 => (index(), 0_u8..8).prop_map(|(at, bit)| Blow::Flip { at, bit }),
        5 => (index(), put, any::<bool>())
            .prop_map(|(at, bytes, over)| Blow::Put { at, bytes, over }),
        2 => (index(), 1_usize..20, 2_usize..200)
            .prop_map(|(at, len, times)| Blow::Repeat { at, len, times }),
        2 => (index(), index(), index())
            .prop_map(|(at, other, from)| Blow::Splice { at, other, from }),
    ]
}

impl Blow {
    fn strike(&self, mut bytes: Vec<u8>, files: &[Vec<u8>]) -> Vec<u8> {
        let place = |at: &Index, of: &[u8]| at.index(of.len().saturating_add(1));
        match self {
            Self::Cut { at } => bytes.truncate(place(at, &bytes)),
            Self::Drop { at, len } => {
                let at = place(at, &bytes);
                bytes.drain(at..at.saturating_add(*len).min(bytes.len()));
            }
            Self::Flip { at, bit } => {
                let at = place(at, &bytes);
                bytes.iter_mut().skip(at).take(1).for_each(|it| *it ^= 1 << bit);
            }
            Self::Put { at, bytes: new, over } => {
                let at = place(at, &bytes);
                let len = if *over { new.len() } else { 0 };
                let end = at.saturating_add(len).min(bytes.len());
                bytes.splice(at..end, new.iter().copied());
            }
            Self::Repeat { at, len, times } => {
                let at = place(at, &bytes);
                let part: Vec<u8> = bytes.iter().skip(at).take(*len).copied().collect();
                bytes.splice(at..at, part.repeat(*times));
            }
            Self::Splice { at, other, from } => {
                bytes.truncate(place(at, &bytes));
                let other = other.get(files);
                bytes.extend(other.iter().skip(place(from, other)));
            }
        }
        bytes.truncate(LEN_MAX);
        bytes
    }
}
