//! Public keys of others, as JWK sets publish them (RFC 7517), and what their signatures are worth.
//!
//! A key is good for the algorithms of its own kind alone: an RSA key's text is never a secret for
//! HMAC, and what has no signature has no key.

use std::time::Duration;

use aws_lc_rs::{rsa::PublicKeyComponents, signature};
use bailiwick_model::{Digest, Json, JsonLimits};
use base64::{
    Engine,
    engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD},
};
use rustls::pki_types::CertificateDer;

use crate::{certificate::Leaf, der::Der};

/// The longest key set that is looked at.
pub(crate) const SET_MAX: usize = 256 << 10;
/// The most keys of one set.
const KEYS_MAX: usize = 64;
const LIMITS: JsonLimits = JsonLimits { bytes: SET_MAX, depth: 8, values: 8192 };
/// The longest name of a key.
const NAME_MAX: usize = 256;

/// How somebody else signs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Algorithm {
    /// RSA with PKCS#1 1.5 and SHA-256.
    Rs256,
    /// RSA with PKCS#1 1.5 and SHA-384.
    Rs384,
    /// RSA with PKCS#1 1.5 and SHA-512.
    Rs512,
    /// RSA-PSS with SHA-256.
    Ps256,
    /// RSA-PSS with SHA-384.
    Ps384,
    /// RSA-PSS with SHA-512.
    Ps512,
    /// ECDSA on P-256 with SHA-256.
    Es256,
    /// ECDSA on P-384 with SHA-384.
    Es384,
    /// ECDSA on P-521 with SHA-512.
    Es512,
    /// Ed25519.
    EdDsa,
}

impl Algorithm {
    /// All of them. There is no other: no `none`, and nothing with a shared secret.
    pub const ALL: &'static [Self] = &[
        Self::Rs256,
        Self::Rs384,
        Self::Rs512,
        Self::Ps256,
        Self::Ps384,
        Self::Ps512,
        Self::Es256,
        Self::Es384,
        Self::Es512,
        Self::EdDsa,
    ];

    /// Gives its name.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Rs256 => "RS256",
            Self::Rs384 => "RS384",
            Self::Rs512 => "RS512",
            Self::Ps256 => "PS256",
            Self::Ps384 => "PS384",
            Self::Ps512 => "PS512",
            Self::Es256 => "ES256",
            Self::Es384 => "ES384",
            Self::Es512 => "ES512",
            Self::EdDsa => "EdDSA",
        }
    }

    /// Finds the one that is written `name`.
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|it| it.as_str() == name)
    }
}

/// What a key is made of.
#[derive(Clone, PartialEq, Eq)]
enum Material {
    Rsa { n: Vec<u8>, e: Vec<u8> },
    P256(Vec<u8>),
    P384(Vec<u8>),
    P521(Vec<u8>),
    Ed25519(Vec<u8>),
}

/// A public key of somebody else.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct ForeignKey {
    pub(crate) name: Option<String>,
    /// What it may be used for, as its owner says.
    purpose: Option<String>,
    /// The one algorithm that its owner uses it with, where they say so.
    only: Option<Algorithm>,
    material: Material,
}

impl std::fmt::Debug for ForeignKey {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(out, "ForeignKey({:?})", self.name)
    }
}

impl ForeignKey {
    /// Reads a JWK; none where it is of a kind that we do not take, or holds a private part.
    pub(crate) fn read(jwk: &Json) -> Option<Self> {
        let text = |name: &str| jwk.get(name).and_then(Json::as_text);
        let bytes =
            |name: &str| URL_SAFE_NO_PAD.decode(text(name)?).ok().filter(|it| !it.is_empty());
        if ["d", "k", "p", "q", "dp", "dq", "qi", "oth"].iter().any(|it| jwk.get(it).is_some()) {
            return None;
        }
        // A name or a purpose that is no text is none that two readers would read alike.
        let known = |name: &str| match jwk.get(name) {
            None => Some(None),
            Some(Json::Text(text)) if text.len() <= NAME_MAX => Some(Some(text.clone())),
            Some(_) => None,
        };
        let material = match (text("kty")?, text("crv")) {
            ("RSA", None) => {
                let trimmed = |it: Vec<u8>| it.into_iter().skip_while(|it| *it == 0).collect();
                Material::Rsa { n: trimmed(bytes("n")?), e: trimmed(bytes("e")?) }
            }
            ("EC", Some("P-256")) => Material::P256(point(&bytes("x")?, &bytes("y")?, 32)?),
            ("EC", Some("P-384")) => Material::P384(point(&bytes("x")?, &bytes("y")?, 48)?),
            ("EC", Some("P-521")) => Material::P521(point(&bytes("x")?, &bytes("y")?, 66)?),
            ("OKP", Some("Ed25519")) => Material::Ed25519(bytes("x").filter(|it| it.len() == 32)?),
            _ => return None,
        };
        let only = match known("alg")? {
            None => None,
            Some(name) => Some(Algorithm::named(&name)?),
        };
        Some(Self { name: known("kid")?, purpose: known("use")?, only, material })
    }

    /// Says whether `signature` is this key's over `message`, by this algorithm.
    pub(crate) fn verify(&self, algorithm: Algorithm, message: &[u8], signature: &[u8]) -> bool {
        if self.only.is_some_and(|it| it != algorithm) {
            return false;
        }
        let rsa = |parameters| {
            let Material::Rsa { n, e } = &self.material else { return false };
            PublicKeyComponents { n, e }.verify(parameters, message, signature).is_ok()
        };
        let plain = |kind: &'static dyn signature::VerificationAlgorithm, key: &[u8]| {
            signature::UnparsedPublicKey::new(kind, key).verify(message, signature).is_ok()
        };
        match (algorithm, &self.material) {
            (Algorithm::Rs256, _) => rsa(&signature::RSA_PKCS1_2048_8192_SHA256),
            (Algorithm::Rs384, _) => rsa(&signature::RSA_PKCS1_2048_8192_SHA384),
            (Algorithm::Rs512, _) => rsa(&signature::RSA_PKCS1_2048_8192_SHA512),
            (Algorithm::Ps256, _) => rsa(&signature::RSA_PSS_2048_8192_SHA256),
            (Algorithm::Ps384, _) => rsa(&signature::RSA_PSS_2048_8192_SHA384),
            (Algorithm::Ps512, _) => rsa(&signature::RSA_PSS_2048_8192_SHA512),
            (Algorithm::Es256, Material::P256(key)) => {
                plain(&signature::ECDSA_P256_SHA256_FIXED, key)
            }
            (Algorithm::Es384, Material::P384(key)) => {
                plain(&signature::ECDSA_P384_SHA384_FIXED, key)
            }
            (Algorithm::Es512, Material::P521(key)) => {
                plain(&signature::ECDSA_P521_SHA512_FIXED, key)
            }
            (Algorithm::EdDsa, Material::Ed25519(key)) => plain(&signature::ED25519, key),
            (Algorithm::Es256 | Algorithm::Es384 | Algorithm::Es512 | Algorithm::EdDsa, _) => false,
        }
    }

    /// Gives its RFC 7638 thumbprint.
    pub(crate) fn thumbprint(&self) -> String {
        let member = |name: &str, value: String| (name.to_owned(), Json::Text(value));
        let encoded = |it: &[u8]| URL_SAFE_NO_PAD.encode(it);
        let curve = |name: &str, point: &[u8]| {
            let xy = point.get(1..).unwrap_or_default();
            let (x, y) = xy.split_at_checked(xy.len() / 2).unwrap_or_default();
            vec![
                member("crv", name.to_owned()),
                member("kty", "EC".to_owned()),
                member("x", encoded(x)),
                member("y", encoded(y)),
            ]
        };
        let members = match &self.material {
            Material::Rsa { n, e } => vec![
                member("e", encoded(e)),
                member("kty", "RSA".to_owned()),
                member("n", encoded(n)),
            ],
            Material::P256(point) => curve("P-256", point),
            Material::P384(point) => curve("P-384", point),
            Material::P521(point) => curve("P-521", point),
            Material::Ed25519(x) => vec![
                member("crv", "Ed25519".to_owned()),
                member("kty", "OKP".to_owned()),
                member("x", encoded(x)),
            ],
        };
        let text = Json::Object(members.into_iter().collect()).canonical();
        URL_SAFE_NO_PAD.encode(Digest::of(text.as_bytes()).as_bytes())
    }
}

/// Gives the uncompressed point of two coordinates of the curve's own length.
fn point(x: &[u8], y: &[u8], len: usize) -> Option<Vec<u8>> {
    (x.len() == len && y.len() == len).then(|| [&[4][..], x, y].concat())
}

/// What the keys of a set are looked for by their `use`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Purpose {
    /// Signatures in general: `sig`, or nothing said.
    Signatures,
    /// JWT-SVIDs: exactly `jwt-svid`. Beside them stand authorities of X.509-SVIDs.
    Svid,
    /// JWT-SVIDs, where nothing else can be meant: `jwt-svid`, or nothing said.
    ToldSvid,
}

impl Purpose {
    fn fits(self, said: Option<&str>) -> bool {
        match self {
            Self::Signatures => said.is_none_or(|it| it == "sig"),
            Self::Svid => said == Some("jwt-svid"),
            Self::ToldSvid => said.is_none_or(|it| it == "jwt-svid"),
        }
    }
}

/// The keys of somebody else that count.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct ForeignKeys {
    keys: Vec<ForeignKey>,
    /// Certificates of a trust domain's authorities.
    authorities: Vec<Vec<u8>>,
    /// How often its owner wants it read again (`spiffe_refresh_hint`).
    pub(crate) hint: Option<Duration>,
    /// Which edition it is (`spiffe_sequence`).
    pub(crate) sequence: Option<i128>,
}

impl ForeignKeys {
    /// Reads a JWK set. Keys of kinds that we do not take are passed over, as RFC 7517 §5 wants it.
    pub(crate) fn read(bytes: &[u8], purpose: Purpose) -> Result<Self, String> {
        let set = Json::parse(bytes, LIMITS).map_err(|error| format!("no JWK set: {error}"))?;
        let Some(Json::List(keys)) = set.get("keys") else {
            return Err("no JWK set: it has no list `keys`".to_owned());
        };
        if KEYS_MAX < keys.len() {
            return Err(format!("it has {} keys, {KEYS_MAX} at most", keys.len()));
        }
        let of_svids = purpose == Purpose::Svid;
        let authorities = keys.iter().filter(|_| of_svids).filter_map(authority).collect();
        let keys = keys.iter().filter_map(ForeignKey::read);
        let keys = keys.filter(|it| purpose.fits(it.purpose.as_deref())).collect();
        let whole = |name: &str| match set.get(name) {
            Some(Json::Int(number)) => Some(*number),
            Some(_) | None => None,
        };
        let hint = whole("spiffe_refresh_hint").and_then(|it| u64::try_from(it).ok());
        let hint = hint.filter(|it| 0 < *it).map(Duration::from_secs);
        Ok(Self { keys, authorities, hint, sequence: whole("spiffe_sequence") })
    }

    /// Takes these authorities in the place of those before: certificates, one after the other (SPIFFE
    /// Workload API, section 5.2.2).
    pub(crate) fn with_authorities(mut self, certificates: &[u8]) -> Result<Self, String> {
        let (mut all, mut rest) = (Vec::new(), Der::new(certificates));
        if SET_MAX < certificates.len() {
            return Err(format!("it has {} bytes of certificates", certificates.len()));
        }
        while !rest.is_empty() {
            let certificate = rest.whole().ok_or("its certificates cannot be read")?;
            let leaf = Leaf::read(certificate).ok_or("a certificate of it cannot be read")?;
            // What vouches for nobody is passed over, as in a set of keys.
            all.extend(leaf.is_authority.then(|| certificate.to_vec()));
        }
        if KEYS_MAX < all.len() {
            return Err(format!("it has {} authorities, {KEYS_MAX} at most", all.len()));
        }
        self.authorities = all;
        Ok(self)
    }

    /// Takes the keys of this set in the place of those before; none at all where there is no set.
    pub(crate) fn with_told_keys(mut self, set: &[u8]) -> Result<Self, String> {
        self.keys = match set {
            [] => Vec::new(),
            set => Self::read(set, Purpose::ToldSvid)?.keys,
        };
        Ok(self)
    }

    /// Gives the keys that are called `name`.
    pub(crate) fn named<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a ForeignKey> {
        self.keys.iter().filter(move |it| it.name.as_deref() == Some(name))
    }

    /// Gives the certificates of authorities.
    pub(crate) fn authorities(&self) -> impl Iterator<Item = CertificateDer<'_>> {
        self.authorities.iter().map(|it| CertificateDer::from(it.as_slice()))
    }

    /// Says whether it has no key at all.
    pub(crate) fn is_empty(&self) -> bool {
        self.keys.is_empty() && self.authorities.is_empty()
    }
}

/// Gives the certificate of an authority of X.509-SVIDs: exactly one in `x5c`, as a bundle has it
/// (SPIFFE Trust Domain and Bundle, section 4.2.2).
fn authority(jwk: &Json) -> Option<Vec<u8>> {
    if jwk.get("use").and_then(Json::as_text) != Some("x509-svid") {
        return None;
    }
    let Some(Json::List(certificates)) = jwk.get("x5c") else { return None };
    let [Json::Text(text)] = certificates.as_slice() else { return None };
    let certificate = STANDARD.decode(text).ok()?;
    Leaf::read(&certificate).filter(|it| it.is_authority).map(|_| certificate)
}

/// Says whether a key set has a key that proves somebody: of SVIDs of either kind, or of tokens in general.
pub fn check_key_set(bytes: &[u8], svid: bool) -> Result<(), String> {
    let purpose = if svid { Purpose::Svid } else { Purpose::Signatures };
    let set = ForeignKeys::read(bytes, purpose)?;
    match (set.is_empty(), svid) {
        (false, _) => Ok(()),
        (true, true) => {
            Err("it has no key whose `use` is `jwt-svid`, and no authority (`x509-svid`)"
                .to_owned())
        }
        (true, false) => Err("it has no key that tokens are signed with".to_owned()),
    }
}

/// A key set as foreign text.
#[cfg(any(test, fuzzing))]
pub(crate) fn foreign(bytes: &[u8]) {
    let _read_or_not = ForeignKeys::default().with_authorities(bytes);
    for purpose in [Purpose::Signatures, Purpose::Svid, Purpose::ToldSvid] {
        let Ok(set) = ForeignKeys::read(bytes, purpose) else { continue };
        assert!(set.keys.len() <= KEYS_MAX, "more keys than there may be");
        for key in &set.keys {
            assert_eq!(key.thumbprint().len(), 43, "a thumbprint of another length");
            let signed = Algorithm::ALL.iter().any(|it| key.verify(*it, b"message", &[7; 64]));
            assert!(!signed, "a signature that nobody made");
        }
    }
}

#[cfg(test)]
mod tests;
