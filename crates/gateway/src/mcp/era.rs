//! Which era a message speaks, and whether a message of the modern one says all that it must.

use http::{HeaderMap, StatusCode};
use serde::Serialize;

use super::{
    code::UNSUPPORTED_VERSION,
    headers,
    meta::{CAPABILITIES, CLIENT_INFO, VERSION},
    revision::Revision,
};
use crate::jsonrpc::{Message, RawObject, Refused, code};

const VERSION_HEADER: &str = "mcp-protocol-version";

/// The two ways in which the protocol is spoken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Era {
    /// Up to 2025-11-25: `initialize` opens, answers stay as they are.
    Legacy,
    /// From 2026-07-28 on: each request says everything itself.
    Modern,
}

/// The era of one message whose headers and body agree on it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Spoken(Era);

#[derive(Serialize)]
struct Versions<'a> {
    supported: Vec<&'static str>,
    requested: &'a str,
}

impl Spoken {
    /// Finds how `message` is spoken. A refusal carries the message's id.
    pub(crate) fn of(headers: &HeaderMap, message: &Message<'_>) -> Result<Self, Refused> {
        read(headers, message).map(Self).map_err(|refused| refused.with_id(message.answer_id()))
    }

    /// Gives the era.
    pub(crate) const fn era(self) -> Era {
        self.0
    }
}

fn read(headers: &HeaderMap, message: &Message<'_>) -> Result<Era, Refused> {
    let params = message.params().and_then(|params| RawObject::read(params.get()).ok());
    let meta = read_meta(params.as_ref())?;
    let declared = declared_version(meta.as_ref())?;
    if declared.is_none() && message.method() == Some("initialize") {
        // The body of `initialize` says which revision is wanted.
        return Ok(Era::Legacy);
    }
    let header = headers::single(headers, VERSION_HEADER)?;
    let modern = match (header, declared.as_deref()) {
        (None, None) => false,
        (None, Some(_)) => {
            return Err(headers::mismatch(format!("the header `{VERSION_HEADER}` is missing")));
        }
        (Some(header), None) => match Revision::from_date(header) {
            Some(revision) => revision.is_modern(),
            None => return Err(unsupported(header, Revision::dates())),
        },
        (Some(header), Some(declared)) if header != declared => {
            return Err(headers::mismatch(format!(
                "the header `{VERSION_HEADER}` differs from `_meta[\"{VERSION}\"]`"
            )));
        }
        (Some(_), Some(declared)) => match Revision::from_date(declared) {
            Some(revision) if revision.is_modern() => true,
            Some(_) | None => return Err(unsupported(declared, Revision::modern_dates())),
        },
    };
    if !modern {
        return Ok(Era::Legacy);
    }
    check_modern(message, meta.as_ref())?;
    headers::check_mirrors(headers, message.method().unwrap_or_default(), params.as_ref())?;
    Ok(Era::Modern)
}

fn read_meta<'a>(params: Option<&RawObject<'a>>) -> Result<Option<RawObject<'a>>, Refused> {
    let Some(meta) = params.and_then(|params| params.get("_meta")) else { return Ok(None) };
    match RawObject::read(meta.get()) {
        Ok(meta) => Ok(Some(meta)),
        Err(_) => Err(bad_params("`params._meta` must be an object")),
    }
}

fn declared_version(meta: Option<&RawObject<'_>>) -> Result<Option<String>, Refused> {
    let Some(meta) = meta.filter(|meta| meta.get(VERSION).is_some()) else { return Ok(None) };
    match meta.text(VERSION) {
        Some(version) => Ok(Some(version)),
        None => Err(bad_params(&format!("`params._meta[\"{VERSION}\"]` must be a text"))),
    }
}

/// Checks that a modern message is of a kind that is sent, and says what it must of its sender. What
/// a client says of itself is its own word, and nothing is decided by it.
fn check_modern(message: &Message<'_>, meta: Option<&RawObject<'_>>) -> Result<(), Refused> {
    match message {
        Message::Notification { .. } => return Ok(()),
        Message::Response { .. } => {
            let message = "an answer is not sent as a message of its own since 2026-07-28";
            return Err(Refused::new(StatusCode::BAD_REQUEST, code::INVALID_REQUEST, message));
        }
        Message::Request { .. } => {}
    }
    let member = |name: &str| meta.and_then(|meta| meta.get(name));
    if let Some(missing) = [VERSION, CAPABILITIES].into_iter().find(|it| member(it).is_none()) {
        return Err(bad_params(&format!("`params._meta[\"{missing}\"]` is missing")));
    }
    let no_object = |name: &&str| member(name).is_some_and(|it| !it.get().starts_with('{'));
    match [CAPABILITIES, CLIENT_INFO].into_iter().find(no_object) {
        Some(wrong) => Err(bad_params(&format!("`params._meta[\"{wrong}\"]` must be an object"))),
        None => Ok(()),
    }
}

fn bad_params(message: &str) -> Refused {
    Refused::new(StatusCode::BAD_REQUEST, code::INVALID_PARAMS, message)
}

fn unsupported(requested: &str, supported: Vec<&'static str>) -> Refused {
    let shown: String = requested.chars().take(40).collect();
    let message = format!("revision `{shown}` of the protocol is not spoken here");
    Refused::new(StatusCode::BAD_REQUEST, UNSUPPORTED_VERSION, message)
        .with_data(&Versions { supported, requested: &shown })
}

#[cfg(test)]
mod tests {
    use bailiwick_model::JsonLimits;
    use proptest::prelude::*;

    use super::*;
    use crate::mcp::headers::headers_of;

    const META: &str = r#""io.modelcontextprotocol/protocolVersion":"2026-07-28","io.modelcontextprotocol/clientCapabilities":{},"io.modelcontextprotocol/clientInfo":{"name":"t"}"#;

    fn of(list: &[(&str, &str)], method: &str, params: &str) -> String {
        let body = format!(r#"{{"jsonrpc":"2.0","id":5,"method":"{method}","params":{params}}}"#);
        told(list, &body)
    }

    fn told(list: &[(&str, &str)], body: &str) -> String {
        let message = Message::read(body.as_bytes(), JsonLimits::default()).unwrap();
        match Spoken::of(&headers_of(list), &message) {
            Ok(spoken) => format!("{:?}", spoken.era()).to_lowercase(),
            Err(refused) => String::from_utf8(refused.body()).unwrap(),
        }
    }

    const VERSION_NOW: (&str, &str) = ("MCP-Protocol-Version", "2026-07-28");
    const LIST: (&str, &str) = ("Mcp-Method", "tools/list");

    #[test]
    fn legacy_is_what_its_header_or_its_silence_says() {
        assert_eq!(of(&[], "tools/list", "{}"), "legacy");
        assert_eq!(of(&[], "initialize", r#"{"protocolVersion":"2099-01-01"}"#), "legacy");
        assert_eq!(of(&[VERSION_NOW], "initialize", "{}"), "legacy");
        for date in ["2025-11-25", "2025-06-18", "2025-03-26", "2024-11-05"] {
            let said = of(&[("mcp-protocol-version", date)], "tools/list", "{}");
            assert_eq!(said, "legacy");
        }
    }

    #[test]
    fn a_legacy_answer_is_legacy_and_a_modern_one_is_refused() {
        let answer = r#"{"jsonrpc":"2.0","id":5,"result":{}}"#;
        assert_eq!(told(&[], answer), "legacy");
        insta::assert_snapshot!(told(&[VERSION_NOW], answer), @r#"{"jsonrpc":"2.0","error":{"code":-32600,"message":"an answer is not sent as a message of its own since 2026-07-28"}}"#);
    }

    #[test]
    fn a_modern_request_says_everything_itself() {
        let meta = format!(r#"{{"_meta":{{{META}}}}}"#);
        assert_eq!(of(&[VERSION_NOW, LIST], "tools/list", &meta), "modern");
        let call = format!(r#"{{"name":"é","_meta":{{{META}}}}}"#);
        let headers = [VERSION_NOW, ("Mcp-Method", "tools/call"), ("Mcp-Name", "=?base64?w6k=?=")];
        assert_eq!(of(&headers, "tools/call", &call), "modern");
        let notification = r#"{"jsonrpc":"2.0","method":"notifications/x"}"#;
        assert_eq!(told(&[VERSION_NOW, ("Mcp-Method", "notifications/x")], notification), "modern");
    }

    #[test]
    fn a_modern_request_that_says_too_little_is_refused() {
        insta::assert_snapshot!(of(&[VERSION_NOW, LIST], "tools/list", "{}"), @r#"{"jsonrpc":"2.0","id":5,"error":{"code":-32602,"message":"`params._meta[\"io.modelcontextprotocol/protocolVersion\"]` is missing"}}"#);
        let only = r#"{"_meta":{"io.modelcontextprotocol/protocolVersion":"2026-07-28"}}"#;
        insta::assert_snapshot!(of(&[VERSION_NOW, LIST], "tools/list", only), @r#"{"jsonrpc":"2.0","id":5,"error":{"code":-32602,"message":"`params._meta[\"io.modelcontextprotocol/clientCapabilities\"]` is missing"}}"#);
        insta::assert_snapshot!(of(&[LIST], "tools/list", only), @r#"{"jsonrpc":"2.0","id":5,"error":{"code":-32020,"message":"the header `mcp-protocol-version` is missing"}}"#);
        let meta = format!(r#"{{"_meta":{{{META}}}}}"#);
        insta::assert_snapshot!(of(&[VERSION_NOW], "tools/list", &meta), @r#"{"jsonrpc":"2.0","id":5,"error":{"code":-32020,"message":"the header `mcp-method` is missing"}}"#);
        insta::assert_snapshot!(of(&[("mcp-protocol-version", "2025-11-25"), LIST], "tools/list", &meta), @r#"{"jsonrpc":"2.0","id":5,"error":{"code":-32020,"message":"the header `mcp-protocol-version` differs from `_meta[\"io.modelcontextprotocol/protocolVersion\"]`"}}"#);
        insta::assert_snapshot!(of(&[], "tools/list", r#"{"_meta":7}"#), @r#"{"jsonrpc":"2.0","id":5,"error":{"code":-32602,"message":"`params._meta` must be an object"}}"#);
    }

    #[test]
    fn an_unknown_revision_is_answered_with_those_that_are_spoken() {
        let later = ("mcp-protocol-version", "2099-01-01");
        let meta = r#"{"_meta":{"io.modelcontextprotocol/protocolVersion":"2099-01-01"}}"#;
        insta::assert_snapshot!(of(&[later], "tools/list", meta), @r#"{"jsonrpc":"2.0","id":5,"error":{"code":-32022,"message":"revision `2099-01-01` of the protocol is not spoken here","data":{"supported":["2026-07-28"],"requested":"2099-01-01"}}}"#);
        insta::assert_snapshot!(of(&[later], "tools/list", "{}"), @r#"{"jsonrpc":"2.0","id":5,"error":{"code":-32022,"message":"revision `2099-01-01` of the protocol is not spoken here","data":{"supported":["2026-07-28","2025-11-25","2025-06-18","2025-03-26","2024-11-05"],"requested":"2099-01-01"}}}"#);
    }

    proptest! {
        #[test]
        fn any_version_text_never_panics(header in "[ -~]{0,20}", declared in any::<String>()) {
            let declared = serde_json::Value::from(declared);
            let params = format!(r#"{{"_meta":{{"io.modelcontextprotocol/protocolVersion":{declared}}}}}"#);
            let _ = of(&[("mcp-protocol-version", &header)], "tools/list", &params);
        }
    }
}
