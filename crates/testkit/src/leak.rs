//! Looks for secrets where none may be: as they are, and as they are written when bytes become text.

use std::{fmt, fs, path::Path};

const BASE64: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
const BASE64URL: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
/// What is shorter stands anywhere by chance.
const SHORTEST: usize = 8;

/// What is looked for. Its `Debug` says how much that is.
#[derive(Clone, Default)]
pub struct Leaks {
    /// What it is called, how it is written, and that.
    sought: Vec<(String, &'static str, String)>,
}

impl fmt::Debug for Leaks {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "Leaks({} spellings)", self.sought.len())
    }
}

impl Leaks {
    /// Looks for a secret too. Of one that has several lines, as a key in PEM, for each line that says
    /// something.
    #[must_use]
    pub fn with(mut self, name: &str, secret: &str) -> Self {
        let telling = |it: &&str| SHORTEST <= it.len() && !it.starts_with("-----");
        let mut lines = secret.lines().map(str::trim).filter(telling).peekable();
        assert!(lines.peek().is_some(), "`{name}` is too short to be looked for");
        for line in lines {
            let spelt = spellings(line).into_iter();
            self.sought.extend(spelt.map(|(how, text)| (name.to_owned(), how, text)));
        }
        self
    }

    /// Names what stands in a text, with what is before it.
    pub fn found(&self, text: &str) -> Vec<String> {
        let stands = |(name, how, sought): &(String, &'static str, String)| {
            let at = text.find(sought.as_str())?;
            let before: Vec<char> = text.get(..at)?.chars().rev().take(160).collect();
            let before: String = before.into_iter().rev().collect();
            Some(format!("{name}, {how}, after `{before}`"))
        };
        self.sought.iter().filter_map(stands).collect()
    }

    /// Fails where something stands in a text, and where there is no text.
    pub fn nowhere_in(&self, place: &str, text: &str) {
        assert!(!text.is_empty(), "nothing was looked at in {place}");
        let found = self.found(text);
        assert!(found.is_empty(), "in {place}: {found:#?}");
    }
}

/// Reads every file below a folder whose path counts, as one text.
pub fn everything(folder: &Path, counts: &dyn Fn(&Path) -> bool) -> String {
    let mut all = String::new();
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        let path = entry.path();
        if path.is_dir() {
            all.push_str(&everything(&path, counts));
        } else if counts(&path) {
            let bytes = fs::read(&path).unwrap_or_default();
            // Segments are full of zeros before they are used.
            let parts = bytes.split(|it| *it == 0).filter(|it| !it.is_empty());
            for part in parts {
                all.push_str(&String::from_utf8_lossy(part));
                all.push('\n');
            }
        }
    }
    all
}

/// Gives the ways to write a secret.
fn spellings(secret: &str) -> Vec<(&'static str, String)> {
    let hex = |upper: bool| -> String {
        let digit = |it: u8| if upper { format!("{it:02X}") } else { format!("{it:02x}") };
        secret.bytes().map(digit).collect()
    };
    let escaped = |plain: fn(u8) -> bool, how: fn(u8) -> String| -> String {
        secret.bytes().map(|it| if plain(it) { char::from(it).into() } else { how(it) }).collect()
    };
    let json = serde_json::Value::from(secret).to_string();
    let mut all = vec![
        ("as it is", secret.to_owned()),
        ("in hex", hex(false)),
        ("in hex", hex(true)),
        ("in a URL", escaped(|it| it.is_ascii_alphanumeric(), |it| format!("%{it:02X}"))),
        ("in a URL", escaped(|it| it.is_ascii_alphanumeric(), |it| format!("%{it:02x}"))),
        ("in a URL", escaped(is_unreserved, |it| format!("%{it:02X}"))),
        ("in a URL, all of it", escaped(|_| false, |it| format!("%{it:02X}"))),
        ("in JSON", json.trim_matches('"').to_owned()),
        ("in JSON", json.trim_matches('"').replace('/', "\\/")),
        ("in JSON, all of it", escaped(|_| false, |it| format!("\\u{it:04x}"))),
    ];
    for shift in 0..3 {
        all.push(("in base64", base64(secret.as_bytes(), shift, BASE64)));
        all.push(("in base64", base64(secret.as_bytes(), shift, BASE64URL)));
    }
    all.sort();
    all.dedup();
    all
}

const fn is_unreserved(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~')
}

/// Writes bytes as they come out in the middle of others, with `shift` of them in the same group
/// before: only the letters that the others have no part in.
fn base64(bytes: &[u8], shift: usize, letters: &[u8; 64]) -> String {
    let bits = |at: usize| {
        let byte = at.checked_div(8).and_then(|it| bytes.get(it)).copied().unwrap_or(0);
        byte >> (7_usize.saturating_sub(at & 7)) & 1
    };
    // The first letter that begins in our bytes begins so many bits into them.
    let begin = [0, 4, 2].get(shift).copied().unwrap_or(0);
    let end = bytes.len().saturating_mul(8);
    let places = (begin..end).step_by(6).take_while(|it| it.saturating_add(6) <= end);
    let letter = |at: usize| {
        let all =
            (at..at.saturating_add(6)).fold(0_usize, |all, it| all << 1 | usize::from(bits(it)));
        char::from(letters.get(all).copied().unwrap_or(b'A'))
    };
    places.map(letter).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_is_found_however_it_is_written() {
        let leaks = Leaks::default().with("password", "hunter2/of \"them\"");
        let texts = [
            "x hunter2/of \"them\" y",
            "{\"p\":\"hunter2/of \\\"them\\\"\"}",
            "{\"p\":\"hunter2\\/of \\\"them\\\"\"}",
            "?p=hunter2%2Fof%20%22them%22",
            "68756e746572322f6f6620227468656d22",
            "68756E746572322F6F6620227468656D22",
            // printf '%s' 'hunter2/of "them"', 'a' and 'ab' before it, 'z' behind it.
            "aHVudGVyMi9vZiAidGhlbSI=",
            "YWh1bnRlcjIvb2YgInRoZW0ieg==",
            "YWJodW50ZXIyL29mICJ0aGVtIno=",
        ];
        for text in texts {
            assert_ne!(leaks.found(text), Vec::<String>::new(), "{text}");
        }
        assert_eq!(leaks.found("hunter3/of \"them\""), Vec::<String>::new());
    }

    #[test]
    fn of_a_key_every_line_is_looked_for_and_its_frame_is_not() {
        let pem = "-----BEGIN PRIVATE KEY-----\nMIGHAgEAMBMGByqGSM49\nAgEGCCqGSM49AwEH\n-----END PRIVATE KEY-----\n";
        let leaks = Leaks::default().with("key", pem);
        assert_eq!(leaks.found("-----BEGIN PRIVATE KEY-----"), Vec::<String>::new());
        assert_ne!(leaks.found("\"AgEGCCqGSM49AwEH\\n\""), Vec::<String>::new());
    }
}
