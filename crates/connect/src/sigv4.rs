//! Signature Version 4 of AWS: what proves by whom a request is, without the key going along.
//!
//! A request is signed as it will be sent: its method, its path and query, the headers that say where it
//! goes and what is in it, and a digest of its body.

use std::{collections::BTreeMap, fmt};

use aws_lc_rs::{digest, hmac};
use bailiwick_model::Timestamp;

use crate::Secret;

const ALGORITHM: &str = "AWS4-HMAC-SHA256";

/// Keys of AWS: for as long as they are told to count.
#[derive(Clone)]
pub struct AwsKeys {
    /// Names them; no secret.
    pub id: String,
    /// Signs.
    pub secret: Secret,
    /// Goes along where they are of a session.
    pub session: Option<Secret>,
}

/// Where a request goes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AwsPlace {
    /// Which region: `eu-central-1`.
    pub region: String,
    /// Which service: `s3`.
    pub service: String,
}

/// A request before it is signed, as it will be sent.
#[derive(Clone, Copy, Debug)]
pub struct Unsigned<'r> {
    /// Its method.
    pub method: &'r str,
    /// The path as it stands in the first line.
    pub path: &'r str,
    /// The query as it stands there, without `?`.
    pub query: &'r str,
    /// Headers that count, their names small: `host`, and whatever else says what is asked.
    pub headers: &'r [(&'r str, &'r str)],
    /// Its body.
    pub body: &'r [u8],
}

/// A request cannot be signed so that both ends read the same in it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct Unsignable(&'static str);

impl fmt::Debug for AwsKeys {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "AwsKeys({})", self.id)
    }
}

impl AwsKeys {
    /// Signs a request, and gives the headers that it goes with. They replace what is there of these names.
    pub fn sign(
        &self,
        place: &AwsPlace,
        request: Unsigned<'_>,
        now: Timestamp,
    ) -> Result<Vec<(&'static str, Secret)>, Unsignable> {
        let moment = compact(now);
        let day = moment.get(..8).unwrap_or_default();
        let body = hex(digest::digest(&digest::SHA256, request.body).as_ref());
        let mut signed: BTreeMap<&str, String> = BTreeMap::new();
        for (name, value) in request.headers {
            signed.insert(name, value.split_ascii_whitespace().collect::<Vec<_>>().join(" "));
        }
        signed.insert("x-amz-content-sha256", body.clone());
        signed.insert("x-amz-date", moment.clone());
        if let Some(session) = &self.session {
            signed.insert("x-amz-security-token", session.expose().to_owned());
        } else {
            signed.remove("x-amz-security-token");
        }
        let names = signed.keys().copied().collect::<Vec<_>>().join(";");
        let headers: String =
            signed.iter().map(|(name, value)| format!("{name}:{value}\n")).collect();
        let canonical = zeroize::Zeroizing::new(format!(
            "{}\n{}\n{}\n{headers}\n{names}\n{body}",
            request.method,
            path(request.path, &place.service)?,
            query(request.query)?,
        ));
        let scope = format!("{day}/{}/{}/aws4_request", place.region, place.service);
        let canonical = hex(digest::digest(&digest::SHA256, canonical.as_bytes()).as_ref());
        let text = format!("{ALGORITHM}\n{moment}\n{scope}\n{canonical}");
        let signature = hex(tag(&self.key(day, place), text.as_bytes()).as_ref());
        let proof = format!(
            "{ALGORITHM} Credential={}/{scope}, SignedHeaders={names}, Signature={signature}",
            self.id
        );
        let mut headers = vec![
            ("x-amz-date", Secret::new(moment)),
            ("x-amz-content-sha256", Secret::new(body)),
            ("authorization", Secret::new(proof)),
        ];
        headers.extend(self.session.clone().map(|it| ("x-amz-security-token", it)));
        Ok(headers)
    }

    /// The key of one day, region and service.
    fn key(&self, day: &str, place: &AwsPlace) -> hmac::Tag {
        let first = zeroize::Zeroizing::new(format!("AWS4{}", self.secret.expose()));
        let first =
            hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, first.as_bytes()), day.as_bytes());
        let words = [place.region.as_str(), &place.service, "aws4_request"];
        words.iter().fold(first, |key, word| tag(&key, word.as_bytes()))
    }
}

fn tag(key: &hmac::Tag, text: &[u8]) -> hmac::Tag {
    hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, key.as_ref()), text)
}

/// The moment as `20261126T101500Z`.
fn compact(now: Timestamp) -> String {
    let text = now.to_string();
    let digits: String = text.chars().filter(|it| it.is_ascii_digit() || *it == 'T').collect();
    format!("{}Z", digits.get(..15).unwrap_or_default())
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::with_capacity(64), |mut text, byte| {
        text.push_str(&format!("{byte:02x}"));
        text
    })
}

/// The path as it is signed: S3 takes it as names, others take what was sent for a name once more.
fn path(sent: &str, service: &str) -> Result<String, Unsignable> {
    let sent = if sent.is_empty() { "/" } else { sent };
    let parts = sent.split('/').map(|part| {
        Ok(if service == "s3" { escaped(&unescaped(part)?) } else { escaped(part.as_bytes()) })
    });
    Ok(parts.collect::<Result<Vec<_>, _>>()?.join("/"))
}

/// The query as it is signed: in the order of its names.
fn query(sent: &str) -> Result<String, Unsignable> {
    if sent.contains('+') {
        return Err(Unsignable("a `+` in a query is read in two ways: say `%20` or `%2B`"));
    }
    let mut pairs = Vec::new();
    for pair in sent.split('&').filter(|it| !it.is_empty()) {
        let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
        pairs.push((escaped(&unescaped(name)?), escaped(&unescaped(value)?)));
    }
    pairs.sort();
    let pairs: Vec<_> = pairs.iter().map(|(name, value)| format!("{name}={value}")).collect();
    Ok(pairs.join("&"))
}

fn unescaped(text: &str) -> Result<Vec<u8>, Unsignable> {
    let wrong = Unsignable("a `%` in the address is followed by no two hexadecimal digits");
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        if byte != b'%' {
            bytes.push(byte);
            continue;
        }
        let mut digit = || rest.next().and_then(|it| char::from(it).to_digit(16));
        let (high, low) = (digit().ok_or(wrong)?, digit().ok_or(wrong)?);
        bytes.push(u8::try_from(high << 4 | low).map_err(|_| wrong)?);
    }
    Ok(bytes)
}

fn escaped(bytes: &[u8]) -> String {
    let mut escaped = String::with_capacity(bytes.len());
    for byte in bytes {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(byte) {
            escaped.push(char::from(*byte));
        } else {
            escaped.push_str(&format!("%{byte:02X}"));
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::*;

    fn keys() -> AwsKeys {
        AwsKeys {
            id: "AKIDEXAMPLE".into(),
            secret: Secret::new("wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY"),
            session: None,
        }
    }

    #[test]
    fn a_key_is_for_its_day_its_region_and_its_service() {
        // As AWS documents it ("Examples of how to derive a signing key").
        let place = AwsPlace { region: "us-east-1".into(), service: "iam".into() };
        assert_eq!(
            hex(keys().key("20120215", &place).as_ref()),
            "f4780e2d9f65fa895f9c67b32ce1baf0b0d8a43505a000a1a9e090d414db404d"
        );
    }

    #[test]
    fn the_address_is_signed_as_both_ends_read_it() {
        assert_eq!(query("b=2&a=%c3%a9&a=1&empty").unwrap(), "a=%C3%A9&a=1&b=2&empty=");
        assert_eq!(path("/a%20b/c:d", "s3").unwrap(), "/a%20b/c%3Ad");
        assert_eq!(path("/a%20b/c:d", "execute-api").unwrap(), "/a%2520b/c%3Ad");
        assert_eq!(path("", "s3").unwrap(), "/");
        assert!(query("a=b+c").is_err());
        assert!(path("/%zz", "s3").is_err());
    }

    #[test]
    fn nothing_of_a_key_is_shown() {
        let session = Some(Secret::new("hunter2-session"));
        let keys = AwsKeys { session, ..keys() };
        let place = AwsPlace { region: "r".into(), service: "s".into() };
        let headers = [("host", "h.example")];
        let request =
            Unsigned { method: "GET", path: "/", query: "", headers: &headers, body: b"" };
        let signed = keys.sign(&place, request, Timestamp::from_millis(0)).unwrap();
        let shown = format!("{keys:?} {signed:?}");
        assert!(!shown.contains("hunter2") && !shown.contains("wJalr"), "{shown}");
        for (_, value) in &signed {
            assert!(!value.expose().contains("wJalr"));
        }
    }
}
