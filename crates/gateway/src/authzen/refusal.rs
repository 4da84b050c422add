//! A question that is not answered: an HTTP error with a sentence, as the specification has it.

use axum::response::{IntoResponse, Response};
use http::{HeaderValue, StatusCode, header};

/// What programs read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Code {
    /// The question cannot be read.
    BadRequest,
    /// Nothing proves who asks.
    Unauthorized,
    /// Whoever asks was led here by somebody else.
    Forbidden,
    /// There is more of it than is read.
    TooLarge,
    /// So much of this enforcement point is under way already.
    TooMany,
    /// It cannot be written down now.
    NoEvidence,
    /// Something of ours is broken.
    Broken,
}

/// Why a question is not answered.
#[derive(Debug)]
pub(super) struct Refusal {
    pub(super) code: Code,
    pub(super) text: String,
}

impl Code {
    const fn status(self) -> StatusCode {
        match self {
            Self::BadRequest => StatusCode::BAD_REQUEST,
            Self::Unauthorized => StatusCode::UNAUTHORIZED,
            Self::Forbidden => StatusCode::FORBIDDEN,
            Self::TooLarge => StatusCode::PAYLOAD_TOO_LARGE,
            Self::TooMany => StatusCode::TOO_MANY_REQUESTS,
            Self::NoEvidence | Self::Broken => StatusCode::INTERNAL_SERVER_ERROR,
        }
    }

    /// Refuses with a sentence for people.
    pub(super) fn says(self, text: impl Into<String>) -> Refusal {
        Refusal { code: self, text: text.into() }
    }
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        let head = [
            (header::CONTENT_TYPE, "text/plain; charset=utf-8"),
            (header::CACHE_CONTROL, "no-store"),
        ];
        let mut response = (self.code.status(), head, self.text).into_response();
        let more = match self.code {
            Code::Unauthorized => Some((header::WWW_AUTHENTICATE, "Bearer realm=\"authzen\"")),
            Code::TooMany => Some((header::RETRY_AFTER, "1")),
            Code::BadRequest
            | Code::Forbidden
            | Code::TooLarge
            | Code::NoEvidence
            | Code::Broken => None,
        };
        if let Some((name, value)) = more {
            response.headers_mut().insert(name, HeaderValue::from_static(value));
        }
        response
    }
}
