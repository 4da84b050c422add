//! What is sealed here and kept elsewhere: by whoever keeps what ends a lease, say.

use std::{fmt, path::Path, str::FromStr};

use aws_lc_rs::aead::{Aad, RandomizedNonceKey};
use zeroize::Zeroizing;

use super::{
    envelope::{Envelope, FILE_MAX, Label, cipher, open_by, seal_by},
    error::VaultError,
    kek::Keks,
};
use crate::{
    private::{read_private, write_private},
    random::random_bytes,
    secret::Secret,
};

const NAME: &str = "keepsakes";
const FORM: &str = "v1.";
/// The longest sealed text that is looked at.
const MAX: usize = 64 << 10;

/// A sealed text, fit for a column or a file: nobody else can read it or change it.
#[derive(Clone, PartialEq, Eq)]
pub struct Sealed(String);

/// The one key of all that is kept elsewhere.
pub(super) struct Keepsakes {
    envelope: Envelope,
    key: RandomizedNonceKey,
}

impl Sealed {
    /// Gives the text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for Sealed {
    type Err = VaultError;

    fn from_str(text: &str) -> Result<Self, VaultError> {
        if text.len() <= MAX && text.starts_with(FORM) {
            return Ok(Self(text.to_owned()));
        }
        let name = text.chars().take(8).collect();
        Err(VaultError::Broken { name, why: "it is no sealed text" })
    }
}

impl fmt::Debug for Sealed {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "Sealed({} bytes)", self.0.len())
    }
}

impl Keepsakes {
    /// Reads the key at `path`, or makes it.
    pub(super) fn load_or_create(path: &Path, keks: &Keks) -> Result<Self, VaultError> {
        let broken = |why| VaultError::Broken { name: NAME.to_owned(), why };
        let text = match read_private(path, FILE_MAX) {
            Err(error) if error.is_missing() => {
                let key = Zeroizing::new(random_bytes::<32>()?);
                let envelope = Envelope::seal(keks, Label::key(NAME), &*key)?;
                write_private(path, envelope.to_text().as_bytes())?;
                return Ok(Self { envelope, key: cipher(&*key)? });
            }
            read => read?,
        };
        let envelope = Envelope::from_text(&text)
            .filter(|it| it.label == Label::key(NAME))
            .ok_or_else(|| broken("its file cannot be read"))?;
        let key = envelope.open(keks)?;
        let key = cipher(&key).map_err(|_| broken("it is no key"))?;
        Ok(Self { envelope, key })
    }

    pub(super) const fn envelope(&self) -> &Envelope {
        &self.envelope
    }

    /// Takes over how its key is wrapped now.
    pub(super) fn wrapped_as(&mut self, envelope: Envelope) {
        self.envelope = envelope;
    }

    pub(super) fn seal(&self, name: &str, bytes: &[u8]) -> Result<Sealed, VaultError> {
        if MAX / 2 < bytes.len() {
            return Err(VaultError::TooLong { len: bytes.len(), max: MAX / 2 });
        }
        Ok(Sealed([FORM, &seal_by(&self.key, bound(name), bytes)?].concat()))
    }

    pub(super) fn open(&self, name: &str, sealed: &Sealed) -> Result<Secret, VaultError> {
        let broken = |why| VaultError::Broken { name: name.chars().take(64).collect(), why };
        let text = sealed.0.strip_prefix(FORM).unwrap_or_default();
        let value = open_by(&self.key, bound(name), text)
            .ok_or_else(|| broken("it is not what was sealed under this name"))?;
        let value = std::str::from_utf8(&value).map_err(|_| broken("it is no text"))?;
        Ok(Secret::new(value))
    }
}

fn bound(name: &str) -> Aad<Vec<u8>> {
    Aad::from(format!("bailiwick keepsake 1\0{name}").into_bytes())
}
