//! Revocation (RFC 7009): a client that gives its token back is done with its task.
//!
//! A task token is all that its agent holds, and it is worth what its task is worth: so the task
//! ends, and with it everything below it. The identity whose task it is may say so, and so may those
//! through whose hands it came. Everybody else gets the same answer, and nothing happens.

use std::sync::Arc;

use axum::{
    body::Body,
    extract::State,
    response::{IntoResponse, Response},
};
use bailiwick_connect::{TokenError, Verified};
use bailiwick_model::EndCause;
use http::{Request, StatusCode, header};

use super::{Oauth, client, introspect::concerns, issue::label, refusal::TokenRefusal};

/// `POST /oauth2/revoke`
pub(super) async fn answer(State(oauth): State<Arc<Oauth>>, request: Request<Body>) -> Response {
    match oauth.revoke(request).await {
        Ok(()) => (StatusCode::OK, [(header::CACHE_CONTROL, "no-store")]).into_response(),
        Err(refusal) => refusal.into_response(),
    }
}

impl Oauth {
    async fn revoke(&self, request: Request<Body>) -> Result<(), TokenRefusal> {
        let sent = self.form(request).await?;
        let client = client::authenticate(self, &sent).await?.identity;
        let token = sent.form.needed("token")?;
        let Some(shown) = self.once_good(token).filter(|it| concerns(it, &client)) else {
            return Ok(());
        };
        // A client that hangs up cuts nothing in the middle: the end is on record when it is told.
        let (desk, task) = (Arc::clone(self.lane.desk()), shown.task.clone());
        let by = label(&client);
        let ending = tokio::spawn(async move { desk.end(&task, EndCause::Asked, &by).await });
        match ending.await {
            Ok(ended) => Ok(ended.map(|_| ())?),
            Err(fault) if fault.is_panic() => std::panic::resume_unwind(fault.into_panic()),
            Err(_) => Err(super::Code::ServerError.says("the governor is stopping")),
        }
    }

    /// Reads a token that is good, or that ran out while its task goes on.
    fn once_good(&self, token: &str) -> Option<Arc<Verified>> {
        let desk = self.lane.desk();
        match self.verifier.shown(token, desk.now(), &|it| desk.generation(it)) {
            Ok(shown) | Err(TokenError::Expired(shown)) => Some(shown),
            Err(_) => None,
        }
    }
}
