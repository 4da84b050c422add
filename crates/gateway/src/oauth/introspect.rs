//! Introspection (RFC 7662): what a token says, to those whom it concerns.
//!
//! An identity may look at tokens of its own tasks and of tasks that were handed on from its own. An
//! enforcement point elsewhere, which shows its own token, may look at every one. Whatever is wrong,
//! and whatever is not the asker's, is `{"active":false}` and nothing more.

use std::sync::Arc;

use axum::{
    body::Body,
    extract::State,
    response::{IntoResponse, Response},
};
use bailiwick_connect::{Binding, TokenVerifier, Verified};
use bailiwick_model::{IdentityId, Json};
use http::{Request, StatusCode};

use super::{Oauth, Sent, answer::json, client, refusal::TokenRefusal};
use crate::door::bearer;

/// What is told of a token.
const TOLD: [&str; 12] = [
    "iss",
    "aud",
    "sub",
    "client_id",
    "act",
    "txn",
    "jti",
    "iat",
    "exp",
    "scope",
    "cnf",
    "authorization_details",
];

/// Who asks.
enum Asker {
    /// An enforcement point elsewhere.
    Pep,
    /// An identity.
    Client(IdentityId),
}

/// `POST /oauth2/introspect`
pub(super) async fn answer(State(oauth): State<Arc<Oauth>>, request: Request<Body>) -> Response {
    match oauth.look_at(request).await {
        Ok(told) => json(StatusCode::OK, Body::from(told.canonical())),
        Err(refusal) => refusal.into_response(),
    }
}

impl Oauth {
    async fn look_at(&self, request: Request<Body>) -> Result<Json, TokenRefusal> {
        let sent = self.form(request).await?;
        let asker = self.asker(&sent).await?;
        let token = sent.form.needed("token")?;
        Ok(self.told(token, &asker).unwrap_or_else(|| active(false, [])))
    }

    async fn asker(&self, sent: &Sent) -> Result<Asker, TokenRefusal> {
        let pep =
            bearer(&sent.headers).is_some_and(|it| self.peps.values().any(|own| own.matches(it)));
        if pep {
            return Ok(Asker::Pep);
        }
        client::authenticate(self, sent).await.map(|it| Asker::Client(it.identity))
    }

    /// Says what a token says, where it is good now and the asker has to do with it.
    fn told(&self, token: &str, asker: &Asker) -> Option<Json> {
        let desk = self.lane.desk();
        let shown = self.verifier.shown(token, desk.now(), &|it| desk.generation(it)).ok()?;
        let concerns = match asker {
            Asker::Pep => true,
            Asker::Client(who) => concerns(&shown, who),
        };
        let open =
            desk.task(&shown.task).is_some_and(|it| it.is_open()) && !desk.has_ended(&shown.task);
        let registered = desk.snapshot().charters.contains_key(&shown.identity);
        if !concerns || !open || !registered || self.contained(&shown).is_some() {
            return None;
        }
        let claims = TokenVerifier::claims(token)?;
        let told = |name: &&str| Some(((*name).to_owned(), claims.get(name)?.clone()));
        let kind = Binding::token_type(shown.bound.as_ref());
        let kind = ("token_type".to_owned(), Json::Text(kind.to_owned()));
        Some(active(true, TOLD.iter().filter_map(told).chain([kind])))
    }
}

/// Says whether a token is an identity's own, or one of what it handed on.
pub(super) fn concerns(shown: &Verified, who: &IdentityId) -> bool {
    shown.identity == *who || shown.via.contains(who)
}

fn active(it_is: bool, more: impl IntoIterator<Item = (String, Json)>) -> Json {
    Json::Object([("active".to_owned(), Json::Bool(it_is))].into_iter().chain(more).collect())
}
