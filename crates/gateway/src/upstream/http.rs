//! A server over streamable HTTP: of 2026-07-28, or with the session that revisions before it open.

mod answer;
mod connector;
mod events;
mod heard;
mod hearing;
mod resume;

use std::{
    error::Error as _,
    sync::{
        Arc, Mutex, OnceLock, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use bailiwick_model::CredentialScope;
use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Method, Response, Uri, header, uri::Scheme};
use http_body_util::Full;
use hyper_util::{client::legacy::Client, rt::TokioExecutor};
use tokio::sync::mpsc;

use super::{
    OTHER, ServerSpec, ToolDefinition, catalog,
    discovery::{self, Discovered},
    error::SendError,
    handshake::{self, Listing, Opened},
    incoming::Reply,
    news::Changes,
    over::Over,
    request::{self, CUT, Request, Still, WITHDRAWN},
};
use crate::{
    call::Used,
    mcp::{Era, headers::SESSION},
    web::{Outfit, is_coded},
};
use answer::{Asked, unknown};
pub(super) use connector::{Connector, connector};
use events::Mark;
pub use events::{Events, TooLarge};
use heard::Heard as Body;

const BODY_MAX: usize = 8 << 20;
/// How long a message that nobody waits for may take.
const ASIDE: Duration = Duration::from_secs(2);
/// How long the question that tells the eras apart may go unanswered.
const PROBE: Duration = Duration::from_secs(10);
/// How many answers to a server's own questions wait to be sent.
const ANSWERS: usize = 64;

/// The way to one server: many callers at once, in one session of the gateway's own.
#[derive(Debug)]
pub(super) struct Link {
    spec: Arc<ServerSpec>,
    client: Client<Connector, Full<Bytes>>,
    url: Uri,
    /// The server's name, as each request says it.
    host: Option<HeaderValue>,
    /// How the server speaks: found out once for each connection.
    era: OnceLock<Era>,
    session: Mutex<Arc<Session>>,
    opening: tokio::sync::Mutex<()>,
    next: AtomicU64,
    pub(super) changed: Changes,
    /// What answers the server's own questions, and what it is told beside, waits here to be sent.
    answers: mpsc::Sender<Vec<u8>>,
    over: Over,
}

/// What every message of a session carries.
#[derive(Debug, Default)]
struct Session {
    number: u64,
    headers: HeaderMap,
}

impl Session {
    fn has_id(&self) -> bool {
        self.headers.contains_key(&SESSION)
    }
}

/// Why a message got no answer.
#[derive(Debug)]
enum Missed {
    /// The server knows no such session, so it did nothing.
    Session,
    /// Nobody is there, so nothing was sent.
    Nobody(String),
    /// Its stream ended before the answer.
    Broke { why: String, mark: Mark },
    /// Something else.
    Other(SendError),
}

impl From<Missed> for SendError {
    fn from(missed: Missed) -> Self {
        match missed {
            Missed::Session => Self::NotSent { why: "it forgets its sessions at once".to_owned() },
            Missed::Nobody(why) => Self::NotSent { why },
            Missed::Broke { why, .. } => Self::Unknown { why },
            Missed::Other(error) => error,
        }
    }
}

impl Link {
    /// Finds out how the server speaks, and opens a session where it keeps one.
    pub(super) async fn open(
        spec: Arc<ServerSpec>,
        url: Uri,
        within: Duration,
    ) -> Result<(Arc<Self>, Opened), String> {
        let connector = connector(spec.trust.as_ref()).map_err(|error| error.to_string())?;
        let (answers, questions) = mpsc::channel(ANSWERS);
        let link = Arc::new(Self {
            spec,
            client: Client::builder(TokioExecutor::new()).set_host(false).build(connector),
            host: host_of(&url),
            url,
            era: OnceLock::new(),
            session: Mutex::default(),
            opening: tokio::sync::Mutex::default(),
            next: AtomicU64::new(1),
            changed: Changes::default(),
            answers,
            over: Over::default(),
        });
        tokio::spawn(hearing::answer(Arc::downgrade(&link), questions));
        let opened = tokio::time::timeout(within, link.greet())
            .await
            .map_err(|_| format!("it did not open a session within {within:?}"))??;
        Ok((link, opened))
    }

    /// Gives how the server speaks.
    pub(super) fn era(&self) -> Era {
        self.era.get().copied().unwrap_or(Era::Legacy)
    }

    async fn greet(&self) -> Result<Opened, String> {
        let asked = Request::discovering();
        let (id, headers) = (self.next.fetch_add(1, Ordering::Relaxed), asked.mirrored());
        let body = Bytes::from(asked.line(id, Era::Modern));
        // A refusal tells what the server is, and not that it has changed.
        let nobody = Changes::default();
        let probe = async {
            let response = self.send(Method::POST, body, &headers).await?;
            answer::take(response, Asked { changed: &nobody, ..self.asked(id) }, false).await
        };
        let answered = tokio::time::timeout(PROBE, probe).await;
        let said = match answered {
            Ok(Err(Missed::Nobody(why))) => return Err(why),
            Ok(answered) => discovery::read(answered.map_err(SendError::from)),
            Err(_) => Discovered::Legacy,
        };
        match said {
            Discovered::Modern(opened) => {
                self.era.get_or_init(|| Era::Modern);
                Ok(opened)
            }
            Discovered::Legacy => self.initialize(1).await,
            Discovered::Stranger(why) => Err(why),
        }
    }

    /// Asks, and waits for the answer at most `within`.
    pub(super) async fn ask(
        self: &Arc<Self>,
        request: &Request<'_>,
        within: Duration,
    ) -> Result<Reply, SendError> {
        let id = self.next.fetch_add(1, Ordering::Relaxed);
        let asked = async {
            match self.era() {
                Era::Legacy => self.ask_in_session(id, request).await,
                Era::Modern => self.ask_at_once(id, request).await,
            }
        };
        let asked = tokio::select! {
            asked = tokio::time::timeout(within, asked) => asked,
            () = request.was_cut() => {
                self.gave_up(id);
                return Err(unknown(CUT.to_owned()).into());
            }
        };
        match asked {
            Ok(Ok(reply)) => Ok(reply),
            Ok(Err(missed)) => {
                let there = matches!(missed, Missed::Broke { .. } | Missed::Other(_));
                let error = SendError::from(missed);
                // Whoever supervises the server opens it again.
                if !there {
                    self.over.end(error.to_string());
                }
                Err(error)
            }
            Err(_) => {
                self.gave_up(id);
                Err(unknown(format!("no answer within {within:?}")).into())
            }
        }
    }

    /// Tells the server that nobody waits for an answer any more. Since 2026-07-28 hanging up says
    /// so; before, it says nothing.
    fn gave_up(self: &Arc<Self>, id: u64) {
        match self.era() {
            Era::Legacy => self.aside(request::cancelled(id)),
            Era::Modern => {}
        }
    }

    /// Waits until the server cannot be used any more, and says why.
    pub(super) async fn ended(&self) -> String {
        self.over.ended().await
    }

    /// Ends the session, if the server is there to hear it.
    pub(super) async fn end(&self) {
        let session = self.session();
        if session.has_id() {
            let ended = self.send(Method::DELETE, Bytes::new(), &session.headers);
            if !matches!(tokio::time::timeout(ASIDE, ended).await, Ok(Ok(_))) {
                tracing::debug!("the server did not hear that its session has ended");
            }
        }
    }

    /// Asks a server that needs to know nothing but the request.
    async fn ask_at_once(&self, id: u64, request: &Request<'_>) -> Result<Reply, Missed> {
        let (body, headers) = (Bytes::from(request.line(id, Era::Modern)), request.mirrored());
        permitted(request)?;
        self.post(id, body, &headers, Some(request)).await
    }

    async fn ask_in_session(&self, id: u64, request: &Request<'_>) -> Result<Reply, Missed> {
        let body = Bytes::from(request.line(id, Era::Legacy));
        let session = self.session();
        permitted(request)?;
        match self.post(id, body.clone(), &session.headers, Some(request)).await {
            Err(Missed::Session) => {}
            answered => return answered,
        }
        let session = self.reopen(session.number).await.map_err(Missed::Nobody)?;
        // Whoever forgot its sessions was perhaps started anew, as another program.
        if let Some(tool) = request.tool()
            && !tool.is_among(&self.tools(&session).await?)
        {
            return Err(not_sent(OTHER.to_owned()));
        }
        permitted(request)?;
        self.post(id, body, &session.headers, Some(request)).await
    }

    /// Asks what tools there are now; where that is not known, nothing is sent.
    async fn tools(&self, session: &Session) -> Result<Vec<ToolDefinition>, Missed> {
        let mut listing = Listing::default();
        loop {
            let id = self.next.fetch_add(1, Ordering::Relaxed);
            let body = Bytes::from(listing.request().line(id, Era::Legacy));
            let page = self.post(id, body, &session.headers, None).await.map_err(SendError::from);
            if let Some(tools) = listing.take(page).map_err(not_sent)? {
                return Ok(catalog::read(&self.spec.name, tools));
            }
        }
    }

    /// Says what is looked for in an answer to the question `id`.
    fn asked(&self, id: u64) -> Asked<'_> {
        Asked { id, relay: None, share: None, changed: &self.changed, answers: &self.answers }
    }

    async fn post(
        &self,
        id: u64,
        body: Bytes,
        headers: &HeaderMap,
        request: Option<&Request<'_>>,
    ) -> Result<Reply, Missed> {
        let used = request.and_then(Request::used);
        let response = self.send_as((Method::POST, body, headers), used).await?;
        let (relay, share) = (request.and_then(Request::relay), request.and_then(Request::share));
        let asked = Asked { relay, share, ..self.asked(id) };
        let taken = answer::take(response, asked, headers.contains_key(&SESSION)).await;
        match (taken, self.era()) {
            (Err(Missed::Broke { why, mark }), Era::Legacy) => {
                self.resume(asked, headers, (why, mark)).await
            }
            (taken, Era::Legacy | Era::Modern) => taken,
        }
    }

    /// Opens a new session unless somebody did so since `stale`.
    async fn reopen(&self, stale: u64) -> Result<Arc<Session>, String> {
        let _one_by_one = self.opening.lock().await;
        let session = self.session();
        if session.number != stale {
            return Ok(session);
        }
        tracing::info!(
            host = self.url.host(),
            "the server forgot its session: a new one is opened"
        );
        self.initialize(stale.saturating_add(1)).await?;
        // Whoever forgets its sessions was perhaps started anew, with other tools.
        self.changed.notify_one();
        Ok(self.session())
    }

    async fn initialize(&self, number: u64) -> Result<Opened, String> {
        let params = handshake::parameters(&self.spec.extra_methods);
        let id = self.next.fetch_add(1, Ordering::Relaxed);
        let body = Bytes::from(Request::opening(&params).line(id, Era::Legacy));
        let response = self.send(Method::POST, body, &HeaderMap::new()).await;
        let response = response.map_err(|it| SendError::from(it).to_string())?;
        let mut headers = HeaderMap::new();
        if let Some(id) = response.headers().get(&SESSION) {
            headers.insert(SESSION.clone(), id.clone());
        }
        let answered = answer::take(response, self.asked(id), false).await;
        let opened = handshake::read(answered.map_err(SendError::from))?;
        if let Ok(protocol) = HeaderValue::from_str(&opened.protocol) {
            headers.insert("mcp-protocol-version", protocol);
        }
        let session = Arc::new(Session { number, headers });
        let ready = Bytes::from(request::notification("notifications/initialized", None));
        let heard = self.send(Method::POST, ready, &session.headers).await;
        let heard = heard.map_err(|it| SendError::from(it).to_string())?;
        if !heard.status().is_success() {
            return Err(format!("it did not take `notifications/initialized`: {}", heard.status()));
        }
        *self.session.lock().unwrap_or_else(PoisonError::into_inner) = session;
        Ok(opened)
    }

    /// Sends a message that needs no answer, unless too many wait already.
    pub(super) fn tell(&self, line: Vec<u8>) {
        if self.answers.try_send(line).is_err() {
            tracing::debug!(server = %self.spec.name, "it does not take what it is told: a message was dropped");
        }
    }

    fn aside(self: &Arc<Self>, line: Vec<u8>) {
        let link = Arc::clone(self);
        tokio::spawn(async move {
            let session = link.session();
            let sent = link.send(Method::POST, Bytes::from(line), &session.headers);
            if !matches!(tokio::time::timeout(ASIDE, sent).await, Ok(Ok(_))) {
                tracing::debug!("a message that needs no answer did not arrive");
            }
        });
    }

    async fn send(
        &self,
        method: Method,
        body: Bytes,
        headers: &HeaderMap,
    ) -> Result<Response<Body>, Missed> {
        self.send_as((method, body, headers), None).await
    }

    /// Sends a message, and says with which secret.
    async fn send_as(
        &self,
        (method, body, headers): (Method, Bytes, &HeaderMap),
        used: Option<&Used>,
    ) -> Result<Response<Body>, Missed> {
        let mut request = http::Request::new(Full::new(body));
        *request.method_mut() = method;
        *request.uri_mut() = self.url.clone();
        let all = request.headers_mut();
        all.reserve(headers.len().saturating_add(3));
        all.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
        all.insert(header::ACCEPT, HeaderValue::from_static("application/json, text/event-stream"));
        all.extend(self.host.clone().map(|it| (header::HOST, it)));
        all.extend(headers.clone());
        let credential = match self.spec.credential.as_ref() {
            Some(Outfit::Kept(it)) => Some(it),
            // Its handshake belongs to no task.
            Some(Outfit::Lent(_)) => {
                return Err(Missed::Nobody("no credential is made for an MCP server".to_owned()));
            }
            None => None,
        };
        let made = credential.map(|it| it.made(&self.spec.name, CredentialScope::Any));
        let made = made.transpose().map_err(Missed::Nobody)?;
        if let Some(made) = &made {
            all.insert(made.header.clone(), made.value.clone());
            if let Some(used) = used {
                used.say(made.used.clone());
            }
        }
        let asked = self.client.request(request).await;
        let scrubber = made.as_ref().map(|it| &it.scrubber);
        let response = asked.map_err(|error| {
            let cause = error.source().map(|it| format!(": {it}")).unwrap_or_default();
            if error.is_connect() {
                Missed::Nobody(format!("it cannot be reached{cause}"))
            } else {
                unknown(format!("it did not answer{cause}"))
            }
        })?;
        let (mut head, body) = response.into_parts();
        if is_coded(&head.headers) {
            return Err(unknown(
                "its answer comes in a transfer coding that nobody asked for".to_owned(),
            ));
        }
        if let Some(scrubber) = scrubber {
            scrubber.headers(&mut head.headers);
        }
        Ok(Response::from_parts(head, Body::new(body, scrubber)))
    }

    fn session(&self) -> Arc<Session> {
        Arc::clone(&self.session.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// Gives the host of `url` with its port, where that is not the usual one.
fn host_of(url: &Uri) -> Option<HeaderValue> {
    let (host, port) = (url.host()?, url.port_u16());
    let usual = if url.scheme() == Some(&Scheme::HTTPS) { 443 } else { 80 };
    let host = match port.filter(|it| *it != usual) {
        Some(port) => format!("{host}:{port}"),
        None => host.to_owned(),
    };
    HeaderValue::from_str(&host).ok()
}

/// Says whether the request may still be written.
fn permitted(request: &Request<'_>) -> Result<(), Missed> {
    let permitted = request.still().is_none_or(Still::permitted);
    if permitted { Ok(()) } else { Err(not_sent(WITHDRAWN.to_owned())) }
}

const fn not_sent(why: String) -> Missed {
    Missed::Other(SendError::NotSent { why })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_host_is_said_with_its_port_where_that_is_not_the_usual_one() {
        for (url, host) in [
            ("http://127.0.0.1:9000/mcp", "127.0.0.1:9000"),
            ("http://name@notes.example:80/mcp", "notes.example"),
            ("https://notes.example/mcp", "notes.example"),
            ("https://notes.example:443/mcp", "notes.example"),
            ("https://notes.example:80/mcp", "notes.example:80"),
            ("http://[::1]:9000/mcp", "[::1]:9000"),
        ] {
            assert_eq!(host_of(&url.parse().unwrap()).unwrap(), host, "{url}");
        }
    }
}
