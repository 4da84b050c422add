//! Whether whoever shows a token holds what it is bound to: a key that the request proves (RFC 9449,
//! section 7), or the certificate of the connection (RFC 8705, section 3).

use bailiwick_connect::{Binding, DpopRequest, TokenError, Verified};
use http::{HeaderMap, HeaderName, header};

use super::{Door, sender::Sender};
use crate::mcp::headers;

/// Where the nonce for the next proof comes.
pub(crate) const DPOP_NONCE: HeaderName = HeaderName::from_static("dpop-nonce");
const DPOP: HeaderName = HeaderName::from_static("dpop");

/// How a token is shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Scheme {
    /// Whoever has it may show it (RFC 6750).
    Bearer,
    /// With a proof of its key.
    Dpop,
}

/// Gives the token that `Authorization` shows, where there is exactly one.
pub(super) fn shown(sent: &HeaderMap) -> Option<(Scheme, &str)> {
    let mut values = sent.get_all(header::AUTHORIZATION).iter();
    let (value, None) = (headers::text(values.next()?)?, values.next()) else { return None };
    let (scheme, token) = value.split_once(' ')?;
    let scheme = if scheme.eq_ignore_ascii_case("bearer") {
        Scheme::Bearer
    } else if scheme.eq_ignore_ascii_case("dpop") {
        Scheme::Dpop
    } else {
        return None;
    };
    Some((scheme, token.trim()))
}

/// Gives the proof that comes along, where one does; two are none.
pub(crate) fn dpop_proof(sent: &HeaderMap) -> Result<Option<&str>, ()> {
    let mut values = sent.get_all(DPOP).iter();
    match (values.next(), values.next()) {
        (None, _) => Ok(None),
        (Some(one), None) => headers::text(one).map(Some).ok_or(()),
        (Some(_), Some(_)) => Err(()),
    }
}

impl Door {
    /// Says whether a token, bound to a key or to none, may be shown as it is in this request.
    pub(super) fn held(
        &self,
        shown: &Verified,
        (scheme, token): (Scheme, &str),
        Sender { method, path, headers, certificate, .. }: Sender<'_>,
    ) -> Result<(), TokenError> {
        let now = self.lane.desk().now();
        let bound = match (&shown.bound, scheme) {
            (None, Scheme::Bearer) => return Ok(()),
            (None, Scheme::Dpop) => return Err(TokenError::NotBound),
            (Some(Binding::Certificate(bound)), Scheme::Bearer) => {
                let shown = certificate.filter(|it| it.counts_at(now));
                let same = shown.is_some_and(|it| it.thumbprint() == bound);
                return if same { Ok(()) } else { Err(TokenError::OtherCertificate) };
            }
            (Some(Binding::Certificate(_)), Scheme::Dpop) => {
                return Err(TokenError::OtherCertificate);
            }
            (Some(Binding::Key(_)), Scheme::Bearer) => return Err(TokenError::Bound),
            (Some(Binding::Key(bound)), Scheme::Dpop) => bound,
        };
        let Ok(Some(proof)) = dpop_proof(headers) else { return Err(TokenError::Bound) };
        // As it is called outside; a proof does not cover the query.
        let address = format!("{}{path}", self.verifier.issuer());
        let request =
            DpopRequest { method: method.as_str(), address: &address, token: Some(token) };
        let proof = self.dpop.verify(proof, request, now)?;
        // Keys cost nothing: one that opens nothing must not take room, either.
        if !proof.is_of(bound) {
            return Err(TokenError::OtherKey);
        }
        self.dpop.use_up(proof, &shown.identity, now)?;
        Ok(())
    }
}
