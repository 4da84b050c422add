//! Reading the configuration's files: bounded, UTF-8, named as their author knows them.

use std::{
    fs,
    io::{self, Read as _},
    path::{Path, PathBuf},
    sync::Arc,
};

use bailiwick_model::Digest;
use miette::NamedSource;

use super::{Code, ConfigError, error::File};

/// The largest file that is read.
const LEN_MAX: u64 = 4 << 20;

/// A file that was read whole.
#[derive(Clone, Debug)]
pub(crate) struct Source {
    /// Its name below the configuration's folder, such as `charters/triage-agent.toml`.
    pub(crate) name: String,
    /// What it says, with its name.
    pub(crate) file: File,
}

impl Source {
    /// Takes a text that was read elsewhere.
    pub(crate) fn new(name: impl Into<String>, text: impl Into<String>) -> Self {
        let name = name.into();
        let file = Arc::new(NamedSource::new(&name, text.into()));
        Self { name, file }
    }

    /// Reads the file `name` below `home`.
    pub(crate) fn read(home: &Path, name: &str) -> Result<Self, ConfigError> {
        match read_text(&home.join(name)) {
            Ok(text) => Ok(Self::new(name, text)),
            Err(why) => {
                Err(ConfigError::new(Code::Unreadable, format!("`{name}` cannot be read: {why}")))
            }
        }
    }

    /// Gives its text.
    pub(crate) fn text(&self) -> &str {
        self.file.inner()
    }

    /// Gives its name without folder.
    pub(crate) fn base(&self) -> &str {
        self.name.rsplit('/').next().unwrap_or(&self.name)
    }

    /// Gives its name without folder and ending.
    pub(crate) fn stem(&self) -> &str {
        let base = self.base();
        base.rsplit_once('.').map_or(base, |(stem, _)| stem)
    }

    /// Gives the digest of its text.
    pub(crate) fn digest(&self) -> Digest {
        Digest::of(self.text().as_bytes())
    }

    /// Gives the line, counted from one, that `offset` lies on.
    pub(crate) fn line(&self, offset: usize) -> usize {
        let before = self.text().as_bytes().iter().take(offset);
        before.filter(|byte| **byte == b'\n').count().saturating_add(1)
    }
}

/// Reads a text file, or says in a few words why not.
pub(crate) fn read_text(path: &Path) -> Result<String, String> {
    // A pipe or a device would block or never end.
    let about = fs::metadata(path).map_err(|error| words(&error))?;
    if !about.is_file() {
        return Err("it is not a file".to_owned());
    }
    let file = fs::File::open(path).map_err(|error| words(&error))?;
    let mut bytes = Vec::new();
    file.take(LEN_MAX.saturating_add(1)).read_to_end(&mut bytes).map_err(|error| words(&error))?;
    if LEN_MAX < u64::try_from(bytes.len()).unwrap_or(u64::MAX) {
        return Err(format!("it is larger than {} MiB", LEN_MAX >> 20));
    }
    String::from_utf8(bytes).map_err(|error| {
        format!("it is not UTF-8 text (byte {})", error.utf8_error().valid_up_to())
    })
}

fn words(error: &io::Error) -> String {
    let kind = error.kind();
    if kind == io::ErrorKind::NotFound {
        "there is no such file".to_owned()
    } else if kind == io::ErrorKind::PermissionDenied {
        "this account may not read it".to_owned()
    } else {
        error.to_string()
    }
}

/// What a folder of the configuration holds.
#[derive(Debug, Default)]
pub(crate) struct Folder {
    /// The files with the wanted ending, by name.
    pub(crate) sources: Vec<Source>,
    /// The ones that could not be read, and remarks about what is not read.
    pub(crate) found: Vec<ConfigError>,
}

impl Folder {
    /// Reads all files of the folder `name` below `home` that end in one of `endings`; no folder is
    /// an empty one.
    pub(crate) fn read(home: &Path, name: &str, endings: &[&str]) -> Self {
        let mut folder = Self::default();
        match entries(&home.join(name)) {
            Ok(paths) => paths.iter().for_each(|path| folder.take(home, name, endings, path)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => {
                let why = format!("folder `{name}` cannot be read: {}", words(&error));
                folder.found.push(ConfigError::new(Code::Unreadable, why));
            }
        }
        folder
    }

    /// Makes one of a file that was read elsewhere.
    #[cfg(any(test, fuzzing))]
    pub(crate) fn of(source: Source) -> Self {
        Self { sources: vec![source], found: Vec::new() }
    }

    /// Gives the files with one ending.
    pub(crate) fn ending(&self, ending: &str) -> impl Iterator<Item = &Source> {
        let has =
            move |it: &&Source| it.base().rsplit_once('.').is_some_and(|(_, it)| it == ending);
        self.sources.iter().filter(has)
    }

    fn take(&mut self, home: &Path, name: &str, endings: &[&str], path: &Path) {
        let base = path.file_name().map(|it| it.to_string_lossy()).unwrap_or_default();
        let full = format!("{name}/{base}");
        let has = |wanted: &str| path.extension().is_some_and(|it| it == wanted);
        if base.starts_with('.') || has("md") {
            return;
        }
        if !endings.iter().any(|it| has(it)) {
            let remark = format!("`{full}` is not read");
            let read: Vec<_> = endings.iter().map(|it| format!("`.{it}`")).collect();
            let read = read.join(" or ");
            self.found.push(
                ConfigError::warning(Code::StrayFile, remark)
                    .help(format!("only files that end in {read} are read from `{name}/`")),
            );
            return;
        }
        match Source::read(home, &full) {
            Ok(source) => self.sources.push(source),
            Err(error) => self.found.push(error),
        }
    }
}

fn entries(folder: &Path) -> io::Result<Vec<PathBuf>> {
    let mut paths = fs::read_dir(folder)?
        .map(|entry| entry.map(|it| it.path()))
        .collect::<io::Result<Vec<_>>>()?;
    paths.sort();
    Ok(paths)
}
