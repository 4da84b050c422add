//! What policies see of a request's body, where they look into it: JSON that the API reads as they do.

use std::collections::{BTreeMap, BTreeSet};

use bailiwick_model::Json;
use http::{HeaderMap, header};
use serde_json::Value;

use super::{BodyField, Operation, operation::takes_a_body, other_method::names_no_other};
use crate::limits::MESSAGE;

/// How names are spelt in the bodies of an operation, at any depth, by what they are whatever the
/// case: many readers of JSON take `Amount` for `amount`.
#[derive(Debug, Default)]
pub(super) struct Spelling(BTreeMap<String, BTreeSet<String>>);

/// Gives the declared fields of a body that goes on under `headers`. What is not declared goes along
/// unseen, unless some reader would take it for what is.
pub(super) fn fields(
    operation: &Operation,
    headers: &HeaderMap,
    body: &[u8],
) -> Result<BTreeMap<String, Json>, String> {
    let method = operation.method();
    if !body.is_empty() && !takes_a_body(method) {
        return Err(format!("a `{method}` has no body"));
    }
    names_no_other(headers, body)?;
    if operation.body().is_empty() || body.is_empty() {
        return Ok(BTreeMap::new());
    }
    let kind = headers.get(header::CONTENT_TYPE).and_then(|it| it.to_str().ok());
    is_json_in_utf8(kind.unwrap_or_default())?;
    let parsed =
        Json::parse(body, MESSAGE).map_err(|error| format!("its body cannot be read: {error}"))?;
    operation.spelling().check(&parsed)?;
    let Json::Object(mut members) = parsed else {
        return Err("policies look into its body, which must be an object".to_owned());
    };
    members.retain(|name, _| operation.body().contains_key(name));
    Ok(members)
}

/// Takes a media type after which nobody reads the body as anything but JSON in UTF-8: a parameter
/// more, and two readers may go by two of them.
fn is_json_in_utf8(kind: &str) -> Result<(), String> {
    let mut parts = kind.split(';').map(|it| it.trim_matches([' ', '\t']).to_ascii_lowercase());
    let essence = parts.next().unwrap_or_default();
    let subtype = essence.strip_prefix("application/").unwrap_or_default();
    let plain = |it: char| it.is_ascii_alphanumeric() || matches!(it, '.' | '-' | '_' | '+');
    if !(subtype == "json" || subtype.ends_with("+json")) || !subtype.chars().all(plain) {
        return Err("policies look into its body, which must be `application/json`".to_owned());
    }
    let unicode = |it: String| ["charset=utf-8", "charset=\"utf-8\""].contains(&it.as_str());
    if !parts.next().is_none_or(unicode) || parts.next().is_some() {
        return Err(
            "policies look into its body: its `Content-Type` has one `charset=utf-8` at most"
                .to_owned(),
        );
    }
    Ok(())
}

impl Spelling {
    /// Learns the names of the fields, and those in their schemas.
    pub(super) fn of(body: &BTreeMap<String, BodyField>) -> Self {
        let mut spelling = Self::default();
        for (name, BodyField(schema)) in body {
            spelling.learn(name);
            spelling.learn_all(schema);
        }
        spelling
    }

    fn learn(&mut self, name: &str) {
        self.0.entry(folded(name)).or_default().insert(name.to_owned());
    }

    fn learn_all(&mut self, schema: &Value) {
        match schema {
            Value::Object(members) => {
                for (word, value) in members {
                    if let ("properties", Value::Object(of)) = (word.as_str(), value) {
                        of.keys().for_each(|it| self.learn(it));
                    }
                    self.learn_all(value);
                }
            }
            Value::Array(parts) => parts.iter().for_each(|it| self.learn_all(it)),
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
        }
    }

    /// Refuses names that are others' but for their case: which of them counts is the reader's choice.
    fn check(&self, value: &Json) -> Result<(), String> {
        match value {
            Json::Object(members) => {
                let mut seen = BTreeSet::new();
                for (name, value) in members {
                    let plain = folded(name);
                    let known = self.0.get(&plain).is_none_or(|it| it.contains(name));
                    if !known || !seen.insert(plain) {
                        return Err(format!(
                            "its body has `{}`, which differs from another name in case alone",
                            name.escape_debug()
                        ));
                    }
                    self.check(value)?;
                }
                Ok(())
            }
            Json::List(items) => items.iter().try_for_each(|it| self.check(it)),
            Json::Null | Json::Bool(_) | Json::Int(_) | Json::Float(_) | Json::Text(_) => Ok(()),
        }
    }
}

/// Takes the case away, also of letters that have two small ones.
fn folded(name: &str) -> String {
    name.chars().flat_map(char::to_uppercase).flat_map(char::to_lowercase).collect()
}

#[cfg(test)]
mod tests {
    use http::{HeaderValue, Method};
    use serde_json::json;

    use super::*;

    fn read(kind: &str, body: &str) -> Result<BTreeMap<String, Json>, String> {
        let (operation, headers) = sent(kind);
        fields(&operation, &headers, body.as_bytes())
    }

    fn sent(kind: &str) -> (Operation, HeaderMap) {
        let schema = json!({"properties": {"id": {"type": "string"}}});
        let fields = [("amount", json!({})), ("kind", json!({})), ("customer", schema)];
        let fields = fields.into_iter().map(|(name, it)| (name.to_owned(), BodyField(it)));
        let operation = Operation::new(
            "refund".parse().unwrap(),
            (Method::POST, "/refunds".parse().unwrap()),
            BTreeMap::new(),
            fields.collect(),
        );
        let kind = HeaderValue::from_str(kind).unwrap();
        (operation.unwrap(), HeaderMap::from_iter([(header::CONTENT_TYPE, kind)]))
    }

    #[test]
    fn a_body_that_is_looked_into_is_json_in_utf8_and_nothing_else() {
        for kind in [
            "application/json",
            "Application/JSON; Charset=UTF-8",
            "application/json;charset=\"utf-8\"",
            "application/merge-patch+json",
        ] {
            assert!(read(kind, r#"{"amount": 1}"#).is_ok(), "{kind}");
        }
        for kind in [
            "",
            "text/plain",
            "application/json; charset=utf-7",
            "application/json; a=b; charset=utf-7",
            "application/json; charset=utf-8; charset=utf-7",
            "application/json; charset=utf-8; charset=utf-8",
            "application/json; charset*=utf-8''utf-7",
            "application/json; a=b",
            "application/xml, application/x+json",
        ] {
            assert!(read(kind, r#"{"amount": 1}"#).is_err(), "{kind}");
        }
    }

    #[test]
    fn a_name_that_is_a_declared_one_but_for_its_case_is_refused_at_any_depth() {
        let read = |body: &str| read("application/json", body);
        let seen = read(r#"{"amount": 1, "note": {"Free": 1}, "customer": {"id": "42"}}"#).unwrap();
        assert_eq!(seen.keys().collect::<Vec<_>>(), ["amount", "customer"]);
        for body in [
            r#"{"Amount": 9000}"#,
            r#"{"amount": 1, "AMOUNT": 9000}"#,
            r#"{"\u212aind": "wire"}"#,
            r#"{"customer": {"id": "42", "ID": "43"}}"#,
            r#"{"customer": {"iD": "43"}}"#,
            r#"{"note": [{"x": 1, "X": 2}]}"#,
        ] {
            assert!(read(body).is_err(), "{body}");
        }
    }
}
