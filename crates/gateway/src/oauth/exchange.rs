//! Token exchange (RFC 8693): a live token of a task of ours is traded for a narrower one.
//!
//! Its holder trades it for one that is good for less. Whoever its holder gave it to trades it for a
//! token of a task of its own below that one, which is opened, bounded and recorded like every other
//! child. What comes of it never does more, never lasts longer and never reaches further.

use std::sync::Arc;

use bailiwick_connect::{Audience, Binding, Verified};
use bailiwick_model::{ShownToken, TaskId, Timestamp};

use super::{
    Client, Oauth, Sent,
    details::Wish,
    form::Form,
    refusal::{Code, TokenRefusal},
};
use crate::lane::caller_of;

/// The grant type.
pub(super) const GRANT: &str = "urn:ietf:params:oauth:grant-type:token-exchange";
/// The type of the tokens that are traded, and of what is given for them.
pub(super) const ACCESS: &str = "urn:ietf:params:oauth:token-type:access_token";
/// What our tokens are as well.
const JWT: &str = "urn:ietf:params:oauth:token-type:jwt";

/// The token that is traded in.
#[derive(Debug)]
pub(super) struct Above(Arc<Verified>);

impl Above {
    /// Reads what is traded in, which must be good now.
    pub(super) fn read(
        oauth: &Oauth,
        sent: &Sent,
        (client, held): (&Client, Option<&Binding>),
    ) -> Result<Self, TokenRefusal> {
        let form = &sent.form;
        let wanted = form.get("requested_token_type").unwrap_or(ACCESS);
        if ![ACCESS, JWT].contains(&wanted) {
            let text = format!("`requested_token_type` is `{ACCESS}`, or left out");
            return Err(Code::InvalidRequest.says(text));
        }
        let above = token(oauth, form, ("subject_token", "subject_token_type"))?;
        let above = above.ok_or_else(|| Code::InvalidRequest.says("`subject_token` is missing"))?;
        // What is bound to a key is worth nothing to whoever does not hold it, here either.
        let is_held = match &above.bound {
            None => true,
            Some(Binding::Certificate(wanted)) => {
                sent.certificate.as_ref().is_some_and(|it| it.thumbprint() == wanted)
            }
            Some(bound @ Binding::Key(_)) => held == Some(bound),
        };
        if !is_held {
            let text =
                "`subject_token` is bound to a key: prove it here, too, by DPoP or its certificate";
            return Err(Code::InvalidRequest.says(text));
        }
        let actor = token(oauth, form, ("actor_token", "actor_token_type"))?;
        if actor.is_some_and(|it| it.identity != client.identity) {
            let text = format!(
                "`actor_token` is not one of `{}`: whoever proves itself is who acts",
                client.identity
            );
            return Err(Code::InvalidRequest.says(text));
        }
        Ok(Self(above))
    }

    /// Reads what is wanted for it.
    pub(super) fn wish(
        &self,
        details: Option<&str>,
        client: &Client,
    ) -> Result<Wish, TokenRefusal> {
        let (own, task) = (self.0.identity == client.identity, self.task());
        // One's own token is traded for a smaller one of the same task.
        if own && details.is_none() {
            return Ok(Wish::Again(task.clone()));
        }
        match Wish::below(details, client, task)? {
            Wish::Again(other) if !own || other != *task => {
                let text = "an open `task` gets its tokens by `client_credentials`";
                Err(Code::InvalidDetails.says(text))
            }
            Wish::Open(opening) if own => match &opening.handed {
                Some((_, worker)) if *worker != client.identity => Ok(Wish::Open(opening)),
                Some(_) | None => {
                    let text = "`identity` must say to whom the task is handed on";
                    Err(Code::InvalidDetails.says(text))
                }
            },
            Wish::Open(opening) => match &opening.handed {
                Some((_, worker)) if *worker == client.identity => Ok(Wish::Open(opening)),
                Some(_) | None => {
                    let text = "a token that was handed on is traded for one of one's own: `identity` is the client, or left out";
                    Err(Code::UnauthorizedClient.says(text))
                }
            },
            wish @ (Wish::Again(_) | Wish::Usual(_)) => Ok(wish),
        }
    }

    /// Gives the task that is narrowed.
    pub(super) fn task(&self) -> &TaskId {
        &self.0.task
    }

    /// Gives whom the token was for: nothing wider comes of it.
    pub(super) fn audience(&self) -> &Audience {
        &self.0.audience
    }

    /// Gives when the token ends: nothing later comes of it.
    pub(super) fn expires(&self) -> Timestamp {
        self.0.expires
    }

    /// Says what was shown, for the opening.
    pub(super) fn shown(&self) -> ShownToken {
        let server = match &self.0.audience {
            Audience::All => None,
            Audience::Server(server) | Audience::Route(server) => Some(server.clone()),
        };
        ShownToken { server }
    }
}

/// Reads a token of the form with its type; both are there, or neither is.
fn token(
    oauth: &Oauth,
    form: &Form,
    (name, kind): (&str, &str),
) -> Result<Option<Arc<Verified>>, TokenRefusal> {
    let (token, said) = match (form.get(name), form.get(kind)) {
        (None, None) => return Ok(None),
        (Some(token), Some(said)) => (token, said),
        _ => {
            let text = format!("`{name}` and `{kind}` belong together");
            return Err(Code::InvalidRequest.says(text));
        }
    };
    if ![ACCESS, JWT].contains(&said) {
        return Err(Code::InvalidRequest.says(format!("`{kind}` is `{ACCESS}`")));
    }
    let wrong = |why: String| Code::InvalidRequest.says(format!("`{name}`: {why}"));
    let desk = oauth.lane.desk();
    let shown = oauth.verifier.shown(token, desk.now(), &|it| desk.generation(it));
    let shown = shown.map_err(|error| wrong(error.to_string()))?;
    match oauth.contained(&shown) {
        None => Ok(Some(shown)),
        Some(what) => Err(wrong(format!("{what} is contained"))),
    }
}

impl Oauth {
    /// Names what is contained of a token that was verified, or of the task behind it.
    pub(super) fn contained(&self, shown: &Verified) -> Option<String> {
        let desk = self.lane.desk();
        let snapshot = desk.snapshot();
        let mut contained = snapshot.contained_of_caller(&caller_of(shown));
        if let Some(task) = desk.task(&shown.task) {
            contained.extend(snapshot.contained_of_task(&task));
        }
        contained.pop_first().map(|it| it.in_words())
    }
}
