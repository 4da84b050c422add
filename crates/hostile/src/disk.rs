//! A disk that fails or loses its power: a library that is preloaded into a program, writes down what
//! the program does to its files, and lets syncs and writes fail as it is told.

use std::{
    path::{Path, PathBuf},
    process::Command,
    sync::OnceLock,
};

use tempfile::TempDir;

/// Builds the library, once for each program of tests. `record.c` says what it is told, and how.
pub fn recorder() -> &'static Path {
    static BUILT: OnceLock<(TempDir, PathBuf)> = OnceLock::new();
    let (_, path) = BUILT.get_or_init(|| build().unwrap_or_else(|why| panic!("{why}")));
    path
}

fn build() -> Result<(TempDir, PathBuf), String> {
    let dir = tempfile::tempdir().map_err(|error| error.to_string())?;
    let path = dir.path().join("record.so");
    let built = Command::new("cc")
        .args(["-shared", "-fPIC", "-O1", "-o"])
        .args([path.as_os_str(), concat!(env!("CARGO_MANIFEST_DIR"), "/record.c").as_ref()])
        .output()
        .map_err(|error| format!("`cc` cannot be started: {error}"))?;
    if built.status.success() {
        Ok((dir, path))
    } else {
        Err(String::from_utf8_lossy(&built.stderr).into_owned())
    }
}
