//! Why a proof of who someone is was not accepted.

use crate::jws::ShapeError;

/// The proof does not prove it. No message ever holds a part of the proof.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ProofError {
    /// Not a proof of the expected shape.
    #[error(transparent)]
    Shape(#[from] ShapeError),
    /// Not a signed statement, or one that two readers could read differently.
    #[error("the signed statement is malformed: {why}")]
    Malformed {
        /// What is wrong.
        why: &'static str,
    },
    /// It speaks for somebody else.
    #[error("the proof is not one by `{wanted}`")]
    OtherSigner {
        /// Whose proof was needed.
        wanted: String,
    },
    /// No key is registered to check it with.
    #[error("no key is registered for `{signer}`")]
    NoKey {
        /// Who signed.
        signer: String,
    },
    /// No registered key made this signature.
    #[error("no registered key of `{signer}` made this signature")]
    BadSignature {
        /// Who is said to have signed.
        signer: String,
    },
    /// Made for somebody else to read.
    #[error("the proof's `aud` is not exactly `{wanted}`")]
    WrongAudience {
        /// What it must be.
        wanted: String,
    },
    /// Its time is over.
    #[error("the proof has expired: make a new one, or check the clocks")]
    Expired,
    /// Its time has not come.
    #[error("the proof lies in the future: check the clocks")]
    NotYet,
    /// Nobody in the configuration vouches for it.
    #[error("nobody who may vouch for it is configured: see `[[trust]]` and `[[issuer]]`")]
    UnknownTrust,
    /// Its key is not one of those who vouch for it.
    #[error("its key is not among the known keys of whoever is said to vouch for it")]
    UnknownKey,
    /// The key that it names did not sign it.
    #[error("the proof's signature does not fit")]
    ForeignSignature,
    /// The client's certificate is no X.509-SVID of a workload here.
    #[error("the client certificate proves nobody: {why}")]
    Certificate {
        /// What is wrong.
        why: &'static str,
    },
    /// It could be used for longer than a day.
    #[error("the proof would live longer than a day")]
    LivesTooLong,
    /// A person's word could be used for longer than an hour.
    #[error("the grant would live longer than an hour")]
    GrantLivesTooLong,
    /// It is a tenant's that is not the configured one.
    #[error("the grant's `tenant` is not the one that is configured for its issuer")]
    OtherTenant,
    /// It could be used for longer than five minutes.
    #[error("the proof would live longer than 5 minutes")]
    TooLongLived,
    /// Made before this process started, which cannot know whether it was used before.
    #[error("the proof is older than this server's start: make a new one")]
    BeforeStart,
    /// It is dated ahead of this server's clock, and that could not be remembered.
    #[error("the proof is dated ahead of this server's clock, which could not be kept on disk")]
    NotKept,
    /// It was used before.
    #[error("the proof was used before: make a new one")]
    Replayed,
    /// The signer has too many live proofs.
    #[error("too many proofs in the last minutes: wait and try again")]
    TooMany,
}
