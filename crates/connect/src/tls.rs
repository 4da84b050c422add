//! TLS with rustls on aws-lc-rs: what the listener shows, and whom the gateway believes.

mod chain;
mod clients;
mod listener;
mod trust;

use std::{path::PathBuf, sync::Arc};

use rustls::crypto::CryptoProvider;

pub use chain::TlsFiles;
pub(crate) use clients::{Authorities, is_stranger};
pub use listener::ListenerTls;
pub use trust::ServerTrust;

use crate::private::PrivateError;

/// A certificate or key cannot be used. No message ever holds a part of a key.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TlsError {
    /// A file cannot be read.
    #[error("`{path}` cannot be read: {why}")]
    Unreadable {
        /// Which file.
        path: PathBuf,
        /// What the operating system said.
        why: String,
    },
    /// A file holds no certificate.
    #[error("`{path}` holds no certificate: expected `-----BEGIN CERTIFICATE-----` lines")]
    NoCertificate {
        /// Which file.
        path: PathBuf,
    },
    /// A file holds no key, or a sealed one.
    #[error("`{path}` holds no private key that can be used without a passphrase")]
    NoKey {
        /// Which file.
        path: PathBuf,
    },
    /// Others may read the key.
    #[error(transparent)]
    Private(#[from] PrivateError),
    /// Certificate and key are not a pair.
    #[error("the certificate in `{certificate}` is not for the key in `{key}`")]
    OtherKey {
        /// Where the certificate is.
        certificate: PathBuf,
        /// Where the key is.
        key: PathBuf,
    },
    /// Its time is over.
    #[error("the certificate in `{path}` has expired")]
    Expired {
        /// Where it is.
        path: PathBuf,
    },
    /// Its time has not come.
    #[error("the certificate in `{path}` is not valid yet: check the clock")]
    NotYet {
        /// Where it is.
        path: PathBuf,
    },
    /// TLS cannot be spoken with it.
    #[error("`{path}` cannot be used: {why}")]
    Unusable {
        /// Which file.
        path: PathBuf,
        /// What is wrong with it.
        why: String,
    },
    /// The operating system trusts nobody.
    #[error("this system has no certificates of authorities: name a `ca` file")]
    NoAuthorities,
}

/// The one provider of cryptography, with its suites: TLS 1.3, and of 1.2 those with forward
/// secrecy and authenticated encryption.
fn provider() -> Arc<CryptoProvider> {
    Arc::new(rustls::crypto::aws_lc_rs::default_provider())
}

#[cfg(test)]
mod tests;
