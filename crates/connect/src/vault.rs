//! Secrets at rest: each sealed with a key of its own, and that key wrapped by one that lies elsewhere.
//!
//! A secret is one file of `state/secrets/`, replaced whole: a crash leaves the old one or the new
//! one. Wrapping anew takes only the small keys in hand, never what they seal. What is sealed for
//! others to keep ([`Vault::seal`]) has one key for all of it, which is wrapped like the rest, so
//! that whoever keeps it need not do anything when the outermost key is another.

mod envelope;
mod error;
#[cfg(any(test, fuzzing))]
pub(crate) mod foreign;
mod kek;
mod kek_command;
mod sealed;
#[cfg(test)]
mod tests;
mod token;

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt, fs, io,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use bailiwick_model::{SecretName, Timestamp};

use self::{
    envelope::{Envelope, FILE_MAX, Label},
    kek::Keks,
    sealed::Keepsakes,
};
pub use self::{
    error::VaultError,
    kek::{KekSource, KekSources},
    sealed::Sealed,
    token::{PinSource, TokenPlace, TokenSource},
};
use crate::{
    private::{PrivateError, create_dir_private, read_private, write_private},
    secret::Secret,
};

/// How long a secret may be.
const VALUE_MAX: usize = 16 << 10;
/// How many secrets there may be.
const SECRETS_MAX: usize = 4096;
const ENDING: &str = ".secret";
const KEEPSAKES: &str = "keepsakes.key";
const PIN_REFUSED: &str = "pin.refused";

/// Where secrets are kept.
pub struct Vault {
    dir: PathBuf,
    sources: KekSources,
    /// The keys that wrap, held for as long as something changes: a token takes its time, and those
    /// who use secrets do not wait for it. Always taken before `inside`.
    changing: Mutex<Keks>,
    inside: Mutex<Inside>,
}

struct Inside {
    secrets: BTreeMap<SecretName, Result<Kept, VaultError>>,
    keepsakes: Keepsakes,
}

#[derive(Clone)]
struct Kept {
    envelope: Envelope,
    open: Arc<OpenSecret>,
    /// What it was before: whoever was sent that may still give it back.
    before: Option<Arc<OpenSecret>>,
}

/// A secret in use.
#[derive(Debug)]
pub struct OpenSecret {
    /// What it is called.
    pub name: SecretName,
    /// The how-manieth value this is. It goes on record with each use.
    pub version: u32,
    /// What must not be seen.
    pub value: Secret,
}

/// What may be told of a secret.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SecretAbout {
    /// What it is called.
    pub name: SecretName,
    /// The how-manieth value this is.
    pub version: u32,
    /// When it got its first value.
    pub created: Timestamp,
    /// When it got the value that it has.
    pub rotated: Timestamp,
    /// Which key wraps it.
    pub wrapped_by: String,
}

/// What wrapping anew came to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rekeyed {
    /// The key that wraps all of them now.
    pub wrapped_by: String,
    /// How many there are, the one of the keepsakes included.
    pub records: usize,
}

impl Vault {
    /// Opens the vault in `dir`, and makes what is missing. A secret that cannot be opened is no
    /// reason not to open the others: [`Vault::list`] tells of it, and nobody gets it.
    pub fn open(dir: &Path, sources: impl Into<KekSources>) -> Result<Self, VaultError> {
        create_dir_private(dir)?;
        let (files, sources) = (files(dir)?, sources.into());
        let keks = sources.load(|| sealed_by(dir, &files))?;
        let mut secrets = BTreeMap::new();
        for (name, path) in files {
            let kept = match Kept::read(&keks, &name, &path) {
                // This is no fault of the secret's.
                Err(error @ VaultError::Key { .. }) => return Err(error),
                kept => kept,
            };
            secrets.insert(name, kept);
        }
        let keepsakes = Keepsakes::load_or_create(&dir.join(KEEPSAKES), &keks)?;
        let inside = Mutex::new(Inside { secrets, keepsakes });
        Ok(Self { dir: dir.to_owned(), sources, changing: Mutex::new(keks), inside })
    }

    /// Gives a secret to whoever is about to use it.
    pub fn get(&self, name: &SecretName) -> Result<Arc<OpenSecret>, VaultError> {
        match self.lock().secrets.get(name) {
            Some(Ok(kept)) => Ok(Arc::clone(&kept.open)),
            Some(Err(broken)) => Err(broken.clone()),
            None => Err(VaultError::Unknown { name: name.clone() }),
        }
    }

    /// Gives the value that a secret had before its last, where that ended since the vault was opened:
    /// to know it where it comes back, and for nothing else.
    pub fn before(&self, name: &SecretName) -> Option<Arc<OpenSecret>> {
        self.lock().secrets.get(name)?.as_ref().ok()?.before.clone()
    }

    /// Tells of every secret, in the order of their names, and of each that cannot be opened why.
    pub fn list(&self) -> Vec<Result<SecretAbout, VaultError>> {
        let about =
            |it: &Result<Kept, VaultError>| it.as_ref().map(Kept::about).map_err(Clone::clone);
        self.lock().secrets.values().map(about).collect()
    }

    /// Says whether a value can be kept.
    pub fn fits(value: &Secret) -> Result<(), VaultError> {
        match value.expose().len() {
            0 => Err(VaultError::Empty),
            len if VALUE_MAX < len => Err(VaultError::TooLong { len, max: VALUE_MAX }),
            _ => Ok(()),
        }
    }

    /// Gives a secret its first value. One that is there stays as it is.
    pub fn set(
        &self,
        name: &SecretName,
        value: &Secret,
        now: Timestamp,
    ) -> Result<SecretAbout, VaultError> {
        let keks = held(&self.changing);
        let there = self.lock().secrets.len();
        if self.lock().secrets.contains_key(name) {
            return Err(VaultError::Exists { name: name.clone() });
        }
        if SECRETS_MAX <= there {
            return Err(VaultError::TooMany { max: SECRETS_MAX });
        }
        let label = Label::secret(name, 1, now, now);
        self.put(&keks, name, label, value)
    }

    /// Gives a secret its next value; the one before is in no file any more.
    pub fn rotate(
        &self,
        name: &SecretName,
        value: &Secret,
        now: Timestamp,
    ) -> Result<SecretAbout, VaultError> {
        let keks = held(&self.changing);
        let label = match self.lock().secrets.get(name) {
            Some(Ok(kept)) if kept.open.value.matches(value.expose()) => {
                return Err(VaultError::Same { name: name.clone() });
            }
            Some(Ok(kept)) => kept.envelope.label.next(now),
            Some(Err(broken)) => return Err(broken.clone()),
            None => return Err(VaultError::Unknown { name: name.clone() }),
        };
        self.put(&keks, name, label, value)
    }

    /// Removes a secret, also one that cannot be opened.
    pub fn remove(&self, name: &SecretName) -> Result<(), VaultError> {
        let _nobody_else = held(&self.changing);
        let mut inside = self.lock();
        if !inside.secrets.contains_key(name) {
            return Err(VaultError::Unknown { name: name.clone() });
        }
        let path = self.path(name);
        match fs::remove_file(&path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                return Err(PrivateError::io("remove", &path)(error).into());
            }
            Ok(()) | Err(_) => {}
        }
        inside.secrets.remove(name);
        let dir = fs::File::open(&self.dir).and_then(|it| it.sync_all());
        dir.map_err(PrivateError::io("sync", &self.dir))?;
        Ok(())
    }

    /// Wraps every key anew: by a new key where it lies in a file, else by the one that the command
    /// or the configuration puts first now. The old key opens until all are done, so a crash in between
    /// loses nothing, and doing it again goes on.
    pub fn rekey(&self) -> Result<Rekeyed, VaultError> {
        let mut changing = held(&self.changing);
        let kept: Result<Vec<_>, VaultError> = self
            .lock()
            .secrets
            .iter()
            .map(|(name, kept)| match kept {
                Ok(kept) => Ok((name.clone(), kept.envelope.clone())),
                Err(broken) => Err(broken.clone()),
            })
            .collect();
        let (kept, keks) = (kept?, self.sources.next()?);
        let keepsakes = self.lock().keepsakes.envelope().rewrapped(&keks)?;
        write_private(&self.dir.join(KEEPSAKES), keepsakes.to_text().as_bytes())?;
        self.lock().keepsakes.wrapped_as(keepsakes);
        let mut records: usize = 1;
        for (name, envelope) in kept {
            let envelope = envelope.rewrapped(&keks)?;
            write_private(&self.path(&name), envelope.to_text().as_bytes())?;
            if let Some(Ok(kept)) = self.lock().secrets.get_mut(&name) {
                kept.envelope = envelope;
            }
            records = records.saturating_add(1);
        }
        *changing = self.sources.alone(keks)?;
        Ok(Rekeyed { wrapped_by: changing.current().to_owned(), records })
    }

    /// Seals `bytes` for somebody who keeps them under `name`: they open under this name alone.
    pub fn seal(&self, name: &str, bytes: &[u8]) -> Result<Sealed, VaultError> {
        self.lock().keepsakes.seal(name, bytes)
    }

    /// Opens what was sealed under `name`.
    pub fn unseal(&self, name: &str, sealed: &Sealed) -> Result<Secret, VaultError> {
        self.lock().keepsakes.open(name, sealed)
    }

    fn put(
        &self,
        keks: &Keks,
        name: &SecretName,
        label: Label,
        value: &Secret,
    ) -> Result<SecretAbout, VaultError> {
        Self::fits(value)?;
        let envelope = Envelope::seal(keks, label, value.expose().as_bytes())?;
        write_private(&self.path(name), envelope.to_text().as_bytes())?;
        let version = envelope.label.version;
        let open = Arc::new(OpenSecret { name: name.clone(), version, value: value.clone() });
        let mut inside = self.lock();
        let before = inside.secrets.get(name).and_then(|it| it.as_ref().ok());
        let before = before.map(|it| Arc::clone(&it.open));
        let kept = Kept { envelope, open, before };
        let about = kept.about();
        inside.secrets.insert(name.clone(), Ok(kept));
        Ok(about)
    }

    fn path(&self, name: &SecretName) -> PathBuf {
        self.dir.join(format!("{name}{ENDING}"))
    }

    fn lock(&self) -> MutexGuard<'_, Inside> {
        held(&self.inside)
    }
}

fn held<T>(lock: &Mutex<T>) -> MutexGuard<'_, T> {
    lock.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Gives the file in a vault's folder that says that a PIN is tried at a token, or was refused.
pub fn pin_refused(dir: &Path) -> PathBuf {
    dir.join(PIN_REFUSED)
}

/// Names the keys that wrap what lies in `dir`; nothing where a file does not say it.
fn sealed_by(dir: &Path, files: &[(SecretName, PathBuf)]) -> Option<BTreeSet<String>> {
    let keepsakes = dir.join(KEEPSAKES);
    let keepsakes = keepsakes.exists().then_some(&keepsakes);
    let paths = files.iter().map(|(_, path)| path).chain(keepsakes);
    let name = |path: &PathBuf| {
        let text = read_private(path, FILE_MAX).ok()?;
        Envelope::from_text(&text).map(|it| it.kek)
    };
    paths.map(name).collect()
}

impl fmt::Debug for Vault {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_struct("Vault").field("dir", &self.dir).finish_non_exhaustive()
    }
}

impl Kept {
    fn read(keks: &Keks, name: &SecretName, path: &Path) -> Result<Self, VaultError> {
        let broken = |why| VaultError::Broken { name: name.to_string(), why };
        let text = read_private(path, FILE_MAX)?;
        let envelope =
            Envelope::from_text(&text).ok_or_else(|| broken("its file cannot be read"))?;
        if !envelope.label.is_secret(name) {
            return Err(broken("its file is that of another"));
        }
        let value = envelope.open(keks)?;
        let value = std::str::from_utf8(&value).map_err(|_| broken("it is no text"))?;
        let version = envelope.label.version;
        let open = OpenSecret { name: name.clone(), version, value: Secret::new(value) };
        Ok(Self { envelope, open: Arc::new(open), before: None })
    }

    fn about(&self) -> SecretAbout {
        let Label { version, created, rotated, .. } = self.envelope.label;
        let wrapped_by = self.envelope.kek.clone();
        SecretAbout { name: self.open.name.clone(), version, created, rotated, wrapped_by }
    }
}

/// What may be told of secrets by their files alone.
pub type SecretsKept = BTreeMap<SecretName, Result<SecretAbout, VaultError>>;

/// Tells what is kept in `dir`, by the labels of the files: none is opened, so what they say is
/// proved by nobody. Where there is no such folder, nothing is kept.
pub fn secrets_kept(dir: &Path) -> Result<SecretsKept, VaultError> {
    if !dir.exists() {
        return Ok(SecretsKept::new());
    }
    let kept = files(dir)?.into_iter().map(|(name, path)| {
        let about = labelled(&name, &path);
        (name, about)
    });
    Ok(kept.collect())
}

fn labelled(name: &SecretName, path: &Path) -> Result<SecretAbout, VaultError> {
    let broken = |why| VaultError::Broken { name: name.to_string(), why };
    let text = read_private(path, FILE_MAX)?;
    let envelope = Envelope::from_text(&text).ok_or_else(|| broken("its file cannot be read"))?;
    if !envelope.label.is_secret(name) {
        return Err(broken("its file is that of another"));
    }
    let Label { version, created, rotated, .. } = envelope.label;
    Ok(SecretAbout { name: name.clone(), version, created, rotated, wrapped_by: envelope.kek })
}

/// Finds the files of secrets. What has another ending is not ours.
fn files(dir: &Path) -> Result<Vec<(SecretName, PathBuf)>, VaultError> {
    let mut found = Vec::new();
    for entry in fs::read_dir(dir).map_err(PrivateError::io("list", dir))? {
        let path = entry.map_err(PrivateError::io("list", dir))?.path();
        let name =
            path.file_name().and_then(|it| it.to_str()).and_then(|it| it.strip_suffix(ENDING));
        let Some(name) = name else { continue };
        match name.parse() {
            Ok(name) => found.push((name, path)),
            Err(_) => return Err(VaultError::Stranger { path }),
        }
        if SECRETS_MAX < found.len() {
            return Err(VaultError::TooMany { max: SECRETS_MAX });
        }
    }
    Ok(found)
}
