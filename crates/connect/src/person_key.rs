//! A person's key: what approving, adding a person or lifting containment is signed with.
//!
//! It is sealed under a passphrase, so that an agent which shares the person's account and reads
//! the file still cannot approve its own hold.

mod sealed;
mod statement;

use std::{fmt, num::NonZeroU32};

use aws_lc_rs::signature::{Ed25519KeyPair, KeyPair};
use bailiwick_model::PersonName;
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use zeroize::Zeroizing;

use crate::{
    random::{RandomError, random_bytes},
    secret::Secret,
};
use sealed::KeyFile;
#[cfg(any(test, fuzzing))]
pub(crate) use sealed::foreign;
pub use statement::{Statement, StatementVerifier};

/// The fewest characters of a passphrase.
const PASSPHRASE_MIN: usize = 12;

/// Why a person's key could not be made or opened.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum PersonKeyError {
    /// Too easy to guess.
    #[error("the passphrase has {len} characters, {PASSPHRASE_MIN} at least")]
    ShortPassphrase {
        /// How many it has.
        len: usize,
    },
    /// A wrong passphrase, or a file that was changed: nobody can tell which.
    #[error("the passphrase does not open `{name}.key`")]
    NotOpened {
        /// Whose key.
        name: PersonName,
    },
    /// The file is not one of ours.
    #[error("`{name}.key` is not a person's key file")]
    NotAKeyFile {
        /// Whose key.
        name: PersonName,
    },
    /// The file says that the passphrase was stretched too little, or absurdly much.
    #[error("`{name}.key` has {iterations} iterations, {least} to {most} are taken")]
    Iterations {
        /// Whose key.
        name: PersonName,
        /// How many it has.
        iterations: u32,
        /// The fewest.
        least: u32,
        /// The most.
        most: u32,
    },
    /// No randomness.
    #[error(transparent)]
    Random(#[from] RandomError),
    /// The cryptographic provider failed.
    #[error("the key could not be made or used")]
    Provider,
}

/// How hard each guess at a passphrase is made: iterations of PBKDF2-HMAC-SHA256.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Stretch(NonZeroU32);

impl Stretch {
    /// What is used, and the least that is accepted, outside tests.
    pub const STANDARD: Self = Self::new(600_000);
    /// The most that is accepted: beyond it, opening a forged file would never end.
    pub const MOST: Self = Self::new(10_000_000);

    /// Takes a number of iterations; none counts as one.
    pub const fn new(iterations: u32) -> Self {
        match NonZeroU32::new(iterations) {
            Some(iterations) => Self(iterations),
            None => Self(NonZeroU32::MIN),
        }
    }

    /// Gives the number of iterations.
    pub const fn get(self) -> u32 {
        self.0.get()
    }
}

impl Default for Stretch {
    fn default() -> Self {
        Self::STANDARD
    }
}

/// A key as it is stored: nothing in it is secret without the passphrase.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SealedPersonKey {
    /// The text of `NAME.key`.
    pub file: String,
    /// The public half, as [`bailiwick_model::Person::key`] holds it.
    pub public_key: String,
}

/// An opened key.
pub struct PersonKey {
    name: PersonName,
    pair: Ed25519KeyPair,
}

impl PersonKey {
    /// Makes a new key for `name`, sealed under `passphrase`.
    pub fn generate(
        name: &PersonName,
        passphrase: &Secret,
        stretch: Stretch,
    ) -> Result<SealedPersonKey, PersonKeyError> {
        let len = passphrase.expose().chars().count();
        if len < PASSPHRASE_MIN {
            return Err(PersonKeyError::ShortPassphrase { len });
        }
        let seed = Zeroizing::new(random_bytes::<32>()?);
        let public_key = Self::from_seed(name, &seed)?.public_key();
        let file = KeyFile::seal(name, &public_key, &seed, passphrase, stretch)?;
        Ok(SealedPersonKey { file: file.to_text(), public_key })
    }

    /// Opens the key of `name` from the text of its file, which must have been stretched at least
    /// as much as `least`.
    pub fn open(
        name: &PersonName,
        file: &str,
        passphrase: &Secret,
        least: Stretch,
    ) -> Result<Self, PersonKeyError> {
        let file = KeyFile::from_text(name, file)?;
        let seed = file.open(name, passphrase, least)?;
        let key = Self::from_seed(name, &seed)?;
        if key.public_key() == file.public_key {
            Ok(key)
        } else {
            Err(PersonKeyError::NotOpened { name: name.clone() })
        }
    }

    fn from_seed(name: &PersonName, seed: &[u8; 32]) -> Result<Self, PersonKeyError> {
        let pair =
            Ed25519KeyPair::from_seed_unchecked(seed).map_err(|_| PersonKeyError::Provider)?;
        Ok(Self { name: name.clone(), pair })
    }

    /// Says whose key it is.
    pub const fn name(&self) -> &PersonName {
        &self.name
    }

    /// Gives the public half, as [`bailiwick_model::Person::key`] holds it.
    pub fn public_key(&self) -> String {
        URL_SAFE_NO_PAD.encode(self.pair.public_key())
    }

    /// Signs `statement`. Whoever checks it refuses one that is by somebody else.
    pub fn sign(&self, statement: &Statement) -> Result<String, PersonKeyError> {
        statement.sign(&self.pair).ok_or(PersonKeyError::Provider)
    }
}

impl fmt::Debug for PersonKey {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "PersonKey({}, ***)", self.name)
    }
}

#[cfg(test)]
mod tests;
