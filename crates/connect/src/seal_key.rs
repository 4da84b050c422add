//! Seals a short text that someone else carries for us: they can read it, not change it.
//!
//! A session id for clients of the older MCP revision, or the state of a hold, goes out sealed and
//! comes back; nothing has to be kept meanwhile. Each use has a key file of its own.

use std::path::Path;

use aws_lc_rs::constant_time::verify_slices_are_equal;
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};

use crate::{hmac_file::HmacKey, private::PrivateError};

/// The longest sealed text that is looked at.
const MAX: usize = 4 << 10;
const PURPOSE: &str = "bailiwick seal v1";

/// A key that seals.
#[derive(Debug)]
pub struct SealKey(HmacKey);

impl SealKey {
    /// Reads the key at `path`, or makes it.
    pub fn load_or_create(path: &Path) -> Result<Self, PrivateError> {
        HmacKey::load_or_create(path).map(Self)
    }

    /// Seals `text`: base64url and a dot, fit for a header.
    pub fn seal(&self, text: &str) -> String {
        let tag = self.0.tag(PURPOSE, text);
        format!("{}.{}", URL_SAFE_NO_PAD.encode(text), URL_SAFE_NO_PAD.encode(tag))
    }

    /// Gives the text back if this key sealed it.
    pub fn open(&self, sealed: &str) -> Option<String> {
        if MAX < sealed.len() {
            return None;
        }
        let (text, tag) = sealed.split_once('.')?;
        let text = String::from_utf8(URL_SAFE_NO_PAD.decode(text).ok()?).ok()?;
        let tag = URL_SAFE_NO_PAD.decode(tag).ok()?;
        let ours = self.0.tag(PURPOSE, &text);
        verify_slices_are_equal(ours.as_ref(), &tag).ok()?;
        Some(text)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn key(name: &str) -> SealKey {
        let root = tempfile::tempdir().unwrap();
        SealKey::load_or_create(&root.path().join(name)).unwrap()
    }

    proptest! {
        #[test]
        fn what_is_sealed_opens_and_nothing_else_does(
            text in "\\PC{0,60}",
            place in any::<prop::sample::Index>(),
            letter in "[A-Za-z0-9_.=-]",
        ) {
            let key = key("a");
            let sealed = key.seal(&text);
            let opened = key.open(&sealed);
            prop_assert_eq!(opened.as_deref(), Some(text.as_str()));
            let at = place.index(sealed.len());
            let mut other = sealed.clone();
            other.replace_range(at..=at, &letter);
            prop_assert!(other == sealed || key.open(&other).is_none());
        }

        #[test]
        fn no_text_makes_it_panic(text in "\\PC{0,100}") {
            prop_assert_eq!(key("a").open(&text), None);
        }
    }

    #[test]
    fn another_key_a_cut_tag_and_a_long_text_do_not_open() {
        let (ours, theirs) = (key("a"), key("b"));
        let sealed = ours.seal("session");
        assert_eq!(theirs.open(&sealed), None);
        let (text, _) = sealed.split_once('.').unwrap();
        assert_eq!(ours.open(&format!("{text}.")), None);
        assert_eq!(ours.open(&ours.seal(&"x".repeat(MAX))), None);
    }
}
