//! Ed25519 keys as OpenSSH writes them (`PROTOCOL.key`), without a passphrase.

use std::path::Path;

use aws_lc_rs::signature::{Ed25519KeyPair, KeyPair as _};
use base64::{Engine, engine::general_purpose::STANDARD};
use zeroize::Zeroizing;

use super::words::{Reading, Written};
use crate::{RandomError, Secret, broker::deny::told, private::read_private, random_bytes};

pub(super) const KIND: &[u8] = b"ssh-ed25519";
const MAGIC: &[u8] = b"openssh-key-v1\0";
const BEGIN: &str = "-----BEGIN OPENSSH PRIVATE KEY-----";
const END: &str = "-----END OPENSSH PRIVATE KEY-----";
const FILE_MAX: u64 = 16 * 1024;

/// A key with both its halves.
pub(super) struct Key {
    seed: Zeroizing<[u8; 32]>,
    pair: Ed25519KeyPair,
}

impl Key {
    /// Makes a new one.
    pub(super) fn new() -> Result<Self, RandomError> {
        Self::of(Zeroizing::new(random_bytes()?)).ok_or(RandomError)
    }

    fn of(seed: Zeroizing<[u8; 32]>) -> Option<Self> {
        let pair = Ed25519KeyPair::from_seed_unchecked(seed.as_ref()).ok()?;
        Some(Self { seed, pair })
    }

    /// Reads one of a file that nobody else may open, as `ssh-keygen -t ed25519 -N ''` writes it.
    pub(super) fn load(path: &Path) -> Result<Self, String> {
        let text = Zeroizing::new(read_private(path, FILE_MAX).map_err(|error| told(&error))?);
        Self::read(&text).ok_or_else(|| {
            format!(
                "`{}` holds no key that can be used: it must be Ed25519, in OpenSSH's form, \
                 without a passphrase",
                path.display()
            )
        })
    }

    fn read(text: &str) -> Option<Self> {
        let body = text.trim().strip_prefix(BEGIN)?.strip_suffix(END)?;
        let body: Zeroizing<String> = Zeroizing::new(body.split_ascii_whitespace().collect());
        let bytes = Zeroizing::new(STANDARD.decode(body.as_bytes()).ok()?);
        let mut outer = Reading(bytes.strip_prefix(MAGIC)?);
        let [cipher, derived, _options] = [outer.string()?, outer.string()?, outer.string()?];
        if cipher != b"none" || derived != b"none" || outer.u32()? != 1 {
            return None;
        }
        let _public = outer.string()?;
        let mut inner = Reading(outer.string()?);
        if inner.u32()? != inner.u32()? || inner.string()? != KIND {
            return None;
        }
        let public = inner.string()?;
        let (seed, again) = inner.string()?.split_first_chunk::<32>()?;
        let key = Self::of(Zeroizing::new(*seed))?;
        (key.public() == public && public == again).then_some(key)
    }

    /// Writes it as OpenSSH does.
    pub(super) fn private_pem(&self, comment: &str) -> Result<Secret, RandomError> {
        let check = u32::from_be_bytes(random_bytes()?);
        let both = Zeroizing::new([self.seed.as_ref(), self.public()].concat());
        let inner = Written::default().u32(check).u32(check).string(KIND).string(self.public());
        let inner = inner.string(&both).string(comment.as_bytes()).done();
        let mut inner = Zeroizing::new(inner);
        for padding in 1_u8..8 {
            if inner.len().is_multiple_of(8) {
                break;
            }
            inner.push(padding);
        }
        let outer = Written::default().raw(MAGIC).string(b"none").string(b"none").string(b"");
        let outer = Zeroizing::new(outer.u32(1).string(&self.blob()).string(&inner).done());
        let body = Zeroizing::new(STANDARD.encode(outer.as_slice()));
        let mut pem = Zeroizing::new(format!("{BEGIN}\n"));
        for line in body.as_bytes().chunks(70) {
            pem.push_str(str::from_utf8(line).unwrap_or_default());
            pem.push('\n');
        }
        pem.push_str(END);
        pem.push('\n');
        Ok(Secret::from(pem))
    }

    pub(super) fn public(&self) -> &[u8] {
        self.pair.public_key().as_ref()
    }

    /// The public half, as it is named in signatures and lists.
    pub(super) fn blob(&self) -> Vec<u8> {
        Written::default().string(KIND).string(self.public()).done()
    }

    /// The public half, as `authorized_keys` and `TrustedUserCAKeys` have it.
    pub(super) fn public_line(&self, comment: &str) -> String {
        format!("ssh-ed25519 {} {comment}\n", STANDARD.encode(self.blob()))
    }

    /// Signs, and writes the signature with its kind.
    pub(super) fn sign(&self, bytes: &[u8]) -> Vec<u8> {
        Written::default().string(KIND).string(self.pair.sign(bytes).as_ref()).done()
    }
}

/// A key of any bytes: in its file, or what is inside of it.
#[cfg(any(test, fuzzing))]
pub(crate) fn foreign(bytes: &[u8]) {
    let whole = str::from_utf8(bytes).ok().map(str::to_owned);
    let inside = format!("{BEGIN}\n{}\n{END}\n", STANDARD.encode(bytes));
    for text in whole.into_iter().chain([inside]) {
        if let Some(key) = Key::read(&text) {
            let again = key.private_pem("").ok().and_then(|it| Key::read(it.expose()));
            assert!(again.is_none_or(|it| it.public() == key.public()), "another key came back");
        }
    }
}
