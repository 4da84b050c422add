//! Coming in: the right host, a proved caller, a body that ends.

use std::{sync::Arc, time::Duration};

use axum::body::{Body, to_bytes};
use bailiwick_connect::{Audience, TokenError, Verified};
use bytes::Bytes;
use http::{HeaderMap, Request, StatusCode, header};

use super::{Door, LIMITS};
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
        let token = bearer(headers).ok_or_else(|| turned_away(None))?;
        let desk = self.lane.desk();
        let verified = self.verifier.verify(token, audience, desk.now(), &|it| desk.generation(it));
        match verified {
            Ok(caller) => Ok(caller),
            // True once: the kernel says what became of the task, and that goes on record.
            Err(TokenError::Stale(caller)) => Ok(caller),
            // A token that ended with its task: what ended is the task, and the agent is told so.
            Err(TokenError::Expired(caller)) if desk.has_ended(&caller.task) => Ok(caller),
            Err(error) => Err(turned_away(Some(&error))),
        }
    }

    /// A browser that was tricked into calling here names another host or origin.
    fn check_host(&self, headers: &HeaderMap) -> Result<(), Refused> {
        let named =
            |name| headers.get(name).map(|it| it.to_str().unwrap_or("?").to_ascii_lowercase());
        let known = |host: &str| self.hosts.iter().any(|it| it == host);
        let forbidden = |what: &str| {
            Refused::new(
                StatusCode::FORBIDDEN,
                INVALID_REQUEST,
                format!("this {what} is not answered here"),
            )
        };
        if named(header::HOST).is_some_and(|host| !known(&host)) {
            return Err(forbidden("`Host`"));
        }
        let origin = named(header::ORIGIN);
        let origin = origin.as_deref().map(|it| it.split_once("://").map_or(it, |(_, host)| host));
        if origin.is_some_and(|host| !known(host)) {
            return Err(forbidden("`Origin`"));
        }
        Ok(())
    }
}

fn bearer(headers: &HeaderMap) -> Option<&str> {
    let mut values = headers.get_all(header::AUTHORIZATION).iter();
    let (value, None) = (values.next()?.to_str().ok()?, values.next()) else { return None };
    let (scheme, token) = value.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| token.trim())
}

/// Turns away a caller without a token that counts (RFC 6750, section 3).
fn turned_away(error: Option<&TokenError>) -> Turned {
    let (why, challenge) = match error {
        None => ("a task token is needed: `bailiwick task open`".to_owned(), "Bearer".to_owned()),
        Some(error) => {
            let why = error.to_string();
            let plain = why.replace(['"', '\\'], "'");
            (why, format!("Bearer error=\"invalid_token\", error_description=\"{plain}\""))
        }
    };
    let refused = Refused::new(StatusCode::UNAUTHORIZED, INVALID_REQUEST, why);
    Turned { refused, challenge: Some(challenge) }
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
