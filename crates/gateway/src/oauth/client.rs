//! Who asks for a token: proved by a signed assertion (RFC 7523 as updated by RFC 10070), by
//! nothing else.

use bailiwick_connect::{AssertionVerifier, ProofError};
use bailiwick_model::IdentityId;
use http::{HeaderMap, header};

use super::{
    Client, Oauth,
    form::Form,
    refusal::{Code, TokenRefusal},
};

const ASSERTION: &str = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";

/// Gives the identity that proved itself, and uses its assertion up.
pub(super) fn authenticate(
    oauth: &Oauth,
    headers: &HeaderMap,
    form: &Form,
) -> Result<Client, TokenRefusal> {
    let only = "clients prove themselves by `private_key_jwt`: `client_assertion` and its type";
    if headers.contains_key(header::AUTHORIZATION) || form.get("client_secret").is_some() {
        return Err(Code::InvalidClient.says(only));
    }
    let (Some(kind), Some(assertion)) =
        (form.get("client_assertion_type"), form.get("client_assertion"))
    else {
        return Err(Code::InvalidClient.says(only));
    };
    if kind != ASSERTION {
        return Err(
            Code::InvalidClient.says(format!("`client_assertion_type` is not `{ASSERTION}`"))
        );
    }
    let identity = AssertionVerifier::claimed(assertion)?;
    if form.get("client_id").is_some_and(|it| it != identity.as_str()) {
        let text = "`client_id` is not the `sub` of the assertion";
        return Err(Code::InvalidClient.says(text));
    }
    let snapshot = oauth.lane.desk().snapshot();
    let Some(charter) = snapshot.charters.get(&identity) else {
        return Err(stranger(&identity));
    };
    match oauth.assertions.verify(assertion, charter, oauth.now()) {
        Ok(key) => {
            let templates = charter.templates.iter().cloned().collect();
            Ok(Client { identity, key, templates })
        }
        Err(ProofError::NoKey { .. } | ProofError::BadSignature { .. }) => Err(stranger(&identity)),
        Err(error) => Err(error.into()),
    }
}

/// Refuses whoever holds no key of the identity, in the same words whether there is such an
/// identity or not.
fn stranger(identity: &IdentityId) -> TokenRefusal {
    Code::InvalidClient.says(format!("no registered key of `{identity}` made this signature"))
}
