//! What is told of a request for a person.

use bailiwick_kernel::{Standing, standing};
use bailiwick_model::{HeldEvaluation, Timestamp};
use serde_json::{Value, json};

use super::ENDPOINT;

/// Tells where `held` stands, and what came of it.
pub(super) fn shown(held: &HeldEvaluation, public_url: &str, now: Timestamp) -> Value {
    let standing = standing(held, now);
    let mut task = json!({
        "id": held.id,
        "status": word(&standing),
        "status_endpoint": endpoint(held, public_url),
        "expires_at": held.expires,
    });
    if let (Standing::Pending, Some(task)) = (&standing, task.as_object_mut()) {
        let cancel = format!("{}/cancel", endpoint(held, public_url));
        task.insert("links".to_owned(), json!({"cancel": cancel}));
    }
    let Standing::Approved { at, until } = standing else { return json!({"task": task}) };
    let approval = json!({"id": held.id, "approved_at": at, "approved_until": until});
    json!({"task": task, "result": {"mode": "reevaluate", "approval": approval}})
}

/// Says where one can be asked about.
pub(super) fn endpoint(held: &HeldEvaluation, public_url: &str) -> String {
    format!("{public_url}{ENDPOINT}/{}", held.id)
}

const fn word(standing: &Standing) -> &'static str {
    match standing {
        Standing::Pending => "pending",
        Standing::Approved { .. } => "approved",
        Standing::Denied => "denied",
        Standing::Expired => "expired",
        Standing::Cancelled => "cancelled",
    }
}
