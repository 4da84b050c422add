//! What the listener shows. It can be exchanged while it is in use: connections that are there keep
//! what they began with, and new ones get what is there now.

use std::{
    fmt, fs,
    os::unix::fs::MetadataExt as _,
    path::Path,
    sync::{
        Arc, Mutex, PoisonError, RwLock,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use bailiwick_model::{Digest, Timestamp};
use rustls::{
    Error, ServerConfig,
    server::NoServerSessionStorage,
    version::{TLS12, TLS13},
};

use super::{
    TlsError, TlsFiles,
    chain::{Chain, certificates},
    clients::{Asking, Authorities},
    provider,
};
use crate::attest::Attestor;

/// How long before its end a certificate is said to end soon.
const SOON: Duration = Duration::from_secs(14 * 86_400);

/// The certificate and key of the listener, in force and on disk.
pub struct ListenerTls {
    files: TlsFiles,
    /// Who knows the authorities of trust domains, where workloads are to show certificates.
    attestor: Option<Arc<Attestor>>,
    current: RwLock<Current>,
    /// How the files looked when they were last read.
    read: Mutex<Looks>,
    /// Whether they could not be used then.
    refused: AtomicBool,
}

#[derive(Clone)]
struct Current {
    config: Arc<ServerConfig>,
    /// The certificates, those of clients' authorities included, to tell whether others came.
    digest: Digest,
    ends_soon: bool,
}

/// How the files look from outside: when anything of them changed last, their mode included, their length
/// and their place on disk. They may be missing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Looks([Option<(i64, i64, u64, u64)>; 3]);

/// How often the files are read that are exchanged while they are read.
const TRIES: u8 = 3;

impl fmt::Debug for ListenerTls {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_struct("ListenerTls").field("files", &self.files).finish_non_exhaustive()
    }
}

impl ListenerTls {
    /// Reads the files and checks that TLS can be spoken with them at `now`.
    pub fn load(files: TlsFiles, now: Timestamp) -> Result<Self, TlsError> {
        Self::load_asking(files, None, now)
    }

    /// Does the same, and asks clients for certificates that `attestor` knows of, too.
    pub fn load_asking(
        files: TlsFiles,
        attestor: Option<Arc<Attestor>>,
        now: Timestamp,
    ) -> Result<Self, TlsError> {
        let attestor = attestor.filter(|it| it.knows_domains());
        let (looked, current) = quietly(&files, || Current::load(&files, attestor.as_ref(), now));
        let (read, current) = (Mutex::new(looked), RwLock::new(current?));
        Ok(Self { files, attestor, current, read, refused: AtomicBool::new(false) })
    }

    /// Says whether the certificates in a file are those of authorities that may vouch for clients.
    pub fn check_client_ca(path: &Path) -> Result<(), TlsError> {
        Authorities::of_file(path).map(drop)
    }

    /// Says whether clients are asked for certificates.
    pub const fn asks(&self) -> bool {
        self.files.client_ca.is_some() || self.attestor.is_some()
    }

    /// Gives what a new connection is greeted with.
    pub fn config(&self) -> Arc<ServerConfig> {
        self.current().config
    }

    /// Says whether the certificate in force ends within two weeks of when it was read.
    pub fn ends_soon(&self) -> bool {
        self.current().ends_soon
    }

    /// Says whether the certificate on disk is for `host`.
    pub fn names(&self, host: &str) -> bool {
        Chain::read(&self.files).is_ok_and(|it| it.names(host))
    }

    /// Gives how the files look now, where that is not how they looked when they were last read.
    pub fn changed(&self) -> Option<Looks> {
        let now = looks(&self.files);
        (now != *self.read.lock().unwrap_or_else(PoisonError::into_inner)).then_some(now)
    }

    /// Says whether the files could not be used when they were last read.
    pub fn are_refused(&self) -> bool {
        self.refused.load(Ordering::Relaxed)
    }

    /// Reads the files again and puts them in force, or leaves everything as it is. Says whether
    /// the certificates are others.
    pub fn reload(&self, now: Timestamp) -> Result<bool, TlsError> {
        let attestor = self.attestor.as_ref();
        let (looked, new) = quietly(&self.files, || Current::load(&self.files, attestor, now));
        *self.read.lock().unwrap_or_else(PoisonError::into_inner) = looked;
        self.refused.store(new.is_err(), Ordering::Relaxed);
        let new = new?;
        let mut current = self.current.write().unwrap_or_else(PoisonError::into_inner);
        let other = current.digest != new.digest;
        *current = new;
        Ok(other)
    }

    fn current(&self) -> Current {
        self.current.read().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl Current {
    fn load(
        files: &TlsFiles,
        attestor: Option<&Arc<Attestor>>,
        now: Timestamp,
    ) -> Result<Self, TlsError> {
        let chain = Chain::read(files)?;
        let authorities = files.client_ca.as_deref().map(Authorities::of_file).transpose()?;
        let asks = authorities.is_some() || attestor.is_some();
        chain.check_time(&files.certificate, now)?;
        let ends_soon = chain.check_time(&files.certificate, now.after(SOON)).is_err();
        let clients = files.client_ca.as_deref().map(certificates).transpose()?.unwrap_or_default();
        let all = chain.certificates.iter().chain(&clients);
        let bytes: Vec<u8> = all.flat_map(|it| it.iter().copied()).collect();
        let unusable = |error: Error| TlsError::Unusable {
            path: files.certificate.clone(),
            why: error.to_string(),
        };
        let config = ServerConfig::builder_with_provider(provider())
            .with_protocol_versions(&[&TLS13, &TLS12])
            .map_err(unusable)?;
        let config = if asks {
            let asking = Asking { authorities, attestor: attestor.cloned() };
            config.with_client_cert_verifier(Arc::new(asking))
        } else {
            config.with_no_client_auth()
        };
        let mut config =
            config.with_single_cert(chain.certificates, chain.key).map_err(|error| {
                if matches!(error, Error::InconsistentKeys(_)) {
                    let (certificate, key) = (files.certificate.clone(), files.key.clone());
                    return TlsError::OtherKey { certificate, key };
                }
                unusable(error)
            })?;
        config.alpn_protocols = vec![b"http/1.1".to_vec()];
        if asks {
            // A session that is resumed would bring its certificate along, unlooked at.
            config.session_storage = Arc::new(NoServerSessionStorage {});
        }
        Ok(Self { config: Arc::new(config), digest: Digest::of(&bytes), ends_soon })
    }
}

/// Reads while nobody writes: what was exchanged meanwhile may be half of a file, or halves of two pairs,
/// and is read again. Gives how the files looked before.
pub(super) fn quietly<T>(
    files: &TlsFiles,
    read: impl Fn() -> Result<T, TlsError>,
) -> (Looks, Result<T, TlsError>) {
    let mut before = looks(files);
    for _ in 1..TRIES {
        let came = read();
        let after = looks(files);
        if before == after {
            return (before, came);
        }
        before = after;
    }
    (before, read())
}

pub(super) fn looks(files: &TlsFiles) -> Looks {
    let look = |path: &Path| {
        let found = fs::metadata(path).ok()?;
        Some((found.ctime(), found.ctime_nsec(), found.size(), found.ino()))
    };
    let clients = files.client_ca.as_deref();
    Looks([look(&files.certificate), look(&files.key), clients.and_then(look)])
}
