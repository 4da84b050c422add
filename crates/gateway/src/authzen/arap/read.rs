//! How a request for a person is read: the evaluation as it was asked, and which answer it is about.

use bailiwick_model::{DecisionId, Evaluation, Json, Timestamp};

use super::{
    super::{
        limits::NAME_MAX,
        read::{Members, evaluation, kind, object},
    },
    problem::{Problem, Type},
};

/// A request for a person.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Wanted {
    pub(super) evaluation: Evaluation,
    /// The evaluation that was held.
    pub(super) decision: DecisionId,
    /// Until when its answer says that a person can be asked for.
    pub(super) expires: Timestamp,
    pub(super) until: Option<Timestamp>,
    pub(super) emergency: bool,
    pub(super) actor: Option<String>,
    /// All of it in one way of writing.
    pub(super) canonical: String,
}

impl Wanted {
    /// Reads a request.
    pub(super) fn read(bytes: &[u8]) -> Result<Self, Problem> {
        let body = object(bytes).map_err(|it| Type::Unreadable.says(it.text))?;
        if body.contains_key("items") {
            return Err(Type::NotRequestable.says("one evaluation is asked for at a time"));
        }
        let evaluation = evaluation(&body, &Members::new()).map_err(unreadable)?;
        let denial = part(&body, "denial")?
            .ok_or_else(|| Type::InvalidDenialBinding.says("`denial` is missing"))?;
        let decision = text(&denial, "denial.evaluation_id")?;
        let decision = decision.and_then(|it| it.parse().ok()).ok_or_else(|| {
            Type::InvalidDenialBinding.says("`denial.evaluation_id` names no evaluation")
        })?;
        let expires = moment(&denial, "denial.expires_at")?
            .ok_or_else(|| Type::Unreadable.says("`denial.expires_at` is missing"))?;
        let wanted = part(&body, "requested_access")?.unwrap_or_default();
        let emergency = match wanted.get("emergency") {
            None | Some(Json::Bool(false)) => false,
            Some(Json::Bool(true)) => true,
            Some(other) => {
                let text = format!("`requested_access.emergency` is {}", kind(other));
                return Err(unreadable(text));
            }
        };
        let client = part(&body, "client")?.unwrap_or_default();
        let actor = part(&client, "actor")?.unwrap_or_default();
        let actor = text(&actor, "client.actor.id")?;
        let until = moment(&wanted, "requested_access.requested_until")?;
        let canonical = Json::Object(body).canonical();
        Ok(Self { evaluation, decision, expires, until, emergency, actor, canonical })
    }
}

fn unreadable(text: String) -> Problem {
    Type::Unreadable.says(text)
}

fn part(members: &Members, name: &str) -> Result<Option<Members>, Problem> {
    match members.get(name) {
        None => Ok(None),
        Some(Json::Object(members)) => Ok(Some(members.clone())),
        Some(other) => Err(unreadable(format!("`{name}` is {}, not an object", kind(other)))),
    }
}

/// Takes the text that stands under the last name of `path`.
fn text(members: &Members, path: &str) -> Result<Option<String>, Problem> {
    match members.get(path.rsplit('.').next().unwrap_or(path)) {
        None => Ok(None),
        Some(Json::Text(text)) if text.len() <= NAME_MAX => Ok(Some(text.clone())),
        Some(Json::Text(_)) => Err(unreadable(format!("`{path}` has more than {NAME_MAX} bytes"))),
        Some(other) => Err(unreadable(format!("`{path}` is {}, not a text", kind(other)))),
    }
}

fn moment(members: &Members, path: &str) -> Result<Option<Timestamp>, Problem> {
    let Some(text) = text(members, path)? else { return Ok(None) };
    let moment = text.parse().map_err(|_| unreadable(format!("`{path}` is no moment (RFC 3339)")));
    moment.map(Some)
}

/// A request for a person.
#[cfg(any(test, fuzzing))]
pub(in super::super) fn foreign(bytes: &[u8]) {
    let Ok(wanted) = Wanted::read(bytes) else { return };
    let again = Wanted::read(wanted.canonical.as_bytes()).ok();
    assert_eq!(again.as_ref(), Some(&wanted), "a request is read as it is written");
}
