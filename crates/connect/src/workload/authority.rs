//! An authority of SVIDs for one machine: signs what local workloads prove themselves by, for an hour at
//! most.
//!
//! Certificates are signed by a key that lies here, JWT-SVIDs by keys of their own that change every day:
//! neither is a key of task tokens.

use std::{fmt, path::Path, time::Duration};

use bailiwick_model::{IdentityId, Json, SpiffeId, Timestamp, TrustDomain};
use rcgen::{
    BasicConstraints, CertificateParams, DistinguishedName, DnType, ExtendedKeyUsagePurpose, IsCa,
    Issuer, KeyPair, KeyUsagePurpose, SanType, SerialNumber,
};
use zeroize::Zeroizing;

use crate::{
    Secret, TASK_TOKEN_LIFE, TokenKeyChange, TokenKeys,
    certificate::Leaf,
    create_dir_private,
    jws::{Jws, header, signing_text},
    pem,
    private::{read_private, write_private},
    random::{random_bytes, random_text},
};

/// How long an X.509-SVID lives.
const CERTIFICATE_LIFE: Duration = Duration::from_secs(60 * 60);
/// How long a JWT-SVID lives: as long as the tokens whose keys are changed like these.
const TOKEN_LIFE: Duration = TASK_TOKEN_LIFE;
/// How long the authority itself lives.
const AUTHORITY_LIFE: Duration = Duration::from_secs(365 * 24 * 60 * 60);
/// How much of that must be left at a start: else there is a new one.
const AUTHORITY_LEFT: Duration = Duration::from_secs(30 * 24 * 60 * 60);
/// How far other clocks may be behind.
const SKEW: Duration = Duration::from_secs(30);
const KEY_MAX: u64 = 16 << 10;

/// An X.509-SVID with its key.
#[derive(Clone)]
pub struct X509Svid {
    /// Whose.
    pub id: SpiffeId,
    /// The certificate (DER).
    pub certificate: Vec<u8>,
    /// Its key (PKCS#8, DER).
    pub key: Zeroizing<Vec<u8>>,
    /// Its number, as servers print it.
    pub serial: String,
    /// When it ends.
    pub until: Timestamp,
    /// Which identity's it is, for workloads that have several.
    pub hint: String,
}

/// A JWT-SVID.
#[derive(Clone, Debug)]
pub struct JwtSvid {
    /// Whose.
    pub id: SpiffeId,
    /// The token.
    pub token: Secret,
    /// Its own name (`jti`).
    pub name: String,
    /// When it ends.
    pub until: Timestamp,
    /// Which identity's it is.
    pub hint: String,
}

impl fmt::Debug for X509Svid {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "X509Svid({}, {}, ***)", self.id, self.serial)
    }
}

/// The authority.
pub struct WorkloadAuthority {
    domain: TrustDomain,
    signs: Issuer<'static, KeyPair>,
    certificate: Vec<u8>,
    keys: TokenKeys,
}

impl fmt::Debug for WorkloadAuthority {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "WorkloadAuthority({})", self.domain)
    }
}

impl WorkloadAuthority {
    /// Opens the authority of `domain` that lies in the private `folder`, or makes one.
    pub fn open(folder: &Path, domain: TrustDomain, now: Timestamp) -> Result<Self, String> {
        create_dir_private(folder).map_err(|error| error.to_string())?;
        let keys = TokenKeys::load_or_create(folder, now).map_err(|error| error.to_string())?;
        let path = folder.join("authority.pem");
        let kept = match read_private(&path, KEY_MAX) {
            Ok(text) => Some(kept(&text).ok_or_else(|| {
                format!("`{}` holds no authority that can be used", path.display())
            })?),
            Err(error) if error.is_missing() => None,
            Err(error) => return Err(error.to_string()),
        };
        let params = authority(&domain, now);
        let ours = Some(format!("spiffe://{domain}"));
        let counts = |(_, certificate): &(KeyPair, Vec<u8>)| {
            let leaf = Leaf::read(certificate).filter(|it| it.uris.contains(&ours));
            leaf.is_some_and(|it| it.counts_until(now.after(AUTHORITY_LEFT)))
        };
        let (key, certificate) = match kept.filter(counts) {
            Some(kept) => kept,
            None => {
                let made = KeyPair::generate().and_then(|key| {
                    let certificate = params.self_signed(&key)?.der().to_vec();
                    Ok((key, certificate))
                });
                let (key, certificate) = made.map_err(|error| error.to_string())?;
                let both = Zeroizing::new(format!(
                    "{}{}",
                    *pem::write("PRIVATE KEY", &key.serialize_der()),
                    *pem::write("CERTIFICATE", &certificate)
                ));
                write_private(&path, both.as_bytes()).map_err(|error| error.to_string())?;
                (key, certificate)
            }
        };
        Ok(Self { domain, signs: Issuer::new(params, key), certificate, keys })
    }

    /// Says whose authority it is.
    pub const fn domain(&self) -> &TrustDomain {
        &self.domain
    }

    /// Gives its certificate (DER).
    pub fn certificate(&self) -> &[u8] {
        &self.certificate
    }

    /// Changes the keys of JWT-SVIDs where that is due.
    pub fn tend(&self, now: Timestamp) -> Result<Option<TokenKeyChange>, String> {
        self.keys.tend(now).map_err(|error| error.to_string())
    }

    /// Gives the keys of JWT-SVIDs (SPIFFE Trust Domain and Bundle, section 4.2).
    pub fn keys(&self, now: Timestamp) -> Json {
        let mut set = self.keys.jwks(now);
        if let Json::Object(members) = &mut set
            && let Some(Json::List(keys)) = members.get_mut("keys")
        {
            for key in keys {
                if let Json::Object(key) = key {
                    key.insert("use".to_owned(), Json::Text("jwt-svid".to_owned()));
                }
            }
        }
        set
    }

    /// Makes an X.509-SVID with a key of its own.
    pub fn x509(
        &self,
        identity: &IdentityId,
        id: &SpiffeId,
        now: Timestamp,
    ) -> Result<X509Svid, String> {
        self.sign(identity, id, now).map_err(|error| error.to_string())
    }

    fn sign(
        &self,
        identity: &IdentityId,
        id: &SpiffeId,
        now: Timestamp,
    ) -> Result<X509Svid, rcgen::Error> {
        let [first, rest @ ..] = random_bytes::<16>().map_err(|_| rcgen::Error::RingUnspecified)?;
        // A number is positive, and as long as it is said to be (RFC 5280, section 4.1.2.2).
        let number: Vec<u8> = std::iter::once(first & 0x7F | 0x40).chain(rest).collect();
        let until = now.after(CERTIFICATE_LIFE);
        let key = KeyPair::generate()?;
        let mut params = CertificateParams::default();
        params.distinguished_name = DistinguishedName::new();
        params.distinguished_name.push(DnType::CommonName, identity.as_str());
        params.subject_alt_names = vec![SanType::URI(id.as_str().try_into()?)];
        params.serial_number = Some(SerialNumber::from_slice(&number));
        params.is_ca = IsCa::ExplicitNoCa;
        params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        params.extended_key_usages =
            vec![ExtendedKeyUsagePurpose::ClientAuth, ExtendedKeyUsagePurpose::ServerAuth];
        params.use_authority_key_identifier_extension = true;
        (params.not_before, params.not_after) = (moment(before(now)), moment(until));
        let signed = params.signed_by(&key, &self.signs)?;
        Ok(X509Svid {
            id: id.clone(),
            certificate: signed.der().to_vec(),
            key: Zeroizing::new(key.serialize_der()),
            serial: number.iter().map(|it| format!("{it:02X}")).collect(),
            until,
            hint: identity.to_string(),
        })
    }

    /// Makes a JWT-SVID.
    pub fn jwt(
        &self,
        (identity, id): (&IdentityId, &SpiffeId),
        audiences: &[String],
        now: Timestamp,
    ) -> Result<JwtSvid, String> {
        let name = random_text().map_err(|error| error.to_string())?;
        let key = self.keys.signing();
        let issued = i128::from(now.seconds());
        let until = now.after(TOKEN_LIFE);
        let text = |it: &str| Json::Text(it.to_owned());
        let claims = [
            ("sub", text(id.as_str())),
            ("aud", Json::List(audiences.iter().map(|it| text(it)).collect())),
            ("iat", Json::Int(issued)),
            ("exp", Json::Int(i128::from(until.seconds()))),
            ("jti", text(&name)),
        ];
        let claims = claims.map(|(name, value)| (name.to_owned(), value)).into();
        let signed = signing_text(&header("JWT", key.name.clone()), &Json::Object(claims));
        let signature = key.key.sign(&signed).map_err(|error| error.to_string())?;
        let (id, hint) = (id.clone(), identity.to_string());
        Ok(JwtSvid { id, token: Secret::new(format!("{signed}.{signature}")), name, until, hint })
    }

    /// Says whose a JWT-SVID of ours is, and all that it says, where it counts for `audience`.
    pub fn validate(
        &self,
        svid: &Secret,
        audience: &str,
        now: Timestamp,
    ) -> Result<(SpiffeId, Json), String> {
        let jws = Jws::read(svid.expose(), "JWT").map_err(|error| error.to_string())?;
        let key = jws.key_id.as_deref().unwrap_or_default();
        if self.keys.verify(key, jws.signed, jws.signature, now) != Some(true) {
            return Err("the token is not signed by a key of this trust domain".to_owned());
        }
        let until = jws.moment("exp").map_err(|error| error.to_string())?;
        if until <= now || jws.is_early(now).map_err(|error| error.to_string())? {
            return Err("the token does not count now".to_owned());
        }
        let named = match jws.claims.get("aud") {
            Some(Json::List(all)) => all.iter().any(|it| it.as_text() == Some(audience)),
            other => other.and_then(Json::as_text) == Some(audience),
        };
        if !named {
            return Err("the token is for others".to_owned());
        }
        let id: Option<SpiffeId> = jws.text("sub").ok().and_then(|it| it.parse().ok());
        let id = id.filter(|it| *it.domain() == self.domain);
        Ok((id.ok_or("the token names no workload of this trust domain")?, jws.claims))
    }
}

/// Reads the key and the certificate of an authority.
fn kept(text: &str) -> Option<(KeyPair, Vec<u8>)> {
    let at = text.find("-----BEGIN CERTIFICATE-----")?;
    let (key, certificate) = text.split_at_checked(at)?;
    let certificate = pem::read("CERTIFICATE", certificate)?.to_vec();
    Some((KeyPair::from_pem(key).ok()?, certificate))
}

fn authority(domain: &TrustDomain, now: Timestamp) -> CertificateParams {
    let mut params = CertificateParams::default();
    params.distinguished_name = DistinguishedName::new();
    params.distinguished_name.push(DnType::CommonName, format!("Bailiwick workloads of {domain}"));
    let id = format!("spiffe://{domain}");
    params.subject_alt_names = id.try_into().map(SanType::URI).into_iter().collect();
    params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    (params.not_before, params.not_after) =
        (moment(before(now)), moment(now.after(AUTHORITY_LIFE)));
    params
}

fn before(now: Timestamp) -> Timestamp {
    let skew = i64::try_from(SKEW.as_millis()).unwrap_or(0);
    Timestamp::from_millis(now.millis().saturating_sub(skew))
}

/// The moment as certificates have it.
fn moment(at: Timestamp) -> time::OffsetDateTime {
    time::OffsetDateTime::from_unix_timestamp(at.seconds())
        .unwrap_or(time::OffsetDateTime::UNIX_EPOCH)
}
