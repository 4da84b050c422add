//! Keys of others, which sign whatever a test has them sign.

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use rcgen::{KeyPair, PublicKeyData as _, SigningKey as _};
use serde_json::{Value, json};

/// An ES256 key.
pub(crate) struct Signer(KeyPair);

impl Signer {
    pub(crate) fn new() -> Self {
        Self(KeyPair::generate().unwrap())
    }

    /// Gives the public half as a JWK.
    pub(crate) fn jwk(&self) -> Value {
        let point = self.0.der_bytes();
        let part = |it: &[u8]| URL_SAFE_NO_PAD.encode(it);
        let (x, y) = (part(&point[1..33]), part(&point[33..]));
        json!({"kty": "EC", "crv": "P-256", "x": x, "y": y})
    }

    /// Gives a set with the public half alone.
    pub(crate) fn set(&self, name: &str, purpose: &str) -> String {
        let mut key = self.jwk();
        key["kid"] = json!(name);
        key["use"] = json!(purpose);
        json!({"keys": [key]}).to_string()
    }

    pub(crate) fn sign(&self, header: &Value, claims: &Value) -> String {
        let part = |it: &Value| URL_SAFE_NO_PAD.encode(it.to_string());
        let text = format!("{}.{}", part(header), part(claims));
        let der = self.0.sign(text.as_bytes()).unwrap();
        format!("{text}.{}", URL_SAFE_NO_PAD.encode(fixed(&der)))
    }
}

/// Turns the DER of two numbers into the two numbers, 32 bytes each.
fn fixed(der: &[u8]) -> Vec<u8> {
    let mut rest = &der[2..];
    let mut both = Vec::new();
    for _ in 0..2 {
        let len = usize::from(rest[1]);
        let (number, after) = rest[2..].split_at(len);
        let number = &number[number.len().saturating_sub(32)..];
        both.extend(std::iter::repeat_n(0, 32_usize.saturating_sub(number.len())));
        both.extend(number);
        rest = after;
    }
    both
}
