//! An authorization server that refuses what RFC 6749, RFC 7009 and RFC 8693 refuse, and knows the tokens
//! that it gave.

use std::{
    collections::BTreeMap,
    fmt,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use bailiwick_model::Timestamp;

use super::{Asked, Stub};

/// The server. Clones share it.
#[derive(Clone, Debug)]
pub struct Authority(Arc<Mutex<Inside>>);

/// Says whether what is traded in is good.
type Takes = Box<dyn Fn(&str) -> bool + Send>;

struct Inside {
    now: Timestamp,
    away: bool,
    tokens: BTreeMap<String, Timestamp>,
    made: u64,
    /// It trades, and gives nothing for nothing.
    takes: Option<Takes>,
}

impl fmt::Debug for Inside {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_struct("Inside").field("tokens", &self.tokens.len()).finish_non_exhaustive()
    }
}

impl Authority {
    /// The client that it knows, and its secret.
    pub const CLIENT: [&str; 2] = ["a client", "a secret"];
    /// The resource that its tokens are for.
    pub const RESOURCE: &str = "https://api.example/";
    /// How long a token lives.
    pub const LIFE: Duration = Duration::from_secs(300);

    /// Makes a server without tokens.
    pub fn new(now: Timestamp) -> Self {
        let tokens = BTreeMap::new();
        Self(Arc::new(Mutex::new(Inside { now, away: false, tokens, made: 0, takes: None })))
    }

    /// Makes one that gives tokens in trade alone, for what `takes` says is good.
    pub fn trading(now: Timestamp, takes: impl Fn(&str) -> bool + Send + 'static) -> Self {
        let server = Self::new(now);
        server.lock().takes = Some(Box::new(takes));
        server
    }

    /// Lets it listen: tokens are given at `/token`, taken back at `/revoke`.
    pub async fn serve(&self) -> Stub {
        let server = self.clone();
        Stub::start(move |asked| {
            let mut inside = server.lock();
            if inside.away { (503, String::new()) } else { inside.answer(asked) }
        })
        .await
    }

    fn lock(&self) -> MutexGuard<'_, Inside> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Says whether a token counts, as a resource hears that asks (RFC 7662).
    pub fn lets_in(&self, token: &str) -> bool {
        let inside = self.lock();
        inside.tokens.get(token).is_some_and(|until| inside.now < *until)
    }

    /// Counts the tokens that were given and not taken back.
    pub fn tokens(&self) -> usize {
        self.lock().tokens.len()
    }

    /// Takes it away, or brings it back.
    pub fn set_away(&self, away: bool) {
        self.lock().away = away;
    }

    /// Lets time pass there.
    pub fn wait(&self, span: Duration) {
        let mut inside = self.lock();
        inside.now = inside.now.after(span);
    }
}

/// As a form writes them.
const EXCHANGE: &str = "urn%3Aietf%3Aparams%3Aoauth%3Agrant-type%3Atoken-exchange";
const JWT: &str = "urn%3Aietf%3Aparams%3Aoauth%3Atoken-type%3Ajwt";
/// As JSON does.
const ACCESS: &str = "urn:ietf:params:oauth:token-type:access_token";

impl Inside {
    const fn grant(&self) -> &'static str {
        if self.takes.is_some() { EXCHANGE } else { "client_credentials" }
    }

    fn takes_word(&self, word: Option<&str>) -> bool {
        self.takes.as_ref().is_none_or(|it| word.is_some_and(it))
    }

    fn answer(&mut self, asked: &Asked) -> (u16, String) {
        let refused = |status, word: &str| (status, format!(r#"{{"error":"{word}"}}"#));
        // `a client:a secret`, each escaped.
        if !asked.head.contains("authorization: Basic YSUyMGNsaWVudDphJTIwc2VjcmV0\n") {
            return refused(401, "invalid_client");
        }
        if !asked.head.contains("content-type: application/x-www-form-urlencoded\n") {
            return refused(400, "invalid_request");
        }
        let fields: Vec<_> = asked.body.split('&').filter_map(|it| it.split_once('=')).collect();
        let field = |name| fields.iter().find(|it| it.0 == name).map(|it| it.1);
        match asked.line.as_str() {
            "POST /token" if field("grant_type") != Some(self.grant()) => {
                refused(400, "unsupported_grant_type")
            }
            "POST /token" if self.takes.is_some() && field("subject_token_type") != Some(JWT) => {
                refused(400, "invalid_request")
            }
            "POST /token" if !self.takes_word(field("subject_token")) => {
                refused(400, "invalid_request")
            }
            "POST /token" if field("resource") != Some("https%3A%2F%2Fapi.example%2F") => {
                refused(400, "invalid_target")
            }
            "POST /token" => {
                let Some(scope) = field("scope") else { return refused(400, "invalid_scope") };
                let scope = scope.replace("%20", " ").replace("%3A", ":");
                self.made = self.made.saturating_add(1);
                let token = format!("hunter2-{}", self.made);
                self.tokens.insert(token.clone(), self.now.after(Authority::LIFE));
                let life = Authority::LIFE.as_secs();
                let issued = match self.takes {
                    None => String::new(),
                    Some(_) => format!(r#","issued_token_type":"{ACCESS}""#),
                };
                let body = format!(
                    r#"{{"access_token":"{token}","token_type":"bearer","expires_in":{life},"scope":"{scope}"{issued}}}"#
                );
                (200, body)
            }
            "POST /revoke" => match field("token") {
                Some(token) => {
                    self.tokens.remove(token);
                    (200, String::new())
                }
                None => refused(400, "invalid_request"),
            },
            _ => (404, String::new()),
        }
    }
}
