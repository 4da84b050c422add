//! What the token is to be bound to: a key that is proved along with the request (RFC 9449, section 5),
//! or the certificate that the client connected with (RFC 8705, section 3).

use bailiwick_connect::{Binding, DpopError, DpopRequest};
use bailiwick_model::IdentityId;

use super::{
    Oauth, Sent,
    refusal::{Code, TokenRefusal},
};
use crate::door::dpop_proof;

impl Oauth {
    /// Gives what a token is asked for with; nothing where neither a proof comes along nor a certificate
    /// was shown. A proof says what is wanted, so it goes before the certificate.
    /// Whoever asks has proved who it is: the proof counts against it, and against nobody else.
    pub(super) fn possession(
        &self,
        sent: &Sent,
        who: &IdentityId,
    ) -> Result<Option<Binding>, TokenRefusal> {
        let certificate = || sent.certificate.as_ref().map(|it| it.thumbprint().to_owned());
        let proof = match dpop_proof(&sent.headers) {
            Ok(None) => return Ok(certificate().map(Binding::Certificate)),
            Ok(Some(proof)) => proof,
            Err(()) => return Err(Code::InvalidDpop.says("a request has one `DPoP` header")),
        };
        let address = format!("{}/oauth2/token", self.mint.issuer());
        let request = DpopRequest { method: "POST", address: &address, token: None };
        let now = self.now();
        let verified = self.dpop.verify(proof, request, now);
        match verified.and_then(|it| self.dpop.use_up(it, who, now)) {
            Ok(key) => Ok(Some(Binding::Key(key))),
            Err(error @ DpopError::NeedsNonce) => {
                let refusal = Code::UseNonce.says(error.to_string());
                Err(refusal.with_nonce(self.dpop.nonce(now)))
            }
            Err(error) => Err(Code::InvalidDpop.says(error.to_string())),
        }
    }
}
