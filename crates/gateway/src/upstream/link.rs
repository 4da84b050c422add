//! The way to a server, whatever carries it.

use std::{convert::Infallible, sync::Arc, time::Duration};

use super::{
    error::SendError, http, incoming::Reply, news::Changes, request::Request, stdio,
    subscribed::Subscribed, web,
};
use crate::mcp::Era;

/// The way to one connected server.
#[derive(Clone, Debug)]
pub(super) enum Link {
    Stdio(Arc<stdio::Link>),
    Http(Arc<http::Link>),
    Web(Arc<web::Link>),
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
            Self::Web(_) => Err(SendError::NotSent { why: web::ELSEWHERE.to_owned() }),
        }
    }

    /// Sends a message that needs no answer, unless too many wait already.
    pub(super) fn tell(&self, line: Vec<u8>) {
        match self {
            Self::Stdio(link) => link.tell(line),
            Self::Http(link) => link.tell(line),
            Self::Web(_) => {}
        }
    }

    /// Gives how the server speaks.
    pub(super) fn era(&self) -> Era {
        match self {
            Self::Stdio(link) => link.era(),
            Self::Http(link) => link.era(),
            Self::Web(_) => Era::Modern,
        }
    }

    /// Hears what the server says by itself, for as long as it is polled.
    pub(super) async fn hear(&self, subscribed: &Subscribed) -> Infallible {
        match self {
            Self::Stdio(link) => link.hear(subscribed).await,
            Self::Http(link) => link.hear(subscribed).await,
            Self::Web(_) => std::future::pending().await,
        }
    }

    /// Gives what the server says of changes.
    pub(super) fn changed(&self) -> &Changes {
        match self {
            Self::Stdio(link) => &link.changed,
            Self::Http(link) => &link.changed,
            Self::Web(link) => &link.changed,
        }
    }
}
