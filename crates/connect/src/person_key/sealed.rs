//! The file a person's key lives in: PBKDF2-HMAC-SHA256 stretches the passphrase, AES-256-GCM
//! seals the seed, and everything else in the file is bound to it.

use aws_lc_rs::{
    aead::{AES_256_GCM, Aad, NONCE_LEN, Nonce, RandomizedNonceKey},
    pbkdf2,
};
use bailiwick_model::PersonName;
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use super::{PersonKeyError, Stretch};
use crate::{random::random_bytes, secret::Secret};

const VERSION: u32 = 1;
const KDF: &str = "pbkdf2-hmac-sha256";
const CIPHER: &str = "aes-256-gcm";
/// The longest file that is looked at.
const MAX: usize = 4 << 10;

#[derive(Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub(super) struct KeyFile {
    version: u32,
    name: PersonName,
    pub(super) public_key: String,
    kdf: String,
    iterations: u32,
    salt: String,
    cipher: String,
    nonce: String,
    sealed: String,
}

impl KeyFile {
    pub(super) fn seal(
        name: &PersonName,
        public_key: &str,
        seed: &[u8; 32],
        passphrase: &Secret,
        stretch: Stretch,
    ) -> Result<Self, PersonKeyError> {
        let salt = random_bytes::<16>()?;
        let key = cipher(passphrase, &salt, stretch)?;
        // Sealing is in place, and the tag needs room: a text that grows leaves copies behind.
        let mut sealed = Vec::with_capacity(64);
        sealed.extend_from_slice(seed);
        let nonce = key
            .seal_in_place_append_tag(Aad::from(bound(name)), &mut sealed)
            .map_err(|_| PersonKeyError::Provider)?;
        Ok(Self {
            version: VERSION,
            name: name.clone(),
            public_key: public_key.to_owned(),
            kdf: KDF.to_owned(),
            iterations: stretch.get(),
            salt: URL_SAFE_NO_PAD.encode(salt),
            cipher: CIPHER.to_owned(),
            nonce: URL_SAFE_NO_PAD.encode(nonce.as_ref()),
            sealed: URL_SAFE_NO_PAD.encode(sealed),
        })
    }

    pub(super) fn to_text(&self) -> String {
        // Only texts and numbers are written: this cannot fail.
        serde_json::to_string_pretty(self).unwrap_or_default() + "\n"
    }

    pub(super) fn from_text(name: &PersonName, text: &str) -> Result<Self, PersonKeyError> {
        let ours = |it: &Self| it.version == VERSION && it.kdf == KDF && it.cipher == CIPHER;
        serde_json::from_str(text)
            .ok()
            .filter(|_| text.len() <= MAX)
            .filter(ours)
            .ok_or_else(|| PersonKeyError::NotAKeyFile { name: name.clone() })
    }

    /// Gives the seed. A file of another person never opens as `name`'s.
    pub(super) fn open(
        &self,
        name: &PersonName,
        passphrase: &Secret,
        least: Stretch,
    ) -> Result<Zeroizing<[u8; 32]>, PersonKeyError> {
        let stretch = Stretch::new(self.iterations);
        if stretch < least || Stretch::MOST < stretch {
            return Err(PersonKeyError::Iterations {
                name: name.clone(),
                iterations: self.iterations,
                least: least.get(),
                most: Stretch::MOST.get(),
            });
        }
        self.unseal(name, passphrase, stretch)
            .ok_or_else(|| PersonKeyError::NotOpened { name: name.clone() })
    }

    fn unseal(
        &self,
        name: &PersonName,
        passphrase: &Secret,
        stretch: Stretch,
    ) -> Option<Zeroizing<[u8; 32]>> {
        if self.name != *name {
            return None;
        }
        let salt = URL_SAFE_NO_PAD.decode(&self.salt).ok()?;
        let nonce: [u8; NONCE_LEN] = URL_SAFE_NO_PAD.decode(&self.nonce).ok()?.try_into().ok()?;
        let mut sealed = Zeroizing::new(URL_SAFE_NO_PAD.decode(&self.sealed).ok()?);
        let nonce = Nonce::assume_unique_for_key(nonce);
        let key = cipher(passphrase, &salt, stretch).ok()?;
        let seed = key.open_in_place(nonce, Aad::from(bound(name)), &mut sealed).ok()?;
        Some(Zeroizing::new(<[u8; 32]>::try_from(&*seed).ok()?))
    }
}

/// What the seal is bound to, besides the passphrase.
fn bound(name: &PersonName) -> String {
    format!("bailiwick person key\0{VERSION}\0{name}")
}

/// A key's file as foreign bytes. Only one that is opened quickly is tried.
#[cfg(any(test, fuzzing))]
pub(crate) fn foreign(bytes: &[u8]) {
    let (Ok(text), Ok(name)) = (std::str::from_utf8(bytes), "alice".parse::<PersonName>()) else {
        return;
    };
    let Ok(file) = KeyFile::from_text(&name, text) else { return };
    assert!(KeyFile::from_text(&name, &file.to_text()).is_ok(), "a file that we would not read");
    if file.iterations <= 64 {
        let passphrase = Secret::new("correct horse battery".to_owned());
        let _opened = file.unseal(&name, &passphrase, Stretch::new(file.iterations));
    }
}

fn cipher(
    passphrase: &Secret,
    salt: &[u8],
    stretch: Stretch,
) -> Result<RandomizedNonceKey, PersonKeyError> {
    let mut key = Zeroizing::new([0_u8; 32]);
    let secret = passphrase.expose().as_bytes();
    pbkdf2::derive(pbkdf2::PBKDF2_HMAC_SHA256, stretch.0, salt, secret, &mut *key);
    RandomizedNonceKey::new(&AES_256_GCM, &*key).map_err(|_| PersonKeyError::Provider)
}
