//! What the token endpoint gives: RFC 6749 section 5.1, with the granted details of RFC 9396
//! section 7; of an exchange also RFC 8693 section 2.2.1.

use axum::{
    body::Body,
    response::{IntoResponse, Response},
};
use bailiwick_connect::Binding;
use http::{StatusCode, header};
use serde_json::{Map, Value, json};

use super::{details::KIND, exchange, issue::Granted};

/// Writes the token and what it is for.
pub(super) fn granted(granted: &Granted) -> Response {
    let claims = &granted.minted.claims;
    let mut body = json!({
        "access_token": granted.minted.token.expose(),
        "token_type": Binding::token_type(claims.bound.as_ref()),
        "expires_in": claims.expires.seconds().saturating_sub(claims.issued.seconds()),
        "scope": claims.audience.scope(),
        "authorization_details": [details(granted)],
    });
    if let (Some(body), true) = (body.as_object_mut(), granted.exchanged) {
        body.insert("issued_token_type".to_owned(), json!(exchange::ACCESS));
    }
    json(StatusCode::OK, Body::from(body.to_string()))
}

fn details(granted: &Granted) -> Value {
    let (task, claims) = (&granted.task, &granted.minted.claims);
    let params: Map<_, _> =
        task.params.iter().map(|(name, it)| (name.clone(), json!(it.value))).collect();
    let mut details = json!({
        "type": KIND,
        "task": task.id,
        "identity": task.identity,
        "template": task.template,
        "params": params,
        "purpose": task.purpose,
        "actions": claims.intent.actions,
        "locations": [granted.resource],
        "expires": task.deadline.seconds(),
    });
    if let (Some(details), Some(parent)) = (details.as_object_mut(), &task.parent) {
        details.insert("parent".to_owned(), json!(parent));
    }
    if let (Some(details), Some(person)) = (details.as_object_mut(), &task.on_behalf) {
        let person = json!({"issuer": person.issuer, "subject": person.subject});
        details.insert("on_behalf".to_owned(), person);
    }
    details
}

/// Answers with JSON that nobody may keep.
pub(super) fn json(status: StatusCode, body: Body) -> Response {
    let head = [
        (header::CONTENT_TYPE, "application/json"),
        (header::CACHE_CONTROL, "no-store"),
        (header::PRAGMA, "no-cache"),
    ];
    (status, head, body).into_response()
}
