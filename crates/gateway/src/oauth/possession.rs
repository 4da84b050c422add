//! A key that the token is to be bound to (RFC 9449, section 5): proved along with the request.

use bailiwick_connect::{DpopError, DpopRequest};
use bailiwick_model::IdentityId;
use http::HeaderMap;

use super::{
    Oauth,
    refusal::{Code, TokenRefusal},
};
use crate::door::dpop_proof;

impl Oauth {
    /// Gives the thumbprint of the key that a token is asked for with; none where no proof comes along.
    /// Whoever asks has proved who it is: the proof counts against it, and against nobody else.
    pub(super) fn possession(
        &self,
        headers: &HeaderMap,
        who: &IdentityId,
    ) -> Result<Option<String>, TokenRefusal> {
        let proof = match dpop_proof(headers) {
            Ok(None) => return Ok(None),
            Ok(Some(proof)) => proof,
            Err(()) => return Err(Code::InvalidDpop.says("a request has one `DPoP` header")),
        };
        let address = format!("{}/oauth2/token", self.mint.issuer());
        let request = DpopRequest { method: "POST", address: &address, token: None };
        let now = self.now();
        let verified = self.dpop.verify(proof, request, now);
        match verified.and_then(|it| self.dpop.use_up(it, who, now)) {
            Ok(key) => Ok(Some(key)),
            Err(error @ DpopError::NeedsNonce) => {
                let refusal = Code::UseNonce.says(error.to_string());
                Err(refusal.with_nonce(self.dpop.nonce(now)))
            }
            Err(error) => Err(Code::InvalidDpop.says(error.to_string())),
        }
    }
}
