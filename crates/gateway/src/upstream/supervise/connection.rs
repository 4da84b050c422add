//! One connection to a server, from the handshake to the end.

mod first_words;

use std::{collections::BTreeSet, sync::Arc, time::Duration};

use bailiwick_model::ServerName;

use super::{Catalog, HANDSHAKE, ServerSpec};
use crate::upstream::{
    ToolDefinition, Transport, catalog,
    event::{Events, UpstreamEvent},
    handshake::{self, Opened},
    http,
    link::Link,
    stdio::{self, Running, Start},
    web,
    why::Why,
};
use first_words::FirstWords;

/// What carries a server's messages.
#[derive(Debug)]
pub(super) enum Connection {
    Stdio(Box<Running>),
    Http(Arc<http::Link>),
}

impl Connection {
    /// Connects, and learns what the server offers.
    pub(super) async fn open(
        spec: &Arc<ServerSpec>,
        events: &Events,
    ) -> Result<(Self, Catalog), Why> {
        match &spec.transport {
            Transport::Stdio { command, env, dir } => {
                let (server, forbidden) = (&spec.name, spec.confine.forbidden.as_slice());
                let start = Start { server, command, env, dir: dir.as_ref(), forbidden };
                Self::open_child(start, events, &spec.extra_methods).await
            }
            // Nobody looks after an API: it is asked, or it is not.
            Transport::Web(_) => Err(Why::from(web::ELSEWHERE.to_owned())),
            Transport::Http { url } => {
                let (link, opened) =
                    http::Link::open(Arc::clone(spec), url.clone(), HANDSHAKE).await?;
                let catalog = offered(&Link::Http(Arc::clone(&link)), &spec.name, opened).await?;
                Ok((Self::Http(link), catalog))
            }
        }
    }

    async fn open_child(
        start: Start<'_>,
        events: &Events,
        asks: &BTreeSet<String>,
    ) -> Result<(Self, Catalog), Why> {
        let first = FirstWords::new(asks);
        match Self::open_child_with(&first, start, events).await {
            // Some servers of the older revisions end at the first word that they do not know.
            Err(why) if first.ended_it() => {
                tracing::debug!(server = %start.server, why = why.whole(), "started again");
                Self::open_child_with(&FirstWords::older(asks), start, events).await
            }
            opened => opened,
        }
    }

    async fn open_child_with(
        first: &FirstWords<'_>,
        start: Start<'_>,
        events: &Events,
    ) -> Result<(Self, Catalog), Why> {
        let server = start.server.clone();
        // Where programs lie is nothing to those who call them.
        let mut running =
            Running::start(start).await.map_err(|whole| Why::new("it cannot be started", whole))?;
        if let Some(why) = running.unconfined.take() {
            tracing::warn!(%server, why, "it runs unconfined");
            let event = UpstreamEvent::NotConfined { server: server.clone(), why };
            events.tell(&server, event).await;
        }
        let link = Arc::clone(&running.link);
        let learnt = tokio::select! {
            learnt = learn(&link, first, &server) => {
                learnt.map_err(|why| running.explain(&why))
            }
            why = running.ended() => Err(why),
        };
        match learnt {
            Ok(catalog) => {
                let executable = running.executable;
                Ok((Self::Stdio(Box::new(running)), Catalog { executable, ..catalog }))
            }
            Err(why) => {
                running.end().await;
                Err(why)
            }
        }
    }

    pub(super) fn link(&self) -> Link {
        match self {
            Self::Stdio(running) => Link::Stdio(Arc::clone(&running.link)),
            Self::Http(link) => Link::Http(Arc::clone(link)),
        }
    }

    /// Waits until the server cannot be used any more, and says why.
    pub(super) async fn ended(&mut self) -> Why {
        match self {
            Self::Stdio(running) => running.ended().await,
            Self::Http(link) => Why::from(link.ended().await),
        }
    }

    /// Adds to a reason what is known besides.
    pub(super) fn explain(&self, why: String) -> Why {
        match self {
            Self::Stdio(running) => running.explain(&why),
            Self::Http(_) => Why::from(why),
        }
    }

    /// Tells all who wait that no answer will come.
    pub(super) fn abandon(&self, why: &str) {
        match self {
            Self::Stdio(running) => running.abandon(why),
            // Each caller has a connection of its own, which ends by itself.
            Self::Http(_) => {}
        }
    }

    pub(super) async fn end(self) {
        match self {
            Self::Stdio(running) => running.end().await,
            Self::Http(link) => link.end().await,
        }
    }
}

async fn learn(
    link: &Arc<stdio::Link>,
    first: &FirstWords<'_>,
    server: &ServerName,
) -> Result<Catalog, String> {
    let opened = first.say(link).await?;
    offered(&Link::Stdio(Arc::clone(link)), server, opened).await
}

async fn offered(link: &Link, server: &ServerName, opened: Opened) -> Result<Catalog, String> {
    let tools =
        if opened.offers_tools { tools(link, server, HANDSHAKE).await? } else { Vec::new() };
    Ok(Catalog {
        tools,
        executable: None,
        protocol: opened.protocol,
        server_info: opened.server_info,
        capabilities: opened.capabilities,
        instructions: opened.instructions,
    })
}

/// Asks for the server's tools.
pub(super) async fn tools(
    link: &Link,
    server: &ServerName,
    within: Duration,
) -> Result<Vec<ToolDefinition>, String> {
    Ok(catalog::read(server, handshake::tools(link, within).await?))
}
