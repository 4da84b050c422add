//! Proof that whoever shows a token holds the key that it was minted for (DPoP, RFC 9449).
//!
//! A proof is for one request: this method, this address, this token, now, once. What was used before a
//! start is forgotten by it, so proofs that are not clearly younger need a nonce of ours.

mod seen;

use std::{fmt, time::Duration};

use aws_lc_rs::hmac;
use bailiwick_model::{Digest, IdentityId, Json, Timestamp};
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};

use self::seen::Seen;
use crate::{
    jwk::{Algorithm, ForeignKey},
    jws::{Jws, Parts, ShapeError},
    random::{RandomError, random_bytes},
};

const KIND: &str = "dpop+jwt";
/// How far a proof's date may lie from our time, before it and after it.
const WINDOW: Duration = Duration::from_secs(60);
/// How long a nonce is taken.
const NONCE_LIFE: Duration = Duration::from_secs(5 * 60);
/// The longest `jti`.
const ID_MAX: usize = 256;

/// What a proof may be signed with.
pub const DPOP_ALGORITHMS: &[Algorithm] = &[
    Algorithm::Es256,
    Algorithm::Es384,
    Algorithm::Es512,
    Algorithm::EdDsa,
    Algorithm::Ps256,
    Algorithm::Rs256,
];

/// The request that a proof is to be for.
#[derive(Clone, Copy, Debug)]
pub struct DpopRequest<'a> {
    /// Its method.
    pub method: &'a str,
    /// Its address, as it is called outside, without a query.
    pub address: &'a str,
    /// The token that it shows; none where one is asked for.
    pub token: Option<&'a str>,
}

/// Why a proof proves nothing. No message ever holds a part of it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum DpopError {
    /// Not a proof of the expected shape.
    #[error("the DPoP proof: {0}")]
    Shape(#[from] ShapeError),
    /// It brings no public key that is taken.
    #[error("the DPoP proof's `jwk` is no public key of a kind that is taken")]
    Key,
    /// The key that it brings did not sign it.
    #[error("the DPoP proof's signature does not fit its `jwk`")]
    Signature,
    /// For another request.
    #[error("the DPoP proof is for another request: its `{what}` is not this one's")]
    OtherRequest {
        /// What is not the same.
        what: &'static str,
    },
    /// Too old, or dated ahead.
    #[error("the DPoP proof's `iat` is not within a minute of now: check the clocks")]
    NotNow,
    /// It was used before.
    #[error("the DPoP proof was used before: make a new one for every request")]
    Replayed,
    /// Its holder, or all of them together, prove too much at once.
    #[error("too many DPoP proofs in the last minutes")]
    TooMany,
    /// It wants a nonce of ours, and has none, or one that is too old.
    #[error("the DPoP proof needs the `nonce` that comes with this answer")]
    NeedsNonce,
}

/// A proof that fits its request, and was perhaps used before: only using it up tells.
#[derive(Debug, PartialEq, Eq)]
#[must_use]
pub struct DpopProof {
    key: String,
    id: Digest,
}

impl DpopProof {
    /// Says whether it is one of the key with this thumbprint.
    pub fn is_of(&self, thumbprint: &str) -> bool {
        self.key == thumbprint
    }
}

/// Verifies proofs.
pub struct DpopVerifier {
    started: Timestamp,
    seen: Seen,
    nonces: hmac::Key,
}

impl fmt::Debug for DpopVerifier {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("DpopVerifier(***)")
    }
}

impl DpopVerifier {
    /// Makes the verifier of a process that began at `started`.
    pub fn new(started: Timestamp) -> Result<Self, RandomError> {
        let key = zeroize::Zeroizing::new(random_bytes::<32>()?);
        let nonces = hmac::Key::new(hmac::HMAC_SHA256, &*key);
        Ok(Self { started, seen: Seen::default(), nonces })
    }

    /// Accepts a proof for `request`. Nothing is remembered of it before it is used up.
    pub fn verify(
        &self,
        proof: &str,
        request: DpopRequest<'_>,
        now: Timestamp,
    ) -> Result<DpopProof, DpopError> {
        let Parts { signed, signature, header, claims } = Parts::take(proof)?;
        let key = signed_by(&header, signed, signature)?;
        let jws = Jws { signed, signature, key_id: None, claims };
        let other = |what| Err(DpopError::OtherRequest { what });
        if jws.text("htm")? != request.method {
            return other("htm");
        }
        if bare(jws.text("htu")?) != request.address {
            return other("htu");
        }
        if let Some(token) = request.token {
            let digest = URL_SAFE_NO_PAD.encode(Digest::of(token.as_bytes()).as_bytes());
            if jws.text("ath")? != digest {
                return other("ath");
            }
        }
        let made = jws.moment("iat")?;
        if made.after(WINDOW) < now || now.after(WINDOW) < made {
            return Err(DpopError::NotNow);
        }
        let nonce = jws.claims.get("nonce").map(|_| jws.text("nonce")).transpose()?;
        // What another process took may be dated a minute ahead of its end.
        let needed = made <= self.started.after(WINDOW);
        if nonce.map_or(needed, |it| !self.is_nonce(it, now)) {
            return Err(DpopError::NeedsNonce);
        }
        let id = jws.text("jti")?;
        if ID_MAX < id.len() {
            return Err(ShapeError::Wrong { name: "jti", wanted: "at most 256 bytes" }.into());
        }
        Ok(DpopProof { id: Digest::of(id.as_bytes()), key: key.thumbprint() })
    }

    /// Uses a proof up for `who`, who showed it, and gives the thumbprint of its key (`jkt`). It counts
    /// against nobody else: whoever it is must have proved themselves, and a key that is not theirs be
    /// refused, before this.
    pub fn use_up(
        &self,
        proof: DpopProof,
        who: &IdentityId,
        now: Timestamp,
    ) -> Result<String, DpopError> {
        let DpopProof { key, id } = proof;
        // A key's name is as long as any other's, so no two proofs are one text.
        let name = Digest::of(&[key.as_bytes(), id.as_bytes()].concat());
        self.seen.spend(who, *name.as_bytes(), now)?;
        Ok(key)
    }

    /// Makes a nonce: when it was made, and our word that we made it.
    pub fn nonce(&self, now: Timestamp) -> String {
        let made = now.millis().to_be_bytes();
        let tag = hmac::sign(&self.nonces, &made);
        let tag = tag.as_ref().get(..16).unwrap_or_default();
        URL_SAFE_NO_PAD.encode([&made[..], tag].concat())
    }

    fn is_nonce(&self, nonce: &str, now: Timestamp) -> bool {
        let bytes = URL_SAFE_NO_PAD.decode(nonce).unwrap_or_default();
        let Some((made, _)) = bytes.split_first_chunk::<8>() else { return false };
        let made = Timestamp::from_millis(i64::from_be_bytes(*made));
        let fresh = made <= now && now < made.after(NONCE_LIFE);
        // Whoever guesses has 128 bits to guess, and each guess costs a signature.
        fresh && self.nonce(made) == nonce
    }
}

/// Finds the key that a proof brings along, which must have signed it.
fn signed_by(header: &Json, signed: &str, signature: &str) -> Result<ForeignKey, DpopError> {
    if header.get("typ").and_then(Json::as_text) != Some(KIND) {
        return Err(ShapeError::WrongType { wanted: KIND }.into());
    }
    if header.get("crit").is_some() {
        return Err(ShapeError::Critical.into());
    }
    let algorithm = header.get("alg").and_then(Json::as_text).and_then(Algorithm::named);
    let algorithm = algorithm.filter(|it| DPOP_ALGORITHMS.contains(it));
    let algorithm = algorithm.ok_or(ShapeError::OtherAlgorithm)?;
    let key = header.get("jwk").and_then(ForeignKey::read).ok_or(DpopError::Key)?;
    let malformed = ShapeError::Malformed { why: "its signature is not base64url" };
    let bytes = URL_SAFE_NO_PAD.decode(signature).map_err(|_| malformed)?;
    if key.verify(algorithm, signed.as_bytes(), &bytes) {
        Ok(key)
    } else {
        Err(DpopError::Signature)
    }
}

/// Leaves out query and fragment, which a proof does not cover (RFC 9449, section 4.3).
fn bare(address: &str) -> &str {
    address.split(['?', '#']).next().unwrap_or_default()
}

/// A proof as foreign text.
#[cfg(any(test, fuzzing))]
pub(crate) fn foreign(proof: &str) {
    let now = Timestamp::from_millis(1_800_000_000_000);
    let Ok(verifier) = DpopVerifier::new(now) else { return };
    let request = DpopRequest { method: "POST", address: "http://127.0.0.1:8470/mcp", token: None };
    let _read_or_refused = verifier.verify(proof, request, now);
}

#[cfg(test)]
mod tests;
