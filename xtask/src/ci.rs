//! The checks that come before the tests: format, lints, licences, tidiness.

use std::path::Path;
use std::process::Command;

use crate::{run, tidy};

/// Runs every check, even after one failed, so that one run tells all.
pub(crate) fn checks(root: &Path) -> anyhow::Result<bool> {
    let mut well = tidy::run(root)?;
    well &= cargo(root, "format", &["fmt", "--all", "--check"])?;
    let lints = ["clippy", "--workspace", "--all-targets", "--", "--deny", "warnings"];
    well &= cargo(root, "lints", &lints)?;
    if run::answers("cargo", &["deny", "--version"]) {
        let deny = ["deny", "check", "licenses", "bans", "sources"];
        well &= cargo(root, "licences and bans", &deny)?;
    } else {
        run::tell("!!! LEFT OUT: licences and bans (cargo-deny is not installed)");
    }
    Ok(well)
}

fn cargo(root: &Path, title: &str, words: &[&str]) -> anyhow::Result<bool> {
    run::step(title, Command::new("cargo").current_dir(root).args(words))
}
