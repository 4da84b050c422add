//! OAuth: a lease is an access token that an authorization server of others gives our client.
//!
//! By its own credentials (RFC 6749, section 4.4), or in trade for our word about whose task it is (RFC 8693),
//! for one resource (RFC 8707) and with no more scope than was wanted. Its end is a revocation (RFC 7009); a server without one is no target, as nothing
//! could be ended there. A resource that looks at its tokens by itself alone takes one until its time is
//! over, so that is short. What a server still has cannot be asked for, so nothing is found there.

mod exchange;

use std::{fmt, path::PathBuf, time::Duration};

use bailiwick_model::{LeaseId, TargetName};
use base64::{Engine, engine::general_purpose::STANDARD};
use http::{Method, StatusCode};
use serde::{Deserialize, de::IgnoredAny};

use self::exchange::{ACCESS, GRANT, JWT, Unsaid};
pub use self::exchange::{Traded, TradedFor};
use super::{
    Attempt, Broker, BrokerError, Credential, EndedLease, EnforcedAs, Issued, LeaseOrder,
    SecretSource, TargetMistake,
    answers::{Answers, bearable},
    call::{Answered, Endpoint, Question, escaped, form, wiped},
};
use crate::Secret;

/// What a server may say of itself (RFC 6749, section 5.2; RFC 7009; RFC 8707); nothing else is shown.
const WORDS: &[&str] = &[
    "invalid_request",
    "invalid_client",
    "invalid_grant",
    "unauthorized_client",
    "unsupported_grant_type",
    "invalid_scope",
    "invalid_target",
    NOT_TAKEN,
    "server_error",
    "temporarily_unavailable",
];
/// It takes back no token of this kind, and will not (RFC 7009, section 2.2.1): mostly signed ones, of which
/// it keeps nothing.
const NOT_TAKEN: &str = "unsupported_token_type";
const FORM: &str = "application/x-www-form-urlencoded";

/// What the operator says of an authorization server and what its tokens are for.
#[derive(Clone, Debug)]
pub struct OAuthTarget {
    /// Where tokens are asked for.
    pub token_endpoint: String,
    /// Where they are ended.
    pub revocation_endpoint: String,
    /// The authorities that both are believed by, where it is not the system's.
    pub ca: Option<PathBuf>,
    /// Who we are there.
    pub client: String,
    /// How we prove it (`client_secret_basic`).
    pub secret: SecretSource,
    /// The resource that tokens are for, where the server wants to know.
    pub resource: Option<String>,
    /// The scopes that a lease may have.
    pub scopes: Vec<String>,
    /// The longest life of a token that is taken.
    pub longest: Duration,
    /// What is traded for a token; without it our own credentials are enough.
    pub traded: Option<Traded>,
}

/// Gets and ends tokens at one authorization server.
pub struct OAuth {
    name: TargetName,
    target: OAuthTarget,
    tokens: Endpoint,
    revocations: Endpoint,
}

impl fmt::Debug for OAuth {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "OAuth({} at {:?})", self.name, self.tokens)
    }
}

/// What a token endpoint answers (RFC 6749, section 5.1).
#[derive(Deserialize)]
struct Granted {
    #[serde(deserialize_with = "wiped")]
    access_token: Secret,
    token_type: String,
    expires_in: Option<u64>,
    scope: Option<String>,
    issued_token_type: Option<String>,
    #[serde(default)]
    refresh_token: Option<IgnoredAny>,
}

/// Why not (RFC 6749, section 5.2).
#[derive(Deserialize)]
struct Denied {
    error: String,
}

/// What became of a token that was given back.
enum GivenBack {
    /// It counts no more.
    Ended,
    /// The server cannot end it.
    NotTaken,
}

impl OAuthTarget {
    /// Says what of it cannot be meant.
    pub fn check(&self) -> Result<(), TargetMistake> {
        if self.scopes.is_empty() {
            let message = "`scopes` names none: say which scopes a lease may have";
            return Err(TargetMistake::new("scopes", message));
        }
        let token = |it: &String| {
            // RFC 6749, section 3.3.
            !it.is_empty() && it.bytes().all(|it| matches!(it, 0x21 | 0x23..=0x5b | 0x5d..=0x7e))
        };
        if let Some(other) = self.scopes.iter().find(|it| !token(it)) {
            let message = format!("`{}` is no scope: say each by itself", other.escape_debug());
            return Err(TargetMistake::new("scopes", message));
        }
        self.traded.iter().try_for_each(Traded::check)?;
        self.services().map(drop)
    }

    fn services(&self) -> Result<[Endpoint; 2], TargetMistake> {
        let ca = self.ca.as_deref();
        Ok([
            Endpoint::new("token_endpoint", &self.token_endpoint, ca)?,
            Endpoint::new("revocation_endpoint", &self.revocation_endpoint, ca)?,
        ])
    }
}

impl OAuth {
    /// Takes what the operator said, unless it cannot be meant. The server is not asked.
    pub fn new(name: TargetName, target: OAuthTarget) -> Result<Self, TargetMistake> {
        target.check()?;
        let [tokens, revocations] = target.services()?;
        Ok(Self { name, target, tokens, revocations })
    }

    async fn make(&self, order: &LeaseOrder) -> Result<Issued, BrokerError> {
        let wanted = self.wanted(&order.wants)?;
        let word = match &self.target.traded {
            None => None,
            Some(traded) => Some(traded.word(order).await.map_err(|it| self.unsaid(it))?),
        };
        let mut fields = vec![("scope", wanted.as_str())];
        match &word {
            None => fields.push(("grant_type", "client_credentials")),
            Some(word) => fields.extend([
                ("grant_type", GRANT),
                ("subject_token", word.expose()),
                ("subject_token_type", JWT),
                ("requested_token_type", ACCESS),
            ]),
        }
        if let Some(resource) = &self.target.resource {
            fields.push(("resource", resource));
        }
        let answer = self.ask(&self.tokens, Secret::new(form(&fields))).await?;
        let wanted_form = match word {
            None => (StatusCode::OK, "RFC 6749, section 5.1"),
            Some(_) => (StatusCode::OK, "RFC 8693, section 2.2.1"),
        };
        let granted: Granted = self.answers().read(&answer, wanted_form, |it| self.denied(it))?;
        let life = granted.expires_in.map(Duration::from_secs);
        let fit = self.check_granted(&granted, life, &order.wants);
        let until = order.now.after(life.unwrap_or(self.target.longest));
        let scope = given(granted.scope.as_deref(), &order.wants);
        let mut credential = Credential::default().with("scope", scope.as_str());
        if let Some(resource) = &self.target.resource {
            credential = credential.with("resource", resource.as_str());
        }
        let token = granted.access_token;
        let keepsake = Some(token.clone());
        let credential = credential.with_secret("access_token", token);
        let unfit = self.answers().unfit(fit);
        Ok(Issued { credential, called: order.lease.to_string(), until, keepsake, unfit })
    }

    fn unsaid(&self, why: Unsaid) -> BrokerError {
        match why {
            Unsaid::Key(why) => self.answers().refused(why),
            Unsaid::Nobody => self.unmet("the task works on nobody's behalf".to_owned()),
            Unsaid::Stranger(issuer) => self.unmet(format!(
                "the person of the task is one of `{}`, whose people this target does not serve",
                issuer.escape_debug()
            )),
        }
    }

    fn unmet(&self, why: String) -> BrokerError {
        let (target, wanted) = (self.name.clone(), "a token for a person".to_owned());
        BrokerError::Unfit { target, wanted, why }
    }

    fn wanted(&self, wants: &[String]) -> Result<String, BrokerError> {
        let stranger = wants.iter().find(|it| !self.target.scopes.contains(it));
        let wanted = match (wants, stranger) {
            ([], _) => "nothing",
            (_, Some(other)) => other,
            (_, None) => return Ok(wants.join(" ")),
        };
        Err(BrokerError::Unfit {
            target: self.name.clone(),
            wanted: wanted.to_owned(),
            why: format!("name some of its `scopes` ({})", self.target.scopes.join(", ")),
        })
    }

    /// Sees that what was given is what was asked for, and no more.
    fn check_granted(
        &self,
        granted: &Granted,
        life: Option<Duration>,
        wants: &[String],
    ) -> Result<(), String> {
        bearable(&granted.access_token)?;
        let issued = granted.issued_token_type.as_deref();
        if self.target.traded.is_some() && issued != Some(ACCESS) {
            return Err("what it gave is no access token".into());
        }
        // It would outlive its task, and nobody here would end it.
        if granted.refresh_token.is_some() {
            return Err("it gave a refresh token, too: let this client have none".into());
        }
        if !granted.token_type.eq_ignore_ascii_case("bearer") {
            return Err("its token is bound in a way that we do not know".into());
        }
        if life.is_none_or(|it| self.target.longest < it) {
            return Err(format!(
                "its token lives longer than {}, or does not say how long: let it give shorter ones",
                bailiwick_model::format_span(self.target.longest)
            ));
        }
        let scope = granted.scope.as_deref();
        let more = scope.and_then(|it| it.split(' ').find(|it| !wants.iter().any(|one| one == it)));
        match more.filter(|it| !it.is_empty()) {
            Some(_) => Err("it gave more scope than was asked for".into()),
            None => Ok(()),
        }
    }

    async fn end(&self, ended: &EndedLease) -> Result<(), BrokerError> {
        let why = match (&ended.keepsake, &ended.called) {
            (Some(token), _) => match self.give_back(token).await? {
                GivenBack::Ended => return Ok(()),
                GivenBack::NotTaken => "it takes back no token like this one, which ends by itself",
            },
            // Its answer was never heard: what token there is, nobody has.
            (None, None) => return Ok(()),
            // It was had and cannot be named any more. It ends by itself, and not before.
            (None, Some(_)) => "its token is not at hand any more, and ends by itself",
        };
        let until = ended.until.after(self.target.longest);
        if until <= ended.now {
            return Ok(());
        }
        Err(BrokerError::Lasts { target: self.name.clone(), why: why.to_owned(), until })
    }

    async fn give_back(&self, token: &Secret) -> Result<GivenBack, BrokerError> {
        let fields = [("token", token.expose()), ("token_type_hint", "access_token")];
        let answer = self.ask(&self.revocations, Secret::new(form(&fields))).await?;
        match answer.status {
            // A token that it does not know is ended, too, and answered so (RFC 7009, section 2.2).
            StatusCode::OK => Ok(GivenBack::Ended),
            StatusCode::BAD_REQUEST if word(&answer) == NOT_TAKEN => Ok(GivenBack::NotTaken),
            _ => Err(self.denied(&answer)),
        }
    }

    async fn ask(&self, service: &Endpoint, body: Secret) -> Result<Answered, BrokerError> {
        let secret = self.target.secret.fetch().await;
        let secret = secret.map_err(|it| self.answers().refused(it.to_string()))?;
        // Each half is escaped before both are joined (RFC 6749, section 2.3.1).
        let both = format!("{}:{}", escaped(&self.target.client), escaped(secret.expose()));
        let proof =
            Secret::new(format!("Basic {}", STANDARD.encode(zeroize::Zeroizing::new(both))));
        let question = Question {
            method: Method::POST,
            path: String::new(),
            kind: FORM,
            proof,
            more: Vec::new(),
            body,
        };
        service.ask(question).await.map_err(|why| self.answers().away(why))
    }

    /// Says no in the server's word for it, which RFC 6749 lists.
    fn denied(&self, answer: &Answered) -> BrokerError {
        let no = [StatusCode::BAD_REQUEST, StatusCode::UNAUTHORIZED, StatusCode::FORBIDDEN];
        self.answers().denied(answer, (|it| no.contains(&it), &format!(" {}", word(answer))))
    }

    const fn answers(&self) -> Answers<'_> {
        Answers(&self.name)
    }
}

/// Gives those of the wanted scopes that the server gave: all where it does not say (RFC 6749, section 5.1).
fn given(said: Option<&str>, wants: &[String]) -> String {
    let Some(said) = said else { return wants.join(" ") };
    let given: Vec<_> = said.split(' ').collect();
    let wants = wants.iter().map(String::as_str).filter(|it| given.contains(it));
    wants.collect::<Vec<_>>().join(" ")
}

/// Gives the server's word for why not, where it is one that we know.
fn word(answer: &Answered) -> &'static str {
    let denied: Option<Denied> = serde_json::from_slice(&answer.body).ok();
    denied.and_then(|it| WORDS.iter().find(|word| **word == it.error)).copied().unwrap_or_default()
}

impl Broker for OAuth {
    fn target(&self) -> &TargetName {
        &self.name
    }

    fn reach(&self) -> EnforcedAs {
        EnforcedAs::Session
    }

    fn issue<'a>(&'a self, order: &'a LeaseOrder) -> Attempt<'a, Issued> {
        Box::pin(self.make(order))
    }

    fn revoke<'a>(&'a self, ended: &'a EndedLease) -> Attempt<'a, ()> {
        Box::pin(self.end(ended))
    }

    fn found(&self) -> Attempt<'_, Vec<LeaseId>> {
        Box::pin(async { Ok(Vec::new()) })
    }
}

#[cfg(test)]
mod tests;
