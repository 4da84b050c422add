//! Keeps one server up: connects, follows what it offers, and starts again when it falls.

mod connection;

use std::{sync::Arc, time::Duration};

use tokio::{
    sync::watch,
    time::{Instant, sleep, timeout},
};
use tokio_util::sync::CancellationToken;

use super::{
    Catalog, STOPPING, ServerSpec,
    backoff::Backoff,
    event::{Events, UpstreamEvent},
    link::Link,
    news::{self, Newsroom, What},
    subscribed::Subscribed,
    why::Why,
};
use crate::mcp::Era;
use connection::Connection;

/// How long a server may take from its start to its list of tools.
const CONNECT: Duration = Duration::from_secs(90);
/// How long one answer may take on the way there.
const HANDSHAKE: Duration = Duration::from_secs(60);
/// How long a list may take later.
const LIST: Duration = Duration::from_secs(10);
/// How often a server that says its tools have changed is asked at most.
const BREATH: Duration = Duration::from_millis(250);
/// How often a server is asked that has no way to say it.
const LOOK_AGAIN: Duration = Duration::from_secs(60);
/// A pause shorter than this still counts as starting: callers wait for its end.
const SHORT: Duration = Duration::from_secs(1);

/// What a server may ask of clients, where its entry lets it.
const ASKED: [&str; 3] = ["elicitation/create", "roots/list", "sampling/createMessage"];

/// How a server is.
#[derive(Clone, Debug)]
pub(super) enum State {
    /// Not up yet, or not up again.
    Starting { why: Option<Why> },
    /// Ready.
    Up(Up),
    /// Not there for a while.
    Down { why: Why },
}

/// A server that is ready.
#[derive(Clone, Debug)]
pub(super) struct Up {
    pub(super) link: Link,
    pub(super) catalog: Arc<Catalog>,
}

/// Looks after one server until it is told to stop.
#[derive(Debug)]
pub(super) struct Supervisor {
    pub(super) spec: Arc<ServerSpec>,
    pub(super) state: watch::Sender<State>,
    pub(super) events: Events,
    pub(super) news: Newsroom,
    pub(super) subscribed: Arc<Subscribed>,
    pub(super) stop: CancellationToken,
}

impl Supervisor {
    pub(super) async fn run(self) {
        let mut backoff = Backoff::default();
        loop {
            let started = Instant::now();
            let Some(why) = self.live().await else { break };
            let pause = backoff.pause(started.elapsed(), roll());
            tracing::debug!(server = %self.spec.name, ?pause, "it will be started again");
            if SHORT <= pause {
                self.state.send_replace(State::Down { why });
            }
            tokio::select! {
                () = self.stop.cancelled() => break,
                () = sleep(pause) => {}
            }
        }
        self.state.send_replace(State::Down { why: STOPPING.to_owned().into() });
    }

    /// Lives through one life of the server; gives what ended it, none if it was told to stop.
    async fn live(&self) -> Option<Why> {
        let opened = tokio::select! {
            () = self.stop.cancelled() => return None,
            opened = timeout(CONNECT, Connection::open(&self.spec, &self.events)) => opened,
        };
        let opened =
            opened.unwrap_or_else(|_| Err(format!("it was not ready within {CONNECT:?}").into()));
        let (mut connection, catalog) = match opened {
            Ok(opened) => opened,
            Err(why) => {
                self.fell(&why).await;
                return Some(why);
            }
        };
        let up = Up { link: connection.link(), catalog: Arc::new(catalog) };
        let why = tokio::select! {
            () = self.stop.cancelled() => None,
            why = connection.ended() => Some(why),
            why = self.follow(&up) => Some(connection.explain(why)),
            never = up.link.changed().hand_on(&self.spec.name, &self.news) => match never {},
            never = self.subscribed.keep_asked(&up.link, LIST) => match never {},
            never = up.link.hear(&self.subscribed), if self.says_something(&up) => match never {},
        };
        connection.abandon(why.as_ref().map_or(STOPPING, Why::short));
        if let Some(why) = &why {
            self.fell(why).await;
        }
        connection.end().await;
        why
    }

    /// Lets callers in, and keeps up with what the server offers until it cannot say any more.
    async fn follow(&self, up: &Up) -> String {
        let server = &self.spec.name;
        self.events.catalog(server, &up.catalog).await;
        tracing::info!(%server, tools = up.catalog.tools.len(), protocol = up.catalog.protocol, "up");
        let mut up = up.clone();
        self.state.send_replace(State::Up(up.clone()));
        self.news.tell(server, What::Tools);
        loop {
            match (&up.link, up.link.era()) {
                (Link::Stdio(_), Era::Legacy) => up.link.changed().notified().await,
                (Link::Stdio(_), Era::Modern) | (Link::Http(_) | Link::Web(_), _) => {
                    // Either is a reason to look.
                    let _rung = timeout(LOOK_AGAIN, up.link.changed().notified()).await;
                }
            }
            // What it offers is known or it is not used: a pin is worth nothing beside a guess.
            let tools = match connection::tools(&up.link, server, LIST).await {
                Ok(tools) => tools,
                Err(why) => return why,
            };
            let catalog = Catalog { tools, ..Catalog::clone(&up.catalog) };
            if catalog.differs(&up.catalog) {
                tracing::info!(%server, "it offers something else than before");
                up.catalog = Arc::new(catalog);
                self.state.send_replace(State::Up(up.clone()));
                self.events.catalog(server, &up.catalog).await;
                self.news.tell(server, What::Tools);
            }
            sleep(BREATH).await;
        }
    }

    /// Says whether a server has anything to say by itself: of changes, of its log, or as a question.
    fn says_something(&self, up: &Up) -> bool {
        let asks = self.spec.extra_methods.iter().any(|it| ASKED.contains(&it.as_str()));
        news::are_told(&up.catalog.capabilities) || (asks && up.link.era() == Era::Legacy)
    }

    async fn fell(&self, why: &Why) {
        let server = &self.spec.name;
        tracing::warn!(%server, why = why.whole(), "down");
        self.state.send_replace(State::Starting { why: Some(why.clone()) });
        let event = UpstreamEvent::Down { server: server.clone(), why: why.whole().to_owned() };
        self.events.tell(server, event).await;
    }
}

/// Gives a random byte; without randomness all start at the same moment, which is a pity only.
fn roll() -> u8 {
    let mut byte = [0];
    match aws_lc_rs::rand::fill(&mut byte) {
        Ok(()) | Err(_) => {}
    }
    let [byte] = byte;
    byte
}
