//! Whose certificates clients may show: asked for, never demanded, and believed by the authorities that
//! the configuration names.
//!
//! A handshake takes a certificate that any of them vouches for, and refuses every other. What a
//! certificate proves is found out when it is used, by the one authority that may say so.

use std::{path::Path, sync::Arc, time::Duration};

use bailiwick_model::Timestamp;
use rustls::{
    CertificateError, DigitallySignedStruct, DistinguishedName, Error, RootCertStore,
    SignatureScheme,
    client::danger::HandshakeSignatureValid,
    crypto::{verify_tls12_signature, verify_tls13_signature},
    pki_types::{CertificateDer, UnixTime},
    server::{
        WebPkiClientVerifier,
        danger::{ClientCertVerified, ClientCertVerifier},
    },
};

use super::{TlsError, chain, provider};
use crate::{attest::Attestor, certificate::Leaf};

/// Certificates of authorities, and what they vouch for.
#[derive(Clone, Debug)]
pub(crate) struct Authorities(Arc<dyn ClientCertVerifier>);

impl Authorities {
    /// Believes these; none where not one of them can be used.
    pub(crate) fn of<'a>(
        certificates: impl IntoIterator<Item = CertificateDer<'a>>,
    ) -> Option<Self> {
        let mut roots = RootCertStore::empty();
        roots.add_parsable_certificates(certificates);
        if roots.is_empty() {
            return None;
        }
        let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider());
        verifier.build().ok().map(Self)
    }

    /// Believes those in a PEM file: all of them can be used.
    pub(super) fn of_file(path: &Path) -> Result<Self, TlsError> {
        let unusable = |why: String| TlsError::Unusable { path: path.to_owned(), why };
        let certificates = chain::certificates(path)?;
        let mut roots = RootCertStore::empty();
        for certificate in &certificates {
            roots.add(certificate.clone()).map_err(|error| unusable(error.to_string()))?;
        }
        Self::of(certificates).ok_or_else(|| unusable("it holds no authority".to_owned()))
    }

    /// Says whether they vouch for a certificate, with those that came along, at `now`.
    pub(crate) fn vouch_for(
        &self,
        (certificate, above): (&CertificateDer<'_>, &[CertificateDer<'_>]),
        now: Timestamp,
    ) -> Result<(), Error> {
        let since = Duration::from_millis(u64::try_from(now.millis()).unwrap_or_default());
        let now = UnixTime::since_unix_epoch(since);
        self.0.verify_client_cert(certificate, above, now).map(drop)
    }
}

/// Asks clients for certificates.
#[derive(Debug)]
pub(super) struct Asking {
    /// The authorities of `client_ca`.
    pub(super) authorities: Option<Authorities>,
    /// Who knows the authorities of trust domains.
    pub(super) attestor: Option<Arc<Attestor>>,
}

impl ClientCertVerifier for Asking {
    fn client_auth_mandatory(&self) -> bool {
        false
    }

    /// Hints at none: authorities of trust domains come and go.
    fn root_hint_subjects(&self) -> &[DistinguishedName] {
        &[]
    }

    fn verify_client_cert(
        &self,
        certificate: &CertificateDer<'_>,
        above: &[CertificateDer<'_>],
        now: UnixTime,
    ) -> Result<ClientCertVerified, Error> {
        if Leaf::read(certificate).is_none() {
            return Err(CertificateError::BadEncoding.into());
        }
        let now = Timestamp::default().after(Duration::from_secs(now.as_secs()));
        let mut refused = CertificateError::UnknownIssuer.into();
        if let Some(authorities) = &self.authorities {
            match authorities.vouch_for((certificate, above), now) {
                Ok(()) => return Ok(ClientCertVerified::assertion()),
                Err(error) => refused = error,
            }
        }
        match self.attestor.as_ref().map(|it| it.knows_of((certificate, above), now)) {
            Some(Ok(())) => Ok(ClientCertVerified::assertion()),
            Some(Err(error)) if is_stranger(&refused) => Err(error),
            Some(Err(_)) | None => Err(refused),
        }
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let all = provider().signature_verification_algorithms;
        verify_tls12_signature(message, certificate, signed, &all)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let all = provider().signature_verification_algorithms;
        verify_tls13_signature(message, certificate, signed, &all)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        provider().signature_verification_algorithms.supported_schemes()
    }
}

/// Says whether a certificate was refused because nobody known signed it. Authorities often keep their
/// name when they change their key.
pub(crate) fn is_stranger(error: &Error) -> bool {
    use CertificateError::{BadSignature, UnknownIssuer};
    matches!(error, Error::InvalidCertificate(UnknownIssuer | BadSignature))
}
