//! A key is brought in: whoever has a code shows a key that it holds, and this key proves the identity
//! that the code was made for.
//!
//! Codes have 128 bits that nobody guesses; those who try are noticed.

use std::{sync::Arc, time::Duration};

use axum::{
    body::Body,
    extract::State,
    response::{IntoResponse, Response},
};
use bailiwick_connect::{EnrolError, EnrolledKey, Enrolments};
use bailiwick_model::{CommandRecord, CredentialId, IdentityId, Timestamp};
use http::{Request, StatusCode};
use serde_json::json;

use super::{
    Oauth, answer,
    issue::label,
    refusal::{Code, TokenRefusal},
};

/// How long wrong codes are counted together.
const SPAN: Duration = Duration::from_secs(60);
/// How many of them are somebody who guesses.
const MANY: u32 = 20;

/// Wrong codes of the last minute.
#[derive(Debug, Default)]
pub(super) struct Guesses {
    count: u32,
    since: Timestamp,
}

impl Guesses {
    /// Counts one, and says whether somebody guesses: once in a minute.
    fn another(&mut self, now: Timestamp) -> bool {
        if self.since.after(SPAN) <= now || now < self.since {
            (self.count, self.since) = (0, now);
        }
        self.count = self.count.saturating_add(1);
        self.count == MANY
    }
}

/// `POST /oauth2/enrol`
pub(super) async fn answer(State(oauth): State<Arc<Oauth>>, request: Request<Body>) -> Response {
    match oauth.enrol(request).await {
        Ok(enrolled) => {
            let issuer = oauth.mint.issuer();
            let body = json!({
                "identity": enrolled.identity,
                "key": enrolled.key,
                "issuer": issuer.as_str(),
                "token_endpoint": format!("{issuer}/oauth2/token"),
            });
            answer::json(StatusCode::OK, Body::from(body.to_string()))
        }
        Err(refusal) => refusal.into_response(),
    }
}

impl Oauth {
    async fn enrol(self: &Arc<Self>, request: Request<Body>) -> Result<EnrolledKey, TokenRefusal> {
        let sent = self.form(request).await?;
        let [code, pem, assertion] = [
            sent.form.needed("code")?,
            sent.form.needed("key")?,
            sent.form.needed("client_assertion")?,
        ]
        .map(str::to_owned);
        // A client that hangs up cuts nothing in the middle: what was begun is recorded.
        let oauth = Arc::clone(self);
        let joining = tokio::spawn(async move { oauth.join(code, pem, &assertion).await });
        match joining.await {
            Ok(joined) => joined,
            Err(fault) if fault.is_panic() => std::panic::resume_unwind(fault.into_panic()),
            Err(_) => Err(Code::ServerError.says("the governor is stopping")),
        }
    }

    async fn join(
        &self,
        code: String,
        pem: String,
        assertion: &str,
    ) -> Result<EnrolledKey, TokenRefusal> {
        let mut guesses = self.enrolling.lock().await;
        let now = self.now();
        let Some(waiting) = self.enrolments.waiting(&code, now) else {
            if guesses.another(now) {
                let text = format!("{MANY} wrong codes were shown within a minute");
                self.lane.desk().notice("enrolment-guessed", text, "enrolments").await?;
            }
            return Err(EnrolError::NoCode.into());
        };
        let identity = waiting.identity;
        self.takes(&identity)?;
        let key = self.enrolments.fits(&pem, &identity)?;
        self.check_free(&key, &identity)?;
        self.assertions.verify_new(assertion, (&identity, &pem), now)?;
        let command = CommandRecord::EnrolmentChanged {
            identity: identity.clone(),
            change: "joined".to_owned(),
            key: Some(key),
            expires: None,
        };
        self.lane.desk().command(command, &label(&identity)).await?;
        let enrolments: Arc<Enrolments> = Arc::clone(&self.enrolments);
        let done = tokio::task::spawn_blocking(move || enrolments.redeem(&code, &pem, now)).await;
        let done = done.map_err(|_| Code::ServerError.says("the governor is stopping"))?;
        Ok(done?)
    }

    /// Says whether the identity's charter takes keys that are brought in, now.
    fn takes(&self, identity: &IdentityId) -> Result<(), TokenRefusal> {
        let snapshot = self.lane.desk().snapshot();
        if !snapshot.charters.get(identity).is_some_and(|it| it.takes_enrolled()) {
            let text = format!("the charter of `{identity}` takes no keys that are brought in");
            return Err(Code::UnauthorizedClient.says(text));
        }
        Ok(())
    }

    /// Says whether a key is contained, or proves somebody already: two identities of one key could
    /// not be told apart.
    fn check_free(&self, key: &CredentialId, identity: &IdentityId) -> Result<(), TokenRefusal> {
        let snapshot = self.lane.desk().snapshot();
        let shown = [key.clone()].into();
        if let Some(first) = snapshot.contained_of_identity(identity, &shown).pop_first() {
            let text = format!("{} is contained", first.in_words());
            return Err(Code::UnauthorizedClient.says(text));
        }
        let is_it =
            |pem: &str| bailiwick_connect::check_public_pem(pem).is_ok_and(|it| it == key.as_str());
        let proofs = snapshot.charters.values().flat_map(|it| &it.proof);
        let taken = proofs.into_iter().any(|it| match it {
            bailiwick_model::Proof::Key { pem, .. } => is_it(pem),
            bailiwick_model::Proof::Spiffe(_)
            | bailiwick_model::Proof::Oidc { .. }
            | bailiwick_model::Proof::Uid(_)
            | bailiwick_model::Proof::Enrolled => false,
        });
        if taken || self.lane.desk().has_lost_key(&shown) {
            return Err(EnrolError::Known.into());
        }
        Ok(())
    }
}

impl From<EnrolError> for TokenRefusal {
    fn from(error: EnrolError) -> Self {
        match error {
            EnrolError::NoCode => Code::InvalidGrant.says(error.to_string()),
            EnrolError::TooMany { .. }
            | EnrolError::Full { .. }
            | EnrolError::Known
            | EnrolError::Unknown { .. }
            | EnrolError::Key(_) => Code::InvalidRequest.says(error.to_string()),
            EnrolError::Random(_) | EnrolError::Private(_) | EnrolError::Damaged { .. } => {
                tracing::error!(%error, "a key that was brought in could not be kept");
                Code::Unavailable.says("the key cannot be written down, so it counts for nobody")
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn somebody_who_guesses_is_noticed_once_a_minute() {
        let at = |seconds: i64| Timestamp::from_millis(seconds.saturating_mul(1000));
        let mut guesses = Guesses::default();
        let told = |guesses: &mut Guesses, from: i64| {
            (0..59).filter(|it| guesses.another(at(from.saturating_add(*it)))).count()
        };
        assert_eq!(told(&mut guesses, 1000), 1);
        assert_eq!(told(&mut guesses, 1060), 1);
        let slow = (40..90).filter(|it: &i64| guesses.another(at(it.saturating_mul(60)))).count();
        assert_eq!(slow, 0, "a mistake now and then is none");
    }
}
