//! What a token is bound to: whoever shows it must hold more than the token.

use bailiwick_model::Json;

use crate::jws::ShapeError;

/// How long a thumbprint is: SHA-256 as base64url.
const THUMBPRINT_LEN: usize = 43;
/// The thumbprint of a key (RFC 9449, section 6.1).
const KEY: &str = "jkt";
/// The thumbprint of a certificate (RFC 8705, section 3.1).
const CERTIFICATE: &str = "x5t#S256";

/// What whoever shows a token must hold.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Binding {
    /// The key of this thumbprint, proved anew in every request (DPoP).
    Key(String),
    /// The key of the certificate of this thumbprint, proved when the connection was made.
    Certificate(String),
}

impl Binding {
    /// Gives the thumbprint of the key, where it is one that requests prove.
    pub fn key(&self) -> Option<&str> {
        match self {
            Self::Key(thumbprint) => Some(thumbprint),
            Self::Certificate(_) => None,
        }
    }

    /// Gives how its token is shown.
    pub const fn token_type(bound: Option<&Self>) -> &'static str {
        match bound {
            Some(Self::Key(_)) => "DPoP",
            Some(Self::Certificate(_)) | None => "Bearer",
        }
    }

    /// Writes it as `cnf`.
    pub(super) fn to_json(&self) -> Json {
        let (name, thumbprint) = match self {
            Self::Key(it) => (KEY, it),
            Self::Certificate(it) => (CERTIFICATE, it),
        };
        Json::Object([(name.to_owned(), Json::Text(thumbprint.clone()))].into())
    }

    /// Reads `cnf`: one thing, by its thumbprint, and nothing else beside it.
    pub(super) fn read(cnf: &Json) -> Result<Self, ShapeError> {
        let wanted = "the thumbprint of one key (`jkt`) or one certificate (`x5t#S256`)";
        let wrong = ShapeError::Wrong { name: "cnf", wanted };
        let Json::Object(members) = cnf else { return Err(wrong) };
        let Some((name, Json::Text(thumbprint))) = members.first_key_value() else {
            return Err(wrong);
        };
        let whole = members.len() == 1 && thumbprint.len() == THUMBPRINT_LEN;
        match name.as_str() {
            KEY if whole => Ok(Self::Key(thumbprint.clone())),
            CERTIFICATE if whole => Ok(Self::Certificate(thumbprint.clone())),
            _ => Err(wrong),
        }
    }
}
