//! What enforcement points discover: the endpoints that are there, and no others.

use std::sync::Arc;

use axum::{
    extract::State,
    response::{IntoResponse, Response},
};
use bailiwick_model::ObligationKind;
use http::{HeaderMap, StatusCode, header};
use serde_json::json;

use super::{
    Authzen,
    arap::{CAPABILITY, DRAFT, ENDPOINT},
};

/// `GET /.well-known/authzen-configuration`
pub(super) async fn show(State(authzen): State<Arc<Authzen>>, headers: HeaderMap) -> Response {
    if authzen.hosts.foreign(&headers).is_some() {
        return StatusCode::FORBIDDEN.into_response();
    }
    // Where nobody may ask there is nothing to discover.
    if authzen.peps.is_empty() {
        return StatusCode::NOT_FOUND.into_response();
    }
    let url = &authzen.public_url;
    let document = json!({
        "policy_decision_point": url,
        "access_evaluation_endpoint": format!("{url}/access/v1/evaluation"),
        "access_evaluations_endpoint": format!("{url}/access/v1/evaluations"),
        "search_subject_endpoint": format!("{url}/access/v1/search/subject"),
        "search_resource_endpoint": format!("{url}/access/v1/search/resource"),
        "search_action_endpoint": format!("{url}/access/v1/search/action"),
        "access_request_endpoint": format!("{url}{ENDPOINT}"),
        "access_request_profile": DRAFT,
        "supported_obligations": ObligationKind::MET_ELSEWHERE,
        "capabilities": [CAPABILITY],
    });
    let head = [(header::CONTENT_TYPE, "application/json"), (header::CACHE_CONTROL, "max-age=60")];
    (head, document.to_string()).into_response()
}
