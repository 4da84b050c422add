//! Closes a state that a client carries for us: nobody else can read it or change it.
//!
//! AES-256-GCM-SIV, with a nonce for each state: should one ever repeat, it gives away that two
//! states are the same and nothing more. The key file has one key a line. The first closes, all
//! of them open: a new key is put on top, and an old one taken out when its states are dead.

use std::{fmt, path::Path};

use aws_lc_rs::aead::{AES_256_GCM_SIV, Aad, NONCE_LEN, Nonce, RandomizedNonceKey};
use bailiwick_model::Digest;
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use zeroize::Zeroizing;

use crate::{
    private::{PrivateError, create_private, read_private},
    random::{RandomError, random_bytes},
};

/// The longest closed state that is looked at.
const MAX: usize = 64 << 10;
/// How many keys one file may hold.
const KEYS_MAX: usize = 8;
const FILE_MAX: u64 = 4 << 10;
const VERSION: &str = "v1";
const PURPOSE: &str = "bailiwick state v1";

/// The keys that close and open states.
#[derive(Debug)]
pub struct StateKey {
    current: Key,
    older: Vec<Key>,
}

struct Key {
    name: String,
    key: RandomizedNonceKey,
}

impl StateKey {
    /// Reads the keys at `path`, or makes the first one.
    pub fn load_or_create(path: &Path) -> Result<Self, PrivateError> {
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
        let text = Zeroizing::new(read_private(path, FILE_MAX)?);
        let lines: Vec<&str> = text.lines().filter(|it| !it.trim().is_empty()).collect();
        let keys: Option<Vec<Key>> = lines.iter().map(|it| Key::read(it.trim())).collect();
        let mut keys = keys.filter(|it| it.len() <= KEYS_MAX).unwrap_or_default().into_iter();
        match keys.next() {
            Some(current) => Ok(Self { current, older: keys.collect() }),
            None => Err(PrivateError::io("understand", path)(std::io::Error::new(
                std::io::ErrorKind::InvalidData,
                "not one to eight keys of 32 bytes, one a line",
            ))),
        }
    }

    /// Closes `state`: a version, the key's name and base64url, with dots between them.
    pub fn close(&self, state: &str) -> Result<String, RandomError> {
        let Key { name, key } = &self.current;
        let mut sealed = state.as_bytes().to_vec();
        let nonce = key.seal_in_place_append_tag(bound_to(name), &mut sealed);
        let nonce = nonce.map_err(|_| RandomError)?;
        let text = URL_SAFE_NO_PAD.encode([nonce.as_ref().as_slice(), &sealed].concat());
        Ok(format!("{VERSION}.{name}.{text}"))
    }

    /// Gives the state back if one of these keys closed it.
    pub fn open(&self, closed: &str) -> Option<String> {
        if MAX < closed.len() {
            return None;
        }
        let (name, text) = closed.strip_prefix(VERSION)?.strip_prefix('.')?.split_once('.')?;
        let Key { key, .. } =
            std::iter::once(&self.current).chain(&self.older).find(|it| it.name == name)?;
        let bytes = URL_SAFE_NO_PAD.decode(text).ok()?;
        let (nonce, sealed) = bytes.split_at_checked(NONCE_LEN)?;
        let nonce = Nonce::try_assume_unique_for_key(nonce).ok()?;
        let mut sealed = sealed.to_vec();
        let state = key.open_in_place(nonce, bound_to(name), &mut sealed).ok()?;
        String::from_utf8(state.to_vec()).ok()
    }
}

impl Key {
    fn read(line: &str) -> Option<Self> {
        let bytes = Zeroizing::new(URL_SAFE_NO_PAD.decode(line).ok()?);
        let key = RandomizedNonceKey::new(&AES_256_GCM_SIV, &bytes).ok()?;
        let digest = Digest::of_parts(&[b"bailiwick state key name", &bytes]);
        let name = digest.as_bytes().iter().take(6).copied().collect::<Vec<_>>();
        Some(Self { name: URL_SAFE_NO_PAD.encode(name), key })
    }
}

/// What is not in the seal, and is sealed with it all the same.
fn bound_to(name: &str) -> Aad<Vec<u8>> {
    Aad::from([PURPOSE, name].join("\0").into_bytes())
}

impl fmt::Debug for Key {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "Key({}, ***)", self.name)
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use proptest::prelude::*;

    use super::*;

    fn key() -> StateKey {
        let root = tempfile::tempdir().unwrap();
        StateKey::load_or_create(&root.path().join("state.key")).unwrap()
    }

    proptest! {
        #[test]
        fn what_is_closed_opens_and_nothing_else_does(
            text in "\\PC{0,60}",
            place in any::<prop::sample::Index>(),
            letter in "[A-Za-z0-9_.=-]",
        ) {
            let key = key();
            let closed = key.close(&text).unwrap();
            let opened = key.open(&closed);
            prop_assert_eq!(opened.as_deref(), Some(text.as_str()));
            let at = place.index(closed.len());
            let mut other = closed.clone();
            other.replace_range(at..=at, &letter);
            prop_assert!(other == closed || key.open(&other).is_none());
            prop_assert!(key.open(closed.get(..at).unwrap()).is_none());
        }

        #[test]
        fn no_text_makes_it_panic(text in "(v1\\.)?\\PC{0,100}") {
            prop_assert_eq!(key().open(&text), None);
        }
    }

    #[test]
    fn nobody_reads_what_is_closed_and_no_two_look_alike() {
        let key = key();
        let (one, other) =
            (key.close("hold_7 of ada").unwrap(), key.close("hold_7 of ada").unwrap());
        assert_ne!(one, other);
        let bytes = URL_SAFE_NO_PAD.decode(one.rsplit('.').next().unwrap()).unwrap();
        assert!(!String::from_utf8_lossy(&bytes).contains("ada"), "{one}");
        assert!(!format!("{key:?}").contains("AES"), "{key:?}");
    }

    #[test]
    fn another_key_and_a_long_text_do_not_open() {
        let (ours, theirs) = (key(), key());
        assert_eq!(theirs.open(&ours.close("state").unwrap()), None);
        assert_eq!(ours.open(&ours.close(&"x".repeat(MAX)).unwrap()), None);
    }

    #[test]
    fn a_new_key_on_top_closes_and_an_old_one_still_opens() {
        let root = tempfile::tempdir().unwrap();
        let path = root.path().join("state.key");
        let old = StateKey::load_or_create(&path).unwrap();
        let closed = old.close("state").unwrap();
        let line = fs::read_to_string(&path).unwrap();
        let fresh = URL_SAFE_NO_PAD.encode(random_bytes::<32>().unwrap());

        fs::write(&path, format!("{fresh}\n{line}")).unwrap();
        let both = StateKey::load_or_create(&path).unwrap();
        assert_eq!(both.open(&closed).as_deref(), Some("state"));
        assert_eq!(old.open(&both.close("state").unwrap()), None);

        fs::write(&path, format!("{fresh}\n")).unwrap();
        assert_eq!(StateKey::load_or_create(&path).unwrap().open(&closed), None);
    }

    #[test]
    fn a_broken_file_is_an_error_and_is_not_replaced() {
        let root = tempfile::tempdir().unwrap();
        let path = root.path().join("state.key");
        let line = URL_SAFE_NO_PAD.encode([7; 32]);
        StateKey::load_or_create(&path).unwrap();
        for broken in ["", "short\n", &format!("{line}\nshort\n"), &format!("{line}\n").repeat(9)] {
            fs::write(&path, broken).unwrap();
            assert!(StateKey::load_or_create(&path).is_err(), "{broken}");
            assert_eq!(fs::read_to_string(&path).unwrap(), broken);
        }
    }
}
