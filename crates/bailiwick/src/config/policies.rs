//! `policies/*.cedar`: the organisation's own policies over every task.

use std::sync::Arc;

use bailiwick_policy::{PolicyOptions, PolicySet, PolicySource};

use super::{file::Folder, house::Found};

/// Compiles all policies of the folder, or reports every mistake in them.
pub(super) fn compile(
    folder: &Folder,
    options: PolicyOptions,
    found: &mut Found,
) -> Option<Arc<PolicySet>> {
    let sources: Vec<PolicySource> = folder
        .sources
        .iter()
        .map(|it| PolicySource { name: it.name.clone(), text: it.text().to_owned() })
        .collect();
    match PolicySet::compile(&sources, options) {
        Ok(set) => Some(Arc::new(set)),
        Err(errors) => {
            found.errors.extend(errors.into_iter().map(miette::Report::new));
            None
        }
    }
}
