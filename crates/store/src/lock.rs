//! One process owns a directory of ours at a time.

use std::{
    fs::File,
    io::{Read, Write},
    path::{Path, PathBuf},
};

use rustix::fs::{FlockOperation, flock};

use crate::{FileError, file};

/// The directory is owned by somebody else, or cannot be owned.
#[derive(Debug, thiserror::Error)]
pub enum LockError {
    /// Another process owns it.
    #[error("`{}` is in use by process {owner}", dir.display())]
    InUse {
        /// The directory.
        dir: PathBuf,
        /// The process id that the lock file names.
        owner: String,
    },
    /// The lock file cannot be used.
    #[error(transparent)]
    File(#[from] FileError),
}

/// Ownership of one directory: given up when dropped, or by the kernel when the process dies.
#[derive(Debug)]
pub struct StateLock {
    // Closing the file gives the lock up.
    _file: File,
}

impl StateLock {
    /// Takes the directory, which is made if it is missing; never waits.
    pub fn acquire(dir: &Path) -> Result<Self, LockError> {
        file::create_private_dir(dir)?;
        let path = dir.join("lock");
        let mut lock = file::open_private(&path)?;
        if let Err(error) = flock(&lock, FlockOperation::NonBlockingLockExclusive) {
            if error == rustix::io::Errno::WOULDBLOCK {
                return Err(LockError::InUse { dir: dir.to_owned(), owner: owner(&mut lock) });
            }
            return Err(file::on("lock", &path)(error.into()).into());
        }
        lock.set_len(0)
            .and_then(|()| writeln!(lock, "{}", std::process::id()))
            .map_err(file::on("write", &path))?;
        Ok(Self { _file: lock })
    }
}

fn owner(lock: &mut File) -> String {
    let mut text = String::new();
    match lock.take(32).read_to_string(&mut text) {
        Ok(_) if !text.trim().is_empty() => text.trim().to_owned(),
        Ok(_) | Err(_) => "(unknown)".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_second_owner_is_told_who_the_first_is() {
        let dir = tempfile::tempdir().unwrap();
        let first = StateLock::acquire(dir.path()).unwrap();
        let error = StateLock::acquire(dir.path()).unwrap_err().to_string();
        assert!(error.ends_with(&format!("in use by process {}", std::process::id())), "{error}");
        drop(first);
        StateLock::acquire(dir.path()).unwrap();
    }
}
