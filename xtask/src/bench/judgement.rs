//! `judgement`: what a decision costs, in process beside plain Cedar.

use std::path::Path;

use serde_json::{Map, Value};

use super::{Peers, program};

/// Builds what measures, optimised, and measures.
pub(super) fn measure(root: &Path, _peers: Peers) -> anyhow::Result<Map<String, Value>> {
    program::build(root, &["--package", "bailiwick"])?;
    program::measure(root, "judgement", &[])
}
