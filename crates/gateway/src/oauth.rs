//! The token endpoint and what clients discover about it: how an agent of any make opens a task
//! over the network, gets its token, trades it, looks at it and ends it.
//!
//! Nothing is judged here. A client proves who it is, its wish is read strictly, and the opening
//! is decided and recorded exactly as one that a command asks for.

mod answer;
mod client;
mod details;
mod enrol;
mod exchange;
mod form;
mod introspect;
mod issue;
mod mandate;
mod metadata;
mod possession;
mod refusal;
mod revoke;
mod target;

use std::{collections::BTreeMap, sync::Arc};

use axum::{
    Router,
    body::Body,
    extract::State,
    response::{IntoResponse, Response},
    routing::{get, post},
};
use bailiwick_connect::{
    AssertionVerifier, Attestor, ClientCertificate, DpopVerifier, Enrolments, Secret, TokenKeys,
    TokenMint, TokenVerifier,
};
use bailiwick_model::{CredentialId, IdentityId, TemplateName, Timestamp};
use http::{HeaderMap, Request};

use self::{
    details::Wish,
    enrol::Guesses,
    exchange::Above,
    form::Form,
    issue::{Granted, Wanted},
    mandate::Mandate,
    refusal::{Code, TokenRefusal},
};
use crate::{
    Lane,
    door::{Hosts, certificate},
    seam,
};

/// What a token endpoint is made of.
#[derive(Debug)]
pub struct OauthParts {
    /// The desk where tasks open, and the servers they are for.
    pub lane: Arc<Lane>,
    /// What mints tokens.
    pub mint: TokenMint,
    /// The keys whose public halves are published.
    pub keys: Arc<TokenKeys>,
    /// What verifies tokens that are shown; one for all ways in, so that each is verified once.
    pub verifier: Arc<TokenVerifier>,
    /// The enforcement points elsewhere that may ask about any token, and what proves each.
    pub peps: BTreeMap<String, Secret>,
    /// Who verifies the clients' assertions; one for all ways in, so that each counts once.
    pub assertions: Arc<AssertionVerifier>,
    /// Keys that were brought in with codes.
    pub enrolments: Arc<Enrolments>,
    /// Who verifies proofs of possession; one for all ways in, so that each counts once.
    pub dpop: Arc<DpopVerifier>,
    /// Who verifies what others vouch for.
    pub attestor: Arc<Attestor>,
    /// The values of `Host` that are answered.
    pub hosts: Vec<String>,
    /// Clients are asked for certificates when they connect.
    pub asks_for_certificates: bool,
}

/// The token endpoint.
#[derive(Debug)]
pub struct Oauth {
    lane: Arc<Lane>,
    mint: TokenMint,
    keys: Arc<TokenKeys>,
    verifier: Arc<TokenVerifier>,
    peps: BTreeMap<String, Secret>,
    assertions: Arc<AssertionVerifier>,
    enrolments: Arc<Enrolments>,
    /// Keys are brought in one after the other: a code counts once.
    enrolling: tokio::sync::Mutex<Guesses>,
    dpop: Arc<DpopVerifier>,
    attestor: Arc<Attestor>,
    hosts: Hosts,
    asks_for_certificates: bool,
}

impl Oauth {
    /// Makes the token endpoint.
    pub fn new(parts: OauthParts) -> Self {
        let hosts = Hosts::new(parts.hosts);
        let OauthParts { lane, mint, keys, verifier, peps, assertions, dpop, attestor, .. } = parts;
        let (enrolments, enrolling) = (parts.enrolments, tokio::sync::Mutex::default());
        let asks_for_certificates = parts.asks_for_certificates;
        Self {
            lane,
            mint,
            keys,
            verifier,
            peps,
            assertions,
            enrolments,
            enrolling,
            dpop,
            attestor,
            hosts,
            asks_for_certificates,
        }
    }

    fn now(&self) -> Timestamp {
        self.lane.desk().now()
    }
}

/// The routes of the token endpoint and of its metadata.
pub fn oauth_router(oauth: Arc<Oauth>) -> Router {
    Router::new()
        .route("/oauth2/token", post(token))
        .route("/oauth2/enrol", post(enrol::answer))
        .route("/oauth2/introspect", post(introspect::answer))
        .route("/oauth2/revoke", post(revoke::answer))
        .route("/oauth2/authorize", get(metadata::no_codes))
        .route("/oauth2/jwks", get(metadata::keys))
        .route("/.well-known/oauth-authorization-server", get(metadata::server))
        .route("/.well-known/oauth-protected-resource/mcp", get(metadata::all))
        .route("/.well-known/oauth-protected-resource/mcp/{server}", get(metadata::one))
        .route("/.well-known/oauth-protected-resource/http/{route}", get(metadata::route))
        .with_state(oauth)
}

/// `POST /oauth2/token`
async fn token(State(oauth): State<Arc<Oauth>>, request: Request<Body>) -> Response {
    match oauth.take(request).await {
        Ok(granted) => answer::granted(&granted),
        Err(refusal) => refusal.into_response(),
    }
}

impl Oauth {
    /// Reads the request, has the client prove itself, and only then looks at what it wants.
    async fn take(self: &Arc<Self>, request: Request<Body>) -> Result<Granted, TokenRefusal> {
        let sent = self.form(request).await?;
        let client = client::authenticate(self, &sent).await?;
        let bound = self.possession(&sent, &client.identity)?;
        let form = &sent.form;
        let details = form.get("authorization_details");
        let (mut above, mut mandate) = (None, None);
        let wish = match form.needed("grant_type")? {
            client::GRANT if mandate::is_shown(form) => {
                let shown = Mandate::read(self, form, &client).await?;
                mandate.insert(shown).wish(details, &client)?
            }
            "client_credentials" | client::GRANT => Wish::read(details, &client)?,
            exchange::GRANT => {
                let shown = Above::read(self, &sent, (&client, bound.as_ref()))?;
                above.insert(shown).wish(details, &client)?
            }
            _ => {
                let text = format!("the grant types here are {}", GRANTS.join(", "));
                return Err(Code::UnsupportedGrantType.says(text));
            }
        };
        let most = above.as_ref().map(Above::audience);
        let most = most.or_else(|| mandate.as_ref().and_then(Mandate::audience));
        let named = above.as_ref().and_then(|_| form.get("audience"));
        let audience = target::audience(self, (form, named, most), wish.worker(&client))?;
        target::check_scope(form, &audience)?;
        let on_behalf = match &mandate {
            Some(mandate) => {
                mandate.check_scope(&audience)?;
                Some(mandate.use_up(self, &client)?)
            }
            None => None,
        };
        let wanted = Wanted { wish, above, on_behalf };
        // A client that hangs up cuts nothing in the middle: what was begun is recorded.
        let oauth = Arc::clone(self);
        let issuing = tokio::spawn(async move {
            seam::pass("issue");
            let issued = oauth.issue(&client, wanted, (audience, bound)).await;
            if let (Err(_), Some(mandate)) = (&issued, &mandate) {
                mandate.give_back(&oauth, &client);
            }
            issued
        });
        match issuing.await {
            Ok(issued) => issued,
            // Whoever catches the faults of requests writes this one down, too.
            Err(fault) if fault.is_panic() => std::panic::resume_unwind(fault.into_panic()),
            Err(_) => Err(Code::ServerError.says("the governor is stopping")),
        }
    }
}

impl Oauth {
    /// Takes the form of a request that was meant for us.
    async fn form(&self, request: Request<Body>) -> Result<Sent, TokenRefusal> {
        if let Some(what) = self.hosts.foreign(request.headers()) {
            return Err(Code::InvalidRequest.says(format!("this {what} is not answered here")));
        }
        seam::pass("token");
        let (parts, body) = request.into_parts();
        let form = form::take(&parts, body).await?;
        let certificate = certificate(&parts.extensions).filter(|it| it.counts_at(self.now()));
        Ok(Sent { certificate: certificate.cloned(), headers: parts.headers, form })
    }
}

/// What a client sent.
#[derive(Debug)]
struct Sent {
    headers: HeaderMap,
    form: Form,
    /// What it showed when it connected, in its time.
    certificate: Option<ClientCertificate>,
}

/// The ways to a token.
const GRANTS: [&str; 3] = ["client_credentials", exchange::GRANT, client::GRANT];

/// Who asks, and what its charter lets it open.
#[derive(Debug)]
struct Client {
    identity: IdentityId,
    /// The key that proved it.
    key: CredentialId,
    templates: Vec<TemplateName>,
}

/// A token request's form, and the wish in it.
#[cfg(any(test, fuzzing))]
pub(crate) fn foreign(bytes: &[u8]) {
    let (Ok(identity), Ok(key)) = ("triage-agent".parse(), "key".parse()) else { return };
    let client = Client { identity, key, templates: Vec::new() };
    let form = Form::read(bytes).ok();
    let details = form.as_ref().and_then(|it| it.get("authorization_details"));
    let whole = std::str::from_utf8(bytes).ok();
    for text in details.into_iter().chain(whole) {
        let _wish = Wish::read(Some(text), &client).map(|it| it.worker(&client).clone());
    }
}
