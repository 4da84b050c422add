//! Installs Python packages, each set in an environment of its own.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, bail};

use super::Places;
use crate::run;

/// Makes an environment with exactly what the lock names, and returns its folder.
pub(super) fn install(places: &Places, part: &str, lock: &str) -> anyhow::Result<PathBuf> {
    places.once(part, &[lock], |folder| {
        run::quietly(Command::new(python()?).args(["-m", "venv"]).arg(folder)).context(
            "cannot make a Python environment (on Debian and its like the package `python3-venv` is needed)",
        )?;
        let environment = folder.join("bin/python");
        run::quietly(pip(&environment).arg("--requirement").arg(places.locks.join(lock)))?;
        Ok(())
    })?;
    Ok(places.home.join(part))
}

/// Installs into a plain folder, with the package installer of an existing environment.
pub(super) fn install_beside(environment: &Path, lock: &Path, folder: &Path) -> anyhow::Result<()> {
    let mut command = pip(&environment.join("bin/python"));
    command.arg("--target").arg(folder).arg("--requirement").arg(lock);
    run::quietly(&mut command).map(|_| ())
}

/// The installer, set so that it takes nothing whose digest the lock does not have.
fn pip(python: &Path) -> Command {
    let mut command = Command::new(python);
    command.args([
        "-m",
        "pip",
        "install",
        "--quiet",
        "--disable-pip-version-check",
        "--no-input",
        "--no-deps",
    ]);
    command.args([
        "--require-hashes",
        "--only-binary",
        ":all:",
        "--timeout",
        "30",
        "--retries",
        "2",
    ]);
    command
}

/// Finds a Python that is new enough.
fn python() -> anyhow::Result<&'static str> {
    let new_enough = "import sys; sys.exit(sys.version_info < (3, 10))";
    let names = ["python3", "python3.13", "python3.12", "python3.11", "python3.10", "python"];
    match names.into_iter().find(|it| run::answers(it, &["-c", new_enough])) {
        Some(name) => Ok(name),
        None => bail!("the real parts need Python 3.10 or newer, and there is none here"),
    }
}
