//! Words about identities, their keys, and the machines that bring in keys of their own.

use std::path::PathBuf;

use clap::{Args, Subcommand};

#[derive(Debug, Subcommand)]
pub(crate) enum IdentityCommand {
    /// List identities.
    List,
    /// Show one identity's charter.
    Show {
        /// Which.
        identity: String,
    },
    /// List keys that were brought in with codes, and codes that wait.
    Keys,
    /// Take away a key that was brought in: it proves nobody from now on.
    Withdraw {
        /// Which: as `identity keys` lists it.
        key: String,
    },
    /// Make an identity's key pair; its charter is written by hand.
    Add {
        /// Which.
        identity: String,
        /// Write `keys/ID.pem` and `keys/ID.pub.pem`.
        #[arg(long, required = true)]
        generate_key: bool,
    },
}

#[derive(Debug, Subcommand)]
pub(crate) enum KeysCommand {
    /// List them: the one that comes next, the one that signs, those whose tokens still count.
    List,
    /// Publish the next key now; it signs in five minutes, and tokens of before stay good.
    Rotate,
    /// Put a key that leaked out of use: no token that it signed counts from now on.
    Withdraw {
        /// Which, by its name; the next one goes with the current one.
        #[arg(required_unless_present = "all", conflicts_with = "all")]
        key: Option<String>,
        /// All of them.
        #[arg(long)]
        all: bool,
    },
}

/// What `bailiwick join` is told.
#[derive(Debug, Args)]
pub(crate) struct Join {
    /// Where the governor answers: its public address.
    pub(crate) governor: String,
    /// The code; it counts once.
    pub(crate) code: String,
    /// Write the private key there; without it to `IDENTITY.pem` in this folder.
    #[arg(long, value_name = "FILE")]
    pub(crate) key: Option<PathBuf>,
    /// Believe the authorities in this file, and not the system's.
    #[arg(long, value_name = "FILE")]
    pub(crate) ca: Option<PathBuf>,
}

/// What `bailiwick token` asks for.
#[derive(Debug, Args)]
pub(crate) struct TokenWish {
    /// Where the governor answers: its public address.
    pub(crate) governor: String,
    /// Who asks.
    #[arg(long = "as", value_name = "IDENTITY")]
    pub(crate) identity: String,
    /// Its private key.
    #[arg(long, value_name = "FILE")]
    pub(crate) key: PathBuf,
    /// Open a task of this template; without it, the charter's one.
    #[arg(long, value_name = "NAME")]
    pub(crate) template: Option<String>,
    /// A parameter of the template.
    #[arg(long = "param", value_name = "NAME=VALUE", requires = "template")]
    pub(crate) params: Vec<String>,
    /// What the task is for.
    #[arg(long, value_name = "TEXT", requires = "template")]
    pub(crate) purpose: Option<String>,
    /// Go on with this task.
    #[arg(long, value_name = "TASK", conflicts_with = "template")]
    pub(crate) task: Option<String>,
    /// For this resource alone: `GOVERNOR/mcp/SERVER`.
    #[arg(long, value_name = "ADDRESS")]
    pub(crate) resource: Option<String>,
    /// Believe the authorities in this file, and not the system's.
    #[arg(long, value_name = "FILE")]
    pub(crate) ca: Option<PathBuf>,
}

/// What `bailiwick can` is asked.
#[derive(Debug, Args)]
pub(crate) struct CanDo {
    /// Whose access.
    pub(crate) identity: String,
    /// In this open task, as the running governor knows it.
    #[arg(long, conflicts_with = "template", value_name = "TASK")]
    pub(crate) task: Option<String>,
    /// In a task of this template only.
    #[arg(long, value_name = "NAME")]
    pub(crate) template: Option<String>,
    /// At this server only.
    #[arg(long, value_name = "NAME")]
    pub(crate) server: Option<String>,
}
