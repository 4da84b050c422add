//! The door: HTTP requests in, answers out.
//!
//! Who calls is proved before the body is read; what is asked is read before anything is decided.

mod approve;
mod ask;
mod between;
mod call;
mod challenge;
mod crowd;
mod enter;
mod fitting;
mod health;
mod hold;
mod host;
mod kept;
mod lease;
mod line;
mod list;
mod listen;
mod lists;
mod more;
mod named;
mod opened;
mod parked;
mod parking;
mod possession;
mod question;
mod roots;
mod running;
mod sender;
mod sessions;
mod stream;
mod subscribe;
mod task;
mod tell;
mod view;
mod web;

use std::sync::Arc;

use axum::{
    Router,
    body::Body,
    extract::{Path, State},
    response::{IntoResponse, Response},
    routing::{any, get, post},
};
use bailiwick_connect::{Audience, DpopVerifier, SealKey, TokenVerifier};
use http::{HeaderValue, Request, StatusCode, header};

#[cfg(any(test, fuzzing))]
pub(crate) use self::line::foreign;
use self::{
    ask::Asked, crowd::Crowd, enter::Turned, hold::Holds, kept::Kept, lists::Lists, opened::Opened,
    parking::Parking, roots::Ears, running::Running, sessions::Sessions,
};
pub(crate) use self::{
    enter::bearer,
    host::Hosts,
    possession::{DPOP_NONCE, dpop_proof},
    sender::certificate,
};
pub use self::{hold::HoldParts, lease::lease_router, line::line_router};
use crate::{
    Lane, Listener,
    asks::Asks,
    jsonrpc::{Answer, Refused},
    limits::{MESSAGE as LIMITS, STREAMS, STREAMS_OF_A_TASK},
    mcp::headers,
    places::Places,
    room::Room,
    seam,
};

/// What a door is made of.
#[derive(Debug)]
pub struct DoorParts {
    /// Where calls go.
    pub lane: Arc<Lane>,
    /// Who verifies tokens.
    pub verifier: Arc<TokenVerifier>,
    /// Who verifies proofs of possession.
    pub dpop: Arc<DpopVerifier>,
    /// What seals the session ids of legacy clients.
    pub seal: SealKey,
    /// The values of `Host` that are answered.
    pub hosts: Vec<String>,
    /// How held calls keep their callers.
    pub holds: HoldParts,
}

/// Where agents come in.
#[derive(Debug)]
pub struct Door {
    lane: Arc<Lane>,
    verifier: Arc<TokenVerifier>,
    dpop: Arc<DpopVerifier>,
    seal: SealKey,
    hosts: Hosts,
    running: Arc<Running>,
    crowd: Crowd,
    streams: Places,
    ears: Arc<Ears>,
    holds: Holds,
    asks: Arc<Asks>,
    kept: Arc<Kept>,
    lists: Lists,
    sessions: Sessions,
    opened: Opened,
    parking: Arc<Parking>,
}

impl Door {
    /// Makes the door.
    pub fn new(parts: DoorParts) -> Self {
        let DoorParts { lane, verifier, dpop, seal, hosts, holds } = parts;
        let (hosts, holds) = (Hosts::new(hosts), Holds::new(holds));
        let (running, crowd, asks) = (Arc::default(), Crowd::default(), Arc::default());
        let (streams, kept) = (Places::new(STREAMS_OF_A_TASK, STREAMS), Arc::default());
        let (sessions, opened, parking) = (Sessions::default(), Opened::default(), Arc::default());
        Self {
            lane,
            verifier,
            dpop,
            seal,
            hosts,
            running,
            crowd,
            streams,
            ears: Arc::default(),
            holds,
            asks,
            kept,
            lists: Lists::default(),
            sessions,
            opened,
            parking,
        }
    }
}

/// The routes of the gateway.
pub fn router(door: Arc<Door>) -> Router {
    let mcp = || post(all).get(hear_all).delete(leave_all);
    let one = || post(one).get(hear_one).delete(leave_one);
    Router::new()
        .route("/mcp", mcp())
        .route("/mcp/{server}", one())
        .route("/http/{route}", any(web::ask))
        .route("/http/{route}/", any(web::ask))
        .route("/http/{route}/{*rest}", any(web::ask))
        .route("/approve/{hold}", get(approve::page))
        .route("/healthz", get(health::alive))
        .route("/readyz", get(health::ready))
        .with_state(door)
}

async fn all(State(door): State<Arc<Door>>, request: Request<Body>) -> Response {
    door.take(Audience::All, request).await
}

async fn one(
    State(door): State<Arc<Door>>,
    Path(server): Path<String>,
    request: Request<Body>,
) -> Response {
    match server.parse() {
        Ok(server) => door.take(Audience::Server(server), request).await,
        Err(_) => no_server(),
    }
}

async fn hear_all(State(door): State<Arc<Door>>, request: Request<Body>) -> Response {
    door.hear(Audience::All, request).await
}

async fn hear_one(
    State(door): State<Arc<Door>>,
    Path(server): Path<String>,
    request: Request<Body>,
) -> Response {
    match server.parse() {
        Ok(server) => door.hear(Audience::Server(server), request).await,
        Err(_) => no_server(),
    }
}

async fn leave_all(State(door): State<Arc<Door>>, request: Request<Body>) -> Response {
    door.leave(&Audience::All, &request)
}

async fn leave_one(
    State(door): State<Arc<Door>>,
    Path(server): Path<String>,
    request: Request<Body>,
) -> Response {
    match server.parse() {
        Ok(server) => door.leave(&Audience::Server(server), &request),
        Err(_) => no_server(),
    }
}

/// Answers where the name is none that a server could have.
fn no_server() -> Response {
    (StatusCode::NOT_FOUND, "no such server\n").into_response()
}

impl Door {
    /// Takes one message in and answers it, with a stream where something is said meanwhile.
    async fn take(self: Arc<Self>, audience: Audience, request: Request<Body>) -> Response {
        let (entered, seat) = match self.enter(&audience, request).await {
            Ok(entered) => entered,
            Err(turned) => return turned.into_response(),
        };
        let (listener, notes) = Listener::new();
        let (streams, share) = (headers::prefers_stream(&entered.headers), entered.share.clone());
        // Whoever hangs up leaves a call under way.
        let listener = listener.keeping(seat).sharing(share.clone());
        let answering = Box::pin(async move {
            seam::pass("door");
            match Asked::read(&self, audience, &entered, listener) {
                Ok(asked) => asked.fitting(asked.answer().await),
                Err(refused) => refusal(&refused),
            }
        });
        let answered = stream::answered(notes, answering).await;
        share.until_gone(if streams { stream::alone(answered).await } else { answered })
    }

    /// Gives the room that all answers share.
    fn room(&self) -> &Room {
        self.lane.upstreams().room()
    }

    /// Lets a legacy client leave: what it said of its session is forgotten.
    fn leave(&self, audience: &Audience, request: &Request<Body>) -> Response {
        let caller = self.check_caller(audience, request.into());
        let caller = match caller.and_then(|it| Ok((it, self.check_server(audience)?))) {
            Ok((caller, ())) => caller,
            Err(turned) => return turned.into_response(),
        };
        match request.headers().get(&headers::SESSION) {
            Some(session) => {
                self.sessions.leave(&caller.task, session.to_str().ok());
                StatusCode::NO_CONTENT.into_response()
            }
            None => no_session(),
        }
    }
}

fn no_session() -> Response {
    (StatusCode::METHOD_NOT_ALLOWED, [(header::ALLOW, "POST")], Body::empty()).into_response()
}

/// Writes what could not even be read as a message, or was refused before any decision.
fn refusal(refused: &Refused) -> Response {
    json(refused.http_status, refused.body())
}

/// Writes an answer.
fn answered(answer: &Answer, id: &serde_json::value::RawValue) -> Response {
    json(StatusCode::OK, answer.body(Some(id)))
}

fn json(status: StatusCode, body: Vec<u8>) -> Response {
    let mut response = Response::new(Body::from(body));
    *response.status_mut() = status;
    let head = response.headers_mut();
    head.reserve(4);
    head.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    head.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}

impl IntoResponse for Turned {
    fn into_response(self) -> Response {
        let mut response = refusal(&self.refused);
        if let Some(challenge) = self.challenge.as_deref().and_then(|it| it.parse().ok()) {
            response.headers_mut().insert(header::WWW_AUTHENTICATE, challenge);
        }
        self.with_nonce(response)
    }
}
