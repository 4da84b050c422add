//! Reads a request as the call of an operation, with arguments that policies see. What is no
//! operation of the API, or could be read in two ways, is a call that nobody offers.

use std::collections::BTreeMap;

use bailiwick_model::{Action, ActionKind, Digest, Json, ServerName};
use bytes::Bytes;
use http::{HeaderMap, Method};

use super::{Operation, UNMATCHED, WebSpec, body, headers, operation::Scalar, target::Target};
use crate::limits::MESSAGE;

/// How much of a path that leads nowhere is kept.
const SHOWN: usize = 256;

/// A request as it came.
#[derive(Debug)]
pub(crate) struct Came<'r> {
    pub(crate) method: &'r Method,
    /// The path behind the route's name, and the query.
    pub(crate) path: &'r str,
    pub(crate) query: Option<&'r str>,
    pub(crate) headers: &'r HeaderMap,
    pub(crate) body: &'r Bytes,
}

/// A request as it is judged, and the headers with which it goes on.
#[derive(Debug)]
pub(crate) struct Read {
    pub(crate) action: Action,
    pub(crate) arguments: Json,
    /// What of the request is more than its arguments, in one text that no other request has.
    pub(crate) whole: Json,
    pub(crate) headers: HeaderMap,
    pub(crate) faults: Vec<String>,
}

/// Reads a request to `route`.
pub(crate) fn read(route: &ServerName, spec: &WebSpec, came: &Came<'_>) -> Read {
    match operation(spec, came) {
        Ok((operation, target)) => matched(route, spec, came, (operation, &target)),
        Err(fault) => unmatched(route, came, fault),
    }
}

/// Finds the operation that is meant: of two that fit, the one of which more is fixed.
fn operation<'s>(
    spec: &'s WebSpec,
    came: &Came<'_>,
) -> Result<(&'s Operation, Target), Option<String>> {
    let target = Target::read(came.path, came.query).map_err(Some)?;
    let fitting = spec
        .operations
        .iter()
        .filter(|it| it.method() == came.method && it.path().matched(&target.path).is_some());
    let operation = fitting.max_by_key(|it| it.path().fixed()).ok_or(None)?;
    Ok((operation, target))
}

fn matched(
    route: &ServerName,
    spec: &WebSpec,
    came: &Came<'_>,
    (operation, target): (&Operation, &Target),
) -> Read {
    let mut faults = Vec::new();
    let passed = headers::goes_on(came.headers, &spec.headers).unwrap_or_else(|fault| {
        faults.push(fault);
        HeaderMap::new()
    });
    let mut arguments = BTreeMap::new();
    let params = operation.path().matched(&target.path).unwrap_or_default();
    arguments.extend(params.into_iter().map(|(name, it)| (name, Json::Text(it.to_owned()))));
    for (name, value) in &target.query {
        match operation.query().get(name).map(|it| scalar(*it, value)) {
            Some(Some(value)) => drop(arguments.insert(name.clone(), value)),
            Some(None) => faults
                .push(format!("`{}` of its query is not what it should be", name.escape_debug())),
            None => faults.push(format!(
                "its query has `{}`, which this operation does not take",
                name.escape_debug()
            )),
        }
    }
    match body::fields(operation, &passed, came.body) {
        Ok(fields) => arguments.extend(fields),
        Err(fault) => faults.push(fault),
    }
    let whole = whole(came, &passed);
    let name = operation.name().to_string();
    let action = Action { server: route.clone(), kind: ActionKind::Tool, name };
    Read { action, arguments: Json::Object(arguments), whole, headers: passed, faults }
}

/// Stands for a request that is none of the API's.
fn unmatched(route: &ServerName, came: &Came<'_>, fault: Option<String>) -> Read {
    let text = |it: &str| Json::Text(it.chars().take(SHOWN).collect());
    let arguments = BTreeMap::from([
        ("http_method".to_owned(), text(came.method.as_str())),
        ("http_target".to_owned(), text(came.path)),
    ]);
    let none = || {
        format!(
            "`{route}` has no operation `{} {}`",
            came.method,
            came.path.chars().take(SHOWN).collect::<String>().escape_debug()
        )
    };
    let action =
        Action { server: route.clone(), kind: ActionKind::Tool, name: UNMATCHED.to_owned() };
    Read {
        action,
        arguments: Json::Object(arguments),
        whole: whole(came, &HeaderMap::new()),
        headers: HeaderMap::new(),
        faults: vec![fault.unwrap_or_else(none)],
    }
}

fn scalar(of: Scalar, text: &str) -> Option<Json> {
    match of {
        Scalar::Text => Some(Json::Text(text.to_owned())),
        Scalar::Boolean => text.parse().ok().map(Json::Bool),
        Scalar::Integer | Scalar::Number => match Json::parse(text.as_bytes(), MESSAGE).ok()? {
            it @ Json::Int(_) => Some(it),
            it @ Json::Float(_) => Some(it).filter(|_| of == Scalar::Number),
            Json::Null | Json::Bool(_) | Json::Text(_) | Json::List(_) | Json::Object(_) => None,
        },
    }
}

/// Gives all that a permit or an approval of the request is for.
fn whole(came: &Came<'_>, passed: &HeaderMap) -> Json {
    let text = |it: &str| Json::Text(it.to_owned());
    let headers = passed
        .iter()
        .filter(|(name, _)| headers::is_asked(name))
        .map(|(name, value)| (name.to_string(), text(&String::from_utf8_lossy(value.as_bytes()))));
    Json::Object(BTreeMap::from([
        ("method".to_owned(), text(came.method.as_str())),
        ("path".to_owned(), text(came.path)),
        ("query".to_owned(), text(came.query.unwrap_or_default())),
        ("headers".to_owned(), Json::Object(headers.collect())),
        ("body".to_owned(), text(&Digest::of(came.body).to_string())),
    ]))
}
