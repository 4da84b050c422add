//! Holds: list, show, answer.

use std::sync::Arc;

use axum::extract::{Path, State};
use bailiwick_connect::Statement;
use bailiwick_kernel::Answer as PersonsAnswer;
use bailiwick_model::{Hold, HoldId, Timestamp};
use bytes::Bytes;
use http::StatusCode;

use super::{
    Admin,
    answer::{Answer, Refused, body, json, part},
    wire::{Holds, SignedWord},
};

/// How long a yes waits for the call to come again, unless the person says otherwise.
const YES_LIFE: std::time::Duration = std::time::Duration::from_secs(3600);

/// `GET /api/v1/holds`
pub(super) async fn list(State(admin): State<Arc<Admin>>) -> Answer {
    json(&Holds { holds: admin.lane.desk().holds() })
}

/// `GET /api/v1/holds/{hold}`
pub(super) async fn show(State(admin): State<Arc<Admin>>, Path(hold): Path<String>) -> Answer {
    json(&admin.hold(&part(&hold)?)?)
}

/// `POST /api/v1/holds/{hold}/answer`: a person's signed yes or no to exactly this call.
pub(super) async fn answer(
    State(admin): State<Arc<Admin>>,
    Path(hold): Path<String>,
    bytes: Bytes,
) -> Answer {
    let id: HoldId = part(&hold)?;
    let word: SignedWord = body(&bytes)?;
    let hold = admin.hold(&id)?;
    let statement = admin.signed(&word, (&["approve-hold", "refuse-hold"], id.as_str()))?;
    agrees(&statement, &hold)?;
    let answer = read(&statement, admin.lane.desk().now())?;
    let answered = admin.lane.desk().answer(&id, &word.by, &answer, word.signed).await?;
    json(&answered)
}

impl Admin {
    fn hold(&self, id: &HoldId) -> Result<Hold, Refused> {
        if let Some(live) = self.lane.desk().hold(id) {
            return Ok(live);
        }
        let found = self.lane.desk().registry().hold(id).map_err(|error| Refused::fault(&error))?;
        found.ok_or_else(|| Refused::unknown(&format!("hold `{id}`")))
    }
}

/// What the person signed is what is held, to the digit.
fn agrees(statement: &Statement, hold: &Hold) -> Result<(), Refused> {
    let same = [
        ("call", hold.call.to_string()),
        ("task", hold.task.to_string()),
        ("caller", hold.caller.to_string()),
        ("action", hold.action.to_string()),
    ];
    for (name, value) in same {
        if statement.details.get(name) != Some(&value) {
            let text = format!("the signed statement is about another {name}");
            return Err(Refused::new(StatusCode::FORBIDDEN, "statement", &text));
        }
    }
    Ok(())
}

fn read(statement: &Statement, now: Timestamp) -> Result<PersonsAnswer, Refused> {
    if statement.what == "refuse-hold" {
        return Ok(PersonsAnswer::No);
    }
    match statement.details.get("for") {
        None => Ok(PersonsAnswer::Once(now.after(YES_LIFE))),
        Some(span) => bailiwick_model::parse_span(span)
            .map(|span| PersonsAnswer::Line(now.after(span)))
            .map_err(|error| Refused::new(StatusCode::BAD_REQUEST, "span", &error.to_string())),
    }
}
