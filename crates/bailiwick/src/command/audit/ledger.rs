//! A governor's own ledger as a log, and its charters and templates as grants. Both are only read, whether or not it runs.

use std::{
    ops::ControlFlow,
    path::{Path, PathBuf},
};

use bailiwick_connect::{grants::mcp_holders, source::Acts};
use bailiwick_model::{Exercise, Holder};
use bailiwick_store::LedgerReader;

use crate::{
    config::{House, Overrides},
    exit::CommandError,
    run::wrong,
};

/// Reads the ledger in `dir`, or in the state directory that `dir` is, and counts its records.
pub(in crate::command) fn read(
    dir: &Path,
    each: &mut dyn FnMut(&Exercise<'_>),
) -> Result<u64, CommandError> {
    let wrong = |it| CommandError::Words(format!("`{}`: {it}", dir.display()));
    let inside = dir.join("ledger");
    let reader = LedgerReader::open(if inside.is_dir() { &inside } else { dir }).map_err(wrong)?;
    let (mut acts, mut records) = (Acts::default(), 0_u64);
    let mut take = |it: bailiwick_store::StoredRecord| {
        records = records.saturating_add(1);
        acts.take(&it.record, each);
        ControlFlow::Continue(())
    };
    reader.scan(0, &mut take).map_err(wrong)?;
    acts.end(each);
    Ok(records)
}

/// Gives the configuration that a path of grants means, where it means one.
pub(in crate::command) fn configuration(path: &Path) -> Option<PathBuf> {
    if path.is_dir() {
        return Some(path.join("bailiwick.toml"));
    }
    path.extension().is_some_and(|it| it == "toml").then(|| path.to_owned())
}

/// Gives what charters and templates grant.
pub(in crate::command) fn holders(file: &Path) -> Result<Vec<Holder>, CommandError> {
    let overrides = Overrides::new(None, None, &|it| std::env::var(it).ok())
        .map_err(|it| CommandError::Words(format!("the current folder cannot be found: {it}")))?;
    let (house, _) = House::load(file, &overrides).map_err(|found| wrong(&found))?;
    let charters = house.charters.values().map(AsRef::as_ref);
    Ok(mcp_holders(charters, &|it| house.templates.get(it).map(AsRef::as_ref)))
}
