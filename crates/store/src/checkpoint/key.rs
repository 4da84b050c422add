//! The key that signs heads, and its public half.

use std::{
    fmt, fs,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
    str::FromStr,
    sync::Arc,
};

use aws_lc_rs::{
    rand::SystemRandom,
    signature::{ED25519, Ed25519KeyPair, KeyPair, UnparsedPublicKey},
};
use bailiwick_model::Digest;
use base64::{Engine, engine::general_purpose::STANDARD};
use zeroize::Zeroizing;

use crate::{FileError, file};

/// The name that stands in every signature line.
pub(super) const KEY_NAME: &str = "bailiwick/ledger";
/// The signed note's number for Ed25519.
const ED25519_TYPE: u8 = 1;
const PEM_BEGIN: &str = "-----BEGIN PRIVATE KEY-----";
const PEM_END: &str = "-----END PRIVATE KEY-----";

/// A key could not be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum KeyError {
    /// Others may read it.
    #[error("`{}` may be read by others (mode {mode:o}): take it back with `chmod 600`", path.display())]
    NotPrivate {
        /// The file.
        path: PathBuf,
        /// Its mode.
        mode: u32,
    },
    /// It holds something else.
    #[error("`{}` holds no Ed25519 private key (PKCS#8, PEM)", path.display())]
    NotAKey {
        /// The file.
        path: PathBuf,
    },
    /// The text is not a public key.
    #[error("`{text}` is not a public key like `{KEY_NAME}+0123abcd+AbCd…`")]
    NotAPublicKey {
        /// The text.
        text: String,
    },
    /// No key could be made.
    #[error("no key could be made")]
    NotMade,
    /// The file cannot be used.
    #[error(transparent)]
    File(#[from] FileError),
}

/// The Ed25519 key that signs heads, and nothing else.
#[derive(Clone)]
pub struct CheckpointKey {
    pair: Arc<Ed25519KeyPair>,
    public: CheckpointPublicKey,
}

impl CheckpointKey {
    /// Reads the key at `path`, or makes one there, for this account alone. A new key's public
    /// half is written beside it, with the ending `.pub`, to be kept where copies of heads are.
    pub fn load_or_create(path: &Path) -> Result<Self, KeyError> {
        match file::read_if_there(path)?.map(Zeroizing::new) {
            Some(text) => {
                let mode = fs::metadata(path).map_err(file::on("look at", path))?;
                let mode = mode.permissions().mode() & 0o777;
                if mode & 0o077 != 0 {
                    return Err(KeyError::NotPrivate { path: path.to_owned(), mode });
                }
                from_pem(&text)
                    .and_then(|der| Ed25519KeyPair::from_pkcs8(&der).ok())
                    .and_then(Self::of)
                    .ok_or_else(|| KeyError::NotAKey { path: path.to_owned() })
            }
            None => Self::create(path),
        }
    }

    fn create(path: &Path) -> Result<Self, KeyError> {
        if let Some(dir) = path.parent() {
            file::create_private_dir(dir)?;
        }
        let der =
            Ed25519KeyPair::generate_pkcs8(&SystemRandom::new()).map_err(|_| KeyError::NotMade)?;
        let key = Ed25519KeyPair::from_pkcs8(der.as_ref()).ok().and_then(Self::of);
        let key = key.ok_or(KeyError::NotMade)?;
        let body = Zeroizing::new(STANDARD.encode(der.as_ref()));
        let pem = Zeroizing::new(format!("{PEM_BEGIN}\n{}\n{PEM_END}\n", *body));
        file::replace(&path.with_extension("pub"), format!("{}\n", key.public).as_bytes())?;
        file::replace(path, pem.as_bytes())?;
        Ok(key)
    }

    fn of(pair: Ed25519KeyPair) -> Option<Self> {
        let public = CheckpointPublicKey(pair.public_key().as_ref().try_into().ok()?);
        Some(Self { pair: Arc::new(pair), public })
    }

    /// Gives the public half.
    pub const fn public(&self) -> &CheckpointPublicKey {
        &self.public
    }

    pub(super) fn sign(&self, text: &str) -> Vec<u8> {
        self.pair.sign(text.as_bytes()).as_ref().to_vec()
    }
}

impl fmt::Debug for CheckpointKey {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_struct("CheckpointKey")
            .field("pair", &"***")
            .field("public", &self.public)
            .finish()
    }
}

/// Reads the DER out of a PEM text.
fn from_pem(text: &[u8]) -> Option<Zeroizing<Vec<u8>>> {
    let text = std::str::from_utf8(text).ok()?;
    let body = text.trim().strip_prefix(PEM_BEGIN)?.strip_suffix(PEM_END)?;
    let body: Zeroizing<String> =
        Zeroizing::new(body.chars().filter(|it| !it.is_whitespace()).collect());
    STANDARD.decode(body.as_bytes()).ok().map(Zeroizing::new)
}

/// The public half: written as a signed note's verifier key, `name+id+base64`.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct CheckpointPublicKey([u8; 32]);

impl CheckpointPublicKey {
    /// Reads the text that [`CheckpointKey::load_or_create`] put beside a key.
    pub fn load(path: &Path) -> Result<Self, KeyError> {
        let text = fs::read_to_string(path).map_err(file::on("read", path))?;
        text.trim().parse()
    }

    /// Gives the four bytes by which a signature line names its key.
    pub(super) fn id(&self) -> [u8; 4] {
        let mut named = format!("{KEY_NAME}\n").into_bytes();
        named.push(ED25519_TYPE);
        named.extend(self.0);
        let [a, b, c, d, ..] = *Digest::of(&named).as_bytes();
        [a, b, c, d]
    }

    /// Says whether `signature` is this key's over `text`.
    pub(super) fn verifies(&self, text: &str, signature: &[u8]) -> bool {
        UnparsedPublicKey::new(&ED25519, self.0).verify(text.as_bytes(), signature).is_ok()
    }
}

impl fmt::Display for CheckpointPublicKey {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut body = vec![ED25519_TYPE];
        body.extend(self.0);
        let id = u32::from_be_bytes(self.id());
        write!(out, "{KEY_NAME}+{id:08x}+{}", STANDARD.encode(body))
    }
}

impl fmt::Debug for CheckpointPublicKey {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, out)
    }
}

impl FromStr for CheckpointPublicKey {
    type Err = KeyError;

    fn from_str(text: &str) -> Result<Self, KeyError> {
        let read = || {
            let (_, body) = text.strip_prefix(KEY_NAME)?.strip_prefix('+')?.split_once('+')?;
            let body = STANDARD.decode(body).ok()?;
            let (kind, key) = body.split_first()?;
            let key = Self(key.try_into().ok()?);
            (*kind == ED25519_TYPE && key.to_string() == text).then_some(key)
        };
        read().ok_or_else(|| KeyError::NotAPublicKey { text: text.chars().take(120).collect() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_made_once_and_its_public_half_lies_beside_it() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("keys/checkpoint.pem");
        let made = CheckpointKey::load_or_create(&path).unwrap();
        let read = CheckpointKey::load_or_create(&path).unwrap();
        assert_eq!(made.public(), read.public());
        let beside = CheckpointPublicKey::load(&path.with_extension("pub")).unwrap();
        assert_eq!(&beside, made.public());
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
    }

    #[test]
    fn a_key_that_others_may_read_is_refused() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("checkpoint.pem");
        CheckpointKey::load_or_create(&path).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o640)).unwrap();
        let error = CheckpointKey::load_or_create(&path).unwrap_err();
        assert!(error.to_string().contains("may be read by others (mode 640)"), "{error}");
    }

    #[test]
    fn a_file_without_a_key_is_never_overwritten() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("checkpoint.pem");
        file::replace(&path, b"not a key").unwrap();
        assert!(matches!(CheckpointKey::load_or_create(&path), Err(KeyError::NotAKey { .. })));
        assert_eq!(fs::read(&path).unwrap(), b"not a key");
    }

    #[test]
    fn the_private_half_never_shows_in_debug() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("checkpoint.pem");
        let key = CheckpointKey::load_or_create(&path).unwrap();
        let shown = format!("{key:?}");
        assert_eq!(shown, format!("CheckpointKey {{ pair: \"***\", public: {} }}", key.public()));
    }

    #[test]
    fn a_public_key_with_any_letter_changed_is_no_public_key() {
        let dir = tempfile::tempdir().unwrap();
        let key = CheckpointKey::load_or_create(&dir.path().join("checkpoint.pem")).unwrap();
        let text = key.public().to_string();
        assert_eq!(&text.parse::<CheckpointPublicKey>().unwrap(), key.public());
        for place in 0..text.len() {
            let mut bytes = text.clone().into_bytes();
            bytes[place] = if bytes[place] == b'A' { b'B' } else { b'A' };
            let changed = String::from_utf8(bytes).unwrap();
            assert!(changed.parse::<CheckpointPublicKey>().is_err(), "{changed}");
        }
    }
}
