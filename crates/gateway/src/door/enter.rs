//! Coming in: the right host, a proved caller, a body that ends.

use std::{sync::Arc, time::Duration};

use axum::body::{Body, to_bytes};
use bailiwick_connect::{Audience, TokenError, Verified};
use bytes::Bytes;
use http::{HeaderMap, Request, StatusCode, header};

use super::{Door, LIMITS, challenge::turned_away};
use crate::{jsonrpc::Refused, mcp::headers};

/// How long a body may take to arrive.
const BODY_WAIT: Duration = Duration::from_secs(30);

/// Who came in, with what.
#[derive(Debug)]
pub(super) struct Entered {
    /// The proved caller.
    pub(super) caller: Arc<Verified>,
    /// The headers.
    pub(super) headers: HeaderMap,
    /// The body.
    pub(super) body: Bytes,
}

/// Somebody was turned away before anything was asked.
#[derive(Debug)]
pub(super) struct Turned {
    pub(super) refused: Refused,
    pub(super) challenge: Option<String>,
}

impl From<Refused> for Turned {
    fn from(refused: Refused) -> Self {
        Self { refused, challenge: None }
    }
}

const INVALID_REQUEST: i64 = crate::jsonrpc::code::INVALID_REQUEST;

impl Door {
    /// Lets a request in.
    pub(super) async fn enter(
        &self,
        audience: &Audience,
        request: Request<Body>,
    ) -> Result<Entered, Turned> {
        let (parts, body) = request.into_parts();
        let caller = self.check_caller(audience, &parts.headers)?;
        self.check_server(audience)?;
        headers::check_post(&parts.headers)?;
        let late = || {
            Refused::new(
                StatusCode::REQUEST_TIMEOUT,
                INVALID_REQUEST,
                "the body did not arrive in time",
            )
        };
        let body = tokio::time::timeout(BODY_WAIT, to_bytes(body, LIMITS.bytes))
            .await
            .map_err(|_| late())?
            .map_err(|_| too_large(&parts.headers))?;
        Ok(Entered { caller, headers: parts.headers, body })
    }

    /// Checks where the request was meant to go, and who sends it.
    pub(super) fn check_caller(
        &self,
        audience: &Audience,
        headers: &HeaderMap,
    ) -> Result<Arc<Verified>, Turned> {
        self.check_host(headers)?;
        let turned = |error: Option<&_>| turned_away(self.verifier.issuer(), audience, error);
        let token = bearer(headers).ok_or_else(|| turned(None))?;
        let desk = self.lane.desk();
        let verified = self.verifier.verify(token, audience, desk.now(), &|it| desk.generation(it));
        match verified {
            Ok(caller) => Ok(caller),
            // True once: the kernel says what became of the task, and that goes on record.
            Err(TokenError::Stale(caller)) => Ok(caller),
            // A token that ended with its task: what ended is the task, and the agent is told so.
            Err(TokenError::Expired(caller)) if desk.has_ended(&caller.task) => Ok(caller),
            Err(error) => Err(turned(Some(&error))),
        }
    }

    /// Checks that there is such a server; strangers were turned away before and never learn it.
    pub(super) fn check_server(&self, audience: &Audience) -> Result<(), Refused> {
        match audience {
            Audience::Server(server) if self.lane.upstreams().spec(server).is_none() => {
                Err(Refused::new(StatusCode::NOT_FOUND, INVALID_REQUEST, "no such server"))
            }
            Audience::Server(_) | Audience::All => Ok(()),
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

fn bearer(headers: &HeaderMap) -> Option<&str> {
    let mut values = headers.get_all(header::AUTHORIZATION).iter();
    let (value, None) = (values.next()?.to_str().ok()?, values.next()) else { return None };
    let (scheme, token) = value.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| token.trim())
}

/// A body that could not be read to its end was too large, or broke off.
fn too_large(headers: &HeaderMap) -> Refused {
    let said =
        headers.get(header::CONTENT_LENGTH).and_then(|it| it.to_str().ok()?.parse::<usize>().ok());
    let max = LIMITS.bytes;
    match said {
        Some(len) if len <= max => {
            Refused::new(StatusCode::BAD_REQUEST, INVALID_REQUEST, "the body broke off")
        }
        Some(_) | None => Refused::new(
            StatusCode::PAYLOAD_TOO_LARGE,
            INVALID_REQUEST,
            format!("the body has more than {max} bytes"),
        ),
    }
}
