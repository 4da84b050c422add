//! Builds the server that the conformance suite is run against: a workspace of its own, which
//! nobody who builds the product builds.

use std::path::PathBuf;
use std::process::Command;

use super::Places;
use crate::run;

/// Builds it, and returns the program.
pub(super) fn build(places: &Places) -> anyhow::Result<PathBuf> {
    let sources = [
        "fixture/Cargo.toml",
        "fixture/Cargo.lock",
        "fixture/src/main.rs",
        "fixture/src/server.rs",
        "fixture/src/tools.rs",
        "fixture/src/asks.rs",
        "fixture/src/content.rs",
    ];
    places.once("fixture", &sources, |folder| {
        let mut command = Command::new("cargo");
        command.args(["build", "--locked", "--quiet", "--target-dir"]).arg(folder);
        command.arg("--manifest-path").arg(places.locks.join("fixture/Cargo.toml"));
        run::quietly(&mut command).map(|_| ())
    })?;
    Ok(places.home.join("fixture/debug/conformance-fixture"))
}
