//! Whom the gateway believes when it speaks TLS to a tool server.

use std::{fmt, path::Path, sync::Arc};

use rustls::{
    ClientConfig, RootCertStore,
    version::{TLS12, TLS13},
};

use super::{TlsError, chain, provider};

/// The authorities whose certificates count, and how TLS is spoken.
#[derive(Clone)]
pub struct ServerTrust(Arc<ClientConfig>);

impl fmt::Debug for ServerTrust {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("ServerTrust")
    }
}

impl ServerTrust {
    /// Believes the authorities that this system believes.
    pub fn system() -> Result<Self, TlsError> {
        let mut roots = RootCertStore::empty();
        roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
        if roots.is_empty() {
            return Err(TlsError::NoAuthorities);
        }
        Self::of(roots, Path::new("the system's certificates"))
    }

    /// Believes the authorities in a PEM file, and nobody else.
    pub fn of_file(path: &Path) -> Result<Self, TlsError> {
        let mut roots = RootCertStore::empty();
        for certificate in chain::certificates(path)? {
            roots.add(certificate).map_err(|error| TlsError::Unusable {
                path: path.to_owned(),
                why: error.to_string(),
            })?;
        }
        Self::of(roots, path)
    }

    /// Believes nobody: for what is reached in the clear.
    pub fn nobody() -> Result<Self, TlsError> {
        Self::of(RootCertStore::empty(), Path::new("nobody"))
    }

    /// Gives how TLS is spoken.
    pub fn config(&self) -> ClientConfig {
        ClientConfig::clone(&self.0)
    }

    fn of(roots: RootCertStore, path: &Path) -> Result<Self, TlsError> {
        let config = ClientConfig::builder_with_provider(provider())
            .with_protocol_versions(&[&TLS13, &TLS12])
            .map_err(|error| TlsError::Unusable { path: path.to_owned(), why: error.to_string() })?
            .with_root_certificates(roots)
            .with_no_client_auth();
        Ok(Self(Arc::new(config)))
    }
}
