//! Coming in: the right host, a proved caller, a body that ends.

use std::sync::Arc;

use axum::{body::Body, response::Response};
use bailiwick_connect::{Audience, DpopError, Held, TokenError, Verified};
use bytes::Bytes;
use http::{HeaderMap, Request, StatusCode, header};
use http_body_util::BodyExt as _;

use super::{
    Door, LIMITS,
    challenge::turned_away,
    crowd::Seat,
    possession::{DPOP_NONCE, Scheme, shown},
    sender::Sender,
};
use crate::{
    jsonrpc::Refused,
    limits::BODY_WAIT,
    mcp::headers,
    pieces::Pieces,
    room::{Full, Share},
    upstream::ServerSpec,
};

/// Who came in, with what.
#[derive(Debug)]
pub(super) struct Entered {
    /// The proved caller.
    pub(super) caller: Arc<Verified>,
    /// The headers.
    pub(super) headers: HeaderMap,
    /// The body.
    pub(super) body: Bytes,
    /// What the answer takes of the room for answers.
    pub(super) share: Share,
}

/// Somebody was turned away before anything was asked.
#[derive(Debug)]
pub(super) struct Turned {
    pub(super) refused: Refused,
    pub(super) challenge: Option<String>,
    /// The nonce for the next proof of possession.
    pub(super) nonce: Option<String>,
}

impl Turned {
    /// Gives the nonce for the next proof along with an answer.
    pub(super) fn with_nonce(&self, mut response: Response) -> Response {
        if let Some(nonce) = self.nonce.as_deref().and_then(|it| it.parse().ok()) {
            response.headers_mut().insert(DPOP_NONCE, nonce);
        }
        response
    }
}

impl From<Refused> for Turned {
    fn from(refused: Refused) -> Self {
        Self { refused, challenge: None, nonce: None }
    }
}

const INVALID_REQUEST: i64 = crate::jsonrpc::code::INVALID_REQUEST;

impl Door {
    /// Lets a request in.
    pub(super) async fn enter(
        &self,
        audience: &Audience,
        request: Request<Body>,
    ) -> Result<(Entered, Seat), Turned> {
        let (parts, body) = request.into_parts();
        let caller = self.check_caller(audience, (&parts).into())?;
        self.check_server(audience)?;
        headers::check_post(&parts.headers)?;
        let mut seat = self.crowd.enter(&caller.task)?;
        let share = self.room().begin(&caller).map_err(no_room)?;
        let late = || {
            let text = "the body did not arrive in time";
            Refused::new(StatusCode::REQUEST_TIMEOUT, INVALID_REQUEST, text)
        };
        let arriving = arrived(body, &parts.headers, &mut seat);
        let body = tokio::time::timeout(BODY_WAIT, arriving).await.map_err(|_| late())??;
        self.check_key(audience, &caller)?;
        Ok((Entered { caller, headers: parts.headers, body, share }, seat))
    }

    /// Checks where the request was meant to go, and who sends it.
    pub(super) fn check_caller(
        &self,
        audience: &Audience,
        sender: Sender<'_>,
    ) -> Result<Arc<Verified>, Turned> {
        self.check_host(sender.headers)?;
        let desk = self.lane.desk();
        let turned = |error: Option<&_>| {
            let turned = turned_away(self.verifier.issuer(), audience, error);
            let needed = matches!(error, Some(TokenError::Proof(DpopError::NeedsNonce)));
            Turned { nonce: needed.then(|| self.dpop.nonce(desk.now())), ..turned }
        };
        let (scheme, token) = shown(sender.headers).ok_or_else(|| turned(None))?;
        let held = |it: &Verified| self.held(it, (scheme, token), sender);
        let shown = (audience, &held as &Held<'_>);
        let verified =
            self.verifier.verify_held(token, shown, desk.now(), &|it| desk.generation(it));
        match verified {
            Ok(caller) if caller.exposed && sender.at_home => {
                Ok(Arc::new(Verified { exposed: false, ..Verified::clone(&caller) }))
            }
            Ok(caller) => Ok(caller),
            // True once: the kernel says what became of the task, and that goes on record.
            Err(TokenError::Stale(caller)) => Ok(caller),
            // A token that ended with its task: what ended is the task, and the agent is told so.
            Err(TokenError::Expired(caller)) if desk.has_ended(&caller.task) => Ok(caller),
            Err(error) => Err(turned(Some(&error))),
        }
    }

    /// Checks that the key which a caller was let in by counts still, now that its body is here.
    pub(super) fn check_key(&self, audience: &Audience, caller: &Verified) -> Result<(), Turned> {
        let lost = self.lane.desk().has_lost_key(&caller.credentials);
        let error = Some(&TokenError::UnknownKey);
        if lost { Err(turned_away(self.verifier.issuer(), audience, error)) } else { Ok(()) }
    }

    /// Checks that there is such a server; strangers were turned away before and never learn it.
    pub(super) fn check_server(&self, audience: &Audience) -> Result<(), Refused> {
        match audience {
            Audience::Server(server)
                if self.lane.upstreams().spec(server).is_none_or(ServerSpec::is_web) =>
            {
                Err(Refused::new(StatusCode::NOT_FOUND, INVALID_REQUEST, "no such server"))
            }
            Audience::Route(route) if self.lane.upstreams().web(route).is_none() => {
                Err(Refused::new(StatusCode::NOT_FOUND, INVALID_REQUEST, "no such route"))
            }
            Audience::Server(_) | Audience::Route(_) | Audience::All => Ok(()),
        }
    }

    fn check_host(&self, headers: &HeaderMap) -> Result<(), Refused> {
        match self.hosts.foreign(headers) {
            None => Ok(()),
            Some(what) => {
                let text = format!("this {what} is not answered here");
                Err(Refused::new(StatusCode::FORBIDDEN, INVALID_REQUEST, text))
            }
        }
    }
}

/// Gives the token that is shown as `Authorization: Bearer …` (RFC 6750), where there is exactly one.
pub(crate) fn bearer(headers: &HeaderMap) -> Option<&str> {
    shown(headers).and_then(|(scheme, token)| match scheme {
        Scheme::Bearer => Some(token),
        Scheme::Dpop => None,
    })
}

/// Takes a body to its end, as long as there is room for it.
pub(super) async fn arrived(
    mut body: Body,
    headers: &HeaderMap,
    seat: &mut Seat,
) -> Result<Bytes, Refused> {
    let length = headers.get(header::CONTENT_LENGTH).and_then(|it| it.to_str().ok()?.parse().ok());
    if length.is_some_and(|it: u64| u64::try_from(LIMITS.bytes).is_ok_and(|max| max < it)) {
        return Err(too_large());
    }
    let mut whole = Pieces::None;
    while let Some(frame) = body.frame().await {
        let broke_off =
            |_| Refused::new(StatusCode::BAD_REQUEST, INVALID_REQUEST, "the body broke off");
        let Ok(piece) = frame.map_err(broke_off)?.into_data() else { continue };
        if LIMITS.bytes < whole.size().saturating_add(piece.len()) {
            return Err(too_large());
        }
        seat.keep(piece.len())?;
        whole = whole.and(piece);
    }
    Ok(whole.into_bytes())
}

/// Refuses what cannot be answered for want of room: nothing is asked of anybody then.
pub(super) fn no_room(full: Full) -> Refused {
    Refused::new(full.status(), INVALID_REQUEST, full.to_string())
}

fn too_large() -> Refused {
    let text = format!("the body has more than {} bytes", LIMITS.bytes);
    Refused::new(StatusCode::PAYLOAD_TOO_LARGE, INVALID_REQUEST, text)
}
