//! What systems grant: from files, and of databases that are asked.

use std::{fs, path::PathBuf};

use anyhow::Context as _;
use bailiwick_connect::{
    Secret,
    grants::{GrantFile, PostgresAddress, read_grant_files, read_postgres_grants},
};
use bailiwick_model::Holder;

use super::ledger;
use crate::exit::{CommandError, CommandError::Words};

/// Reads all of them. Files of one system are read together: one may explain what another names.
pub(in crate::command) fn read(places: &[PathBuf]) -> Result<Vec<Holder>, CommandError> {
    let (mut names, mut files, mut holders) = (Vec::new(), Vec::new(), Vec::new());
    for place in places {
        let name = place.display().to_string();
        if PostgresAddress::is_meant(&name) {
            holders.extend(asked(&name)?);
            continue;
        }
        if let Some(file) = ledger::configuration(place) {
            holders.extend(ledger::holders(&file)?);
            continue;
        }
        files.push(fs::read(place).map_err(|it| Words(format!("`{name}`: {it}")))?);
        names.push(name);
    }
    let files: Vec<_> =
        names.iter().zip(&files).map(|(name, bytes)| GrantFile { name, bytes }).collect();
    holders.extend(read_grant_files(&files).map_err(|it| Words(it.to_string()))?);
    Ok(holders)
}

fn asked(address: &str) -> Result<Vec<Holder>, CommandError> {
    let password = std::env::var("PGPASSWORD").ok().filter(|it| !it.is_empty()).map(Secret::new);
    let address = PostgresAddress::parse(address, password).map_err(|it| Words(it.to_string()))?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.context("the runtime does not start")?;
    let asked = runtime.block_on(read_postgres_grants(&address));
    asked.map_err(|it| CommandError::Unreachable(it.to_string()))
}
