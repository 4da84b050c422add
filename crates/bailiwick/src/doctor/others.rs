//! What accounts other than a file's owner may do with it, as its mode and the folders above say.

use std::{
    fs,
    os::unix::fs::{MetadataExt as _, PermissionsExt as _},
    path::Path,
};

const READ: u32 = 0o4;
const WRITE: u32 = 0o2;
const RUN: u32 = 0o1;
const STICKY: u32 = 0o1000;

/// Says whether everybody may read it.
pub(super) fn may_read(path: &Path) -> bool {
    reach(path) && mode(path) & READ != 0
}

/// Says whether everybody may run it.
pub(super) fn may_run(path: &Path) -> bool {
    reach(path) && mode(path) & RUN != 0
}

/// Says whether group or everybody may change it, or put something else in its place.
pub(super) fn may_write(path: &Path) -> bool {
    let Ok(path) = path.canonicalize() else { return false };
    let replaced = path.parent().is_some_and(|it| {
        let mode = mode(it);
        writable(mode, it) && mode & STICKY == 0
    });
    reach(&path) && (writable(mode(&path), &path) || replaced)
}

/// A group of one's own is nobody else.
fn writable(mode: u32, path: &Path) -> bool {
    let own_group = fs::metadata(path).is_ok_and(|it| it.gid() == it.uid());
    mode & WRITE != 0 || (mode & (WRITE << 3) != 0 && !own_group)
}

/// Says whether everybody may pass through the folders above it.
fn reach(path: &Path) -> bool {
    let Ok(path) = path.canonicalize() else { return false };
    path.ancestors().skip(1).all(|it| mode(it) & RUN != 0)
}

fn mode(path: &Path) -> u32 {
    fs::metadata(path).map_or(0, |it| it.permissions().mode())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn set(path: &Path, mode: u32) {
        fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
    }

    #[test]
    fn a_file_is_as_closed_as_the_folders_above_it() {
        let dir = tempfile::tempdir().unwrap();
        let inner = dir.path().join("inner");
        fs::create_dir(&inner).unwrap();
        let file = inner.join("file");
        fs::write(&file, "x").unwrap();
        set(dir.path(), 0o755);
        set(&inner, 0o755);
        set(&file, 0o644);
        assert!(may_read(&file));
        assert!(!may_write(&file));
        assert!(!may_run(&file));
        set(&file, 0o646);
        assert!(may_write(&file));
        set(&file, 0o644);
        set(&inner, 0o757);
        assert!(may_write(&file), "who may write the folder puts another file there");
        set(&inner, 0o700);
        assert!(!may_read(&file));
        assert!(!may_write(&file));
    }
}
