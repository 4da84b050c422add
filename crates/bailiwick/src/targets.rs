//! The kinds of targets: each is one line here, and one file with what its entry says and its broker.

mod exchange;
mod github;
mod kubernetes;
mod oauth;
mod postgres;
mod program;
mod said;
mod ssh;
mod sts;
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
    /// What of its credentials a request to an HTTP API could bear.
    pub(crate) bears: Bears,
    /// Reads its own table, and reports what is wrong with it.
    pub(crate) read: fn(&Table<'_>, &Home<'_>) -> Option<Arc<dyn TargetSettings>>,
}

/// What of a credential a request to an HTTP API could bear.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Bears {
    /// Nothing: it is for something else.
    Nothing,
    /// Its one secret, in a header.
    Text,
    /// A signature of its keys.
    Keys,
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

    /// Names all that can be wanted of it, where its own table does.
    fn wants(&self) -> Option<Vec<String>> {
        None
    }

    /// Gives as little as can be wanted of it, where its table says what that is.
    fn least(&self) -> Vec<String> {
        self.wants().into_iter().flatten().take(1).collect()
    }

    /// Says why no canary could ever prove it, where that is so.
    fn unprovable(&self) -> Option<&'static str> {
        None
    }

    /// Names the provider whose people its credentials are for, where they are for people.
    fn person_issuer(&self) -> Option<&str> {
        None
    }

    /// Makes its broker. What can only be seen by asking the target is not looked at.
    fn broker(&self, target: &TargetName) -> anyhow::Result<Arc<dyn Broker>>;
}

/// Every kind.
pub(crate) static KINDS: &[TargetKind] = &[
    exchange::KIND,
    github::KIND,
    kubernetes::KIND,
    oauth::KIND,
    postgres::KIND,
    program::KIND,
    ssh::KIND,
    sts::KIND,
    x509::KIND,
];

/// Finds a kind by its name.
pub(crate) fn kind(name: &str) -> Option<TargetKind> {
    KINDS.iter().copied().find(|it| it.name == name)
}
