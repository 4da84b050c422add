//! Why a server did not answer.

use bailiwick_model::ServerName;

/// A decided call got no answer from its server.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SendError {
    /// Nothing reached the server.
    #[error("{why}")]
    NotSent {
        /// Why.
        why: String,
    },
    /// The call may have reached the server; what it did there is not known.
    #[error("{why}")]
    Unknown {
        /// Why.
        why: String,
    },
}

/// A server cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum UpstreamError {
    /// There is no such server.
    #[error("there is no server `{server}`")]
    NoSuchServer {
        /// The name that was asked for.
        server: ServerName,
    },
    /// It cannot be reached at the moment.
    #[error("`{server}` is down: {why}")]
    Down {
        /// The server.
        server: ServerName,
        /// Why, in short: what it wrote to its standard error is not for callers.
        why: String,
    },
    /// It is starting, and was not ready in time.
    #[error("`{server}` is still starting")]
    Starting {
        /// The server.
        server: ServerName,
    },
    /// The method takes a decision first, or opens what the gateway has opened already.
    #[error("`{method}` does not go out without a decision")]
    NotPlain {
        /// The method.
        method: String,
    },
    /// It was asked and gave no answer.
    #[error("`{server}` gave no answer: {why}")]
    NoAnswer {
        /// The server.
        server: ServerName,
        /// Why.
        why: String,
    },
}

impl SendError {
    pub(super) fn into_plain(self, server: &ServerName) -> UpstreamError {
        let server = server.clone();
        match self {
            Self::NotSent { why } => UpstreamError::Down { server, why },
            Self::Unknown { why } => UpstreamError::NoAnswer { server, why },
        }
    }
}
