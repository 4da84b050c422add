//! The servers behind the gateway: started, followed, and asked only for what was permitted.

mod as_task;
mod backoff;
mod catalog;
mod confine;
mod discovery;
mod error;
mod event;
mod executable;
#[cfg(any(test, fuzzing))]
pub(crate) mod foreign;
mod group;
mod handshake;
mod http;
mod incoming;
mod last_words;
mod lent;
mod lines;
mod link;
mod news;
mod over;
mod pauses;
mod pending;
mod relay;
mod request;
mod spec;
mod stdio;
mod subscribed;
mod supervise;
#[cfg(test)]
mod tests;
mod under_way;
pub(crate) mod web;
mod why;

use std::{
    collections::BTreeMap,
    sync::{Arc, OnceLock, Weak, atomic::AtomicU64},
    time::{Duration, Instant},
};

use bailiwick_connect::TlsError;
use bailiwick_kernel::Permit;
use bailiwick_model::{ActionKind, Offered, ServerName, TaskId, Timestamp};
use serde_json::value::RawValue;
use tokio::sync::{broadcast, mpsc, watch};
use tokio_util::{
    sync::{CancellationToken, DropGuard},
    task::TaskTracker,
};

pub use catalog::{Catalog, ToolDefinition};
pub(crate) use catalog::{DECORATION, WRITTEN};
pub use confine::try_confine;
pub use error::{SendError, UpstreamError};
pub use event::{Noted, UpstreamEvent};
pub use executable::find as find_program;
pub use http::{Events as EventStream, TooLarge};
pub use incoming::Reply;
pub(crate) use lent::kept;
pub use lines::Lines;
pub(crate) use news::{News, What};
pub use spec::{Confine, ServerSpec, ToolSpec, Transport};
pub(crate) use subscribed::Following;

use event::Events;
use link::Link;
use news::Newsroom;
use request::{CUT, Request, Spent};
use subscribed::Subscribed;
use supervise::{State, Supervisor, Up};
use why::Why;

use crate::{
    Call, Leases, Listener, known,
    mcp::Era,
    room::{Room, Share},
    signs,
    web::WebSpec,
};

/// Why a call does not go to a server that has changed since.
const OTHER: &str = "its server offers something else than when it was judged";

/// Why callers get no answer any more.
const STOPPING: &str = "the gateway is stopping";

/// All servers behind the gateway.
#[derive(Debug)]
pub struct Upstreams {
    servers: BTreeMap<ServerName, Server>,
    stop: CancellationToken,
    supervisors: TaskTracker,
    news: Newsroom,
    room: Room,
    /// Who makes credentials for calls.
    lender: OnceLock<Weak<Leases>>,
}

#[derive(Debug)]
struct Server {
    spec: Arc<ServerSpec>,
    state: watch::Receiver<State>,
    subscribed: Arc<Subscribed>,
}

/// How a server is, for people.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ServerStatus {
    /// It is being started.
    Starting {
        /// Why it is not up any more, if it was.
        why: Option<String>,
    },
    /// It answers.
    Up {
        /// How many tools it offers.
        tools: usize,
        /// The protocol's revision that it speaks.
        protocol: String,
    },
    /// It does not, and is started again after a while.
    Down {
        /// Why.
        why: String,
    },
}

impl Upstreams {
    /// Starts to look after `specs`, until `stop`. Each server gets a task of its own, and all of
    /// their answers share `room`.
    pub fn start(
        specs: Vec<ServerSpec>,
        events: mpsc::Sender<UpstreamEvent>,
        stop: CancellationToken,
        room: Room,
    ) -> Self {
        let stop = stop.child_token();
        let (supervisors, news) = (TaskTracker::new(), Newsroom::default());
        let servers = specs
            .into_iter()
            .map(|spec| {
                let spec = Arc::new(spec);
                let (sender, state) = watch::channel(State::Starting { why: None });
                if let Transport::Web(web) = &spec.transport {
                    let opened = web::Link::open(Arc::clone(&spec), Arc::clone(web));
                    supervisors.spawn(stand(opened, sender, Events(events.clone()), stop.clone()));
                    let subscribed = Arc::default();
                    return (spec.name.clone(), Server { spec, state, subscribed });
                }
                let subscribed = Arc::new(Subscribed::default());
                let supervisor = Supervisor {
                    spec: Arc::clone(&spec),
                    state: sender,
                    events: Events(events.clone()),
                    news: news.clone(),
                    subscribed: Arc::clone(&subscribed),
                    stop: stop.clone(),
                };
                supervisors.spawn(supervisor.run());
                (spec.name.clone(), Server { spec, state, subscribed })
            })
            .collect();
        supervisors.close();
        Self { servers, stop, supervisors, news, room, lender: OnceLock::new() }
    }

    /// Gives the names of the MCP servers, in order.
    pub fn names(&self) -> impl Iterator<Item = &ServerName> {
        self.servers.iter().filter(|(_, it)| !it.spec.is_web()).map(|(name, _)| name)
    }

    /// Gives the names of all servers and routes, in order.
    pub(crate) fn all_names(&self) -> impl Iterator<Item = &ServerName> {
        self.servers.keys()
    }

    /// Gives what is configured of a route; none where the name is that of an MCP server.
    pub(crate) fn web(&self, route: &ServerName) -> Option<Arc<WebSpec>> {
        match &self.servers.get(route)?.spec.transport {
            Transport::Web(web) => Some(Arc::clone(web)),
            Transport::Stdio { .. } | Transport::Http { .. } => None,
        }
    }

    /// Gives what is configured of a server.
    pub fn spec(&self, server: &ServerName) -> Option<&ServerSpec> {
        self.servers.get(server).map(|it| &*it.spec)
    }

    /// Says how each server is.
    pub fn status(&self) -> BTreeMap<ServerName, ServerStatus> {
        let whole = |it: &Why| it.whole().to_owned();
        let status = |it: &Server| match &*it.state.borrow() {
            State::Starting { why } => ServerStatus::Starting { why: why.as_ref().map(whole) },
            State::Up(Up { catalog, .. }) => {
                ServerStatus::Up { tools: catalog.tools.len(), protocol: catalog.protocol.clone() }
            }
            State::Down { why } => ServerStatus::Down { why: whole(why) },
        };
        self.servers.iter().map(|(name, it)| (name.clone(), status(it))).collect()
    }

    /// Gives what a server offers now. If it is starting, waits for it at most `wait`.
    pub async fn catalog(
        &self,
        server: &ServerName,
        wait: Duration,
    ) -> Result<Arc<Catalog>, UpstreamError> {
        let mut state = self.server(server)?.state.clone();
        let settled = state.wait_for(|it| !matches!(it, State::Starting { .. }));
        // A starting server may be settled in no time or not at all: its state says which.
        let _settled = tokio::time::timeout(wait, settled).await;
        self.up(server).map(|it| it.catalog)
    }

    /// Sends one decided call: the only way out for tools, resources and prompts. The permit is
    /// spent on this very call before a byte of it is written, and the task's generation must
    /// still be `current` when the first one is. Only a server that offers what was judged gets it.
    /// What the server says meanwhile goes to the listener, which may also cut the call.
    pub async fn send(
        &self,
        permit: Permit,
        current: &Arc<AtomicU64>,
        (call, judged): (&Call, &Offered),
        (listener, now): (&Listener, Timestamp),
    ) -> Result<Reply, SendError> {
        let spent = Spent::of(permit, current, (call, judged), now)
            .map_err(|error| SendError::NotSent { why: error.to_string() })?;
        self.send_spent(spent, (call, judged), listener).await
    }

    async fn send_spent(
        &self,
        spent: Spent<'_>,
        (call, judged): (&Call, &Offered),
        listener: &Listener,
    ) -> Result<Reply, SendError> {
        let not_sent = |error: UpstreamError| SendError::NotSent { why: error.to_string() };
        let server = &call.action().server;
        let within = self.server(server).map_err(not_sent)?.spec.call_timeout;
        let up = self.up(server).map_err(not_sent)?;
        // It may have been started anew since, as another program.
        if known::offered(call.action(), Some(&up.catalog)) != *judged {
            return Err(SendError::NotSent { why: OTHER.to_owned() });
        }
        if listener.is_cut() {
            return Err(SendError::NotSent { why: CUT.to_owned() });
        }
        let lent = tokio::select! {
            biased;
            lent = self.lent(&spent, &self.server(server).map_err(not_sent)?.spec) => lent?,
            () = listener.cut().cancelled_owned() => {
                return Err(SendError::NotSent { why: CUT.to_owned() });
            }
        };
        if let (Link::Web(link), Some(outgoing)) = (&up.link, call.web()) {
            return tokio::select! {
                biased;
                answered = link.send((spent, lent), outgoing, (listener, within)) => answered,
                () = self.stop.cancelled() => Err(SendError::Unknown { why: STOPPING.to_owned() }),
            };
        }
        let tool = up.catalog.tool(&call.action().name);
        let tool = tool.filter(|_| call.action().kind == ActionKind::Tool);
        let repeated = tool.map_or(&[][..], |it| it.repeated.as_slice());
        let (listener, _under_way) =
            listener.called_at(&self.server(server).map_err(not_sent)?.spec);
        let _here = up.link.changed().under_way.enter(&listener);
        let request = Request::decided(spent, repeated, &listener)?;
        if tool.is_some_and(|it| it.runs_as_task) && up.link.era() == Era::Legacy {
            let sent = self.send_as_task(&up.link, request.run_as_task(within), within);
            return Box::pin(async {
                tokio::select! {
                    sent = sent => sent,
                    never = signs::show(&listener, signs::GOES_ON) => match never {},
                }
            })
            .await;
        }
        tokio::select! {
            biased;
            answered = up.link.ask(&request, within) => answered,
            () = self.cut_off(&up.link) => Err(SendError::Unknown { why: STOPPING.to_owned() }),
        }
    }

    /// Has a call run as a task of its server's, and waits for its result.
    async fn send_as_task(
        &self,
        link: &Link,
        request: Request<'_>,
        within: Duration,
    ) -> Result<Reply, SendError> {
        let began = Instant::now();
        let answered = async {
            let reply = link.ask(&request, within).await?;
            as_task::result(link, (&request, reply), within.saturating_sub(began.elapsed())).await
        };
        tokio::select! {
            biased;
            answered = answered => answered,
            () = self.cut_off(link) => Err(SendError::Unknown { why: STOPPING.to_owned() }),
        }
    }

    /// Waits until no answer can be waited for any more. A child is ended, and takes its callers
    /// along; a server that goes on is left to itself.
    async fn cut_off(&self, link: &Link) {
        match link {
            Link::Stdio(_) => std::future::pending().await,
            Link::Http(_) | Link::Web(_) => self.stop.cancelled().await,
        }
    }

    /// Takes a place among the calls under way at a server for one that goes on after its answer, and
    /// that nobody hears: what the server says by itself may be about it.
    pub(crate) fn goes_on_at(&self, server: &ServerName) -> Option<under_way::Here> {
        let (nobody, _unheard) = Listener::new();
        Some(self.up(server).ok()?.link.changed().under_way.enter(&nobody))
    }

    /// Has a listener stand at a server, so that it is asked as during a call of it.
    pub(crate) fn called(
        &self,
        server: &ServerName,
        listener: &Listener,
    ) -> Option<(Listener, DropGuard)> {
        self.servers.get(server).map(|it| listener.called_at(&it.spec))
    }

    /// Gives the room that answers share.
    pub(crate) const fn room(&self) -> &Room {
        &self.room
    }

    /// Sends a request that takes no decision, and counts its answer as `share`. Methods that take
    /// one are refused here.
    pub(crate) async fn plain(
        &self,
        server: &ServerName,
        (method, params): (&str, Option<&RawValue>),
        share: Option<&Share>,
    ) -> Result<Reply, UpstreamError> {
        let request = Request::plain(method, params)
            .ok_or_else(|| UpstreamError::NotPlain { method: method.to_owned() })?
            .sharing(share);
        let within = self.server(server)?.spec.call_timeout;
        let up = self.up(server)?;
        up.link.ask(&request, within).await.map_err(|error| error.into_plain(server))
    }

    /// Tells a server up to 2025-11-25 with the note `method` that the roots of a task's client have changed.
    /// For a while it may ask for them on what `listener` hears.
    pub(crate) fn roots_changed(
        &self,
        server: &ServerName,
        method: &'static str,
        (task, listener): (&TaskId, Option<&Listener>),
    ) {
        let Ok((entry, up)) = self.server(server).and_then(|it| Ok((it, self.up(server)?))) else {
            return;
        };
        if up.link.era() == Era::Modern {
            return;
        }
        let expected =
            up.link.changed().under_way.expect((task, Instant::now()), (listener, &entry.spec));
        if let Some(expected) = expected {
            let tell = move || up.link.tell(request::notification(method, None));
            tell();
            tokio::spawn(expected.lasts(tell));
        }
    }

    /// Follows what changes at the servers from now on.
    pub(crate) fn news(&self) -> broadcast::Receiver<News> {
        self.news.follow()
    }

    /// Follows one resource, where its server tells of single ones.
    pub(crate) fn follow(&self, server: &ServerName, uri: &str) -> Option<Following> {
        if !self.tells_of_resources(server) {
            return None;
        }
        self.servers.get(server)?.subscribed.follow(uri)
    }

    /// Says whether a server tells of single resources.
    pub(crate) fn tells_of_resources(&self, server: &ServerName) -> bool {
        self.up(server).is_ok_and(|it| news::is_subscribed(&it.catalog.capabilities))
    }

    /// Waits until the servers are told to stop.
    pub(crate) async fn stopping(&self) {
        self.stop.cancelled().await;
    }

    /// Stops all servers and waits until their children are gone.
    pub async fn stopped(&self) {
        self.stop.cancel();
        self.supervisors.wait().await;
    }

    fn server(&self, server: &ServerName) -> Result<&Server, UpstreamError> {
        self.servers
            .get(server)
            .ok_or_else(|| UpstreamError::NoSuchServer { server: server.clone() })
    }

    fn up(&self, server: &ServerName) -> Result<Up, UpstreamError> {
        let server = server.clone();
        match &*self.server(&server)?.state.borrow() {
            State::Up(up) => Ok(up.clone()),
            State::Starting { why: None } => Err(UpstreamError::Starting { server }),
            State::Starting { why: Some(why) } | State::Down { why } => {
                Err(UpstreamError::Down { server, why: why.short().to_owned() })
            }
        }
    }
}

/// Says that an API is there, and what can be asked of it, until the gateway stops.
async fn stand(
    opened: Result<(Arc<web::Link>, Catalog), TlsError>,
    state: watch::Sender<State>,
    events: Events,
    stop: CancellationToken,
) {
    match opened {
        Ok((link, catalog)) => {
            let (server, catalog) = (link.name().clone(), Arc::new(catalog));
            let up = Up { link: Link::Web(link), catalog: Arc::clone(&catalog) };
            state.send_replace(State::Up(up));
            events.catalog(&server, &catalog).await;
            stop.cancelled().await;
            state.send_replace(State::Down { why: STOPPING.to_owned().into() });
        }
        Err(error) => {
            state.send_replace(State::Down { why: error.to_string().into() });
        }
    }
}

impl Drop for Upstreams {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}
