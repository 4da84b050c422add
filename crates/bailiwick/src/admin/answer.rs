//! Answers of the admin API: JSON, or problem details (RFC 9457).

use std::collections::BTreeSet;

use axum::{
    body::Body,
    response::{IntoResponse, Response},
};
use bailiwick_gateway::{
    AnswerError, DeskError, EmergencyError, MintingError, OpenError, PinError,
};
use bailiwick_model::Reason;
use bytes::Bytes;
use http::{StatusCode, header};
use serde::{Serialize, de::DeserializeOwned};

use super::wire::Problem;

/// A no, with what the asker can do about it.
#[derive(Debug)]
pub(crate) struct Refused {
    status: StatusCode,
    code: &'static str,
    title: String,
    reasons: Vec<Reason>,
}

/// What a route gives back.
pub(super) type Answer = Result<Response, Refused>;

impl Refused {
    /// Says no.
    pub(crate) fn new(status: StatusCode, code: &'static str, title: &str) -> Self {
        Self { status, code, title: title.to_owned(), reasons: Vec::new() }
    }

    /// Gives the status and the text, for tests of what refuses.
    #[cfg(test)]
    pub(super) fn parts(&self) -> (StatusCode, &str) {
        (self.status, &self.title)
    }

    /// Says no to a decision's reasons.
    pub(super) fn decided(title: &str, reasons: BTreeSet<Reason>) -> Self {
        let reasons = reasons.into_iter().collect();
        Self { status: StatusCode::FORBIDDEN, code: "refused", title: title.to_owned(), reasons }
    }

    /// Says that there is no such thing.
    pub(super) fn unknown(what: &str) -> Self {
        Self::new(StatusCode::NOT_FOUND, "unknown", &format!("there is no {what}"))
    }

    /// Says that something of ours failed.
    pub(crate) fn fault(error: &dyn std::error::Error) -> Self {
        tracing::error!(%error, "an admin request failed");
        Self::new(StatusCode::INTERNAL_SERVER_ERROR, "fault", &error.to_string())
    }
}

impl IntoResponse for Refused {
    fn into_response(self) -> Response {
        let problem = Problem {
            kind: format!("about:blank#{}", self.code),
            title: self.title,
            status: self.status.as_u16(),
            code: self.code.to_owned(),
            reasons: self.reasons,
        };
        let body = serde_json::to_vec(&problem).unwrap_or_default();
        (self.status, [(header::CONTENT_TYPE, "application/problem+json")], Body::from(body))
            .into_response()
    }
}

impl From<DeskError> for Refused {
    fn from(error: DeskError) -> Self {
        tracing::error!(%error, "a change could not be written down");
        Self::new(StatusCode::SERVICE_UNAVAILABLE, "no_evidence", &error.to_string())
    }
}

impl From<OpenError> for Refused {
    fn from(error: OpenError) -> Self {
        match error {
            OpenError::Refused(why) | OpenError::Held(why) => {
                Self::decided("the task was not opened", why)
            }
            OpenError::TurnedAway { .. } => {
                Self::new(StatusCode::TOO_MANY_REQUESTS, "turned_away", &error.to_string())
            }
            OpenError::Desk(error) => error.into(),
        }
    }
}

impl From<EmergencyError> for Refused {
    fn from(error: EmergencyError) -> Self {
        let (status, code) = match error {
            EmergencyError::Desk(error) => return error.into(),
            EmergencyError::Opening(error) => return error.into(),
            EmergencyError::TooMany => (StatusCode::TOO_MANY_REQUESTS, "too_many"),
            EmergencyError::Unknown(_) | EmergencyError::NotWaiting(_) => {
                (StatusCode::NOT_FOUND, "unknown")
            }
            EmergencyError::Same(_) | EmergencyError::Asker(_) => {
                (StatusCode::FORBIDDEN, "own_request")
            }
            EmergencyError::Open(_) => (StatusCode::CONFLICT, "open"),
        };
        Self::new(status, code, &error.to_string())
    }
}

impl From<MintingError> for Refused {
    fn from(error: MintingError) -> Self {
        match error {
            MintingError::Mint(error) => {
                Self::new(StatusCode::CONFLICT, "mint", &error.to_string())
            }
            MintingError::Contained(_) => {
                Self::new(StatusCode::FORBIDDEN, "contained", &error.to_string())
            }
            MintingError::Desk(error) => error.into(),
        }
    }
}

impl From<AnswerError> for Refused {
    fn from(error: AnswerError) -> Self {
        match error {
            AnswerError::Desk(error) => error.into(),
            AnswerError::Unknown(_) => {
                Self::new(StatusCode::NOT_FOUND, "unknown", &error.to_string())
            }
            AnswerError::NotWaiting { .. } => {
                Self::new(StatusCode::CONFLICT, "not_waiting", &error.to_string())
            }
        }
    }
}

impl From<PinError> for Refused {
    fn from(error: PinError) -> Self {
        match error {
            PinError::Desk(error) => error.into(),
            PinError::NotOffered { .. } => {
                Self::new(StatusCode::NOT_FOUND, "not_offered", &error.to_string())
            }
        }
    }
}

/// Answers with JSON.
pub(super) fn json<T: Serialize>(answer: &T) -> Answer {
    let body = serde_json::to_vec(answer).map_err(|error| Refused::fault(&error))?;
    let head = [(header::CONTENT_TYPE, "application/json"), (header::CACHE_CONTROL, "no-store")];
    Ok((head, Body::from(body)).into_response())
}

/// Reads a request's body.
pub(super) fn body<T: DeserializeOwned>(bytes: &Bytes) -> Result<T, Refused> {
    serde_json::from_slice(bytes).map_err(|error| {
        Refused::new(
            StatusCode::BAD_REQUEST,
            "body",
            &format!("the request cannot be read: {error}"),
        )
    })
}

/// Reads one part of a path into its type.
pub(super) fn part<T: std::str::FromStr<Err: std::fmt::Display>>(text: &str) -> Result<T, Refused> {
    text.parse().map_err(|error| Refused::new(StatusCode::BAD_REQUEST, "word", &format!("{error}")))
}
