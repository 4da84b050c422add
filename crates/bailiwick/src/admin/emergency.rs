//! Break-glass: the second person's answer, and what is looked at afterwards.

use std::sync::Arc;

use axum::extract::{Path, State};
use bailiwick_model::{HeldOpening, HoldId, TaskId};
use bytes::Bytes;

use super::{
    Admin, agrees,
    answer::{Answer, Refused, body, json, part},
    wire::{AnsweredOpening, ReviewDone, Reviews, SignedWord},
};

/// `GET /api/v1/openings/{hold}`
pub(super) async fn show(State(admin): State<Arc<Admin>>, Path(hold): Path<String>) -> Answer {
    json(&admin.held_opening(&part(&hold)?)?)
}

/// `POST /api/v1/openings/{hold}/answer`: another person's signed yes or no to exactly this opening.
pub(super) async fn answer(
    State(admin): State<Arc<Admin>>,
    Path(hold): Path<String>,
    bytes: Bytes,
) -> Answer {
    let id: HoldId = part(&hold)?;
    let word: SignedWord = body(&bytes)?;
    let held = admin.held_opening(&id)?;
    let statement = admin.signed(&word, (&["approve-hold", "refuse-hold"], id.as_str()))?;
    agrees(&statement, opening_details(&held))?;
    let answer = (&word.by, statement.what == "approve-hold");
    let task = admin.lane.desk().answer_opening(&id, answer, word.signed).await?;
    json(&AnsweredOpening { hold: id, task: task.map(|it| it.id) })
}

/// `GET /api/v1/reviews`
pub(super) async fn reviews(State(admin): State<Arc<Admin>>) -> Answer {
    json(&Reviews { reviews: admin.lane.desk().unreviewed() })
}

/// `POST /api/v1/reviews/{task}`: a person's signed word that they looked at what a task did.
pub(super) async fn review(
    State(admin): State<Arc<Admin>>,
    Path(task): Path<String>,
    bytes: Bytes,
) -> Answer {
    let task: TaskId = part(&task)?;
    let ReviewDone { note, by, signed } = body(&bytes)?;
    let word = SignedWord { by, signed };
    let statement = admin.signed(&word, (&["review-task"], task.as_str()))?;
    agrees(&statement, [("note", note.clone())])?;
    json(&admin.lane.desk().review(&task, (&word.by, &note), word.signed).await?)
}

impl Admin {
    fn held_opening(&self, id: &HoldId) -> Result<HeldOpening, Refused> {
        let found = self.lane.desk().held_opening(id);
        found.ok_or_else(|| Refused::unknown(&format!("hold `{id}`")))
    }
}

/// Gives what a person signs of an opening that waits for them.
pub(crate) fn opening_details(held: &HeldOpening) -> [(&'static str, String); 5] {
    let params: Vec<_> = held.params.iter().map(|(name, it)| format!("{name}={it}")).collect();
    [
        ("identity", held.identity.to_string()),
        ("template", held.template.to_string()),
        ("params", params.join(" ")),
        ("purpose", held.purpose.clone()),
        ("by", held.by.to_string()),
    ]
}
