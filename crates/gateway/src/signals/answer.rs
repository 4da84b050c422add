//! A telling that is not taken, in the words of RFC 8935, section 2.3 and 2.4.

use axum::response::{IntoResponse, Response};
use bailiwick_connect::EventError;
use http::{HeaderValue, StatusCode, header};
use serde_json::json;

/// What programs read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Code {
    /// It cannot be read, or is no security event token.
    InvalidRequest,
    /// Nothing proves who tells.
    AuthenticationFailed,
    /// Whoever tells was led here by somebody else.
    AccessDenied,
    /// What the verifier says.
    Of(&'static str),
}

/// Why a telling is not taken.
#[derive(Debug)]
pub(super) struct Refusal {
    status: StatusCode,
    code: Code,
    text: String,
    /// After how many seconds it may come again.
    again: Option<u64>,
}

impl Code {
    const fn as_str(self) -> &'static str {
        match self {
            Self::InvalidRequest => "invalid_request",
            Self::AuthenticationFailed => "authentication_failed",
            Self::AccessDenied => "access_denied",
            Self::Of(code) => code,
        }
    }

    /// Refuses with a sentence for people.
    pub(super) fn says(self, text: impl Into<String>) -> Refusal {
        Refusal { status: StatusCode::BAD_REQUEST, code: self, text: text.into(), again: None }
    }
}

impl Refusal {
    /// Gives what programs read.
    pub(super) const fn code(&self) -> &'static str {
        self.code.as_str()
    }

    /// Gives what people read.
    pub(super) fn text(&self) -> &str {
        &self.text
    }

    /// Refuses what may come again later, as so much comes now.
    pub(super) fn too_many(again: u64) -> Self {
        let refusal = Code::AccessDenied.says("too much at once: come again later");
        Self { status: StatusCode::TOO_MANY_REQUESTS, again: Some(again), ..refusal }
    }

    /// Refuses what may come again later, as something of ours is not there.
    pub(super) fn unavailable(text: &str) -> Self {
        let refusal = Code::InvalidRequest.says(text);
        Self { status: StatusCode::SERVICE_UNAVAILABLE, again: Some(5), ..refusal }
    }
}

impl From<EventError> for Refusal {
    fn from(error: EventError) -> Self {
        Code::Of(error.code()).says(error.to_string())
    }
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        let head = [
            (header::CONTENT_TYPE, "application/json"),
            (header::CONTENT_LANGUAGE, "en"),
            (header::CACHE_CONTROL, "no-store"),
        ];
        let body = json!({"err": self.code.as_str(), "description": self.text});
        let mut response = (self.status, head, body.to_string()).into_response();
        if let Some(again) = self.again {
            response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(again));
        }
        response
    }
}
