//! The key that wraps all others, from a private file or from a command.
//!
//! Either gives one key a line, 32 bytes in base64url. The first wraps, all of them open: so a new
//! one can be put on top before the last record of the old one is wrapped anew.

use std::path::{Path, PathBuf};

use aws_lc_rs::aead::RandomizedNonceKey;
use bailiwick_model::Digest;
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use zeroize::Zeroizing;

use super::{envelope::cipher, error::VaultError, kek_command};
use crate::{
    private::{create_private, read_private, write_private},
    random::random_bytes,
};

/// How many keys there may be at once.
const KEYS_MAX: usize = 8;
pub(super) const TEXT_MAX: u64 = 4 << 10;

/// Where the key comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum KekSource {
    /// A private file, made where nothing was sealed yet.
    File(PathBuf),
    /// What a command prints: a program and its words.
    Command(Vec<String>),
}

/// The keys that wrap.
pub(super) struct Keks {
    current: Kek,
    older: Vec<Kek>,
    /// The current one as it is written down.
    line: Zeroizing<String>,
}

struct Kek {
    name: String,
    key: RandomizedNonceKey,
}

impl KekSource {
    /// Loads the keys. One in a file is made where there is none and nothing that it would open.
    pub(super) fn load(&self, nothing_is_sealed: bool) -> Result<Keks, VaultError> {
        match self {
            Self::File(path) if !path.exists() && nothing_is_sealed => {
                create_private(path, new_line()?.as_bytes())?;
                read_file(path)
            }
            Self::File(path) => read_file(path),
            Self::Command(words) => {
                Keks::read(&kek_command::run(words)?, "what the command prints")
            }
        }
    }

    /// Gives the keys with a new one on top.
    pub(super) fn next(&self, known: &Keks) -> Result<Keks, VaultError> {
        match self {
            Self::File(path) => {
                // A key that a broken-off try left below the current one still opens its records.
                let old = Zeroizing::new(read_private(path, TEXT_MAX)?);
                // One of an earlier try is taken up: records may be wrapped by it already.
                let text = if known.older.is_empty() && Keks::read(&old, "it")?.older.is_empty() {
                    Zeroizing::new([new_line()?.as_str(), old.as_str()].concat())
                } else {
                    old
                };
                write_private(path, text.as_bytes())?;
                read_file(path)
            }
            Self::Command(_) => self.load(false),
        }
    }

    /// Keeps of the keys the current one alone, where that is ours to say.
    pub(super) fn alone(&self, keks: Keks) -> Result<Keks, VaultError> {
        match self {
            Self::File(path) => {
                write_private(path, keks.line.as_bytes())?;
                read_file(path)
            }
            Self::Command(_) => Ok(keks),
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
        let lines: Vec<&str> = text.lines().map(str::trim).filter(|it| !it.is_empty()).collect();
        let keys: Option<Vec<Kek>> = lines.iter().map(|it| Kek::read(it)).collect();
        let keys = keys.filter(|it| it.len() <= KEYS_MAX).ok_or_else(wrong)?;
        let mut keys = keys.into_iter();
        let (current, line) = keys.next().zip(lines.first()).ok_or_else(wrong)?;
        let line = Zeroizing::new([line, "\n"].concat());
        Ok(Self { current, older: keys.collect(), line })
    }

    /// Names the key that wraps.
    pub(super) fn current(&self) -> &str {
        &self.current.name
    }

    pub(super) const fn sealing(&self) -> &RandomizedNonceKey {
        &self.current.key
    }

    pub(super) fn find(&self, name: &str) -> Option<&RandomizedNonceKey> {
        std::iter::once(&self.current)
            .chain(&self.older)
            .find(|it| it.name == name)
            .map(|it| &it.key)
    }
}

impl Kek {
    fn read(line: &str) -> Option<Self> {
        let bytes = Zeroizing::new(URL_SAFE_NO_PAD.decode(line.trim_end_matches('=')).ok()?);
        let key = cipher(&bytes).ok()?;
        let digest = Digest::of_parts(&[b"bailiwick vault key name", &bytes]);
        let name = digest.as_bytes().iter().take(6).copied().collect::<Vec<_>>();
        Some(Self { name: URL_SAFE_NO_PAD.encode(name), key })
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
