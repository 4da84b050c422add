//! Keys that machines make for themselves and bring in with a code: once, within minutes.
//!
//! A code is known by its digest alone. Who has it names a key that it holds, and this key proves the
//! identity that the code was made for, where its charter says that such keys do. All of it lies in one
//! private file, which is written anew before anything of it counts.

use std::{
    collections::BTreeMap,
    fmt, io,
    path::{Path, PathBuf},
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use bailiwick_model::{CredentialId, Digest, IdentityId, Timestamp};
use serde::{Deserialize, Serialize};

use crate::{
    identity_key::check_public_pem,
    private::{PrivateError, read_private, write_private},
    random::{RandomError, random_text},
    secret::Secret,
};

/// The longest that a code may wait.
pub const CODE_LIFE_MAX: Duration = Duration::from_secs(10 * 60);
/// How long tokens count that were asked for with a key.
const TOKENS_LIVE: Duration = Duration::from_secs(10 * 60);
/// How many keys an identity may have brought in.
const KEYS_OF_ONE: usize = 16;
/// How many keys there may be.
const KEYS_MAX: usize = 4096;
/// How many withdrawn keys are remembered; of more than that the oldest are forgotten.
const GONE_MAX: usize = 16_384;
/// How many codes may wait for one identity.
const CODES_OF_ONE: usize = 8;
/// How many codes may wait.
const CODES_MAX: usize = 256;
/// The largest file.
const FILE_MAX: u64 = 8 << 20;
/// The longest code that is looked at.
const CODE_LEN_MAX: usize = 256;

/// Why no key was brought in, or none taken away.
#[derive(Debug, thiserror::Error)]
pub enum EnrolError {
    /// No such code counts.
    #[error("no such code counts: it was used, its time is over, or there never was one")]
    NoCode,
    /// There are as many as there may be.
    #[error("`{identity}` has {most} of them already: withdraw one")]
    TooMany {
        /// Whose.
        identity: IdentityId,
        /// How many there may be.
        most: usize,
    },
    /// All identities together have as many as there may be.
    #[error("there are {most} of them already, of all identities together")]
    Full {
        /// How many there may be.
        most: usize,
    },
    /// The key is there already, or was there and was withdrawn.
    #[error("this key was brought in already, or was withdrawn: make a new one")]
    Known,
    /// No such key.
    #[error("no key `{key}` was brought in")]
    Unknown {
        /// Its name.
        key: CredentialId,
    },
    /// It is no key.
    #[error("this is no public key that an identity can prove itself with: {0}")]
    Key(#[from] crate::es256::KeyError),
    /// No randomness.
    #[error(transparent)]
    Random(#[from] RandomError),
    /// The file.
    #[error(transparent)]
    Private(#[from] PrivateError),
    /// The file is damaged.
    #[error("`{path}` is damaged: {why}")]
    Damaged {
        /// Where it lies.
        path: PathBuf,
        /// What is wrong.
        why: String,
    },
}

/// A key that was brought in.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EnrolledKey {
    /// Its name: its RFC 7638 thumbprint.
    pub key: CredentialId,
    /// Whom it proves.
    pub identity: IdentityId,
    /// The public half, PEM.
    pub pem: String,
    /// When it was brought in.
    pub since: Timestamp,
    /// Who made the code for it.
    pub by: String,
}

/// A code that waits.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct WaitingCode {
    /// The digest of the code.
    code: Digest,
    /// Whose key it brings in.
    pub identity: IdentityId,
    /// When it stops counting.
    pub expires: Timestamp,
    /// Who made it.
    pub by: String,
}

/// What lies in the file.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Known {
    #[serde(default)]
    codes: Vec<WaitingCode>,
    #[serde(default)]
    keys: Vec<EnrolledKey>,
    /// Keys that were withdrawn, and when the last token that was asked for with each is over. What was lost
    /// once is never found again by its owner alone: they stay.
    #[serde(default)]
    gone: BTreeMap<CredentialId, Timestamp>,
}

/// The keys that were brought in, and the codes that wait.
pub struct Enrolments {
    path: PathBuf,
    known: Mutex<Known>,
}

impl fmt::Debug for Enrolments {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "Enrolments({} keys)", self.lock().keys.len())
    }
}

impl Enrolments {
    /// Reads the file at `path`; none is there before the first code is made.
    pub fn open(path: &Path) -> Result<Self, EnrolError> {
        let known = match read_private(path, FILE_MAX) {
            Ok(text) => serde_json::from_str(&text).map_err(|error| {
                let (path, why) = (path.to_owned(), error.to_string());
                EnrolError::Damaged { path, why }
            })?,
            Err(error) if error.is_missing() => Known::default(),
            Err(error) => return Err(error.into()),
        };
        Ok(Self { path: path.to_owned(), known: Mutex::new(known) })
    }

    /// Makes a code for `identity`, which begins with its name, and gives when it stops counting.
    pub fn offer(
        &self,
        identity: &IdentityId,
        life: Duration,
        by: &str,
        now: Timestamp,
    ) -> Result<(Secret, Timestamp), EnrolError> {
        let code = Secret::new(format!("{identity}.{}", random_text()?));
        let expires = now.after(life.min(CODE_LIFE_MAX));
        let waiting = WaitingCode {
            code: digest(code.expose()),
            identity: identity.clone(),
            expires,
            by: by.to_owned(),
        };
        self.change(now, |known| {
            let own = known.codes.iter().filter(|it| it.identity == *identity).count();
            bounded(own, CODES_OF_ONE, known.codes.len(), CODES_MAX, identity)?;
            known.codes.push(waiting);
            Ok(())
        })?;
        Ok((code, expires))
    }

    /// Gives the code that waits, where this is one that counts.
    pub fn waiting(&self, code: &str, now: Timestamp) -> Option<WaitingCode> {
        if CODE_LEN_MAX < code.len() {
            return None;
        }
        let digest = digest(code);
        self.lock().codes.iter().find(|it| it.code == digest && now < it.expires).cloned()
    }

    /// Uses a code up, and takes the key that it brings in: both, or neither.
    pub fn redeem(&self, code: &str, pem: &str, now: Timestamp) -> Result<EnrolledKey, EnrolError> {
        let key = named(pem)?;
        let waiting = self.waiting(code, now).ok_or(EnrolError::NoCode)?;
        let enrolled = EnrolledKey {
            key: key.clone(),
            identity: waiting.identity.clone(),
            pem: pem.trim().to_owned(),
            since: now,
            by: waiting.by,
        };
        let made = enrolled.clone();
        self.change(now, |known| {
            let before = known.codes.len();
            known.codes.retain(|it| it.code != waiting.code);
            if known.codes.len() == before {
                return Err(EnrolError::NoCode);
            }
            known.check(&key, &waiting.identity)?;
            known.keys.push(made);
            Ok(())
        })?;
        Ok(enrolled)
    }

    /// Says whether a key could be brought in for `identity`.
    pub fn fits(&self, pem: &str, identity: &IdentityId) -> Result<CredentialId, EnrolError> {
        let key = named(pem)?;
        self.lock().check(&key, identity)?;
        Ok(key)
    }

    /// Takes a key away: it proves nobody any more.
    pub fn withdraw(&self, key: &CredentialId, now: Timestamp) -> Result<(), EnrolError> {
        self.change(now, |known| {
            let before = known.keys.len();
            known.keys.retain(|it| it.key != *key);
            if known.keys.len() == before {
                return Err(EnrolError::Unknown { key: key.clone() });
            }
            known.gone.insert(key.clone(), now.after(TOKENS_LIVE));
            Ok(())
        })
    }

    /// Gives the public halves of an identity's keys.
    pub fn keys_of(&self, identity: &IdentityId) -> Vec<String> {
        let known = self.lock();
        known.keys.iter().filter(|it| it.identity == *identity).map(|it| it.pem.clone()).collect()
    }

    /// Lists the keys, and the codes that wait.
    pub fn list(&self, now: Timestamp) -> (Vec<EnrolledKey>, Vec<WaitingCode>) {
        let known = self.lock();
        let waiting = known.codes.iter().filter(|it| now < it.expires).cloned().collect();
        (known.keys.clone(), waiting)
    }

    /// Names the keys that were withdrawn, and that tokens may have been asked for with.
    pub fn gone(&self, now: Timestamp) -> Vec<CredentialId> {
        let known = self.lock();
        known.gone.iter().filter(|(_, until)| now < **until).map(|(key, _)| key.clone()).collect()
    }

    /// Changes what is known: on disk first.
    fn change(
        &self,
        now: Timestamp,
        change: impl FnOnce(&mut Known) -> Result<(), EnrolError>,
    ) -> Result<(), EnrolError> {
        let mut known = self.lock();
        let mut new = known.clone();
        new.codes.retain(|it| now < it.expires);
        change(&mut new)?;
        new.forget(now);
        let text = serde_json::to_vec(&new)
            .map_err(|error| PrivateError::io("write", &self.path)(io::Error::other(error)))?;
        write_private(&self.path, &text)?;
        *known = new;
        Ok(())
    }

    fn lock(&self) -> MutexGuard<'_, Known> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Known {
    /// Forgets the oldest of very many that were withdrawn, and none of whose tokens one may be about.
    fn forget(&mut self, now: Timestamp) {
        let Some(many) = self.gone.len().checked_sub(GONE_MAX).filter(|it| *it != 0) else {
            return;
        };
        let mut ends: Vec<_> = self.gone.values().copied().filter(|it| *it <= now).collect();
        ends.sort();
        if let Some(last) = ends.into_iter().take(many).next_back() {
            self.gone.retain(|_, until| last < *until);
        }
    }

    fn check(&self, key: &CredentialId, identity: &IdentityId) -> Result<(), EnrolError> {
        // A key that two identities had would tell neither from the other.
        // One that was withdrawn does not come back: whoever took it has it still.
        if self.gone.contains_key(key) || self.keys.iter().any(|it| it.key == *key) {
            return Err(EnrolError::Known);
        }
        let own = self.keys.iter().filter(|it| it.identity == *identity).count();
        bounded(own, KEYS_OF_ONE, self.keys.len(), KEYS_MAX, identity)
    }
}

fn bounded(
    own: usize,
    own_max: usize,
    all: usize,
    all_max: usize,
    identity: &IdentityId,
) -> Result<(), EnrolError> {
    if own_max <= own {
        return Err(EnrolError::TooMany { identity: identity.clone(), most: own_max });
    }
    if all_max <= all {
        return Err(EnrolError::Full { most: all_max });
    }
    Ok(())
}

fn named(pem: &str) -> Result<CredentialId, EnrolError> {
    let name = check_public_pem(pem)?;
    name.parse().map_err(|_| EnrolError::Key(crate::es256::KeyError::Provider))
}

fn digest(code: &str) -> Digest {
    Digest::of(code.trim().as_bytes())
}

#[cfg(test)]
mod tests;
