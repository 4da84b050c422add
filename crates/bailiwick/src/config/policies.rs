//! `policies/*.cedar`: the organisation's own policies over every task; `authzen/*.cedar`: those over
//! what enforcement points elsewhere ask.

use std::sync::Arc;

use bailiwick_model::Constraints;
use bailiwick_policy::{
    AccessPolicies, Inventory, PolicyError, PolicyOptions, PolicySet, PolicySource, Schema,
};
use miette::Report;

use super::{file::Folder, house::Found};

/// Compiles all policies of the folder, or reports every mistake in them. Where tools are known, they
/// are held against these: gives what does not fit, too.
pub(super) fn compile(
    (folder, options): (&Folder, PolicyOptions),
    schema: Option<&Schema>,
    (constraints, before): (&Constraints, Option<&PolicySet>),
    found: &mut Found,
) -> Option<(Arc<PolicySet>, Vec<Report>)> {
    let sources = sources(folder);
    let Some(schema) = schema else {
        let compiled = PolicySet::compile_with(constraints, before, &sources, options);
        return Some((good(compiled, found)?, Vec::new()));
    };
    let held = PolicySet::compile_against(schema, (constraints, before), &sources, options);
    match held {
        Ok((set, misfits)) => Some((Arc::new(set), misfits.into_iter().map(Report::new).collect())),
        Err(errors) => Some((good(Err(errors), found)?, Vec::new())),
    }
}

/// Compiles all policies for enforcement points elsewhere, or reports every mistake in them.
pub(super) fn compile_access(
    folder: &Folder,
    inventory: Option<Inventory>,
    (constraints, before): (&Constraints, Option<&AccessPolicies>),
    found: &mut Found,
) -> Option<Arc<AccessPolicies>> {
    let compiled = AccessPolicies::compile_with(constraints, before, &sources(folder));
    good(compiled.map(|it| it.knowing(inventory.unwrap_or_default())), found)
}

fn sources(folder: &Folder) -> Vec<PolicySource> {
    let source =
        |name: &str, text: &str| PolicySource { name: name.to_owned(), text: text.to_owned() };
    folder.ending("cedar").map(|it| source(&it.name, it.text())).collect()
}

fn good<T>(compiled: Result<T, Vec<PolicyError>>, found: &mut Found) -> Option<Arc<T>> {
    match compiled {
        Ok(set) => Some(Arc::new(set)),
        Err(errors) => {
            found.errors.extend(errors.into_iter().map(Report::new));
            None
        }
    }
}
