//! `POST /leases/{target}`: a credential for whoever shows a task's token.

use std::{collections::BTreeSet, sync::Arc};

use axum::{
    Router,
    body::Body,
    extract::{Path, State},
    response::{IntoResponse as _, Response},
    routing::post,
};
use bailiwick_connect::{Audience, Field};
use bailiwick_model::{Surface, TargetName, VerdictKind, parse_span};
use http::{HeaderValue, Request, StatusCode, header};
use http_body_util::{BodyExt as _, Limited};
use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::{Door, stream::DECISION};
use crate::{
    HandedOut, LeaseAnswered, LeaseAsker, LeaseWish, Leases, Refusal, desk::seconds,
    lane::caller_of, limits::BODY_WAIT,
};

/// The longest wish.
const WISH_MAX: usize = 16 << 10;

/// Where credentials are asked for.
#[derive(Clone, Debug)]
struct Counter {
    door: Arc<Door>,
    leases: Arc<Leases>,
}

/// The route on which credentials are asked for.
pub fn lease_router(door: Arc<Door>, leases: Arc<Leases>) -> Router {
    Router::new().route("/leases/{target}", post(ask)).with_state(Counter { door, leases })
}

/// What is asked for; all of it may be left out.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct Wish {
    #[serde(default)]
    wants: BTreeSet<String>,
    #[serde(rename = "for", default)]
    span: Option<String>,
}

async fn ask(
    State(counter): State<Counter>,
    Path(target): Path<String>,
    request: Request<Body>,
) -> Response {
    let (parts, body) = request.into_parts();
    // A token for one server alone is no word about credentials elsewhere.
    let caller = match counter.door.check_caller(&Audience::All, (&parts).into()) {
        Ok(caller) => caller,
        Err(turned) => return turned.into_response(),
    };
    if let Some(wait) = counter.door.lane.desk().turned_away(&caller.identity) {
        let text = format!("refused too often: come back in {} s", seconds(&wait));
        let mut response = problem(StatusCode::TOO_MANY_REQUESTS, "turned_away", &text, json!({}));
        response.headers_mut().insert(header::RETRY_AFTER, seconds(&wait).into());
        return response;
    }
    let wish = match read(&target, body).await {
        Ok(wish) => wish,
        Err(response) => return *response,
    };
    let asker = LeaseAsker { caller: caller_of(&caller), surface: Surface::Lease };
    match counter.leases.ask(asker, wish).await {
        None => no_target(),
        Some(answered) => written(&answered),
    }
}

/// Reads what is wanted of which target.
async fn read(target: &str, body: Body) -> Result<LeaseWish, Box<Response>> {
    let bad = |text: &str| Box::new(problem(StatusCode::BAD_REQUEST, "body", text, json!({})));
    let target: TargetName = target.parse().map_err(|_| Box::new(no_target()))?;
    let arriving = Limited::new(body, WISH_MAX).collect();
    let arrived = tokio::time::timeout(BODY_WAIT, arriving).await;
    let Ok(Ok(bytes)) = arrived else {
        return Err(bad("the body did not arrive, or is longer than 16 KiB"));
    };
    let bytes = bytes.to_bytes();
    let first = bytes.iter().find(|it| !it.is_ascii_whitespace());
    if first.is_some_and(|it| *it != b'{') {
        return Err(bad("a wish is a JSON object"));
    }
    let wish: Wish = if first.is_none() {
        Wish::default()
    } else {
        serde_json::from_slice(&bytes)
            .map_err(|error| bad(&format!("it cannot be read: {error}")))?
    };
    let span = wish.span.as_deref().map(parse_span).transpose();
    let span = span.map_err(|error| bad(&format!("`for`: {error}")))?;
    Ok(LeaseWish { target, wants: wish.wants, span })
}

/// Writes what became of a wish. What is written of a credential here is all that its holder gets.
fn written(answered: &LeaseAnswered) -> Response {
    let (mut response, decision) = match answered {
        LeaseAnswered::HandedOut(decision, handed) => {
            handed.take();
            (super::json(StatusCode::OK, body(&shown(handed, decision.as_str()))), decision)
        }
        LeaseAnswered::Refused(refusal) => (refused(refusal), &refusal.decision),
        // What its target said is for the record, and for whoever runs the governor.
        LeaseAnswered::Failed(decision, _) => {
            let more = json!({"decision": decision});
            let status = StatusCode::SERVICE_UNAVAILABLE;
            let text = "the target did not make the credential: ask again later, or whoever runs this governor";
            (problem(status, "not_made", text, more), decision)
        }
    };
    if let Ok(value) = HeaderValue::from_str(decision.as_str()) {
        response.headers_mut().insert(&DECISION, value);
    }
    response
}

/// Shows a credential to its holder.
fn shown(handed: &HandedOut, decision: &str) -> Value {
    let text = |field: &Field| match field {
        Field::Plain(text) => text.clone(),
        Field::Secret(secret) => secret.expose().to_owned(),
    };
    let fields = handed.credential.fields();
    let credential: Map<String, Value> =
        fields.map(|(name, it)| (name.to_owned(), Value::String(text(it)))).collect();
    let lease = &handed.lease;
    json!({
        "lease": lease.id,
        "task": lease.task,
        "target": lease.target,
        "wants": lease.wants,
        "enforced": lease.enforced,
        "called": lease.called,
        "expires": lease.until,
        "decision": decision,
        "credential": credential,
    })
}

fn refused(refusal: &Refusal) -> Response {
    let more = json!({
        "decision": refusal.decision,
        "hold": refusal.hold,
        "reasons": refusal.reasons,
    });
    match refusal.verdict {
        VerdictKind::Hold => {
            let text = "a person must say yes first: ask again once they have";
            problem(StatusCode::FORBIDDEN, "held", text, more)
        }
        VerdictKind::Deny | VerdictKind::Allow => {
            problem(StatusCode::FORBIDDEN, "refused", "it was decided that you may not", more)
        }
    }
}

fn no_target() -> Response {
    problem(StatusCode::NOT_FOUND, "unknown", "there is no such target", json!({}))
}

fn body(value: &Value) -> Vec<u8> {
    value.to_string().into_bytes()
}

/// Says no, as problem details (RFC 9457).
fn problem(status: StatusCode, code: &str, title: &str, more: Value) -> Response {
    let mut all = json!({
        "type": format!("about:blank#{code}"),
        "title": title,
        "status": status.as_u16(),
        "code": code,
    });
    if let (Value::Object(all), Value::Object(more)) = (&mut all, more) {
        all.extend(more.into_iter().filter(|(_, it)| !it.is_null()));
    }
    let mut response = super::json(status, body(&all));
    let kind = HeaderValue::from_static("application/problem+json");
    response.headers_mut().insert(header::CONTENT_TYPE, kind);
    response
}
