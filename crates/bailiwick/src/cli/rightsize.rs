//! The words of `rightsize`.

use std::path::PathBuf;

use clap::{Args, Subcommand, ValueEnum};

/// What `bailiwick rightsize` is told.
#[derive(Debug, Args)]
#[command(args_conflicts_with_subcommands = true, subcommand_negates_reqs = true)]
pub(crate) struct Rightsize {
    #[command(subcommand)]
    pub(crate) then: Option<RightsizeCommand>,
    /// Whose grants: an ARN, a subject of a cluster, a role of a database, an identity with a charter; or its end
    /// (`deployer`, `role/deployer`, `ci:runner`).
    #[arg(required = true, value_name = "IDENTITY")]
    pub(crate) identity: Option<String>,
    /// Logs: files, plain or packed (`.gz`, `.zst`), or folders of them.
    #[arg(required_unless_present = "ledger", value_name = "LOG")]
    pub(crate) logs: Vec<PathBuf>,
    /// The state directory of a governor, or its ledger. Nothing is written there.
    #[arg(long, value_name = "DIR")]
    pub(crate) ledger: Vec<PathBuf>,
    /// What one system grants: what `aws iam get-account-authorization-details` prints; `kubectl get
    /// clusterroles,roles,clusterrolebindings,rolebindings,serviceaccounts -A -o json`; a PostgreSQL to be asked,
    /// `postgres://LOGIN@HOST/DATABASE`, with its password in `PGPASSWORD`; or `bailiwick.toml`, or its folder.
    #[arg(long, required = true, value_name = "FILE")]
    pub(crate) grants: Vec<PathBuf>,
    /// What stays beside what is used.
    #[arg(long, value_enum, default_value_t, value_name = "MARGIN")]
    pub(crate) margin: MarginWish,
    /// Actions that stay whatever the log says, as a pattern: `kms:*`. For break-glass and what runs once a year.
    #[arg(long, value_name = "PATTERN")]
    pub(crate) keep: Vec<String>,
    /// What stays for a while, with a reason: files of `[[exclude]]`, as `audit` takes them.
    #[arg(long, value_name = "FILE")]
    pub(crate) exclude: Vec<PathBuf>,
    /// How old a grant must be before it is judged.
    #[arg(long, default_value = "90d", value_parser = days, value_name = "SPAN")]
    pub(crate) grace: u64,
    /// For how long a permission must not have been used; only days that were observed count.
    #[arg(long, default_value = "90d", value_parser = days, value_name = "SPAN")]
    pub(crate) window: u64,
    /// How long each stage of the roll-out lasts.
    #[arg(long, default_value = "14d", value_parser = days, value_name = "SPAN")]
    pub(crate) trial: u64,
    /// How the plan's `psql` reaches a PostgreSQL: `host=… port=… dbname=… user=…`, without a password. Without it, at the
    /// address that was asked, or, for a `grants.json`, as the environment says.
    #[arg(long, value_name = "CONNINFO")]
    pub(crate) psql: Option<String>,
    /// Write the policies, the way back, the plan and the certificate into this folder; it must be empty or not there.
    #[arg(long, value_name = "DIR")]
    pub(crate) out: Option<PathBuf>,
}

/// What is done with a certificate.
#[derive(Debug, Subcommand)]
pub(crate) enum RightsizeCommand {
    /// Check a certificate, with code that shares nothing with what made it: digests, nothing new, nothing used lost.
    Verify(AboutCertificate),
    /// Hold other logs against the certified policies, and tell each access that they may deny.
    Shadow(AboutCertificate),
}

/// A certificate and what it is held against.
#[derive(Debug, Args)]
pub(crate) struct AboutCertificate {
    /// The certificate; its documents lie beside it.
    #[arg(value_name = "CERTIFICATE")]
    pub(crate) certificate: PathBuf,
    /// Logs.
    #[arg(required_unless_present = "ledger", value_name = "LOG")]
    pub(crate) logs: Vec<PathBuf>,
    /// The state directory of a governor, or its ledger.
    #[arg(long, value_name = "DIR")]
    pub(crate) ledger: Vec<PathBuf>,
    /// What the system granted, as it was when the certificate was made; of a PostgreSQL `grants.json` beside it.
    #[arg(long, required = true, value_name = "FILE")]
    pub(crate) grants: Vec<PathBuf>,
}

/// What stays beside what is used.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum MarginWish {
    /// Nothing.
    #[default]
    None,
    /// Actions of the same service and level as one that is used.
    Siblings,
}

/// Reads a length of time that is whole days.
pub(super) fn days(text: &str) -> Result<u64, String> {
    let span = bailiwick_model::parse_span(text).map_err(|it| it.to_string())?;
    let day = 24 * 3600;
    if span.subsec_nanos() == 0 && span.as_secs().is_multiple_of(day) {
        Ok(span.as_secs().div_euclid(day))
    } else {
        Err("whole days, like `90d` or `2w`".to_owned())
    }
}
