//! The keys that sign task tokens: the current one, the one that comes next, and those that may
//! still be verified with.
//!
//! A key is published for a while before it signs, so that whoever keeps the published keys knows
//! it by then, and is kept for verifying until its last token is dead. Withdrawing drops a key at
//! once and raises the key generation, which empties every cache: that is for a key that leaked.

mod disk;

use std::{
    path::{Path, PathBuf},
    sync::{
        Arc, Mutex, PoisonError, RwLock,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use bailiwick_model::{Json, Timestamp};

use super::TASK_TOKEN_LIFE;
use crate::{
    es256::{Es256Key, Es256PublicKey, KeyError},
    private::{PrivateError, create_dir_private},
};

/// How long after its last token a previous key is still published.
const GRACE: Duration = Duration::from_secs(5 * 60);
/// How long a key is published before it signs.
const AHEAD: Duration = Duration::from_secs(5 * 60);
/// How long a key signs.
const SIGNS: Duration = Duration::from_secs(24 * 60 * 60);

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
    /// There is no such key.
    #[error("no token key is called `{name}`")]
    Unknown {
        /// What it was called.
        name: String,
    },
}

/// A key and its name.
#[derive(Debug)]
pub(crate) struct SigningKey {
    pub(crate) name: String,
    pub(crate) key: Es256Key,
}

impl SigningKey {
    fn generate() -> Result<Arc<Self>, KeyError> {
        Es256Key::generate().map(Self::new)
    }

    fn new(key: Es256Key) -> Arc<Self> {
        Arc::new(Self { name: key.public().thumbprint(), key })
    }
}

/// A key that signs from a while after it was published.
#[derive(Clone, Debug)]
struct NextKey {
    key: Arc<SigningKey>,
    published: Timestamp,
}

impl NextKey {
    fn signs_from(&self) -> Timestamp {
        self.published.after(AHEAD)
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
    /// When the current one began to sign.
    since: Timestamp,
    next: Option<NextKey>,
    previous: Vec<PreviousKey>,
}

/// One of the keys, for people.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TokenKeyView {
    /// Its name: its thumbprint, and the `kid` of its tokens.
    pub name: String,
    /// What it is there for.
    pub state: TokenKeyState,
}

/// What a key is there for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TokenKeyState {
    /// It is published, and signs from this moment on.
    Next(Timestamp),
    /// It signs, since this moment.
    Current(Timestamp),
    /// Its tokens count; until this moment.
    Previous(Timestamp),
}

/// What became of a key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TokenKeyChange {
    /// It is published, and will sign.
    Published {
        /// Which.
        key: String,
        /// From when on.
        signs_from: Timestamp,
    },
    /// It signs from now on.
    Signs {
        /// Which.
        key: String,
    },
    /// Its tokens count no more.
    Withdrawn {
        /// Which.
        key: String,
    },
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
        let set = match disk::load(dir, now)? {
            Some(set) => set,
            None => {
                let set = KeySet {
                    generation: 1,
                    current: SigningKey::generate()?,
                    since: now,
                    next: None,
                    previous: Vec::new(),
                };
                disk::store(dir, &set)?;
                set
            }
        };
        disk::sweep(dir, &set)?;
        Ok(Self {
            dir: dir.to_owned(),
            generation: AtomicU64::new(set.generation),
            set: RwLock::new(Arc::new(set)),
            changing: Mutex::new(()),
        })
    }

    /// Does what is due, one thing at a time: publishes the next key a while before the day of the
    /// current one is over, and has it sign once everybody may know it.
    pub fn tend(&self, now: Timestamp) -> Result<Option<TokenKeyChange>, TokenKeysError> {
        let _changing = self.changing.lock().unwrap_or_else(PoisonError::into_inner);
        let set = self.set();
        match &set.next {
            Some(next) if next.signs_from() <= now => self.take_over(&set, next, now).map(Some),
            Some(_) => Ok(None),
            None if set.since.after(SIGNS) <= now.after(AHEAD) => self.publish(&set, now).map(Some),
            None => Ok(None),
        }
    }

    /// Publishes the next key now, whenever it would have been due, and says from when on it signs.
    pub fn rotate(&self, now: Timestamp) -> Result<TokenKeyChange, TokenKeysError> {
        let _changing = self.changing.lock().unwrap_or_else(PoisonError::into_inner);
        let set = self.set();
        match &set.next {
            Some(next) => Ok(TokenKeyChange::Published {
                key: next.key.name.clone(),
                signs_from: next.signs_from(),
            }),
            None => self.publish(&set, now),
        }
    }

    fn publish(&self, set: &KeySet, now: Timestamp) -> Result<TokenKeyChange, TokenKeysError> {
        let next = NextKey { key: SigningKey::generate()?, published: now };
        let change =
            TokenKeyChange::Published { key: next.key.name.clone(), signs_from: next.signs_from() };
        self.put(KeySet {
            generation: set.generation,
            current: Arc::clone(&set.current),
            since: set.since,
            next: Some(next),
            previous: set.previous.clone(),
        })?;
        Ok(change)
    }

    fn take_over(
        &self,
        set: &KeySet,
        next: &NextKey,
        now: Timestamp,
    ) -> Result<TokenKeyChange, TokenKeysError> {
        let retired = PreviousKey {
            name: set.current.name.clone(),
            key: set.current.key.public().clone(),
            not_after: now.after(TASK_TOKEN_LIFE).after(GRACE),
        };
        let mut previous = set.previous.clone();
        previous.retain(|it| now < it.not_after);
        previous.push(retired);
        self.put(KeySet {
            generation: set.generation,
            current: Arc::clone(&next.key),
            since: now,
            next: None,
            previous,
        })?;
        Ok(TokenKeyChange::Signs { key: next.key.name.clone() })
    }

    /// Drops a key, or all of them, and raises the key generation: no token that it signed is good
    /// any more. Where the current one goes, the next one goes with it, as the two lie side by
    /// side, and a new one signs at once.
    pub fn withdraw(
        &self,
        name: Option<&str>,
        now: Timestamp,
    ) -> Result<Vec<TokenKeyChange>, TokenKeysError> {
        let _changing = self.changing.lock().unwrap_or_else(PoisonError::into_inner);
        let set = self.set();
        let named = |it: &str| name.is_none_or(|name| name == it);
        let fresh = named(&set.current.name);
        let (dropped, kept): (Vec<_>, Vec<_>) =
            set.previous.iter().cloned().partition(|it| named(&it.name));
        let next = set.next.clone().filter(|it| !fresh && !named(&it.key.name));
        let mut gone: Vec<String> = dropped.into_iter().map(|it| it.name).collect();
        gone.extend(set.next.iter().filter(|_| next.is_none()).map(|it| it.key.name.clone()));
        gone.extend(fresh.then(|| set.current.name.clone()));
        if let (Some(name), true) = (name, gone.is_empty()) {
            return Err(TokenKeysError::Unknown { name: name.to_owned() });
        }
        let (current, since) = if fresh {
            (SigningKey::generate()?, now)
        } else {
            (Arc::clone(&set.current), set.since)
        };
        let signs = fresh.then(|| TokenKeyChange::Signs { key: current.name.clone() });
        let generation = set.generation.saturating_add(1);
        self.put(KeySet { generation, current, since, next, previous: kept })?;
        let gone = gone.into_iter().map(|key| TokenKeyChange::Withdrawn { key });
        Ok(gone.chain(signs).collect())
    }

    /// Puts a set in force: on the disk, then here, and only then are keys that went deleted.
    fn put(&self, set: KeySet) -> Result<(), TokenKeysError> {
        disk::store(&self.dir, &set)?;
        let set = Arc::new(set);
        *self.set.write().unwrap_or_else(PoisonError::into_inner) = Arc::clone(&set);
        self.generation.store(set.generation, Ordering::SeqCst);
        disk::sweep(&self.dir, &set)
    }

    /// Gives the key generation: what a cache compares.
    pub fn generation(&self) -> u64 {
        self.generation.load(Ordering::SeqCst)
    }

    /// Lists the keys, the next one first.
    pub fn list(&self, now: Timestamp) -> Vec<TokenKeyView> {
        let set = self.set();
        let view = |name: &str, state| TokenKeyView { name: name.to_owned(), state };
        let next = set.next.iter();
        let next = next.map(|it| view(&it.key.name, TokenKeyState::Next(it.signs_from())));
        let current = view(&set.current.name, TokenKeyState::Current(set.since));
        let previous = set.previous.iter().filter(|it| now < it.not_after);
        let previous = previous.map(|it| view(&it.name, TokenKeyState::Previous(it.not_after)));
        next.chain([current]).chain(previous).collect()
    }

    /// Publishes the keys that tokens are verified with, or will be, as a JWK set.
    pub fn jwks(&self, now: Timestamp) -> Json {
        let set = self.set();
        let signing = std::iter::once(&set.current).chain(set.next.iter().map(|it| &it.key));
        let signing = signing.map(|it| published(&it.name, it.key.public()));
        let previous = set.previous.iter().filter(|it| now < it.not_after);
        let keys = signing.chain(previous.map(|it| published(&it.name, &it.key)));
        Json::Object([("keys".to_owned(), Json::List(keys.collect()))].into())
    }

    pub(crate) fn signing(&self) -> Arc<SigningKey> {
        Arc::clone(&self.set().current)
    }

    /// Says whether the key called `name` made this signature; none if there is no such key. One
    /// that does not sign yet has signed nothing.
    pub(crate) fn verify(
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
