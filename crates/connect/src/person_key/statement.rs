//! What a person signs: one act on one subject, at one moment, once.

use std::{collections::BTreeMap, path::Path, time::Duration};

use aws_lc_rs::signature::{ED25519, Ed25519KeyPair, UnparsedPublicKey};
use bailiwick_model::{Json, JsonLimits, Person, PersonName, Timestamp};
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};

use crate::{
    private::PrivateError,
    proof::ProofError,
    random::{RandomError, random_text},
    replay::Replay,
    since::Since,
};

/// Goes before what is signed, so that a person's signature never means anything else.
const DOMAIN: &[u8] = b"bailiwick statement v1\0";
/// The longest signed statement that is looked at.
const MAX: usize = 32 << 10;
/// How far from now a statement may lie, either way.
const NEAR: Duration = Duration::from_secs(5 * 60);
const NONCE_MAX: usize = 128;

/// One act of a person.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Statement {
    /// Who.
    pub by: PersonName,
    /// What they do: `approve-hold`, `add-person`, `release`, …
    pub what: String,
    /// To what.
    pub subject: String,
    /// Everything else they saw and agreed to.
    pub details: BTreeMap<String, String>,
    /// When they signed.
    pub at: Timestamp,
    /// Makes it usable once.
    pub nonce: String,
}

impl Statement {
    /// Makes a statement that can be used once.
    pub fn new(
        by: PersonName,
        what: impl Into<String>,
        subject: impl Into<String>,
        details: BTreeMap<String, String>,
        at: Timestamp,
    ) -> Result<Self, RandomError> {
        Ok(Self {
            by,
            what: what.into(),
            subject: subject.into(),
            details,
            at,
            nonce: random_text()?,
        })
    }

    /// Gives the one text that is signed.
    pub fn canonical(&self) -> String {
        let text = |name: &str, value: &str| (name.to_owned(), Json::Text(value.to_owned()));
        let details = self.details.iter().map(|(name, value)| text(name, value)).collect();
        Json::Object(
            [
                text("by", self.by.as_str()),
                text("what", &self.what),
                text("subject", &self.subject),
                ("details".to_owned(), Json::Object(details)),
                text("at", &self.at.to_string()),
                text("nonce", &self.nonce),
            ]
            .into(),
        )
        .canonical()
    }

    /// Reads a statement whose signature was verified when it was recorded.
    pub fn recorded(signed: &str) -> Result<Self, ProofError> {
        read(signed).map(|(statement, ..)| statement)
    }

    pub(super) fn sign(&self, pair: &Ed25519KeyPair) -> Option<String> {
        let payload = self.canonical();
        let signature = pair.try_sign(&signed_bytes(payload.as_bytes())).ok()?;
        Some(format!("{}.{}", URL_SAFE_NO_PAD.encode(payload), URL_SAFE_NO_PAD.encode(signature)))
    }

    fn from_payload(payload: &[u8]) -> Option<Self> {
        let limits = JsonLimits { bytes: MAX, depth: 3, values: 512 };
        let json = Json::parse(payload, limits).ok()?;
        let text = |name: &str| json.get(name)?.as_text();
        let Some(Json::Object(details)) = json.get("details") else { return None };
        let detail =
            |(name, value): (&String, &Json)| Some((name.clone(), value.as_text()?.to_owned()));
        let statement = Self {
            by: text("by")?.parse().ok()?,
            what: text("what")?.to_owned(),
            subject: text("subject")?.to_owned(),
            details: details.iter().map(detail).collect::<Option<_>>()?,
            at: text("at")?.parse().ok()?,
            nonce: text("nonce")?.to_owned(),
        };
        // One statement has one text: nothing is signed that we did not read.
        (statement.canonical().as_bytes() == payload).then_some(statement)
    }
}

fn signed_bytes(payload: &[u8]) -> Vec<u8> {
    [DOMAIN, payload].concat()
}

/// Checks signed statements, each once.
#[derive(Debug)]
pub struct StatementVerifier {
    since: Since,
    replay: Replay,
}

impl StatementVerifier {
    /// Makes the verifier of a process that began at `started`.
    pub fn new(started: Timestamp) -> Self {
        Self { since: Since::new(started), replay: Replay::default() }
    }

    /// Keeps in the file at `path` what a restart must not forget.
    pub fn kept_at(self, path: &Path) -> Result<Self, PrivateError> {
        Ok(Self { since: self.since.kept_at(path)?, ..self })
    }

    /// Gives the person whom `signed` claims to be by. Nothing is proven yet: this only says whose
    /// key to check it with.
    pub fn claimed(signed: &str) -> Result<PersonName, ProofError> {
        read(signed).map(|(statement, ..)| statement.by)
    }

    /// Accepts `signed` as a statement by `person`, and uses it up.
    pub fn verify(
        &self,
        person: &Person,
        signed: &str,
        now: Timestamp,
    ) -> Result<Statement, ProofError> {
        let (statement, payload, signature) = read(signed)?;
        let signer = || person.name.as_str().to_owned();
        if statement.by != person.name {
            return Err(ProofError::OtherSigner { wanted: signer() });
        }
        let Ok(key) = URL_SAFE_NO_PAD.decode(&person.key) else {
            return Err(ProofError::NoKey { signer: signer() });
        };
        UnparsedPublicKey::new(&ED25519, key)
            .verify(&signed_bytes(&payload), &signature)
            .map_err(|_| ProofError::BadSignature { signer: signer() })?;
        self.check_time(&statement, now)?;
        self.since.remember(statement.at, now)?;
        let until = statement.at.after(NEAR);
        self.replay.spend(person.name.as_str(), &statement.nonce, until, now)?;
        Ok(statement)
    }

    fn check_time(&self, statement: &Statement, now: Timestamp) -> Result<(), ProofError> {
        if statement.at.after(NEAR) <= now {
            return Err(ProofError::Expired);
        }
        if now.after(NEAR) < statement.at {
            return Err(ProofError::NotYet);
        }
        if self.since.may_be_used(statement.at) {
            return Err(ProofError::BeforeStart);
        }
        Ok(())
    }
}

fn read(signed: &str) -> Result<(Statement, Vec<u8>, Vec<u8>), ProofError> {
    let malformed = |why| ProofError::Malformed { why };
    if MAX < signed.len() {
        return Err(malformed("it is too long"));
    }
    let (payload, signature) = signed.split_once('.').ok_or(malformed("it has no two parts"))?;
    let decode = |it: &str| URL_SAFE_NO_PAD.decode(it).ok();
    let signature = decode(signature).ok_or(malformed("its signature is not base64url"))?;
    let payload = decode(payload).ok_or(malformed("its text is not base64url"))?;
    let statement = Statement::from_payload(&payload)
        .filter(|it| (1..=NONCE_MAX).contains(&it.nonce.len()))
        .ok_or(malformed("its text is not a statement in its one canonical form"))?;
    Ok((statement, payload, signature))
}
