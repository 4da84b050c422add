//! `policies/*.cedar`: the organisation's own policies over every task; `authzen/*.cedar`: those over
//! what enforcement points elsewhere ask.

use std::sync::Arc;

use bailiwick_model::Constraints;
use bailiwick_policy::{
    AccessPolicies, Inventory, PolicyError, PolicyOptions, PolicySet, PolicySource, QuestionSchema,
    Schema,
};
use miette::Report;

use super::{ConfigError, file::Folder, house::Found};

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
        Ok((set, misfits)) => {
            let (remarks, misfits): (Vec<_>, Vec<_>) =
                misfits.into_iter().partition(PolicyError::is_remark);
            found.extend(remarks.iter().map(|it| remark(folder, it)).collect());
            Some((Arc::new(set), misfits.into_iter().map(Report::new).collect()))
        }
        Err(errors) => Some((good(Err(errors), found)?, Vec::new())),
    }
}

/// Tells what is only worth a look, at its place.
fn remark(folder: &Folder, remark: &PolicyError) -> ConfigError {
    let told = ConfigError::remark(remark.code(), remark.to_string()).label(remark.label());
    let told = match remark.mend() {
        Some(mend) => told.help(mend),
        None => told,
    };
    match folder.sources.iter().find(|it| it.name == remark.file()) {
        Some(source) => told.at(&source.file, remark.span()),
        None => told,
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

/// Holds the policies for enforcement points elsewhere against what is declared of their questions.
/// Both lie in one folder, so what does not fit is a mistake like any other.
pub(super) fn hold_against(folder: &Folder, schema: &QuestionSchema, found: &mut Found) {
    let misfits = schema.misfits(&sources(folder));
    let (remarks, misfits): (Vec<_>, Vec<_>) =
        misfits.into_iter().partition(PolicyError::is_remark);
    found.extend(remarks.iter().map(|it| remark(folder, it)).collect());
    found.errors.extend(misfits.into_iter().map(Report::new));
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
