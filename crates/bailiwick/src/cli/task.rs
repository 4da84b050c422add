//! Words about tasks, and clients that get one of their own.

use std::path::PathBuf;

use clap::{Args, Subcommand};

#[derive(Debug, Subcommand)]
pub(crate) enum TaskCommand {
    /// Open a task and print its token.
    Open(OpenTask),
    /// Show one task.
    Show {
        /// The task.
        task: String,
    },
    /// List tasks, newest first.
    List {
        /// Ended ones, too: the latest, as many as `[state] ended_tasks` says.
        #[arg(long)]
        all: bool,
    },
    /// End a task: its very next call is denied.
    End {
        /// The task.
        task: String,
    },
    /// Mint a new token for an open task.
    Token {
        /// The task.
        task: String,
        /// The private key that proves the identity; default `keys/ID.pem`.
        #[arg(long, value_name = "FILE")]
        key: Option<PathBuf>,
    },
}

#[derive(Debug, Args)]
pub(crate) struct OpenTask {
    /// From which template.
    #[arg(long)]
    pub(crate) template: String,
    /// Who does the work.
    #[arg(long = "as", value_name = "IDENTITY")]
    pub(crate) identity: String,
    /// A parameter; once for each.
    #[arg(long = "param", value_name = "NAME=VALUE")]
    pub(crate) params: Vec<String>,
    /// What it is for, in your words.
    #[arg(long)]
    pub(crate) purpose: Option<String>,
    /// Narrow this task's authority instead of the identity's own.
    #[arg(long, value_name = "TASK")]
    pub(crate) parent: Option<String>,
    /// The private key that proves the identity; default `keys/ID.pem` where there is one.
    #[arg(long, value_name = "FILE")]
    pub(crate) key: Option<PathBuf>,
    /// Open it as this person: its parameters are then a person's word.
    #[arg(long = "by", value_name = "PERSON")]
    pub(crate) by: Option<String>,
    /// Read the person's passphrase from this file instead of asking for it.
    #[arg(long, value_name = "FILE", requires = "by")]
    pub(crate) passphrase_file: Option<PathBuf>,
}

/// A governed server for a client that starts its servers itself.
#[derive(Debug, Args)]
pub(crate) struct Wrap {
    /// Which server the client gets.
    #[arg(long)]
    pub(crate) server: String,
    #[command(flatten)]
    pub(crate) task: OpenTask,
    /// The tool server, where the configuration has none of that name.
    #[arg(last = true, value_name = "CMD")]
    pub(crate) command: Vec<String>,
}
