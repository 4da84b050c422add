//! Files and folders that only our own account may open.
//!
//! Keys, the registry and the ledger live in these. They are made 0700 and 0600 and checked again
//! at each start: a key that another account can read is not a key any more.

use std::{
    fs::{self, DirBuilder, File, Metadata, OpenOptions},
    io::{self, Write},
    os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt, PermissionsExt},
    path::{Path, PathBuf},
};

use crate::random::{RandomError, random_text};

/// Why a file or folder does not count as private, or could not be made so.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum PrivateError {
    /// Somebody else may open it.
    #[error("other accounts may open `{path}` (mode {mode:04o}): run `chmod {wanted:o} {path}`")]
    Open {
        /// Which file or folder.
        path: PathBuf,
        /// The mode found.
        mode: u32,
        /// The mode it must have.
        wanted: u32,
    },
    /// It belongs to somebody else.
    #[error("`{path}` belongs to account {owner}, not to {ours}: run `chown {ours} {path}`")]
    Foreign {
        /// Which file or folder.
        path: PathBuf,
        /// Whose it is.
        owner: u32,
        /// Who we are.
        ours: u32,
    },
    /// It is a symbolic link, which says nothing about what it leads to.
    #[error("`{path}` is a symbolic link: put the file itself there")]
    Link {
        /// Which one.
        path: PathBuf,
    },
    /// It is there already and must not be overwritten.
    #[error("`{path}` exists already")]
    Exists {
        /// Which file.
        path: PathBuf,
    },
    /// The operating system refused.
    #[error("cannot {verb} `{path}`")]
    Io {
        /// What was tried.
        verb: &'static str,
        /// On what.
        path: PathBuf,
        /// What the operating system said.
        #[source]
        source: io::Error,
    },
    /// No randomness for the name of the temporary file.
    #[error(transparent)]
    Random(#[from] RandomError),
}

impl PrivateError {
    pub(crate) fn io(verb: &'static str, path: &Path) -> impl FnOnce(io::Error) -> Self {
        move |source| Self::Io { verb, path: path.to_owned(), source }
    }

    /// Says whether nothing is there at all.
    pub fn is_missing(&self) -> bool {
        matches!(self, Self::Io { source, .. } if source.kind() == io::ErrorKind::NotFound)
    }
}

/// Creates the folder `path` (0700) and those above it; one that is there already must be private.
pub fn create_dir_private(path: &Path) -> Result<(), PrivateError> {
    DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(path)
        .map_err(PrivateError::io("create", path))?;
    check_private(path)
}

/// Writes `bytes` as the file `path` (0600), whole or not at all, and durably. What was there is
/// replaced.
pub fn write_private(path: &Path, bytes: &[u8]) -> Result<(), PrivateError> {
    place(path, bytes, |temporary| {
        fs::rename(temporary, path).map_err(PrivateError::io("write", path))
    })
}

/// Writes `bytes` as the file `path`, whole or not at all, for everybody to read: what is published,
/// never a key.
pub(crate) fn write_public(path: &Path, bytes: &[u8]) -> Result<(), PrivateError> {
    place(path, bytes, |temporary| {
        fs::set_permissions(temporary, fs::Permissions::from_mode(0o644))
            .and_then(|()| fs::rename(temporary, path))
            .map_err(PrivateError::io("write", path))
    })
}

/// Writes `bytes` as the new file `path` (0600), whole or not at all, and durably. A file that is
/// there already stays as it is.
pub fn create_private(path: &Path, bytes: &[u8]) -> Result<(), PrivateError> {
    place(path, bytes, |temporary| {
        // A link, unlike a rename, never replaces.
        fs::hard_link(temporary, path).map_err(|error| {
            if error.kind() == io::ErrorKind::AlreadyExists {
                PrivateError::Exists { path: path.to_owned() }
            } else {
                PrivateError::io("create", path)(error)
            }
        })?;
        fs::remove_file(temporary).map_err(PrivateError::io("remove", temporary))
    })
}

/// Writes a temporary file beside `path`, lets `finish` put it in place, makes both durable.
fn place(
    path: &Path,
    bytes: &[u8],
    finish: impl FnOnce(&Path) -> Result<(), PrivateError>,
) -> Result<(), PrivateError> {
    let dir = match path.parent() {
        Some(dir) if !dir.as_os_str().is_empty() => dir,
        Some(_) | None => Path::new("."),
    };
    let temporary = dir.join(format!(".new-{}", random_text()?));
    let placed = write_new(&temporary, bytes).and_then(|()| finish(&temporary));
    if placed.is_err() {
        // It may never have been made; the first error is the one to tell.
        let _ = fs::remove_file(&temporary);
    }
    placed?;
    File::open(dir).and_then(|it| it.sync_all()).map_err(PrivateError::io("sync", dir))
}

fn write_new(path: &Path, bytes: &[u8]) -> Result<(), PrivateError> {
    let write = || {
        let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)?;
        file.write_all(bytes)?;
        file.sync_all()
    };
    write().map_err(PrivateError::io("write", path))
}

/// Checks that only our own account may open the file or folder `path`.
pub fn check_private(path: &Path) -> Result<(), PrivateError> {
    let found = fs::symlink_metadata(path).map_err(PrivateError::io("look at", path))?;
    check_found(path, &found, rustix::process::geteuid().as_raw())
}

fn check_found(path: &Path, found: &Metadata, ours: u32) -> Result<(), PrivateError> {
    if found.is_symlink() {
        return Err(PrivateError::Link { path: path.to_owned() });
    }
    if found.uid() != ours {
        return Err(PrivateError::Foreign { path: path.to_owned(), owner: found.uid(), ours });
    }
    let mode = found.mode() & 0o7777;
    let others = mode & 0o077;
    if others == 0 {
        return Ok(());
    }
    let wanted = if found.is_dir() { 0o700 } else { 0o600 };
    Err(PrivateError::Open { path: path.to_owned(), mode, wanted })
}

/// Checks the folder `dir` and everything below it.
pub fn check_private_tree(dir: &Path) -> Result<(), PrivateError> {
    let mut waiting = vec![dir.to_owned()];
    while let Some(path) = waiting.pop() {
        match check_private(&path) {
            // Temporary files come and go while we look.
            Err(error) if error.is_missing() && path != dir => continue,
            checked => checked?,
        }
        if path.is_dir() {
            for entry in fs::read_dir(&path).map_err(PrivateError::io("list", &path))? {
                waiting.push(entry.map_err(PrivateError::io("list", &path))?.path());
            }
        }
    }
    Ok(())
}

/// Reads the private file `path`, of `max` bytes at most.
pub(crate) fn read_private(path: &Path, max: u64) -> Result<String, PrivateError> {
    check_private(path)?;
    let read = || {
        let file = File::open(path)?;
        if max < file.metadata()?.len() {
            return Err(io::Error::new(io::ErrorKind::FileTooLarge, "longer than such a file is"));
        }
        io::read_to_string(file)
    };
    read().map_err(PrivateError::io("read", path))
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;

    fn mode(path: &Path) -> u32 {
        fs::metadata(path).unwrap().mode() & 0o7777
    }

    fn set_mode(path: &Path, mode: u32) {
        fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
    }

    #[test]
    fn what_is_made_is_private_and_passes_its_own_check() {
        let root = tempfile::tempdir().unwrap();
        let dir = root.path().join("state/keys");
        create_dir_private(&dir).unwrap();
        let file = dir.join("a.key");
        write_private(&file, b"one").unwrap();
        assert_eq!((mode(&dir), mode(&file)), (0o700, 0o600));
        assert_eq!(mode(&root.path().join("state")), 0o700);
        check_private_tree(&root.path().join("state")).unwrap();
    }

    #[test]
    fn writing_replaces_whole_and_leaves_nothing_beside() {
        let root = tempfile::tempdir().unwrap();
        let file = root.path().join("a.key");
        write_private(&file, b"one").unwrap();
        set_mode(&file, 0o644);
        write_private(&file, b"two").unwrap();
        assert_eq!((fs::read(&file).unwrap(), mode(&file)), (b"two".to_vec(), 0o600));
        assert_eq!(fs::read_dir(root.path()).unwrap().count(), 1);
    }

    #[test]
    fn creating_never_replaces_and_leaves_nothing_beside() {
        let root = tempfile::tempdir().unwrap();
        let file = root.path().join("a.key");
        create_private(&file, b"one").unwrap();
        let error = create_private(&file, b"two").unwrap_err();
        assert!(matches!(error, PrivateError::Exists { .. }), "{error}");
        assert_eq!((fs::read(&file).unwrap(), mode(&file)), (b"one".to_vec(), 0o600));
        assert_eq!(fs::read_dir(root.path()).unwrap().count(), 1);
    }

    #[test]
    fn any_bit_for_others_is_found_and_the_command_named() {
        let root = tempfile::tempdir().unwrap();
        let file = root.path().join("a.key");
        write_private(&file, b"one").unwrap();
        for bit in [0o001, 0o002, 0o004, 0o010, 0o020, 0o040] {
            set_mode(&file, 0o600 | bit);
            let text = check_private(&file).unwrap_err().to_string();
            let wanted = format!(
                "other accounts may open `{0}` (mode {1:04o}): run `chmod 600 {0}`",
                file.display(),
                0o600 | bit
            );
            assert_eq!(text, wanted);
        }
        set_mode(&file, 0o400);
        check_private(&file).unwrap();
    }

    #[test]
    fn an_open_folder_deep_down_is_found() {
        let root = tempfile::tempdir().unwrap();
        let (top, deep) = (root.path().join("state"), root.path().join("state/a/b"));
        create_dir_private(&deep).unwrap();
        set_mode(&deep, 0o750);
        let text = check_private_tree(&top).unwrap_err().to_string();
        assert!(text.ends_with(&format!("run `chmod 700 {}`", deep.display())), "{text}");
        assert!(create_dir_private(&deep).is_err(), "an open folder is not taken as made");
    }

    #[test]
    fn a_link_and_a_stranger_are_refused() {
        let root = tempfile::tempdir().unwrap();
        let (file, link) = (root.path().join("a.key"), root.path().join("b.key"));
        write_private(&file, b"one").unwrap();
        symlink(&file, &link).unwrap();
        assert!(matches!(check_private(&link), Err(PrivateError::Link { .. })));
        let found = fs::symlink_metadata(&file).unwrap();
        let stranger = found.uid().wrapping_add(1);
        let error = check_found(&file, &found, stranger).unwrap_err();
        assert!(matches!(error, PrivateError::Foreign { .. }), "{error}");
    }

    #[test]
    fn a_file_that_is_not_there_is_called_missing() {
        let error = check_private(Path::new("no/such/file")).unwrap_err();
        assert!(error.is_missing());
        assert_eq!(error.to_string(), "cannot look at `no/such/file`");
    }

    #[test]
    fn a_file_longer_than_expected_is_not_read() {
        let root = tempfile::tempdir().unwrap();
        let file = root.path().join("a.key");
        write_private(&file, &[b'x'; 100]).unwrap();
        assert!(read_private(&file, 99).is_err());
        assert_eq!(read_private(&file, 100).unwrap().len(), 100);
    }
}
