//! `cargo xtask tidy`: what a compiler does not check and a reviewer should not have to.

mod codes;
mod leaks;
mod links;
mod names;
mod opening;
mod sizes;

use std::path::Path;

use crate::arrows;
use crate::run;
use crate::tree::{Fault, Tree};

/// Every check; a new one is a file here and a line below.
const CHECKS: &[fn(&Tree) -> Vec<Fault>] = &[
    arrows::faults,
    sizes::faults,
    opening::faults,
    names::faults,
    codes::faults,
    leaks::faults,
    links::faults,
];

/// Runs every check; the answer is whether nothing was found.
pub(crate) fn run(root: &Path) -> anyhow::Result<bool> {
    run::tell("==> tidy");
    let tree = Tree::read(root)?;
    for note in sizes::notes(&tree) {
        run::tell(&format!("    look twice: {note}"));
    }
    let mut faults: Vec<Fault> = CHECKS.iter().flat_map(|check| check(&tree)).collect();
    faults.sort();
    for fault in &faults {
        run::tell(&fault.to_string());
    }
    run::tell(&format!("    tidy: {} files, {} faults", tree.paths.len(), faults.len()));
    Ok(faults.is_empty())
}
