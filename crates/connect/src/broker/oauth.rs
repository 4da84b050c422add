//! OAuth: a lease is an access token that an authorization server of others gives our client.
//!
//! By its own credentials (RFC 6749, section 4.4), for one resource (RFC 8707) and with no more scope
//! than was wanted. Its end is a revocation (RFC 7009); a server without one is no target, as nothing
//! could be ended there. A resource that looks at its tokens by itself alone takes one until its time is
//! over, so that is short. What a server still has cannot be asked for, so nothing is found there.

use std::{fmt, path::PathBuf, time::Duration};

use bailiwick_model::{LeaseId, TargetName};
use base64::{Engine, engine::general_purpose::STANDARD};
use http::{Method, StatusCode};
use serde::Deserialize;

use super::{
    Attempt, Broker, BrokerError, Credential, EndedLease, EnforcedAs, Issued, LeaseOrder,
    SecretSource, TargetMistake,
    call::{Answered, Endpoint, Question, escaped, form, wiped},
};
use crate::Secret;

/// The longest token that is taken.
const TOKEN_MAX: usize = 16 * 1024;
/// What a server may say of itself (RFC 6749, section 5.2; RFC 7009; RFC 8707); nothing else is shown.
const WORDS: &[&str] = &[
    "invalid_request",
    "invalid_client",
    "invalid_grant",
    "unauthorized_client",
    "unsupported_grant_type",
    "invalid_scope",
    "invalid_target",
    "unsupported_token_type",
    "server_error",
    "temporarily_unavailable",
];
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
}

/// Why not (RFC 6749, section 5.2).
#[derive(Deserialize)]
struct Denied {
    error: String,
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
        let mut fields = vec![("grant_type", "client_credentials"), ("scope", &wanted)];
        if let Some(resource) = &self.target.resource {
            fields.push(("resource", resource));
        }
        let answer = self.ask(&self.tokens, Secret::new(form(&fields))).await?;
        let granted = self.granted(&answer)?;
        let token = granted.access_token;
        let life = granted.expires_in.map(Duration::from_secs);
        let fit = self.check_granted(
            &token,
            &granted.token_type,
            life,
            granted.scope.as_deref(),
            &order.wants,
        );
        let until = order.now.after(life.unwrap_or(self.target.longest));
        let mut credential = Credential::default().with("scope", wanted.as_str());
        if let Some(resource) = &self.target.resource {
            credential = credential.with("resource", resource.as_str());
        }
        let keepsake = Some(token.clone());
        let credential = credential.with_secret("access_token", token);
        // What does not fit was given all the same: it is given back until that is heard.
        let unfit = fit.err().map(|why| format!("target `{}` refuses: {why}", self.name));
        Ok(Issued { credential, called: order.lease.to_string(), until, keepsake, unfit })
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

    fn granted(&self, answer: &Answered) -> Result<Granted, BrokerError> {
        if answer.status != StatusCode::OK {
            return Err(self.denied(answer));
        }
        serde_json::from_slice(&answer.body)
            .map_err(|_| self.away("its answer is none of RFC 6749, section 5.1".into()))
    }

    /// Sees that what was given is what was asked for, and no more.
    fn check_granted(
        &self,
        token: &Secret,
        kind: &str,
        life: Option<Duration>,
        scope: Option<&str>,
        wants: &[String],
    ) -> Result<(), String> {
        let text = token.expose();
        if !(1..=TOKEN_MAX).contains(&text.len()) || !text.bytes().all(|it| it.is_ascii_graphic()) {
            return Err("its token is none that a header can bear".into());
        }
        if !kind.eq_ignore_ascii_case("bearer") {
            return Err("its token is bound in a way that we do not know".into());
        }
        if life.is_none_or(|it| self.target.longest < it) {
            return Err(format!(
                "its token lives longer than {}, or does not say how long: let it give shorter ones",
                bailiwick_model::format_span(self.target.longest)
            ));
        }
        let more = scope.and_then(|it| it.split(' ').find(|it| !wants.iter().any(|one| one == it)));
        match more.filter(|it| !it.is_empty()) {
            Some(_) => Err("it gave more scope than was asked for".into()),
            None => Ok(()),
        }
    }

    async fn end(&self, ended: &EndedLease) -> Result<(), BrokerError> {
        match (&ended.keepsake, &ended.called) {
            (Some(token), _) => self.give_back(token).await,
            // Its answer was never heard: what token there is, nobody has.
            (None, None) => Ok(()),
            // It was had and cannot be named any more. It ends by itself, and not before.
            (None, Some(_)) => {
                let until = ended.until.after(self.target.longest);
                if until <= ended.now {
                    return Ok(());
                }
                let why = "its token is not at hand any more, and ends by itself".to_owned();
                Err(BrokerError::Lasts { target: self.name.clone(), why, until })
            }
        }
    }

    async fn give_back(&self, token: &Secret) -> Result<(), BrokerError> {
        let fields = [("token", token.expose()), ("token_type_hint", "access_token")];
        let answer = self.ask(&self.revocations, Secret::new(form(&fields))).await?;
        // A token that it does not know is ended, too, and answered so (RFC 7009, section 2.2).
        if answer.status == StatusCode::OK { Ok(()) } else { Err(self.denied(&answer)) }
    }

    async fn ask(&self, service: &Endpoint, body: Secret) -> Result<Answered, BrokerError> {
        let secret = self.target.secret.fetch().await.map_err(|it| self.refused(it.to_string()))?;
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
        service.ask(question).await.map_err(|why| self.away(why))
    }

    /// Says no in the server's word for it, which RFC 6749 lists.
    fn denied(&self, answer: &Answered) -> BrokerError {
        let denied: Option<Denied> = serde_json::from_slice(&answer.body).ok();
        let known = denied.and_then(|it| WORDS.iter().find(|word| **word == it.error));
        let word = known.unwrap_or(&"");
        let why = format!("it answers {} {word}", answer.status.as_u16());
        match answer.status {
            StatusCode::TOO_MANY_REQUESTS | StatusCode::SERVICE_UNAVAILABLE => {
                BrokerError::Busy { target: self.name.clone(), why, after: answer.after }
            }
            StatusCode::BAD_REQUEST | StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => {
                self.refused(why)
            }
            _ => self.away(why),
        }
    }

    fn refused(&self, why: String) -> BrokerError {
        BrokerError::Refused { target: self.name.clone(), why }
    }

    fn away(&self, why: String) -> BrokerError {
        BrokerError::Away { target: self.name.clone(), why }
    }
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
