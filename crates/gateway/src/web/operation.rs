//! One operation of an API: a method and a path, and what of a request policies see.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
    str::FromStr,
    sync::Arc,
};

use bailiwick_model::ToolName;
use http::Method;
use serde_json::{Value, json, value::RawValue};

use super::{UNMATCHED, body::Spelling};

/// How many parts a path may have.
pub(super) const SEGMENTS_MAX: usize = 64;

/// One operation.
#[derive(Clone, Debug)]
pub struct Operation(Arc<Inside>);

#[derive(Debug)]
struct Inside {
    name: ToolName,
    method: Method,
    path: PathTemplate,
    query: BTreeMap<String, Scalar>,
    body: BTreeMap<String, BodyField>,
    spelling: Spelling,
    definition: Box<RawValue>,
}

/// What a parameter of the query holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scalar {
    /// Text.
    Text,
    /// A whole number.
    Integer,
    /// A number.
    Number,
    /// `true` or `false`.
    Boolean,
}

/// What a field of the body holds, as a JSON Schema says it; anything where it says nothing.
#[derive(Clone, Debug, PartialEq)]
pub struct BodyField(pub Value);

/// A path with names for some of its parts: `/customers/{id}`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PathTemplate(Vec<Segment>);

#[derive(Clone, Debug, PartialEq, Eq)]
enum Segment {
    Fixed(String),
    Param(String),
}

/// An operation cannot be matched or judged.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum OperationError {
    /// Its path is none.
    #[error("`{0}` is no path of an operation: write it like `/customers/{{id}}`")]
    Path(String),
    /// Two of its parameters or fields have one name.
    #[error("`{0}` names two things of this operation: policies could not tell them apart")]
    Twice(String),
    /// Its name is kept for something else.
    #[error("`{UNMATCHED}` stands for requests that are no operation: name it otherwise")]
    Reserved,
    /// It has no body, by its method.
    #[error("a `{0}` has no body")]
    NoBody(Method),
}

impl PartialEq for Operation {
    /// The definition is made of everything else.
    fn eq(&self, other: &Self) -> bool {
        let parts = |it: &Self| {
            let Inside { name, method, path, query, body, .. } = &*it.0;
            (name.clone(), method.clone(), path.clone(), query.clone(), body.clone())
        };
        parts(self) == parts(other)
    }
}

impl Eq for Operation {}

impl Operation {
    /// Makes an operation.
    pub fn new(
        name: ToolName,
        (method, path): (Method, PathTemplate),
        query: BTreeMap<String, Scalar>,
        body: BTreeMap<String, BodyField>,
    ) -> Result<Self, OperationError> {
        if name.as_str() == UNMATCHED {
            return Err(OperationError::Reserved);
        }
        if !body.is_empty() && !takes_a_body(&method) {
            return Err(OperationError::NoBody(method));
        }
        let mut names = BTreeSet::new();
        let all = path.params().chain(query.keys().map(String::as_str));
        for name in all.chain(body.keys().map(String::as_str)) {
            if !names.insert(name) {
                return Err(OperationError::Twice(name.to_owned()));
            }
        }
        let definition = definition(&name, (&method, &path), &query, &body);
        let spelling = Spelling::of(&body);
        Ok(Self(Arc::new(Inside { name, method, path, query, body, spelling, definition })))
    }

    /// Gives its name.
    pub fn name(&self) -> &ToolName {
        &self.0.name
    }

    /// Gives its method.
    pub fn method(&self) -> &Method {
        &self.0.method
    }

    /// Gives its path.
    pub fn path(&self) -> &PathTemplate {
        &self.0.path
    }

    /// Gives it as a tool is defined: what it takes, and whether it only reads.
    pub fn definition(&self) -> &RawValue {
        &self.0.definition
    }

    pub(super) fn query(&self) -> &BTreeMap<String, Scalar> {
        &self.0.query
    }

    pub(super) fn body(&self) -> &BTreeMap<String, BodyField> {
        &self.0.body
    }

    pub(super) fn spelling(&self) -> &Spelling {
        &self.0.spelling
    }

    /// Says whether some request would be both.
    pub fn meets(&self, other: &Self) -> bool {
        self.method() == other.method() && self.path().same_shape(other.path())
    }
}

/// Says whether requests of this method carry something.
pub fn takes_a_body(method: &Method) -> bool {
    [Method::POST, Method::PUT, Method::PATCH, Method::DELETE].contains(method)
}

fn definition(
    name: &ToolName,
    (method, path): (&Method, &PathTemplate),
    query: &BTreeMap<String, Scalar>,
    body: &BTreeMap<String, BodyField>,
) -> Box<RawValue> {
    let text = || json!({"type": "string"});
    let params = path.params().map(|it| (it.to_owned(), text()));
    let query = query.iter().map(|(name, it)| (name.clone(), json!({"type": it.as_str()})));
    let body = body.iter().map(|(name, BodyField(schema))| (name.clone(), schema.clone()));
    let properties: serde_json::Map<String, Value> = params.chain(query).chain(body).collect();
    let looks = matches!(*method, Method::GET | Method::HEAD | Method::OPTIONS);
    let definition = json!({
        "name": name.as_str(),
        "description": format!("{method} {path}"),
        "inputSchema": {
            "type": "object",
            "properties": properties,
            "required": path.params().collect::<Vec<_>>(),
        },
        "annotations": {"readOnlyHint": looks, "destructiveHint": *method == Method::DELETE},
    });
    crate::jsonrpc::raw_of(&definition)
}

impl Scalar {
    /// Gives JSON Schema's word for it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Text => "string",
            Self::Integer => "integer",
            Self::Number => "number",
            Self::Boolean => "boolean",
        }
    }
}

impl PathTemplate {
    /// Gives the names of its parts that have one.
    pub fn params(&self) -> impl Iterator<Item = &str> {
        self.0.iter().filter_map(|it| match it {
            Segment::Param(name) => Some(name.as_str()),
            Segment::Fixed(_) => None,
        })
    }

    /// Gives what a path has in the places of the names, where it fits.
    pub(super) fn matched<'p>(&self, path: &'p [String]) -> Option<BTreeMap<String, &'p str>> {
        if path.len() != self.0.len() {
            return None;
        }
        let mut params = BTreeMap::new();
        for (wanted, found) in self.0.iter().zip(path) {
            match wanted {
                Segment::Fixed(text) if text == found => {}
                Segment::Fixed(_) => return None,
                Segment::Param(name) => drop(params.insert(name.clone(), found.as_str())),
            }
        }
        Some(params)
    }

    /// Says how much of it is fixed, from its beginning: of two that fit, the larger is meant.
    pub(super) fn fixed(&self) -> Vec<bool> {
        self.0.iter().map(|it| matches!(it, Segment::Fixed(_))).collect()
    }

    fn same_shape(&self, other: &Self) -> bool {
        self.0.len() == other.0.len()
            && self.0.iter().zip(&other.0).all(|both| match both {
                (Segment::Param(_), Segment::Param(_)) => true,
                (Segment::Fixed(one), Segment::Fixed(other)) => one == other,
                (Segment::Param(_), Segment::Fixed(_)) | (Segment::Fixed(_), Segment::Param(_)) => {
                    false
                }
            })
    }
}

impl FromStr for PathTemplate {
    type Err = OperationError;

    fn from_str(text: &str) -> Result<Self, OperationError> {
        let wrong = || OperationError::Path(text.chars().take(200).collect());
        let rest = text.strip_prefix('/').ok_or_else(wrong)?;
        if rest.is_empty() {
            return Ok(Self(Vec::new()));
        }
        let segments: Option<Vec<Segment>> = rest.split('/').map(Segment::read).collect();
        let segments = segments.filter(|it| it.len() <= SEGMENTS_MAX).ok_or_else(wrong)?;
        let mut names = BTreeSet::new();
        for segment in &segments {
            if let Segment::Param(name) = segment
                && !names.insert(name)
            {
                return Err(OperationError::Twice(name.clone()));
            }
        }
        Ok(Self(segments))
    }
}

impl Segment {
    fn read(text: &str) -> Option<Self> {
        let plain = |it: char| it.is_ascii_alphanumeric() || matches!(it, '-' | '_' | '.' | '~');
        if let Some(name) = text.strip_prefix('{').and_then(|it| it.strip_suffix('}')) {
            let fits = |it: char| it.is_ascii_alphanumeric() || matches!(it, '-' | '_');
            let named = !name.is_empty() && name.len() <= 64 && name.chars().all(fits);
            return named.then(|| Self::Param(name.to_owned()));
        }
        let more = |it: char| plain(it) || matches!(it, ':' | '@' | '$' | '!' | '+' | ',' | '=');
        let fits = !text.is_empty() && !matches!(text, "." | "..") && text.chars().all(more);
        fits.then(|| Self::Fixed(text.to_owned()))
    }
}

impl fmt::Display for PathTemplate {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0.is_empty() {
            return out.write_str("/");
        }
        for segment in &self.0 {
            match segment {
                Segment::Fixed(text) => write!(out, "/{text}")?,
                Segment::Param(name) => write!(out, "/{{{name}}}")?,
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_is_written_as_it_was_read() {
        for text in ["/", "/customers", "/customers/{id}", "/v1/a.b/{x}/c:do"] {
            assert_eq!(text.parse::<PathTemplate>().unwrap().to_string(), text);
        }
        for wrong in [
            "",
            "customers",
            "/a//b",
            "/a/",
            "/..",
            "/a/{}",
            "/a/x{id}",
            "/a b",
            "/%41",
            "/{a}/{a}",
        ] {
            assert!(wrong.parse::<PathTemplate>().is_err(), "{wrong}");
        }
    }

    #[test]
    fn two_things_of_one_name_are_no_operation() {
        let make = |method, query: &[&str], body: &[&str]| {
            Operation::new(
                "op".parse().unwrap(),
                (method, "/c/{id}".parse().unwrap()),
                query.iter().map(|it| ((*it).to_owned(), Scalar::Text)).collect(),
                body.iter().map(|it| ((*it).to_owned(), BodyField(json!({})))).collect(),
            )
        };
        assert!(make(Method::POST, &["limit"], &["amount"]).is_ok());
        assert!(make(Method::POST, &["id"], &[]).is_err());
        assert!(make(Method::POST, &["a"], &["a"]).is_err());
        assert!(make(Method::GET, &[], &["amount"]).is_err());
    }
}
