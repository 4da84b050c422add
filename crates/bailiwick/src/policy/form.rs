//! `bailiwick policy fmt`: every file of policies in the form that Cedar's own tools write.

use std::{
    fs,
    io::{self, Write as _},
    path::{Path, PathBuf},
};

use anyhow::Context as _;
use bailiwick_policy::{PolicySource, format};
use miette::Report;
use serde::Serialize;

use super::files::{self, Read};
use crate::{
    cli::Common,
    config::Found,
    exit::{CommandError, Exit, Outcome},
    run::wrong_in,
};

/// What became of the files, for programs.
#[derive(Debug, Serialize)]
struct Formed {
    ok: bool,
    files: Vec<FormedFile>,
}

#[derive(Debug, Serialize)]
struct FormedFile {
    file: String,
    /// Whether it was in another form.
    changed: bool,
}

/// Writes the files at `paths` in the common form, or only says which are not in it. Where one of
/// them cannot be read, none is written.
pub(crate) fn form(common: &Common, paths: &[PathBuf], check: bool) -> Outcome {
    let home = files::home(&common.config).context("the current folder cannot be found")?;
    let usual = [home.join("policies")];
    let paths = if paths.is_empty() { &usual } else { paths };
    let read =
        files::read(paths, &home, "cedar").map_err(|found| wrong_in("the policies", &found))?;
    let formed = form_all(&read).map_err(|found| wrong_in("the policies", &found))?;
    let mut files = Vec::new();
    for (it, text) in read.iter().zip(&formed) {
        let changed = it.source.text() != text;
        if changed && !check {
            replace(&it.path, text).map_err(|error| {
                CommandError::Words(format!("`{}` cannot be written: {error}", it.source.name))
            })?;
        }
        files.push(FormedFile { file: it.source.name.clone(), changed });
    }
    let formed = Formed { ok: !check || files.iter().all(|it| !it.changed), files };
    common.output.show(&formed, |it| told(it, check))?;
    Ok(if formed.ok { Exit::Done } else { Exit::No })
}

fn form_all(read: &[Read]) -> Result<Vec<String>, Found> {
    let mut found = Found::default();
    let mut formed = Vec::new();
    for it in read {
        let (name, text) = (it.source.name.clone(), it.source.text().to_owned());
        match format(&PolicySource { name, text }) {
            Ok(text) => formed.push(text),
            Err(errors) => found.errors.extend(errors.into_iter().map(Report::new)),
        }
    }
    if found.errors.is_empty() { Ok(formed) } else { Err(found) }
}

fn told(formed: &Formed, check: bool) -> String {
    let word = if check { "not in the common form" } else { "formed" };
    let changed = formed.files.iter().filter(|it| it.changed);
    let mut text: String = changed.map(|it| format!("{word}: {}\n", it.file)).collect();
    if text.is_empty() {
        let files = formed.files.len();
        let files = if files == 1 { "1 file".to_owned() } else { format!("{files} files") };
        text = format!("good: {files}\n");
    } else if check {
        text.push_str("`bailiwick policy fmt` writes them so\n");
    }
    text
}

/// Puts `text` in the place of a file, whole or not at all.
fn replace(path: &Path, text: &str) -> io::Result<()> {
    // A link stays a link to the file that is written.
    let path = path.canonicalize()?;
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let beside = path.with_file_name(format!(".{name}.{}", std::process::id()));
    let write = || -> io::Result<()> {
        let mut file = fs::File::create_new(&beside)?;
        file.set_permissions(fs::metadata(&path)?.permissions())?;
        file.write_all(text.as_bytes())?;
        file.sync_all()?;
        fs::rename(&beside, &path)
    };
    write().inspect_err(|_| drop(fs::remove_file(&beside)))
}
