//! The credential that a request gets on its way out. Its holder is the gateway: whoever asks never
//! sees it.

use std::{collections::BTreeSet, sync::Arc};

use bailiwick_connect::{OpenSecret, Vault};
use bailiwick_model::{CredentialScope, SecretName, SecretUse, ServerName};
use http::{HeaderName, HeaderValue};
use zeroize::Zeroizing;

use super::{Lent, Scrubber};

/// What of a secret could be told from chance in an answer has at least so many bytes.
const SECRET_MIN: usize = 8;

/// What requests to a server get on their way out.
#[derive(Clone, Debug)]
pub enum Outfit {
    /// A secret that is kept here.
    Kept(Injection),
    /// A credential that is made for the task.
    Lent(Lent),
}

/// Which secret goes where. It stands in one header of requests to one host, and nowhere else.
#[derive(Clone, Debug)]
pub struct Injection {
    /// Where secrets are kept.
    pub vault: Arc<Vault>,
    /// The secret.
    pub secret: SecretName,
    /// The one that can read and nothing else, where there is one.
    pub read_only: Option<SecretName>,
    /// The header.
    pub header: HeaderName,
    /// What stands before the secret in it, and after.
    pub around: (String, String),
    /// The operations that get it; all of them where nothing is said.
    pub only: Option<BTreeSet<String>>,
}

impl Outfit {
    /// Gives the kept secret, where it is one.
    pub(crate) const fn kept(&self) -> Option<&Injection> {
        match self {
            Self::Kept(it) => Some(it),
            Self::Lent(_) => None,
        }
    }
}

/// A credential for one request.
#[derive(Debug)]
pub(crate) struct Made {
    pub(crate) header: HeaderName,
    pub(crate) value: HeaderValue,
    pub(crate) used: SecretUse,
    /// Takes it, and what else the route is sent, out of what comes back.
    pub(crate) scrubber: Scrubber,
}

impl Injection {
    /// Says whether requests of an operation get it.
    pub(crate) fn is_for(&self, operation: &str) -> bool {
        self.only.as_ref().is_none_or(|it| it.contains(operation))
    }

    /// Makes the credential of a request to `at`, or says why there is none: then nothing is sent.
    pub(crate) fn made(&self, at: &ServerName, scope: CredentialScope) -> Result<Made, String> {
        let name = match scope {
            CredentialScope::Any => &self.secret,
            CredentialScope::ReadOnly => {
                self.read_only.as_ref().ok_or("it has no credential that only reads")?
            }
        };
        let open = self.vault.get(name).map_err(|error| error.to_string())?;
        self.of(at, &open)
    }

    /// Looks for all that may come back: the secret that is `sent`, those that other requests get,
    /// and the value that each of them had before.
    pub(crate) fn scrubber(&self, sent: Option<&Arc<OpenSecret>>) -> Scrubber {
        let names = std::iter::once(&self.secret).chain(&self.read_only);
        let kept = names.flat_map(|it| [self.vault.get(it).ok(), self.vault.before(it)]).flatten();
        let all: Vec<_> = kept.chain(sent.cloned()).collect();
        let long = all.iter().map(|it| it.value.expose()).filter(|it| SECRET_MIN <= it.len());
        let (before, after) = &self.around;
        let whole = |it: &str| Zeroizing::new([before.as_str(), it, after.as_str()].concat());
        let texts: Vec<_> = long.map(|it| (it, whole(it))).collect();
        Scrubber::of(texts.iter().map(|(secret, whole)| (*secret, whole.as_str())))
    }

    fn of(&self, at: &ServerName, open: &Arc<OpenSecret>) -> Result<Made, String> {
        let (secret, (before, after)) = (open.value.expose(), &self.around);
        if secret.len() < SECRET_MIN {
            let name = &open.name;
            return Err(format!(
                "the secret `{name}` has fewer than {SECRET_MIN} bytes: it could not be kept out of answers"
            ));
        }
        let whole = Zeroizing::new([before.as_str(), secret, after.as_str()].concat());
        let no_header =
            |_| format!("the secret `{}` has a character that no header can have", open.name);
        let mut value = HeaderValue::from_str(&whole).map_err(no_header)?;
        value.set_sensitive(true);
        let used = SecretUse { secret: open.name.clone(), version: open.version, at: at.clone() };
        let scrubber = self.scrubber(Some(open));
        Ok(Made { header: self.header.clone(), value, used, scrubber })
    }
}
