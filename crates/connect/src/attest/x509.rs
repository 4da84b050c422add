//! X.509-SVIDs: certificates that name a workload, believed by its own trust domain's authorities alone.

use bailiwick_model::{SpiffeId, Timestamp};
use rustls::{CertificateError, Error, pki_types::CertificateDer};

use super::{Attested, Attestor, Vouched};
use crate::{
    certificate::{ClientCertificate, Leaf},
    proof::ProofError,
    tls::is_stranger,
};

impl Attestor {
    /// Accepts a certificate whose key its holder proved: an X.509-SVID in its time, signed by an
    /// authority of its own trust domain.
    pub async fn x509(
        &self,
        certificate: &ClientCertificate,
        now: Timestamp,
    ) -> Result<Vouched, ProofError> {
        let id = workload(&certificate.leaf)?;
        let domain = self.domains.get(id.domain()).ok_or(ProofError::UnknownTrust)?;
        let wrong = |why| ProofError::Certificate { why };
        let chain = certificate.chain().ok_or_else(|| wrong("there is none"))?;
        // As on its way in, and with an authority that came since.
        let mut judged = domain.keys.vouch_for(chain, now);
        if judged.as_ref().is_err_and(is_stranger) {
            domain.keys.read_anew(now).await;
            judged = domain.keys.vouch_for(chain, now);
        }
        match judged {
            Ok(()) if certificate.counts_at(now) => {
                Ok(Vouched { who: Attested::Spiffe(id), once: None })
            }
            Ok(()) => Err(ProofError::Expired),
            Err(Error::InvalidCertificate(it)) => Err(refused(&it)),
            Err(_) => Err(wrong("it cannot be read")),
        }
    }

    /// Says whether some trust domain's authorities vouch for a certificate that is shown in a
    /// handshake. What it proves is another question.
    pub(crate) fn knows_of(
        &self,
        chain: (&CertificateDer<'_>, &[CertificateDer<'_>]),
        now: Timestamp,
    ) -> Result<(), Error> {
        let mut refused = CertificateError::UnknownIssuer.into();
        for domain in self.domains.values() {
            match domain.keys.vouch_for(chain, now) {
                Ok(()) => return Ok(()),
                Err(error) if !is_stranger(&error) => refused = error,
                Err(_) => {}
            }
        }
        // Perhaps its own trust domain has an authority that was not heard of yet.
        let named = Leaf::read(chain.0).and_then(|it| workload(&it).ok());
        if let Some(domain) = named.and_then(|it| self.domains.get(it.domain())) {
            domain.keys.note_stranger();
        }
        Err(refused)
    }

    /// Says whether workloads can be vouched for at all.
    pub fn knows_domains(&self) -> bool {
        !self.domains.is_empty()
    }
}

/// Reads the workload that a certificate names, by the rules of X.509-SVIDs (sections 2 to 5.2).
fn workload(leaf: &Leaf) -> Result<SpiffeId, ProofError> {
    let wrong = |why| ProofError::Certificate { why };
    let [uri] = leaf.uris.as_slice() else {
        return Err(wrong("it has not exactly one name that is a URI"));
    };
    let id = uri.as_deref().and_then(|it| it.parse::<SpiffeId>().ok());
    let id = id.ok_or_else(|| wrong("its URI is no SPIFFE ID of a workload"))?;
    if leaf.is_authority {
        return Err(wrong("it is one of an authority"));
    }
    match leaf.usage {
        Some(usage) if !usage.critical => Err(wrong("its key usage is not critical")),
        Some(usage) if usage.signs_for_others => {
            Err(wrong("its key may sign certificates or lists"))
        }
        Some(usage) if usage.signs => Ok(id),
        Some(_) | None => Err(wrong("its key usage does not allow `digitalSignature`")),
    }
}

fn refused(error: &CertificateError) -> ProofError {
    use CertificateError as E;
    let wrong = |why| ProofError::Certificate { why };
    if matches!(error, E::Expired | E::ExpiredContext { .. }) {
        ProofError::Expired
    } else if matches!(error, E::NotValidYet | E::NotValidYetContext { .. }) {
        ProofError::NotYet
    } else if matches!(error, E::UnknownIssuer | E::BadSignature) {
        wrong("no authority of its own trust domain vouches for it")
    } else if matches!(error, E::InvalidPurpose | E::InvalidPurposeContext { .. }) {
        wrong("it is not for clients")
    } else {
        wrong("its chain does not hold")
    }
}

#[cfg(test)]
mod tests;
