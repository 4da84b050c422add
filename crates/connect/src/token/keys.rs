//! The keys that sign task tokens: the current one, and those that may still be verified with.
//!
//! Rotating keeps the previous key for verifying until its last token is dead. Withdrawing drops
//! every key at once and raises the key generation, which empties every cache: that is for a key
//! that leaked.

use std::{
    fs, io,
    path::{Path, PathBuf},
    sync::{
        Arc, Mutex, PoisonError, RwLock,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use bailiwick_model::{Json, Timestamp};
use serde::{Deserialize, Serialize};

use super::TASK_TOKEN_LIFE;
use crate::{
    es256::{Es256Key, Es256PublicKey, KeyError},
    private::{PrivateError, create_dir_private, create_private, read_private, write_private},
};

/// How long after its last token a previous key is still published.
const GRACE: Duration = Duration::from_secs(5 * 60);
const INDEX: &str = "token-keys.json";
const FILE_MAX: u64 = 64 << 10;

/// Why the token keys could not be loaded, made or changed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TokenKeysError {
    /// A file is not private, or could not be read or written.
    #[error(transparent)]
    Private(#[from] PrivateError),
    /// A file does not hold what it should.
    #[error("`{path}` is not what it should be: {why}")]
    Damaged {
        /// Which file.
        path: PathBuf,
        /// What is wrong.
        why: String,
    },
    /// No key could be made.
    #[error(transparent)]
    Key(#[from] KeyError),
}

/// The index file.
#[derive(Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
struct Index {
    generation: u64,
    current: String,
    previous: Vec<PreviousEntry>,
}

#[derive(Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
struct PreviousEntry {
    public: String,
    not_after: Timestamp,
}

/// A key and its name.
#[derive(Debug)]
pub(super) struct SigningKey {
    pub(super) name: String,
    pub(super) key: Es256Key,
}

impl SigningKey {
    fn new(key: Es256Key) -> Arc<Self> {
        Arc::new(Self { name: key.public().thumbprint(), key })
    }

    fn path(dir: &Path, name: &str) -> PathBuf {
        dir.join(format!("token-{name}.pem"))
    }
}

#[derive(Clone, Debug)]
struct PreviousKey {
    name: String,
    key: Es256PublicKey,
    not_after: Timestamp,
}

#[derive(Debug)]
struct KeySet {
    generation: u64,
    current: Arc<SigningKey>,
    previous: Vec<PreviousKey>,
}

/// The keys that sign task tokens.
#[derive(Debug)]
pub struct TokenKeys {
    dir: PathBuf,
    set: RwLock<Arc<KeySet>>,
    /// The generation of `set`, for those who only ask whether it changed.
    generation: AtomicU64,
    changing: Mutex<()>,
}

impl TokenKeys {
    /// Reads the keys in the private folder `dir`, or makes the first one.
    pub fn load_or_create(dir: &Path, now: Timestamp) -> Result<Self, TokenKeysError> {
        create_dir_private(dir)?;
        let set = match read_private(&dir.join(INDEX), FILE_MAX) {
            Ok(text) => load(dir, &text, now)?,
            Err(error) if error.is_missing() => {
                let set = KeySet {
                    generation: 1,
                    current: SigningKey::new(Es256Key::generate()?),
                    previous: Vec::new(),
                };
                store(dir, &set)?;
                set
            }
            Err(error) => return Err(error.into()),
        };
        Ok(Self {
            dir: dir.to_owned(),
            generation: AtomicU64::new(set.generation),
            set: RwLock::new(Arc::new(set)),
            changing: Mutex::new(()),
        })
    }

    /// Makes a new current key. Tokens of the previous one are good until they expire.
    pub fn rotate(&self, now: Timestamp) -> Result<(), TokenKeysError> {
        self.change(|old, current| {
            let retired = PreviousKey {
                name: old.current.name.clone(),
                key: old.current.key.public().clone(),
                not_after: now.after(TASK_TOKEN_LIFE).after(GRACE),
            };
            let mut previous = old.previous.clone();
            previous.retain(|it| now < it.not_after);
            previous.push(retired);
            KeySet { generation: old.generation, current, previous }
        })
    }

    /// Makes a new current key, drops all others and raises the key generation: no token minted
    /// before is good any more.
    pub fn withdraw(&self) -> Result<(), TokenKeysError> {
        self.change(|old, current| KeySet {
            generation: old.generation.saturating_add(1),
            current,
            previous: Vec::new(),
        })
    }

    fn change(
        &self,
        next: impl FnOnce(&KeySet, Arc<SigningKey>) -> KeySet,
    ) -> Result<(), TokenKeysError> {
        let _changing = self.changing.lock().unwrap_or_else(PoisonError::into_inner);
        let old = self.set();
        let set = next(&old, SigningKey::new(Es256Key::generate()?));
        store(&self.dir, &set)?;
        let generation = set.generation;
        *self.set.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(set);
        self.generation.store(generation, Ordering::SeqCst);
        remove(&SigningKey::path(&self.dir, &old.current.name))
    }

    /// Gives the key generation: what a cache compares.
    pub fn generation(&self) -> u64 {
        self.generation.load(Ordering::SeqCst)
    }

    /// Publishes the keys that tokens are verified with, as a JWK set.
    pub fn jwks(&self, now: Timestamp) -> Json {
        let set = self.set();
        let current = published(&set.current.name, set.current.key.public());
        let previous = set.previous.iter().filter(|it| now < it.not_after);
        let keys = [current].into_iter().chain(previous.map(|it| published(&it.name, &it.key)));
        Json::Object([("keys".to_owned(), Json::List(keys.collect()))].into())
    }

    pub(super) fn signing(&self) -> Arc<SigningKey> {
        Arc::clone(&self.set().current)
    }

    /// Says whether the key called `name` made this signature; none if there is no such key.
    pub(super) fn verify(
        &self,
        name: &str,
        message: &str,
        signature: &str,
        now: Timestamp,
    ) -> Option<bool> {
        let set = self.set();
        if set.current.name == name {
            return Some(set.current.key.public().verify(message, signature));
        }
        let previous = set.previous.iter().find(|it| it.name == name && now < it.not_after)?;
        Some(previous.key.verify(message, signature))
    }

    fn set(&self) -> Arc<KeySet> {
        Arc::clone(&self.set.read().unwrap_or_else(PoisonError::into_inner))
    }
}

fn published(name: &str, key: &Es256PublicKey) -> Json {
    let text = |name: &str, value: &str| (name.to_owned(), Json::Text(value.to_owned()));
    let mut members = key.jwk();
    members.extend([text("kid", name), text("use", "sig"), text("alg", "ES256")]);
    Json::Object(members)
}

/// Writes the current key and then the index, so that the index never names a missing key.
fn store(dir: &Path, set: &KeySet) -> Result<(), TokenKeysError> {
    let pem = set.current.key.to_pem();
    create_private(&SigningKey::path(dir, &set.current.name), pem.expose().as_bytes())?;
    let entry =
        |it: &PreviousKey| PreviousEntry { public: it.key.to_pem(), not_after: it.not_after };
    let index = Index {
        generation: set.generation,
        current: set.current.name.clone(),
        previous: set.previous.iter().map(entry).collect(),
    };
    let path = dir.join(INDEX);
    let text = serde_json::to_string_pretty(&index)
        .map_err(|error| TokenKeysError::Damaged { path: path.clone(), why: error.to_string() })?;
    Ok(write_private(&path, text.as_bytes())?)
}

fn load(dir: &Path, text: &str, now: Timestamp) -> Result<KeySet, TokenKeysError> {
    let damaged = |path: &Path, why: String| TokenKeysError::Damaged { path: path.to_owned(), why };
    let path = dir.join(INDEX);
    let index: Index =
        serde_json::from_str(text).map_err(|error| damaged(&path, error.to_string()))?;
    let previous = |it: &PreviousEntry| {
        let key = Es256PublicKey::from_pem(&it.public)
            .map_err(|error| damaged(&path, error.to_string()))?;
        Ok(PreviousKey { name: key.thumbprint(), key, not_after: it.not_after })
    };
    let kept = index.previous.iter().filter(|it| now < it.not_after).map(previous);
    let previous = kept.collect::<Result<_, TokenKeysError>>()?;
    if !index.current.bytes().all(|it| it.is_ascii_alphanumeric() || matches!(it, b'-' | b'_')) {
        return Err(damaged(&path, "`current` is not the name of a key".to_owned()));
    }
    let path = SigningKey::path(dir, &index.current);
    let pem = zeroize::Zeroizing::new(read_private(&path, FILE_MAX)?);
    let key = Es256Key::from_pem(&pem).map_err(|error| damaged(&path, error.to_string()))?;
    let current = SigningKey::new(key);
    if current.name != index.current {
        return Err(damaged(&path, "it holds another key than its name says".to_owned()));
    }
    Ok(KeySet { generation: index.generation, current, previous })
}

fn remove(path: &Path) -> Result<(), TokenKeysError> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => {
            Err(PrivateError::io("remove", path)(error).into())
        }
        Ok(()) | Err(_) => Ok(()),
    }
}
