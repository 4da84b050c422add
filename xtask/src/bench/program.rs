//! The programs that measure: built optimised, run beside a governor, and read.

use std::{
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use anyhow::{Context as _, bail};
use serde_json::{Map, Value};

use crate::run;

/// Builds the example `name` and lets it measure the governor in a folder of its own; `peers` are
/// measured beside it. The governor is built before and apart, so that it is built as it is for
/// everybody.
pub(super) fn measure(
    root: &Path,
    name: &str,
    peers: &[String],
) -> anyhow::Result<Map<String, Value>> {
    build(root, &["--package", "xtask", "--example", name])?;
    let target = target(root);
    let home = target.join("bench");
    std::fs::create_dir_all(&home)?;
    let folder = home.join(format!("{name}-{}", std::process::id()));
    let output = Command::new(target.join("release/examples").join(name))
        .arg(target.join("release/bailiwick"))
        .arg(folder)
        .args(peers)
        .stdin(Stdio::null())
        .stderr(Stdio::inherit())
        .output()
        .context("what measures cannot be started")?;
    if !output.status.success() {
        bail!("the measurement failed ({})", output.status);
    }
    numbers(&output.stdout)
}

/// Builds something optimised.
pub(super) fn build(root: &Path, what: &[&str]) -> anyhow::Result<()> {
    let mut command = Command::new("cargo");
    command.current_dir(root).args(["build", "--release", "--quiet"]).args(what);
    // What a build prints is no part of the answer.
    command.stdout(Stdio::null());
    if run::step(&format!("building {}", what.join(" ")), &mut command)? {
        return Ok(());
    }
    bail!("`cargo build --release {}` failed", what.join(" "))
}

/// Where cargo builds: beside this very program, whose profile is another.
fn target(root: &Path) -> PathBuf {
    let chosen = std::env::var_os("CARGO_TARGET_DIR").map(|it| root.join(it));
    chosen.unwrap_or_else(|| root.join("target"))
}

/// Reads the metrics; one that is no number is a fault.
fn numbers(said: &[u8]) -> anyhow::Result<Map<String, Value>> {
    let metrics: Map<String, Value> =
        serde_json::from_slice(said).context("the measurement printed no JSON object")?;
    match metrics.iter().find(|(_, value)| !value.is_number()) {
        Some((name, value)) => bail!("metric `{name}` is no number: {value}"),
        None => Ok(metrics),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn metrics_are_numbers_by_name() {
        let metrics = numbers(br#"{"a":1,"b":2.5}"#).expect("numbers");
        assert_eq!(Value::Object(metrics).to_string(), r#"{"a":1,"b":2.5}"#);
    }

    #[test]
    fn what_is_no_number_is_refused() {
        for said in [r#"{"a":null}"#, r#"{"a":"1"}"#, r#"{"a":{}}"#, "[]", ""] {
            assert!(numbers(said.as_bytes()).is_err(), "{said}");
        }
    }
}
