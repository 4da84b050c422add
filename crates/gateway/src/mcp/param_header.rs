//! `Mcp-Param-…`: arguments that a tool's schema wants repeated in headers.

use std::collections::BTreeSet;

use bailiwick_model::Json;
use http::HeaderMap;

use super::headers::{mismatch, unwrapped};
use crate::jsonrpc::Refused;

/// One argument that is repeated in a header.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ParamHeader {
    /// The header, in small letters.
    header: String,
    /// The names that lead to the argument.
    path: Vec<String>,
}

impl ParamHeader {
    /// Gives the header and what it says of `arguments`; nothing where the argument is absent, or
    /// is none that a header can say.
    pub(crate) fn repeated(&self, arguments: &Json) -> Option<(&str, String)> {
        let value = match self.path.iter().try_fold(arguments, |at, name| at.get(name))? {
            Json::Text(text) => text.clone(),
            Json::Bool(flag) => flag.to_string(),
            Json::Int(number) => number.to_string(),
            Json::Float(number) => number.to_string(),
            Json::Null | Json::List(_) | Json::Object(_) => return None,
        };
        Some((&self.header, value))
    }
}

/// A schema asks for a header in a way that the protocol does not know: its tool is not offered.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`x-mcp-header` at `{at}` {wrong}")]
pub(crate) struct BadParamHeader {
    at: String,
    wrong: &'static str,
}

/// Lists the arguments that `schema` wants repeated in headers.
pub(crate) fn param_headers(schema: &Json) -> Result<Vec<ParamHeader>, BadParamHeader> {
    let mut found = Vec::new();
    collect(schema, &mut Vec::new(), &mut found)?;
    if found.len() < count(schema) {
        let wrong = "is not reached through `properties` alone";
        return Err(BadParamHeader { at: "inputSchema".to_owned(), wrong });
    }
    let mut names = BTreeSet::new();
    match found.iter().find(|it| !names.insert(it.header.as_str())) {
        Some(twice) => {
            Err(BadParamHeader { at: twice.path.join("."), wrong: "names a header twice" })
        }
        None => Ok(found),
    }
}

fn collect(
    schema: &Json,
    path: &mut Vec<String>,
    found: &mut Vec<ParamHeader>,
) -> Result<(), BadParamHeader> {
    if let Some(name) = schema.get("x-mcp-header") {
        let bad = |wrong| BadParamHeader { at: path.join("."), wrong };
        let name = name.as_text().filter(|it| is_token(it)).ok_or_else(|| bad("is no token"))?;
        let kind = schema.get("type").and_then(Json::as_text);
        if path.is_empty() || !matches!(kind, Some("string" | "integer" | "boolean")) {
            return Err(bad("stands on neither a string, an integer nor a boolean"));
        }
        let header = format!("mcp-param-{}", name.to_ascii_lowercase());
        found.push(ParamHeader { header, path: path.clone() });
    }
    let Some(Json::Object(properties)) = schema.get("properties") else { return Ok(()) };
    for (name, property) in properties {
        path.push(name.clone());
        collect(property, path, found)?;
        path.pop();
    }
    Ok(())
}

/// Counts the annotations wherever they stand. A property that is merely called `x-mcp-header` has
/// a schema, which is no text, and is not counted.
fn count(schema: &Json) -> usize {
    match schema {
        Json::Object(members) => {
            let here = usize::from(matches!(members.get("x-mcp-header"), Some(Json::Text(_))));
            members.values().map(count).sum::<usize>().saturating_add(here)
        }
        Json::List(items) => items.iter().map(count).sum(),
        Json::Null | Json::Bool(_) | Json::Int(_) | Json::Float(_) | Json::Text(_) => 0,
    }
}

fn is_token(text: &str) -> bool {
    !text.is_empty()
        && text.bytes().all(|it| it.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&it))
}

/// Checks that the headers repeat what `arguments` say.
pub(crate) fn check_params(
    headers: &HeaderMap,
    wanted: &[ParamHeader],
    arguments: &Json,
) -> Result<(), Refused> {
    for ParamHeader { header, path } in wanted {
        let value = path.iter().try_fold(arguments, |at, name| at.get(name));
        let sent = unwrapped(headers, header)?;
        match (value, sent) {
            (None | Some(Json::Null), None) => {}
            (None | Some(Json::Null), Some(_)) => {
                return Err(mismatch(format!(
                    "the header `{header}` repeats an argument that is absent"
                )));
            }
            (Some(_), None) => return Err(mismatch(format!("the header `{header}` is missing"))),
            (Some(value), Some(sent)) if says(&sent, value) => {}
            (Some(_), Some(_)) => {
                return Err(mismatch(format!("the header `{header}` differs from the body")));
            }
        }
    }
    Ok(())
}

fn says(sent: &str, value: &Json) -> bool {
    match value {
        Json::Text(text) => sent == text,
        Json::Bool(flag) => sent == if *flag { "true" } else { "false" },
        Json::Int(number) => sent.parse() == Ok(*number) || whole(sent) == Some(*number),
        Json::Float(number) => sent.parse() == Ok(*number),
        Json::Null | Json::List(_) | Json::Object(_) => false,
    }
}

/// Reads a whole number written with a fraction of zeros, such as `42.0`.
fn whole(text: &str) -> Option<i128> {
    let (whole, fraction) = text.split_once('.')?;
    fraction.bytes().all(|it| it == b'0').then(|| whole.parse().ok())?
}

#[cfg(test)]
mod tests {
    use bailiwick_model::JsonLimits;

    use super::*;
    use crate::mcp::headers::headers_of;

    fn json(text: &str) -> Json {
        Json::parse(text.as_bytes(), JsonLimits::default()).unwrap()
    }

    const SCHEMA: &str = r#"{"type":"object","properties":{
        "region":{"type":"string","x-mcp-header":"Region"},
        "page":{"type":"object","properties":{"size":{"type":"integer","x-mcp-header":"Size"}}},
        "dry":{"type":"boolean","x-mcp-header":"Dry"}}}"#;

    fn wanted() -> Vec<ParamHeader> {
        param_headers(&json(SCHEMA)).unwrap()
    }

    fn check(list: &[(&str, &str)], arguments: &str) -> Result<(), String> {
        let wanted = wanted();
        check_params(&headers_of(list), &wanted, &json(arguments)).map_err(|it| it.message)
    }

    #[test]
    fn a_header_says_what_the_argument_says() {
        assert_eq!(check(&[], "{}"), Ok(()));
        assert_eq!(check(&[], r#"{"region":null}"#), Ok(()));
        assert_eq!(check(&[("Mcp-Param-Region", "eu")], r#"{"region":"eu"}"#), Ok(()));
        assert_eq!(check(&[("Mcp-Param-Region", "=?base64?w6k=?=")], r#"{"region":"é"}"#), Ok(()));
        assert_eq!(check(&[("mcp-param-size", "42.0")], r#"{"page":{"size":42}}"#), Ok(()));
        assert_eq!(check(&[("mcp-param-dry", "true")], r#"{"dry":true}"#), Ok(()));
    }

    #[test]
    fn what_is_repeated_is_what_is_checked() {
        let arguments = json(r#"{"region":" é","page":{"size":42},"dry":null}"#);
        let mut headers = HeaderMap::new();
        for (name, value) in wanted().iter().filter_map(|it| it.repeated(&arguments)) {
            let name: http::HeaderName = name.parse().unwrap();
            headers.insert(name, crate::mcp::headers::wrapped(&value).parse().unwrap());
        }
        assert_eq!(headers.len(), 2);
        assert_eq!(check_params(&headers, &wanted(), &arguments).map_err(|it| it.message), Ok(()));
    }

    #[test]
    fn a_header_that_says_something_else_is_a_mismatch() {
        insta::assert_snapshot!(check(&[("Mcp-Param-Region", "EU")], r#"{"region":"eu"}"#).unwrap_err(), @"the header `mcp-param-region` differs from the body");
        insta::assert_snapshot!(check(&[], r#"{"region":"eu"}"#).unwrap_err(), @"the header `mcp-param-region` is missing");
        insta::assert_snapshot!(check(&[("Mcp-Param-Region", "eu")], "{}").unwrap_err(), @"the header `mcp-param-region` repeats an argument that is absent");
        assert!(check(&[("mcp-param-dry", "True")], r#"{"dry":true}"#).is_err());
        assert!(check(&[("mcp-param-size", "43")], r#"{"page":{"size":42}}"#).is_err());
        assert!(check(&[("mcp-param-region", "[]")], r#"{"region":[]}"#).is_err());
    }

    #[test]
    fn a_schema_that_asks_wrongly_is_noticed() {
        let wrong = |property: &str| {
            let schema = format!(r#"{{"properties":{{"a":{property}}}}}"#);
            param_headers(&json(&schema)).unwrap_err().to_string()
        };
        insta::assert_snapshot!(wrong(r#"{"type":"string","x-mcp-header":""}"#), @"`x-mcp-header` at `a` is no token");
        insta::assert_snapshot!(wrong(r#"{"type":"string","x-mcp-header":7}"#), @"`x-mcp-header` at `a` is no token");
        insta::assert_snapshot!(wrong(r#"{"type":"number","x-mcp-header":"A"}"#), @"`x-mcp-header` at `a` stands on neither a string, an integer nor a boolean");
        insta::assert_snapshot!(wrong(r#"{"items":{"type":"string","x-mcp-header":"A"}}"#), @"`x-mcp-header` at `inputSchema` is not reached through `properties` alone");
        let twice = r#"{"properties":{"a":{"type":"string","x-mcp-header":"A"},"b":{"type":"string","x-mcp-header":"a"}}}"#;
        insta::assert_snapshot!(param_headers(&json(twice)).unwrap_err(), @"`x-mcp-header` at `b` names a header twice");
        assert_eq!(
            param_headers(&json(r#"{"properties":{"x-mcp-header":{"type":"string"}}}"#)),
            Ok(vec![])
        );
    }
}
