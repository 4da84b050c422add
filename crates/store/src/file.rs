//! Private files: for this account alone, replaced whole, on the disk before we go on.

use std::{
    fs::{self, DirBuilder, File, OpenOptions},
    io::{self, Write},
    os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt},
    path::{Path, PathBuf},
};

/// A file could not be used.
#[derive(Debug, thiserror::Error)]
#[error("cannot {what} `{}`", path.display())]
pub struct FileError {
    what: &'static str,
    path: PathBuf,
    #[source]
    source: io::Error,
}

/// Says what was tried on which file, for `map_err`.
pub(crate) fn on(what: &'static str, path: &Path) -> impl FnOnce(io::Error) -> FileError {
    let path = path.to_owned();
    move |source| FileError { what, path, source }
}

/// Makes `path` and what is missing above it, for this account alone.
pub(crate) fn create_private_dir(path: &Path) -> Result<(), FileError> {
    DirBuilder::new().recursive(true).mode(0o700).create(path).map_err(on("create", path))
}

/// Opens `path` for writing, making it for this account alone where it is missing.
pub(crate) fn open_private(path: &Path) -> Result<File, FileError> {
    let mut options = OpenOptions::new();
    options.read(true).write(true).create(true).truncate(false).mode(0o600);
    options.open(path).map_err(on("open", path))
}

/// Makes `path`, which must not be there, for this account alone.
pub(crate) fn create_new_private(path: &Path) -> io::Result<File> {
    OpenOptions::new().read(true).write(true).create_new(true).mode(0o600).open(path)
}

/// Replaces `path` with `bytes`: whoever looks, also after a power cut, sees the old text or the
/// new one.
pub(crate) fn replace(path: &Path, bytes: &[u8]) -> Result<(), FileError> {
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(".new");
    let fresh = path.with_file_name(name);
    let file = open_private(&fresh)?;
    file.set_len(0).map_err(on("write", &fresh))?;
    write_through(&file, &fresh, bytes)?;
    fs::rename(&fresh, path).map_err(on("replace", path))?;
    sync_parent(path)
}

/// Writes `bytes` and waits until they are on the disk.
pub(crate) fn write_through(mut file: &File, path: &Path, bytes: &[u8]) -> Result<(), FileError> {
    file.write_all(bytes).and_then(|()| file.sync_all()).map_err(on("write", path))
}

/// Waits until the names in the directory of `path` are on the disk.
pub(crate) fn sync_parent(path: &Path) -> Result<(), FileError> {
    let parent = match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        Some(_) | None => Path::new("."),
    };
    File::open(parent).and_then(|dir| dir.sync_all()).map_err(on("sync", parent))
}

/// Reads a file that may be missing.
pub(crate) fn read_if_there(path: &Path) -> Result<Option<Vec<u8>>, FileError> {
    match fs::read(path) {
        Ok(bytes) => Ok(Some(bytes)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(on("read", path)(error)),
    }
}

/// Remembers which file a path led to, so that a deleted, replaced or cut one is noticed.
#[derive(Debug)]
pub(crate) struct FileWatch {
    path: PathBuf,
    place: (u64, u64),
    len: u64,
}

impl FileWatch {
    /// Remembers the file at `path`.
    pub(crate) fn new(path: &Path) -> Result<Self, FileError> {
        let (place, _) = place(path).map_err(on("look at", path))?;
        Ok(Self { path: path.to_owned(), place, len: 0 })
    }

    /// Remembers also how long it is at least.
    pub(crate) fn of_len(self, len: u64) -> Self {
        Self { len, ..self }
    }

    /// Says what happened to the file, if something did.
    pub(crate) fn trouble(&self) -> Option<String> {
        match place(&self.path) {
            Ok((found, len)) if found == self.place && self.len <= len => None,
            Ok((found, _)) if found == self.place => {
                Some(format!("`{}` was cut behind our back", self.path.display()))
            }
            Ok(_) => Some(format!("`{}` was replaced behind our back", self.path.display())),
            Err(error) => Some(format!("`{}` cannot be found: {error}", self.path.display())),
        }
    }
}

fn place(path: &Path) -> io::Result<((u64, u64), u64)> {
    fs::symlink_metadata(path).map(|it| ((it.dev(), it.ino()), it.len()))
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[test]
    fn a_replaced_file_holds_the_new_text_and_is_private() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("head");
        replace(&path, b"a longer old text").unwrap();
        replace(&path, b"new").unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"new");
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
    }

    #[test]
    fn a_deleted_replaced_or_cut_file_is_noticed() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("live");
        fs::write(&path, "one").unwrap();
        let watch = FileWatch::new(&path).unwrap().of_len(3);
        assert_eq!(watch.trouble(), None);
        fs::write(&path, "on").unwrap();
        assert!(watch.trouble().unwrap().contains("was cut"));
        fs::write(&path, "one").unwrap();
        // The old file stays, so that its inode cannot be given to the new one.
        fs::rename(&path, dir.path().join("away")).unwrap();
        assert!(watch.trouble().unwrap().contains("cannot be found"));
        fs::write(&path, "one").unwrap();
        assert!(watch.trouble().unwrap().contains("replaced"));
    }
}
