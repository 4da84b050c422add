//! Holds: list, show, answer.

use std::sync::Arc;

use axum::extract::{Path, State};
use bailiwick_connect::Statement;
use bailiwick_kernel::Answer as PersonsAnswer;
use bailiwick_model::{Hold, HoldId, Opener, PersonName, Task, Timestamp};
use bytes::Bytes;
use http::StatusCode;

use super::{
    Admin, agrees,
    answer::{Answer, Refused, body, json, part},
    wire::{SignedWord, WaitingForPeople},
};

/// How long a yes waits for the call to come again, unless the person says otherwise.
const YES_LIFE: std::time::Duration = std::time::Duration::from_secs(3600);

/// `GET /api/v1/holds`
pub(super) async fn list(State(admin): State<Arc<Admin>>) -> Answer {
    let desk = admin.lane.desk();
    json(&WaitingForPeople {
        holds: desk.holds(),
        evaluations: desk.held_evaluations(),
        openings: desk.held_openings(),
    })
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
    agrees(&statement, hold_details(&hold))?;
    let answer = read(&statement, &hold, admin.lane.desk().now())?;
    if answer != PersonsAnswer::No {
        admin.not_the_asker(&word.by, &hold)?;
    }
    let answered = admin.lane.desk().answer(&id, &word.by, &answer, word.signed).await?;
    json(&answered)
}

impl Admin {
    fn hold(&self, id: &HoldId) -> Result<Hold, Refused> {
        if let Some(live) = self.lane.desk().hold(id) {
            return Ok(live);
        }
        let desk = self.lane.desk();
        let found = desk.registry().hold(id).map_err(|error| Refused::fault(&error))?;
        let found = found.ok_or_else(|| Refused::unknown(&format!("hold `{id}`")))?;
        Ok(desk.evidence().hold(found))
    }

    /// Nobody says yes to their own wish: not whoever opened the task, nor one above it.
    fn not_the_asker(&self, by: &PersonName, hold: &Hold) -> Result<(), Refused> {
        let mut above = Some(hold.task.clone());
        while let Some(id) = above {
            let task = self.task(&id)?;
            if asked_by(&task, by) {
                let text = format!("`{by}` opened `{id}` and cannot approve what it asks for");
                return Err(Refused::new(StatusCode::FORBIDDEN, "own_task", &text));
            }
            above = task.parent;
        }
        Ok(())
    }
}

/// Gives what a person signs of a held call.
pub(crate) fn hold_details(hold: &Hold) -> [(&'static str, String); 4] {
    [
        ("call", hold.call.to_string()),
        ("task", hold.task.to_string()),
        ("caller", hold.caller.to_string()),
        ("action", hold.action.to_string()),
    ]
}

fn asked_by(task: &Task, person: &PersonName) -> bool {
    matches!(&task.opener, Opener::Person(opener) if opener == person)
}

fn read(statement: &Statement, hold: &Hold, now: Timestamp) -> Result<PersonsAnswer, Refused> {
    if statement.what == "refuse-hold" {
        return Ok(PersonsAnswer::No);
    }
    match statement.details.get("for") {
        None => Ok(PersonsAnswer::Once(now.after(YES_LIFE))),
        Some(_) if hold.resources.is_empty() => Err(everything(hold)),
        Some(span) => bailiwick_model::parse_span(span)
            .map(|span| PersonsAnswer::Line(now.after(span)))
            .map_err(|error| Refused::new(StatusCode::BAD_REQUEST, "span", &error.to_string())),
    }
}

/// A line over a tool that names no resource would cover it with every argument.
fn everything(hold: &Hold) -> Refused {
    let text = format!(
        "`{}` names no resource, so a yes for a while would cover every argument: name its `resource` in the server's entry first, or approve this one call without --for",
        hold.action
    );
    Refused::new(StatusCode::CONFLICT, "no_resource", &text)
}

#[cfg(test)]
mod tests {
    use std::collections::{BTreeMap, BTreeSet};

    use bailiwick_model::{
        Action, ActionKind, CallDigest, DecisionId, HoldStatus, Json, TaskId, Ulid,
    };

    use super::*;

    fn hold(resources: &[&str]) -> Hold {
        let ulid = Ulid::new(Timestamp::default(), [7; 10]);
        let action = Action {
            server: "notes".parse().unwrap(),
            kind: ActionKind::Tool,
            name: "write".to_owned(),
        };
        Hold {
            id: HoldId::new(ulid),
            decision: DecisionId::new(ulid),
            task: TaskId::new(ulid),
            caller: "ann".parse().unwrap(),
            via: Vec::new(),
            call: CallDigest::of(&action, &Json::Null),
            action,
            resources: resources.iter().map(|it| (*it).to_owned()).collect(),
            destinations: BTreeSet::new(),
            arguments: "{}".to_owned(),
            reasons: BTreeSet::new(),
            policy: "p".to_owned(),
            opened: Timestamp::default(),
            expires: Timestamp::default(),
            status: HoldStatus::Waiting,
        }
    }

    /// Says in words what comes of a yes to `hold`.
    fn yes(hold: &Hold, span: Option<&str>) -> String {
        let details = span.map(|it| ("for".to_owned(), it.to_owned()));
        let details: BTreeMap<_, _> = details.into_iter().collect();
        let (person, now) = ("ada".parse().unwrap(), Timestamp::default());
        let statement =
            Statement::new(person, "approve-hold", hold.id.as_str(), details, now).unwrap();
        match read(&statement, hold, now) {
            Ok(answer) => format!("{answer:?}"),
            Err(refused) => format!("{:?}", refused.parts()),
        }
    }

    #[test]
    fn a_yes_for_a_while_takes_a_resource() {
        assert!(yes(&hold(&["notes:/a"]), Some("10m")).starts_with("Line("));
        assert!(yes(&hold(&["notes:/a"]), None).starts_with("Once("));
        assert!(yes(&hold(&[]), None).starts_with("Once("));
        let refused = yes(&hold(&[]), Some("10m"));
        assert!(refused.starts_with("(409, \"`notes__write` names no resource"), "{refused}");
    }
}
