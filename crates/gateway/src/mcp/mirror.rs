//! The headers in which a request of 2026-07-28 repeats its own body, as we write them.

use bailiwick_model::Json;
use http::{HeaderMap, HeaderName, HeaderValue};
use serde_json::value::RawValue;

use super::{
    headers::{named_by, wrapped},
    param_header::ParamHeader,
    revision::Revision,
};
use crate::jsonrpc::RawObject;

/// Writes the headers of a request, read from the very body that is sent. `repeated` are those of
/// its arguments that the tool's schema wants to see again.
pub(crate) fn of_request(
    method: &str,
    params: Option<&RawValue>,
    repeated: (&[ParamHeader], &Json),
) -> HeaderMap {
    let mut headers = HeaderMap::new();
    let version = HeaderValue::from_static(Revision::R20260728.as_str());
    headers.insert("mcp-protocol-version", version);
    put(&mut headers, "mcp-method", method);
    let named = named_by(method).zip(params);
    if let Some(name) = named.and_then(|(it, params)| RawObject::read(params.get()).ok()?.text(it))
    {
        put(&mut headers, "mcp-name", &name);
    }
    let (wanted, arguments) = repeated;
    for (name, text) in wanted.iter().filter_map(|it| it.repeated(arguments)) {
        put(&mut headers, name, &text);
    }
    headers
}

fn put(headers: &mut HeaderMap, name: &str, text: &str) {
    let name = HeaderName::from_bytes(name.as_bytes());
    // A token is a header's name, and what is wrapped is visible ASCII: both always succeed.
    if let (Ok(name), Ok(value)) = (name, HeaderValue::from_str(&wrapped(text))) {
        headers.insert(name, value);
    }
}

#[cfg(test)]
mod tests {
    use bailiwick_model::JsonLimits;
    use proptest::prelude::*;

    use super::*;
    use crate::mcp::{headers, param_header};

    fn json(text: &str) -> Json {
        Json::parse(text.as_bytes(), JsonLimits::default()).unwrap()
    }

    fn wanted() -> Vec<ParamHeader> {
        let schema = json(
            r#"{"properties":{"region":{"type":"string","x-mcp-header":"Region"},"size":{"type":"integer","x-mcp-header":"Size"},"dry":{"type":"boolean","x-mcp-header":"Dry"}}}"#,
        );
        param_header::param_headers(&schema).unwrap()
    }

    fn written(method: &str, params: &str) -> HeaderMap {
        let raw = RawValue::from_string(params.to_owned()).unwrap();
        let arguments = json(params).get("arguments").cloned().unwrap_or(Json::Null);
        of_request(method, Some(&raw), (&wanted(), &arguments))
    }

    #[test]
    fn a_call_repeats_its_method_its_name_and_what_its_schema_asks_for() {
        let headers = written(
            "tools/call",
            r#"{"name":"gérer","arguments":{"region":" eu ","size":42.0,"dry":true,"other":1}}"#,
        );
        assert_eq!(headers["mcp-protocol-version"], "2026-07-28");
        assert_eq!(headers["mcp-method"], "tools/call");
        assert_eq!(headers["mcp-name"], "=?base64?Z8OpcmVy?=");
        assert_eq!(headers["mcp-param-region"], "=?base64?IGV1IA==?=");
        assert_eq!(headers["mcp-param-size"], "42");
        assert_eq!(headers["mcp-param-dry"], "true");
    }

    #[test]
    fn what_is_absent_has_no_header() {
        let headers = written("tools/call", r#"{"name":"a","arguments":{"region":null}}"#);
        assert_eq!(headers.len(), 3);
        assert_eq!(written("resources/read", r#"{"uri":"a://b"}"#)["mcp-name"], "a://b");
        assert_eq!(written("tools/list", "{}").len(), 2);
    }

    #[test]
    fn what_looks_wrapped_is_wrapped_again() {
        let headers = written("prompts/get", r#"{"name":"=?base64?eA==?="}"#);
        let read = headers::unwrapped(&headers, "mcp-name").unwrap();
        assert_eq!(read.as_deref(), Some("=?base64?eA==?="));
    }

    proptest! {
        #[test]
        fn whatever_is_written_is_what_our_own_door_reads(
            region in any::<String>(), size in -1000_i64..1000, name in "\\PC{1,20}",
        ) {
            let params = serde_json::json!({
                "name": name, "arguments": { "region": region, "size": size },
            });
            let headers = written("tools/call", &params.to_string());
            let text = params.to_string();
            let object = RawObject::read(&text).unwrap();
            prop_assert!(headers::check_mirrors(&headers, "tools/call", Some(&object)).is_ok());
            let arguments = json(&params["arguments"].to_string());
            prop_assert!(param_header::check_params(&headers, &wanted(), &arguments).is_ok());
        }
    }
}
