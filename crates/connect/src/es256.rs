//! ES256 keys (ECDSA on P-256 with SHA-256): made, written, read, used.
//!
//! Only `jsonwebtoken`'s signature routines are used. What a token's text must look like is judged
//! by our own reader, which is stricter.

use std::{collections::BTreeMap, fmt};

use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED, ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair,
    ParsedPublicKey,
};
use bailiwick_model::{Digest, Json};
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey, crypto};
use zeroize::Zeroizing;

use crate::{pem, secret::Secret};

/// The one DER form of a P-256 public key up to its point (RFC 5480: id-ecPublicKey, prime256v1,
/// a bit string of 66 bytes).
const SPKI_P256: [u8; 26] = [
    0x30, 0x59, 0x30, 0x13, 0x06, 0x07, 0x2A, 0x86, 0x48, 0xCE, 0x3D, 0x02, 0x01, 0x06, 0x08, 0x2A,
    0x86, 0x48, 0xCE, 0x3D, 0x03, 0x01, 0x07, 0x03, 0x42, 0x00,
];

/// An ES256 key could not be made, read or used.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum KeyError {
    /// The text holds no private P-256 key.
    #[error("not a private P-256 key: expected PKCS#8 between `-----BEGIN PRIVATE KEY-----` lines")]
    NotPrivate,
    /// The text holds no public P-256 key.
    #[error("not a public P-256 key: expected it between `-----BEGIN PUBLIC KEY-----` lines")]
    NotPublic,
    /// The cryptographic provider failed.
    #[error("the key could not be made or used")]
    Provider,
}

/// The private half.
pub(crate) struct Es256Key {
    pkcs8: Zeroizing<Vec<u8>>,
    signing: EncodingKey,
    public: Es256PublicKey,
}

impl Es256Key {
    /// Makes a new key.
    pub(crate) fn generate() -> Result<Self, KeyError> {
        let pair = EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING);
        let document = pair.and_then(|it| it.to_pkcs8v1()).map_err(|_| KeyError::Provider)?;
        Self::from_pkcs8(Zeroizing::new(document.as_ref().to_vec())).ok_or(KeyError::Provider)
    }

    /// Reads a PKCS#8 PEM.
    pub(crate) fn from_pem(text: &str) -> Result<Self, KeyError> {
        pem::read("PRIVATE KEY", text).and_then(Self::from_pkcs8).ok_or(KeyError::NotPrivate)
    }

    fn from_pkcs8(pkcs8: Zeroizing<Vec<u8>>) -> Option<Self> {
        let pair = EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &pkcs8).ok()?;
        let public = Es256PublicKey::from_point(pair.public_key().as_ref())?;
        Some(Self { signing: EncodingKey::from_ec_der(&pkcs8), pkcs8, public })
    }

    /// Writes a PKCS#8 PEM.
    pub(crate) fn to_pem(&self) -> Secret {
        Secret::from(pem::write("PRIVATE KEY", &self.pkcs8))
    }

    pub(crate) const fn public(&self) -> &Es256PublicKey {
        &self.public
    }

    /// Signs `message`; gives base64url.
    pub(crate) fn sign(&self, message: &str) -> Result<String, KeyError> {
        crypto::sign(message.as_bytes(), &self.signing, Algorithm::ES256)
            .map_err(|_| KeyError::Provider)
    }
}

impl fmt::Debug for Es256Key {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "Es256Key({}, ***)", self.public.thumbprint())
    }
}

/// The public half.
#[derive(Clone)]
pub(crate) struct Es256PublicKey {
    point: [u8; 65],
    verifying: DecodingKey,
}

impl Es256PublicKey {
    /// Reads an SPKI PEM.
    pub(crate) fn from_pem(text: &str) -> Result<Self, KeyError> {
        pem::read("PUBLIC KEY", text)
            .and_then(|der| Self::from_point(der.strip_prefix(&SPKI_P256)?))
            .ok_or(KeyError::NotPublic)
    }

    /// Takes an uncompressed point, which must lie on the curve.
    fn from_point(point: &[u8]) -> Option<Self> {
        let point: [u8; 65] = point.try_into().ok()?;
        ParsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, point).ok()?;
        Some(Self { point, verifying: DecodingKey::from_ec_der(&point) })
    }

    /// Writes an SPKI PEM.
    pub(crate) fn to_pem(&self) -> String {
        let der: Vec<u8> = SPKI_P256.iter().chain(&self.point).copied().collect();
        pem::write("PUBLIC KEY", &der).to_string()
    }

    /// Says whether `signature` (base64url) is this key's over `message`.
    pub(crate) fn verify(&self, message: &str, signature: &str) -> bool {
        crypto::verify(signature, message.as_bytes(), &self.verifying, Algorithm::ES256)
            .unwrap_or(false)
    }

    /// Gives the members of the key's JWK, all but its name and use.
    pub(crate) fn jwk(&self) -> BTreeMap<String, Json> {
        let (x, y) = self.point.get(1..).and_then(|it| it.split_at_checked(32)).unwrap_or_default();
        let member = |name: &str, value: String| (name.to_owned(), Json::Text(value));
        [
            member("crv", "P-256".to_owned()),
            member("kty", "EC".to_owned()),
            member("x", URL_SAFE_NO_PAD.encode(x)),
            member("y", URL_SAFE_NO_PAD.encode(y)),
        ]
        .into()
    }

    /// Gives the key's name: its RFC 7638 thumbprint.
    pub(crate) fn thumbprint(&self) -> String {
        // The canonical text of the four required members is what RFC 7638 digests.
        let members = Json::Object(self.jwk()).canonical();
        URL_SAFE_NO_PAD.encode(Digest::of(members.as_bytes()).as_bytes())
    }
}

impl fmt::Debug for Es256PublicKey {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "Es256PublicKey({})", self.thumbprint())
    }
}

#[cfg(test)]
mod tests {
    use aws_lc_rs::signature::{ECDSA_P384_SHA384_FIXED_SIGNING, Ed25519KeyPair};
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_key_survives_its_pem_and_still_signs() {
        let key = Es256Key::generate().unwrap();
        let again = Es256Key::from_pem(key.to_pem().expose()).unwrap();
        let public = Es256PublicKey::from_pem(&key.public().to_pem()).unwrap();
        let signature = again.sign("hello").unwrap();
        assert!(public.verify("hello", &signature));
        assert!(!public.verify("hellp", &signature));
        assert_eq!(public.thumbprint(), again.public().thumbprint());
        assert_eq!(public.thumbprint().len(), 43);
    }

    #[test]
    fn another_curve_or_algorithm_is_refused() {
        let p384 = EcdsaKeyPair::generate(&ECDSA_P384_SHA384_FIXED_SIGNING).unwrap();
        let text = pem::write("PRIVATE KEY", p384.to_pkcs8v1().unwrap().as_ref());
        assert_eq!(Es256Key::from_pem(&text).unwrap_err(), KeyError::NotPrivate);
        let edwards = Ed25519KeyPair::generate().unwrap().to_pkcs8v1().unwrap();
        let text = pem::write("PRIVATE KEY", edwards.as_ref());
        assert_eq!(Es256Key::from_pem(&text).unwrap_err(), KeyError::NotPrivate);
    }

    #[test]
    fn a_point_off_the_curve_is_refused() {
        let key = Es256Key::generate().unwrap();
        let mut der: Vec<u8> = SPKI_P256.iter().chain(&key.public().point).copied().collect();
        *der.last_mut().unwrap() ^= 1;
        let text = pem::write("PUBLIC KEY", &der);
        assert_eq!(Es256PublicKey::from_pem(&text).unwrap_err(), KeyError::NotPublic);
    }

    #[test]
    fn a_private_key_is_not_taken_for_a_public_one_or_the_reverse() {
        let key = Es256Key::generate().unwrap();
        assert!(Es256PublicKey::from_pem(key.to_pem().expose()).is_err());
        assert!(Es256Key::from_pem(&key.public().to_pem()).is_err());
    }

    #[test]
    fn the_private_half_is_never_printed() {
        let key = Es256Key::generate().unwrap();
        let printed = format!("{key:?} {:?}", key.public());
        for line in key.to_pem().expose().lines().filter(|it| !it.starts_with('-')) {
            assert!(!printed.contains(line));
        }
        assert!(printed.contains("***"));
    }

    proptest! {
        #[test]
        fn garbage_between_the_lines_is_refused(der in proptest::collection::vec(any::<u8>(), 0..200)) {
            prop_assert!(Es256Key::from_pem(&pem::write("PRIVATE KEY", &der)).is_err());
            prop_assert!(Es256PublicKey::from_pem(&pem::write("PUBLIC KEY", &der)).is_err());
        }
    }
}
