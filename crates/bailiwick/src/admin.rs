//! The admin API: what commands ask of the running server.
//!
//! It answers on `state/admin.sock`, to the account that runs the server and to root, as the
//! kernel reports them; and on the listener below `/api/v1` to whoever holds `state/admin.token`.

mod answer;
mod containment;
pub(crate) mod emergency;
mod enrolments;
pub(crate) mod evaluations;
pub(crate) mod holds;
mod keys;
mod leases;
pub(crate) mod metrics;
mod people;
mod secrets;
mod signals;
pub(crate) mod sources;
mod tasks;
mod view;
pub(crate) mod wire;

use std::sync::Arc;

use axum::{
    Router,
    extract::Request,
    middleware::{self, Next},
    response::Response,
    routing::{get, post},
};
use bailiwick_connect::{
    AssertionVerifier, Enrolments, Secret, StatementVerifier, TokenKeys, TokenMint, Vault,
};
use bailiwick_gateway::{Door, Lane, Leases};
use bailiwick_model::{Person, PersonName};
use http::StatusCode;
use tokio::net::UnixStream;

use self::answer::Refused;
use crate::command::sign::GOVERNOR;

/// What the admin API works with.
#[derive(Debug)]
pub(crate) struct Admin {
    pub(crate) lane: Arc<Lane>,
    pub(crate) leases: Arc<Leases>,
    pub(crate) mint: TokenMint,
    /// The keys that sign tokens.
    pub(crate) keys: Arc<TokenKeys>,
    /// Shared with the token endpoint: an assertion counts once, wherever it is shown.
    pub(crate) assertions: Arc<AssertionVerifier>,
    /// Keys that were brought in with codes; shared with the token endpoint.
    pub(crate) enrolments: Arc<Enrolments>,
    pub(crate) statements: StatementVerifier,
    pub(crate) reload: Arc<crate::serve::Reload>,
    pub(crate) meter: crate::serve::Meter,
    /// Where secrets are kept.
    pub(crate) vault: Arc<Vault>,
    /// What tells other systems.
    pub(crate) outward: Option<Arc<bailiwick_gateway::Outward>>,
    /// Logs of other systems.
    pub(crate) sources: Option<Arc<crate::serve::Sources>>,
    /// Secrets change one after the other.
    pub(crate) secrets: tokio::sync::Mutex<()>,
    /// People are added one after the other: there is only one first.
    pub(crate) people: tokio::sync::Mutex<()>,
}

/// Who is on the other end: an account that the kernel vouches for, or nobody it knows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Peer(pub(crate) Option<u32>);

impl Peer {
    /// Asks the kernel who connected.
    pub(crate) fn of(stream: &UnixStream) -> Self {
        let peer = stream.peer_cred().ok();
        Self(peer.filter(|it| !is_confined(it.pid())).map(|it| it.uid()))
    }
}

/// Says whether a process runs confined, as the tool servers that the gateway starts do: they
/// share its account, and Landlock does not keep them from a socket. What is not known is
/// confined. Where the governor itself gained no privileges either, the sign says nothing.
pub(crate) fn is_confined(pid: Option<i32>) -> bool {
    let peer = pid.and_then(|it| gains_none(&it.to_string()));
    peer.unwrap_or(true) && !cannot_tell_children()
}

/// Says whether the governor itself has given up gaining privileges, so that its confined children
/// look on the admin socket like everybody else.
pub(crate) fn cannot_tell_children() -> bool {
    gains_none("self") == Some(true)
}

/// Says whether a process can gain no privileges; nothing of one that is not there.
pub(crate) fn gains_none(process: &str) -> Option<bool> {
    let status = std::fs::read_to_string(format!("/proc/{process}/status")).ok()?;
    let line = status.lines().find_map(|it| it.strip_prefix("NoNewPrivs:"))?;
    Some(line.trim() == "1")
}

impl Peer {
    /// Names the peer for the record.
    pub(crate) fn label(self) -> String {
        self.0.map_or_else(|| "admin-token".to_owned(), |uid| format!("uid:{uid}"))
    }
}

/// The routes, on the socket, and the gateway's own beside them: only the server's own account and
/// root are answered.
pub(crate) fn on_socket(admin: &Arc<Admin>, door: &Arc<Door>) -> Router {
    let gateway = bailiwick_gateway::router(Arc::clone(door));
    let lines = bailiwick_gateway::line_router(Arc::clone(door));
    let leases = bailiwick_gateway::lease_router(Arc::clone(door), Arc::clone(&admin.leases));
    routes(admin)
        .merge(metrics::routes(admin))
        .merge(gateway)
        .merge(lines)
        .merge(leases)
        .layer(middleware::from_fn(own_account))
}

/// The routes, on the listener: only whoever holds the token is answered.
pub(crate) fn on_listener(admin: &Arc<Admin>, token: Secret) -> Router {
    let token = Arc::new(token);
    // The gateway answers beside it: what is no route of ours is not ours to refuse.
    routes(admin).route_layer(middleware::from_fn(move |request, next| {
        bearer((Arc::clone(&token), "admin_token"), request, next)
    }))
}

fn routes(admin: &Arc<Admin>) -> Router {
    Router::new()
        .route("/api/v1/tasks", get(tasks::list).post(tasks::open))
        .route("/api/v1/tasks/{task}", get(tasks::show))
        .route("/api/v1/tasks/{task}/days", get(tasks::days))
        .route("/api/v1/tasks/{task}/can", get(tasks::can))
        .route("/api/v1/tasks/{task}/end", post(tasks::end))
        .route("/api/v1/tasks/{task}/token", post(tasks::token))
        .route("/api/v1/targets", get(leases::targets))
        .route("/api/v1/leases", get(leases::list).post(leases::issue))
        .route("/api/v1/leases/{lease}", get(leases::show))
        .route("/api/v1/leases/{lease}/revoke", post(leases::revoke))
        .route("/api/v1/holds", get(holds::list))
        .route("/api/v1/holds/{hold}", get(holds::show))
        .route("/api/v1/holds/{hold}/answer", post(holds::answer))
        .route("/api/v1/evaluations/{hold}", get(evaluations::show))
        .route("/api/v1/evaluations/{hold}/answer", post(evaluations::answer))
        .route("/api/v1/openings/{hold}", get(emergency::show))
        .route("/api/v1/openings/{hold}/answer", post(emergency::answer))
        .route("/api/v1/reviews", get(emergency::reviews))
        .route("/api/v1/reviews/{task}", post(emergency::review))
        .route("/api/v1/persons", get(people::list).post(people::add))
        .route("/api/v1/identities", get(view::identities))
        .route("/api/v1/enrolments", get(enrolments::list).post(enrolments::offer))
        .route("/api/v1/enrolments/{key}/withdraw", post(enrolments::withdraw))
        .route("/api/v1/containment", get(containment::list))
        .route("/api/v1/containment/{subject}", post(containment::contain))
        .route("/api/v1/containment/{subject}/release", post(containment::release))
        .route("/api/v1/keys", get(keys::list))
        .route("/api/v1/keys/rotate", post(keys::rotate))
        .route("/api/v1/keys/withdraw", post(keys::withdraw))
        .route("/api/v1/signals", get(signals::list))
        .route("/api/v1/sources", get(sources::list))
        .route("/api/v1/secrets", get(secrets::list))
        .route("/api/v1/secrets/rekey", post(secrets::rekey))
        .route("/api/v1/secrets/{name}/set", post(secrets::set))
        .route("/api/v1/secrets/{name}/rotate", post(secrets::rotate))
        .route("/api/v1/secrets/{name}/remove", post(secrets::remove))
        .route("/api/v1/templates", get(view::templates))
        .route("/api/v1/servers", get(view::servers))
        .route("/api/v1/servers/{server}/offer", get(view::offer))
        .route("/api/v1/servers/{server}/accept", post(people::accept))
        .route("/api/v1/paths/{task}", get(view::path))
        .route("/api/v1/decisions/{decision}", get(view::why))
        .route("/api/v1/reload", post(people::reload))
        .layer(axum::extract::DefaultBodyLimit::max(256 << 10))
        .with_state(Arc::clone(admin))
}

/// What a person signed is what is there, to the digit.
fn agrees(
    statement: &bailiwick_connect::Statement,
    details: impl IntoIterator<Item = (impl AsRef<str>, String)>,
) -> Result<(), Refused> {
    let other = |(name, value): &(_, String)| {
        let name: &str = AsRef::as_ref(name);
        statement.details.get(name) != Some(value)
    };
    match details.into_iter().find(other) {
        None => Ok(()),
        Some((name, _)) => {
            let name = name.as_ref();
            let text = format!("the signed statement is about another {name}");
            Err(Refused::new(StatusCode::FORBIDDEN, "statement", &text))
        }
    }
}

async fn own_account(request: Request, next: Next) -> Result<Response, Refused> {
    let peer = request.extensions().get::<axum::extract::ConnectInfo<Peer>>().map(|it| it.0);
    let own = rustix::process::geteuid().as_raw();
    match peer {
        Some(Peer(Some(uid))) if uid == own || uid == 0 => {
            Ok(next.run(with_peer(request, Peer(Some(uid)))).await)
        }
        Some(_) | None => Err(Refused::new(
            StatusCode::FORBIDDEN,
            "peer",
            "this process may not use the admin socket: another account, or a confined tool server",
        )),
    }
}

async fn bearer(
    (token, code): (Arc<Secret>, &'static str),
    request: Request,
    next: Next,
) -> Result<Response, Refused> {
    let given = request
        .headers()
        .get(http::header::AUTHORIZATION)
        .and_then(|it| it.to_str().ok())
        .and_then(|it| it.strip_prefix("Bearer "));
    match given {
        Some(given) if token.matches(given) => Ok(next.run(with_peer(request, Peer(None))).await),
        Some(_) | None => Err(Refused::new(
            StatusCode::UNAUTHORIZED,
            code,
            &format!("this wants the token in `state/{}`", code.replace('_', ".")),
        )),
    }
}

fn with_peer(mut request: Request, peer: Peer) -> Request {
    request.extensions_mut().insert(peer);
    request
}

impl Admin {
    /// Verifies a person's signed statement about one thing.
    pub(crate) fn signed(
        &self,
        word: &wire::SignedWord,
        (what, subject): (&[&str], &str),
    ) -> Result<bailiwick_connect::Statement, Refused> {
        let person = self.person(&word.by)?;
        let now = self.lane.desk().now();
        let statement = self.statements.verify(&person, &word.signed, now).map_err(|error| {
            Refused::new(StatusCode::FORBIDDEN, "statement", &error.to_string())
        })?;
        let governor = statement.details.get(GOVERNOR).map(String::as_str);
        if governor != Some(self.mint.issuer().as_str()) {
            let text = "the signed statement is for another governor";
            return Err(Refused::new(StatusCode::FORBIDDEN, "statement", text));
        }
        if what.contains(&statement.what.as_str()) && statement.subject == subject {
            return Ok(statement);
        }
        let text =
            format!("the signed statement is about `{} {}`", statement.what, statement.subject);
        Err(Refused::new(StatusCode::FORBIDDEN, "statement", &text))
    }

    fn person(&self, name: &PersonName) -> Result<Person, Refused> {
        self.lane.desk().person(name).ok_or_else(|| {
            Refused::new(
                StatusCode::FORBIDDEN,
                "person",
                &format!("`{name}` is not registered as a person"),
            )
        })
    }
}
