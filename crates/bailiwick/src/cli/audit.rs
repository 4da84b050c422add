//! The words of `audit`.

use std::path::PathBuf;

use bailiwick_connect::source::{SOURCES, Source};
use clap::{Args, ValueEnum};

/// What `bailiwick audit` is told.
#[derive(Debug, Default, Args)]
pub(crate) struct AuditLogs {
    /// Logs: files, plain or packed (`.gz`, `.zst`), folders of them, or `-` for standard input.
    #[arg(required = true, value_name = "LOG")]
    pub(crate) logs: Vec<PathBuf>,
    /// What systems grant, as they list it: for AWS what `aws iam get-account-authorization-details` prints.
    #[arg(long, value_name = "FILE")]
    pub(crate) grants: Vec<PathBuf>,
    /// Take all logs for those of this source, instead of knowing each by its shape.
    #[arg(long, value_parser = source, value_name = "SOURCE")]
    pub(crate) source: Option<&'static Source>,
    /// Show these identities alone; a part of the name will do.
    #[arg(long, value_name = "NAME")]
    pub(crate) identity: Vec<String>,
    /// Write the report as this, instead of as `--output` says.
    #[arg(long, value_enum, value_name = "FORMAT")]
    pub(crate) format: Option<AuditFormat>,
}

/// A shape of the report that only `audit` has.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum AuditFormat {
    /// A line for each permission of each identity.
    Csv,
    /// A graph for `BloodHound`: who holds what, and what became of it.
    Opengraph,
}

pub(super) fn source(name: &str) -> Result<&'static Source, String> {
    let known = || SOURCES.iter().map(|it| it.name).collect::<Vec<_>>().join("`, `");
    SOURCES
        .iter()
        .find(|it| it.name == name)
        .ok_or_else(|| format!("known sources are `{}`", known()))
}
