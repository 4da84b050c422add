//! Evaluations for which a person was asked: show, answer.

use std::sync::Arc;

use axum::extract::{Path, State};
use bailiwick_model::{HeldEvaluation, HoldId, PersonName};
use bytes::Bytes;
use http::StatusCode;

use super::{
    Admin, agrees,
    answer::{Answer, Refused, body, json, part},
    wire::SignedWord,
};

/// `GET /api/v1/evaluations/{hold}`
pub(super) async fn show(State(admin): State<Arc<Admin>>, Path(hold): Path<String>) -> Answer {
    json(&admin.held_evaluation(&part(&hold)?)?)
}

/// `POST /api/v1/evaluations/{hold}/answer`: a person's signed yes or no to exactly this evaluation.
pub(super) async fn answer(
    State(admin): State<Arc<Admin>>,
    Path(hold): Path<String>,
    bytes: Bytes,
) -> Answer {
    let id: HoldId = part(&hold)?;
    let word: SignedWord = body(&bytes)?;
    let held = admin.held_evaluation(&id)?;
    let statement = admin.signed(&word, (&["approve-hold", "refuse-hold"], id.as_str()))?;
    agrees(&statement, held_details(&held))?;
    if statement.details.contains_key("for") {
        let text = "an approved evaluation is used once: approve it without --for";
        return Err(Refused::new(StatusCode::CONFLICT, "once", text));
    }
    let yes = statement.what == "approve-hold";
    if yes && admin.is_for(&held, &word.by) {
        let text = format!("`{}` cannot approve what is asked for itself", word.by);
        return Err(Refused::new(StatusCode::FORBIDDEN, "own_request", &text));
    }
    let answered = admin.lane.desk().answer_evaluation(&id, (&word.by, yes), word.signed).await?;
    json(&answered)
}

impl Admin {
    fn held_evaluation(&self, id: &HoldId) -> Result<HeldEvaluation, Refused> {
        let found = self.lane.desk().held_evaluation(id);
        found.ok_or_else(|| Refused::unknown(&format!("hold `{id}`")))
    }

    /// Nobody says yes to their own wish: neither as the subject nor as whoever acts for it.
    fn is_for(&self, held: &HeldEvaluation, person: &PersonName) -> bool {
        let shown = self.lane.desk().evidence().text(person.as_str());
        held.subject.id == shown || held.actor.as_deref() == Some(&shown)
    }
}

/// Gives what a person signs of a held evaluation.
pub(crate) fn held_details(held: &HeldEvaluation) -> [(&'static str, String); 5] {
    let named = |it: &bailiwick_model::EntityName| format!("{}::{}", it.kind, it.id);
    [
        ("asked", held.asked.clone()),
        ("pep", held.pep.clone()),
        ("subject", named(&held.subject)),
        ("action", held.action.clone()),
        ("resource", named(&held.resource)),
    ]
}
