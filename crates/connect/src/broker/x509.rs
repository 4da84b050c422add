//! X.509: a lease is a client certificate of an authority that lies here, for mutual TLS.
//!
//! Certificates bear a SPIFFE id, are for clients alone, and live an hour at most. A certificate cannot
//! be taken back: an ended one is named in a list (RFC 5280, section 5) where the target's servers read
//! it, and a command of the operator's makes them read it and ends what is open. What a target still has
//! cannot be asked for, so nothing is found there.

use std::{
    fmt,
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use bailiwick_model::{IdentityId, LeaseId, SpiffeId, TargetName, Timestamp, TrustDomain};
use rcgen::{
    BasicConstraints, CertificateParams, CertificateRevocationListParams, DistinguishedName,
    DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyIdMethod, KeyPair, KeyUsagePurpose,
    RevokedCertParams, SanType, SerialNumber,
};

use super::{
    Attempt, Broker, BrokerError, Credential, EndCommand, EndedLease, EnforcedAs, Issued,
    LeaseOrder, TargetMistake,
    deny::{DenyList, SKEW, bits, folder, told},
};
use crate::{
    PrivateError, Secret, create_private,
    private::{read_private, write_public},
};

/// How long a list counts: whoever checks takes an older one for none. It is written anew at each
/// lease, and whenever what is left at targets is looked for.
const LIST_LIFE: Duration = Duration::from_secs(24 * 3600);
/// How long the authority itself lives.
const AUTHORITY_LIFE: Duration = Duration::from_secs(5 * 365 * 24 * 3600);
const KEY_MAX: u64 = 16 * 1024;
/// Stands for the identity in an id.
const IDENTITY: &str = "{identity}";

/// What the operator says of a target that believes certificates of ours.
#[derive(Clone, Debug)]
pub struct X509Target {
    /// Where the authority's key, its certificate (`ca.pem`) and what it denied lie: nobody else's folder.
    pub folder: PathBuf,
    /// Where the list of ended certificates is published, in PEM.
    pub crl: PathBuf,
    /// The trust domain of the ids.
    pub trust_domain: String,
    /// The paths that a lease may bear (`/reports/{identity}`).
    pub paths: Vec<String>,
    /// How long a certificate lives at the longest.
    pub longest: Duration,
    /// Makes servers read the list and ends what is open: it is told the serial, then the id.
    pub end: EndCommand,
}

/// Makes certificates for one target.
pub struct X509 {
    name: TargetName,
    target: X509Target,
    authority: Arc<Issuer<'static, KeyPair>>,
    certificate: String,
    denied: DenyList,
}

impl fmt::Debug for X509 {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "X509({} for {})", self.name, self.target.trust_domain)
    }
}

impl X509Target {
    /// Says what of it cannot be meant.
    pub fn check(&self) -> Result<(), TargetMistake> {
        let wrong = |setting, message: String| Err(TargetMistake::new(setting, message));
        if self.trust_domain.parse::<TrustDomain>().is_err() {
            let domain = self.trust_domain.escape_debug();
            let message =
                format!("`{domain}` is no trust domain: small letters, digits, `.`, `-`, `_`");
            return wrong("trust_domain", message);
        }
        if self.paths.is_empty() {
            let message = "`paths` names none: say which ids a lease may bear";
            return wrong("paths", message.to_owned());
        }
        match self.paths.iter().find(|it| !self.is_path(it)) {
            Some(path) => wrong(
                "paths",
                format!(
                    "`{}` is no path of a SPIFFE id: `/` and letters, digits, `.`, `-`, `_`, and \
                     `{IDENTITY}` for whose lease it is",
                    path.escape_debug()
                ),
            ),
            None => Ok(()),
        }
    }

    /// Says whether it is one, whoever's lease it is.
    fn is_path(&self, path: &str) -> bool {
        // The longest name of an identity.
        let longest = "i".repeat(64);
        self.id(path, &longest).parse::<SpiffeId>().is_ok()
    }

    fn id(&self, path: &str, identity: &str) -> String {
        format!("spiffe://{}{}", self.trust_domain, path.replace(IDENTITY, identity))
    }
}

impl X509 {
    /// Takes what the operator said, makes an authority where there is none, and publishes its list.
    pub fn new(name: TargetName, target: X509Target, now: Timestamp) -> Result<Self, String> {
        target.check().map_err(|it| it.to_string())?;
        let place = folder(&target.folder)?;
        let key = key(&place("ca.key"))?;
        let params = authority(&name, now);
        let pem = certificate(&place("ca.pem"), &params, &key)?;
        let authority = Arc::new(Issuer::new(params, key));
        let publish = publisher(Arc::clone(&authority), target.crl.clone());
        let denied = DenyList::open(place("denied"), now, publish)?;
        Ok(Self { name, target, authority, certificate: pem, denied })
    }

    async fn make(&self, order: &LeaseOrder) -> Result<Issued, BrokerError> {
        let id = self.id(&order.wants, &order.identity)?;
        let until = order.until.min(order.now.after(self.target.longest));
        let made = self.sign(order, &id, until).map_err(|error| self.away(error.to_string()))?;
        self.denied.refresh(order.now).await.map_err(|why| self.away(why))?;
        let (certificate, key) = made;
        let credential = Credential::default()
            .with("spiffe_id", id)
            .with("certificate", certificate)
            .with("ca", self.certificate.as_str())
            .with_secret("private_key", key);
        Ok(Issued { credential, called: serial(&order.lease), until, keepsake: None, unfit: None })
    }

    fn sign(
        &self,
        order: &LeaseOrder,
        id: &str,
        until: Timestamp,
    ) -> Result<(String, Secret), rcgen::Error> {
        let key = KeyPair::generate()?;
        let mut params = CertificateParams::default();
        params.distinguished_name = DistinguishedName::new();
        params.distinguished_name.push(DnType::CommonName, order.identity.as_str());
        params.subject_alt_names = vec![SanType::URI(id.try_into()?)];
        params.serial_number = Some(number(&order.lease));
        params.is_ca = IsCa::ExplicitNoCa;
        params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
        params.use_authority_key_identifier_extension = true;
        params.not_before = moment(before(order.now));
        params.not_after = moment(until);
        let signed = params.signed_by(&key, &self.authority)?;
        Ok((signed.pem(), Secret::new(key.serialize_pem())))
    }

    /// Says which id is meant: one of the paths that the operator listed.
    fn id(&self, wants: &[String], identity: &IdentityId) -> Result<String, BrokerError> {
        let unfit = |wanted: &str| BrokerError::Unfit {
            target: self.name.clone(),
            wanted: wanted.to_owned(),
            why: format!("name one of its `paths` ({})", self.target.paths.join(", ")),
        };
        let [path] = wants else { return Err(unfit(&wants.join(", "))) };
        if !self.target.paths.contains(path) {
            return Err(unfit(path));
        }
        Ok(self.target.id(path, identity.as_str()))
    }

    async fn end(&self, ended: &EndedLease) -> Result<(), BrokerError> {
        let denied = self.denied.deny(ended.lease.clone(), ended.until, ended.now).await;
        // Whatever became of the list: what is open is ended.
        let called = serial(&ended.lease);
        let over = self.target.end.run(&[&called, ended.lease.as_str()]).await;
        denied.and(over).map_err(|why| self.away(why))
    }

    fn away(&self, why: String) -> BrokerError {
        BrokerError::Away { target: self.name.clone(), why }
    }
}

impl Broker for X509 {
    fn target(&self) -> &TargetName {
        &self.name
    }

    fn reach(&self) -> EnforcedAs {
        EnforcedAs::Session
    }

    fn issue<'a>(&'a self, order: &'a LeaseOrder) -> Attempt<'a, Issued> {
        Box::pin(self.make(order))
    }

    fn revoke<'a>(&'a self, ended: &'a EndedLease) -> Attempt<'a, ()> {
        Box::pin(self.end(ended))
    }

    fn announce<'a>(
        &'a self,
        ended: &'a [(LeaseId, Timestamp)],
        now: Timestamp,
    ) -> Attempt<'a, ()> {
        Box::pin(async move {
            self.denied.deny_all(ended.to_vec(), now).await.map_err(|why| self.away(why))
        })
    }

    fn found(&self) -> Attempt<'_, Vec<LeaseId>> {
        Box::pin(async {
            // Nothing can be asked, but the list must not grow old.
            self.denied.refresh_by_itself().await.map_err(|why| self.away(why))?;
            Ok(Vec::new())
        })
    }
}

fn key(path: &Path) -> Result<KeyPair, String> {
    let made = KeyPair::generate().map_err(|error| error.to_string())?;
    match create_private(path, made.serialize_pem().as_bytes()) {
        Ok(()) => Ok(made),
        Err(PrivateError::Exists { .. }) => {
            let pem =
                zeroize::Zeroizing::new(read_private(path, KEY_MAX).map_err(|error| told(&error))?);
            KeyPair::from_pem(&pem)
                .map_err(|_| format!("`{}` holds no private key that can be used", path.display()))
        }
        Err(error) => Err(told(&error)),
    }
}

fn authority(name: &TargetName, now: Timestamp) -> CertificateParams {
    let mut params = CertificateParams::default();
    params.distinguished_name = DistinguishedName::new();
    params.distinguished_name.push(DnType::CommonName, format!("Bailiwick {name}"));
    params.subject_alt_names = vec![];
    params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    params.not_before = moment(before(now));
    params.not_after = moment(now.after(AUTHORITY_LIFE));
    params
}

/// Gives the certificate of the authority: the one that is there, or a new one.
fn certificate(path: &Path, params: &CertificateParams, key: &KeyPair) -> Result<String, String> {
    match std::fs::read_to_string(path) {
        Ok(pem) => Ok(pem),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            let pem = params.self_signed(key).map_err(|error| error.to_string())?.pem();
            write_public(path, pem.as_bytes()).map_err(|error| told(&error))?;
            Ok(pem)
        }
        Err(error) => Err(format!("cannot read `{}`: {error}", path.display())),
    }
}

fn publisher(authority: Arc<Issuer<'static, KeyPair>>, path: PathBuf) -> Box<super::deny::Publish> {
    Box::new(move |leases, now| {
        let revoked = leases.iter().map(|lease| RevokedCertParams {
            serial_number: number(lease),
            revocation_time: moment(now),
            reason_code: None,
            invalidity_date: None,
        });
        let params = CertificateRevocationListParams {
            this_update: moment(before(now)),
            next_update: moment(now.after(LIST_LIFE)),
            crl_number: SerialNumber::from_slice(&now.millis().to_be_bytes()),
            issuing_distribution_point: None,
            revoked_certs: revoked.collect(),
            key_identifier_method: KeyIdMethod::Sha256,
        };
        let list = params.signed_by(&authority).and_then(|it| it.pem());
        let list = list.map_err(|error| error.to_string())?;
        write_public(&path, list.as_bytes()).map_err(|error| told(&error))
    })
}

/// A little earlier, for clocks that are behind.
fn before(now: Timestamp) -> Timestamp {
    let skew = i64::try_from(SKEW.as_millis()).unwrap_or(0);
    Timestamp::from_millis(now.millis().saturating_sub(skew))
}

/// The moment as certificates have it.
fn moment(at: Timestamp) -> time::OffsetDateTime {
    time::OffsetDateTime::from_unix_timestamp(at.seconds())
        .unwrap_or(time::OffsetDateTime::UNIX_EPOCH)
}

fn number(lease: &LeaseId) -> SerialNumber {
    SerialNumber::from_slice(&bits(lease).to_be_bytes())
}

/// The serial as servers and `openssl` print it.
fn serial(lease: &LeaseId) -> String {
    format!("{:032X}", bits(lease))
}
