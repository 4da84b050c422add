//! Proofs that others vouch for: SPIFFE SVIDs of both kinds, and the OIDC tokens of platforms.
//!
//! Whoever vouches is in the configuration, with the keys that count for them and for nobody else. A
//! token is read by the strict rules of our own: its keys never come from itself, its algorithm is
//! one of a list, and it is for us alone.

pub(crate) mod event;
mod follow;
mod id_jag;
mod source;
mod x509;

use std::{collections::BTreeMap, path::Path, time::Duration};

use bailiwick_model::{CredentialId, Digest, IdentityId, Json, SpiffeId, Timestamp, TrustDomain};
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};

pub use self::{
    event::{
        EventError, EventSubject, EventVerifier, SecurityEvent, SubjectName, TrustedTransmitter,
    },
    id_jag::{ID_JAG_EDITION, IdJag, MandateIssuer, is_id_jag},
    source::KeyPlace,
};
use self::{
    id_jag::{LIVE_MAX, Mandates},
    source::KeySource,
};
use crate::{
    jwk::{Algorithm, Purpose},
    jws::{Jws, Parts, ShapeError},
    private::PrivateError,
    proof::ProofError,
    replay::Replay,
    since::Since,
};

/// The longest that a token of others may live.
const LIFE_MAX: Duration = Duration::from_secs(24 * 60 * 60);
/// The longest name of anything that a token names.
const NAME_MAX: usize = 2048;
/// What a JWT-SVID may be signed with.
const SVID_ALGORITHMS: &[Algorithm] = &[
    Algorithm::Rs256,
    Algorithm::Rs384,
    Algorithm::Rs512,
    Algorithm::Ps256,
    Algorithm::Ps384,
    Algorithm::Ps512,
    Algorithm::Es256,
    Algorithm::Es384,
    Algorithm::Es512,
];

/// A trust domain whose SVIDs count.
#[derive(Clone, Debug)]
pub struct TrustedDomain {
    /// Which.
    pub domain: TrustDomain,
    /// Where its bundle lies.
    pub keys: KeyPlace,
    /// A token of it counts once.
    pub once: bool,
}

/// An issuer whose OIDC tokens count.
#[derive(Clone, Debug)]
pub struct TrustedIssuer {
    /// Its `iss`, to the letter.
    pub issuer: String,
    /// Where its keys lie.
    pub keys: KeyPlace,
    /// What it signs with.
    pub algorithms: Vec<Algorithm>,
    /// A token of it counts once.
    pub once: bool,
}

/// Who somebody was proved to be, in the words of whoever vouches.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Attested {
    /// A workload.
    Spiffe(SpiffeId),
    /// What an issuer calls a subject, for one audience.
    Oidc {
        /// The issuer.
        issuer: String,
        /// The subject.
        subject: String,
        /// Whom the token is for.
        audience: String,
    },
}

impl Attested {
    /// Names what was shown, so that it can be contained.
    pub fn credential(&self) -> Option<CredentialId> {
        let digest = match self {
            Self::Spiffe(id) => Digest::of_parts(&[b"spiffe", id.as_str().as_bytes()]),
            Self::Oidc { issuer, subject, audience } => Digest::of_parts(&[
                b"oidc",
                issuer.as_bytes(),
                subject.as_bytes(),
                audience.as_bytes(),
            ]),
        };
        URL_SAFE_NO_PAD.encode(digest.as_bytes()).parse().ok()
    }
}

/// Somebody was vouched for, now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Vouched {
    /// Who.
    pub who: Attested,
    /// What must not come again, where it counts once.
    once: Option<Once>,
}

/// A token that counts once.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Once {
    /// Its bytes: a `jti` is its owner's affair, and not everybody's has one.
    name: String,
    issued: Timestamp,
    expires: Timestamp,
}

#[derive(Debug)]
struct Domain {
    keys: KeySource,
    once: bool,
}

#[derive(Debug)]
struct Issuer {
    keys: KeySource,
    algorithms: Vec<Algorithm>,
    once: bool,
}

/// Verifies what others vouch for.
#[derive(Debug)]
pub struct Attestor {
    ours: String,
    domains: BTreeMap<TrustDomain, Domain>,
    issuers: BTreeMap<String, Issuer>,
    mandates: Mandates,
    since: Since,
    replay: Replay,
    /// Grants live longer than proofs, and leave these their room.
    grants: Replay,
}

impl Attestor {
    /// Makes the verifier of a process that began at `started` and answers as `ours`.
    pub fn new(
        ours: &str,
        started: Timestamp,
        domains: Vec<TrustedDomain>,
        issuers: Vec<TrustedIssuer>,
    ) -> Self {
        let second = Timestamp::from_millis(started.seconds().saturating_mul(1000));
        let domain = |it: TrustedDomain| {
            let keys = KeySource::new(it.keys, Purpose::Svid);
            (it.domain, Domain { keys, once: it.once })
        };
        let issuer = |it: TrustedIssuer| {
            let keys = KeySource::new(it.keys, Purpose::Signatures);
            (it.issuer, Issuer { keys, algorithms: it.algorithms, once: it.once })
        };
        Self {
            ours: ours.to_owned(),
            domains: domains.into_iter().map(domain).collect(),
            issuers: issuers.into_iter().map(issuer).collect(),
            mandates: Mandates::default(),
            since: Since::new(second),
            replay: Replay::default(),
            grants: Replay::of(LIVE_MAX),
        }
    }

    /// Takes the word of these issuers for the people on whose behalf identities work.
    #[must_use]
    pub fn with_mandates(self, issuers: Vec<MandateIssuer>) -> Self {
        Self { mandates: Mandates::new(issuers), ..self }
    }

    /// Keeps in the file at `path` what a restart must not forget.
    pub fn kept_at(self, path: &Path) -> Result<Self, PrivateError> {
        Ok(Self { since: self.since.kept_at(path)?, ..self })
    }

    /// Reads again the keys that are due, and gives what is wrong with whose: once for every time
    /// that it begins.
    pub async fn tend(&self, now: Timestamp) -> Vec<(String, String)> {
        let mut wrong = Vec::new();
        for (domain, it) in &self.domains {
            let text = it.keys.tend(now).await;
            wrong.extend(text.map(|text| (format!("trust domain `{domain}`"), text)));
        }
        for (issuer, it) in &self.issuers {
            let text = it.keys.tend(now).await;
            wrong.extend(text.map(|text| (format!("issuer `{issuer}`"), text)));
        }
        wrong.extend(self.mandates.tend(now).await);
        wrong
    }

    /// Says whether an assertion claims to be of one of the issuers. Nothing is proven yet.
    pub fn is_of_issuer(&self, assertion: &str) -> bool {
        let parts = Parts::take(assertion).ok();
        let issuer = parts.and_then(|it| it.claims.get("iss")?.as_text().map(str::to_owned));
        issuer.is_some_and(|it| self.issuers.contains_key(&it))
    }

    /// Accepts a JWT-SVID: signed by a key of its own trust domain, for us alone.
    pub async fn spiffe(&self, svid: &str, now: Timestamp) -> Result<Vouched, ProofError> {
        let token = Foreign::read(svid, &["JWT", "JOSE"], SVID_ALGORITHMS)?;
        let wrong = ShapeError::Wrong { name: "sub", wanted: "a SPIFFE ID" };
        let id: SpiffeId = token.text("sub")?.parse().map_err(|_| wrong)?;
        let domain = self.domains.get(id.domain()).ok_or(ProofError::UnknownTrust)?;
        token.check_signature(&domain.keys, now).await?;
        let audience = token.audience()?;
        if audience != self.ours {
            return Err(ProofError::WrongAudience { wanted: self.ours.clone() });
        }
        let once = self.check_times(&token, domain.once, now)?;
        Ok(Vouched { who: Attested::Spiffe(id), once })
    }

    /// Accepts a token of one of the issuers. Whom it is for is compared with what the charter says.
    pub async fn oidc(&self, assertion: &str, now: Timestamp) -> Result<Vouched, ProofError> {
        let claimed = Parts::take(assertion)?;
        let claimed = claimed.claims.get("iss").and_then(Json::as_text).unwrap_or_default();
        let (issuer, it) = self.issuers.get_key_value(claimed).ok_or(ProofError::UnknownTrust)?;
        let token = Foreign::read(assertion, &["JWT"], &it.algorithms)?;
        token.check_signature(&it.keys, now).await?;
        let subject = token.text("sub")?.to_owned();
        let audience = token.audience()?.to_owned();
        let once = self.check_times(&token, it.once, now)?;
        Ok(Vouched { who: Attested::Oidc { issuer: issuer.clone(), subject, audience }, once })
    }

    /// Uses up what proved `identity`, where it counts once. Platforms vouch for many whom no charter
    /// names, so nothing is remembered before it is known whom it proved.
    pub fn use_up(
        &self,
        vouched: &Vouched,
        identity: &IdentityId,
        now: Timestamp,
    ) -> Result<(), ProofError> {
        let Some(once) = &vouched.once else { return Ok(()) };
        self.since.remember(once.issued, now)?;
        self.replay.spend(identity.as_str(), &once.name, once.expires, now)
    }

    /// Checks that its time is now; where it counts once, gives what must not come again.
    fn check_times(
        &self,
        token: &Foreign<'_>,
        once: bool,
        now: Timestamp,
    ) -> Result<Option<Once>, ProofError> {
        let jws = &token.jws;
        let expires = jws.moment("exp")?;
        if expires <= now {
            return Err(ProofError::Expired);
        }
        let issued = jws.claims.get("iat").map(|_| jws.moment("iat")).transpose()?;
        if jws.is_before_its_time(now)? {
            return Err(ProofError::NotYet);
        }
        if issued.unwrap_or(now).after(LIFE_MAX) < expires {
            return Err(ProofError::LivesTooLong);
        }
        if !once {
            return Ok(None);
        }
        let issued = issued.ok_or(ShapeError::Missing { name: "iat" })?;
        if self.since.may_be_used(issued) {
            return Err(ProofError::BeforeStart);
        }
        let name = Digest::of(jws.signed.as_bytes()).to_string();
        Ok(Some(Once { name, issued, expires }))
    }
}

/// A token of somebody else, taken apart.
struct Foreign<'a> {
    jws: Jws<'a>,
    algorithm: Algorithm,
    key: String,
    signature: Vec<u8>,
}

impl<'a> Foreign<'a> {
    /// Takes a token apart: `typ` is one of `kinds` or not there, `alg` one of `algorithms`.
    fn read(token: &'a str, kinds: &[&str], algorithms: &[Algorithm]) -> Result<Self, ShapeError> {
        let Parts { signed, signature, header, claims } = Parts::take(token)?;
        let kind = header.get("typ").map(|it| it.as_text().unwrap_or_default());
        if kind.is_some_and(|it| !kinds.iter().any(|kind| kind.eq_ignore_ascii_case(it))) {
            return Err(ShapeError::WrongType { wanted: "JWT" });
        }
        if header.get("crit").is_some() {
            return Err(ShapeError::Critical);
        }
        let algorithm = header.get("alg").and_then(Json::as_text).and_then(Algorithm::named);
        let algorithm = algorithm.filter(|it| algorithms.contains(it));
        let algorithm = algorithm.ok_or(ShapeError::OtherAlgorithm)?;
        let key = match header.get("kid") {
            Some(Json::Text(text)) if (1..=NAME_MAX).contains(&text.len()) => text.clone(),
            Some(_) => return Err(ShapeError::Wrong { name: "kid", wanted: "a text" }),
            None => return Err(ShapeError::Missing { name: "kid" }),
        };
        let malformed = ShapeError::Malformed { why: "its signature is not base64url" };
        let bytes = URL_SAFE_NO_PAD.decode(signature).map_err(|_| malformed)?;
        let jws = Jws { signed, signature, key_id: None, claims };
        Ok(Self { jws, algorithm, key, signature: bytes })
    }

    fn text(&self, name: &'static str) -> Result<&str, ShapeError> {
        let text = self.jws.text(name)?;
        if NAME_MAX < text.len() {
            return Err(ShapeError::Wrong { name, wanted: "at most 2048 bytes" });
        }
        Ok(text)
    }

    /// Gives the one audience: a text, or a list of one. A token that is for others as well can be
    /// shown to us by them.
    fn audience(&self) -> Result<&str, ShapeError> {
        let one = match self.jws.claims.get("aud") {
            Some(Json::Text(one)) => Some(one.as_str()),
            Some(Json::List(list)) => match list.as_slice() {
                [Json::Text(one)] => Some(one.as_str()),
                _ => None,
            },
            Some(_) => None,
            None => return Err(ShapeError::Missing { name: "aud" }),
        };
        let fits = |it: &&str| (1..=NAME_MAX).contains(&it.len());
        one.filter(fits).ok_or(ShapeError::Wrong { name: "aud", wanted: "exactly one audience" })
    }

    async fn check_signature(&self, keys: &KeySource, now: Timestamp) -> Result<(), ProofError> {
        let keys = keys.keys(&self.key, now).await;
        let mut named = keys.named(&self.key).peekable();
        if named.peek().is_none() {
            return Err(ProofError::UnknownKey);
        }
        let message = self.jws.signed.as_bytes();
        if named.any(|it| it.verify(self.algorithm, message, &self.signature)) {
            Ok(())
        } else {
            Err(ProofError::ForeignSignature)
        }
    }
}

#[cfg(test)]
mod tests;
