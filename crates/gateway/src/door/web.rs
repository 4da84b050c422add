//! Requests to HTTP APIs at the door: read whole, judged as calls, answered as they come.

use std::sync::Arc;

use axum::{
    body::Body,
    extract::{Path, State},
    response::{IntoResponse, Response},
};
use bailiwick_connect::{Audience, Verified};
use bailiwick_model::{Action, DecisionId, ServerName};
use http::{HeaderValue, Request, StatusCode, header, request::Parts};
use tokio::sync::oneshot;

use super::{Door, crowd::Seat, enter, json, no_server, stream::DECISION, view};
use crate::{
    Call, Listener,
    desk::seconds,
    jsonrpc::Refused,
    lane::{Answered, Refusal},
    limits::BODY_WAIT,
    mcp::refusal::Stop,
    web::{self, Came, Outgoing, WebSpec},
};

/// How soon whoever is held may ask again.
const AGAIN: &str = "5";

/// `/http/{route}/…`
pub(super) async fn ask(
    State(door): State<Arc<Door>>,
    Path(parts): Path<Vec<(String, String)>>,
    request: Request<Body>,
) -> Response {
    let route = parts.into_iter().find(|(name, _)| name == "route").map(|(_, it)| it);
    let Some(route) = route.and_then(|it| it.parse::<ServerName>().ok()) else {
        return no_server();
    };
    let prefix = format!("/http/{route}");
    // The name stands there as it is: one that is encoded is another's.
    let Some(path) = request.uri().path().strip_prefix(&prefix).map(str::to_owned) else {
        return no_server();
    };
    match door.asked(&route, &path, request).await {
        Ok(response) => response,
        Err(turned) => turned,
    }
}

/// What was taken in.
struct Taken {
    caller: Arc<Verified>,
    parts: Parts,
    body: bytes::Bytes,
    seat: Seat,
}

impl Door {
    async fn asked(
        &self,
        route: &ServerName,
        path: &str,
        request: Request<Body>,
    ) -> Result<Response, Response> {
        let Taken { caller, parts, body, seat } = self.taken(route, request).await?;
        let spec = self.lane.upstreams().web(route).ok_or_else(no_server)?;
        let path = if path.is_empty() { "/" } else { path };
        let (call, answer) = read_request((route, &spec), (path, &parts), body);
        let (listener, _unheard) = Listener::new();
        let (lane, action) = (Arc::clone(&self.lane), call.action().clone());
        let decision = DecisionId::new(self.lane.desk().ulid());
        let (id, asking) = (decision.clone(), Arc::clone(&caller));
        // Whoever hangs up leaves a call under way: its answer goes on to nobody, and ends there.
        let running =
            tokio::spawn(
                async move { lane.call_as(id, asking, call, listener.keeping(seat)).await },
            );
        let mut response = tokio::select! {
            biased;
            Ok(response) = answer => response,
            ran = running => match ran {
                Ok(answered) => self.told(answered, &caller, &action),
                Err(_) => broke_off(),
            },
        };
        if let Ok(value) = HeaderValue::from_str(decision.as_str()) {
            response.headers_mut().insert(&DECISION, value);
        }
        Ok(response)
    }

    /// Takes a request in: its caller is proved before its body is read.
    async fn taken(&self, route: &ServerName, request: Request<Body>) -> Result<Taken, Response> {
        let (parts, body) = request.into_parts();
        let audience = Audience::Route(route.clone());
        let turned = |turned: enter::Turned| {
            let response = turned_away(&turned.refused, turned.challenge.as_deref());
            turned.with_nonce(response)
        };
        let refused = |it: Refused| turned_away(&it, None);
        let caller = self.check_caller(&audience, (&parts).into()).map_err(turned)?;
        self.check_server(&audience).map_err(refused)?;
        if let Some(wait) = self.lane.desk().turned_away(&caller.identity) {
            return Err(too_often(&caller, seconds(&wait)));
        }
        let mut seat = self.crowd.enter(&caller.task).map_err(refused)?;
        let arriving = enter::arrived(body, &parts.headers, &mut seat);
        let body = tokio::time::timeout(BODY_WAIT, arriving).await;
        let late =
            || problem(StatusCode::REQUEST_TIMEOUT, "late", "the body did not arrive in time");
        let body = body.map_err(|_| late())?.map_err(refused)?;
        self.check_key(&audience, &caller).map_err(turned)?;
        Ok(Taken { caller, parts, body, seat })
    }

    /// Answers where the API did not.
    fn told(&self, answered: Answered, caller: &Verified, action: &Action) -> Response {
        match answered {
            Answered::Refused(refusal) => self.refused_request(refusal, caller, action),
            Answered::Failed(decision, why) => {
                let text = format!("{why} ({decision})");
                problem(StatusCode::BAD_GATEWAY, "no_answer", &text)
            }
            Answered::Cut(_, why) => problem(StatusCode::FORBIDDEN, "cut", &why),
            // An answer that came went another way: nobody waits for it any more.
            Answered::Reply(..) | Answered::GoesOn(_) => broke_off(),
        }
    }

    fn refused_request(&self, refusal: Refusal, caller: &Verified, action: &Action) -> Response {
        let view = view::of(self, refusal, (caller, action));
        let held = matches!(view.stop, Stop::Hold(_));
        let mut response = json(StatusCode::FORBIDDEN, view.body());
        if held {
            let again = HeaderValue::from_static(AGAIN);
            response.headers_mut().insert(header::RETRY_AFTER, again);
        }
        response
    }
}

/// Reads a request as a call, and gives where its answer will come.
fn read_request(
    (route, spec): (&ServerName, &WebSpec),
    (path, parts): (&str, &Parts),
    body: bytes::Bytes,
) -> (Call, oneshot::Receiver<Response>) {
    let (method, query) = (&parts.method, parts.uri.query());
    let came = Came { method, path, query, headers: &parts.headers, body: &body };
    let read = web::read(route, spec, &came);
    let (sender, answer) = oneshot::channel();
    let target = query.map_or_else(|| path.to_owned(), |query| [path, "?", query].concat());
    let going = (read.headers.clone(), body);
    let outgoing = Outgoing::new((method.clone(), target), going, sender);
    let trace = parts.headers.get("traceparent").and_then(|it| it.to_str().ok());
    (Call::of_request(read, outgoing).traced(trace), answer)
}

fn turned_away(refused: &Refused, challenge: Option<&str>) -> Response {
    let code = if challenge.is_some() { "unproved" } else { "refused" };
    let mut response = problem(refused.http_status, code, &refused.message);
    if let Some(challenge) = challenge.and_then(|it| it.parse().ok()) {
        response.headers_mut().insert(header::WWW_AUTHENTICATE, challenge);
    }
    response
}

fn too_often(caller: &Verified, seconds: u64) -> Response {
    let text = format!(
        "`{}` was refused so often that nothing is decided for it now: come back in {seconds} s",
        caller.identity
    );
    let mut response = problem(StatusCode::TOO_MANY_REQUESTS, "turned_away", &text);
    response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(seconds));
    response
}

fn broke_off() -> Response {
    problem(StatusCode::BAD_GATEWAY, "broke_off", "what was asked broke off here")
}

fn problem(status: StatusCode, code: &str, why: &str) -> Response {
    let body = serde_json::json!({"code": code, "why": why});
    json(status, body.to_string().into_bytes()).into_response()
}
