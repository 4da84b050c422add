//! The way to a server, whatever carries it.

use std::{sync::Arc, time::Duration};

use tokio::sync::Notify;

use super::{error::SendError, http, incoming::Reply, request::Request, stdio};

/// The way to one connected server.
#[derive(Clone, Debug)]
pub(super) enum Link {
    Stdio(Arc<stdio::Link>),
    Http(Arc<http::Link>),
}

impl Link {
    /// Asks, and waits for the answer at most `within`.
    pub(super) async fn ask(
        &self,
        request: &Request<'_>,
        within: Duration,
    ) -> Result<Reply, SendError> {
        match self {
            Self::Stdio(link) => link.ask(request, within).await,
            Self::Http(link) => link.ask(request, within).await,
        }
    }

    /// Gives what is rung when the server says that its tools have changed.
    pub(super) fn changed(&self) -> &Notify {
        match self {
            Self::Stdio(link) => &link.changed,
            Self::Http(link) => &link.changed,
        }
    }
}
