//! Finds the files that a command of `policy` is about.

use std::{
    fs, io,
    path::{Path, PathBuf},
};

use miette::Report;

use crate::config::{Code, ConfigError, Found, Source};

/// A file, and where it lies.
#[derive(Debug)]
pub(super) struct Read {
    pub(super) path: PathBuf,
    pub(super) source: Source,
}

/// Gives the folder of a configuration.
pub(super) fn home(config: &Path) -> Result<PathBuf, io::Error> {
    let file = std::path::absolute(config)?;
    Ok(file.parent().unwrap_or(&file).to_path_buf())
}

/// Reads the files with this ending that are named, and all of the folders that are named.
pub(super) fn read(paths: &[PathBuf], home: &Path, ending: &str) -> Result<Vec<Read>, Found> {
    let mut found = Found::default();
    let mut files = Vec::new();
    for path in paths {
        match listed(path, ending) {
            Ok(all) => files.extend(all),
            Err(error) => found.errors.push(unreadable(path, &error)),
        }
    }
    files.sort();
    files.dedup();
    let mut read = Vec::new();
    for path in files {
        match Source::read(Path::new(""), &path.to_string_lossy()) {
            Ok(source) => {
                // Below the configuration files are called as everywhere else.
                let name = path.strip_prefix(home).unwrap_or(&path).to_string_lossy();
                let source = Source::new(name, source.text());
                read.push(Read { path, source });
            }
            Err(error) => found.errors.push(Report::new(error)),
        }
    }
    if found.errors.is_empty() { Ok(read) } else { Err(found) }
}

fn listed(path: &Path, ending: &str) -> io::Result<Vec<PathBuf>> {
    if !fs::metadata(path)?.is_dir() {
        return Ok(vec![path.to_owned()]);
    }
    let wanted = |it: &PathBuf| {
        let hidden = it.file_name().is_some_and(|it| it.to_string_lossy().starts_with('.'));
        !hidden && it.extension().is_some_and(|it| it == ending)
    };
    let entries = fs::read_dir(path)?.map(|it| it.map(|it| it.path()));
    Ok(entries.collect::<io::Result<Vec<_>>>()?.into_iter().filter(wanted).collect())
}

fn unreadable(path: &Path, error: &io::Error) -> Report {
    let why = if error.kind() == io::ErrorKind::NotFound {
        "there is no such file or folder".to_owned()
    } else {
        error.to_string()
    };
    let message = format!("`{}` cannot be read: {why}", path.display());
    Report::new(ConfigError::new(Code::Unreadable, message))
}
