//! Installs Python packages, each set in an environment of its own.

use std::ops::RangeInclusive;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, bail};

use super::Places;
use crate::run;

/// Makes an environment with exactly what the lock names, and returns its folder.
pub(super) fn install(
    places: &Places,
    part: &str,
    lock: &str,
    pythons: &RangeInclusive<u32>,
) -> anyhow::Result<PathBuf> {
    places.once(part, &[lock], |folder| {
        run::quietly(Command::new(python(pythons)?).args(["-m", "venv"]).arg(folder)).context(
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

/// Finds a Python 3 whose minor version is one of `pythons`.
fn python(pythons: &RangeInclusive<u32>) -> anyhow::Result<&'static str> {
    let (oldest, newest) = (pythons.start(), pythons.end());
    let fits =
        format!("import sys; sys.exit(not (3, {oldest}) <= sys.version_info[:2] <= (3, {newest}))");
    let names = ["python3", "python3.13", "python3.12", "python3.11", "python3.10", "python"];
    match names.into_iter().find(|it| run::answers(it, &["-c", &fits])) {
        Some(name) => Ok(name),
        None if *newest == u32::MAX => {
            bail!("Python 3.{oldest} or newer is needed, and there is none here")
        }
        None => bail!("Python 3.{oldest} to 3.{newest} is needed, and there is none here"),
    }
}
