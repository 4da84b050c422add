//! Leases: what there are, one more, and an end to one.

use std::{collections::BTreeSet, sync::Arc, time::Duration};

use axum::{
    Extension,
    extract::{Path, RawQuery, State},
};
use bailiwick_connect::Field;
use bailiwick_gateway::{HandedOut, LeaseAnswered, LeaseAsker, LeaseWish};
use bailiwick_model::{Caller, LeaseId, Surface, TaskId, VerdictKind, parse_span};
use bytes::Bytes;
use http::StatusCode;

use super::{
    Admin, Peer,
    answer::{Answer, Refused, body, json, part},
    wire::{IssueLease, IssuedLease, LeaseList, TargetList, TargetShown},
};

/// How many leases are listed at the most.
const LISTED: usize = 10_000;
/// How long a command waits for a target to say that a lease is gone.
pub(super) const WAIT: Duration = Duration::from_secs(5);

/// `GET /api/v1/leases?task=T&all=true`
pub(super) async fn list(State(admin): State<Arc<Admin>>, RawQuery(query): RawQuery) -> Answer {
    let (mut task, mut all) = (None, false);
    for pair in query.as_deref().unwrap_or_default().split('&').filter(|it| !it.is_empty()) {
        match pair.split_once('=') {
            Some(("task", id)) => task = Some(part::<TaskId>(id)?),
            Some(("all", "true")) => all = true,
            Some(_) | None => {
                let text = format!("`{pair}` is nothing that leases are listed by");
                return Err(Refused::new(StatusCode::BAD_REQUEST, "query", &text));
            }
        }
    }
    json(&LeaseList { leases: admin.leases.of(task.as_ref(), all, LISTED).await? })
}

/// `GET /api/v1/targets`
pub(super) async fn targets(State(admin): State<Arc<Admin>>) -> Answer {
    let mut canaries = admin.leases.canaries();
    let shown = admin.leases.targets().map(|(target, enforced)| TargetShown {
        target: target.clone(),
        enforced,
        canary: canaries.remove(target),
    });
    json(&TargetList { targets: shown.collect() })
}

/// `GET /api/v1/leases/{lease}`
pub(super) async fn show(State(admin): State<Arc<Admin>>, Path(lease): Path<String>) -> Answer {
    let id: LeaseId = part(&lease)?;
    let found = admin.leases.lease(&id).await?;
    json(&found.ok_or_else(|| Refused::unknown(&format!("lease `{id}`")))?)
}

/// `POST /api/v1/leases/{lease}/revoke`
pub(super) async fn revoke(State(admin): State<Arc<Admin>>, Path(lease): Path<String>) -> Answer {
    let id: LeaseId = part(&lease)?;
    let found = admin.leases.end(&id, WAIT).await?;
    json(&found.ok_or_else(|| Refused::unknown(&format!("lease `{id}`")))?)
}

/// `POST /api/v1/leases`: whoever asks proves to be the task's identity, as for a token.
pub(super) async fn issue(
    State(admin): State<Arc<Admin>>,
    Extension(peer): Extension<Peer>,
    bytes: Bytes,
) -> Answer {
    let wish: IssueLease = body(&bytes)?;
    let task = admin.task(&wish.task)?;
    let credential = admin.prove(&task.identity, wish.assertion.as_deref(), peer)?;
    let span = wish
        .span
        .as_deref()
        .map(parse_span)
        .transpose()
        .map_err(|error| Refused::new(StatusCode::BAD_REQUEST, "word", &error.to_string()))?;
    let caller = Caller {
        identity: task.identity.clone(),
        via: task.via.clone(),
        task: task.id.clone(),
        generation: task.generation,
        credentials: credential.into_iter().collect::<BTreeSet<_>>(),
        exposed: false,
    };
    let asker = LeaseAsker { caller, surface: Surface::Admin };
    let wanted = LeaseWish { target: wish.target.clone(), wants: wish.wants, span };
    let unknown = || Refused::unknown(&format!("target `{}`", wish.target));
    match admin.leases.ask(asker, wanted).await.ok_or_else(unknown)? {
        LeaseAnswered::HandedOut(decision, handed) => {
            handed.take();
            json(&IssuedLease { decision, credential: fields(&handed), lease: handed.lease })
        }
        LeaseAnswered::Refused(refusal) => {
            let title = match (refusal.verdict, &refusal.hold) {
                (VerdictKind::Hold, Some(hold)) => {
                    format!("it waits for a person as `{hold}` ({})", refusal.decision)
                }
                (VerdictKind::Hold | VerdictKind::Deny | VerdictKind::Allow, _) => {
                    format!("it was not allowed ({})", refusal.decision)
                }
            };
            Err(Refused::decided(&title, refusal.reasons))
        }
        LeaseAnswered::Failed(decision, error) => {
            let text = format!("{error} ({decision})");
            Err(Refused::new(StatusCode::SERVICE_UNAVAILABLE, "not_made", &text))
        }
    }
}

/// Gives what the holder gets, field by field.
fn fields(handed: &HandedOut) -> Vec<(String, String)> {
    let text = |field: &Field| match field {
        Field::Plain(text) => text.clone(),
        Field::Secret(secret) => secret.expose().to_owned(),
    };
    handed.credential.fields().map(|(name, it)| (name.to_owned(), text(it))).collect()
}
