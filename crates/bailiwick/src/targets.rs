//! The kinds of targets: each is one line here, and one file with what its entry says and its broker.

mod kubernetes;
mod oauth;
mod postgres;
mod program;
mod said;
mod ssh;
mod x509;

use std::{fmt, path::PathBuf, sync::Arc};

use bailiwick_connect::{Broker, EnforcedAs};
use bailiwick_model::TargetName;

use crate::config::Table;

/// A kind of target.
#[derive(Clone, Copy, Debug)]
pub(crate) struct TargetKind {
    /// What `kind` says, and what its own table is called.
    pub(crate) name: &'static str,
    /// Reads its own table, and reports what is wrong with it.
    pub(crate) read: fn(&Table<'_>, &Home<'_>) -> Option<Arc<dyn TargetSettings>>,
}

/// Where paths in a target's entry start.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Home<'a> {
    /// The folder of the configuration.
    pub(crate) home: &'a std::path::Path,
}

/// What the own table of one target says. Its `Debug` shows no secret.
pub(crate) trait TargetSettings: fmt::Debug + Send + Sync {
    /// How far what is handed out can be kept within bounds.
    fn reach(&self) -> EnforcedAs;

    /// Gives the files that hold secrets of it: no child process may touch them.
    fn private(&self) -> Vec<PathBuf>;

    /// Tells the settings by name, for `config show`; no secret.
    fn told(&self) -> Vec<(&'static str, String)>;

    /// Makes its broker. What can only be seen by asking the target is not looked at.
    fn broker(&self, target: &TargetName) -> anyhow::Result<Arc<dyn Broker>>;
}

/// Every kind.
pub(crate) static KINDS: &[TargetKind] =
    &[kubernetes::KIND, oauth::KIND, postgres::KIND, program::KIND, ssh::KIND, x509::KIND];

/// Finds a kind by its name.
pub(crate) fn kind(name: &str) -> Option<TargetKind> {
    KINDS.iter().copied().find(|it| it.name == name)
}
