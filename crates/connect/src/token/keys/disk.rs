//! The token keys on disk: a file for each private half, and an index that says which of them count.
//!
//! Private halves are written before the index names them, and deleted after it names them no more,
//! so that whatever a crash leaves is one whole set, and files beside it that the next start deletes.

use std::{
    collections::BTreeSet,
    fs, io,
    path::{Path, PathBuf},
    sync::Arc,
};

use bailiwick_model::Timestamp;
use serde::{Deserialize, Serialize};

use super::{GRACE, KeySet, NextKey, PreviousKey, SigningKey, TASK_TOKEN_LIFE, TokenKeysError};
use crate::{
    es256::{Es256Key, Es256PublicKey},
    private::{PrivateError, create_private, read_private, write_private},
};

const INDEX: &str = "token-keys.json";
const FILE_MAX: u64 = 64 << 10;

/// The index file.
#[derive(Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
struct Index {
    generation: u64,
    current: String,
    /// When it began to sign; not known of indexes of before.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    since: Option<Timestamp>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    next: Option<NextEntry>,
    previous: Vec<PreviousEntry>,
}

#[derive(Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
struct NextEntry {
    name: String,
    published: Timestamp,
}

#[derive(Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
struct PreviousEntry {
    public: String,
    not_after: Timestamp,
}

/// Writes the private halves that are not there yet and then the index.
pub(super) fn store(dir: &Path, set: &KeySet) -> Result<(), TokenKeysError> {
    for key in private(set) {
        let pem = key.key.to_pem();
        match create_private(&path(dir, &key.name), pem.expose().as_bytes()) {
            Ok(()) | Err(PrivateError::Exists { .. }) => {}
            Err(error) => return Err(error.into()),
        }
    }
    let previous =
        |it: &PreviousKey| PreviousEntry { public: it.key.to_pem(), not_after: it.not_after };
    let next = |it: &NextKey| NextEntry { name: it.key.name.clone(), published: it.published };
    let index = Index {
        generation: set.generation,
        current: set.current.name.clone(),
        since: Some(set.since),
        next: set.next.as_ref().map(next),
        previous: set.previous.iter().map(previous).collect(),
    };
    let path = dir.join(INDEX);
    let text =
        serde_json::to_string_pretty(&index).map_err(|error| damaged(&path, error.to_string()))?;
    Ok(write_private(&path, text.as_bytes())?)
}

/// Deletes private halves that the set does not name.
pub(super) fn sweep(dir: &Path, set: &KeySet) -> Result<(), TokenKeysError> {
    let named: BTreeSet<PathBuf> = private(set).map(|it| path(dir, &it.name)).collect();
    let entries = fs::read_dir(dir).map_err(PrivateError::io("look into", dir))?;
    for entry in entries {
        let found = entry.map_err(PrivateError::io("look into", dir))?.path();
        let name = found.file_name().and_then(|it| it.to_str()).unwrap_or_default();
        let ours =
            name.starts_with("token-") && Path::new(name).extension().is_some_and(|it| it == "pem");
        if ours && !named.contains(&found) {
            remove(&found)?;
        }
    }
    Ok(())
}

fn private(set: &KeySet) -> impl Iterator<Item = &Arc<SigningKey>> {
    std::iter::once(&set.current).chain(set.next.iter().map(|it| &it.key))
}

/// Reads the set; none where there was never one. What is dated ahead of `now` was written by a
/// clock that ran ahead: it counts as of now, and nothing lasts longer for it.
pub(super) fn load(dir: &Path, now: Timestamp) -> Result<Option<KeySet>, TokenKeysError> {
    let index = dir.join(INDEX);
    let text = match read_private(&index, FILE_MAX) {
        Ok(text) => text,
        Err(error) if error.is_missing() => return Ok(None),
        Err(error) => return Err(error.into()),
    };
    let read: Index =
        serde_json::from_str(&text).map_err(|error| damaged(&index, error.to_string()))?;
    let latest = now.after(TASK_TOKEN_LIFE).after(GRACE);
    let previous = |it: &PreviousEntry| {
        let key = Es256PublicKey::from_pem(&it.public)
            .map_err(|error| damaged(&index, error.to_string()))?;
        Ok(PreviousKey { name: key.thumbprint(), key, not_after: it.not_after.min(latest) })
    };
    let kept = read.previous.iter().filter(|it| now < it.not_after).map(previous);
    let previous = kept.collect::<Result<_, TokenKeysError>>()?;
    let next = |it: NextEntry| {
        let key = signing(dir, &it.name)?;
        Ok::<_, TokenKeysError>(NextKey { key, published: it.published.min(now) })
    };
    Ok(Some(KeySet {
        generation: read.generation,
        current: signing(dir, &read.current)?,
        since: read.since.unwrap_or(now).min(now),
        next: read.next.map(next).transpose()?,
        previous,
    }))
}

/// Reads the private half of the key that the index calls `name`.
fn signing(dir: &Path, name: &str) -> Result<Arc<SigningKey>, TokenKeysError> {
    if !name.bytes().all(|it| it.is_ascii_alphanumeric() || matches!(it, b'-' | b'_')) {
        return Err(damaged(&dir.join(INDEX), "it names a key by no key's name".to_owned()));
    }
    let path = path(dir, name);
    let pem = zeroize::Zeroizing::new(read_private(&path, FILE_MAX)?);
    let key = Es256Key::from_pem(&pem).map_err(|error| damaged(&path, error.to_string()))?;
    let key = SigningKey::new(key);
    if key.name == name {
        Ok(key)
    } else {
        Err(damaged(&path, "it holds another key than its name says".to_owned()))
    }
}

fn path(dir: &Path, name: &str) -> PathBuf {
    dir.join(format!("token-{name}.pem"))
}

fn damaged(path: &Path, why: String) -> TokenKeysError {
    TokenKeysError::Damaged { path: path.to_owned(), why }
}

fn remove(path: &Path) -> Result<(), TokenKeysError> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => {
            Err(PrivateError::io("remove", path)(error).into())
        }
        Ok(()) | Err(_) => Ok(()),
    }
}
