//! What goes wrong with a request for a person: problem details (RFC 9457) of the profile's types.

use axum::response::{IntoResponse, Response};
use http::{StatusCode, header};
use serde_json::json;

use crate::desk::{AskError, CancelError};

/// What programs read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Type {
    /// The request cannot be read.
    Unreadable,
    /// What was answered was no hold, or more is asked for at once than one.
    NotRequestable,
    /// It was held too long ago, or under other policies.
    ExpiredDenial,
    /// What is asked for is not what was held.
    InvalidDenialBinding,
    /// A person was asked for it already.
    DuplicateRequest,
    /// There is no such request of whoever asks.
    UnknownTask,
    /// It no longer waits.
    InvalidTaskState,
    /// So many wait already.
    TooMany,
    /// It cannot be written down now.
    NoEvidence,
}

/// Why nobody was asked.
#[derive(Debug)]
pub(in super::super) struct Problem {
    pub(super) kind: Type,
    detail: String,
}

impl Type {
    const fn parts(self) -> (StatusCode, Option<&'static str>, &'static str) {
        match self {
            Self::Unreadable => (StatusCode::BAD_REQUEST, None, "the request cannot be read"),
            Self::NotRequestable => {
                (StatusCode::BAD_REQUEST, Some("not_requestable"), "nobody can be asked for this")
            }
            Self::ExpiredDenial => {
                (StatusCode::GONE, Some("expired_denial"), "the answer is too old")
            }
            Self::InvalidDenialBinding => (
                StatusCode::BAD_REQUEST,
                Some("invalid_denial_binding"),
                "this is not what was answered",
            ),
            Self::DuplicateRequest => {
                (StatusCode::CONFLICT, Some("duplicate_request"), "a person was asked already")
            }
            Self::UnknownTask => {
                (StatusCode::NOT_FOUND, Some("unknown_task"), "there is no such request")
            }
            Self::InvalidTaskState => {
                (StatusCode::CONFLICT, Some("invalid_task_state"), "it no longer waits")
            }
            Self::TooMany => (StatusCode::TOO_MANY_REQUESTS, None, "too many requests wait"),
            Self::NoEvidence => {
                (StatusCode::INTERNAL_SERVER_ERROR, None, "the evidence cannot be written")
            }
        }
    }

    /// Says what is wrong, in a sentence for people.
    pub(super) fn says(self, detail: impl Into<String>) -> Problem {
        Problem { kind: self, detail: detail.into() }
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let (status, name, title) = self.kind.parts();
        let kind = name.map_or_else(
            || "about:blank".to_owned(),
            |it| format!("urn:openid:authzen:access-request:error:{it}"),
        );
        let body =
            json!({"type": kind, "title": title, "status": status.as_u16(), "detail": self.detail});
        let head = [
            (header::CONTENT_TYPE, "application/problem+json"),
            (header::CACHE_CONTROL, "no-store"),
        ];
        (status, head, body.to_string()).into_response()
    }
}

impl From<AskError> for Problem {
    fn from(error: AskError) -> Self {
        let kind = match &error {
            AskError::Twice => Type::DuplicateRequest,
            AskError::TooMany => Type::TooMany,
            AskError::Desk(_) => Type::NoEvidence,
        };
        kind.says(error.to_string())
    }
}

impl From<CancelError> for Problem {
    fn from(error: CancelError) -> Self {
        let kind = match &error {
            CancelError::Unknown => Type::UnknownTask,
            CancelError::Over => Type::InvalidTaskState,
            CancelError::Desk(_) => Type::NoEvidence,
        };
        kind.says(error.to_string())
    }
}
