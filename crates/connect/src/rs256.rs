//! An RS256 key (RSA of 2048 bits, PKCS#1 1.5, SHA-256): what others are told is signed with it, as the
//! Shared Signals profile knows no other algorithm. No token of ours is.

use std::{collections::BTreeMap, fmt, path::Path};

use aws_lc_rs::{
    encoding::{AsDer as _, Pkcs8V1Der},
    rand::SystemRandom,
    rsa::{KeyPair, KeySize},
    signature::{KeyPair as _, RSA_PKCS1_SHA256},
};
use bailiwick_model::{Digest, Json};
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use zeroize::Zeroizing;

use crate::{
    KeyError, PrivateError, pem,
    private::{create_private, read_private, write_private},
};

/// The longest file that is looked at.
const FILE_MAX: u64 = 16 << 10;

/// A private RSA key, and what its public half is called.
pub struct Rs256Key {
    pair: KeyPair,
    n: Vec<u8>,
    e: Vec<u8>,
}

impl fmt::Debug for Rs256Key {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "Rs256Key({}, ***)", self.name())
    }
}

/// Why a key could not be had.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Rs256KeyError {
    /// Its file is not private, or could not be read or written.
    #[error(transparent)]
    Private(#[from] PrivateError),
    /// Its file holds no such key.
    #[error("`{path}` holds no private RSA key of 2048 bits or more")]
    NotAKey {
        /// Which file.
        path: std::path::PathBuf,
    },
    /// The provider failed.
    #[error(transparent)]
    Key(#[from] KeyError),
}

impl Rs256Key {
    /// Makes a key.
    pub fn generate() -> Result<Self, KeyError> {
        let pair = KeyPair::generate(KeySize::Rsa2048).map_err(|_| KeyError::Provider)?;
        Self::of(pair).ok_or(KeyError::Provider)
    }

    /// Reads the key at `path`, or makes it.
    pub fn load_or_create(path: &Path) -> Result<Self, Rs256KeyError> {
        match read_private(path, FILE_MAX) {
            Ok(text) => {
                let text = Zeroizing::new(text);
                let der = pem::read("PRIVATE KEY", &text);
                let pair = der.and_then(|it| KeyPair::from_pkcs8(&it).ok());
                let not = || Rs256KeyError::NotAKey { path: path.to_owned() };
                pair.and_then(Self::of).ok_or_else(not)
            }
            Err(error) if error.is_missing() => {
                let made = Self::generate()?;
                create_private(path, made.pem()?.as_bytes())?;
                Ok(made)
            }
            Err(error) => Err(error.into()),
        }
    }

    /// Writes it in the place of whatever lies at `path`.
    pub fn replace(&self, path: &Path) -> Result<(), Rs256KeyError> {
        Ok(write_private(path, self.pem()?.as_bytes())?)
    }

    fn pem(&self) -> Result<Zeroizing<String>, KeyError> {
        let der: Pkcs8V1Der<'_> = self.pair.as_der().map_err(|_| KeyError::Provider)?;
        Ok(pem::write("PRIVATE KEY", der.as_ref()))
    }

    fn of(pair: KeyPair) -> Option<Self> {
        if pair.public_modulus_len() < 256 {
            return None;
        }
        let (n, e) = numbers(pair.public_key().as_ref())?;
        Some(Self { pair, n, e })
    }

    /// Gives its name: its RFC 7638 thumbprint.
    pub fn name(&self) -> String {
        let members = Json::Object(self.members()).canonical();
        URL_SAFE_NO_PAD.encode(Digest::of(members.as_bytes()).as_bytes())
    }

    /// Gives its public half as it is published.
    pub fn jwk(&self) -> Json {
        let mut members = self.members();
        let text = |name: &str, value: String| (name.to_owned(), Json::Text(value));
        members.extend([
            text("alg", "RS256".to_owned()),
            text("kid", self.name()),
            text("use", "sig".to_owned()),
        ]);
        Json::Object(members)
    }

    fn members(&self) -> BTreeMap<String, Json> {
        let text = |name: &str, value: String| (name.to_owned(), Json::Text(value));
        [
            text("e", URL_SAFE_NO_PAD.encode(&self.e)),
            text("kty", "RSA".to_owned()),
            text("n", URL_SAFE_NO_PAD.encode(&self.n)),
        ]
        .into()
    }

    /// Signs `claims` as a token of this kind.
    pub fn token(&self, kind: &str, claims: &Json) -> Result<String, KeyError> {
        let text = |name: &str, value: &str| (name.to_owned(), Json::Text(value.to_owned()));
        let header = [text("alg", "RS256"), text("kid", &self.name()), text("typ", kind)];
        self.signed(&Json::Object(header.into()), claims)
    }

    /// Signs `claims` under any header.
    pub fn signed(&self, header: &Json, claims: &Json) -> Result<String, KeyError> {
        let text = crate::jws::signing_text(header, claims);
        let mut signature = vec![0; self.pair.public_modulus_len()];
        let random = SystemRandom::new();
        let signed = self.pair.sign(&RSA_PKCS1_SHA256, &random, text.as_bytes(), &mut signature);
        signed.map_err(|_| KeyError::Provider)?;
        Ok(format!("{text}.{}", URL_SAFE_NO_PAD.encode(&signature)))
    }
}

/// Reads modulus and exponent of a public key as RFC 8017 writes it: two numbers in a sequence.
fn numbers(der: &[u8]) -> Option<(Vec<u8>, Vec<u8>)> {
    let (body, rest) = element(0x30, der)?;
    let (n, more) = element(0x02, body)?;
    let (e, none) = element(0x02, more)?;
    let trimmed = |it: &[u8]| it.iter().copied().skip_while(|it| *it == 0).collect::<Vec<_>>();
    (rest.is_empty() && none.is_empty()).then(|| (trimmed(n), trimmed(e)))
}

/// Takes one element off the front of DER.
fn element(tag: u8, der: &[u8]) -> Option<(&[u8], &[u8])> {
    let rest = der.strip_prefix(&[tag])?;
    let (&first, rest) = rest.split_first()?;
    let (len, rest) = match first {
        0..=0x7F => (usize::from(first), rest),
        0x81 | 0x82 => {
            let (digits, rest) = rest.split_at_checked(usize::from(first & 0x0F))?;
            let len = digits.iter().fold(0, |len: usize, it| (len << 8) | usize::from(*it));
            (len, rest)
        }
        _ => return None,
    };
    rest.split_at_checked(len)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::jwk::{Algorithm, ForeignKey};

    #[test]
    fn a_key_is_made_once_and_what_it_signs_is_verified_by_what_it_publishes() {
        let root = tempfile::tempdir().unwrap();
        let path = root.path().join("signals.pem");
        let made = Rs256Key::load_or_create(&path).unwrap();
        let again = Rs256Key::load_or_create(&path).unwrap();
        assert_eq!(made.name(), again.name());
        let token = again.token("secevent+jwt", &Json::Object(BTreeMap::new())).unwrap();
        let (text, signature) = token.rsplit_once('.').unwrap();
        let signature = URL_SAFE_NO_PAD.decode(signature).unwrap();
        let public = ForeignKey::read(&made.jwk()).unwrap();
        assert!(public.verify(Algorithm::Rs256, text.as_bytes(), &signature));
        assert!(!public.verify(Algorithm::Ps256, text.as_bytes(), &signature));
        assert_eq!(public.thumbprint(), made.name());
        let shown = format!("{made:?}");
        assert!(shown.ends_with("***)"), "{shown}");
    }

    #[test]
    fn a_file_with_something_else_is_an_error() {
        let root = tempfile::tempdir().unwrap();
        let path = root.path().join("signals.pem");
        write_private(&path, b"no key\n").unwrap();
        let error = Rs256Key::load_or_create(&path).unwrap_err().to_string();
        assert!(error.contains("holds no private RSA key"), "{error}");
    }

    #[test]
    fn only_one_text_of_two_numbers_is_read() {
        let good = [0x30, 6, 2, 1, 5, 2, 1, 3];
        assert_eq!(numbers(&good), Some((vec![5], vec![3])));
        for bad in [&good[..7], &[0x30, 0x84, 0, 0, 0, 0][..], &[0x30, 0x82, 255, 255, 1], &[]] {
            assert_eq!(numbers(bad), None, "{bad:?}");
        }
    }
}
