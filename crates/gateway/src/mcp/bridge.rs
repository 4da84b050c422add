//! Answers between the eras: what a client of either must see, or must not.
//!
//! Where both sides are of the older revisions there is nothing to bridge: results pass byte for
//! byte. Where both are of 2026-07-28, only what a client may keep, and for how long, is ours.

#[cfg(test)]
mod tests;

use std::time::Duration;

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use super::{
    answers, client::Implementation, code as newer, era::Era, meta::SERVER_INFO,
    waiting::LINK_NEEDED,
};
use crate::jsonrpc::{Answer, RawError, RawObject, code, raw_of};

/// Members of a result that only clients of 2026-07-28 know.
const MODERN_MEMBERS: [&str; 3] = ["resultType", "ttlMs", "cacheScope"];

/// The two sides between which an answer passes.
#[derive(Clone, Debug)]
pub(crate) struct Between {
    /// How the client speaks.
    pub(crate) client: Era,
    /// How the server speaks.
    pub(crate) server: Era,
    /// Which program the server is, where that is known.
    pub(crate) server_info: Option<Implementation>,
    /// How long a client may keep an answer.
    pub(crate) ttl: Duration,
}

/// What a result is, by its own word.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ResultKind {
    /// It is whole.
    Complete,
    /// The server asks the client for more first.
    InputRequired,
    /// It goes on, and is asked for again.
    Task,
    /// Nothing that was agreed on.
    Other,
}

impl ResultKind {
    /// Reads what a result calls itself; one that says nothing is whole.
    pub(crate) fn of(result: &RawValue) -> Result<Self, RawError> {
        let object = RawObject::read(result.get())?;
        Ok(match (object.get("resultType"), object.text("resultType").as_deref()) {
            (None, _) | (Some(_), Some("complete")) => Self::Complete,
            (Some(_), Some("input_required")) => Self::InputRequired,
            (Some(_), Some("task")) => Self::Task,
            (Some(_), Some(_) | None) => Self::Other,
        })
    }
}

impl Between {
    /// Turns a server's answer to `method` into one that the client takes.
    pub(crate) fn back(&self, method: &str, answer: Answer) -> Result<Answer, RawError> {
        match (self.server, self.client, answer) {
            (Era::Legacy, Era::Legacy, answer) => Ok(answer),
            (Era::Legacy | Era::Modern, Era::Modern, Answer::Result(result)) => {
                self.to_modern_result(method, &result)
            }
            (Era::Legacy, Era::Modern, Answer::Error(error)) => to_modern_error(method, &error),
            (Era::Modern, Era::Legacy, Answer::Result(result)) => to_legacy_result(method, &result),
            (Era::Modern, client, Answer::Error(error)) => {
                from_modern_error(method, client, &error)
            }
        }
    }

    /// Adds to a result what it must say since 2026-07-28.
    fn to_modern_result(&self, method: &str, result: &RawValue) -> Result<Answer, RawError> {
        match ResultKind::of(result)? {
            ResultKind::Complete => {}
            ResultKind::InputRequired => return Ok(asks_for_more(Era::Modern, method)),
            ResultKind::Task | ResultKind::Other => return Ok(of_no_kind(Era::Modern, method)),
        }
        let mut written = result.to_owned();
        if RawObject::read(written.get())?.get("resultType").is_none() {
            written = put(&written, "resultType", &"complete")?;
        }
        if let (Era::Legacy, Some(info)) = (self.server, &self.server_info) {
            written = with_server_info(&written, info)?;
        }
        if method == "resources/read" || answers::Listed::by_method(method).is_some() {
            let own = RawObject::read(written.get())?.get("ttlMs").and_then(read_number);
            let ttl_ms = own.unwrap_or(u64::MAX).min(answers::ttl_ms(self.ttl));
            written = put(&written, "ttlMs", &ttl_ms)?;
            // Each caller's view is its own, whatever the server thinks of sharing it.
            written = put(&written, "cacheScope", &"private")?;
        }
        Ok(Answer::Result(written))
    }
}

fn with_server_info(result: &RawValue, info: &Implementation) -> Result<Box<RawValue>, RawError> {
    let object = RawObject::read(result.get())?;
    let meta = RawObject::read(object.get("_meta").map_or("{}", RawValue::get))?;
    object.with("_meta", &meta.with(SERVER_INFO, &raw_of(info))?)
}

/// Takes out of a result what older clients do not know. What it promises about structure was
/// narrower before: a structured result was an object.
fn to_legacy_result(method: &str, result: &RawValue) -> Result<Answer, RawError> {
    match ResultKind::of(result)? {
        ResultKind::Complete => {}
        ResultKind::InputRequired => return Ok(asks_for_more(Era::Legacy, method)),
        ResultKind::Task | ResultKind::Other => return Ok(of_no_kind(Era::Legacy, method)),
    }
    let mut written = result.to_owned();
    for name in MODERN_MEMBERS {
        written = RawObject::read(written.get())?.without(name)?;
    }
    let object = RawObject::read(written.get())?;
    match object.get("structuredContent") {
        Some(other) if !other.get().starts_with('{') => {
            object.without("structuredContent").map(Answer::Result)
        }
        Some(_) | None => Ok(Answer::Result(written)),
    }
}

/// Writes the definition of a tool as older clients take it: the structure of a result was that of
/// an object, and a client that finds another one may refuse the whole list.
pub(crate) fn to_legacy_tool(definition: &RawValue) -> Result<Box<RawValue>, RawError> {
    let object = RawObject::read(definition.get())?;
    let of_object = |schema: &RawValue| {
        RawObject::read(schema.get()).is_ok_and(|it| it.text("type").as_deref() == Some("object"))
    };
    match object.get("outputSchema") {
        Some(schema) if !of_object(schema) => object.without("outputSchema"),
        Some(_) | None => Ok(definition.to_owned()),
    }
}

/// Says in words that the server wants to know more, which this client cannot be asked for.
fn asks_for_more(client: Era, method: &str) -> Answer {
    let text = "The server asks for something more first, which this client cannot be asked for.";
    failed(client, method, text)
}

fn of_no_kind(client: Era, method: &str) -> Answer {
    failed(client, method, "The server answered in a way that was not agreed on.")
}

/// Says that nothing came of a call, where a model reads it if it can.
pub(crate) fn failed(client: Era, method: &str, text: &str) -> Answer {
    if method == "tools/call" {
        let content = [Text { r#type: "text", text: text.to_owned() }];
        let result_type = (client == Era::Modern).then_some("complete");
        Answer::Result(raw_of(&Failed { result_type, is_error: true, content }))
    } else {
        Answer::error(code::INTERNAL_ERROR, text, None)
    }
}

/// Hides what is no fault of the client's: the headers and the revision of what a server gets are
/// written here. What the client did not declare is its own affair, in its own era's words.
fn from_modern_error(method: &str, client: Era, error: &RawValue) -> Result<Answer, RawError> {
    let object = RawObject::read(error.get())?;
    let number = object.get("code").and_then(|code| code.get().parse::<i64>().ok());
    match (number, client) {
        (Some(newer::HEADER_MISMATCH | newer::UNSUPPORTED_VERSION), _) => {
            tracing::error!(
                method,
                error = error.get().chars().take(500).collect::<String>(),
                "a server refused a request as the gateway wrote it"
            );
            let text = "the server refused the request as the gateway wrote it";
            Ok(Answer::error(code::INTERNAL_ERROR, text, None))
        }
        (Some(newer::MISSING_CAPABILITY), Era::Legacy) => Ok(asks_for_more(Era::Legacy, method)),
        (Some(code::INVALID_PARAMS), Era::Legacy) if method == "resources/read" => {
            object.with("code", &raw_of(&code::NOT_FOUND_LEGACY)).map(Answer::Error)
        }
        (Some(_) | None, Era::Legacy | Era::Modern) => Ok(Answer::Error(error.to_owned())),
    }
}

fn read_number(value: &RawValue) -> Option<u64> {
    value.get().parse().ok()
}

fn put(object: &RawValue, name: &str, value: &impl Serialize) -> Result<Box<RawValue>, RawError> {
    RawObject::read(object.get())?.with(name, &raw_of(value))
}

#[derive(Deserialize)]
struct LegacyError {
    #[serde(default)]
    message: String,
    #[serde(default)]
    data: Option<LegacyData>,
}

#[derive(Deserialize)]
struct LegacyData {
    #[serde(default)]
    elicitations: Vec<Elicitation>,
}

#[derive(Deserialize)]
struct Elicitation {
    #[serde(default)]
    message: String,
    #[serde(default)]
    url: String,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Failed {
    #[serde(skip_serializing_if = "Option::is_none")]
    result_type: Option<&'static str>,
    is_error: bool,
    content: [Text; 1],
}

#[derive(Serialize)]
struct Text {
    r#type: &'static str,
    text: String,
}

fn to_modern_error(method: &str, error: &RawValue) -> Result<Answer, RawError> {
    let object = RawObject::read(error.get())?;
    match object.get("code").and_then(|code| code.get().parse::<i64>().ok()) {
        Some(code::NOT_FOUND_LEGACY) => {
            object.with("code", &raw_of(&code::INVALID_PARAMS)).map(Answer::Error)
        }
        Some(LINK_NEEDED) => Ok(link_needed(method, error)),
        Some(_) | None => Ok(Answer::Error(error.to_owned())),
    }
}

/// Says in words that a person must open a link: the code for it is not known since 2026-07-28.
fn link_needed(method: &str, error: &RawValue) -> Answer {
    let read = serde_json::from_str::<LegacyError>(error.get()).ok();
    let mut links = String::new();
    for link in read.iter().flat_map(|it| &it.data).flat_map(|it| &it.elicitations) {
        links.extend([" ", link.message.as_str(), " ", link.url.as_str()]);
    }
    let why = read.map_or_else(String::new, |error| format!(" ({})", error.message));
    failed(
        Era::Modern,
        method,
        &format!("The server needs a person to open a link first{why}.{links}"),
    )
}
