//! `leases`: how fast authority ends, what a storm of leases costs, and what tokens do.

use std::path::Path;

use serde_json::{Map, Value};

use super::{Peers, program};

/// Builds the program and what measures it, both optimised, and measures. There are no peers here.
pub(super) fn measure(root: &Path, _peers: Peers) -> anyhow::Result<Map<String, Value>> {
    program::build(root, &["--package", "bailiwick"])?;
    let mut metrics = program::measure(root, "leases", &[])?;
    metrics.extend(program::measure(root, "tokens", &[])?);
    Ok(metrics)
}
