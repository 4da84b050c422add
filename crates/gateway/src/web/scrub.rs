//! Takes a secret out of what comes back: as it is, and as it is commonly written.
//!
//! An API may give back what it was sent, in an echo or in an error. Whatever is found is written
//! over with as many stars, so that lengths and quotes stay right. What is held back of a stream is
//! never more than could still become a find.

mod needle;

use std::{collections::BTreeSet, fmt, ops::Range, sync::Arc};

use base64::{
    Engine,
    alphabet::{Alphabet, STANDARD, URL_SAFE},
    engine::general_purpose::{GeneralPurpose, NO_PAD},
};
use http::{HeaderMap, HeaderValue};
use zeroize::Zeroizing;

use self::needle::Needle;

/// A part of base64 shorter than this says nothing of a secret that could be told from chance.
const CORE_MIN: usize = 6;
const STAR: u8 = b'*';

/// What must not come back.
#[derive(Clone, Default)]
pub(crate) struct Scrubber {
    needles: Arc<[Needle]>,
}

/// A stream that is looked through as it passes.
pub(crate) struct Scrubbing {
    scrubber: Scrubber,
    /// What may be the beginning of a find, as it came.
    held: Zeroizing<Vec<u8>>,
    /// How much of it is a part of finds that begin before it.
    covered: usize,
}

/// What was found, and where something begins that may become a find.
#[derive(Default)]
struct Scan {
    found: Vec<Range<usize>>,
    begun: Option<usize>,
}

impl Scrubber {
    /// Looks for secrets, each with the text in which it was sent.
    pub(crate) fn of<'t>(texts: impl IntoIterator<Item = (&'t str, &'t str)>) -> Self {
        let mut forms = BTreeSet::new();
        for (secret, whole) in texts {
            forms.insert(secret.as_bytes().to_vec());
            // A secret within a user's name and password is a part of what was sent.
            for bytes in [secret.as_bytes(), whole.as_bytes()] {
                encoded(bytes, &mut forms);
            }
        }
        let needles = forms.into_iter().filter(|it| !it.is_empty()).map(Needle::new);
        Self { needles: needles.collect() }
    }

    /// Writes over what is found in `bytes`; says whether anything was.
    pub(crate) fn scrub(&self, bytes: &mut [u8]) -> bool {
        let found = self.scan(bytes).found;
        for place in &found {
            cover(bytes, place);
        }
        !found.is_empty()
    }

    fn scan(&self, bytes: &[u8]) -> Scan {
        let mut scan = Scan::default();
        for (at, byte) in bytes.iter().enumerate() {
            for needle in self.needles.iter().filter(|it| it.may_begin(*byte)) {
                let seen = needle.at(bytes, at);
                scan.found.extend(seen.end.map(|end| at..end));
                if seen.begun {
                    scan.begun.get_or_insert(at);
                }
            }
        }
        scan
    }

    /// Writes over what is found in the values of headers. A name that holds it is left out.
    pub(crate) fn headers(&self, headers: &mut HeaderMap) {
        if self.needles.is_empty() {
            return;
        }
        let names: Vec<_> = headers.keys().cloned().collect();
        for name in names {
            let mut text = name.as_str().as_bytes().to_vec();
            if self.scrub(&mut text) {
                headers.remove(&name);
            }
        }
        for value in headers.values_mut() {
            let mut bytes = value.as_bytes().to_vec();
            if self.scrub(&mut bytes) {
                *value = HeaderValue::from_bytes(&bytes)
                    .unwrap_or_else(|_| HeaderValue::from_static("***"));
            }
        }
    }

    /// Begins on a stream.
    pub(crate) fn stream(&self) -> Scrubbing {
        Scrubbing { scrubber: self.clone(), held: Zeroizing::default(), covered: 0 }
    }
}

impl Scrubbing {
    /// Takes a piece, and gives what can go on.
    pub(crate) fn pass(&mut self, piece: &[u8]) -> Vec<u8> {
        if self.scrubber.needles.is_empty() {
            return piece.to_vec();
        }
        self.held.extend_from_slice(piece);
        let scan = self.scrubber.scan(&self.held);
        self.give(scan.begun.unwrap_or(self.held.len()), &scan.found)
    }

    /// Gives what was held back: nothing comes that would make a find of it.
    pub(crate) fn end(&mut self) -> Vec<u8> {
        let scan = self.scrubber.scan(&self.held);
        self.give(self.held.len(), &scan.found)
    }

    /// Gives what stands before `to`. What is found behind it is found again.
    fn give(&mut self, to: usize, found: &[Range<usize>]) -> Vec<u8> {
        let mut given: Vec<u8> = self.held.drain(..to).collect();
        let before = 0..std::mem::take(&mut self.covered);
        for found in found.iter().chain([&before]).filter(|it| it.start < to || it.start == 0) {
            cover(&mut given, found);
            self.covered = self.covered.max(found.end.saturating_sub(to));
        }
        given
    }
}

fn cover(bytes: &mut [u8], found: &Range<usize>) {
    let end = found.end.min(bytes.len());
    if let Some(place) = bytes.get_mut(found.start.min(end)..end) {
        place.fill(STAR);
    }
}

impl fmt::Debug for Scrubbing {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("Scrubbing(***)")
    }
}

impl fmt::Debug for Scrubber {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("Scrubber(***)")
    }
}

/// Collects what other texts have in them where they encode this one.
fn encoded(bytes: &[u8], into: &mut BTreeSet<Vec<u8>>) {
    for upper in [true, false] {
        into.insert(hex(bytes, upper));
    }
    for alphabet in [&STANDARD, &URL_SAFE] {
        for before in 0..3 {
            base64(bytes, alphabet, before, into);
        }
    }
}

fn hex(bytes: &[u8], upper: bool) -> Vec<u8> {
    let digits = |it: &u8| if upper { format!("{it:02X}") } else { format!("{it:02x}") };
    bytes.iter().map(digits).collect::<String>().into_bytes()
}

/// Adds what every base64 text has in which these bytes stand after a number of others that leaves
/// `before` of a group of three.
fn base64(bytes: &[u8], alphabet: &Alphabet, before: usize, into: &mut BTreeSet<Vec<u8>>) {
    let mut all = vec![0; before];
    all.extend_from_slice(bytes);
    // The letters in which other bytes have a part are not known.
    let first = match before {
        0 => 0,
        1 => 2,
        _ => 3,
    };
    let whole = all.len() / 3;
    let rest = all.len() % 3;
    let last = whole.saturating_mul(4).saturating_add(rest);
    let written = GeneralPurpose::new(alphabet, NO_PAD).encode(&*Zeroizing::new(all));
    if let Some(core) = written.get(first..last)
        && CORE_MIN <= core.len()
    {
        into.insert(core.as_bytes().to_vec());
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const SECRET: &str = "s3cr3t/+key==&<42>";

    fn text(scrubber: &Scrubber, text: &str) -> String {
        let mut bytes = text.as_bytes().to_vec();
        scrubber.scrub(&mut bytes);
        String::from_utf8(bytes).unwrap()
    }

    fn scrubbed(shown: &str) -> String {
        text(&Scrubber::of([(SECRET, &*format!("Bearer {SECRET}"))]), shown)
    }

    #[test]
    fn as_it_is_and_as_it_is_commonly_written_it_does_not_come_back() {
        let standard = base64::engine::general_purpose::STANDARD;
        let url = base64::engine::general_purpose::URL_SAFE_NO_PAD;
        let mut texts = vec![
            SECRET.to_owned(),
            format!("{{\"authorization\":\"Bearer {SECRET}\"}}"),
            serde_json::json!({ "it": SECRET }).to_string(),
            "s3cr3t/%2Bkey%3D%3D%26%3C42%3E".to_owned(),
            "s3cr3t%2f%2bkey%3d%3D&%3c42>".to_owned(),
            "%73%33%63%72%33%74%2F%2B%6B%65%79%3D%3D%26%3C%34%32%3E".to_owned(),
            "s3cr3t%252F%252Bkey%253D%253D%2526%253C42%253E".to_owned(),
            r"s3cr3t/\u002Bkey==\u0026\u003c42\u003E".to_owned(),
            r"\u0073\u0033cr3t\/+k\\u0065y\x3d=&<42>".to_owned(),
            "s3cr3t&#47;&#x2B;key&#0061;&#X3d;&amp;&lt;42&GT;".to_owned(),
            String::from_utf8(hex(SECRET.as_bytes(), false)).unwrap(),
            "s3cr3t/+key==&amp;&lt;42&gt;".to_owned(),
        ];
        for before in ["", "u", "us", "use", "user:", "Bearer "] {
            for after in ["", ":", "::", " end"] {
                texts.push(standard.encode(format!("{before}{SECRET}{after}")));
                texts.push(url.encode(format!("{before}{SECRET}{after}")));
            }
        }
        for text in texts {
            let shown = scrubbed(&text);
            assert!(shown.contains("******"), "{text} -> {shown}");
            assert_eq!(shown.len(), text.len());
            for bad in ["s3cr3t", "czNjcjN0", "733363723374", "cr3", "%72%33"] {
                assert!(!shown.contains(bad), "{text} -> {shown}");
            }
        }
        assert_eq!(scrubbed("nothing of it"), "nothing of it");
    }

    #[test]
    fn a_find_that_overlaps_one_before_it_is_written_over_in_a_stream_too() {
        let mut stream = Scrubber::of([("abab", "abab")]).stream();
        let passed = [stream.pass(b"x-abab"), stream.pass(b"ab-y"), stream.end()].concat();
        assert_eq!(passed, b"x-******-y");
        assert!(!format!("{stream:?}").contains("97"), "what is held is not shown");
    }

    #[test]
    fn headers_are_looked_through() {
        let mut headers = HeaderMap::new();
        headers.insert("x-echo", format!("Bearer {SECRET}").parse().unwrap());
        headers.insert("etag", "x".parse().unwrap());
        Scrubber::of([(SECRET, SECRET)]).headers(&mut headers);
        assert!(!headers["x-echo"].to_str().unwrap().contains("s3cr3t"));
        assert_eq!(headers["etag"], "x");
    }

    proptest! {
        #[test]
        fn wherever_a_stream_is_cut_it_passes_as_if_it_were_whole(
            parts in proptest::collection::vec(
                prop_oneof![
                    Just(SECRET.to_owned()),
                    Just("s3cr3".to_owned()),
                    Just(r"\u00733cr3t%2f\u002Bk".to_owned()),
                    Just("ey=&#61;&amp;&lt;42>".to_owned()),
                    r"[a-z0-9/+=%&\\#]{0,9}"
                ], 0..8),
            cuts in proptest::collection::vec(1_usize..7, 1..60),
        ) {
            let whole = parts.concat();
            let scrubber = Scrubber::of([(SECRET, SECRET)]);
            let mut stream = scrubber.stream();
            let mut passed = Vec::new();
            let mut rest = whole.as_bytes();
            for cut in cuts.iter().cycle() {
                if rest.is_empty() { break; }
                let (piece, after) = rest.split_at((*cut).min(rest.len()));
                passed.extend(stream.pass(piece));
                rest = after;
            }
            passed.extend(stream.end());
            let passed = String::from_utf8(passed).unwrap();
            prop_assert_eq!(passed.len(), whole.len());
            prop_assert!(!passed.contains(SECRET));
            prop_assert_eq!(passed, text(&scrubber, &whole));
        }
    }
}
