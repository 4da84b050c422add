//! What a task token says, as it is written and as it is read.

use std::collections::BTreeSet;

use bailiwick_model::{CredentialId, Digest, IdentityId, Json, Task, TaskId, Timestamp};

use super::{
    ASKED_WITH, Audience, Binding, GENERATION, Issuer, MintError, POLICY, TASK_TOKEN_LIFE,
    TokenError, VIA_MAX,
};
use crate::jws::{Jws, ShapeError};

/// The longest token id that is taken.
const ID_MAX: usize = 64;

/// What the task is about, for those who read the token without its record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Intent {
    /// The template's name.
    pub class: String,
    /// The digest of its purpose; the words stay in the record.
    pub purpose: Digest,
    /// What its grant names, `server__tool`; the grant itself is in the record.
    pub actions: BTreeSet<String>,
    /// When the task ends at the latest.
    pub deadline: Timestamp,
}

/// What one token says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TaskClaims {
    /// Whom it is for.
    pub audience: Audience,
    /// The task.
    pub task: TaskId,
    /// Who does it.
    pub identity: IdentityId,
    /// Who handed the authority on, nearest first.
    pub via: Vec<IdentityId>,
    /// The task's generation.
    pub generation: u64,
    /// The version of the policies in force.
    pub policy: String,
    /// The key that it was asked for with, so that containing the key reaches it; none where an
    /// account or a person asked.
    pub asked_with: Option<CredentialId>,
    /// What whoever shows it must hold; none where whoever has it may show it.
    pub bound: Option<Binding>,
    /// What the task is about.
    pub intent: Intent,
    /// When it is minted.
    pub issued: Timestamp,
    /// When it stops working.
    pub expires: Timestamp,
}

impl TaskClaims {
    /// Says what a token for `task` minted `now` says: five minutes, and never past its deadline.
    pub fn of(
        task: &Task,
        audience: Audience,
        policy: &str,
        now: Timestamp,
    ) -> Result<Self, MintError> {
        if !task.is_open() {
            return Err(MintError::TaskOver { task: task.id.clone() });
        }
        Ok(Self {
            audience,
            task: task.id.clone(),
            identity: task.identity.clone(),
            via: task.via.clone(),
            generation: task.generation,
            policy: policy.to_owned(),
            asked_with: None,
            bound: None,
            intent: Intent {
                class: task.template.as_str().to_owned(),
                purpose: Digest::of(task.purpose.as_bytes()),
                actions: named_actions(task),
                deadline: task.deadline,
            },
            issued: now,
            expires: now.after(TASK_TOKEN_LIFE).min(task.deadline),
        })
    }

    /// Binds it to what whoever shows it must hold.
    #[must_use]
    pub fn bound_to(self, bound: Option<Binding>) -> Self {
        Self { bound, ..self }
    }

    /// Ends it by `latest`, where that comes first.
    #[must_use]
    pub fn until(self, latest: Option<Timestamp>) -> Self {
        Self { expires: latest.map_or(self.expires, |it| it.min(self.expires)), ..self }
    }

    /// Names the key that proved who asks.
    #[must_use]
    pub fn asked_with(self, key: Option<CredentialId>) -> Self {
        Self { asked_with: key, ..self }
    }

    /// Writes the claims; `id` makes the token unlike every other.
    pub(super) fn to_json(&self, issuer: &Issuer, id: &str) -> Json {
        let resource = issuer.resource(&self.audience);
        let mut members = vec![
            member("iss", text(issuer.as_str())),
            member("aud", text(&resource)),
            member("sub", text(self.identity.as_str())),
            member("client_id", text(self.identity.as_str())),
            member("txn", text(self.task.as_str())),
            member("jti", text(id)),
            member("iat", seconds(self.issued)),
            member("exp", seconds(self.expires)),
            member("scope", text(&self.audience.scope())),
            member("authorization_details", self.details(&resource)),
            member(GENERATION, Json::Int(self.generation.into())),
            member(POLICY, text(&self.policy)),
        ];
        members.extend(self.chain().map(|it| member("act", it)));
        members.extend(self.asked_with.as_ref().map(|it| member(ASKED_WITH, text(it.as_str()))));
        members.extend(self.bound.as_ref().map(|it| member("cnf", it.to_json())));
        Json::Object(members.into_iter().collect())
    }

    fn details(&self, resource: &str) -> Json {
        let intent = Json::Object(
            [
                member("class", text(&self.intent.class)),
                member("purpose_digest", text(&self.intent.purpose.to_string())),
            ]
            .into(),
        );
        let actions = self.intent.actions.iter().map(|it| text(it)).collect();
        Json::List(vec![Json::Object(
            [
                member("type", text("bailiwick/task/v1")),
                member("intent", intent),
                member("actions", Json::List(actions)),
                member("locations", Json::List(vec![text(resource)])),
                member("expires", seconds(self.intent.deadline)),
            ]
            .into(),
        )])
    }

    /// Writes the delegation chain as RFC 8693 nests it: the caller acts, and inside it stands who
    /// acted before, nearest first. Without delegation there is none.
    fn chain(&self) -> Option<Json> {
        let hop = |inner: Option<Json>, identity: &IdentityId| {
            let sub = member("sub", text(identity.as_str()));
            Json::Object([sub].into_iter().chain(inner.map(|it| member("act", it))).collect())
        };
        let before = self.via.iter().rev().fold(None, |inner, it| Some(hop(inner, it)));
        before.map(|it| hop(Some(it), &self.identity))
    }
}

fn member(name: &str, value: Json) -> (String, Json) {
    (name.to_owned(), value)
}

fn text(value: &str) -> Json {
    Json::Text(value.to_owned())
}

fn seconds(moment: Timestamp) -> Json {
    Json::Int(moment.seconds().into())
}

/// Lists the tools that the task's own layer names.
fn named_actions(task: &Task) -> BTreeSet<String> {
    let lines = task.grant.layers.iter().take(1).flat_map(|it| &it.lines);
    lines
        .flat_map(|line| line.tools.iter().map(move |tool| format!("{}__{tool}", line.server)))
        .collect()
}

/// What a token was proven to say.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Verified {
    /// The task.
    pub task: TaskId,
    /// Who does it.
    pub identity: IdentityId,
    /// Who handed the authority on, nearest first.
    pub via: Vec<IdentityId>,
    /// The task's generation when the token was minted.
    pub generation: u64,
    /// The version of the policies then in force.
    pub policy: String,
    /// Whom the token is for.
    pub audience: Audience,
    /// What whoever shows it must hold.
    pub bound: Option<Binding>,
    /// It is bound to nothing, and comes over a network: whoever read it there could show it, too.
    pub exposed: bool,
    /// When it was minted, in whole seconds.
    pub issued: Timestamp,
    /// When it stops working.
    pub expires: Timestamp,
    /// What can be contained of it: its own id, the key that signed it, and the key that it was
    /// asked for with.
    pub credentials: BTreeSet<CredentialId>,
}

impl Verified {
    /// Reads the claims of a token whose signature was verified.
    pub(super) fn read(jws: &Jws<'_>, issuer: &Issuer) -> Result<Self, TokenError> {
        if jws.text("iss")? != issuer.as_str() {
            return Err(TokenError::WrongIssuer);
        }
        // A list is refused even when it names only us.
        let audience = match jws.claims.get("aud") {
            Some(Json::Text(resource)) => issuer.audience(resource),
            Some(_) => None,
            None => return Err(ShapeError::Missing { name: "aud" }.into()),
        };
        let audience = audience.ok_or(TokenError::WrongAudience)?;
        let bound = jws.claims.get("cnf").map(Binding::read).transpose()?;
        if jws.text("scope")? != audience.scope() {
            return Err(
                ShapeError::Wrong { name: "scope", wanted: "the scope of its `aud`" }.into()
            );
        }
        let identity: IdentityId = parsed(jws, "sub", "an identity")?;
        if jws.text("client_id")? != identity.as_str() {
            return Err(ShapeError::Wrong { name: "client_id", wanted: "the `sub`" }.into());
        }
        if ID_MAX < jws.text("jti")?.len() {
            return Err(ShapeError::Wrong { name: "jti", wanted: "at most 64 bytes" }.into());
        }
        let mut credentials = BTreeSet::from([parsed(jws, "jti", "an id of ours")?]);
        credentials.extend(jws.key_id.as_deref().and_then(|it| it.parse::<CredentialId>().ok()));
        if jws.claims.get(ASKED_WITH).is_some() {
            credentials.insert(parsed(jws, ASKED_WITH, "a key's thumbprint")?);
        }
        Ok(Self {
            audience,
            bound,
            exposed: false,
            task: parsed(jws, "txn", "a task")?,
            via: read_chain(jws.claims.get("act"), &identity)?,
            identity,
            generation: jws.number(GENERATION)?,
            policy: jws.text(POLICY)?.to_owned(),
            issued: jws.moment("iat")?,
            expires: jws.moment("exp")?,
            credentials,
        })
    }
}

fn parsed<T: std::str::FromStr>(
    jws: &Jws<'_>,
    name: &'static str,
    wanted: &'static str,
) -> Result<T, ShapeError> {
    jws.text(name)?.parse().map_err(|_| ShapeError::Wrong { name, wanted })
}

fn read_chain(act: Option<&Json>, caller: &IdentityId) -> Result<Vec<IdentityId>, ShapeError> {
    let wrong = ShapeError::Wrong {
        name: "act",
        wanted: "a chain that begins with the caller and goes 4 deep at most",
    };
    let mut hops = Vec::new();
    let mut next = act;
    while let Some(hop) = next {
        if VIA_MAX < hops.len() {
            return Err(wrong);
        }
        let sub = hop.get("sub").and_then(Json::as_text).and_then(|it| it.parse().ok());
        hops.push(sub.ok_or_else(|| wrong.clone())?);
        next = hop.get("act");
    }
    let mut hops = hops.into_iter();
    match hops.next() {
        Some(first) if first != *caller => Err(wrong),
        // A chain of the caller alone says nothing; we do not write such a one.
        Some(_) if hops.len() == 0 => Err(wrong),
        Some(_) | None => Ok(hops.collect()),
    }
}
