//! A held evaluation: what it says of asking for a person, and what an approval makes of it.

use bailiwick_kernel::{Evaluated, Shown, Snapshot, Unfit, evaluate_approved};
use bailiwick_model::{
    Evaluation, HeldEvaluation, HeldStatus, HoldId, Json, Timestamp, VerdictKind,
};
use serde_json::{Map, Value, json};

use super::{super::ask::Asker, ENDPOINT, HINT, bound};

/// An evaluation, with what approvals have to do with it.
#[derive(Debug)]
pub(in super::super) struct Judged {
    pub(in super::super) evaluated: Evaluated,
    /// The approval that it used up.
    pub(in super::super) approval: Option<HoldId>,
    /// Of a hold, the keyed digest of all that an approval would be bound to.
    pub(in super::super) asked: Option<String>,
    /// What is told beside what every answer tells.
    told: Map<String, Value>,
}

impl Judged {
    /// Adds what is told to an answer.
    pub(in super::super) fn tell(&mut self, answer: &mut Value) {
        if let Some(context) = answer.get_mut("context").and_then(Value::as_object_mut) {
            context.append(&mut self.told);
        }
    }
}

/// How long a client waits before it asks whether a person has answered.
pub(super) const AGAIN_SECONDS: u64 = 5;

/// Finds what approvals have to do with `evaluated`: nothing, unless it is a hold.
pub(in super::super) fn judged(
    asker: &Asker<'_>,
    (snapshot, evaluation): (&Snapshot, &Evaluation),
    evaluated: Evaluated,
    now: Timestamp,
) -> Judged {
    if evaluated.verdict != VerdictKind::Hold {
        return Judged { evaluated, approval: None, asked: None, told: Map::new() };
    }
    let read = snapshot.access.context_read();
    let asked = asker.desk.evidence().digest(&bound(evaluation, read));
    let reasons = evaluated.reasons.clone();
    let shown =
        Shown { pep: asker.pep, asked: &asked, reasons: &reasons, policy: &evaluated.policy, now };
    let Some(given) = evaluation.context.get("approval") else {
        let told = told([("reason", json!("approval_required")), hint(asker, now)]);
        return Judged { evaluated, approval: None, asked: Some(asked), told };
    };
    let (again, used) = match with_approval(asker, (snapshot, evaluation), given, &shown) {
        Ok((again, used)) => (again, used),
        Err(unfit) => {
            let told = refused(asker, unfit, now);
            return Judged { evaluated, approval: None, asked: Some(asked), told };
        }
    };
    let (approval, told) = match used {
        Some(used) => (Some(used.id.clone()), told([("approval", approved(&used))])),
        None => (None, told([("reason", json!("policy_denied")), ("next_action", json!("none"))])),
    };
    Judged { evaluated: again, approval, asked: Some(asked), told }
}

/// Evaluates again with the approval that is shown, and uses it up where that is a yes.
fn with_approval(
    asker: &Asker<'_>,
    (snapshot, evaluation): (&Snapshot, &Evaluation),
    given: &Json,
    shown: &Shown<'_>,
) -> Result<(Evaluated, Option<HeldEvaluation>), Unfit> {
    let id = given.get("id").and_then(Json::as_text).and_then(|it| it.parse::<HoldId>().ok());
    let id = id.ok_or(Unfit::Unknown)?;
    let by = asker.desk.approval(&id, shown)?;
    let again = evaluate_approved(snapshot, evaluation, &by, shown.now);
    match again.verdict {
        VerdictKind::Allow => {
            let used = asker.desk.use_approval(&id, shown)?;
            Ok((again, Some(used)))
        }
        VerdictKind::Deny => Ok((again, None)),
        // Another person is wanted than the one who said yes.
        VerdictKind::Hold => Err(Unfit::OutOfScope),
    }
}

fn told<const N: usize>(all: [(&str, Value); N]) -> Map<String, Value> {
    all.into_iter().map(|(name, it)| (name.to_owned(), it)).collect()
}

/// Says where and until when a person can be asked for.
fn hint(asker: &Asker<'_>, now: Timestamp) -> (&'static str, Value) {
    let endpoint = format!("{}{ENDPOINT}", asker.public_url);
    ("access_request", json!({"expires_at": now.after(HINT), "endpoint": endpoint}))
}

fn approved(held: &HeldEvaluation) -> Value {
    match &held.status {
        HeldStatus::Approved { expires, .. } => json!({"id": held.id, "approved_until": expires}),
        HeldStatus::Waiting | HeldStatus::Refused { .. } | HeldStatus::Cancelled { .. } => {
            json!({"id": held.id})
        }
    }
}

/// Says why an approval is no help, and what to do.
fn refused(asker: &Asker<'_>, unfit: Unfit, now: Timestamp) -> Map<String, Value> {
    let said = |reason: &str, action: &str| {
        told([("reason", json!(reason)), ("next_action", json!(action))])
    };
    let (mut all, more) = match unfit {
        Unfit::Unknown => (said("approval_unverifiable", "none"), None),
        Unfit::Pending => {
            (said("grant_pending", "retry"), Some(("retry_after", json!(AGAIN_SECONDS))))
        }
        Unfit::Over => (said("approval_expired", "request"), Some(hint(asker, now))),
        Unfit::OutOfScope => (said("out_of_scope", "request"), Some(hint(asker, now))),
    };
    all.extend(more.map(|(name, it)| (name.to_owned(), it)));
    all
}
