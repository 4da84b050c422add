//! `lane`: what a call costs on its way through a real governor, beside gateways of others.

use std::{ops::RangeInclusive, path::Path};

use serde_json::{Map, Value};

use super::{Peers, program};
use crate::{parts, run};

/// Gateways of others, each with the minor versions of Python 3 that it runs on.
const PEERS: [(&str, RangeInclusive<u32>); 2] =
    [("contextforge", 11..=13), ("hangar", 11..=u32::MAX)];

/// Builds the program and what measures it, both optimised, and measures.
pub(super) fn measure(root: &Path, peers: Peers) -> anyhow::Result<Map<String, Value>> {
    program::build(root, &["--package", "bailiwick"])?;
    program::measure(root, "lane", &installed(root, peers))
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
