//! Digests of values that evidence may not hold: equal values look equal, and nobody without the
//! key can guess a value and compare.

use std::{fmt::Write, path::Path};

use crate::{hmac_file::HmacKey, private::PrivateError};

/// The key of redaction.
#[derive(Debug)]
pub struct EvidenceKey(HmacKey);

impl EvidenceKey {
    /// Reads the key at `path`, or makes it.
    pub fn load_or_create(path: &Path) -> Result<Self, PrivateError> {
        HmacKey::load_or_create(path).map(Self)
    }

    /// Gives what stands in for `value`: `hmac:` and 32 hex digits.
    pub fn digest(&self, value: &str) -> String {
        let tag = self.0.tag("bailiwick evidence v1", value);
        tag.as_ref().iter().take(16).fold("hmac:".to_owned(), |mut text, byte| {
            // Writing to a text never fails.
            let _ = write!(text, "{byte:02x}");
            text
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equal_values_look_equal_under_one_key_and_different_under_another() {
        let root = tempfile::tempdir().unwrap();
        let key = EvidenceKey::load_or_create(&root.path().join("a.key")).unwrap();
        let other = EvidenceKey::load_or_create(&root.path().join("b.key")).unwrap();
        let digest = key.digest("4111 1111 1111 1111");
        assert_eq!(digest, key.digest("4111 1111 1111 1111"));
        assert_ne!(digest, key.digest("4111 1111 1111 1112"));
        assert_ne!(digest, other.digest("4111 1111 1111 1111"));
        let hex = digest.strip_prefix("hmac:").unwrap();
        assert!(hex.len() == 32 && hex.bytes().all(|it| it.is_ascii_hexdigit()), "{digest}");
    }
}
