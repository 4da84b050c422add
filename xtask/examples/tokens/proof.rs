//! Proofs of possession (DPoP, RFC 9449) as a client of somebody else's makes them.

use aws_lc_rs::{
    rand::SystemRandom,
    signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair as _},
};
use bailiwick_connect::DpopRequest;
use bailiwick_model::{Digest, Timestamp};
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use serde_json::{Value, json};

/// A client's key.
pub(crate) struct Holder {
    pair: EcdsaKeyPair,
    jwk: Value,
}

impl Holder {
    /// Makes a key.
    pub(crate) fn new() -> anyhow::Result<Self> {
        let pair = EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING)?;
        // 4, then both halves of the point.
        let point = pair.public_key().as_ref();
        let half = |from: usize| {
            let bytes: Vec<u8> = point.iter().skip(from).take(32).copied().collect();
            URL_SAFE_NO_PAD.encode(bytes)
        };
        let jwk = json!({ "kty": "EC", "crv": "P-256", "x": half(1), "y": half(33) });
        Ok(Self { pair, jwk })
    }

    /// Proves that this key's holder makes `request`.
    pub(crate) fn proof(
        &self,
        request: DpopRequest<'_>,
        id: u32,
        now: Timestamp,
    ) -> anyhow::Result<String> {
        let part = |it: &Value| URL_SAFE_NO_PAD.encode(it.to_string());
        let header = json!({ "typ": "dpop+jwt", "alg": "ES256", "jwk": self.jwk });
        let digest = |it: &str| URL_SAFE_NO_PAD.encode(Digest::of(it.as_bytes()).as_bytes());
        let claims = json!({
            "htm": request.method, "htu": request.address, "ath": request.token.map(digest),
            "iat": now.seconds(), "jti": format!("proof-{id}"),
        });
        let signed = format!("{}.{}", part(&header), part(&claims));
        let signature = self.pair.sign(&SystemRandom::new(), signed.as_bytes())?;
        Ok(format!("{signed}.{}", URL_SAFE_NO_PAD.encode(signature)))
    }
}
