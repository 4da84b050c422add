//! What tokens cost, for the group `leases`: minted, verified, looked up, traded.

use std::path::Path;

use serde_json::{Map, Value};

use super::{Peers, program};

/// Builds what measures them, optimised, and measures.
pub(super) fn measure(root: &Path, _peers: Peers) -> anyhow::Result<Map<String, Value>> {
    program::measure(root, "tokens", &[])
}
