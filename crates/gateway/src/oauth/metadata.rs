//! What clients discover: RFC 8414 for the token endpoint, RFC 9728 for each resource, and the
//! public keys.
//!
//! A resource's metadata follow from its name alone, whether there is such a server or not: a
//! stranger learns nothing from them.

use std::sync::Arc;

use axum::{
    body::Body,
    extract::{Path, State},
    response::{IntoResponse, Response},
};
use bailiwick_connect::{Audience, DPOP_ALGORITHMS};
use http::{HeaderMap, StatusCode, header};
use serde_json::{Value, json};

use super::{GRANTS, Oauth, answer, details::KIND, mandate::PROFILE};

/// `GET /.well-known/oauth-authorization-server`
pub(super) async fn server(State(oauth): State<Arc<Oauth>>, headers: HeaderMap) -> Response {
    let issuer = oauth.mint.issuer();
    let at = |path: &str| format!("{issuer}{path}");
    let mut document = json!({
        "issuer": issuer.as_str(),
        "token_endpoint": at("/oauth2/token"),
        "jwks_uri": at("/oauth2/jwks"),
        "grant_types_supported": GRANTS,
        "introspection_endpoint": at("/oauth2/introspect"),
        "introspection_endpoint_auth_methods_supported": proofs(&oauth),
        "introspection_endpoint_auth_signing_alg_values_supported": ["ES256"],
        "revocation_endpoint": at("/oauth2/revoke"),
        "revocation_endpoint_auth_methods_supported": proofs(&oauth),
        "revocation_endpoint_auth_signing_alg_values_supported": ["ES256"],
        "token_endpoint_auth_methods_supported": proofs(&oauth),
        "token_endpoint_auth_signing_alg_values_supported": ["ES256"],
        "dpop_signing_alg_values_supported": signs(),
        "tls_client_certificate_bound_access_tokens": oauth.asks_for_certificates,
        "authorization_details_types_supported": [KIND],
        "scopes_supported": [Audience::All.scope()],
        // Needed only where codes are given, and yet the MCP SDKs read no document without it.
        "authorization_endpoint": at("/oauth2/authorize"),
        "response_types_supported": [],
    });
    if let (Some(document), true) = (document.as_object_mut(), oauth.attestor.takes_mandates()) {
        document.insert("authorization_grant_profiles_supported".to_owned(), json!([PROFILE]));
    }
    published(&oauth, &headers, &document)
}

/// `GET /.well-known/oauth-protected-resource/mcp`
pub(super) async fn all(State(oauth): State<Arc<Oauth>>, headers: HeaderMap) -> Response {
    published(&oauth, &headers, &resource(&oauth, &Audience::All))
}

/// `GET /.well-known/oauth-protected-resource/mcp/{server}`
pub(super) async fn one(
    State(oauth): State<Arc<Oauth>>,
    Path(server): Path<String>,
    headers: HeaderMap,
) -> Response {
    match server.parse() {
        Ok(server) => published(&oauth, &headers, &resource(&oauth, &Audience::Server(server))),
        Err(_) => StatusCode::NOT_FOUND.into_response(),
    }
}

/// `GET /.well-known/oauth-protected-resource/http/{route}`
pub(super) async fn route(
    State(oauth): State<Arc<Oauth>>,
    Path(route): Path<String>,
    headers: HeaderMap,
) -> Response {
    match route.parse() {
        Ok(route) => published(&oauth, &headers, &resource(&oauth, &Audience::Route(route))),
        Err(_) => StatusCode::NOT_FOUND.into_response(),
    }
}

/// `GET /oauth2/jwks`
pub(super) async fn keys(State(oauth): State<Arc<Oauth>>, headers: HeaderMap) -> Response {
    let keys = oauth.keys.jwks(oauth.now()).canonical();
    public(&oauth, &headers, keys)
}

/// `GET /oauth2/authorize`: no codes are given, and whoever comes here is told what to do.
pub(super) async fn no_codes() -> Response {
    let text = "no authorization codes are given here: an agent proves itself with its own key at `/oauth2/token`";
    let body = json!({"error": "unsupported_response_type", "error_description": text});
    answer::json(StatusCode::BAD_REQUEST, Body::from(body.to_string()))
}

fn resource(oauth: &Oauth, audience: &Audience) -> Value {
    let issuer = oauth.mint.issuer();
    json!({
        "resource": issuer.resource(audience),
        "authorization_servers": [issuer.as_str()],
        "scopes_supported": [audience.scope()],
        "bearer_methods_supported": ["header"],
        "dpop_signing_alg_values_supported": signs(),
        "dpop_bound_access_tokens_required": false,
        "tls_client_certificate_bound_access_tokens": oauth.asks_for_certificates,
        "authorization_details_types_supported": [KIND],
    })
}

/// Names the ways in which clients may prove who they are.
fn proofs(oauth: &Oauth) -> Vec<&'static str> {
    let certificate = oauth.asks_for_certificates.then_some("spiffe_x509");
    ["private_key_jwt", "spiffe_jwt"].into_iter().chain(certificate).collect()
}

/// Names what proofs of possession may be signed with.
fn signs() -> Vec<&'static str> {
    DPOP_ALGORITHMS.iter().map(|it| it.as_str()).collect()
}

fn published(oauth: &Oauth, headers: &HeaderMap, document: &Value) -> Response {
    public(oauth, headers, document.to_string())
}

/// Answers with what anybody may know and keep for a minute.
fn public(oauth: &Oauth, headers: &HeaderMap, document: String) -> Response {
    if oauth.hosts.foreign(headers).is_some() {
        return StatusCode::FORBIDDEN.into_response();
    }
    let head = [(header::CONTENT_TYPE, "application/json"), (header::CACHE_CONTROL, "max-age=60")];
    (head, document).into_response()
}
