//! The key that wraps all others, from a private file, from a command, or in a token.
//!
//! A file and a command give one key a line, 32 bytes in base64url. The first wraps, all of them open:
//! so a new one can be put on top before the last record of the old one is wrapped anew. A key in a
//! token stays there, and is asked.

use std::{
    collections::BTreeSet,
    path::{Path, PathBuf},
};

use aws_lc_rs::aead::{Aad, RandomizedNonceKey};
use bailiwick_model::Digest;
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use zeroize::Zeroizing;

use super::{
    envelope::{cipher, open_by, seal_by},
    error::VaultError,
    kek_command,
    token::{TokenKey, TokenSource},
};
use crate::{
    private::{create_private, read_private, write_private},
    random::random_bytes,
};

/// How many keys there may be at once.
const KEYS_MAX: usize = 8;
pub(super) const TEXT_MAX: u64 = 4 << 10;

/// Where a key comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum KekSource {
    /// A private file, made where nothing was sealed yet.
    File(PathBuf),
    /// What a command prints: a program and its words.
    Command(Vec<String>),
    /// A token, which keeps it.
    Token(TokenSource),
}

/// Where the keys come from: the one that wraps, and those that open what was wrapped before.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KekSources {
    /// The one that wraps.
    pub wraps: KekSource,
    /// Those that open, too.
    pub opens: Vec<KekSource>,
}

impl From<KekSource> for KekSources {
    fn from(wraps: KekSource) -> Self {
        Self { wraps, opens: Vec::new() }
    }
}

/// The keys that wrap.
pub(super) struct Keks {
    current: Kek,
    older: Vec<Kek>,
}

struct Kek {
    name: String,
    key: Key,
}

enum Key {
    /// At hand, and as it is written down.
    Held(RandomizedNonceKey, Zeroizing<String>),
    Token(TokenKey),
}

impl KekSources {
    /// Loads the keys. One in a file is made where there is none, and nothing that only it would open:
    /// `sealed_by` names the keys that are needed, where all of them can be named.
    pub(super) fn load(
        &self,
        sealed_by: impl FnOnce() -> Option<BTreeSet<String>>,
    ) -> Result<Keks, VaultError> {
        let opens = self.opening()?;
        if let KekSource::File(path) = &self.wraps
            && !path.exists()
            && sealed_by().is_some_and(|names| {
                names.iter().all(|name| opens.iter().any(|it| it.name == *name))
            })
        {
            create_private(path, new_line()?.as_bytes())?;
        }
        Ok(self.wraps.load()?.and(opens))
    }

    /// Gives the keys with a new one on top.
    pub(super) fn next(&self) -> Result<Keks, VaultError> {
        if let KekSource::File(path) = &self.wraps {
            let old = Zeroizing::new(read_private(path, TEXT_MAX)?);
            // One of a try that broke off is taken up: records may be wrapped by it already.
            if Keks::read(&old, "it")?.older.is_empty() {
                let text = Zeroizing::new([new_line()?.as_str(), old.as_str()].concat());
                write_private(path, text.as_bytes())?;
            }
        }
        Ok(self.wraps.load()?.and(self.opening()?))
    }

    /// Keeps of the keys in the file the current one alone, where they are in a file. The others are
    /// not ours to forget.
    pub(super) fn alone(&self, keks: Keks) -> Result<Keks, VaultError> {
        match (&self.wraps, &keks.current.key) {
            (KekSource::File(path), Key::Held(_, line)) => {
                write_private(path, line.as_bytes())?;
                Ok(read_file(path)?.and(self.opening()?))
            }
            (KekSource::File(_) | KekSource::Command(_) | KekSource::Token(_), _) => Ok(keks),
        }
    }

    fn opening(&self) -> Result<Vec<Kek>, VaultError> {
        let mut found = Vec::new();
        for source in &self.opens {
            let keks = source.load()?;
            found.push(keks.current);
            found.extend(keks.older);
        }
        Ok(found)
    }
}

impl KekSource {
    fn load(&self) -> Result<Keks, VaultError> {
        match self {
            Self::File(path) => read_file(path),
            Self::Command(words) => {
                Keks::read(&kek_command::run(words)?, "what the command prints")
            }
            Self::Token(token) => {
                let keys = token.load()?.into_iter();
                let keys = keys.map(|it| Kek { name: it.name(), key: Key::Token(it) });
                Keks::of(keys).ok_or_else(|| VaultError::Key { why: "no key is named".to_owned() })
            }
        }
    }
}

impl Keks {
    pub(super) fn read(text: &str, what: &str) -> Result<Self, VaultError> {
        let wrong = || VaultError::Key {
            why: format!(
                "{what} is not one to {KEYS_MAX} keys of 32 bytes in base64url, one a line"
            ),
        };
        let lines = text.lines().map(str::trim).filter(|it| !it.is_empty());
        let keys: Option<Vec<Kek>> = lines.map(Kek::read).collect();
        let keys = keys.filter(|it| it.len() <= KEYS_MAX).ok_or_else(wrong)?;
        Self::of(keys).ok_or_else(wrong)
    }

    fn of(keys: impl IntoIterator<Item = Kek>) -> Option<Self> {
        let mut keys = keys.into_iter();
        let current = keys.next()?;
        Some(Self { current, older: keys.collect() })
    }

    fn and(mut self, more: Vec<Kek>) -> Self {
        self.older.extend(more);
        self
    }

    /// Names the key that wraps.
    pub(super) fn current(&self) -> &str {
        &self.current.name
    }

    /// Wraps a key by the current one, bound to `bound`.
    pub(super) fn wrap(&self, bound: Vec<u8>, key: &[u8]) -> Result<String, VaultError> {
        match &self.current.key {
            Key::Held(kek, _) => seal_by(kek, Aad::from(bound), key),
            Key::Token(kek) => Ok(URL_SAFE_NO_PAD.encode(kek.seal(&bound, key)?)),
        }
    }

    /// Unwraps a key by the one of this name; nothing where it was not wrapped by it.
    pub(super) fn unwrap(
        &self,
        name: &str,
        bound: Vec<u8>,
        wrapped: &str,
    ) -> Result<Unwrapped, VaultError> {
        let mut known = std::iter::once(&self.current).chain(&self.older);
        let Some(kek) = known.find(|it| it.name == name) else { return Ok(Unwrapped::Gone) };
        let opened = match &kek.key {
            Key::Held(kek, _) => open_by(kek, Aad::from(bound), wrapped),
            Key::Token(kek) => match URL_SAFE_NO_PAD.decode(wrapped) {
                Ok(bytes) => kek.open(&bound, &bytes)?,
                Err(_) => None,
            },
        };
        Ok(opened.filter(|it| it.len() == 32).map_or(Unwrapped::Other, Unwrapped::Key))
    }
}

/// What unwrapping came to.
pub(super) enum Unwrapped {
    Key(Zeroizing<Vec<u8>>),
    /// It is not what was wrapped.
    Other,
    /// There is no key of this name any more.
    Gone,
}

impl Kek {
    fn read(line: &str) -> Option<Self> {
        let bytes = Zeroizing::new(URL_SAFE_NO_PAD.decode(line.trim_end_matches('=')).ok()?);
        let key = cipher(&bytes).ok()?;
        let digest = Digest::of_parts(&[b"bailiwick vault key name", &bytes]);
        let name = digest.as_bytes().iter().take(6).copied().collect::<Vec<_>>();
        let line = Zeroizing::new([line, "\n"].concat());
        Some(Self { name: URL_SAFE_NO_PAD.encode(name), key: Key::Held(key, line) })
    }
}

fn new_line() -> Result<Zeroizing<String>, VaultError> {
    let bytes = Zeroizing::new(random_bytes::<32>()?);
    Ok(Zeroizing::new(URL_SAFE_NO_PAD.encode(*bytes) + "\n"))
}

fn read_file(path: &Path) -> Result<Keks, VaultError> {
    let text = match read_private(path, TEXT_MAX) {
        Err(error) if error.is_missing() => {
            let why = format!(
                "secrets are sealed already, and `{}` is missing: put it back from where it is kept",
                path.display()
            );
            return Err(VaultError::Key { why });
        }
        read => Zeroizing::new(read?),
    };
    Keks::read(&text, &format!("`{}`", path.display()))
}
