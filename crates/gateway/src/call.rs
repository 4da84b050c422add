//! One call, read once: what is decided is read from the very bytes that are sent.

use std::{
    borrow::Cow,
    collections::BTreeSet,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use bailiwick_model::{
    Action, ActionKind, Arguments, CallDigest, Change, CredentialId, DecisionId, IdentityId, Json,
    JsonError, JsonLimits, SecretUse, ServerName, TaskId,
};
use serde_json::value::RawValue;

use crate::{
    jsonrpc::{RawError, RawObject, raw_of},
    mcp::tasks,
    trace::is_traceparent,
    web::{Outgoing, Read},
};

/// The members in which a server's question is answered.
const ANSWERS: &str = "inputResponses";
const STATE: &str = "requestState";

/// One call to one server, with its parameters exactly as they will be sent.
#[derive(Clone, Debug)]
pub struct Call {
    action: Action,
    params: Arc<RawValue>,
    arguments: Arc<Json>,
    digest: CallDigest,
    trace: Option<Box<str>>,
    /// The request that it stands for, where it came as one.
    web: Option<Arc<Outgoing>>,
    /// What of that request could be read in two ways, or is no operation.
    faults: Vec<String>,
    used: Used,
}

/// With which secret a call was sent, said by whoever sends it, for the record; and for whom it is sent,
/// said to whoever lends it a credential.
#[derive(Clone, Debug, Default)]
pub(crate) struct Used(Arc<Mutex<(Option<SecretUse>, Option<Errand>)>>);

/// For whom a call is sent.
#[derive(Clone, Debug)]
pub(crate) struct Errand {
    /// The decision that let it go.
    pub(crate) decision: DecisionId,
    /// The task.
    pub(crate) task: TaskId,
    /// Whose task it is.
    pub(crate) identity: IdentityId,
    /// What was shown to prove that.
    pub(crate) shown: BTreeSet<CredentialId>,
}

impl Used {
    fn lock(&self) -> MutexGuard<'_, (Option<SecretUse>, Option<Errand>)> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Says with which secret. Where a call is sent again, the last time counts.
    pub(crate) fn say(&self, used: SecretUse) {
        self.lock().0 = Some(used);
    }

    /// Gives the secret.
    pub(crate) fn get(&self) -> Option<SecretUse> {
        self.lock().0.clone()
    }

    /// Says for whom.
    pub(crate) fn sent_for(&self, errand: Errand) {
        self.lock().1 = Some(errand);
    }

    /// Gives for whom.
    pub(crate) fn errand(&self) -> Option<Errand> {
        self.lock().1.clone()
    }
}

/// The parameters are not those of a call that can be decided.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum CallError {
    /// The method is not one of those that are decided.
    #[error("`{method}` is not a call that is decided")]
    OtherMethod {
        /// The method.
        method: String,
    },
    /// The parameters cannot be read.
    #[error("the parameters cannot be read: {0}")]
    Unreadable(#[from] JsonError),
    /// They cannot be written anew.
    #[error("the parameters cannot be written anew: {0}")]
    Rewritten(String),
    /// There is a member that nobody here has an opinion about.
    #[error("`params.{member}` is not passed on")]
    UnknownMember {
        /// Which member.
        member: String,
    },
    /// A member is missing or of another type.
    #[error("`params{member}` must be {wanted}")]
    WrongMember {
        /// Which member.
        member: &'static str,
        /// What it must be.
        wanted: &'static str,
    },
}

impl Call {
    /// Reads the parameters of `method`, as they will be sent to `server`.
    pub fn read(
        server: ServerName,
        method: &str,
        params: Box<RawValue>,
        limits: JsonLimits,
    ) -> Result<Self, CallError> {
        let kind = kind_of(method)?;
        let parsed = Json::parse(params.get().as_bytes(), limits)?;
        let member = match kind {
            ActionKind::Tool | ActionKind::Prompt | ActionKind::Lease => "name",
            ActionKind::Resource => "uri",
        };
        let name = match parsed.get(member).and_then(Json::as_text) {
            Some(name) if !name.is_empty() => name.to_owned(),
            Some(_) | None => {
                let member = if member == "uri" { ".uri" } else { ".name" };
                return Err(CallError::WrongMember { member, wanted: "a text" });
            }
        };
        let action = Action { server, kind, name };
        let Json::Object(mut members) = parsed else {
            return Err(CallError::WrongMember { member: "", wanted: "an object" });
        };
        check_members(kind, members.keys())?;
        // What the protocol itself carries along is no part of what is asked.
        let meta = members.remove("_meta");
        let trace = meta.as_ref().and_then(|it| it.get("traceparent")).and_then(Json::as_text);
        let trace = trace.filter(|it| is_traceparent(it)).map(Into::into);
        let arguments = match kind {
            ActionKind::Tool | ActionKind::Prompt | ActionKind::Lease => {
                members.get("arguments").cloned().unwrap_or_else(empty)
            }
            ActionKind::Resource => Json::Object(members.clone()),
        };
        if !matches!(arguments, Json::Object(_)) {
            return Err(CallError::WrongMember { member: ".arguments", wanted: "an object" });
        }
        let digest = CallDigest::of(&action, &Json::Object(members));
        let (params, arguments) = (params.into(), arguments.into());
        let (web, faults, used) = (None, Vec::new(), Used::default());
        Ok(Self { action, params, arguments, digest, trace, web, faults, used })
    }

    /// Makes the call that a request to an HTTP API stands for. All of the request is in its digest.
    pub(crate) fn of_request(read: Read, outgoing: Outgoing) -> Self {
        let Read { action, arguments, whole, faults, .. } = read;
        let asked = [
            ("name".to_owned(), Json::Text(action.name.clone())),
            ("arguments".to_owned(), arguments.clone()),
        ];
        let asked = Json::Object(asked.into());
        // What was written from a value is always read again.
        let params = RawValue::from_string(asked.canonical()).unwrap_or_else(|_| no_members());
        let digest = CallDigest::of(&action, &Json::List(vec![asked, whole]));
        let (params, arguments, web) = (params.into(), arguments.into(), Some(Arc::new(outgoing)));
        let used = Used::default();
        Self { action, params, arguments, digest, trace: None, web, faults, used }
    }

    /// Gives the request that it stands for, where it came as one.
    pub(crate) fn web(&self) -> Option<&Outgoing> {
        self.web.as_deref()
    }

    /// Says with which secret it is sent.
    pub(crate) const fn used(&self) -> &Used {
        &self.used
    }

    /// Says what of it could be read in two ways.
    pub(crate) fn faults(&self) -> &[String] {
        &self.faults
    }

    /// Says how many bytes are sent.
    pub(crate) fn size(&self) -> u64 {
        let size = self.web().map_or_else(|| self.params.get().len(), Outgoing::size);
        u64::try_from(size).unwrap_or(u64::MAX)
    }

    /// Takes the trace that a header names, where the message itself names none.
    #[must_use]
    pub(crate) fn traced(mut self, header: Option<&str>) -> Self {
        let header = header.filter(|it| is_traceparent(it)).map(Into::into);
        self.trace = self.trace.or(header);
        self
    }

    /// Gives the trace that the call belongs to.
    pub(crate) fn trace(&self) -> Option<&str> {
        self.trace.as_deref()
    }

    /// Gives the same call as its server wants it after it asked for more: with the server's own
    /// state, and with answers under the names that it asked for. They are part of the digest, so
    /// what was permitted without them is not permitted with them.
    pub(crate) fn answering(
        &self,
        state: Option<&str>,
        answers: Option<&RawValue>,
        limits: JsonLimits,
    ) -> Result<Self, CallError> {
        let unreadable = |error: RawError| CallError::Rewritten(error.to_string());
        let mut params = Cow::Borrowed(&*self.params);
        for (name, value) in
            [(ANSWERS, answers.map(ToOwned::to_owned)), (STATE, state.map(|it| raw_of(&it)))]
        {
            if let Some(value) = value {
                let with = RawObject::read(params.get()).and_then(|it| it.with(name, &value));
                params = Cow::Owned(with.map_err(unreadable)?);
            }
        }
        let Json::Object(mut members) = Json::parse(params.get().as_bytes(), limits)? else {
            return Err(CallError::WrongMember { member: "", wanted: "an object" });
        };
        members.remove("_meta");
        let digest = CallDigest::of(&self.action, &Json::Object(members));
        Ok(Self { params: params.into_owned().into(), digest, ..self.clone() })
    }

    /// Gives the same call with its arguments as `limits` want them, and every other byte as it came;
    /// none where it is so already.
    pub(crate) fn limited(
        &self,
        limits: &Arguments,
        bounds: JsonLimits,
    ) -> Result<Option<Self>, String> {
        let changes = limits.changes(&self.arguments)?;
        if changes.is_empty() {
            return Ok(None);
        }
        if self.web.is_some() {
            return Err("a request to an HTTP API is sent as it came".to_owned());
        }
        if self.action.kind == ActionKind::Resource {
            return Err("a resource has no arguments that could be sent otherwise".to_owned());
        }
        let params = changed(&self.params, &changes).map_err(|error| error.to_string())?;
        let parsed = Json::parse(params.get().as_bytes(), bounds);
        let Json::Object(mut members) = parsed.map_err(|error| error.to_string())? else {
            return Err("its parameters are no object".to_owned());
        };
        members.remove("_meta");
        let arguments = members.get("arguments").cloned().unwrap_or_else(empty);
        let digest = CallDigest::of(&self.action, &Json::Object(members));
        let (params, arguments) = (params.into(), arguments.into());
        Ok(Some(Self { params, arguments, digest, ..self.clone() }))
    }

    /// Gives the same call of a client that cannot wait for its answer; none where it is one.
    pub(crate) fn at_once(&self) -> Option<Self> {
        let params = tasks::undeclared(&self.params)?.into();
        Some(Self { params, ..self.clone() })
    }

    /// Gives the same call with other arguments, to be judged and never sent; none where it cannot
    /// have any.
    pub fn asking(&self, arguments: &Json) -> Option<Self> {
        let raw = RawValue::from_string(arguments.canonical()).ok()?;
        let params = match self.action.kind {
            ActionKind::Tool | ActionKind::Prompt => {
                RawObject::read(self.params.get()).ok()?.with("arguments", &raw).ok()?
            }
            ActionKind::Resource | ActionKind::Lease => return None,
        };
        let server = self.action.server.clone();
        Self::read(server, self.method(), params, JsonLimits::default()).ok()
    }

    /// Gives what is asked of whom.
    pub const fn action(&self) -> &Action {
        &self.action
    }

    /// Gives the arguments that policies read.
    pub fn arguments(&self) -> &Json {
        &self.arguments
    }

    /// Gives the digest that permits and approvals name.
    pub const fn digest(&self) -> &CallDigest {
        &self.digest
    }

    /// Gives the parameters as they are sent.
    pub fn params(&self) -> &RawValue {
        &self.params
    }

    /// Gives the protocol's name of what is asked.
    pub const fn method(&self) -> &'static str {
        match self.action.kind {
            ActionKind::Tool => "tools/call",
            ActionKind::Resource => "resources/read",
            ActionKind::Prompt => "prompts/get",
            // No message is one: it is asked for otherwise.
            ActionKind::Lease => "lease",
        }
    }
}

/// Puts arguments into parameters.
fn changed(params: &RawValue, changes: &[Change]) -> Result<Box<RawValue>, RawError> {
    const ARGUMENTS: &str = "arguments";
    let object = RawObject::read(params.get())?;
    let mut arguments = object.get(ARGUMENTS).map_or_else(no_members, ToOwned::to_owned);
    for Change { path, value } in changes {
        let names: Vec<&str> = path.names().collect();
        let unreadable = |it: serde_json::Error| RawError::NotAnObject { reason: it.to_string() };
        let value = RawValue::from_string(value.clone()).map_err(unreadable)?;
        arguments = put(&arguments, &names, &value)?;
    }
    object.with(ARGUMENTS, &arguments)
}

fn no_members() -> Box<RawValue> {
    raw_of(&serde_json::json!({}))
}

/// Puts a value where `names` lead, through objects that may not be there yet.
fn put(object: &RawValue, names: &[&str], value: &RawValue) -> Result<Box<RawValue>, RawError> {
    let object = RawObject::read(object.get())?;
    match names {
        [] => Ok(value.to_owned()),
        [name] => object.with(name, value),
        [name, rest @ ..] => {
            let below = object.get(name).map_or_else(no_members, ToOwned::to_owned);
            object.with(name, &put(&below, rest, value)?)
        }
    }
}

/// Refuses what neither conditions nor policies look at: it could mean something to a server.
fn check_members<'m>(
    kind: ActionKind,
    mut names: impl Iterator<Item = &'m String>,
) -> Result<(), CallError> {
    let known: &[&str] = match kind {
        ActionKind::Tool | ActionKind::Prompt | ActionKind::Lease => {
            &["name", "arguments", "_meta"]
        }
        ActionKind::Resource => &["uri", "_meta"],
    };
    let Some(member) = names.find(|it| !known.contains(&it.as_str())) else { return Ok(()) };
    Err(CallError::UnknownMember { member: member.clone() })
}

fn kind_of(method: &str) -> Result<ActionKind, CallError> {
    match method {
        "tools/call" => Ok(ActionKind::Tool),
        "resources/read" => Ok(ActionKind::Resource),
        "prompts/get" => Ok(ActionKind::Prompt),
        other => Err(CallError::OtherMethod { method: other.to_owned() }),
    }
}

fn empty() -> Json {
    Json::Object(std::collections::BTreeMap::new())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Reads a call, and gives its digest and the parameters as they are sent.
    fn taken(method: &str, params: &str) -> (CallDigest, String) {
        let raw = RawValue::from_string(params.to_owned()).unwrap();
        let server = "files".parse().unwrap();
        let call = Call::read(server, method, raw, JsonLimits::default()).unwrap();
        (*call.digest(), call.params().get().to_owned())
    }

    fn refused(method: &str, params: &str) -> String {
        let raw = RawValue::from_string(params.to_owned()).unwrap();
        let server = "files".parse().unwrap();
        Call::read(server, method, raw, JsonLimits::default()).unwrap_err().to_string()
    }

    #[test]
    fn a_member_that_nothing_is_decided_by_is_refused() {
        for (method, params, member) in [
            ("tools/call", r#"{"name":"rm","inputResponses":{}}"#, "inputResponses"),
            ("tools/call", r#"{"name":"rm","task":{"ttl":1}}"#, "task"),
            ("tools/call", r#"{"name":"rm","Arguments":{}}"#, "Arguments"),
            ("resources/read", r#"{"uri":"a:b","arguments":{}}"#, "arguments"),
            ("prompts/get", r#"{"name":"p","uri":"a:b"}"#, "uri"),
        ] {
            assert_eq!(refused(method, params), format!("`params.{member}` is not passed on"));
        }
    }

    #[test]
    fn what_a_server_asked_for_is_part_of_what_is_permitted() {
        let read = |params: &str| {
            let raw = RawValue::from_string(params.to_owned()).unwrap();
            Call::read("files".parse().unwrap(), "tools/call", raw, JsonLimits::default()).unwrap()
        };
        let call = read(r#"{"name":"rm","arguments":{ "n" : 1 },"_meta":{"progressToken":7}}"#);
        let answers = RawValue::from_string(r#"{"ok":{ "action":"accept"}}"#.to_owned()).unwrap();
        let limits = JsonLimits::default();
        let more = call.answering(Some("theirs"), Some(&answers), limits).unwrap();
        assert_eq!(
            more.params().get(),
            r#"{"name":"rm","arguments":{ "n" : 1 },"_meta":{"progressToken":7},"inputResponses":{"ok":{ "action":"accept"}},"requestState":"theirs"}"#
        );
        assert_ne!(more.digest(), call.digest());
        assert_eq!(more.arguments(), call.arguments());
        let none = call.answering(None, None, limits).unwrap();
        assert_eq!((none.digest(), none.params().get()), (call.digest(), call.params().get()));
    }

    #[test]
    fn a_limited_call_keeps_every_other_byte_and_has_the_digest_of_what_is_sent() {
        let read = |params: &str| {
            let raw = RawValue::from_string(params.to_owned()).unwrap();
            Call::read("files".parse().unwrap(), "tools/call", raw, JsonLimits::default()).unwrap()
        };
        let limit = |path: &str, max| {
            let limit = bailiwick_model::ArgumentLimit { max: Some(max), ..<_>::default() };
            (path.parse().unwrap(), limit)
        };
        let limits = Arguments::of([limit("limit", 100), limit("page.size", 10)]);
        let call = read(
            r#"{ "name":"rows","arguments":{ "q":"a\u0062", "li\u006dit" : 5e2 , "z":[ 1.50 ]},"_meta":{"progressToken":7}}"#,
        );
        let sent = call.limited(&limits, JsonLimits::default()).unwrap().unwrap();
        assert_eq!(
            sent.params().get(),
            r#"{ "name":"rows","arguments":{ "q":"a\u0062", "li\u006dit" : 100 , "z":[ 1.50 ],"page":{"size":10}},"_meta":{"progressToken":7}}"#
        );
        let again = read(sent.params().get());
        assert_eq!((sent.digest(), sent.arguments()), (again.digest(), again.arguments()));
        assert_ne!(sent.digest(), call.digest());
        assert!(sent.limited(&limits, JsonLimits::default()).unwrap().is_none());
        let bare = read(r#"{"name":"rows"}"#).limited(&limits, JsonLimits::default());
        let wanted = r#"{"name":"rows","arguments":{"limit":100,"page":{"size":10}}}"#;
        assert_eq!(bare.unwrap().unwrap().params().get(), wanted);
        let odd = read(r#"{"name":"rows","arguments":{"limit":1,"page":7}}"#);
        assert!(odd.limited(&limits, JsonLimits::default()).is_err());
    }

    #[test]
    fn what_a_call_needs_is_taken_with_what_the_protocol_carries_along() {
        let params = r#"{"name":"rm","arguments":{ "n" : 1.50 },"_meta":{"progressToken":7}}"#;
        let (digest, sent) = taken("tools/call", params);
        assert_eq!(sent, params);
        assert_eq!(taken("tools/call", r#"{"arguments":{"n":1.5},"name":"rm"}"#).0, digest);
        taken("resources/read", r#"{"uri":"a:b","_meta":{}}"#);
        taken("prompts/get", r#"{"name":"p","arguments":{}}"#);
    }
}
