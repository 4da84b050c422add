//! An agent's own key, and the short signed assertion (RFC 7523 as updated by RFC 10070) with
//! which it proves that it is itself.

use std::{path::Path, time::Duration};

use bailiwick_model::{Charter, CredentialId, IdentityId, Json, Proof, Timestamp};

use crate::{
    es256::{Es256Key, Es256PublicKey, KeyError},
    jws::{self, Jws, ShapeError},
    private::PrivateError,
    proof::ProofError,
    random::random_text,
    replay::Replay,
    secret::Secret,
    since::Since,
};

const KIND: &str = "client-authentication+jwt";
/// How long our own assertions live: long enough to travel.
const LIFE: Duration = Duration::from_secs(60);
/// How long anybody's may live.
const LIFE_MAX: Duration = Duration::from_secs(5 * 60);
/// The longest `jti` that is remembered.
const ID_MAX: usize = 128;
/// How many keys of one charter are tried.
const KEYS_MAX: usize = 8;

/// Says whether `pem` is a public key that an identity can prove itself with, and gives the key's
/// name (its RFC 7638 thumbprint).
pub fn check_public_pem(pem: &str) -> Result<String, KeyError> {
    Es256PublicKey::from_pem(pem).map(|it| it.thumbprint())
}

/// The private half of an identity's key.
#[derive(Debug)]
pub struct IdentityKey(Es256Key);

impl IdentityKey {
    /// Makes a new key.
    pub fn generate() -> Result<Self, KeyError> {
        Es256Key::generate().map(Self)
    }

    /// Reads the private PEM.
    pub fn from_pem(pem: &Secret) -> Result<Self, KeyError> {
        Es256Key::from_pem(pem.expose()).map(Self)
    }

    /// Writes the private half: PKCS#8 PEM.
    pub fn private_pem(&self) -> Secret {
        self.0.to_pem()
    }

    /// Writes the public half: PEM.
    pub fn public_pem(&self) -> String {
        self.0.public().to_pem()
    }

    /// Signs that the holder of this key is `identity`, for `issuer` to read, once, within a
    /// minute.
    pub fn assertion(
        &self,
        identity: &IdentityId,
        issuer: &str,
        now: Timestamp,
    ) -> Result<Secret, KeyError> {
        let id = random_text().map_err(|_| KeyError::Provider)?;
        let text = |it: &str| Json::Text(it.to_owned());
        let seconds = |it: Timestamp| Json::Int(it.seconds().into());
        let claims = Json::Object(
            [
                ("iss".to_owned(), text(identity.as_str())),
                ("sub".to_owned(), text(identity.as_str())),
                ("aud".to_owned(), text(issuer)),
                ("jti".to_owned(), Json::Text(id)),
                ("iat".to_owned(), seconds(now)),
                ("exp".to_owned(), seconds(now.after(LIFE))),
            ]
            .into(),
        );
        let signed = jws::signing_text(&jws::header(KIND, self.0.public().thumbprint()), &claims);
        let signature = self.0.sign(&signed)?;
        Ok(Secret::new(format!("{signed}.{signature}")))
    }
}

/// Checks assertions, each once.
#[derive(Debug)]
pub struct AssertionVerifier {
    issuer: String,
    since: Since,
    replay: Replay,
}

impl AssertionVerifier {
    /// Makes the verifier of a process that began at `started` and answers as `issuer`.
    pub fn new(issuer: &str, started: Timestamp) -> Self {
        // `iat` has whole seconds: one made in the second of the start still passes.
        let second = Timestamp::from_millis(started.seconds().saturating_mul(1000));
        let since = Since::new(second);
        Self { issuer: issuer.to_owned(), since, replay: Replay::default() }
    }

    /// Keeps in the file at `path` what a restart must not forget.
    pub fn kept_at(self, path: &Path) -> Result<Self, PrivateError> {
        Ok(Self { since: self.since.kept_at(path)?, ..self })
    }

    /// Gives the identity that `assertion` speaks for. Nothing is proven yet: this only says whose
    /// charter to check it against.
    pub fn claimed(assertion: &str) -> Result<IdentityId, ProofError> {
        let jws = Jws::read(assertion, KIND)?;
        let wrong = ShapeError::Wrong { name: "sub", wanted: "an identity" };
        Ok(jws.text("sub")?.parse().map_err(|_| wrong)?)
    }

    /// Accepts `assertion` as proof of being the identity of `charter`, uses it up, and names the
    /// key that made it: one of the charter's, or one of those that were brought in with a code, where
    /// the charter takes such.
    pub fn verify(
        &self,
        assertion: &str,
        (charter, enrolled): (&Charter, &[String]),
        now: Timestamp,
    ) -> Result<CredentialId, ProofError> {
        let of_charter = charter.proof.iter().filter_map(|proof| match proof {
            Proof::Key { pem, .. } => Some(pem),
            Proof::Spiffe(_) | Proof::Oidc { .. } | Proof::Uid(_) | Proof::Enrolled => None,
        });
        let enrolled: &[String] = if charter.takes_enrolled() { enrolled } else { &[] };
        let keys = of_charter.take(KEYS_MAX).chain(enrolled);
        self.verify_by(assertion, (&charter.identity, keys), now)
    }

    /// Accepts `assertion` as proof that whoever made it is called `identity` and holds this key, which
    /// is yet to be brought in.
    pub fn verify_new(
        &self,
        assertion: &str,
        (identity, pem): (&IdentityId, &String),
        now: Timestamp,
    ) -> Result<CredentialId, ProofError> {
        self.verify_by(assertion, (identity, std::iter::once(pem)), now)
    }

    fn verify_by<'k>(
        &self,
        assertion: &str,
        (identity, keys): (&IdentityId, impl Iterator<Item = &'k String>),
        now: Timestamp,
    ) -> Result<CredentialId, ProofError> {
        let jws = Jws::read(assertion, KIND)?;
        let key = check_signature(&jws, (identity, keys))?;
        self.check_parties(&jws, identity)?;
        let (id, expires) = self.check_times(&jws, now)?;
        self.since.remember(jws.moment("iat")?, now)?;
        self.replay.spend(identity.as_str(), id, expires, now)?;
        Ok(key)
    }

    fn check_parties(&self, jws: &Jws<'_>, identity: &IdentityId) -> Result<(), ProofError> {
        let wanted = identity.as_str();
        let client = jws.claims.get("client_id").map(|_| jws.text("client_id")).transpose()?;
        if jws.text("iss")? != wanted
            || jws.text("sub")? != wanted
            || client.is_some_and(|it| it != wanted)
        {
            return Err(ProofError::OtherSigner { wanted: wanted.to_owned() });
        }
        // A list is refused even when it names only us (RFC 10070).
        if jws.claims.get("aud").and_then(Json::as_text) != Some(&self.issuer) {
            return Err(ProofError::WrongAudience { wanted: self.issuer.clone() });
        }
        Ok(())
    }

    fn check_times<'j>(
        &self,
        jws: &'j Jws<'_>,
        now: Timestamp,
    ) -> Result<(&'j str, Timestamp), ProofError> {
        let (issued, expires) = (jws.moment("iat")?, jws.moment("exp")?);
        if expires <= now {
            return Err(ProofError::Expired);
        }
        if jws.is_early(now)? {
            return Err(ProofError::NotYet);
        }
        if issued.after(LIFE_MAX) < expires {
            return Err(ProofError::TooLongLived);
        }
        if self.since.may_be_used(issued) {
            return Err(ProofError::BeforeStart);
        }
        let id = jws.text("jti")?;
        if ID_MAX < id.len() {
            return Err(ShapeError::Wrong { name: "jti", wanted: "at most 128 bytes" }.into());
        }
        Ok((id, expires))
    }
}

/// Finds the key that signed.
fn check_signature<'k>(
    jws: &Jws<'_>,
    (identity, keys): (&IdentityId, impl Iterator<Item = &'k String>),
) -> Result<CredentialId, ProofError> {
    let signer = || identity.as_str().to_owned();
    let mut keys = keys.filter_map(|pem| Es256PublicKey::from_pem(pem).ok()).peekable();
    if keys.peek().is_none() {
        return Err(ProofError::NoKey { signer: signer() });
    }
    // The `kid` is the caller's word, and any of them suffices.
    let signed = keys.find(|it| it.verify(jws.signed, jws.signature));
    let name = signed.and_then(|it| it.thumbprint().parse().ok());
    name.ok_or_else(|| ProofError::BadSignature { signer: signer() })
}

#[cfg(test)]
mod tests;
