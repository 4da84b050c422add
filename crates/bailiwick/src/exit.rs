//! How a command ends: the answer, or why there is none.

use std::process::ExitCode;

use crate::serve::Signal;

/// The exit status of every command.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Exit {
    /// Yes, or done.
    Done,
    /// The answer is no: denied, not verified, findings.
    No,
    /// Wrong words or configuration.
    Words,
    /// The server or the state cannot be reached.
    Unreachable,
    /// Our fault.
    Fault,
    /// A second signal cut what was under way.
    Cut(Signal),
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(match exit {
            Exit::Done => 0,
            Exit::No => 1,
            Exit::Words => 2,
            Exit::Unreachable => 3,
            Exit::Fault => 4,
            Exit::Cut(signal) => signal.status(),
        })
    }
}

/// Why a command could not do what was asked.
#[derive(Debug, thiserror::Error)]
pub(crate) enum CommandError {
    /// The words or the configuration are wrong.
    #[error("{0}")]
    Words(String),
    /// The answer is no, and why.
    #[error("{0}")]
    No(String),
    /// Nothing answers.
    #[error("{0}")]
    Unreachable(String),
    /// Something of ours failed.
    #[error("{0:#}")]
    Fault(#[from] anyhow::Error),
}

impl CommandError {
    /// Gives the exit status.
    pub(crate) const fn exit(&self) -> Exit {
        match self {
            Self::Words(_) => Exit::Words,
            Self::No(_) => Exit::No,
            Self::Unreachable(_) => Exit::Unreachable,
            Self::Fault(_) => Exit::Fault,
        }
    }
}

/// What a command gives back.
pub(crate) type Outcome = Result<Exit, CommandError>;
