//! PEM, one block a file (RFC 7468, the strict form).

use base64::{Engine, engine::general_purpose::STANDARD};
use zeroize::Zeroizing;

/// The longest text that is looked at: a P-256 key needs a few hundred bytes.
const MAX: usize = 16 << 10;

/// Writes `der` as one PEM block.
pub(crate) fn write(label: &str, der: &[u8]) -> Zeroizing<String> {
    let body = Zeroizing::new(STANDARD.encode(der));
    // Room for all of it at once: a text that grows leaves unwiped copies behind.
    let room = body.len().saturating_mul(2).saturating_add(128);
    let mut text = Zeroizing::new(String::with_capacity(room));
    let mut left = body.as_str();
    for part in ["-----BEGIN ", label, "-----\n"] {
        text.push_str(part);
    }
    while let Some((line, rest)) = left.split_at_checked(64) {
        text.push_str(line);
        text.push('\n');
        left = rest;
    }
    if !left.is_empty() {
        text.push_str(left);
        text.push('\n');
    }
    for part in ["-----END ", label, "-----\n"] {
        text.push_str(part);
    }
    text
}

/// Reads the one PEM block of `text`, which must be labelled `label`.
pub(crate) fn read(label: &str, text: &str) -> Option<Zeroizing<Vec<u8>>> {
    if MAX < text.len() {
        return None;
    }
    let body = text
        .trim()
        .strip_prefix(&format!("-----BEGIN {label}-----"))?
        .strip_suffix(&format!("-----END {label}-----"))?;
    let joined: Zeroizing<String> =
        Zeroizing::new(body.chars().filter(|it| !it.is_ascii_whitespace()).collect());
    STANDARD.decode(joined.as_bytes()).ok().map(Zeroizing::new)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn what_is_written_is_read(der in proptest::collection::vec(any::<u8>(), 0..300)) {
            let text = write("PUBLIC KEY", &der);
            prop_assert_eq!(read("PUBLIC KEY", &text).unwrap().to_vec(), der);
            prop_assert!(text.lines().all(|it| it.len() <= 64));
        }

        #[test]
        fn no_text_makes_it_panic(text in ".*") {
            let _ = read("PUBLIC KEY", &text);
        }
    }

    #[test]
    fn another_label_two_blocks_or_a_cut_block_are_refused() {
        let one = write("PUBLIC KEY", b"abc").to_string();
        assert!(read("PRIVATE KEY", &one).is_none());
        assert!(read("PUBLIC KEY", &format!("{one}{one}")).is_none());
        assert!(read("PUBLIC KEY", one.strip_suffix("-----\n").unwrap()).is_none());
        assert!(read("PUBLIC KEY", &format!("{one}{}", " ".repeat(MAX))).is_none());
    }
}
