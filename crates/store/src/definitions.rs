//! The definitions of tools that were accepted, by their digest, so that policies can be held
//! against what they meet while no server runs.
//!
//! What was accepted is the pin's to say, which is on record: a text that does not have the digest
//! of a pin is nobody's definition, whoever put it here.

use std::{
    collections::BTreeSet,
    fs,
    io::ErrorKind,
    path::{Path, PathBuf},
};

use bailiwick_model::Digest;

use crate::file::{FileError, create_private_dir, on, read_if_there, replace};

/// A directory of definitions: one file each, called after its digest.
#[derive(Clone, Debug)]
pub struct Definitions {
    dir: PathBuf,
}

impl Definitions {
    /// Takes the directory, which need not be there.
    pub fn at(dir: &Path) -> Self {
        Self { dir: dir.to_owned() }
    }

    /// Keeps `text` under `digest`. Says whether it was not there before.
    pub fn keep(&self, digest: &Digest, text: &str) -> Result<bool, FileError> {
        let path = self.path(digest);
        if path.exists() {
            return Ok(false);
        }
        create_private_dir(&self.dir)?;
        replace(&path, text.as_bytes())?;
        Ok(true)
    }

    /// Gives the text under `digest`; none where nothing is.
    pub fn get(&self, digest: &Digest) -> Result<Option<String>, FileError> {
        let bytes = read_if_there(&self.path(digest))?;
        Ok(bytes.and_then(|it| String::from_utf8(it).ok()))
    }

    /// Removes everything but these.
    pub fn retain(&self, wanted: &BTreeSet<Digest>) -> Result<(), FileError> {
        let names: BTreeSet<String> = wanted.iter().map(name).collect();
        let entries = match fs::read_dir(&self.dir) {
            Ok(entries) => entries,
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(()),
            Err(error) => return Err(on("read", &self.dir)(error)),
        };
        for entry in entries {
            let entry = entry.map_err(on("read", &self.dir))?;
            let known = entry.file_name().to_str().is_some_and(|it| names.contains(it));
            if !known {
                fs::remove_file(entry.path()).map_err(on("remove", &entry.path()))?;
            }
        }
        Ok(())
    }

    fn path(&self, digest: &Digest) -> PathBuf {
        self.dir.join(name(digest))
    }
}

fn name(digest: &Digest) -> String {
    let text = digest.to_string();
    format!("{}.json", text.strip_prefix("sha256:").unwrap_or(&text))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_kept_is_there_until_it_is_not_wanted() {
        let dir = tempfile::tempdir().unwrap();
        let kept = Definitions::at(&dir.path().join("tools"));
        let (one, other) = (Digest::of(b"one"), Digest::of(b"other"));
        assert_eq!(kept.get(&one).unwrap(), None);
        kept.retain(&BTreeSet::new()).unwrap();
        assert!(kept.keep(&one, "{}").unwrap() && !kept.keep(&one, "else").unwrap());
        assert!(kept.keep(&other, "[]").unwrap());
        assert_eq!(kept.get(&one).unwrap().as_deref(), Some("{}"));
        kept.retain(&BTreeSet::from([other])).unwrap();
        assert_eq!(kept.get(&one).unwrap(), None);
        assert_eq!(kept.get(&other).unwrap().as_deref(), Some("[]"));
    }
}
