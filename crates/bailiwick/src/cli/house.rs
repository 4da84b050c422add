//! Words about what the house is made of: its configuration, templates and servers, and its ledger.

use std::path::PathBuf;

use clap::Subcommand;

use super::ByPerson;

#[derive(Debug, Subcommand)]
pub(crate) enum ConfigCommand {
    /// Show every setting.
    Show {
        /// Say where each value comes from: a flag, the environment, a line of a file, or nobody.
        #[arg(long)]
        origin: bool,
    },
}

#[derive(Debug, Subcommand)]
pub(crate) enum TemplateCommand {
    /// List task templates.
    List,
    /// Show what a task of one template may do.
    Show {
        /// Which.
        template: String,
    },
}

#[derive(Debug, Subcommand)]
pub(crate) enum ServerCommand {
    /// List servers and their tools.
    List,
    /// Show one server and what it offers.
    Show {
        /// The server.
        server: String,
    },
    /// Accept what a server offers now: one tool, or all of them.
    Accept {
        /// The server.
        server: String,
        /// The tool; without it all that are offered.
        tool: Option<String>,
        #[command(flatten)]
        person: ByPerson,
    },
}

#[derive(Debug, Subcommand)]
pub(crate) enum LedgerCommand {
    /// Recompute the whole chain; against a checkpoint, a cut tail and a rewrite show, too.
    Verify {
        /// A signed checkpoint that was kept elsewhere, or a file of several.
        #[arg(long, value_name = "FILE")]
        against: Option<PathBuf>,
    },
    /// Print records, one JSON object a line, oldest first.
    Export {
        /// Only decisions on privileged calls.
        #[arg(long)]
        privileged: bool,
        /// Only this task's.
        #[arg(long, value_name = "TASK")]
        task: Option<String>,
    },
}
