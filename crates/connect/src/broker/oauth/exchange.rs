//! What is traded for a token (RFC 8693): our own word, signed for the one server that reads it, about whose
//! task it is and on whose behalf.
//!
//! A task token never leaves for another audience. The server learns the same of a word that is worth
//! nothing to anybody else, once, for a minute.

use std::time::Duration;

use bailiwick_model::Json;

use super::super::{LeaseOrder, SecretSource, TargetMistake};
use crate::{Secret, es256::Es256Key, jws, random::random_text};

pub(super) const GRANT: &str = "urn:ietf:params:oauth:grant-type:token-exchange";
pub(super) const ACCESS: &str = "urn:ietf:params:oauth:token-type:access_token";
pub(super) const JWT: &str = "urn:ietf:params:oauth:token-type:jwt";
/// How long the word lives: long enough to travel.
const LIFE: Duration = Duration::from_secs(60);

/// Whom the server's tokens are for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TradedFor {
    /// The identity whose task it is.
    Identity,
    /// The person on whose behalf the task works; a task of nobody's gets none.
    Person,
}

impl TradedFor {
    /// Both, in order.
    pub const ALL: &'static [Self] = &[Self::Identity, Self::Person];

    /// Gives the word for it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Identity => "identity",
            Self::Person => "person",
        }
    }
}

/// What the operator says of the word that is traded.
#[derive(Clone, Debug)]
pub struct Traded {
    /// Who we are to the server: its `iss`.
    pub issuer: String,
    /// Whom it is for: the server's own name.
    pub audience: String,
    /// The key that signs it (P-256, PKCS#8 in PEM), whose public half the server has.
    pub key: SecretSource,
    /// Whom it is about.
    pub subject: TradedFor,
    /// The provider whose people the server knows, where it is about a person. What it calls them is theirs
    /// alone: another's may be called the same.
    pub person_issuer: Option<String>,
}

impl Traded {
    pub(super) fn check(&self) -> Result<(), TargetMistake> {
        for (setting, text) in [("issuer", &self.issuer), ("audience", &self.audience)] {
            if text.is_empty() || text.chars().any(char::is_whitespace) {
                let message = format!("`{}` is no name of a server", text.escape_debug());
                return Err(TargetMistake::new(setting, message));
            }
        }
        let message = match (self.subject, &self.person_issuer) {
            (TradedFor::Person, None) => {
                "`person_issuer` is missing: say whose people the server knows"
            }
            (TradedFor::Identity, Some(_)) => {
                "`person_issuer` is for `subject = \"person\"`: leave it out"
            }
            (TradedFor::Person, Some(_)) | (TradedFor::Identity, None) => return Ok(()),
        };
        Err(TargetMistake::new("person_issuer", message.to_owned()))
    }

    /// Signs the word for one lease; says what keeps it from that.
    pub(super) async fn word(&self, order: &LeaseOrder) -> Result<Secret, Unsaid> {
        let wrong = |why: String| Unsaid::Key(why);
        let pem = self.key.fetch().await.map_err(|it| wrong(it.to_string()))?;
        let key = Es256Key::from_pem(pem.expose());
        let key = key.map_err(|_| wrong("its `key` is no private P-256 key in PEM".into()))?;
        let id = random_text().map_err(|it| wrong(it.to_string()))?;
        let mut claims = vec![
            ("iss", text(&self.issuer)),
            ("aud", text(&self.audience)),
            ("client_id", text(order.identity.as_str())),
            ("txn", text(order.task.as_str())),
            ("jti", text(&id)),
            ("iat", Json::Int(order.now.seconds().into())),
            ("exp", Json::Int(order.now.after(LIFE).seconds().into())),
        ];
        let identity = || text(order.identity.as_str());
        match (self.subject, &order.on_behalf) {
            (TradedFor::Identity, _) => claims.push(("sub", identity())),
            (TradedFor::Person, None) => return Err(Unsaid::Nobody),
            (TradedFor::Person, Some(person))
                if self.person_issuer.as_ref() != Some(&person.issuer) =>
            {
                return Err(Unsaid::Stranger(person.issuer.clone()));
            }
            (TradedFor::Person, Some(person)) => {
                let named = [
                    ("format", text("iss_sub")),
                    ("iss", text(&person.issuer)),
                    ("sub", text(&person.subject)),
                ];
                claims.push(("sub", text(&person.subject)));
                claims.push(("sub_id", object(named)));
                claims.push(("act", object([("sub", identity())])));
            }
        }
        let header = jws::header("JWT", key.public().thumbprint());
        let signed = jws::signing_text(&header, &object(claims));
        let signature = key.sign(&signed).map_err(|_| wrong("its `key` signs nothing".into()))?;
        Ok(Secret::new(format!("{signed}.{signature}")))
    }
}

/// Why there is nothing to trade.
pub(super) enum Unsaid {
    /// The key cannot be used.
    Key(String),
    /// There is no person.
    Nobody,
    /// The person is one of another provider's.
    Stranger(String),
}

fn text(value: &str) -> Json {
    Json::Text(value.to_owned())
}

fn object(members: impl IntoIterator<Item = (&'static str, Json)>) -> Json {
    Json::Object(members.into_iter().map(|(name, it)| (name.to_owned(), it)).collect())
}
