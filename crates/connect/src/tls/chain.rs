//! A certificate, those above it, and its key, as they lie in PEM files.

use std::{
    fs,
    io::Read as _,
    path::{Path, PathBuf},
    time::Duration,
};

use bailiwick_model::Timestamp;
use rustls::{
    CertificateError, Error, RootCertStore,
    client::{verify_server_cert_signed_by_trust_anchor, verify_server_name},
    pki_types::{
        CertificateDer, PrivateKeyDer, ServerName, UnixTime,
        pem::{Error as PemError, PemObject as _},
    },
    server::ParsedCertificate,
};
use zeroize::Zeroizing;

use super::{TlsError, provider};
use crate::private::{PrivateError, read_private};

/// The largest file of certificates: a system's authorities fit.
const CERTIFICATES_MAX: u64 = 2 << 20;
/// The largest file of a key.
const KEY_MAX: u64 = 64 << 10;
/// How many certificates a chain may have.
const CHAIN_MAX: usize = 16;

/// Where a certificate and its key lie.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TlsFiles {
    /// The certificate, and after it those that lead to an authority (PEM).
    pub certificate: PathBuf,
    /// Its private key (PEM).
    pub key: PathBuf,
    /// The authorities whose certificates clients may show, where they are asked for some (PEM).
    pub client_ca: Option<PathBuf>,
}

/// What the files hold.
pub(super) struct Chain {
    pub(super) certificates: Vec<CertificateDer<'static>>,
    pub(super) key: PrivateKeyDer<'static>,
}

impl Chain {
    /// Reads both files. The key must be for our account alone, wherever links lead to it.
    pub(super) fn read(files: &TlsFiles) -> Result<Self, TlsError> {
        let certificates = certificates(&files.certificate)?;
        if CHAIN_MAX < certificates.len() {
            let (path, why) = (files.certificate.clone(), "its chain is too long".to_owned());
            return Err(TlsError::Unusable { path, why });
        }
        let real = fs::canonicalize(&files.key).map_err(PrivateError::io("read", &files.key))?;
        let text = Zeroizing::new(read_private(&real, KEY_MAX)?);
        let key = PrivateKeyDer::from_pem_slice(text.as_bytes())
            .map_err(|_| TlsError::NoKey { path: files.key.clone() })?;
        Ok(Self { certificates, key })
    }

    /// Says whether the certificate is in its time at `now`.
    pub(super) fn check_time(&self, path: &Path, now: Timestamp) -> Result<(), TlsError> {
        let Some((first, above)) = self.certificates.split_first() else {
            return Err(TlsError::NoCertificate { path: path.to_owned() });
        };
        let unusable = |error: Error| {
            let (path, why) = (path.to_owned(), error.to_string());
            TlsError::Unusable { path, why }
        };
        let parsed = ParsedCertificate::try_from(first).map_err(unusable)?;
        // The chain itself is taken as trusted: who believes it is for clients to say, and its time
        // is looked at before anything else.
        let mut roots = RootCertStore::empty();
        roots.add_parsable_certificates(self.certificates.last().cloned());
        let since = Duration::from_millis(u64::try_from(now.millis()).unwrap_or_default());
        let moment = UnixTime::since_unix_epoch(since);
        let all = provider().signature_verification_algorithms.all;
        match verify_server_cert_signed_by_trust_anchor(&parsed, &roots, above, moment, all) {
            Err(Error::InvalidCertificate(
                CertificateError::Expired | CertificateError::ExpiredContext { .. },
            )) => Err(TlsError::Expired { path: path.to_owned() }),
            Err(Error::InvalidCertificate(
                CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. },
            )) => Err(TlsError::NotYet { path: path.to_owned() }),
            Ok(()) | Err(_) => Ok(()),
        }
    }

    /// Says whether the certificate is for `host`.
    pub(super) fn names(&self, host: &str) -> bool {
        let host = host.trim_start_matches('[').trim_end_matches(']');
        let parsed = self.certificates.first().and_then(|it| ParsedCertificate::try_from(it).ok());
        let name = ServerName::try_from(host).ok();
        parsed.zip(name).is_some_and(|(parsed, name)| verify_server_name(&parsed, &name).is_ok())
    }
}

/// Reads all certificates of a file.
pub(super) fn certificates(path: &Path) -> Result<Vec<CertificateDer<'static>>, TlsError> {
    let bytes = read(path)?;
    let read: Result<Vec<_>, PemError> = CertificateDer::pem_slice_iter(&bytes).collect();
    let found = read.map_err(|error| {
        let (path, why) = (path.to_owned(), format!("it is no PEM: {error}"));
        TlsError::Unusable { path, why }
    })?;
    if found.is_empty() {
        return Err(TlsError::NoCertificate { path: path.to_owned() });
    }
    Ok(found)
}

fn read(path: &Path) -> Result<Vec<u8>, TlsError> {
    let unreadable =
        |why: &dyn ToString| TlsError::Unreadable { path: path.to_owned(), why: why.to_string() };
    // A pipe or a device would block or never end.
    if !fs::metadata(path).map_err(|error| unreadable(&error))?.is_file() {
        return Err(unreadable(&"it is not a file"));
    }
    let file = fs::File::open(path).map_err(|error| unreadable(&error))?;
    let mut bytes = Vec::new();
    let mut bounded = file.take(CERTIFICATES_MAX.saturating_add(1));
    bounded.read_to_end(&mut bytes).map_err(|error| unreadable(&error))?;
    if CERTIFICATES_MAX < u64::try_from(bytes.len()).unwrap_or(u64::MAX) {
        return Err(unreadable(&"it is larger than 2 MiB"));
    }
    Ok(bytes)
}
