//! The words of `bailiwick policy`.

use std::path::PathBuf;

use clap::{Args, Subcommand};

#[derive(Debug, Subcommand)]
pub(crate) enum PolicyCommand {
    /// Judge the calls of case files, and say where a verdict is not the expected one.
    Test(TestPolicies),
    /// Print the schema of what policies meet, by the accepted tools, as Cedar's editors read it.
    Schema,
    /// Say which decisions change between two sets of policies.
    Diff(DiffPolicies),
    /// Write policies in the form that Cedar's own tools write.
    Fmt {
        /// Files and folders of policies; default `policies` beside the configuration.
        #[arg(value_name = "PATH")]
        paths: Vec<PathBuf>,
        /// Write nothing; say which files are in another form.
        #[arg(long)]
        check: bool,
    },
}

#[derive(Debug, Args)]
pub(crate) struct TestPolicies {
    /// Case files and folders of them; default `tests` beside the configuration.
    #[arg(value_name = "PATH")]
    pub(crate) paths: Vec<PathBuf>,
    /// Write a report that other programs read, instead of `--output`.
    #[arg(long, value_enum)]
    pub(crate) format: Option<ReportFormat>,
    /// Fail where a policy decided no case, too.
    #[arg(long)]
    pub(crate) cover: bool,
}

#[derive(Debug, Args)]
pub(crate) struct DiffPolicies {
    /// The policies as they were: a folder or a file.
    #[arg(value_name = "OLD")]
    pub(crate) old: PathBuf,
    /// The policies as they would be.
    #[arg(value_name = "NEW")]
    pub(crate) new: PathBuf,
    /// Case files and folders of them; default `tests` beside the configuration, where it is there.
    #[arg(long, value_name = "PATH")]
    pub(crate) cases: Vec<PathBuf>,
    /// Judge the decisions on record anew, too.
    #[arg(long)]
    pub(crate) ledger: bool,
}

/// A report that other programs read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum ReportFormat {
    /// The XML of `junit`, as test runners read it.
    Junit,
    /// SARIF 2.1.0, as code review reads it.
    Sarif,
}
