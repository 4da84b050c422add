//! Unpacks a PostgreSQL with pgaudit where Debian's packages are to be had, without installing it.

use std::path::PathBuf;

use super::{Places, debian};

/// The server, its tools, and what writes into its log what was done.
const PACKAGES: [&str; 3] = ["postgresql-15", "postgresql-client-15", "postgresql-15-pgaudit"];

/// Unpacks it, and returns the folder of the programs; nothing where there is no such package, which is no fault.
pub(super) fn unpack(places: &Places) -> Option<PathBuf> {
    let folder = debian::unpack(places, "pgaudit", "PostgreSQL with pgaudit", &PACKAGES)?;
    Some(folder.join("usr/lib/postgresql/15/bin"))
}
