//! One text that must not come back, however each of its bytes is written.

use zeroize::Zeroizing;

/// How often one way of writing may be wrapped in itself: a quote in a quote in a quote.
const WRAPS: usize = 4;
/// How many zeros may stand before the number of a character.
const ZEROS: usize = 6;
/// Characters that have a name in HTML everywhere.
const NAMED: [(u8, &str); 5] =
    [(b'&', "&amp;"), (b'<', "&lt;"), (b'>', "&gt;"), (b'"', "&quot;"), (b'\'', "&apos;")];

/// A text that is looked for.
#[derive(Clone)]
pub(super) struct Needle(Zeroizing<Vec<u8>>);

/// What of a needle stands somewhere.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Seen {
    /// Where it ends, where all of it is there.
    pub(super) end: Option<usize>,
    /// With what may follow there could be more of it.
    pub(super) begun: bool,
}

/// How far one way of writing a byte goes.
#[derive(Clone, Copy)]
enum Step {
    Other,
    Begun,
    Taken(usize),
}

impl Needle {
    pub(super) fn new(text: Vec<u8>) -> Self {
        Self(Zeroizing::new(text))
    }

    /// Says whether it may begin with this byte.
    pub(super) fn may_begin(&self, byte: u8) -> bool {
        let first = self.0.first().copied();
        first == Some(byte) || matches!(byte, b'%' | b'\\' | b'&' | b'+')
    }

    /// Looks whether it stands at a place of `bytes`.
    pub(super) fn at(&self, bytes: &[u8], at: usize) -> Seen {
        let (mut ends, mut next, mut seen) = (vec![at], Vec::new(), Seen::default());
        for byte in self.0.iter() {
            for end in &ends {
                let rest = bytes.get(*end..).unwrap_or_default();
                written(*byte, rest, |step| match step {
                    Step::Other => {}
                    Step::Begun => seen.begun = true,
                    Step::Taken(length) => {
                        let to = end.saturating_add(length);
                        if !next.contains(&to) {
                            next.push(to);
                        }
                    }
                });
            }
            std::mem::swap(&mut ends, &mut next);
            next.clear();
            if ends.is_empty() {
                return seen;
            }
        }
        seen.end = ends.into_iter().max();
        seen
    }
}

/// Tells of every way in which `byte` may stand at the beginning of `rest`.
fn written(byte: u8, rest: &[u8], mut tell: impl FnMut(Step)) {
    let Some(first) = rest.first() else { return tell(Step::Begun) };
    if *first == byte || (byte == b' ' && *first == b'+') {
        tell(Step::Taken(1));
    }
    match first {
        b'%' => {
            for wrapped in ["%", "%25", "%2525"] {
                tell(after(literal(rest, wrapped), rest, |it| digits(byte, it)));
            }
        }
        b'\\' => quoted(byte, rest, tell),
        b'&' => {
            let hexadecimal = |it: &[u8]| numbered(&format!("{byte:x};"), it);
            tell(after(literal(rest, "&#x"), rest, hexadecimal));
            tell(after(literal(rest, "&#"), rest, |it| numbered(&format!("{byte};"), it)));
            let named = NAMED.iter().filter(|(it, _)| *it == byte);
            named.for_each(|(_, name)| tell(literal(rest, name)));
        }
        _ => {}
    }
}

/// Tells how `byte` stands behind backslashes: as itself, or as a number.
fn quoted(byte: u8, rest: &[u8], mut tell: impl FnMut(Step)) {
    let run = rest.iter().take(WRAPS).take_while(|it| **it == b'\\').count();
    if run == rest.len() {
        tell(Step::Begun);
    }
    if byte == b'\\' {
        (2..=run).for_each(|it| tell(Step::Taken(it)));
    }
    let tail = rest.get(run..).unwrap_or_default();
    let behind = Step::Taken(run);
    if byte.is_ascii_punctuation() && byte != b'\\' && tail.first() == Some(&byte) {
        tell(Step::Taken(run.saturating_add(1)));
    }
    if byte == b'\t' && tail.first() == Some(&b't') {
        tell(Step::Taken(run.saturating_add(1)));
    }
    for word in ["u00", "x"] {
        let number = |it: &[u8]| after(literal(it, word), it, |it| digits(byte, it));
        tell(after(behind, rest, number));
    }
}

/// Goes on behind a step that was taken.
fn after(step: Step, rest: &[u8], go_on: impl FnOnce(&[u8]) -> Step) -> Step {
    let Step::Taken(length) = step else { return step };
    match go_on(rest.get(length..).unwrap_or_default()) {
        Step::Taken(more) => Step::Taken(length.saturating_add(more)),
        step @ (Step::Other | Step::Begun) => step,
    }
}

/// Takes a text, in either case.
fn literal(rest: &[u8], text: &str) -> Step {
    let there = rest.get(..text.len().min(rest.len())).unwrap_or_default();
    let wanted = text.as_bytes().get(..there.len()).unwrap_or_default();
    if !there.eq_ignore_ascii_case(wanted) {
        Step::Other
    } else if there.len() < text.len() {
        Step::Begun
    } else {
        Step::Taken(text.len())
    }
}

/// Takes the two hexadecimal digits of a byte.
fn digits(byte: u8, rest: &[u8]) -> Step {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let digit = |of: u8| DIGITS.get(usize::from(of)).copied();
    for (at, wanted) in [digit(byte >> 4), digit(byte & 15)].into_iter().enumerate() {
        match rest.get(at) {
            None => return Step::Begun,
            Some(it) if Some(it.to_ascii_lowercase()) == wanted => {}
            Some(_) => return Step::Other,
        }
    }
    Step::Taken(2)
}

/// Takes the number of a character, which zeros may stand before.
fn numbered(number: &str, rest: &[u8]) -> Step {
    let zeros = rest.iter().take(ZEROS).take_while(|it| **it == b'0').count();
    after(Step::Taken(zeros), rest, |it| literal(it, number))
}
