//! Words about credentials: leases at other systems, and secrets that are kept here.

use std::path::PathBuf;

use clap::{Args, Subcommand};

#[derive(Debug, Subcommand)]
pub(crate) enum LeaseCommand {
    /// Get a credential for an open task, by its identity's proof.
    Issue(IssueLease),
    /// List leases, oldest first.
    List {
        /// Only this task's.
        #[arg(long, value_name = "TASK")]
        task: Option<String>,
        /// Those that are gone, too.
        #[arg(long)]
        all: bool,
    },
    /// List the targets that leases are made at, and when each was last proven by a canary.
    Targets,
    /// Show one lease: when it was issued, last used, accepted to end, and known to be gone.
    Show {
        /// Which: `lease_…`.
        lease: String,
    },
    /// End one lease now, whatever its task does.
    Revoke {
        /// Which.
        lease: String,
    },
}

/// A credential that is wanted.
#[derive(Debug, Args)]
pub(crate) struct IssueLease {
    /// For which open task.
    #[arg(long)]
    pub(crate) task: String,
    /// Of which target.
    #[arg(long, value_name = "NAME")]
    pub(crate) target: String,
    /// What of it, once for each; without any all that the task's lines name.
    #[arg(long = "want", value_name = "NAME")]
    pub(crate) wants: Vec<String>,
    /// For how long; without it as long as it may be.
    #[arg(long = "for", value_name = "SPAN")]
    pub(crate) span: Option<String>,
    /// The private key that proves the identity; default `keys/ID.pem` where there is one.
    #[arg(long, value_name = "FILE")]
    pub(crate) key: Option<PathBuf>,
}

#[derive(Debug, Subcommand)]
pub(crate) enum SecretCommand {
    /// List secrets: how old each is, and by whom it was used. No value is shown, ever.
    List,
    /// Give a new secret its value, from a prompt or from standard input.
    Set {
        /// Its name.
        name: String,
    },
    /// Give a secret its next value, from a prompt or from standard input.
    Rotate {
        /// Its name.
        name: String,
    },
    /// Remove a secret: whatever needs it is refused from then on.
    Remove {
        /// Its name.
        name: String,
    },
    /// Wrap the keys of all secrets by a new key, or by the one that the command gives now.
    Rekey,
}
