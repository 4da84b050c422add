//! What systems say is possible, as their own tools list it.
//!
//! A file of grants says which system it is of by its shape. Everything here is pure, bytes in and holders out, but for what
//! asks a live database.

mod aws;
mod github;
mod google;
mod kubernetes;
mod mcp;
mod postgres;

use bailiwick_model::{HeldPolicy, Holder, Statement};
use serde_json::Value;

pub use self::mcp::mcp_holders;
pub use self::postgres::{
    PostgresAddress, PostgresAddressError, PostgresGrantsError, list_postgres_grants,
    read_postgres_grants,
};

/// A file of grants cannot be read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum GrantsError {
    /// It is no JSON.
    #[error("this is no JSON: {0}")]
    Json(String),
    /// Nobody knows its shape.
    #[error(
        "this is no list of grants that is known; for AWS it is what `aws iam get-account-authorization-details` prints, \
         and docs/reference/audit-grants.md has the others"
    )]
    Stranger,
    /// A policy in it has another shape.
    #[error("{place}: {why}")]
    Policy {
        /// Whose policy.
        place: String,
        /// What is wrong with it.
        why: String,
    },
}

/// One of several files cannot be read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{file}`: {error}")]
pub struct GrantFileError {
    /// Which.
    pub file: String,
    /// Why not.
    pub error: GrantsError,
}

/// A file of grants.
#[derive(Clone, Copy, Debug)]
pub struct GrantFile<'f> {
    /// How it is called where something is wrong with it.
    pub name: &'f str,
    /// What is in it.
    pub bytes: &'f [u8],
}

/// One value of a file.
#[derive(Clone, Copy)]
struct Document<'d> {
    file: &'d str,
    value: &'d Value,
}

impl Document<'_> {
    fn at_fault(self, error: GrantsError) -> GrantFileError {
        GrantFileError { file: self.file.to_owned(), error }
    }

    fn wrong(self, place: impl Into<String>, why: impl Into<String>) -> GrantFileError {
        self.at_fault(GrantsError::Policy { place: place.into(), why: why.into() })
    }
}

/// One kind of list. All of one kind are read together: what one file names another may explain.
struct Kind {
    knows: fn(&Value) -> bool,
    read: fn(&[Document<'_>]) -> Result<Vec<Holder>, GrantFileError>,
}

/// Every kind. A new one is a file and a line here.
const KINDS: &[Kind] = &[aws::KIND, kubernetes::KIND, google::KIND, github::KIND];

/// Reads a file of grants.
pub fn read_grants(file: &[u8]) -> Result<Vec<Holder>, GrantsError> {
    read_grant_files(&[GrantFile { name: "", bytes: file }]).map_err(|it| it.error)
}

/// Reads files of grants, which may be of several systems.
pub fn read_grant_files(files: &[GrantFile<'_>]) -> Result<Vec<Holder>, GrantFileError> {
    let mut values = Vec::new();
    for file in files {
        let wrong = |error| GrantFileError { file: file.name.to_owned(), error };
        let count = values.len();
        for value in serde_json::Deserializer::from_slice(file.bytes).into_iter::<Value>() {
            let value = value.map_err(|it| wrong(GrantsError::Json(it.to_string())))?;
            values.push((file.name, value));
        }
        if values.len() == count {
            return Err(wrong(GrantsError::Json("there is nothing in it".to_owned())));
        }
    }
    let mut of_kind: Vec<Vec<Document<'_>>> = KINDS.iter().map(|_| Vec::new()).collect();
    for (file, value) in &values {
        let document = Document { file, value };
        let place = KINDS.iter().position(|it| (it.knows)(value));
        match place.and_then(|it| of_kind.get_mut(it)) {
            Some(list) => list.push(document),
            // A tool that found nothing says so by an empty list, whatever it looked for.
            None if value.as_array().is_some_and(Vec::is_empty) => {}
            None => return Err(document.at_fault(GrantsError::Stranger)),
        }
    }
    let mut holders = Vec::new();
    for (kind, documents) in KINDS.iter().zip(&of_kind).filter(|it| !it.1.is_empty()) {
        holders.extend((kind.read)(documents)?);
    }
    Ok(holders)
}

/// Gives the values of a list; none where there is no list.
fn list<'a>(of: &'a Value, name: &str) -> impl Iterator<Item = &'a Value> + use<'a> {
    of.get(name).and_then(Value::as_array).into_iter().flatten()
}

/// Gives a text; an empty one where there is none.
fn text<'a>(of: &'a Value, name: &str) -> &'a str {
    of.get(name).and_then(Value::as_str).unwrap_or_default()
}

/// Gives a list of texts, or what is wrong with it: none is an empty one.
fn texts<'a>(of: &'a Value, name: &str) -> Result<Vec<&'a str>, String> {
    match of.get(name) {
        None | Some(Value::Null) => Ok(Vec::new()),
        Some(Value::Array(all)) => {
            let all = all.iter().map(|it| it.as_str().ok_or(()));
            all.collect::<Result<_, ()>>()
                .map_err(|()| format!("`{name}` has something that is no text"))
        }
        Some(_) => Err(format!("`{name}` is no list")),
    }
}

/// Gives a policy of statements that only give.
fn policy(path: String, statements: Vec<Statement>) -> HeldPolicy {
    HeldPolicy { path, statements, since: None }
}
