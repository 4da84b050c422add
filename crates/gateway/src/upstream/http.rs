//! A server over streamable HTTP, with the session that revisions up to 2025-11-25 open.

mod answer;
mod events;

use std::{
    error::Error as _,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use bytes::Bytes;
use http::{HeaderValue, Method, Response, StatusCode, Uri, header};
use http_body_util::Full;
use hyper::body::Incoming as Body;
use hyper_util::{
    client::legacy::{Client, connect::HttpConnector},
    rt::TokioExecutor,
};
use tokio::sync::Notify;

use super::{
    error::SendError,
    handshake::{self, Opened},
    incoming::Reply,
    over::Over,
    request::{self, Request, Still, WITHDRAWN},
};
use answer::unknown;

const BODY_MAX: usize = 8 << 20;
const CONNECT: Duration = Duration::from_secs(5);
/// How long a message that nobody waits for may take.
const ASIDE: Duration = Duration::from_secs(2);

/// The way to one server: many callers at once, in one session of the gateway's own.
#[derive(Debug)]
pub(super) struct Link {
    client: Client<HttpConnector, Full<Bytes>>,
    url: Uri,
    session: Mutex<Arc<Session>>,
    opening: tokio::sync::Mutex<()>,
    next: AtomicU64,
    pub(super) changed: Notify,
    over: Over,
}

/// What every message of a session carries.
#[derive(Debug, Default)]
struct Session {
    number: u64,
    id: Option<HeaderValue>,
    protocol: Option<HeaderValue>,
}

/// Why a message got no answer.
#[derive(Debug)]
enum Missed {
    /// The server knows no such session, so it did nothing.
    Session,
    /// Something else.
    Other(SendError),
}

impl Link {
    /// Opens a session.
    pub(super) async fn open(url: Uri, within: Duration) -> Result<(Arc<Self>, Opened), String> {
        if url.scheme_str() != Some("http") {
            return Err(format!(
                "`{}://` is not spoken to servers yet: only `http://`",
                url.scheme_str().unwrap_or_default()
            ));
        }
        let mut connector = HttpConnector::new();
        connector.set_connect_timeout(Some(CONNECT));
        let link = Arc::new(Self {
            client: Client::builder(TokioExecutor::new()).build(connector),
            url,
            session: Mutex::default(),
            opening: tokio::sync::Mutex::default(),
            next: AtomicU64::new(1),
            changed: Notify::new(),
            over: Over::default(),
        });
        let opened = tokio::time::timeout(within, link.initialize(1))
            .await
            .map_err(|_| format!("it did not open a session within {within:?}"))??;
        Ok((link, opened))
    }

    /// Asks, and waits for the answer at most `within`.
    pub(super) async fn ask(
        self: &Arc<Self>,
        request: &Request<'_>,
        within: Duration,
    ) -> Result<Reply, SendError> {
        let id = self.next.fetch_add(1, Ordering::Relaxed);
        let body = Bytes::from(request.line(id));
        match tokio::time::timeout(within, self.ask_in_session(id, body, request.still())).await {
            Ok(Ok(reply)) => Ok(reply),
            Ok(Err(error)) => {
                // Nobody is there: whoever supervises the server opens it again.
                if let SendError::NotSent { why } = &error
                    && why != WITHDRAWN
                {
                    self.over.end(why.clone());
                }
                Err(error)
            }
            Err(_) => {
                // In these revisions hanging up is no cancellation.
                self.aside(request::cancelled(id));
                Err(unknown(format!("no answer within {within:?}")))
            }
        }
    }

    /// Waits until the server cannot be used any more, and says why.
    pub(super) async fn ended(&self) -> String {
        self.over.ended().await
    }

    /// Ends the session, if the server is there to hear it.
    pub(super) async fn end(&self) {
        let session = self.session();
        if session.id.is_some() {
            let ended = self.send(Method::DELETE, Bytes::new(), &session);
            if !matches!(tokio::time::timeout(ASIDE, ended).await, Ok(Ok(_))) {
                tracing::debug!("the server did not hear that its session has ended");
            }
        }
    }

    async fn ask_in_session(
        &self,
        id: u64,
        body: Bytes,
        still: Option<&Still>,
    ) -> Result<Reply, SendError> {
        let permitted = || match still {
            Some(still) if !still.permitted() => {
                Err(SendError::NotSent { why: WITHDRAWN.to_owned() })
            }
            Some(_) | None => Ok(()),
        };
        permitted()?;
        let session = self.session();
        match self.post(id, body.clone(), &session).await {
            Ok(reply) => return Ok(reply),
            Err(Missed::Other(error)) => return Err(error),
            Err(Missed::Session) => {}
        }
        let session =
            self.reopen(session.number).await.map_err(|why| SendError::NotSent { why })?;
        permitted()?;
        self.post(id, body, &session).await.map_err(|missed| match missed {
            Missed::Other(error) => error,
            Missed::Session => {
                SendError::NotSent { why: "it forgets its sessions at once".to_owned() }
            }
        })
    }

    async fn post(&self, id: u64, body: Bytes, session: &Session) -> Result<Reply, Missed> {
        let response = self.send(Method::POST, body, session).await.map_err(Missed::Other)?;
        let in_session = session.id.is_some();
        if response.status() == StatusCode::NOT_FOUND && in_session {
            return Err(Missed::Session);
        }
        let refused = response.status() == StatusCode::BAD_REQUEST;
        let reply = answer::take(response, id, &self.changed).await.map_err(Missed::Other)?;
        // Much used servers say it so, although the specification has another status for it.
        if refused && in_session && answer::speaks_of_session(&reply) {
            return Err(Missed::Session);
        }
        Ok(reply)
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
        let params = handshake::parameters();
        let id = self.next.fetch_add(1, Ordering::Relaxed);
        let body = Bytes::from(Request::opening(&params).line(id));
        let response = match self.send(Method::POST, body, &Session::default()).await {
            Ok(response) => response,
            Err(error) => return Err(error.to_string()),
        };
        let session_id = response.headers().get("mcp-session-id").cloned();
        let opened = handshake::read(answer::take(response, id, &self.changed).await)?;
        let session = Arc::new(Session {
            number,
            id: session_id,
            protocol: HeaderValue::from_str(&opened.protocol).ok(),
        });
        let ready = Bytes::from(request::notification("notifications/initialized", None));
        let heard =
            self.send(Method::POST, ready, &session).await.map_err(|error| error.to_string())?;
        if !heard.status().is_success() {
            return Err(format!("it did not take `notifications/initialized`: {}", heard.status()));
        }
        *self.session.lock().unwrap_or_else(PoisonError::into_inner) = session;
        Ok(opened)
    }

    fn aside(self: &Arc<Self>, line: Vec<u8>) {
        let link = Arc::clone(self);
        tokio::spawn(async move {
            let session = link.session();
            let sent = link.send(Method::POST, Bytes::from(line), &session);
            if !matches!(tokio::time::timeout(ASIDE, sent).await, Ok(Ok(_))) {
                tracing::debug!("a message that needs no answer did not arrive");
            }
        });
    }

    async fn send(
        &self,
        method: Method,
        body: Bytes,
        session: &Session,
    ) -> Result<Response<Body>, SendError> {
        let mut request = http::Request::builder()
            .method(method)
            .uri(self.url.clone())
            .header(header::CONTENT_TYPE, "application/json")
            .header(header::ACCEPT, "application/json, text/event-stream");
        if let Some(id) = &session.id {
            request = request.header("mcp-session-id", id);
        }
        if let Some(protocol) = &session.protocol {
            request = request.header("mcp-protocol-version", protocol);
        }
        let request = request
            .body(Full::new(body))
            .map_err(|error| SendError::NotSent { why: error.to_string() })?;
        self.client.request(request).await.map_err(|error| {
            let cause = error.source().map(|it| format!(": {it}")).unwrap_or_default();
            if error.is_connect() {
                SendError::NotSent { why: format!("it cannot be reached{cause}") }
            } else {
                unknown(format!("it did not answer{cause}"))
            }
        })
    }

    fn session(&self) -> Arc<Session> {
        Arc::clone(&self.session.lock().unwrap_or_else(PoisonError::into_inner))
    }
}
