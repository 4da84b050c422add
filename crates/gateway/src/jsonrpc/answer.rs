//! Answers: what is sent back, under the id that the client chose.

use http::StatusCode;
use serde::Serialize;
use serde_json::value::{RawValue, to_raw_value};

/// What answers a request.
#[derive(Clone, Debug)]
pub(crate) enum Answer {
    /// The result.
    Result(Box<RawValue>),
    /// The error object.
    Error(Box<RawValue>),
}

#[derive(Serialize)]
struct ErrorObject<'a> {
    code: i64,
    message: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    data: Option<&'a RawValue>,
}

impl Answer {
    /// Makes an error object.
    pub(crate) fn error(code: i64, message: &str, data: Option<&RawValue>) -> Self {
        Self::Error(raw_of(&ErrorObject { code, message, data }))
    }

    /// Writes the whole message, with the id as the client spelled it. An answer to something
    /// whose id could not be read has none: `null` is no id in any revision of MCP.
    pub(crate) fn body(&self, id: Option<&RawValue>) -> Vec<u8> {
        let (member, value) = match self {
            Self::Result(value) => ("result", value),
            Self::Error(value) => ("error", value),
        };
        let (mark, id) = id.map_or(("", ""), |id| (r#","id":"#, id.get()));
        [r#"{"jsonrpc":"2.0""#, mark, id, r#",""#, member, r#"":"#, value.get(), "}"]
            .concat()
            .into_bytes()
    }
}

/// A message that goes no further, and what its sender is told.
#[derive(Clone, Debug)]
pub(crate) struct Refused {
    /// The status of the HTTP answer.
    pub(crate) http_status: StatusCode,
    /// The code of the JSON-RPC error.
    pub(crate) code: i64,
    /// What people read.
    pub(crate) message: String,
    /// Under which id, where one could be read.
    pub(crate) id: Option<Box<RawValue>>,
    /// What programs read, for the codes that have it.
    pub(crate) data: Option<Box<RawValue>>,
}

impl Refused {
    /// Refuses a message whose id is not known.
    pub(crate) fn new(http_status: StatusCode, code: i64, message: impl Into<String>) -> Self {
        Self { http_status, code, message: message.into(), id: None, data: None }
    }

    /// Names the message that is refused, unless it was named before.
    #[must_use]
    pub(crate) fn with_id(mut self, id: Option<&RawValue>) -> Self {
        self.id = self.id.or_else(|| id.map(ToOwned::to_owned));
        self
    }

    /// Adds what programs read.
    #[must_use]
    pub(crate) fn with_data(mut self, data: &impl Serialize) -> Self {
        self.data = Some(raw_of(data));
        self
    }

    /// Writes the body of the HTTP answer.
    pub(crate) fn body(&self) -> Vec<u8> {
        Answer::error(self.code, &self.message, self.data.as_deref()).body(self.id.as_deref())
    }
}

/// Writes a value of ours as JSON.
pub(crate) fn raw_of(value: &impl Serialize) -> Box<RawValue> {
    // Writing fails only for maps whose names are no texts, and we have none.
    to_raw_value(value).unwrap_or_else(|_| RawValue::NULL.to_owned())
}
