//! `judgement`: what a decision costs, in process beside plain Cedar and over HTTP beside Cerbos.

use std::path::Path;

use serde_json::{Map, Value};

use super::{Peers, program};
use crate::{parts, run};

/// Builds the program and what measures it, both optimised, and measures.
pub(super) fn measure(root: &Path, peers: Peers) -> anyhow::Result<Map<String, Value>> {
    program::build(root, &["--package", "bailiwick"])?;
    program::measure(root, "judgement", &installed(root, peers))
}

/// Installs the peer and says where it is; if it cannot be, it is left out.
fn installed(root: &Path, peers: Peers) -> Vec<String> {
    match peers {
        Peers::LeftOut => Vec::new(),
        Peers::Beside => match parts::cerbos(root) {
            Ok(program) => vec![format!("cerbos={}", program.display())],
            Err(error) => {
                run::tell(&format!("    cerbos is left out: {error:#}"));
                Vec::new()
            }
        },
    }
}
