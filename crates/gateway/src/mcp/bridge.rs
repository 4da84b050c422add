//! A modern client before a legacy server: what each of them must not see, or must.
//!
//! A legacy client before a legacy server needs no bridge: its results pass byte for byte.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use super::answers;
use crate::jsonrpc::{Answer, RawError, RawObject, code, raw_of};

const NOT_FOUND_LEGACY: i64 = -32002;
const LINK_NEEDED_LEGACY: i64 = -32042;

/// Members of `_meta` that reach a server: trace and progress. No decision looks at `_meta` and no
/// digest covers it, so whatever else a client puts there stays here.
const CARRIED: [&str; 4] = ["progressToken", "traceparent", "tracestate", "baggage"];

/// Writes `params` as a server gets them: of `_meta` only what is carried along, and no `_meta`
/// where nothing is. Every other byte stays.
pub(crate) fn to_server_params(params: &RawValue) -> Result<Box<RawValue>, RawError> {
    let object = RawObject::read(params.get())?;
    let Some(meta) = object.get("_meta") else { return Ok(params.to_owned()) };
    let mut meta = meta.to_owned();
    for name in left_here(&meta)? {
        meta = RawObject::read(meta.get())?.without(&name)?;
    }
    if RawObject::read(meta.get())?.is_empty() {
        object.without("_meta")
    } else {
        object.with("_meta", &meta)
    }
}

fn left_here(meta: &RawValue) -> Result<Vec<String>, RawError> {
    let meta = RawObject::read(meta.get())?;
    // Each of them is one word: an object in its place would be a way in for anything.
    let carried = |name: &str, value: &RawValue| {
        CARRIED.contains(&name) && !value.get().starts_with(['{', '['])
    };
    let left = meta.members().filter(|(name, value)| !carried(name, value));
    Ok(left.map(|(name, _)| name.to_owned()).collect())
}

/// Turns a legacy server's answer to `method` into one that a modern client takes.
pub(crate) fn to_modern(method: &str, answer: &Answer, ttl: Duration) -> Result<Answer, RawError> {
    match answer {
        Answer::Result(result) => to_modern_result(method, result, ttl).map(Answer::Result),
        Answer::Error(error) => to_modern_error(method, error),
    }
}

/// Adds to a result what it must say since 2026-07-28.
pub(crate) fn to_modern_result(
    method: &str,
    result: &RawValue,
    ttl: Duration,
) -> Result<Box<RawValue>, RawError> {
    let mut written = result.to_owned();
    if RawObject::read(written.get())?.get("resultType").is_none() {
        written = put(&written, "resultType", &"complete")?;
    }
    if method == "resources/read" || answers::Listed::by_method(method).is_some() {
        let own = RawObject::read(written.get())?.get("ttlMs").and_then(read_number);
        let ttl_ms = own.unwrap_or(u64::MAX).min(answers::ttl_ms(ttl));
        written = put(&written, "ttlMs", &ttl_ms)?;
        // Each caller's view is its own, whatever the server thinks of sharing it.
        written = put(&written, "cacheScope", &"private")?;
    }
    Ok(written)
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
    result_type: &'static str,
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
        Some(NOT_FOUND_LEGACY) => {
            object.with("code", &raw_of(&code::INVALID_PARAMS)).map(Answer::Error)
        }
        Some(LINK_NEEDED_LEGACY) => Ok(link_needed(method, error)),
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
    let text = format!("The server needs a person to open a link first{why}.{links}");
    if method == "tools/call" {
        let content = [Text { r#type: "text", text }];
        Answer::Result(raw_of(&Failed { result_type: "complete", is_error: true, content }))
    } else {
        Answer::error(code::INTERNAL_ERROR, &text, None)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const TTL: Duration = Duration::from_secs(2);

    fn raw(text: &str) -> Box<RawValue> {
        RawValue::from_string(text.to_owned()).unwrap()
    }

    fn down(params: &str) -> String {
        to_server_params(&raw(params)).unwrap().get().to_owned()
    }

    fn up(method: &str, result: &str) -> String {
        to_modern_result(method, &raw(result), TTL).unwrap().get().to_owned()
    }

    fn error(method: &str, error: &str) -> String {
        let answer = to_modern(method, &Answer::Error(raw(error)), TTL).unwrap();
        String::from_utf8(answer.body(None)).unwrap()
    }

    #[test]
    fn a_legacy_server_sees_no_modern_member() {
        assert_eq!(
            down(
                r#"{"name":"t","_meta":{"io.modelcontextprotocol/protocolVersion":"2026-07-28","io.modelcontextprotocol/clientCapabilities":{}},"arguments":{ }}"#
            ),
            r#"{"name":"t","arguments":{ }}"#
        );
        assert_eq!(
            down(
                r#"{"_meta":{"io.modelcontextprotocol/protocolVersion":"x","progressToken":7,"traceparent":"00-1", "io.modelcontextprotocol/clientInfo":{}}}"#
            ),
            r#"{"_meta":{"progressToken":7,"traceparent":"00-1"}}"#
        );
        assert_eq!(down(r#"{ "name" : "t" }"#), r#"{ "name" : "t" }"#);
        assert_eq!(down(r#"{"_meta":{}}"#), "{}");
        assert!(to_server_params(&raw(r#"{"_meta":7}"#)).is_err());
    }

    #[test]
    fn of_what_no_digest_covers_a_server_sees_trace_and_progress_alone() {
        assert_eq!(
            down(
                r#"{"_meta":{"note":"do it now","baggage":"a=1","tracestate":{"x":1},"progressToken":[7],"com.example/x":{}},"name":"t","arguments":{ "b" : 1.50}}"#
            ),
            r#"{"_meta":{"baggage":"a=1"},"name":"t","arguments":{ "b" : 1.50}}"#
        );
        assert_eq!(down(r#"{"_meta":{"note":"x"},"name":"t"}"#), r#"{"name":"t"}"#);
    }

    #[test]
    fn a_modern_client_gets_a_complete_result() {
        assert_eq!(
            up("tools/call", r#"{"content":[ ], "isError":false}"#),
            r#"{"content":[ ], "isError":false,"resultType":"complete"}"#
        );
        assert_eq!(up("tools/call", r#"{"resultType":"task"}"#), r#"{"resultType":"task"}"#);
        assert_eq!(up("prompts/get", "{}"), r#"{"resultType":"complete"}"#);
    }

    #[test]
    fn what_may_be_kept_is_kept_privately_and_not_for_long() {
        let private = r#""resultType":"complete","ttlMs":2000,"cacheScope":"private"}"#;
        assert_eq!(up("resources/read", "{}"), format!("{{{private}"));
        assert_eq!(up("prompts/list", r#"{"prompts":[]}"#), format!(r#"{{"prompts":[],{private}"#));
        assert_eq!(
            up("resources/read", r#"{"ttlMs":9000,"cacheScope":"public"}"#),
            r#"{"ttlMs":2000,"cacheScope":"private","resultType":"complete"}"#
        );
        assert_eq!(
            up("resources/read", r#"{"ttlMs":9}"#),
            r#"{"ttlMs":9,"resultType":"complete","cacheScope":"private"}"#
        );
    }

    #[test]
    fn errors_that_changed_their_code_are_mapped() {
        insta::assert_snapshot!(error("resources/read", r#"{"code":-32002,"message":"no such"}"#), @r#"{"jsonrpc":"2.0","error":{"code":-32602,"message":"no such"}}"#);
        insta::assert_snapshot!(error("tools/call", r#"{"code":-32603, "message":"x"}"#), @r#"{"jsonrpc":"2.0","error":{"code":-32603, "message":"x"}}"#);
        let link = r#"{"code":-32042,"message":"sign in","data":{"elicitations":[{"mode":"url","elicitationId":"e1","message":"Sign in at","url":"https://example.org/s"}]}}"#;
        insta::assert_snapshot!(error("tools/call", link), @r#"{"jsonrpc":"2.0","result":{"resultType":"complete","isError":true,"content":[{"type":"text","text":"The server needs a person to open a link first (sign in). Sign in at https://example.org/s"}]}}"#);
        insta::assert_snapshot!(error("prompts/get", r#"{"code":-32042,"message":"sign in"}"#), @r#"{"jsonrpc":"2.0","error":{"code":-32603,"message":"The server needs a person to open a link first (sign in)."}}"#);
    }

    proptest! {
        #[test]
        fn any_object_never_panics(text in r#"\{("(_meta|code|a)":(1|\{\}|"x"|-32042|-32002),?){0,3}\}"#) {
            if let Ok(value) = RawValue::from_string(text) {
                let _ = to_server_params(&value);
                let _ = to_modern("resources/read", &Answer::Result(value.clone()), TTL);
                let _ = to_modern("tools/call", &Answer::Error(value.clone()), TTL);
            }
        }
    }
}
