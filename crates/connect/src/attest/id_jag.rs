//! ID-JAG: the provider of an organisation says, signed and for one use, that a client may work here on
//! behalf of a person (draft-ietf-oauth-identity-assertion-authz-grant).
//!
//! All that follows from the draft's edition is in this file. What such a grant says proves nobody's
//! identity: the client proves itself besides, and is the one that is named here.

use std::collections::BTreeMap;

use bailiwick_model::{Digest, IdentityId, Json, OnBehalf, Timestamp};

use super::{Attestor, Foreign, NAME_MAX, Once, source::KeySource};
use crate::{
    KeyPlace,
    jwk::{Algorithm, Purpose},
    jws::{Parts, ShapeError},
    proof::ProofError,
};

/// The edition of the draft that is read.
pub const ID_JAG_EDITION: &str = "draft-ietf-oauth-identity-assertion-authz-grant-05";
/// The `typ` of such a grant, to the letter (RFC 8725, section 3.11).
const KIND: &str = "oauth-id-jag+jwt";
/// The longest that one may live.
const LIFE_MAX: std::time::Duration = std::time::Duration::from_secs(60 * 60);
/// How many grants that still live one client may have used: a proof lives for minutes, and a grant for an hour.
pub(super) const LIVE_MAX: usize = 16_384;
/// The longest `jti`.
const ID_MAX: usize = 128;
/// As many hands as `act` may name.
const HANDS_MAX: usize = 4;

/// An issuer whose word for people counts.
#[derive(Clone, Debug)]
pub struct MandateIssuer {
    /// Its `iss`, to the letter.
    pub issuer: String,
    /// Where its keys lie.
    pub keys: KeyPlace,
    /// What it signs with.
    pub algorithms: Vec<Algorithm>,
    /// Which of its tenants is ours, where it has several.
    pub tenant: Option<String>,
}

/// A grant that was verified, and not used up yet.
#[derive(Clone, Debug, PartialEq)]
pub struct IdJag {
    /// On whose behalf.
    pub on_behalf: OnBehalf,
    /// Which client may.
    pub client: String,
    /// The one resource that it is for, where it says so.
    pub resource: Option<String>,
    /// The scopes that it is for, where it says so.
    pub scope: Option<String>,
    /// What it is for, in the words of RFC 9396, where it says so.
    pub details: Option<Json>,
    once: Once,
}

#[derive(Debug)]
struct Issuer {
    keys: KeySource,
    algorithms: Vec<Algorithm>,
    tenant: Option<String>,
}

/// The issuers whose word for people counts.
#[derive(Debug, Default)]
pub(super) struct Mandates(BTreeMap<String, Issuer>);

impl Mandates {
    pub(super) fn new(issuers: Vec<MandateIssuer>) -> Self {
        let issuer = |it: MandateIssuer| {
            let keys = KeySource::new(it.keys, Purpose::Signatures);
            (it.issuer, Issuer { keys, algorithms: it.algorithms, tenant: it.tenant })
        };
        Self(issuers.into_iter().map(issuer).collect())
    }

    pub(super) async fn tend(&self, now: Timestamp) -> Vec<(String, String)> {
        let mut wrong = Vec::new();
        for (issuer, it) in &self.0 {
            let text = it.keys.tend(now).await;
            wrong.extend(text.map(|text| (format!("mandate issuer `{issuer}`"), text)));
        }
        wrong
    }
}

/// Says whether an assertion claims to be such a grant. Nothing is proven yet.
pub fn is_id_jag(assertion: &str) -> bool {
    Parts::take(assertion).is_ok_and(|it| is_kind(&it.header))
}

fn is_kind(header: &Json) -> bool {
    header.get("typ").and_then(Json::as_text) == Some(KIND)
}

impl Attestor {
    /// Says whether anybody's word for people counts.
    pub fn takes_mandates(&self) -> bool {
        !self.mandates.0.is_empty()
    }

    /// Accepts a grant: signed by a key of its own issuer, for us alone, in its time. It is not used up.
    pub async fn id_jag(&self, assertion: &str, now: Timestamp) -> Result<IdJag, ProofError> {
        let claimed = Parts::take(assertion)?;
        if !is_kind(&claimed.header) {
            return Err(ShapeError::WrongType { wanted: KIND }.into());
        }
        let claimed = claimed.claims.get("iss").and_then(Json::as_text).unwrap_or_default();
        let (issuer, it) =
            self.mandates.0.get_key_value(claimed).ok_or(ProofError::UnknownTrust)?;
        let token = Foreign::read(assertion, &[KIND], &it.algorithms)?;
        token.check_signature(&it.keys, now).await?;
        // A list is refused even when it names only us.
        if token.text("aud")? != self.ours {
            return Err(ProofError::WrongAudience { wanted: self.ours.clone() });
        }
        if optional(&token, "tenant")? != it.tenant {
            return Err(ProofError::OtherTenant);
        }
        let once = self.check_grant_times(&token, issuer, now)?;
        Ok(IdJag {
            on_behalf: OnBehalf {
                issuer: issuer.clone(),
                subject: token.text("sub")?.to_owned(),
                through: hands(token.jws.claims.get("act"))?,
                // What the resources are called is for others to know.
                only: None,
            },
            client: token.text("client_id")?.to_owned(),
            resource: optional(&token, "resource")?,
            scope: optional(&token, "scope")?,
            details: token.jws.claims.get("authorization_details").cloned(),
            once,
        })
    }

    /// Uses a grant up, for the client that proved itself and is named in it. From then on it counts for
    /// nobody, until it is given back.
    pub fn use_up_grant(
        &self,
        grant: &IdJag,
        client: &IdentityId,
        now: Timestamp,
    ) -> Result<(), ProofError> {
        self.since.remember(grant.once.issued, now)?;
        self.grants.spend(client.as_str(), &grant.once.name, grant.once.expires, now)
    }

    /// Gives back a grant for which nothing was given.
    pub fn give_back_grant(&self, grant: &IdJag, client: &IdentityId) {
        self.grants.give_back(client.as_str(), &grant.once.name);
    }

    fn check_grant_times(
        &self,
        token: &Foreign<'_>,
        issuer: &str,
        now: Timestamp,
    ) -> Result<Once, ProofError> {
        let jws = &token.jws;
        let (issued, expires) = (jws.moment("iat")?, jws.moment("exp")?);
        if expires <= now {
            return Err(ProofError::Expired);
        }
        if jws.is_before_its_time(now)? {
            return Err(ProofError::NotYet);
        }
        if issued.after(LIFE_MAX) < expires {
            return Err(ProofError::GrantLivesTooLong);
        }
        if self.since.may_be_used(issued) {
            return Err(ProofError::BeforeStart);
        }
        let id = jws.text("jti")?;
        if ID_MAX < id.len() {
            return Err(ShapeError::Wrong { name: "jti", wanted: "at most 128 bytes" }.into());
        }
        let name = Digest::of_parts(&[b"id-jag", issuer.as_bytes(), id.as_bytes()]).to_string();
        Ok(Once { name, issued, expires })
    }
}

/// Gives a text that may be left out.
fn optional(token: &Foreign<'_>, name: &'static str) -> Result<Option<String>, ShapeError> {
    let given = token.jws.claims.get(name).is_some();
    given.then(|| token.text(name).map(str::to_owned)).transpose()
}

/// Reads who acts for the person, nearest first (RFC 8693, section 4.1).
fn hands(act: Option<&Json>) -> Result<Vec<String>, ShapeError> {
    let wrong = ShapeError::Wrong { name: "act", wanted: "a chain of 4 actors at most" };
    let (mut hands, mut next) = (Vec::new(), act);
    while let Some(hop) = next {
        let sub = hop.get("sub").and_then(Json::as_text);
        let sub = sub.filter(|it| (1..=NAME_MAX).contains(&it.len()));
        match sub {
            Some(sub) if hands.len() < HANDS_MAX => hands.push(sub.to_owned()),
            Some(_) | None => return Err(wrong),
        }
        next = hop.get("act");
    }
    Ok(hands)
}

#[cfg(test)]
mod tests;
