//! `leases`: how fast authority ends, what a storm of leases costs, and what tokens do.

use std::path::Path;

use serde_json::{Map, Value};

use super::{Peers, program, tokens};

/// Builds the program and what measures it, both optimised, and measures. There are no peers here.
pub(super) fn measure(root: &Path, peers: Peers) -> anyhow::Result<Map<String, Value>> {
    program::build(root, &["--package", "bailiwick"])?;
    let mut metrics = program::measure(root, "leases", &[])?;
    metrics.extend(tokens::measure(root, peers)?);
    Ok(metrics)
}
