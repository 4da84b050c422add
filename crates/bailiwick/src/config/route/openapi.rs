//! An `OpenAPI` document as the operations of a route: methods, paths and what of them policies see.
//! What it says of servers, of security and of answers is not read.

use std::{collections::BTreeMap, path::Path};

use bailiwick_gateway::{BodyField, Operation, PathTemplate, Scalar, takes_a_body};
use bailiwick_model::{Digest, Json, JsonLimits, ToolName};
use http::Method;
use serde_json::{Map, Value};

use super::Said;
use crate::config::{
    Code,
    file::read_text,
    read::{Field, Table, filled},
};

/// How often a reference may lead to another.
const DEPTH: usize = 6;
/// How large the definition of one operation may become when its references are followed.
const DEFINITION_MAX: usize = 128 << 10;
const OPERATIONS_MAX: usize = 4096;
const METHODS: [&str; 7] = ["get", "head", "options", "post", "put", "patch", "delete"];

/// Reads the document that `openapi` names, where it names one.
pub(super) fn read(table: &Table<'_>, home: &Path, said: &mut Said) {
    let field = table.get("openapi");
    let Some(name) = field.made(filled).map(toml::Spanned::into_inner) else { return };
    let text = match read_text(&home.join(&name)) {
        Ok(text) => text,
        Err(why) => {
            field.fault(
                Code::Unreadable,
                format!("`{name}` cannot be read: {why}"),
                "named here",
                None,
            );
            return;
        }
    };
    said.document = Some((name.clone(), Digest::of(text.as_bytes())));
    match parsed(&text) {
        Ok(document) => Document(&document).operations(&field, said),
        Err(why) => field.wrong(format!("`{name}` is no OpenAPI document: {why}")),
    }
}

/// Reads JSON of which no two readers take different things.
fn parsed(text: &str) -> Result<Value, String> {
    Json::parse(text.as_bytes(), JsonLimits { bytes: 4 << 20, depth: 64, values: 400_000 })
        .map_err(|error| error.to_string())?;
    serde_json::from_str(text).map_err(|error| error.to_string())
}

struct Document<'d>(&'d Value);

impl Document<'_> {
    fn operations(&self, field: &Field<'_>, said: &mut Said) {
        let version = self.0.get("openapi").and_then(Value::as_str).unwrap_or_default();
        let Some(paths) =
            self.0.get("paths").and_then(Value::as_object).filter(|_| version.starts_with('3'))
        else {
            field.wrong("it is no OpenAPI document of version 3 with `paths`");
            return;
        };
        for (path, item) in paths {
            let item = self.followed(item, 0);
            for method in METHODS {
                let Some(operation) = item.get(method) else { continue };
                let added = self.operation((path, method), &item, operation, said);
                if let Err(why) = added {
                    let text = format!("`{} {path}` is left out: {why}", method.to_uppercase());
                    field.warn(
                        Code::LeftOut,
                        text,
                        "requests of it are denied, as of all that is no operation",
                    );
                }
                if OPERATIONS_MAX < said.operations.len() {
                    field.wrong(format!("it has more than {OPERATIONS_MAX} operations"));
                    return;
                }
            }
        }
    }

    fn operation(
        &self,
        (path, method): (&str, &str),
        item: &Value,
        operation: &Value,
        said: &mut Said,
    ) -> Result<(), String> {
        let id = operation
            .get("operationId")
            .and_then(Value::as_str)
            .ok_or("it has no `operationId`")?;
        let name: ToolName = id.parse().map_err(|error| format!("its `operationId`: {error}"))?;
        let method: Method = method.to_uppercase().parse().map_err(|_| "its method is unknown")?;
        let template: PathTemplate = path.parse().map_err(|error| format!("{error}"))?;
        let mut query = BTreeMap::new();
        for of in [item, operation] {
            for parameter in of.get("parameters").and_then(Value::as_array).into_iter().flatten() {
                let parameter = self.followed(parameter, 0);
                let text = |key: &str| parameter.get(key).and_then(Value::as_str);
                // Policies see no headers: which of them pass is the operator's word alone.
                if let (Some("query"), Some(name)) = (text("in"), text("name")) {
                    let _same_name = query.insert(name.to_owned(), self.scalar(&parameter));
                }
            }
        }
        let body = if takes_a_body(&method) { self.body(operation) } else { BTreeMap::new() };
        let made =
            Operation::new(name, (method, template), query, body).map_err(|it| it.to_string())?;
        if DEFINITION_MAX < made.definition().get().len() {
            return Err(format!("what it takes is described in more than {DEFINITION_MAX} bytes"));
        }
        said.add(made)
    }

    fn scalar(&self, parameter: &Value) -> Scalar {
        let schema = parameter.get("schema").map(|it| self.followed(it, 0)).unwrap_or_default();
        match schema.get("type").and_then(Value::as_str) {
            Some("integer") => Scalar::Integer,
            Some("number") => Scalar::Number,
            Some("boolean") => Scalar::Boolean,
            Some(_) | None => Scalar::Text,
        }
    }

    /// Gives the fields of the body, where it is a JSON object.
    fn body(&self, operation: &Value) -> BTreeMap<String, BodyField> {
        let content = operation.get("requestBody").map(|it| self.followed(it, 0));
        let content = content.as_ref().and_then(|it| it.get("content")).and_then(Value::as_object);
        let schema =
            content.and_then(|it| it.get("application/json")).and_then(|it| it.get("schema"));
        let Some(schema) = schema.map(|it| self.inlined(it, 0)) else { return BTreeMap::new() };
        let mut fields = BTreeMap::new();
        properties(&schema, &mut fields, 0);
        fields
    }

    /// Follows a reference within the document; what leads nowhere is nothing.
    fn followed(&self, value: &Value, depth: usize) -> Value {
        let Some(to) = value.get("$ref").and_then(Value::as_str) else { return value.clone() };
        let found = to.strip_prefix('#').and_then(|it| self.0.pointer(it));
        match found.filter(|_| depth < DEPTH) {
            Some(found) => self.followed(found, depth.saturating_add(1)),
            None => Value::Null,
        }
    }

    /// Writes of a schema what says which values there are, without references. Where these lead too
    /// far, anything goes.
    fn inlined(&self, schema: &Value, depth: usize) -> Value {
        const KEPT: [&str; 5] = ["type", "enum", "const", "required", "format"];
        const ONE: [&str; 2] = ["items", "additionalProperties"];
        const SEVERAL: [&str; 3] = ["allOf", "anyOf", "oneOf"];
        let members = match self.followed(schema, 0) {
            Value::Object(members) if depth <= DEPTH => members,
            truth @ Value::Bool(_) => return truth,
            Value::Object(_)
            | Value::Array(_)
            | Value::Null
            | Value::Number(_)
            | Value::String(_) => {
                return Value::Object(Map::new());
            }
        };
        let below = |it: &Value| self.inlined(it, depth.saturating_add(1));
        let mut whole = Map::new();
        for (name, value) in &members {
            let value = match (name.as_str(), value) {
                (name, value) if KEPT.contains(&name) => value.clone(),
                (name, value) if ONE.contains(&name) => below(value),
                (name, Value::Array(parts)) if SEVERAL.contains(&name) => {
                    parts.iter().map(below).collect()
                }
                ("properties", Value::Object(of)) => {
                    Value::Object(of.iter().map(|(name, it)| (name.clone(), below(it))).collect())
                }
                _ => continue,
            };
            whole.insert(name.clone(), value);
        }
        if members.get("nullable") == Some(&Value::Bool(true)) {
            return serde_json::json!({"anyOf": [whole, {"type": "null"}]});
        }
        Value::Object(whole)
    }
}

/// Collects the properties of an object, and of all that it is put together from.
fn properties(schema: &Value, into: &mut BTreeMap<String, BodyField>, depth: usize) {
    if DEPTH < depth {
        return;
    }
    for (name, of) in schema.get("properties").and_then(Value::as_object).into_iter().flatten() {
        let known = into.insert(name.clone(), BodyField(of.clone()));
        // What two parts say differently of one field is said by neither.
        if known.is_some_and(|it| it.0 != *of) {
            into.insert(name.clone(), BodyField(Value::Object(Map::new())));
        }
    }
    for word in ["allOf", "anyOf", "oneOf"] {
        for part in schema.get(word).and_then(Value::as_array).into_iter().flatten() {
            properties(part, into, depth.saturating_add(1));
        }
    }
}
