//! A no of the token endpoint, in the words of RFC 6749 section 5.2, RFC 8707 and RFC 9396.

use std::collections::BTreeSet;

use axum::{
    body::Body,
    response::{IntoResponse, Response},
};
use bailiwick_connect::ProofError;
use bailiwick_model::{Reason, ReasonCode};
use http::{HeaderValue, StatusCode, header};
use serde_json::json;

use super::answer;
use crate::{DeskError, MintingError, OpenError, door::DPOP_NONCE};

/// The longest description that is sent.
const TEXT_MAX: usize = 600;

/// What programs read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Code {
    /// The request itself is not right.
    InvalidRequest,
    /// Nothing proves who asks.
    InvalidClient,
    /// The task that it names, or the one above, is not there for this client.
    InvalidGrant,
    /// This client may not have it.
    UnauthorizedClient,
    /// Another grant type than ours.
    UnsupportedGrantType,
    /// Scopes that the resource does not have.
    InvalidScope,
    /// A resource that is not ours, or not this client's.
    InvalidTarget,
    /// The details say something that cannot be granted.
    InvalidDetails,
    /// The proof of a key proves nothing.
    InvalidDpop,
    /// The proof of a key needs a nonce of ours.
    UseNonce,
    /// It cannot be written down now.
    Unavailable,
    /// Something of ours failed.
    ServerError,
}

impl Code {
    const fn as_str(self) -> &'static str {
        match self {
            Self::InvalidRequest => "invalid_request",
            Self::InvalidClient => "invalid_client",
            Self::InvalidGrant => "invalid_grant",
            Self::UnauthorizedClient => "unauthorized_client",
            Self::UnsupportedGrantType => "unsupported_grant_type",
            Self::InvalidScope => "invalid_scope",
            Self::InvalidTarget => "invalid_target",
            Self::InvalidDetails => "invalid_authorization_details",
            Self::InvalidDpop => "invalid_dpop_proof",
            Self::UseNonce => "use_dpop_nonce",
            Self::Unavailable => "temporarily_unavailable",
            Self::ServerError => "server_error",
        }
    }

    const fn status(self) -> StatusCode {
        match self {
            Self::InvalidClient => StatusCode::UNAUTHORIZED,
            Self::Unavailable => StatusCode::SERVICE_UNAVAILABLE,
            Self::ServerError => StatusCode::INTERNAL_SERVER_ERROR,
            Self::InvalidRequest
            | Self::InvalidGrant
            | Self::UnauthorizedClient
            | Self::UnsupportedGrantType
            | Self::InvalidScope
            | Self::InvalidTarget
            | Self::InvalidDpop
            | Self::UseNonce
            | Self::InvalidDetails => StatusCode::BAD_REQUEST,
        }
    }

    /// Refuses with a sentence for people.
    pub(super) fn says(self, text: impl Into<String>) -> TokenRefusal {
        TokenRefusal { code: self, text: text.into(), reasons: Vec::new(), nonce: None }
    }
}

/// Why no token is given.
#[derive(Debug)]
pub(super) struct TokenRefusal {
    pub(super) code: Code,
    text: String,
    /// What the decision said, where it was one.
    reasons: Vec<Reason>,
    /// The nonce for the next proof.
    nonce: Option<String>,
}

impl TokenRefusal {
    /// Gives the nonce for the next proof along.
    pub(super) fn with_nonce(self, nonce: String) -> Self {
        Self { nonce: Some(nonce), ..self }
    }

    /// Refuses a proof under another code; what is our own fault stays that.
    pub(super) fn under(self, code: Code) -> Self {
        match self.code {
            Code::ServerError | Code::Unavailable => self,
            Code::InvalidRequest
            | Code::InvalidClient
            | Code::InvalidGrant
            | Code::UnauthorizedClient
            | Code::UnsupportedGrantType
            | Code::InvalidScope
            | Code::InvalidTarget
            | Code::InvalidDpop
            | Code::UseNonce
            | Code::InvalidDetails => Self { code, ..self },
        }
    }

    /// Refuses what the kernel refused: by what the client could change about it.
    pub(super) fn decided(reasons: BTreeSet<Reason>) -> Self {
        let texts: Vec<_> = reasons.iter().map(|it| it.text.as_str()).collect();
        let text = format!("the task was not opened: {}", texts.join("; "));
        let code = reasons.iter().map(|it| code_of(it.code)).min_by_key(|it| rank(*it));
        let code = code.unwrap_or(Code::UnauthorizedClient);
        Self { code, text, reasons: reasons.into_iter().collect(), nonce: None }
    }
}

/// Says what a reason means to a client.
fn code_of(reason: ReasonCode) -> Code {
    if matches!(reason, ReasonCode::BadParam | ReasonCode::GrantError) {
        return Code::InvalidDetails;
    }
    let passes = [
        ReasonCode::NoSuchTask,
        ReasonCode::TaskEnded,
        ReasonCode::PastDeadline,
        ReasonCode::Idle,
        ReasonCode::OutsideCalendar,
        ReasonCode::TooManyOpen,
        ReasonCode::OverBudget,
    ];
    if passes.contains(&reason) { Code::InvalidGrant } else { Code::UnauthorizedClient }
}

/// Orders codes: what no other wish would change comes first.
fn rank(code: Code) -> usize {
    [Code::UnauthorizedClient, Code::InvalidDetails].iter().position(|it| *it == code).unwrap_or(2)
}

impl From<ProofError> for TokenRefusal {
    fn from(error: ProofError) -> Self {
        Code::InvalidClient.says(error.to_string())
    }
}

impl From<DeskError> for TokenRefusal {
    fn from(error: DeskError) -> Self {
        tracing::error!(%error, "a token request could not be written down");
        Code::Unavailable.says("the evidence cannot be written, so nothing is granted")
    }
}

impl From<OpenError> for TokenRefusal {
    fn from(error: OpenError) -> Self {
        match error {
            OpenError::Refused(reasons) | OpenError::Held(reasons) => Self::decided(reasons),
            OpenError::TurnedAway { .. } => Code::Unavailable.says(error.to_string()),
            OpenError::Desk(error) => error.into(),
        }
    }
}

impl From<MintingError> for TokenRefusal {
    fn from(error: MintingError) -> Self {
        match error {
            MintingError::Mint(error) => Code::InvalidGrant.says(error.to_string()),
            MintingError::Contained(_) => Code::InvalidGrant.says(error.to_string()),
            MintingError::Desk(error) => error.into(),
        }
    }
}

impl IntoResponse for TokenRefusal {
    fn into_response(self) -> Response {
        let mut body =
            json!({"error": self.code.as_str(), "error_description": described(&self.text)});
        if let (Some(body), false) = (body.as_object_mut(), self.reasons.is_empty()) {
            body.insert("reasons".to_owned(), json!(self.reasons));
        }
        let mut response = answer::json(self.code.status(), Body::from(body.to_string()));
        if let Some(nonce) = self.nonce.and_then(|it| it.parse().ok()) {
            response.headers_mut().insert(DPOP_NONCE, nonce);
        }
        if self.code == Code::InvalidClient {
            // An answer of 401 names a scheme; assertions are bearer assertions (RFC 7521).
            let challenge = HeaderValue::from_static("Bearer error=\"invalid_client\"");
            response.headers_mut().insert(header::WWW_AUTHENTICATE, challenge);
        }
        response
    }
}

/// Keeps to the characters that a description may hold (RFC 6749, section 5.2).
fn described(text: &str) -> String {
    let plain = |it: char| match it {
        '"' => '\'',
        '\\' => '/',
        ' '..='~' => it,
        _ => '?',
    };
    text.chars().take(TEXT_MAX).map(plain).collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn of_several_reasons_the_one_that_no_other_wish_would_change_is_told() {
        let reason = |code| Reason::new(code, "x", "y");
        for (codes, wanted) in [
            (vec![ReasonCode::BadParam, ReasonCode::OutsideCharter], Code::UnauthorizedClient),
            (vec![ReasonCode::TooManyOpen, ReasonCode::BadParam], Code::InvalidDetails),
            (vec![ReasonCode::NoSuchTask], Code::InvalidGrant),
            (vec![ReasonCode::Contained], Code::UnauthorizedClient),
            (vec![], Code::UnauthorizedClient),
        ] {
            let reasons = codes.iter().copied().map(reason).collect();
            assert_eq!(TokenRefusal::decided(reasons).code, wanted, "{codes:?}");
        }
    }

    proptest! {
        #[test]
        fn a_description_holds_only_what_it_may(text in "\\PC{0,700}") {
            let said = described(&text);
            prop_assert!(said.len() <= TEXT_MAX);
            prop_assert!(said.bytes().all(|it| (0x20..0x7F).contains(&it) && it != b'"' && it != b'\\'));
        }
    }
}
