//! A credential that a target makes for a task, and that is put into the task's requests here.

use std::collections::BTreeSet;

use bailiwick_connect::{AwsKeys, AwsPlace, Credential, Field, Secret, Unsigned};
use bailiwick_model::{TargetName, Timestamp};
use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, Request, header};
use http_body_util::Full;
use zeroize::Zeroizing;

use super::Scrubber;

/// Which target makes it, and how a request bears it.
#[derive(Clone, Debug)]
pub struct Lent {
    /// The target.
    pub target: TargetName,
    /// What of it.
    pub wants: Vec<String>,
    /// How a request bears it.
    pub borne: Borne,
    /// The operations that get it; all of them where nothing is said.
    pub only: Option<BTreeSet<String>>,
}

/// How a request bears a credential.
#[derive(Clone, Debug)]
pub enum Borne {
    /// Its one secret stands in a header, with what stands before it there and after.
    InHeader(HeaderName, (String, String)),
    /// Its keys sign the request (Signature Version 4 of AWS).
    Signed {
        /// For which service.
        service: String,
        /// In which region, where it is not that of the target.
        region: Option<String>,
    },
}

impl Lent {
    /// Says whether requests of an operation get it.
    pub(crate) fn is_for(&self, operation: &str) -> bool {
        self.only.as_ref().is_none_or(|it| it.contains(operation))
    }

    /// Puts it into a request, and gives what looks for it in what comes back.
    pub(crate) fn put(
        &self,
        credential: &Credential,
        request: &mut Request<Full<Bytes>>,
        (body, now): (&Bytes, Timestamp),
    ) -> Result<Scrubber, String> {
        let mut texts = Vec::new();
        match &self.borne {
            Borne::InHeader(name, (before, after)) => {
                let mut secrets = credential.secrets();
                let (Some(secret), None) = (secrets.next(), secrets.next()) else {
                    return Err("its credential is not one secret that a header could have".into());
                };
                let whole = Zeroizing::new([before, secret.expose(), after].concat());
                request.headers_mut().insert(name.clone(), hidden(&whole)?);
                texts.push((secret.clone(), whole));
            }
            Borne::Signed { service, region } => {
                let keys = keys(credential).ok_or("its credential is no key that signs")?;
                let region = region.as_deref().or_else(|| plain(credential, "region"));
                let region = region.ok_or("nothing says its region")?.to_owned();
                let place = AwsPlace { region, service: service.clone() };
                sign(&keys, &place, request, (body, now))?;
                let both = [Some(keys.secret), keys.session].into_iter().flatten();
                texts.extend(both.map(|it| (it, Zeroizing::default())));
            }
        }
        Ok(Scrubber::of(texts.iter().map(|(it, whole)| (it.expose(), whole.as_str()))))
    }
}

/// Signs a request as it stands: where it goes, what is in it, and all that AWS would look at.
fn sign(
    keys: &AwsKeys,
    place: &AwsPlace,
    request: &mut Request<Full<Bytes>>,
    (body, now): (&Bytes, Timestamp),
) -> Result<(), String> {
    let counts = |it: &HeaderName| {
        *it == header::HOST || *it == header::CONTENT_TYPE || it.as_str().starts_with("x-amz-")
    };
    // Whoever asked does not say when it was, or by whom.
    for name in ["x-amz-date", "x-amz-content-sha256", "x-amz-security-token"] {
        request.headers_mut().remove(name);
    }
    let signed = {
        let headers = request.headers();
        let names = headers.keys().filter(|it| counts(it));
        let values = names.map(|name| Some((name.as_str(), one(headers, name)?)));
        let values: Option<Vec<_>> = values.collect();
        let headers = values.ok_or("a header that is signed stands there twice, or is no text")?;
        let uri = request.uri();
        let unsigned = Unsigned {
            method: request.method().as_str(),
            path: uri.path(),
            query: uri.query().unwrap_or_default(),
            headers: &headers,
            body,
        };
        keys.sign(place, unsigned, now).map_err(|error| error.to_string())?
    };
    for (name, value) in signed {
        request.headers_mut().insert(name, hidden(value.expose())?);
    }
    Ok(())
}

fn one<'h>(headers: &'h HeaderMap, name: &HeaderName) -> Option<&'h str> {
    let mut values = headers.get_all(name).iter();
    let (Some(value), None) = (values.next(), values.next()) else { return None };
    value.to_str().ok()
}

fn hidden(text: &str) -> Result<HeaderValue, String> {
    let value = HeaderValue::from_str(text);
    let mut value = value.map_err(|_| "its credential is none that a header can have")?;
    value.set_sensitive(true);
    Ok(value)
}

fn keys(credential: &Credential) -> Option<AwsKeys> {
    let secret = |wanted: &str| {
        let mut fields = credential.fields();
        fields.find_map(|(name, field)| match field {
            Field::Secret(it) if name == wanted => Some(Secret::clone(it)),
            Field::Secret(_) | Field::Plain(_) => None,
        })
    };
    Some(AwsKeys {
        id: plain(credential, "access_key_id")?.to_owned(),
        secret: secret("secret_access_key")?,
        session: Some(secret("session_token")?),
    })
}

fn plain<'c>(credential: &'c Credential, wanted: &str) -> Option<&'c str> {
    credential.fields().find_map(|(name, field)| match field {
        Field::Plain(it) if name == wanted => Some(it.as_str()),
        Field::Plain(_) | Field::Secret(_) => None,
    })
}
