//! The HTTP headers of a POST: which bodies are taken, and that what they repeat of the body is
//! what the body says.

use base64::{Engine as _, engine::general_purpose::STANDARD};
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};

use super::{code::HEADER_MISMATCH, revision::Revision};
use crate::jsonrpc::{RawObject, Refused, code};

/// Names a session of a revision before 2026-07-28.
pub(crate) static SESSION: HeaderName = HeaderName::from_static("mcp-session-id");

/// Names the trace that a request belongs to.
pub(crate) static TRACE: HeaderName = HeaderName::from_static("traceparent");

const JSON: &str = "application/json";
const STREAM: &str = "text/event-stream";

/// Gives a value that is ASCII through and through. Tokens and sessions are long and come with every call, so it
/// does not go letter by letter.
pub(crate) fn text(value: &HeaderValue) -> Option<&str> {
    std::str::from_utf8(value.as_bytes()).ok().filter(|it| it.is_ascii())
}

/// Checks what kind of body is sent and which answers are taken.
pub(crate) fn check_post(headers: &HeaderMap) -> Result<(), Refused> {
    let mut sent = media_types(headers, &header::CONTENT_TYPE);
    let is_json = sent.next().is_some_and(|it| it.eq_ignore_ascii_case(JSON));
    if !is_json || sent.next().is_some() {
        return Err(Refused::new(
            StatusCode::UNSUPPORTED_MEDIA_TYPE,
            code::INVALID_REQUEST,
            "the body must be sent as `Content-Type: application/json`",
        ));
    }
    if takes(headers, JSON) && takes(headers, STREAM) {
        Ok(())
    } else {
        Err(Refused::new(
            StatusCode::NOT_ACCEPTABLE,
            code::INVALID_REQUEST,
            "`Accept` must list `application/json` and `text/event-stream`",
        ))
    }
}

/// Says whether whoever asks names a stream before plain JSON: then it gets one even for an answer that
/// nothing goes before.
pub(crate) fn prefers_stream(headers: &HeaderMap) -> bool {
    media_types(headers, &header::ACCEPT).next().is_some_and(|it| it.eq_ignore_ascii_case(STREAM))
}

/// Checks that whoever opens a stream takes one, and speaks a revision that has such streams.
pub(crate) fn check_get(headers: &HeaderMap) -> Result<(), Refused> {
    let refused = |status, text| Err(Refused::new(status, code::INVALID_REQUEST, text));
    let version = single(headers, "mcp-protocol-version")?;
    if version.and_then(Revision::from_date).is_some_and(Revision::is_modern) {
        let text = "streams are opened by `subscriptions/listen` since 2026-07-28";
        return refused(StatusCode::METHOD_NOT_ALLOWED, text);
    }
    if takes(headers, STREAM) {
        Ok(())
    } else {
        refused(StatusCode::NOT_ACCEPTABLE, "`Accept` must list `text/event-stream`")
    }
}

fn takes(headers: &HeaderMap, wanted: &str) -> bool {
    media_types(headers, &header::ACCEPT).any(|it| it.eq_ignore_ascii_case(wanted))
}

/// Gives the media types that a header lists, without those that are given no weight.
fn media_types<'h>(headers: &'h HeaderMap, name: &HeaderName) -> impl Iterator<Item = &'h str> {
    let values = headers.get_all(name).iter().filter_map(text);
    values.flat_map(|value| value.split(',')).filter_map(media_type)
}

fn media_type(entry: &str) -> Option<&str> {
    let mut parts = entry.split(';').map(str::trim);
    let media = parts.next()?;
    let unwanted = parts.any(|part| {
        let weight = part.strip_prefix(['q', 'Q']).and_then(|it| it.strip_prefix('='));
        weight.and_then(|it| it.parse::<f32>().ok()) == Some(0.0)
    });
    (!unwanted).then_some(media)
}

/// Gives the one value of a header; two of them, or bytes beyond visible ASCII, are a mismatch.
pub(crate) fn single<'h>(headers: &'h HeaderMap, name: &str) -> Result<Option<&'h str>, Refused> {
    let mut values = headers.get_all(name).iter();
    let Some(value) = values.next() else { return Ok(None) };
    if values.next().is_some() {
        return Err(mismatch(format!("the header `{name}` is sent twice")));
    }
    let text = HeaderValue::to_str(value)
        .map_err(|_| mismatch(format!("the header `{name}` holds more than visible ASCII")))?;
    Ok(Some(text.trim_matches([' ', '\t'])))
}

/// Gives the one value of a header that may be wrapped as `=?base64?…?=`.
pub(crate) fn unwrapped(headers: &HeaderMap, name: &str) -> Result<Option<String>, Refused> {
    let Some(value) = single(headers, name)? else { return Ok(None) };
    let Some(wrapped) = value.strip_prefix("=?base64?").and_then(|it| it.strip_suffix("?=")) else {
        return Ok(Some(value.to_owned()));
    };
    let bytes = STANDARD.decode(wrapped).ok();
    match bytes.and_then(|bytes| String::from_utf8(bytes).ok()) {
        Some(text) => Ok(Some(text)),
        None => Err(mismatch(format!("the header `{name}` is no base64 of UTF-8 text"))),
    }
}

/// Writes a text as a header's value: as it is where it is plain, else wrapped.
pub(crate) fn wrapped(text: &str) -> String {
    let plain = text.bytes().all(|it| matches!(it, b' '..=b'~'))
        && text.trim_matches(' ') == text
        && !text.starts_with("=?base64?");
    if plain { text.to_owned() } else { format!("=?base64?{}?=", STANDARD.encode(text)) }
}

/// Checks that `Mcp-Method` and, where the method has one, `Mcp-Name` say what the body says.
pub(crate) fn check_mirrors(
    headers: &HeaderMap,
    method: &str,
    params: Option<&RawObject<'_>>,
) -> Result<(), Refused> {
    same("mcp-method", single(headers, "mcp-method")?, method)?;
    let Some(member) = named_by(method) else { return Ok(()) };
    let Some(name) = params.and_then(|params| params.text(member)) else {
        let message = format!("`params.{member}` must be a text");
        return Err(Refused::new(StatusCode::BAD_REQUEST, code::INVALID_PARAMS, message));
    };
    same("mcp-name", unwrapped(headers, "mcp-name")?.as_deref(), &name)
}

/// Gives the parameter that `Mcp-Name` repeats.
pub(crate) fn named_by(method: &str) -> Option<&'static str> {
    match method {
        "tools/call" | "prompts/get" => Some("name"),
        "resources/read" => Some("uri"),
        "tasks/get" | "tasks/update" | "tasks/cancel" => Some("taskId"),
        _ => None,
    }
}

fn same(name: &str, header: Option<&str>, body: &str) -> Result<(), Refused> {
    match header {
        Some(header) if header == body => Ok(()),
        Some(_) => Err(mismatch(format!("the header `{name}` differs from the body"))),
        None => Err(mismatch(format!("the header `{name}` is missing"))),
    }
}

/// Refuses a request whose headers and body do not agree.
pub(crate) fn mismatch(message: impl Into<String>) -> Refused {
    Refused::new(StatusCode::BAD_REQUEST, HEADER_MISMATCH, message)
}

#[cfg(test)]
pub(crate) fn headers_of(list: &[(&str, &str)]) -> HeaderMap {
    let mut headers = HeaderMap::new();
    for (name, value) in list {
        let name: HeaderName = name.parse().unwrap();
        headers.append(name, HeaderValue::from_bytes(value.as_bytes()).unwrap());
    }
    headers
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const BOTH: &str = "application/json, text/event-stream";

    fn post(list: &[(&str, &str)]) -> u16 {
        check_post(&headers_of(list)).map_or_else(|it| it.http_status.as_u16(), |()| 200)
    }

    #[test]
    fn a_body_is_json_and_nothing_else() {
        assert_eq!(post(&[("Content-Type", "application/json"), ("Accept", BOTH)]), 200);
        let charset = "Application/JSON; charset=utf-8";
        assert_eq!(post(&[("content-type", charset), ("accept", BOTH)]), 200);
        assert_eq!(post(&[("accept", BOTH)]), 415);
        assert_eq!(post(&[("content-type", "text/plain"), ("accept", BOTH)]), 415);
        assert_eq!(
            post(&[("content-type", "application/json, text/plain"), ("accept", BOTH)]),
            415
        );
    }

    #[test]
    fn both_kinds_of_answer_must_be_taken() {
        let json = ("content-type", "application/json");
        assert_eq!(post(&[json]), 406);
        assert_eq!(post(&[json, ("accept", "application/json")]), 406);
        assert_eq!(post(&[json, ("accept", "*/*")]), 406);
        assert_eq!(post(&[json, ("accept", "application/json, text/event-stream;q=0.0")]), 406);
        assert_eq!(
            post(&[json, ("accept", "text/event-stream;q=0.5"), ("accept", "application/json")]),
            200
        );
    }

    #[test]
    fn what_is_named_first_is_preferred() {
        let prefers = |accept| prefers_stream(&headers_of(&[("accept", accept)]));
        assert!(prefers("text/event-stream, application/json"));
        assert!(!prefers(BOTH) && !prefers("text/event-stream;q=0, application/json"));
    }

    #[test]
    fn a_wrapped_value_is_unwrapped_before_it_is_compared() {
        let of = |value| unwrapped(&headers_of(&[("Mcp-Name", value)]), "mcp-name");
        assert_eq!(of("=?base64?IHBhZGRlZCA=?=").unwrap().unwrap(), " padded ");
        assert_eq!(of("plain").unwrap().unwrap(), "plain");
        assert_eq!(of("=?BASE64?IHBhZGRlZCA=?=").unwrap().unwrap(), "=?BASE64?IHBhZGRlZCA=?=");
        assert_eq!(of("=?base64?%%?=").unwrap_err().code, HEADER_MISMATCH);
        assert_eq!(of("=?base64?/w==?=").unwrap_err().code, HEADER_MISMATCH);
    }

    #[test]
    fn a_header_sent_twice_is_a_mismatch() {
        let headers = headers_of(&[("mcp-method", "ping"), ("Mcp-Method", "ping")]);
        assert_eq!(single(&headers, "mcp-method").unwrap_err().code, HEADER_MISMATCH);
    }

    #[test]
    fn method_and_name_must_be_those_of_the_body() {
        let check = |list: &[(&str, &str)], method: &str, params: &str| {
            let params = RawObject::read(params).unwrap();
            check_mirrors(&headers_of(list), method, Some(&params)).map_err(|it| it.code)
        };
        let call = ("Mcp-Method", "tools/call");
        let named = r#"{"name":"Send"}"#;
        assert_eq!(check(&[call, ("Mcp-Name", "Send")], "tools/call", named), Ok(()));
        assert_eq!(check(&[call, ("Mcp-Name", "send")], "tools/call", named), Err(HEADER_MISMATCH));
        assert_eq!(check(&[call], "tools/call", named), Err(HEADER_MISMATCH));
        assert_eq!(check(&[("Mcp-Name", "Send")], "tools/call", named), Err(HEADER_MISMATCH));
        assert_eq!(
            check(&[call, ("Mcp-Name", "x")], "tools/call", "{}"),
            Err(code::INVALID_PARAMS)
        );
        let read = ("Mcp-Method", "resources/read");
        let uri = r#"{"uri":"a://b"}"#;
        assert_eq!(check(&[read, ("Mcp-Name", "a://b")], "resources/read", uri), Ok(()));
        assert_eq!(check(&[("Mcp-Method", "tools/list")], "tools/list", "{}"), Ok(()));
    }

    proptest! {
        #[test]
        fn any_header_bytes_never_panic(value in prop::collection::vec(any::<u8>(), 0..60)) {
            let mut headers = HeaderMap::new();
            if let Ok(value) = HeaderValue::from_bytes(&value) {
                for name in ["content-type", "accept", "mcp-method", "mcp-name"] {
                    headers.insert(name, value.clone());
                }
            }
            let _ = check_post(&headers);
            let _ = check_mirrors(&headers, "tools/call", None);
            let _ = unwrapped(&headers, "mcp-name");
        }

        #[test]
        fn what_is_wrapped_comes_back(text in any::<String>()) {
            let wrapped = format!("=?base64?{}?=", STANDARD.encode(&text));
            let headers = headers_of(&[("mcp-name", &wrapped)]);
            prop_assert_eq!(unwrapped(&headers, "mcp-name").unwrap().unwrap(), text);
        }
    }
}
