//! `bailiwick init`: writes a first configuration, with a comment on every line that matters.

use std::{
    fs::{self, DirBuilder, OpenOptions},
    io::{self, Write as _},
    os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _},
    path::{Path, PathBuf},
};

/// Why nothing was written.
#[derive(Debug, thiserror::Error)]
pub(crate) enum InitError {
    /// Files are there already.
    #[error("nothing was written: {} there already", there(.0))]
    Exists(Vec<PathBuf>),
    /// A file or folder cannot be made.
    #[error("`{}` cannot be written", path.display())]
    Write {
        /// Which.
        path: PathBuf,
        /// Why.
        #[source]
        why: io::Error,
    },
}

fn there(paths: &[PathBuf]) -> String {
    let names: Vec<String> = paths.iter().map(|it| format!("`{}`", it.display())).collect();
    format!("{} {}", names.join(", "), if names.len() == 1 { "is" } else { "are" })
}

const CONFIG: &str = include_str!("init/bailiwick.toml");
const CHARTER: &str = include_str!("init/note-keeper.toml");
const TEMPLATE: &str = include_str!("init/keep-notes.toml");
const GUARDRAILS: &str = include_str!("init/guardrails.cedar");
const CASES: &str = include_str!("init/cases.toml");
const IGNORE: &str = include_str!("init/ignore");

/// The files, and what stands in them.
fn files(uid: u32) -> [(&'static str, String); 6] {
    [
        ("bailiwick.toml", CONFIG.to_owned()),
        ("charters/note-keeper.toml", CHARTER.replace("{uid}", &uid.to_string())),
        ("templates/keep-notes.toml", TEMPLATE.to_owned()),
        ("policies/guardrails.cedar", GUARDRAILS.to_owned()),
        ("tests/notes.toml", CASES.to_owned()),
        (".gitignore", IGNORE.to_owned()),
    ]
}

/// Writes a configuration that works into `folder`, and gives what it wrote. It writes over
/// nothing: where one of its files exists, it writes none.
pub(crate) fn init(folder: &Path) -> Result<Vec<PathBuf>, InitError> {
    let files = files(rustix::process::getuid().as_raw());
    let paths = || files.iter().map(|(name, _)| folder.join(name));
    let exist: Vec<PathBuf> = paths().filter(|it| it.symlink_metadata().is_ok()).collect();
    if !exist.is_empty() {
        return Err(InitError::Exists(exist));
    }
    for name in ["charters", "templates", "policies", "tests"] {
        let path = folder.join(name);
        fs::create_dir_all(&path).map_err(|why| InitError::Write { path, why })?;
    }
    private_folder(folder.join("keys"))?;
    for ((_, text), path) in files.iter().zip(paths()) {
        write_new(&path, text).map_err(|why| InitError::Write { path, why })?;
    }
    Ok(paths().collect())
}

/// Makes the folder of keys, for its owner alone.
fn private_folder(path: PathBuf) -> Result<(), InitError> {
    match DirBuilder::new().mode(0o700).create(&path) {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists && path.is_dir() => Ok(()),
        made => made.map_err(|why| InitError::Write { path, why }),
    }
}

fn write_new(path: &Path, text: &str) -> io::Result<()> {
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o644).open(path)?;
    file.write_all(text.as_bytes())
}

/// Says what to do next, in the folder that was written.
pub(crate) fn next_steps(folder: &Path) -> String {
    let here = folder == Path::new(".") || folder.as_os_str().is_empty();
    let go = if here { String::new() } else { format!("  cd {}\n", folder.display()) };
    format!(
        "\
Next:
{go}  bailiwick check                  # every mistake at once; good now
  bailiwick policy test            # calls, and how they must be judged
  bailiwick serve                  # in one terminal
  bailiwick person add YOUR-NAME   # in another, before the first task: who may say yes
                                   # to held calls
  bailiwick task open --template keep-notes --as note-keeper --param note=/team/today
                                   # prints a token: give it to the agent, with
                                   # http://127.0.0.1:8470/mcp as its MCP server
"
    )
}

#[cfg(test)]
mod tests;
