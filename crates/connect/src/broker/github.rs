//! GitHub: a lease is a token of an installation of an App, for the repositories and permissions that were
//! wanted alone.
//!
//! The App proves itself by a token that it signs itself and that lives for minutes (RS256, which GitHub
//! wants). An installation's token lives for an hour and ends when it is shown to be deleted. What GitHub
//! still has cannot be asked for, so nothing is found there.

use std::{collections::BTreeMap, fmt, path::PathBuf, time::Duration};

use bailiwick_model::{LeaseId, TargetName, Timestamp};
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use http::{Method, StatusCode};
use jsonwebtoken::{Algorithm, EncodingKey, crypto};
use serde::Deserialize;
use serde_json::json;

use super::{
    Attempt, Broker, BrokerError, Credential, EndedLease, EnforcedAs, Issued, LeaseOrder,
    SecretSource, TargetMistake,
    answers::{Answers, bearable},
    call::{Answered, Endpoint, Question, wiped},
};
use crate::Secret;

const API: &str = "https://api.github.com";
const JSON: &str = "application/json";
/// How long a token of an installation lives.
const LIFE: Duration = Duration::from_secs(3600);
/// How many repositories one token is for.
const REPOSITORIES_MAX: usize = 500;
/// For clocks that are behind, and for how long the App's own token counts: ten minutes at the most.
const BEFORE: i64 = 60;
const AFTER: i64 = 300;
/// What every token may do, whatever was asked for.
const ALWAYS: &str = "metadata";
const LEVELS: [&str; 3] = ["read", "write", "admin"];

/// What the operator says of an installation of an App.
#[derive(Clone, Debug)]
pub struct GitHubTarget {
    /// Where the API is, if not at GitHub itself.
    pub api: Option<String>,
    /// The authorities that it is believed by, where it is not the system's.
    pub ca: Option<PathBuf>,
    /// The App: its client id, or its number.
    pub app: String,
    /// The App's private key, in PEM as GitHub gives it.
    pub key: SecretSource,
    /// The number of the installation.
    pub installation: u64,
    /// The repositories that a lease may be for, without their owner.
    pub repositories: Vec<String>,
    /// What a lease may do with them: `contents:read`.
    pub permissions: Vec<String>,
}

/// Gets and ends tokens of one installation.
pub struct GitHub {
    name: TargetName,
    target: GitHubTarget,
    api: Endpoint,
}

impl fmt::Debug for GitHub {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "GitHub({} at {:?})", self.name, self.api)
    }
}

/// What is given for a question for a token.
#[derive(Deserialize)]
struct Given {
    #[serde(deserialize_with = "wiped")]
    token: Secret,
    expires_at: Timestamp,
    #[serde(default)]
    permissions: BTreeMap<String, String>,
    #[serde(default)]
    repository_selection: String,
    #[serde(default)]
    repositories: Option<Vec<Repository>>,
}

#[derive(Deserialize)]
struct Repository {
    name: String,
}

/// What a lease wants, told apart.
#[derive(Debug, PartialEq, Eq)]
struct Wanted<'w> {
    repositories: Vec<&'w str>,
    permissions: BTreeMap<&'w str, &'w str>,
}

impl GitHubTarget {
    /// Says what of it cannot be meant.
    pub fn check(&self) -> Result<(), TargetMistake> {
        let wrong = |setting, message: String| Err(TargetMistake::new(setting, message));
        let plain = |it: char| it.is_ascii_alphanumeric() || matches!(it, '.' | '-' | '_');
        if self.app.is_empty() || !self.app.chars().all(plain) {
            let app = self.app.escape_debug();
            return wrong("app", format!("`{app}` is no App: say its client id or its number"));
        }
        if self.repositories.is_empty() {
            let message = "`repositories` names none: say which a lease may be for";
            return wrong("repositories", message.to_owned());
        }
        let unlike = |it: &&String| it.is_empty() || 100 < it.len() || !it.chars().all(plain);
        if let Some(other) = self.repositories.iter().find(unlike) {
            let other = other.escape_debug();
            return wrong(
                "repositories",
                format!("`{other}` is no repository: say its name without its owner"),
            );
        }
        if self.permissions.is_empty() {
            let message = "`permissions` names none: say what a lease may do, as `contents:read`";
            return wrong("permissions", message.to_owned());
        }
        match self.permissions.iter().find(|it| permission(it).is_none()) {
            Some(other) => {
                let other = other.escape_debug();
                let message = format!("`{other}` is no permission: say `contents:read`");
                wrong("permissions", message)
            }
            None => self.service().map(drop),
        }
    }

    fn service(&self) -> Result<Endpoint, TargetMistake> {
        Endpoint::new("api", self.api.as_deref().unwrap_or(API), self.ca.as_deref())
    }
}

impl GitHub {
    /// Takes what the operator said, unless it cannot be meant. GitHub is not asked.
    pub fn new(name: TargetName, target: GitHubTarget) -> Result<Self, TargetMistake> {
        target.check()?;
        let api = target.service()?;
        Ok(Self { name, target, api })
    }

    async fn make(&self, order: &LeaseOrder) -> Result<Issued, BrokerError> {
        let wanted = self.wanted(&order.wants)?;
        let proof = self.proof(order.now).await?;
        let path = format!("/app/installations/{}/access_tokens", self.target.installation);
        let body = json!({
            "repositories": wanted.repositories, "permissions": wanted.permissions,
        });
        let answer = self.ask((Method::POST, path), proof, body.to_string()).await?;
        let wanted_form = (StatusCode::CREATED, "GitHub's API");
        let given: Given = self.answers().read(&answer, wanted_form, |it| self.denied(it))?;
        let fit = fits(&given, &wanted);
        let permissions: Vec<_> =
            wanted.permissions.iter().map(|(name, level)| format!("{name}:{level}")).collect();
        let credential = Credential::default()
            .with("user", "x-access-token")
            .with("repositories", wanted.repositories.join(" "))
            .with("permissions", permissions.join(" "))
            .with_secret("token", given.token.clone());
        let unfit = self.answers().unfit(fit);
        Ok(Issued {
            credential,
            called: order.lease.to_string(),
            until: given.expires_at,
            keepsake: Some(given.token),
            unfit,
        })
    }

    /// Tells what is wanted apart: with a colon it is a permission, else a repository.
    fn wanted<'w>(&self, wants: &'w [String]) -> Result<Wanted<'w>, BrokerError> {
        let unfit = |wanted: &str, why: String| BrokerError::Unfit {
            target: self.name.clone(),
            wanted: wanted.to_owned(),
            why,
        };
        let mut wanted = Wanted { repositories: Vec::new(), permissions: BTreeMap::new() };
        for want in wants {
            let known = if want.contains(':') {
                &self.target.permissions
            } else {
                &self.target.repositories
            };
            if !known.contains(want) {
                return Err(unfit(want, format!("name some of: {}", known.join(", "))));
            }
            match permission(want) {
                Some((name, level)) => {
                    if wanted.permissions.insert(name, level).is_some() {
                        return Err(unfit(want, format!("`{name}` is wanted in two ways")));
                    }
                }
                None => wanted.repositories.push(want),
            }
        }
        // Without either GitHub gives all that the installation has.
        if wanted.repositories.is_empty() || wanted.permissions.is_empty() {
            let why = "name a repository and a permission, such as `orders` and `contents:read`";
            return Err(unfit(&wants.join(", "), why.to_owned()));
        }
        if REPOSITORIES_MAX < wanted.repositories.len() {
            let why = format!("a token is for {REPOSITORIES_MAX} repositories at most");
            return Err(unfit(&wants.join(", "), why));
        }
        Ok(wanted)
    }

    /// Makes the App's own token (RFC 7519).
    async fn proof(&self, now: Timestamp) -> Result<Secret, BrokerError> {
        let pem =
            self.target.key.fetch().await.map_err(|it| self.answers().refused(it.to_string()))?;
        let unlike = |_| self.answers().refused("its `key` is no private RSA key in PEM".into());
        let key = EncodingKey::from_rsa_pem(pem.expose().as_bytes()).map_err(unlike)?;
        let now = now.seconds();
        let head = json!({ "typ": "JWT", "alg": "RS256" }).to_string();
        let body = json!({
            "iss": self.target.app,
            "iat": now.saturating_sub(BEFORE),
            "exp": now.saturating_add(AFTER),
        });
        let [head, body] = [head, body.to_string()].map(|it| URL_SAFE_NO_PAD.encode(it.as_bytes()));
        let text = format!("{head}.{body}");
        let unsigned = |_| self.answers().refused("its `key` signs nothing".into());
        let signature = crypto::sign(text.as_bytes(), &key, Algorithm::RS256).map_err(unsigned)?;
        Ok(Secret::new(format!("{text}.{signature}")))
    }

    async fn end(&self, ended: &EndedLease) -> Result<(), BrokerError> {
        let Some(token) = &ended.keepsake else {
            // Its answer was never heard: what token there is, nobody has.
            let until = ended.until.after(LIFE);
            if ended.called.is_none() || until <= ended.now {
                return Ok(());
            }
            let why = "its token is not at hand any more, and ends by itself".to_owned();
            return Err(BrokerError::Lasts { target: self.name.clone(), why, until });
        };
        let asked = (Method::DELETE, "/installation/token".to_owned());
        let answer = self.ask(asked, token.clone(), String::new()).await?;
        match answer.status {
            // What is deleted or over proves nothing any more.
            StatusCode::NO_CONTENT | StatusCode::UNAUTHORIZED => Ok(()),
            _ => Err(self.denied(&answer)),
        }
    }

    async fn ask(
        &self,
        (method, path): (Method, String),
        token: Secret,
        body: String,
    ) -> Result<Answered, BrokerError> {
        let proof = Secret::new(format!("Bearer {}", token.expose()));
        let more = vec![
            ("accept", Secret::new("application/vnd.github+json")),
            ("x-github-api-version", Secret::new("2022-11-28")),
        ];
        let question = Question { method, path, kind: JSON, proof, more, body: Secret::new(body) };
        self.api.ask(question).await.map_err(|why| self.answers().away(why))
    }

    fn denied(&self, answer: &Answered) -> BrokerError {
        let words = match answer.status {
            StatusCode::UNAUTHORIZED => ": the App's key counts no more, or our clock is wrong",
            StatusCode::NOT_FOUND => ": there is no such installation",
            StatusCode::UNPROCESSABLE_ENTITY => ": the installation has not all that was asked for",
            _ => "",
        };
        self.answers().denied(answer, (|it| it.is_client_error(), words))
    }

    const fn answers(&self) -> Answers<'_> {
        Answers(&self.name)
    }
}

/// Reads `contents:read`.
fn permission(text: &str) -> Option<(&str, &str)> {
    let (name, level) = text.split_once(':')?;
    let plain = |it: u8| it.is_ascii_lowercase() || it == b'_';
    let good = !name.is_empty() && name.bytes().all(plain) && LEVELS.contains(&level);
    good.then_some((name, level))
}

/// Sees that what was given is what was asked for, and no more.
fn fits(given: &Given, wanted: &Wanted<'_>) -> Result<(), &'static str> {
    bearable(&given.token)?;
    let rank = |level: &str| LEVELS.iter().position(|it| *it == level);
    let within = |(name, level): (&String, &String)| match wanted.permissions.get(name.as_str()) {
        Some(wanted) => rank(level).is_some_and(|it| Some(it) <= rank(wanted)),
        None => name == ALWAYS && level == "read",
    };
    if !given.permissions.iter().all(within) {
        return Err("it gave more permissions than were asked for");
    }
    let of_these = |it: &Repository| wanted.repositories.contains(&it.name.as_str());
    let selected = given.repository_selection == "selected"
        && given.repositories.as_ref().is_none_or(|all| all.iter().all(of_these));
    if selected { Ok(()) } else { Err("it gave more repositories than were asked for") }
}

impl Broker for GitHub {
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
