//! `permissions`: what it costs to read logs and to hold grants beside them, beside a database and a tool that do less.

use std::{ops::RangeInclusive, path::Path};

use serde_json::{Map, Value};

use super::{Peers, program};
use crate::{parts, run};

/// The minor versions of Python 3 that the peers run on.
const PYTHONS: RangeInclusive<u32> = 11..=u32::MAX;

/// Builds the program and what measures it, both optimised, and measures.
pub(super) fn measure(root: &Path, peers: Peers) -> anyhow::Result<Map<String, Value>> {
    program::build(root, &["--package", "bailiwick"])?;
    program::measure(root, "permissions", &installed(root, peers))
}

/// Installs the peers and names each with its environment; one that cannot be is left out.
fn installed(root: &Path, peers: Peers) -> Vec<String> {
    let wanted: &[_] = match peers {
        Peers::Beside => &["duckdb", "trailscraper"],
        Peers::LeftOut => &[],
    };
    let mut found = Vec::new();
    for name in wanted {
        match parts::peer(root, name, &PYTHONS) {
            Ok(environment) => found.push(format!("{name}={}", environment.display())),
            Err(error) => run::tell(&format!("    {name} is left out: {error:#}")),
        }
    }
    found
}
