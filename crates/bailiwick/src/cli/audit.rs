//! The words of `audit`.

use std::{path::PathBuf, time::Duration};

use bailiwick_connect::source::{LinePrefix, SOURCES, Source};
use bailiwick_insight::{FindingKind, FindingKindError};
use bailiwick_model::parse_span;
use clap::{Args, ValueEnum};

use super::rightsize::days;
use crate::command::audit::LiveLog;

/// What `bailiwick audit` is told.
#[derive(Debug, Default, Args)]
pub(crate) struct AuditLogs {
    /// Logs: files, plain or packed (`.gz`, `.zst`), folders of them, or `-` for standard input.
    #[arg(required_unless_present_any = ["ledger", "live"], value_name = "LOG")]
    pub(crate) logs: Vec<PathBuf>,
    /// Read the sources of the configuration as well: the folders that its governor watches, what was sent to it, its ledger,
    /// and its charters where no others are given.
    #[arg(long)]
    pub(crate) live: bool,
    /// The logs of these sources.
    #[arg(skip)]
    pub(crate) sources: Vec<LiveLog>,
    /// The state directory of a governor, or its ledger: what it decided and leased is a log as well. Nothing is written there.
    #[arg(long, value_name = "DIR")]
    pub(crate) ledger: Vec<PathBuf>,
    /// What systems grant, as they list it: for AWS what `aws iam get-account-authorization-details` prints, for Kubernetes
    /// `kubectl get clusterroles,roles,clusterrolebindings,rolebindings -A -o json`; or a PostgreSQL to be asked,
    /// `postgres://LOGIN@HOST/DATABASE`, with its password in `PGPASSWORD`; or for tools over MCP `bailiwick.toml`, with its
    /// charters and templates, or its folder.
    #[arg(long, value_name = "FILE")]
    pub(crate) grants: Vec<PathBuf>,
    /// Take all logs for those of this source, instead of knowing each by its shape.
    #[arg(long, value_parser = source, value_name = "SOURCE")]
    pub(crate) source: Option<&'static Source>,
    /// What stands before each line of PostgreSQL's log of text, instead of knowing it by its shape: the server's own
    /// `log_line_prefix`, as in `%m [%p] %d@%u `.
    #[arg(long, value_name = "FORMAT")]
    pub(crate) pg_prefix: Option<LinePrefix>,
    /// Show these identities alone; a part of the name will do.
    #[arg(long, value_name = "NAME")]
    pub(crate) identity: Vec<String>,
    /// Show everything on the screen, not only what to look at first. Files (`--format`, `--output json`) have it anyway.
    #[arg(long)]
    pub(crate) all: bool,
    /// What identities are meant to do: charters, or folders of them.
    #[arg(long, value_name = "FILE|DIR")]
    pub(crate) charters: Vec<PathBuf>,
    /// For how long a permission must not have been used to be taken away, and how old a grant must be to be called dormant; only
    /// days that were observed count.
    #[arg(long, value_parser = days, default_value = "90d", value_name = "SPAN")]
    pub(crate) window: u64,
    /// What is not to be called dormant for a while: files of `[[exclude]]`.
    #[arg(long, value_name = "FILE")]
    pub(crate) exclude: Vec<PathBuf>,
    /// A credential that lasts is to be made anew after so long.
    #[arg(long, value_parser = parse_span, default_value = "90d", value_name = "SPAN")]
    pub(crate) max_key_age: Duration,
    /// A credential that lasts is unused after so many days of its account's log without use.
    #[arg(long, value_parser = parse_span, default_value = "90d", value_name = "SPAN")]
    pub(crate) unused_after: Duration,
    /// End with exit status 1 where the report has this finding; `any` stands for every one.
    #[arg(long, value_parser = fails, value_name = "FINDING")]
    pub(crate) fail_on: Vec<FailOn>,
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
    /// A line for each finding.
    FindingsCsv,
    /// A page that stands by itself.
    Html,
    /// A line for each access that the logs tell of, as OCSF 1.8 has it.
    Ocsf,
}

/// A finding that is not to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum FailOn {
    /// Whatever it is.
    Any,
    /// One of this sort.
    Kind(FindingKind),
}

fn fails(word: &str) -> Result<FailOn, String> {
    match word {
        "any" => Ok(FailOn::Any),
        word => word.parse().map(FailOn::Kind).map_err(|it: FindingKindError| it.to_string()),
    }
}

pub(super) fn source(name: &str) -> Result<&'static Source, String> {
    let known = || SOURCES.iter().map(|it| it.name).collect::<Vec<_>>().join("`, `");
    SOURCES
        .iter()
        .find(|it| it.name == name)
        .ok_or_else(|| format!("known sources are `{}`", known()))
}
