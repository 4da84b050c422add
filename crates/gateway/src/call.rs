//! One call, read once: what is decided is read from the very bytes that are sent.

use bailiwick_model::{Action, ActionKind, CallDigest, Json, JsonError, JsonLimits, ServerName};
use serde_json::value::RawValue;

/// One call to one server, with its parameters exactly as they will be sent.
#[derive(Clone, Debug)]
pub struct Call {
    action: Action,
    params: Box<RawValue>,
    arguments: Json,
    digest: CallDigest,
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
            ActionKind::Tool | ActionKind::Prompt => "name",
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
        // What the protocol itself carries along is no part of what is asked.
        members.remove("_meta");
        let arguments = match kind {
            ActionKind::Tool | ActionKind::Prompt => {
                members.get("arguments").cloned().unwrap_or_else(empty)
            }
            ActionKind::Resource => Json::Object(members.clone()),
        };
        if !matches!(arguments, Json::Object(_)) {
            return Err(CallError::WrongMember { member: ".arguments", wanted: "an object" });
        }
        let digest = CallDigest::of(&action, &Json::Object(members));
        Ok(Self { action, params, arguments, digest })
    }

    /// Gives what is asked of whom.
    pub const fn action(&self) -> &Action {
        &self.action
    }

    /// Gives the arguments that policies read.
    pub const fn arguments(&self) -> &Json {
        &self.arguments
    }

    /// Gives the digest that permits and approvals name.
    pub const fn digest(&self) -> &CallDigest {
        &self.digest
    }

    /// Gives the parameters as they are sent.
    pub const fn params(&self) -> &RawValue {
        &self.params
    }

    /// Gives the protocol's name of what is asked.
    pub const fn method(&self) -> &'static str {
        match self.action.kind {
            ActionKind::Tool => "tools/call",
            ActionKind::Resource => "resources/read",
            ActionKind::Prompt => "prompts/get",
        }
    }
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
