//! `lane`: what a call costs on its way through a real governor, beside gateways of others.

use std::{
    ops::RangeInclusive,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use anyhow::{Context as _, bail};
use serde_json::{Map, Value};

use super::Peers;
use crate::{parts, run};

/// Gateways of others, each with the minor versions of Python 3 that it runs on.
const PEERS: [(&str, RangeInclusive<u32>); 2] =
    [("contextforge", 11..=13), ("hangar", 11..=u32::MAX)];

/// Builds the program and what measures it, both optimised, and measures.
pub(super) fn measure(root: &Path, peers: Peers) -> anyhow::Result<Map<String, Value>> {
    // Apart, so that the program is built as it is for everybody.
    build(root, &["--package", "bailiwick"])?;
    build(root, &["--package", "xtask", "--example", "lane"])?;
    let target = target(root);
    let home = target.join("bench");
    std::fs::create_dir_all(&home)?;
    let folder = home.join(format!("lane-{}", std::process::id()));
    let output = Command::new(target.join("release/examples/lane"))
        .arg(target.join("release/bailiwick"))
        .arg(folder)
        .args(installed(root, peers))
        .stdin(Stdio::null())
        .stderr(Stdio::inherit())
        .output()
        .context("what measures cannot be started")?;
    if !output.status.success() {
        bail!("the measurement failed ({})", output.status);
    }
    numbers(&output.stdout)
}

/// Installs the peers and names each with its environment; one that cannot be is left out.
fn installed(root: &Path, peers: Peers) -> Vec<String> {
    let wanted: &[_] = match peers {
        Peers::Beside => &PEERS,
        Peers::LeftOut => &[],
    };
    let mut found = Vec::new();
    for (name, pythons) in wanted {
        match parts::peer(root, name, pythons) {
            Ok(environment) => found.push(format!("{name}={}", environment.display())),
            Err(error) => run::tell(&format!("    {name} is left out: {error:#}")),
        }
    }
    found
}

fn build(root: &Path, what: &[&str]) -> anyhow::Result<()> {
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
