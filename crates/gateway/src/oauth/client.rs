//! Who asks for a token: proved by an assertion of its own key (RFC 7523 as updated by RFC 10070), by
//! a token of somebody who vouches for it, or by the certificate that it connected with (RFC 8705,
//! section 2), and by nothing else.

use bailiwick_connect::{AssertionVerifier, Attested, ProofError, Vouched};
use bailiwick_model::{Charter, IdentityId, Proof};
use http::{HeaderMap, header};

use super::{
    Client, Oauth, Sent,
    form::Form,
    mandate,
    refusal::{Code, TokenRefusal},
};

const ASSERTION: &str = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";
const SPIFFE: &str = "urn:ietf:params:oauth:client-assertion-type:jwt-spiffe";
/// The grant whose assertion proves who asks as well (RFC 7523, section 2.1).
pub(super) const GRANT: &str = "urn:ietf:params:oauth:grant-type:jwt-bearer";

/// Gives the identity that proved itself, and uses its assertion up.
pub(super) async fn authenticate(
    oauth: &Oauth,
    Sent { headers, form, certificate }: &Sent,
) -> Result<Client, TokenRefusal> {
    if form.get("grant_type") == Some(GRANT) && !mandate::is_shown(form) {
        return by_grant(oauth, headers, form).await;
    }
    let only = if oauth.asks_for_certificates {
        "clients prove themselves by `client_assertion` and its type, or by the certificate (X.509-SVID) that they connect with"
    } else {
        "clients prove themselves by `client_assertion` and its type"
    };
    if headers.contains_key(header::AUTHORIZATION) || form.get("client_secret").is_some() {
        return Err(Code::InvalidClient.says(only));
    }
    let said = (form.get("client_assertion_type"), form.get("client_assertion"));
    let (kind, assertion) = match (said, certificate) {
        ((Some(kind), Some(assertion)), _) => (kind, assertion),
        ((None, None), Some(certificate)) => {
            let vouched = oauth.attestor.x509(certificate, oauth.now()).await?;
            return vouched_for(oauth, form, &vouched);
        }
        ((None, None), None) | ((Some(_), None) | (None, Some(_)), _) => {
            return Err(Code::InvalidClient.says(only));
        }
    };
    match kind {
        SPIFFE => {
            let vouched = oauth.attestor.spiffe(assertion, oauth.now()).await?;
            vouched_for(oauth, form, &vouched)
        }
        ASSERTION if oauth.attestor.is_of_issuer(assertion) => {
            let vouched = oauth.attestor.oidc(assertion, oauth.now()).await?;
            vouched_for(oauth, form, &vouched)
        }
        ASSERTION => by_own_key(oauth, form, assertion),
        _ => {
            let text = format!("`client_assertion_type` is neither `{ASSERTION}` nor `{SPIFFE}`");
            Err(Code::InvalidClient.says(text))
        }
    }
}

/// Takes a token of an issuer for both: who asks, and that it may.
async fn by_grant(oauth: &Oauth, headers: &HeaderMap, form: &Form) -> Result<Client, TokenRefusal> {
    let others = ["client_assertion", "client_secret"];
    if headers.contains_key(header::AUTHORIZATION) || others.iter().any(|it| form.get(it).is_some())
    {
        let text = "with this grant, `assertion` is the one proof";
        return Err(Code::InvalidRequest.says(text));
    }
    let assertion = form.needed("assertion")?;
    let client = match oauth.attestor.oidc(assertion, oauth.now()).await {
        Ok(vouched) => vouched_for(oauth, form, &vouched),
        Err(error) => Err(error.into()),
    };
    // The same words under the grant's own code (RFC 7523, section 3.1).
    client.map_err(|refusal| refusal.under(Code::InvalidGrant))
}

/// Finds the one identity that is proved by this, and uses it up.
fn vouched_for(oauth: &Oauth, form: &Form, vouched: &Vouched) -> Result<Client, TokenRefusal> {
    let attested = &vouched.who;
    let ours = oauth.mint.issuer().as_str();
    let snapshot = oauth.lane.desk().snapshot();
    let proves = |it: &Proof| match (it, attested) {
        (Proof::Spiffe(wanted), Attested::Spiffe(id)) => wanted == id,
        (
            Proof::Oidc { issuer: one, subject: who, audience: whom },
            Attested::Oidc { issuer, subject, audience },
        ) => one == issuer && who == subject && whom.as_deref().unwrap_or(ours) == audience,
        (
            Proof::Key { .. }
            | Proof::Uid(_)
            | Proof::Enrolled
            | Proof::Spiffe(_)
            | Proof::Oidc { .. },
            _,
        ) => false,
    };
    let mut proved = snapshot.charters.values().filter(|it| it.proof.iter().any(&proves));
    let told = match attested {
        Attested::Spiffe(id) => format!("`{id}`"),
        Attested::Oidc { issuer, subject, audience } => {
            format!("subject `{subject}` of `{issuer}` for `{audience}`")
        }
    };
    let (Some(charter), None) = (proved.next(), proved.next()) else {
        return Err(Code::InvalidClient.says(format!("no charter alone is proved by {told}")));
    };
    check_client_id(form, &charter.identity)?;
    oauth.attestor.use_up(vouched, &charter.identity, oauth.now())?;
    let key = attested.credential();
    let key = key.ok_or_else(|| Code::ServerError.says("what was shown could not be named"))?;
    Ok(client(charter, key))
}

fn by_own_key(oauth: &Oauth, form: &Form, assertion: &str) -> Result<Client, TokenRefusal> {
    let identity = AssertionVerifier::claimed(assertion)?;
    check_client_id(form, &identity)?;
    let snapshot = oauth.lane.desk().snapshot();
    let Some(charter) = snapshot.charters.get(&identity) else {
        return Err(stranger(&identity));
    };
    let enrolled = oauth.enrolments.keys_of(&identity);
    match oauth.assertions.verify(assertion, (charter, &enrolled), oauth.now()) {
        Ok(key) => Ok(client(charter, key)),
        Err(ProofError::NoKey { .. } | ProofError::BadSignature { .. }) => Err(stranger(&identity)),
        Err(error) => Err(error.into()),
    }
}

fn client(charter: &Charter, key: bailiwick_model::CredentialId) -> Client {
    let templates = charter.templates.iter().cloned().collect();
    Client { identity: charter.identity.clone(), key, templates }
}

fn check_client_id(form: &Form, identity: &IdentityId) -> Result<(), TokenRefusal> {
    if form.get("client_id").is_some_and(|it| it != identity.as_str()) {
        let text = "`client_id` is not the identity that is proved";
        return Err(Code::InvalidClient.says(text));
    }
    Ok(())
}

/// Refuses whoever holds no key of the identity, in the same words whether there is such an
/// identity or not.
fn stranger(identity: &IdentityId) -> TokenRefusal {
    Code::InvalidClient.says(format!("no registered key of `{identity}` made this signature"))
}
