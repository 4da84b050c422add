//! Asking for a person, asking what became of it, and taking it back.

use std::sync::Arc;

use axum::response::{IntoResponse, Response};
use bailiwick_kernel::{Evaluated, Standing, evaluate, standing};
use bailiwick_model::{
    EvaluationRecord, HeldEvaluation, HeldStatus, HoldId, Record, Sensitivity, VerdictKind,
};
use http::{HeaderMap, StatusCode, header};
use serde_json::Value;

use super::{
    super::{Authzen, Pep, limits},
    HINT, WAIT,
    approval::AGAIN_SECONDS,
    bound,
    problem::{Problem, Type},
    read::Wanted,
    task,
};

/// How a request for a person is named by whoever makes it.
const KEY: &str = "idempotency-key";

/// `POST /access/v1/requests`
pub(in super::super) async fn open(
    authzen: &Authzen,
    pep: &Pep,
    (headers, body): (&HeaderMap, &[u8]),
) -> Result<Response, Problem> {
    let wanted = Wanted::read(body)?;
    let key = key(headers)?;
    let record = held(authzen, pep, &wanted).await?;
    let evaluated = still_held(authzen, &wanted, &record)?;
    let (held, is_new) =
        authzen.desk.ask_for_person(asked(authzen, (wanted, key), record, evaluated)).await?;
    let told = task::shown(&held, &authzen.public_url, authzen.desk.now());
    let status = if is_new { StatusCode::CREATED } else { StatusCode::OK };
    let location = [(header::LOCATION, task::endpoint(&held, &authzen.public_url))];
    Ok((status, location, given(&told)).into_response())
}

/// `GET /access/v1/requests/{id}`
pub(in super::super) fn show(authzen: &Authzen, pep: &Pep, id: &str) -> Result<Response, Problem> {
    let id = id.parse::<HoldId>().ok();
    let held = id.and_then(|it| authzen.desk.held_evaluation(&it));
    let held = held.filter(|it| it.pep == pep.name).ok_or_else(unknown)?;
    let now = authzen.desk.now();
    let told = given(&task::shown(&held, &authzen.public_url, now));
    if standing(&held, now) == Standing::Pending {
        return Ok(([(header::RETRY_AFTER, AGAIN_SECONDS.to_string())], told).into_response());
    }
    Ok(told)
}

/// `POST /access/v1/requests/{id}/cancel`
pub(in super::super) async fn cancel(
    authzen: &Authzen,
    pep: &Pep,
    id: &str,
) -> Result<Response, Problem> {
    let id = id.parse::<HoldId>().map_err(|_| unknown())?;
    let held = authzen.desk.cancel_evaluation(&id, &pep.name).await?;
    Ok(given(&task::shown(&held, &authzen.public_url, authzen.desk.now())))
}

fn unknown() -> Problem {
    Type::UnknownTask.says("there is no such request of this enforcement point")
}

fn given(told: &Value) -> Response {
    let head = [(header::CONTENT_TYPE, "application/json"), (header::CACHE_CONTROL, "no-store")];
    (head, told.to_string()).into_response()
}

fn key(headers: &HeaderMap) -> Result<Option<String>, Problem> {
    let mut all = headers.get_all(KEY).iter();
    let Some(given) = all.next() else { return Ok(None) };
    let fits = given.len() <= limits::REQUEST_ID_MAX && all.next().is_none();
    let text = given.to_str().ok().filter(|it| fits && !it.is_empty());
    let text = text.ok_or_else(|| {
        let most = limits::REQUEST_ID_MAX;
        Type::Unreadable.says(format!("`Idempotency-Key` is one name of 1 to {most} characters"))
    })?;
    Ok(Some(text.to_owned()))
}

/// Finds the record of the evaluation that was held, where it is this enforcement point's and what
/// is asked for is what was held.
async fn held(authzen: &Authzen, pep: &Pep, wanted: &Wanted) -> Result<EvaluationRecord, Problem> {
    let (desk, id) = (Arc::clone(&authzen.desk), wanted.decision.clone());
    let read = tokio::task::spawn_blocking(move || desk.ledger().decision_records(&id)).await;
    let records = read
        .ok()
        .and_then(Result::ok)
        .ok_or_else(|| Type::NoEvidence.says("what was answered cannot be looked up now"))?;
    let mut evaluations = records.into_iter().filter_map(|it| match it.record {
        Record::Evaluation(it) if it.pep == pep.name => Some(*it),
        Record::Evaluation(_)
        | Record::Search(_)
        | Record::Decision(_)
        | Record::Outcome(_)
        | Record::Command { .. }
        | Record::Finding(_)
        | Record::Lease(_) => None,
    });
    let record = evaluations.next().ok_or_else(|| {
        Type::InvalidDenialBinding.says("`denial.evaluation_id` names no evaluation of yours")
    })?;
    if record.verdict != VerdictKind::Hold {
        return Err(Type::NotRequestable.says("that evaluation does not wait for a person"));
    }
    let snapshot = authzen.desk.snapshot();
    let now = authzen.desk.now();
    if record.time.after(HINT) <= now || wanted.expires <= now {
        return Err(Type::ExpiredDenial.says("it was held too long ago: evaluate again"));
    }
    if record.policy != snapshot.access.version() {
        return Err(Type::ExpiredDenial.says("policies have changed since: evaluate again"));
    }
    let read = snapshot.access.context_read();
    let asked = authzen.desk.evidence().digest(&bound(&wanted.evaluation, read));
    if record.asked.as_deref() != Some(&asked) {
        let text = "subject, action, resource or context are not those that were held";
        return Err(Type::InvalidDenialBinding.says(text));
    }
    Ok(record)
}

/// Evaluates once more: nobody is asked for what is no longer held.
fn still_held(
    authzen: &Authzen,
    wanted: &Wanted,
    record: &EvaluationRecord,
) -> Result<Evaluated, Problem> {
    let (snapshot, now) = (authzen.desk.snapshot(), authzen.desk.now());
    let evaluated = evaluate(&snapshot, &wanted.evaluation, now);
    if evaluated.policy != record.policy {
        return Err(Type::ExpiredDenial.says("policies have changed since: evaluate again"));
    }
    if evaluated.verdict == VerdictKind::Hold {
        Ok(evaluated)
    } else {
        Err(Type::NotRequestable.says("it no longer waits for a person: evaluate again"))
    }
}

/// Makes the ticket. What people and the ledger are shown of it is what the evaluation's record has.
fn asked(
    authzen: &Authzen,
    (wanted, key): (Wanted, Option<String>),
    record: EvaluationRecord,
    evaluated: Evaluated,
) -> HeldEvaluation {
    let (evidence, now) = (authzen.desk.evidence(), authzen.desk.now());
    let said = evidence.arguments(&wanted.evaluation.said(), Sensitivity::Internal);
    HeldEvaluation {
        id: HoldId::new(authzen.desk.ulid()),
        decision: record.decision,
        pep: record.pep,
        subject: record.subject,
        action: record.action,
        resource: record.resource,
        said: said.text().to_owned(),
        asked: record.asked.unwrap_or_default(),
        request: evidence.digest(&wanted.canonical),
        key: key.map(|it| evidence.digest(&it)),
        wanted_until: wanted.until,
        emergency: wanted.emergency,
        actor: wanted.actor.map(|it| evidence.text(&it)),
        reasons: evaluated.reasons,
        policy: evaluated.policy,
        opened: now,
        expires: now.after(WAIT),
        status: HeldStatus::Waiting,
    }
}
