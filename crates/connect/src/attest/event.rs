//! Security event tokens (RFC 8417): what another system tells of those whom it knows.
//!
//! Such a token proves nobody and opens nothing, and must never pass for one that does: it says what it
//! is, has no end and no `sub`, and tells one event. Whoever tells is known by its own keys alone.

use std::{fmt, time::Duration};

use bailiwick_model::{Json, SignalEvent, Timestamp};

use super::{Foreign, KeyPlace, KeySource, NAME_MAX};
use crate::{
    jwk::{Algorithm, Purpose},
    jws::{Parts, ShapeError},
};

/// The longest name of one telling.
const JTI_MAX: usize = 256;
/// How many audiences one may be for, and how many names its subject may have.
const LIST_MAX: usize = 16;
/// What it says it is.
const KIND: &str = "secevent+jwt";

/// Who may tell, and for whom it must be.
#[derive(Clone, Debug)]
pub struct TrustedTransmitter {
    /// Its `iss`, to the letter.
    pub issuer: String,
    /// What it calls us.
    pub audience: String,
    /// Where its keys lie.
    pub keys: KeyPlace,
    /// How old what it tells may be.
    pub max_age: Duration,
}

/// Why a telling is not taken, in the words of RFC 8935, section 2.4. No message holds a part of it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum EventError {
    /// Not a security event token that we read.
    #[error(transparent)]
    Shape(#[from] ShapeError),
    /// It says something that such a token must not say.
    #[error("a security event token has no `{name}`")]
    Forbidden {
        /// What it has.
        name: &'static str,
    },
    /// Not by the key of whoever tells.
    #[error("no key of the issuer made this signature")]
    Key,
    /// Told by somebody else.
    #[error("the token's `iss` is not the one that is taken here")]
    Issuer,
    /// Told to somebody else.
    #[error("the token's `aud` does not name this governor")]
    Audience,
    /// Told too long ago.
    #[error("the token was issued too long ago to be taken")]
    Old,
    /// Told in the future.
    #[error("the token lies in the future: check the clocks")]
    NotYet,
    /// An event that nothing here knows.
    #[error("the token tells an event that is not known here")]
    Unknown,
}

impl EventError {
    /// Gives the code that programs read.
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Shape(_) | Self::Forbidden { .. } | Self::Old | Self::NotYet | Self::Unknown => {
                "invalid_request"
            }
            Self::Key => "invalid_key",
            Self::Issuer => "invalid_issuer",
            Self::Audience => "invalid_audience",
        }
    }
}

/// One name of somebody, as who tells writes it (RFC 9493).
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum SubjectName {
    /// A subject of an issuer.
    IssSub {
        /// The issuer.
        iss: String,
        /// What it calls them.
        sub: String,
    },
    /// An address, in small letters.
    Email(String),
    /// A name that means something to who tells.
    Opaque(String),
}

/// Whom an event is about: any of these names is theirs.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct EventSubject {
    /// The names.
    pub names: Vec<SubjectName>,
    /// Which session of theirs, where it is about one.
    pub session: Option<String>,
}

/// What was told, and by whom is known.
#[derive(Clone, PartialEq, Eq)]
pub struct SecurityEvent {
    /// Its name, which is used for nothing else.
    pub jti: String,
    /// When it was told.
    pub issued: Timestamp,
    /// What happened.
    pub event: SignalEvent,
    /// To whom.
    pub subject: EventSubject,
    /// The level of risk, or the state of the stream, that it tells.
    pub level: Option<String>,
}

// Whom it is about is not for logs.
impl fmt::Debug for SecurityEvent {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "SecurityEvent({}, {})", self.event, self.issued)
    }
}

/// Verifies what one transmitter tells.
#[derive(Debug)]
pub struct EventVerifier {
    issuer: String,
    audience: String,
    max_age: Duration,
    keys: KeySource,
}

impl EventVerifier {
    /// Gives the `iss` of what it takes.
    pub fn issuer(&self) -> &str {
        &self.issuer
    }

    /// Makes the verifier.
    pub fn new(transmitter: TrustedTransmitter) -> Self {
        let TrustedTransmitter { issuer, audience, keys, max_age } = transmitter;
        Self { issuer, audience, max_age, keys: KeySource::new(keys, Purpose::Signatures) }
    }

    /// Says how long after it was told an event may still be taken, and so come again.
    pub const fn max_age(&self) -> Duration {
        self.max_age
    }

    /// Reads its keys again where that is due, and gives what is wrong: once for every time that it
    /// begins.
    pub async fn tend(&self, now: Timestamp) -> Option<String> {
        self.keys.tend(now).await
    }

    /// Takes what is told: by a key of this transmitter, to us, of late. Its age is judged by `wall` as
    /// well: time that never goes back may be ahead of who tells for long.
    pub async fn verify(
        &self,
        set: &str,
        now: Timestamp,
        wall: Timestamp,
    ) -> Result<SecurityEvent, EventError> {
        let Parts { header, claims, .. } = Parts::take(set)?;
        if header.get("typ").and_then(Json::as_text) != Some(KIND) {
            return Err(ShapeError::WrongType { wanted: KIND }.into());
        }
        if claims.get("iss").and_then(Json::as_text) != Some(&self.issuer) {
            return Err(EventError::Issuer);
        }
        let token = Foreign::read(set, &[KIND], &[Algorithm::Rs256])?;
        token.check_signature(&self.keys, now).await.map_err(|_| EventError::Key)?;
        self.check_claims(&token, now, wall)?;
        told(&token)
    }

    fn check_claims(
        &self,
        token: &Foreign<'_>,
        now: Timestamp,
        wall: Timestamp,
    ) -> Result<(), EventError> {
        let claims = &token.jws.claims;
        for name in ["exp", "sub"] {
            if claims.get(name).is_some() {
                return Err(EventError::Forbidden { name });
            }
        }
        let ours = |it: &Json| it.as_text() == Some(&self.audience);
        let for_us = match claims.get("aud") {
            Some(Json::List(list)) => list.len() <= LIST_MAX && list.iter().any(ours),
            Some(one) => ours(one),
            None => return Err(ShapeError::Missing { name: "aud" }.into()),
        };
        if !for_us {
            return Err(EventError::Audience);
        }
        if token.jws.is_early(now)? {
            return Err(EventError::NotYet);
        }
        if token.jws.moment("iat")?.after(self.max_age) < now.min(wall) {
            return Err(EventError::Old);
        }
        Ok(())
    }
}

/// Reads the one event of a token.
fn told(token: &Foreign<'_>) -> Result<SecurityEvent, EventError> {
    let claims = &token.jws.claims;
    let jti = token.text("jti")?;
    if JTI_MAX < jti.len() || !jti.bytes().all(|it| it.is_ascii_graphic()) {
        return Err(wrong("jti", "at most 256 letters, digits and signs"));
    }
    let one = wrong("events", "exactly one event");
    let Some(Json::Object(events)) = claims.get("events") else { return Err(one) };
    let mut events = events.iter();
    let (Some((uri, event)), None) = (events.next(), events.next()) else { return Err(one) };
    if !matches!(event, Json::Object(_)) {
        return Err(one);
    }
    let known = SignalEvent::from_uri(uri).ok_or(EventError::Unknown)?;
    let level = event.get("current_level").or_else(|| event.get("status"));
    let level = level.and_then(Json::as_text).map(|it| it.chars().take(32).collect());
    Ok(SecurityEvent {
        jti: jti.to_owned(),
        issued: token.jws.moment("iat")?,
        event: known,
        subject: subject(claims.get("sub_id").ok_or(ShapeError::Missing { name: "sub_id" })?)?,
        level,
    })
}

const fn wrong(name: &'static str, wanted: &'static str) -> EventError {
    EventError::Shape(ShapeError::Wrong { name, wanted })
}

/// Reads whom it is about. What narrows a complex subject further, such as a device, is read past: then
/// all of whoever it is is meant.
fn subject(id: &Json) -> Result<EventSubject, EventError> {
    if id.get("format").and_then(Json::as_text) != Some("complex") {
        return Ok(EventSubject { names: names(id)?, session: None });
    }
    let session = match id.get("session") {
        None => None,
        Some(session) => Some(session_of(session)?),
    };
    let names = id.get("user").map(names).transpose()?.unwrap_or_default();
    if names.is_empty() && session.is_none() {
        return Err(wrong("sub_id", "about a `user` or a `session`"));
    }
    Ok(EventSubject { names, session })
}

/// Gives the name of a session, in whatever form it has one.
fn session_of(id: &Json) -> Result<String, EventError> {
    Ok(match names(id)?.into_iter().next() {
        Some(SubjectName::Opaque(id)) => id,
        Some(SubjectName::IssSub { sub, .. }) => sub,
        Some(SubjectName::Email(_)) | None => String::new(),
    })
}

/// Reads a simple subject identifier. One of a form that we do not know is nobody's name.
fn names(id: &Json) -> Result<Vec<SubjectName>, EventError> {
    let text = |name: &str| match id.get(name) {
        Some(Json::Text(text)) if (1..=NAME_MAX).contains(&text.len()) => Ok(text.clone()),
        Some(_) | None => Err(wrong("sub_id", "a subject identifier of RFC 9493")),
    };
    Ok(match text("format")?.as_str() {
        "iss_sub" => vec![SubjectName::IssSub { iss: text("iss")?, sub: text("sub")? }],
        "email" => vec![SubjectName::Email(text("email")?.to_ascii_lowercase())],
        "opaque" => vec![SubjectName::Opaque(text("id")?)],
        "aliases" => {
            let Some(Json::List(list)) = id.get("identifiers") else {
                return Err(wrong("sub_id", "a subject identifier of RFC 9493"));
            };
            // Aliases of aliases are none (RFC 9493, section 3.2.8).
            let nested = |it: &Json| it.get("format").and_then(Json::as_text) == Some("aliases");
            if LIST_MAX < list.len() || list.iter().any(nested) {
                return Err(wrong("sub_id", "at most 16 names, each by itself"));
            }
            list.iter().map(names).collect::<Result<Vec<_>, _>>()?.concat()
        }
        _ => Vec::new(),
    })
}

/// Whom an event is about, as foreign text.
#[cfg(any(test, fuzzing))]
pub(crate) fn foreign(bytes: &[u8]) {
    let limits = bailiwick_model::JsonLimits { bytes: 8 << 10, depth: 12, values: 512 };
    let Ok(id) = Json::parse(bytes, limits) else { return };
    let Ok(subject) = subject(&id) else { return };
    assert!(subject.names.len() <= LIST_MAX, "more names than there may be");
}

#[cfg(test)]
mod tests;
