//! Words about people: who approves, what waits for them, and what they contain.

use std::path::PathBuf;

use clap::{Args, Subcommand};

#[derive(Debug, Subcommand)]
pub(crate) enum PersonCommand {
    /// List people.
    List,
    /// Add a person. The first one starts the chain; every other is vouched for.
    Add {
        /// Who.
        name: String,
        /// The person who vouches; needed for all but the first.
        #[arg(long = "by", value_name = "PERSON")]
        by: Option<String>,
        /// Read the new person's passphrase from this file instead of asking for it.
        #[arg(long, value_name = "FILE")]
        passphrase_file: Option<PathBuf>,
        /// Read the voucher's passphrase from this file instead of asking for it.
        #[arg(long, value_name = "FILE", requires = "by")]
        by_passphrase_file: Option<PathBuf>,
    },
}

#[derive(Debug, Subcommand)]
pub(crate) enum HoldCommand {
    /// List holds that wait, oldest first.
    List,
    /// Show one hold.
    Show {
        /// The ticket: `hold_…`.
        hold: String,
    },
    /// Say yes to exactly this call, once.
    Approve {
        /// The ticket.
        hold: String,
        /// Say yes to this action on these resources as often as it comes, for so long.
        #[arg(long = "for", value_name = "SPAN")]
        span: Option<String>,
        #[command(flatten)]
        person: ByPerson,
    },
    /// Say no.
    Deny {
        /// The ticket.
        hold: String,
        #[command(flatten)]
        person: ByPerson,
    },
}

#[derive(Debug, Subcommand)]
pub(crate) enum ReviewCommand {
    /// List the break-glass tasks that nobody has looked at yet.
    List,
    /// Say that you looked at what a break-glass task did.
    Done {
        /// The task: `task_…`.
        task: String,
        /// What you say of it, for the record.
        #[arg(long)]
        note: String,
        #[command(flatten)]
        person: ByPerson,
    },
}

/// The person who signs.
#[derive(Clone, Debug, Args)]
pub(crate) struct ByPerson {
    /// The person who signs; their passphrase is asked for.
    #[arg(long = "by", value_name = "PERSON")]
    pub(crate) by: String,
    /// Read the passphrase from this file instead of asking for it.
    #[arg(long, value_name = "FILE")]
    pub(crate) passphrase_file: Option<PathBuf>,
}

/// What is contained: one thing, or all identities of a kind.
#[derive(Clone, Debug, Args)]
#[group(required = true, multiple = false)]
pub(crate) struct Whom {
    /// `NAME` or `identity:NAME`, `task:ID`, `credential:ID`, `server:NAME`, `tool:SERVER__TOOL`.
    pub(crate) subject: Option<String>,
    /// Every identity of this class, those that are registered later too.
    #[arg(long)]
    pub(crate) class: Option<String>,
    /// Every identity that this person or team answers for, those that are registered later too.
    #[arg(long)]
    pub(crate) owner: Option<String>,
    /// Every identity.
    #[arg(long)]
    pub(crate) all: bool,
}
