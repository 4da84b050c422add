//! What systems say is possible, as their own tools list it.
//!
//! A file of grants says which system it is of by its shape. Everything here is pure: bytes in, holders out.

mod aws;

use bailiwick_model::Holder;
use serde_json::Value;

/// A file of grants cannot be read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum GrantsError {
    /// It is no JSON.
    #[error("this is no JSON: {0}")]
    Json(String),
    /// Nobody knows its shape.
    #[error(
        "this is no list of grants that is known; for AWS it is what `aws iam get-account-authorization-details` prints"
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

/// Reads a file of grants.
pub fn read_grants(file: &[u8]) -> Result<Vec<Holder>, GrantsError> {
    let value: Value =
        serde_json::from_slice(file).map_err(|it| GrantsError::Json(it.to_string()))?;
    if aws::knows(&value) { aws::read(&value) } else { Err(GrantsError::Stranger) }
}
