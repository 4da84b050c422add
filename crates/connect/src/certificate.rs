//! What a client's certificate says of itself, and its name in tokens that are bound to it.
//!
//! Whether anybody vouches for it is found out elsewhere (`tls`, `attest`); here it is only read,
//! with every part that an X.509-SVID is judged by.

use std::{fmt, time::Duration};

use bailiwick_model::{Digest, Timestamp};
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use rustls::pki_types::CertificateDer;
use time::{Date, Month, PrimitiveDateTime, Time};

use crate::der::{Der, tag};

/// The most extensions of one certificate.
const EXTENSIONS_MAX: usize = 64;
/// The most names of one certificate.
const NAMES_MAX: usize = 256;

const SUBJECT_ALT_NAME: &[u8] = &[0x55, 0x1D, 0x11];
const BASIC_CONSTRAINTS: &[u8] = &[0x55, 0x1D, 0x13];
const KEY_USAGE: &[u8] = &[0x55, 0x1D, 0x0F];
/// A name that is a URI, among those of the subject.
const URI: u8 = 0x86;

/// A certificate that its holder proved the key of, with those above it as they came.
#[derive(Clone, PartialEq, Eq)]
pub struct ClientCertificate {
    chain: Vec<CertificateDer<'static>>,
    thumbprint: String,
    pub(crate) leaf: Leaf,
}

/// What the certificate itself says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Leaf {
    /// Its names that are URIs, in order; anything that is no text is none.
    pub(crate) uris: Vec<Option<String>>,
    /// Whether it may sign certificates.
    pub(crate) is_authority: bool,
    /// What its key may be used for, where it says so.
    pub(crate) usage: Option<Usage>,
    since: Timestamp,
    until: Timestamp,
}

/// What a key may be used for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Usage {
    /// Signatures: the key proves who holds it.
    pub(crate) signs: bool,
    /// Certificates or lists of those that were taken back.
    pub(crate) signs_for_others: bool,
    /// Whether readers must look at it.
    pub(crate) critical: bool,
}

impl fmt::Debug for ClientCertificate {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "ClientCertificate({})", self.thumbprint)
    }
}

impl ClientCertificate {
    /// Reads what a client showed; none where it showed nothing that can be read.
    pub fn of(chain: &[CertificateDer<'_>]) -> Option<Self> {
        let leaf = Leaf::read(chain.first()?)?;
        let chain: Vec<_> = chain.iter().map(|it| it.clone().into_owned()).collect();
        let digest = Digest::of(chain.first()?);
        Some(Self { thumbprint: URL_SAFE_NO_PAD.encode(digest.as_bytes()), chain, leaf })
    }

    /// Gives its name in tokens: SHA-256 of all of it, as `x5t#S256` (RFC 8705, section 3.1).
    pub fn thumbprint(&self) -> &str {
        &self.thumbprint
    }

    /// Says whether its time is `now`: a connection may last longer than what it began with.
    pub fn counts_at(&self, now: Timestamp) -> bool {
        self.leaf.since <= now && now < self.leaf.until
    }

    /// Gives the certificate and those that came along.
    pub(crate) fn chain(&self) -> Option<(&CertificateDer<'static>, &[CertificateDer<'static>])> {
        self.chain.split_first()
    }
}

impl Leaf {
    /// Says whether it still counts at `later`.
    pub(crate) fn counts_until(&self, later: Timestamp) -> bool {
        later < self.until
    }

    /// Reads a certificate (RFC 5280, section 4.1).
    pub(crate) fn read(certificate: &[u8]) -> Option<Self> {
        let mut whole = Der::new(certificate);
        let mut body = Der::new(whole.take(tag::SEQUENCE)?);
        let mut parts = Der::new(body.take(tag::SEQUENCE)?);
        let _version = parts.take_if(0xA0);
        let (_serial, _algorithm, _issuer) = (parts.next()?, parts.next()?, parts.next()?);
        let mut validity = Der::new(parts.take(tag::SEQUENCE)?);
        let (since, until) = (moment(validity.next()?)?, moment(validity.next()?)?);
        // Its last second is one in which it counts (section 4.1.2.5).
        let until = until.after(Duration::from_secs(1));
        let (_subject, _key) = (parts.next()?, parts.next()?);
        let (uris, is_authority, usage) = <_>::default();
        let mut leaf = Self { uris, is_authority, usage, since, until };
        while let Some((tag, content)) = parts.next() {
            if tag == 0xA3 {
                leaf.read_extensions(content)?;
            }
        }
        (whole.is_empty() && parts.is_empty() && validity.is_empty()).then_some(leaf)
    }

    fn read_extensions(&mut self, content: &[u8]) -> Option<()> {
        let mut outer = Der::new(content);
        let mut extensions = Der::new(outer.take(tag::SEQUENCE)?);
        let mut seen: Vec<&[u8]> = Vec::new();
        while !extensions.is_empty() {
            let mut extension = Der::new(extensions.take(tag::SEQUENCE)?);
            let name = extension.take(tag::OID)?;
            let critical = extension.take_if(tag::BOOLEAN).is_some_and(|it| it == [0xFF]);
            let value = extension.take(tag::OCTET_STRING)?;
            // Said twice, two readers could read it differently.
            if seen.contains(&name) || EXTENSIONS_MAX <= seen.len() || !extension.is_empty() {
                return None;
            }
            seen.push(name);
            match name {
                SUBJECT_ALT_NAME => self.uris = uris(value)?,
                BASIC_CONSTRAINTS => self.is_authority = is_authority(value)?,
                KEY_USAGE => self.usage = Some(usage(value, critical)?),
                _ => {}
            }
        }
        outer.is_empty().then_some(())
    }
}

fn uris(value: &[u8]) -> Option<Vec<Option<String>>> {
    let mut outer = Der::new(value);
    let mut names = Der::new(outer.take(tag::SEQUENCE)?);
    let (mut uris, mut count) = (Vec::new(), 0_usize);
    while !names.is_empty() {
        let (kind, name) = names.next()?;
        count = count.checked_add(1).filter(|it| *it <= NAMES_MAX)?;
        if kind == URI {
            uris.push(std::str::from_utf8(name).ok().map(str::to_owned));
        }
    }
    outer.is_empty().then_some(uris)
}

fn is_authority(value: &[u8]) -> Option<bool> {
    let mut outer = Der::new(value);
    let mut said = Der::new(outer.take(tag::SEQUENCE)?);
    let is = match said.take_if(tag::BOOLEAN) {
        None | Some([0]) => false,
        Some(_) => true,
    };
    outer.is_empty().then_some(is)
}

/// Reads the bits of a key usage: the first is the highest of the first byte.
fn usage(value: &[u8], critical: bool) -> Option<Usage> {
    let mut outer = Der::new(value);
    let (_unused, bits) = outer.take(tag::BIT_STRING)?.split_first()?;
    let first = bits.first().copied().unwrap_or_default();
    let (signs, signs_for_others) = (first & 0x80 != 0, first & 0x06 != 0);
    outer.is_empty().then_some(Usage { signs, signs_for_others, critical })
}

/// Reads a moment, in one of the two forms that certificates have (section 4.1.2.5).
fn moment((kind, text): (u8, &[u8])) -> Option<Timestamp> {
    let text = std::str::from_utf8(text).ok()?.strip_suffix('Z')?;
    if !text.bytes().all(|it| it.is_ascii_digit()) {
        return None;
    }
    let (year, rest) = match kind {
        tag::UTC_TIME => {
            let (year, rest) = text.split_at_checked(2)?;
            let year: i32 = year.parse().ok()?;
            (if year < 50 { year.checked_add(2000)? } else { year.checked_add(1900)? }, rest)
        }
        tag::GENERALIZED_TIME => {
            let (year, rest) = text.split_at_checked(4)?;
            (year.parse().ok()?, rest)
        }
        _ => return None,
    };
    let two = |at: usize| rest.get(at..at.checked_add(2)?)?.parse::<u8>().ok();
    if rest.len() != 10 {
        return None;
    }
    let date = Date::from_calendar_date(year, Month::try_from(two(0)?).ok()?, two(2)?).ok()?;
    let at = PrimitiveDateTime::new(date, Time::from_hms(two(4)?, two(6)?, two(8)?).ok()?);
    Some(Timestamp::from_millis(at.assume_utc().unix_timestamp().checked_mul(1000)?))
}

/// A certificate as foreign bytes.
#[cfg(any(test, fuzzing))]
pub(crate) fn foreign(bytes: &[u8]) {
    let Some(read) = ClientCertificate::of(&[CertificateDer::from(bytes)]) else { return };
    assert_eq!(read.thumbprint().len(), 43, "a thumbprint of another length");
    assert!(read.leaf.uris.len() <= NAMES_MAX, "more names than there may be");
}

#[cfg(test)]
mod tests;
