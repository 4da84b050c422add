//! What is answered: a yes or a no, and beside it why.

use std::collections::BTreeSet;

use axum::{
    body::Body,
    response::{IntoResponse, Response},
};
use bailiwick_kernel::Evaluated;
use bailiwick_model::{DecisionId, ObligationKind, Obligations, Reason, ReasonCode, VerdictKind};
use http::{StatusCode, header};
use serde_json::{Value, json};

/// Says whether a verdict is a yes. Nobody may go on with what waits for a person.
pub(super) const fn is_yes(verdict: VerdictKind) -> bool {
    match verdict {
        VerdictKind::Allow => true,
        VerdictKind::Hold | VerdictKind::Deny => false,
    }
}

/// Tells of one evaluation.
pub(super) fn of(decision: &DecisionId, evaluated: &Evaluated) -> Value {
    let reasons: Vec<_> = evaluated.reasons.iter().chain(&evaluated.errors).collect();
    let policies: BTreeSet<_> =
        evaluated.reasons.iter().filter(|it| is_of_policy(it)).map(|it| &it.source).collect();
    let told = |it: &&Reason| json!({"code": it.code, "text": it.text, "source": it.source});
    let mut context = json!({
        "evaluation_id": decision,
        "verdict": evaluated.verdict,
        "policies": policies,
        "policy_version": evaluated.policy,
        "reasons": reasons.iter().map(told).collect::<Vec<_>>(),
    });
    let first = evaluated.reasons.first().filter(|_| !is_yes(evaluated.verdict));
    if let (Some(context), Some(first)) = (context.as_object_mut(), first) {
        context.insert("reason".to_owned(), json!(first.code));
    }
    if let Some(context) = context.as_object_mut()
        && !evaluated.obligations.is_nothing()
    {
        let asked = obligations(decision, &evaluated.obligations);
        context.insert("obligations".to_owned(), asked.clone());
        context.insert("constraints".to_owned(), asked);
    }
    json!({"decision": is_yes(evaluated.verdict), "context": context})
}

/// Tells what must happen along with a yes, each sort by itself: all of it, in any order.
fn obligations(decision: &DecisionId, asked: &Obligations) -> Value {
    let all = serde_json::to_value(asked).unwrap_or_default();
    let one = |kind: ObligationKind| {
        let properties = json!({kind.as_str(): all.get(kind.as_str())});
        json!({"id": format!("{decision}.{kind}"), "type": kind, "properties": properties})
    };
    asked.kinds().into_iter().map(one).collect()
}

/// Says whether a reason names a policy.
fn is_of_policy(reason: &Reason) -> bool {
    [
        ReasonCode::PolicyPermits,
        ReasonCode::PolicyForbids,
        ReasonCode::ApprovalNeeded,
        ReasonCode::PolicyError,
    ]
    .contains(&reason.code)
}

/// Tells of one of several that could not be read: a no, as the others are answered.
pub(super) fn unreadable(why: &str) -> Value {
    let error = json!({"status": StatusCode::BAD_REQUEST.as_u16(), "message": why});
    json!({"decision": false, "context": {"error": error}})
}

/// Tells of several.
pub(super) fn several(all: Vec<Value>) -> Value {
    json!({"evaluations": all})
}

/// Sends an answer that nobody may keep.
pub(super) fn given(answer: String) -> Response {
    let head = [(header::CONTENT_TYPE, "application/json"), (header::CACHE_CONTROL, "no-store")];
    (StatusCode::OK, head, Body::from(answer)).into_response()
}
