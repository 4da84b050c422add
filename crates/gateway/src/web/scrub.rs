//! Takes a secret out of what comes back: as it is, and as it is commonly written.
//!
//! An API may give back what it was sent, in an echo or in an error. Whatever is found is written
//! over with as many stars, so that lengths and quotes stay right. What is held back of a stream is
//! never more than could still become a find.

use std::{collections::BTreeSet, fmt, sync::Arc};

use base64::{
    Engine,
    alphabet::{Alphabet, STANDARD, URL_SAFE},
    engine::general_purpose::{GeneralPurpose, NO_PAD},
};
use http::{HeaderMap, HeaderValue};
use zeroize::Zeroizing;

/// A part of base64 shorter than this says nothing of a secret that could be told from chance.
const CORE_MIN: usize = 6;
const STAR: u8 = b'*';

/// What must not come back.
#[derive(Clone, Default)]
pub(crate) struct Scrubber {
    patterns: Arc<[Zeroizing<Vec<u8>>]>,
}

/// A stream that is looked through as it passes.
#[derive(Debug)]
pub(crate) struct Scrubbing {
    scrubber: Scrubber,
    held: Vec<u8>,
}

impl Scrubber {
    /// Looks for `secret`, and for `whole`, in which it was sent.
    pub(crate) fn of(secret: &str, whole: &str) -> Self {
        let mut patterns = BTreeSet::new();
        for text in [secret, whole] {
            forms(text, &mut patterns);
        }
        // A secret within a user's name and password is a part of what was sent.
        let patterns = patterns.into_iter().filter(|it| !it.is_empty()).map(Zeroizing::new);
        Self { patterns: patterns.collect() }
    }

    /// Writes over what is found in `bytes`; says whether anything was.
    pub(crate) fn scrub(&self, bytes: &mut [u8]) -> bool {
        let mut found = Vec::new();
        for at in 0..bytes.len() {
            let rest = bytes.get(at..).unwrap_or_default();
            let longest = self.patterns.iter().filter(|it| rest.starts_with(it)).map(|it| it.len());
            found.extend(longest.max().map(|length| (at, length)));
        }
        for (at, length) in &found {
            let end = at.saturating_add(*length);
            if let Some(place) = bytes.get_mut(*at..end) {
                place.fill(STAR);
            }
        }
        !found.is_empty()
    }

    /// Writes over what is found in the values of headers. A name that holds it is left out.
    pub(crate) fn headers(&self, headers: &mut HeaderMap) {
        if self.patterns.is_empty() {
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
        Scrubbing { scrubber: self.clone(), held: Vec::new() }
    }

    /// Says how many bytes at the end of `bytes` may be the beginning of a find.
    fn begun(&self, bytes: &[u8]) -> usize {
        let most = self.patterns.iter().map(|it| it.len()).max().unwrap_or_default();
        let most = most.saturating_sub(1).min(bytes.len());
        let begins = |length: &usize| {
            let at = bytes.len().saturating_sub(*length);
            let end = bytes.get(at..).unwrap_or_default();
            self.patterns.iter().any(|it| end.len() < it.len() && it.starts_with(end))
        };
        (1..=most).rev().find(begins).unwrap_or_default()
    }
}

impl Scrubbing {
    /// Takes a piece, and gives what can go on.
    pub(crate) fn pass(&mut self, piece: &[u8]) -> Vec<u8> {
        if self.scrubber.patterns.is_empty() {
            return piece.to_vec();
        }
        self.held.extend_from_slice(piece);
        self.scrubber.scrub(&mut self.held);
        let keep = self.scrubber.begun(&self.held);
        let at = self.held.len().saturating_sub(keep);
        let rest = self.held.split_off(at);
        std::mem::replace(&mut self.held, rest)
    }

    /// Gives what was held back: nothing comes that would make a find of it.
    pub(crate) fn end(&mut self) -> Vec<u8> {
        std::mem::take(&mut self.held)
    }
}

impl fmt::Debug for Scrubber {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("Scrubber(***)")
    }
}

/// Collects the ways in which a text is commonly written.
fn forms(text: &str, into: &mut BTreeSet<Vec<u8>>) {
    let bytes = text.as_bytes();
    into.insert(bytes.to_vec());
    let quoted = serde_json::Value::from(text).to_string();
    let quoted = quoted.trim_start_matches('"');
    let quoted = quoted.strip_suffix('"').unwrap_or(quoted);
    into.insert(quoted.as_bytes().to_vec());
    into.insert(quoted.replace('/', "\\/").into_bytes());
    for upper in [true, false] {
        for space in ["%20", "+"] {
            into.insert(percent(bytes, upper, space));
        }
        into.insert(hex(bytes, upper));
    }
    for alphabet in [&STANDARD, &URL_SAFE] {
        for before in 0..3 {
            base64(bytes, alphabet, before, into);
        }
    }
    if text.contains(['&', '<', '>', '"', '\'']) {
        let html = text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;");
        into.insert(html.replace('"', "&quot;").replace('\'', "&#39;").into_bytes());
    }
}

fn percent(bytes: &[u8], upper: bool, space: &str) -> Vec<u8> {
    let mut written = String::new();
    for byte in bytes {
        match byte {
            b' ' => written.push_str(space),
            it if it.is_ascii_alphanumeric() || b"-._~".contains(it) => {
                written.push(char::from(*it));
            }
            it if upper => written.push_str(&format!("%{it:02X}")),
            it => written.push_str(&format!("%{it:02x}")),
        }
    }
    written.into_bytes()
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
        text(&Scrubber::of(SECRET, &format!("Bearer {SECRET}")), shown)
    }

    #[test]
    fn as_it_is_and_as_it_is_commonly_written_it_does_not_come_back() {
        let standard = base64::engine::general_purpose::STANDARD;
        let url = base64::engine::general_purpose::URL_SAFE_NO_PAD;
        let mut texts = vec![
            SECRET.to_owned(),
            format!("{{\"authorization\":\"Bearer {SECRET}\"}}"),
            serde_json::json!({ "it": SECRET }).to_string(),
            String::from_utf8(percent(SECRET.as_bytes(), true, "%20")).unwrap(),
            String::from_utf8(percent(SECRET.as_bytes(), false, "+")).unwrap(),
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
            for bad in ["s3cr3t", "czNjcjN0", "733363723374"] {
                assert!(!shown.contains(bad), "{text} -> {shown}");
            }
        }
        assert_eq!(scrubbed("nothing of it"), "nothing of it");
    }

    #[test]
    fn headers_are_looked_through() {
        let mut headers = HeaderMap::new();
        headers.insert("x-echo", format!("Bearer {SECRET}").parse().unwrap());
        headers.insert("etag", "x".parse().unwrap());
        Scrubber::of(SECRET, SECRET).headers(&mut headers);
        assert!(!headers["x-echo"].to_str().unwrap().contains("s3cr3t"));
        assert_eq!(headers["etag"], "x");
    }

    proptest! {
        #[test]
        fn wherever_a_stream_is_cut_it_passes_as_if_it_were_whole(
            parts in proptest::collection::vec(
                prop_oneof![Just(SECRET.to_owned()), Just("s3cr3".to_owned()), "[a-z0-9/+=]{0,9}"], 0..8),
            cuts in proptest::collection::vec(1_usize..7, 1..60),
        ) {
            let whole = parts.concat();
            let scrubber = Scrubber::of(SECRET, SECRET);
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
