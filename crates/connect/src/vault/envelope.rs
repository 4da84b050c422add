//! One sealed record: a key of its own seals the value, and a key that lies elsewhere wraps that one.
//!
//! AES-256-GCM-SIV twice. Both seals are bound to what the record is called, to its version and to
//! its times, so no record opens in the place of another, and none with another age.

use aws_lc_rs::aead::{AES_256_GCM_SIV, Aad, NONCE_LEN, Nonce, RandomizedNonceKey};
use bailiwick_model::{SecretName, Timestamp};
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use super::{
    error::VaultError,
    kek::{Keks, Unwrapped},
};
use crate::random::{RandomError, random_bytes};

/// The longest file that is looked at.
pub(super) const FILE_MAX: u64 = 64 << 10;
const FORM: u32 = 1;
const TAG: usize = 16;

/// What a record says of itself, and is bound to.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Label {
    form: u32,
    kind: Kind,
    pub(super) name: String,
    pub(super) version: u32,
    pub(super) created: Timestamp,
    pub(super) rotated: Timestamp,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Kind {
    Secret,
    Key,
}

/// A record as it lies on disk.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Envelope {
    pub(super) label: Label,
    /// The name of the key that wraps.
    pub(super) kek: String,
    wrapped: String,
    sealed: String,
}

impl Label {
    pub(super) fn secret(
        name: &SecretName,
        version: u32,
        created: Timestamp,
        rotated: Timestamp,
    ) -> Self {
        let (form, kind, name) = (FORM, Kind::Secret, name.to_string());
        Self { form, kind, name, version, created, rotated }
    }

    /// Labels a key of ours, which has no age that anybody asks about.
    pub(super) fn key(name: &str) -> Self {
        let zero = Timestamp::from_millis(0);
        let (form, kind, name) = (FORM, Kind::Key, name.to_owned());
        Self { form, kind, name, version: 1, created: zero, rotated: zero }
    }

    pub(super) fn next(&self, now: Timestamp) -> Self {
        let version = self.version.saturating_add(1);
        Self { version, rotated: now.max(self.rotated), ..self.clone() }
    }

    pub(super) fn is_secret(&self, name: &SecretName) -> bool {
        self.kind == Kind::Secret && self.name == name.as_str()
    }

    /// Everything a label says, in one text that no other label has.
    fn bound(&self, part: &str, kek: &str) -> Vec<u8> {
        let Self { form, kind, name, version, created, rotated } = self;
        let kind = match kind {
            Kind::Secret => "secret",
            Kind::Key => "key",
        };
        let (created, rotated) = (created.millis(), rotated.millis());
        let text = format!(
            "bailiwick vault {form}\0{part}\0{kek}\0{kind}\0{name}\0{version}\0{created}\0{rotated}"
        );
        text.into_bytes()
    }
}

impl Envelope {
    pub(super) fn seal(keks: &Keks, label: Label, value: &[u8]) -> Result<Self, VaultError> {
        let key = Zeroizing::new(random_bytes::<32>()?);
        let sealed = seal(&*key, label.bound("value", ""), value)?;
        let (kek, wrapped) = wrap(keks, &label, &*key)?;
        Ok(Self { label, kek, wrapped, sealed })
    }

    /// Gives the value, where nothing of the record is other than it was sealed.
    pub(super) fn open(&self, keks: &Keks) -> Result<Zeroizing<Vec<u8>>, VaultError> {
        let key = self.key(keks)?;
        open(&key, self.label.bound("value", ""), &self.sealed)
            .ok_or_else(|| self.broken("it is not what was sealed under this name"))
    }

    /// Wraps its key by the current one. The value stays sealed as it is.
    pub(super) fn rewrapped(&self, keks: &Keks) -> Result<Self, VaultError> {
        let key = self.key(keks)?;
        let (kek, wrapped) = wrap(keks, &self.label, &key)?;
        Ok(Self { kek, wrapped, ..self.clone() })
    }

    pub(super) fn to_text(&self) -> String {
        // Only texts and numbers are written: this cannot fail.
        serde_json::to_string_pretty(self).unwrap_or_default() + "\n"
    }

    pub(super) fn from_text(text: &str) -> Option<Self> {
        let fits = |it: &Self| it.label.form == FORM && 0 < it.label.version;
        serde_json::from_str(text).ok().filter(fits)
    }

    fn key(&self, keks: &Keks) -> Result<Zeroizing<Vec<u8>>, VaultError> {
        let bound = self.label.bound("key", &self.kek);
        match keks.unwrap(&self.kek, bound, &self.wrapped)? {
            Unwrapped::Key(key) => Ok(key),
            Unwrapped::Other => Err(self.broken("its key is not what was wrapped under this name")),
            Unwrapped::Gone => Err(self.broken("the key that wraps it is gone")),
        }
    }

    fn broken(&self, why: &'static str) -> VaultError {
        VaultError::Broken { name: self.label.name.chars().take(64).collect(), why }
    }
}

fn wrap(keks: &Keks, label: &Label, key: &[u8]) -> Result<(String, String), VaultError> {
    let name = keks.current().to_owned();
    let wrapped = keks.wrap(label.bound("key", &name), key)?;
    Ok((name, wrapped))
}

/// Makes a key of its bytes.
pub(super) fn cipher(key: &[u8]) -> Result<RandomizedNonceKey, RandomError> {
    RandomizedNonceKey::new(&AES_256_GCM_SIV, key).map_err(|_| RandomError)
}

fn seal(key: &[u8], bound: Vec<u8>, value: &[u8]) -> Result<String, VaultError> {
    seal_by(&cipher(key)?, Aad::from(bound), value)
}

pub(super) fn seal_by(
    key: &RandomizedNonceKey,
    bound: Aad<Vec<u8>>,
    value: &[u8],
) -> Result<String, VaultError> {
    // Sealing is in place, and the tag needs room: a text that grows leaves copies behind.
    let mut sealed = Vec::with_capacity(value.len().saturating_add(TAG));
    sealed.extend_from_slice(value);
    let nonce = key.seal_in_place_append_tag(bound, &mut sealed).map_err(|_| RandomError)?;
    Ok(URL_SAFE_NO_PAD.encode([nonce.as_ref().as_slice(), &sealed].concat()))
}

fn open(key: &[u8], bound: Vec<u8>, sealed: &str) -> Option<Zeroizing<Vec<u8>>> {
    open_by(&cipher(key).ok()?, Aad::from(bound), sealed)
}

pub(super) fn open_by(
    key: &RandomizedNonceKey,
    bound: Aad<Vec<u8>>,
    sealed: &str,
) -> Option<Zeroizing<Vec<u8>>> {
    let mut bytes = Zeroizing::new(URL_SAFE_NO_PAD.decode(sealed).ok()?);
    let (nonce, sealed) = bytes.split_at_mut_checked(NONCE_LEN)?;
    let nonce = Nonce::try_assume_unique_for_key(nonce).ok()?;
    let value = key.open_in_place(nonce, bound, sealed).ok()?;
    Some(Zeroizing::new(value.to_vec()))
}
