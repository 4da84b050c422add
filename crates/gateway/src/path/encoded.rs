//! Percent-encoding: which encoded characters hide structure, and what stands behind them.

use std::borrow::Cow;

/// How often decoding may uncover something more to decode.
const ROUNDS: usize = 8;

/// What was found behind the percent signs of a text.
#[derive(Debug)]
pub(super) struct Decoded<'a> {
    /// The text without what hid structure; none if it cannot be said.
    pub(super) text: Option<Cow<'a, str>>,
    /// What was found.
    pub(super) faults: Vec<&'static str>,
}

/// Says whether a dot, a slash, a backslash or a NUL is encoded, once or many times over.
pub(super) fn hides_structure(text: &str) -> bool {
    pieces(text).any(|(_, encoded)| encoded.is_some_and(|it| it.structural().is_some()))
}

/// Decodes what hides structure and, with `unreserved`, what never needs to be encoded in a URL.
pub(super) fn decode(text: &str, unreserved: bool) -> Decoded<'_> {
    let mut faults = Vec::new();
    let mut current = Cow::Borrowed(text);
    for _ in 0..ROUNDS {
        let mut next = String::with_capacity(current.len());
        let before = faults.len();
        for (plain, encoded) in pieces(&current) {
            next.push_str(plain);
            let Some(encoded) = encoded else { continue };
            match (encoded.structural(), encoded.unreserved()) {
                (Some((_, None)), _) => {
                    faults.push("an encoded NUL or a byte that no text encodes");
                    return Decoded { text: None, faults };
                }
                (Some((fault, Some(letter))), _) => {
                    faults.push(fault);
                    next.push(letter);
                }
                (None, Some(letter)) if unreserved => {
                    faults.push("an encoded letter, digit or mark that needs no encoding");
                    next.push(letter);
                }
                (None, _) => next.push_str(encoded.whole),
            }
        }
        if faults.len() == before {
            faults.dedup();
            return Decoded { text: Some(current), faults };
        }
        faults.sort_unstable();
        faults.dedup();
        current = Cow::Owned(next);
    }
    Decoded { text: None, faults }
}

/// One percent-encoded byte, perhaps encoded several times: `%2e`, `%252e`.
#[derive(Clone, Copy)]
struct Encoded<'a> {
    whole: &'a str,
    byte: u8,
    nested: bool,
}

impl Encoded<'_> {
    /// Names what it hides, with the character where there is one.
    const fn structural(self) -> Option<(&'static str, Option<char>)> {
        match self.byte {
            b'.' => Some(("an encoded dot", Some('.'))),
            b'/' => Some(("an encoded slash", Some('/'))),
            b'\\' => Some(("an encoded backslash", Some('\\'))),
            // 0xc0 and 0xc1 begin over-long encodings, which some readers take for ASCII.
            0 | 0xc0 | 0xc1 => Some(("an encoded NUL or a byte that no text encodes", None)),
            _ => None,
        }
    }

    const fn unreserved(self) -> Option<char> {
        let byte = self.byte;
        if !self.nested && (byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'~')) {
            Some(byte as char)
        } else {
            None
        }
    }
}

/// Cuts a text into plain pieces, each followed by an encoded byte or by the end.
fn pieces(text: &str) -> impl Iterator<Item = (&str, Option<Encoded<'_>>)> {
    let mut rest = Some(text);
    std::iter::from_fn(move || {
        let text = rest?;
        let found = find(text);
        rest = found.map(|(_, _, after)| after);
        Some(found.map_or((text, None), |(plain, encoded, _)| (plain, Some(encoded))))
    })
}

/// Finds the first encoded byte, with what stands before and after it.
fn find(text: &str) -> Option<(&str, Encoded<'_>, &str)> {
    let mut from = 0;
    loop {
        let at = text.get(from..)?.find('%')?.checked_add(from)?;
        let after_sign = text.get(at.checked_add(1)?..)?;
        let inner = strip_all(after_sign, "25");
        let byte = inner.get(..2).and_then(hex);
        if let (Some(byte), Some(after)) = (byte, inner.get(2..)) {
            let end = text.len().checked_sub(after.len())?;
            let nested = inner.len() < after_sign.len();
            let whole = text.get(at..end)?;
            return Some((text.get(..at)?, Encoded { whole, byte, nested }, after));
        }
        // Signs that are encoded over and over, with nothing behind them, are skipped at once.
        from = text.len().checked_sub(inner.len())?;
    }
}

fn strip_all<'a>(mut text: &'a str, prefix: &str) -> &'a str {
    while let Some(rest) = text.strip_prefix(prefix) {
        text = rest;
    }
    text
}

fn hex(pair: &str) -> Option<u8> {
    let digits = pair.bytes().all(|it| it.is_ascii_hexdigit());
    digits.then(|| u8::from_str_radix(pair, 16).ok())?
}
