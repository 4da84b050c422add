//! Why a secret is not to be had, or the vault does not open.

use std::{path::PathBuf, sync::Arc};

use bailiwick_model::SecretName;

use crate::{private::PrivateError, random::RandomError};

/// What went wrong with a secret, or with what they are kept by. No text holds anything of a value.
#[derive(Clone, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum VaultError {
    /// There is none of this name.
    #[error("there is no secret `{name}`: set it with `bailiwick secret set {name}`")]
    Unknown {
        /// Which.
        name: SecretName,
    },
    /// There is one already.
    #[error(
        "there is a secret `{name}` already: give it its next value with `bailiwick secret rotate {name}`"
    )]
    Exists {
        /// Which.
        name: SecretName,
    },
    /// What should be the next value is the one it has.
    #[error("`{name}` has this value already: nothing was rotated")]
    Same {
        /// Which.
        name: SecretName,
    },
    /// The record is there and does not open.
    #[error("what is kept as `{name}` cannot be opened: {why}")]
    Broken {
        /// Which.
        name: String,
        /// What is wrong with it.
        why: &'static str,
    },
    /// Nothing was given.
    #[error("an empty text is no secret")]
    Empty,
    /// More than fits.
    #[error("a secret has {max} bytes at most, and this has {len}")]
    TooLong {
        /// How long it is.
        len: usize,
        /// How long it may be.
        max: usize,
    },
    /// No more are kept.
    #[error("there are {max} secrets, and no more are kept")]
    TooMany {
        /// How many there may be.
        max: usize,
    },
    /// A file whose name no secret could have.
    #[error("`{}` is no secret of ours: take it out of there", path.display())]
    Stranger {
        /// Which.
        path: PathBuf,
    },
    /// The key that wraps is not to be had.
    #[error("the key of the secrets is not to be had: {why}")]
    Key {
        /// What was seen.
        why: String,
    },
    /// A file cannot be read or written.
    #[error(transparent)]
    Private(Arc<PrivateError>),
    /// The operating system or the cryptographic provider fails.
    #[error(transparent)]
    Random(#[from] RandomError),
}

impl From<PrivateError> for VaultError {
    fn from(error: PrivateError) -> Self {
        Self::Private(Arc::new(error))
    }
}
