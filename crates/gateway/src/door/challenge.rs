//! What a caller is told whose token does not count here, and where to get one that does
//! (RFC 6750 section 3, RFC 9728 section 5.1).

use bailiwick_connect::{Audience, DPOP_ALGORITHMS, DpopError, Issuer, TokenError};
use http::StatusCode;

use super::enter::Turned;
use crate::{
    jsonrpc::{Refused, code::INVALID_REQUEST},
    meter,
};

/// Turns away a caller without a token for `asked`.
pub(super) fn turned_away(issuer: &Issuer, asked: &Audience, error: Option<&TokenError>) -> Turned {
    meter::turned_away(error);
    let (status, why, code) = match error {
        None => {
            let text = "a task token is needed: `bailiwick task open`, or `POST /oauth2/token`";
            (StatusCode::UNAUTHORIZED, text.to_owned(), None)
        }
        // The token is good, and not for this: another one is to be had.
        Some(error @ TokenError::OtherServer) => {
            (StatusCode::FORBIDDEN, error.to_string(), Some("insufficient_scope"))
        }
        Some(error @ TokenError::Proof(why)) => {
            let needed = *why == DpopError::NeedsNonce;
            let code = if needed { "use_dpop_nonce" } else { "invalid_dpop_proof" };
            (StatusCode::UNAUTHORIZED, error.to_string(), Some(code))
        }
        Some(error) => (StatusCode::UNAUTHORIZED, error.to_string(), Some("invalid_token")),
    };
    let by_key =
        matches!(error, Some(TokenError::Bound | TokenError::OtherKey | TokenError::Proof(_)));
    let mut challenge = if by_key { "DPoP " } else { "Bearer " }.to_owned();
    if let Some(code) = code {
        let plain = why.replace(['"', '\\'], "'");
        challenge.push_str(&format!("error=\"{code}\", error_description=\"{plain}\", "));
    }
    let (scope, metadata) = (asked.scope(), issuer.metadata(asked));
    challenge.push_str(&format!("scope=\"{scope}\", resource_metadata=\"{metadata}\""));
    if by_key {
        let signs: Vec<_> = DPOP_ALGORITHMS.iter().map(|it| it.as_str()).collect();
        challenge.push_str(&format!(", algs=\"{}\"", signs.join(" ")));
    }
    let refused = Refused::new(status, INVALID_REQUEST, why);
    Turned { refused, challenge: Some(challenge), nonce: None }
}
