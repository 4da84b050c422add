//! JSON-RPC 2.0 messages: the envelope read strictly, the parameters kept as the bytes they came in.

mod answer;
mod raw;
#[cfg(test)]
mod tests;

use bailiwick_model::{Json, JsonLimits};
use http::StatusCode;
use serde_json::value::RawValue;

pub(crate) use answer::{Answer, Refused, raw_of};
pub(crate) use raw::{RawError, RawObject};

/// The codes of JSON-RPC 2.0 that are ours to send.
pub(crate) mod code {
    /// Not JSON.
    pub(crate) const PARSE_ERROR: i64 = -32700;
    /// JSON, but no message.
    pub(crate) const INVALID_REQUEST: i64 = -32600;
    /// Nothing here answers to that method.
    pub(crate) const METHOD_NOT_FOUND: i64 = -32601;
    /// The method is known, its parameters are wrong.
    pub(crate) const INVALID_PARAMS: i64 = -32602;
    /// What was asked for is not there, in revisions of MCP up to 2025-11-25.
    pub(crate) const NOT_FOUND_LEGACY: i64 = -32002;
    /// Nothing is decided for this caller now. Ours, outside of what JSON-RPC and MCP keep for
    /// themselves, and what HTTP would say.
    pub(crate) const TURNED_AWAY: i64 = 429;
    /// Something of ours failed.
    pub(crate) const INTERNAL_ERROR: i64 = -32603;
}

const METHOD_MAX: usize = 128;
const ID_MAX: usize = 256;

/// One message, borrowed from the body it was read from.
#[derive(Clone, Debug)]
pub(crate) enum Message<'a> {
    /// Wants an answer.
    Request {
        /// Names the answer, spelled as the sender spelled it.
        id: &'a RawValue,
        /// What is asked.
        method: String,
        /// With what: an object.
        params: Option<&'a RawValue>,
    },
    /// Wants none.
    Notification {
        /// What is told.
        method: String,
        /// With what: an object.
        params: Option<&'a RawValue>,
    },
    /// Is an answer to something that was asked of the sender.
    Response {
        /// Names what was asked.
        id: &'a RawValue,
        /// The answer.
        answer: Answer,
    },
}

impl<'a> Message<'a> {
    /// Reads exactly one message, refusing whatever two readers could read differently.
    pub(crate) fn read(bytes: &'a [u8], limits: JsonLimits) -> Result<Self, Refused> {
        if limits.bytes < bytes.len() {
            let message = format!("the body has {} bytes, {} at most", bytes.len(), limits.bytes);
            return Err(Refused::new(
                StatusCode::PAYLOAD_TOO_LARGE,
                code::INVALID_REQUEST,
                message,
            ));
        }
        let text = std::str::from_utf8(bytes).map_err(|error| {
            let message = format!("the body is not UTF-8 from byte {} on", error.valid_up_to());
            Refused::new(StatusCode::BAD_REQUEST, code::PARSE_ERROR, message)
        })?;
        if text.trim_start().starts_with('[') {
            return Err(invalid("an array of messages is not accepted: send one message a body"));
        }
        if let Err(error) = Json::check(bytes, limits) {
            return Err(unreadable(text, &error.to_string()));
        }
        let envelope =
            RawObject::read(text).map_err(|_| invalid("a message is one JSON object"))?;
        Self::from_envelope(&envelope)
    }

    /// Gives the method of a request or a notification.
    pub(crate) fn method(&self) -> Option<&str> {
        match self {
            Self::Request { method, .. } | Self::Notification { method, .. } => Some(method),
            Self::Response { .. } => None,
        }
    }

    /// Gives the parameters of a request or a notification.
    pub(crate) const fn params(&self) -> Option<&'a RawValue> {
        match self {
            Self::Request { params, .. } | Self::Notification { params, .. } => *params,
            Self::Response { .. } => None,
        }
    }

    /// Gives the id that an answer to this message must carry.
    pub(crate) const fn answer_id(&self) -> Option<&'a RawValue> {
        match self {
            Self::Request { id, .. } => Some(*id),
            Self::Notification { .. } | Self::Response { .. } => None,
        }
    }

    fn from_envelope(envelope: &RawObject<'a>) -> Result<Self, Refused> {
        let id = envelope.get("id");
        if let Some(id) = id {
            check_id(id)?;
        }
        Self::from_members(envelope, id).map_err(|refused| refused.with_id(id))
    }

    fn from_members(envelope: &RawObject<'a>, id: Option<&'a RawValue>) -> Result<Self, Refused> {
        if envelope.text("jsonrpc").as_deref() != Some("2.0") {
            return Err(invalid("`jsonrpc` must be \"2.0\""));
        }
        let has = |name: &str| envelope.get(name).is_some();
        if has("result") && has("error") {
            return Err(invalid("an answer has a result or an error, not both"));
        }
        match (has("method"), has("result") || has("error"), id) {
            (false, true, Some(id)) => Ok(Self::Response { id, answer: read_answer(envelope)? }),
            (false, true, None) => Err(invalid("an answer must have an `id`")),
            (false, false, _) => Err(invalid("`method` is missing")),
            (true, true, _) => Err(invalid("a message asks or answers, not both")),
            (true, false, id) => {
                let method = read_method(envelope)?;
                let params = read_params(envelope)?;
                Ok(match id {
                    Some(id) => Self::Request { id, method, params },
                    None => Self::Notification { method, params },
                })
            }
        }
    }
}

fn read_method(envelope: &RawObject<'_>) -> Result<String, Refused> {
    match envelope.text("method") {
        Some(method) if method.is_empty() => Err(invalid("`method` is empty")),
        Some(method) if METHOD_MAX < method.len() => {
            Err(invalid(&format!("`method` has {} bytes, {METHOD_MAX} at most", method.len())))
        }
        Some(method) => Ok(method),
        None => Err(invalid("`method` must be a text")),
    }
}

fn read_params<'a>(envelope: &RawObject<'a>) -> Result<Option<&'a RawValue>, Refused> {
    match envelope.get("params") {
        Some(params) if !params.get().starts_with('{') => Err(Refused::new(
            StatusCode::BAD_REQUEST,
            code::INVALID_PARAMS,
            "`params` must be an object",
        )),
        params => Ok(params),
    }
}

fn read_answer(envelope: &RawObject<'_>) -> Result<Answer, Refused> {
    let object = |it: &&RawValue| it.get().starts_with('{');
    let result = envelope.get("result").filter(object).map(|it| Answer::Result(it.to_owned()));
    let error = envelope.get("error").filter(object).map(|it| Answer::Error(it.to_owned()));
    result.or(error).ok_or_else(|| invalid("`result` or `error` must be an object"))
}

fn check_id(id: &RawValue) -> Result<(), Refused> {
    let text = id.get();
    if text.starts_with('"') {
        let len = serde_json::from_str::<String>(text).map_or(usize::MAX, |id| id.len());
        return if len <= ID_MAX {
            Ok(())
        } else {
            Err(invalid(&format!("`id` has more than {ID_MAX} bytes")))
        };
    }
    if text.parse::<i64>().is_ok() || text.parse::<u64>().is_ok() {
        Ok(())
    } else {
        Err(invalid("`id` must be a text or a whole number"))
    }
}

fn invalid(message: &str) -> Refused {
    Refused::new(StatusCode::BAD_REQUEST, code::INVALID_REQUEST, message)
}

/// Tells what is no JSON at all from JSON that could be read in two ways.
fn unreadable(text: &str, reason: &str) -> Refused {
    let code = match serde_json::from_str::<&RawValue>(text) {
        Ok(_) => code::INVALID_REQUEST,
        Err(_) => code::PARSE_ERROR,
    };
    Refused::new(StatusCode::BAD_REQUEST, code, format!("the body cannot be read: {reason}"))
}
