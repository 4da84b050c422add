//! A 32-byte HMAC key in a private file, made when it is first asked for.

use std::{fmt, path::Path};

use aws_lc_rs::hmac;
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use zeroize::Zeroizing;

use crate::{
    private::{PrivateError, create_private, read_private},
    random::random_bytes,
};

/// An HMAC-SHA-256 key.
pub(crate) struct HmacKey(hmac::Key);

impl HmacKey {
    /// Reads the key at `path`, or makes it.
    pub(crate) fn load_or_create(path: &Path) -> Result<Self, PrivateError> {
        match Self::load(path) {
            Err(error) if error.is_missing() => {
                let bytes = Zeroizing::new(random_bytes::<32>()?);
                let text = Zeroizing::new(URL_SAFE_NO_PAD.encode(*bytes) + "\n");
                match create_private(path, text.as_bytes()) {
                    // Somebody made it in the same moment: theirs is the key.
                    Ok(()) | Err(PrivateError::Exists { .. }) => Self::load(path),
                    Err(error) => Err(error),
                }
            }
            loaded => loaded,
        }
    }

    fn load(path: &Path) -> Result<Self, PrivateError> {
        let text = Zeroizing::new(read_private(path, 1024)?);
        let bytes = URL_SAFE_NO_PAD.decode(text.trim_end()).map(Zeroizing::new);
        match bytes {
            Ok(bytes) if bytes.len() == 32 => Ok(Self(hmac::Key::new(hmac::HMAC_SHA256, &bytes))),
            Ok(_) | Err(_) => Err(PrivateError::io("understand", path)(std::io::Error::new(
                std::io::ErrorKind::InvalidData,
                "not a key of 32 bytes",
            ))),
        }
    }

    /// Gives the tag of `text`, used for `purpose` and nothing else.
    pub(crate) fn tag(&self, purpose: &str, text: &str) -> hmac::Tag {
        let mut context = hmac::Context::with_key(&self.0);
        context.update(purpose.as_bytes());
        // Ends the purpose, which never holds a zero byte.
        context.update(&[0]);
        context.update(text.as_bytes());
        context.sign()
    }
}

impl fmt::Debug for HmacKey {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("HmacKey(***)")
    }
}

#[cfg(test)]
mod tests {
    use std::{fs, os::unix::fs::PermissionsExt};

    use super::*;

    #[test]
    fn the_key_is_made_once_and_stays() {
        let root = tempfile::tempdir().unwrap();
        let path = root.path().join("a.key");
        let first = HmacKey::load_or_create(&path).unwrap().tag("p", "x");
        let second = HmacKey::load_or_create(&path).unwrap().tag("p", "x");
        assert_eq!(first.as_ref(), second.as_ref());
        let other = HmacKey::load_or_create(&root.path().join("b.key")).unwrap().tag("p", "x");
        assert_ne!(first.as_ref(), other.as_ref());
    }

    #[test]
    fn an_open_or_broken_file_is_an_error_and_is_not_replaced() {
        let root = tempfile::tempdir().unwrap();
        let path = root.path().join("a.key");
        HmacKey::load_or_create(&path).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o644)).unwrap();
        assert!(matches!(HmacKey::load_or_create(&path), Err(PrivateError::Open { .. })));
        fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
        fs::write(&path, "short").unwrap();
        assert!(HmacKey::load_or_create(&path).is_err());
        assert_eq!(fs::read_to_string(&path).unwrap(), "short");
    }

    #[test]
    fn purposes_do_not_mix_and_the_key_is_never_printed() {
        let root = tempfile::tempdir().unwrap();
        let path = root.path().join("a.key");
        let key = HmacKey::load_or_create(&path).unwrap();
        assert_ne!(key.tag("p", "x").as_ref(), key.tag("q", "x").as_ref());
        assert_ne!(key.tag("p", "qx").as_ref(), key.tag("pq", "x").as_ref());
        assert_eq!(format!("{key:?}"), "HmacKey(***)");
    }
}
