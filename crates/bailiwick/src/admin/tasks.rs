//! Tasks: open, show, list, end, and their tokens.

use std::sync::Arc;

use axum::{
    Extension,
    extract::{Path, RawQuery, State},
};
use bailiwick_connect::Audience;
use bailiwick_gateway::{Asked, OpenError, mint_on_record};
use bailiwick_model::{
    Charter, CredentialId, EndCause, IdentityId, OpenRequest, Opener, Proof, ServerName, Spend,
    Task, TaskId,
};
use bailiwick_store::TaskFilter;
use bytes::Bytes;
use http::StatusCode;

use super::{
    Admin, Peer, agrees,
    answer::{Answer, Refused, body, json, part},
    leases::WAIT,
    wire::{
        DayView, GrantView, MintToken, MintedToken, OpenTask, OpenedTask, Opening, SignedWord,
        Tasks,
    },
};
use crate::can::CanInTask;

/// `POST /api/v1/tasks`
pub(super) async fn open(
    State(admin): State<Arc<Admin>>,
    Extension(peer): Extension<Peer>,
    bytes: Bytes,
) -> Answer {
    let wish: OpenTask = body(&bytes)?;
    let (opener, credential) = admin.opener(&wish, peer)?;
    let asked_by = match &opener {
        Opener::Person(person) => Some(person.clone()),
        Opener::Itself | Opener::Orchestrator(_) => None,
    };
    let request = OpenRequest {
        identity: wish.identity,
        template: wish.template,
        opener,
        params: wish.params,
        purpose: wish.purpose,
        parent: wish.parent,
        credential: credential.clone(),
        people: asked_by.iter().cloned().collect(),
        on_behalf: None,
        shown: None,
    };
    let opened = admin.lane.desk().open(&request, &peer.label()).await;
    let task = match (opened, asked_by, wish.signed) {
        (Err(OpenError::Held(_)), Some(person), Some(word)) => {
            let held = admin.lane.desk().hold_opening(request, &person, word).await?;
            return json(&Opening::Held { held: held.id, expires: held.expires });
        }
        (opened, _, _) => opened?,
    };
    let minted = admin.mint(&task, credential, peer).await?;
    json(&Opening::Opened(Box::new(OpenedTask {
        task: task.id.clone(),
        token: minted.token,
        expires: minted.expires,
        grant: GrantView::of(&task),
    })))
}

/// `GET /api/v1/tasks`
pub(super) async fn list(State(admin): State<Arc<Admin>>, RawQuery(query): RawQuery) -> Answer {
    bailiwick_gateway::seam::pass("admin");
    let all = query.as_deref() == Some("all=true");
    let filter = TaskFilter { open_only: !all, ..TaskFilter::ALL };
    let tasks =
        admin.lane.desk().registry().tasks(filter).map_err(|error| Refused::fault(&error))?;
    let evidence = admin.lane.desk().evidence();
    json(&Tasks::of(tasks.iter().map(|it| evidence.task(it)).collect()))
}

/// `GET /api/v1/tasks/{task}`
pub(super) async fn show(State(admin): State<Arc<Admin>>, Path(task): Path<String>) -> Answer {
    json(&admin.task(&part(&task)?)?)
}

/// `GET /api/v1/tasks/{task}/can`: what it could do, at all servers or at one.
pub(super) async fn can(
    State(admin): State<Arc<Admin>>,
    Path(task): Path<String>,
    RawQuery(query): RawQuery,
) -> Answer {
    let task = admin.task(&part(&task)?)?;
    let only = query.as_deref().and_then(|it| it.strip_prefix("server="));
    let only = only.map(part::<ServerName>).transpose()?;
    let found = admin.lane.prospects(&task.id, only.as_ref()).await;
    let actions = found.ok_or_else(|| Refused::unknown(&format!("open task `{}`", task.id)))?;
    let (template, identity) = (task.template, task.identity);
    json(&CanInTask { template, task: Some(task.id), identity, actions })
}

/// `GET /api/v1/tasks/{task}/days`: what was used today of every day that it counts in.
pub(super) async fn days(State(admin): State<Arc<Admin>>, Path(task): Path<String>) -> Answer {
    let task = admin.task(&part(&task)?)?;
    let used = admin.lane.desk().used_today(&task).into_iter();
    let day = |((identity, template), used): (bailiwick_kernel::DayKey, Spend)| DayView {
        identity,
        template,
        used,
    };
    json(&used.map(day).collect::<Vec<_>>())
}

/// `POST /api/v1/tasks/{task}/end`
pub(super) async fn end(
    State(admin): State<Arc<Admin>>,
    Extension(peer): Extension<Peer>,
    Path(task): Path<String>,
) -> Answer {
    let id: TaskId = part(&task)?;
    admin.task(&id)?;
    // Its children end with it, and so do their leases.
    let open = admin.leases.tasks_below(&id);
    admin.lane.desk().end(&id, EndCause::Asked, &peer.label()).await?;
    let leases = admin.leases.settled(&open, WAIT).await?;
    let task = admin.task(&id)?;
    // The task as ever, with what became of its credentials beside it.
    let mut ended = serde_json::to_value(&task).map_err(|error| Refused::fault(&error))?;
    let leases = serde_json::to_value(&leases).map_err(|error| Refused::fault(&error))?;
    if let serde_json::Value::Object(ended) = &mut ended {
        ended.insert("leases".to_owned(), leases);
        ended.insert("authority".to_owned(), admin.authority(&task).await?);
    }
    json(&ended)
}

/// `POST /api/v1/tasks/{task}/token`: a new token always needs the original proof.
pub(super) async fn token(
    State(admin): State<Arc<Admin>>,
    Extension(peer): Extension<Peer>,
    Path(task): Path<String>,
    bytes: Bytes,
) -> Answer {
    let wish: MintToken = body(&bytes)?;
    let task = admin.task(&part(&task)?)?;
    let credential = admin.prove(&task.identity, wish.assertion.as_deref(), peer)?;
    if !task.is_open() {
        let text = format!("`{}` has ended", task.id);
        return Err(Refused::new(StatusCode::CONFLICT, "task_ended", &text));
    }
    json(&admin.mint(&task, credential, peer).await?)
}

impl Admin {
    /// Holds what a task was given beside what it used.
    async fn authority(&self, task: &Task) -> Result<serde_json::Value, Refused> {
        let (desk, task) = (Arc::clone(self.lane.desk()), task.clone());
        let reading = tokio::task::spawn_blocking(move || {
            let records = desk.ledger().task_records(&task.id)?;
            let records: Vec<_> = records.into_iter().map(|it| (it.seq, it.record)).collect();
            Ok::<_, bailiwick_store::LedgerError>(bailiwick_insight::authority(&task, &records))
        });
        let read = reading.await.map_err(|error| Refused::fault(&error))?;
        let used = read.map_err(|error| Refused::fault(&error))?;
        serde_json::to_value(used).map_err(|error| Refused::fault(&error))
    }

    /// Finds a task, at the desk or long ended, as people may see it.
    pub(super) fn task(&self, task: &TaskId) -> Result<Task, Refused> {
        let desk = self.lane.desk();
        if let Some(live) = desk.task(task) {
            return Ok(desk.evidence().task(&live));
        }
        let found = desk.registry().task(task).map_err(|error| Refused::fault(&error))?;
        if let Some(found) = found {
            return Ok(desk.evidence().task(&found));
        }
        // What ended long ago is in the ledger alone, as it may be shown.
        let records = desk.ledger().task_records(task).map_err(|error| Refused::fault(&error))?;
        let told = Task::told(task, records.iter().map(|it| &it.record));
        told.ok_or_else(|| Refused::unknown(&format!("task `{task}`")))
    }

    /// Says who opens a task, which decides how far its parameters are trusted, and with which key
    /// they proved it.
    fn opener(
        &self,
        wish: &OpenTask,
        peer: Peer,
    ) -> Result<(Opener, Option<CredentialId>), Refused> {
        if let Some(signed) = &wish.signed {
            let by = bailiwick_connect::StatementVerifier::claimed(signed).map_err(|error| {
                Refused::new(StatusCode::FORBIDDEN, "statement", &error.to_string())
            })?;
            let word = SignedWord { by, signed: signed.clone() };
            let statement = self.signed(&word, (&["open-task"], wish.identity.as_str()))?;
            agrees(&statement, wish.details())?;
            return Ok((Opener::Person(statement.by), None));
        }
        match &wish.parent {
            Some(parent) => {
                let giver = self.task(parent)?.identity;
                let key = self.prove(&giver, wish.assertion.as_deref(), peer)?;
                Ok((Opener::Orchestrator(giver), key))
            }
            None => {
                let key = self.prove(&wish.identity, wish.assertion.as_deref(), peer)?;
                Ok((Opener::Itself, key))
            }
        }
    }

    /// Proves that the asker is `identity`: by its key, which is named, or by the account the
    /// kernel reports.
    pub(super) fn prove(
        &self,
        identity: &IdentityId,
        assertion: Option<&str>,
        peer: Peer,
    ) -> Result<Option<CredentialId>, Refused> {
        let charter = self.charter(identity)?;
        if let Some(assertion) = assertion {
            let now = self.lane.desk().now();
            let enrolled = self.enrolments.keys_of(identity);
            return self
                .assertions
                .verify(assertion, (&charter, &enrolled), now)
                .map(Some)
                .map_err(|error| Refused::new(StatusCode::FORBIDDEN, "proof", &error.to_string()));
        }
        let by_account =
            charter.proof.iter().any(|it| matches!(it, Proof::Uid(uid) if peer.0 == Some(*uid)));
        if by_account {
            return Ok(None);
        }
        let text = format!(
            "nothing proves that this is `{identity}`: use its key (`keys/{identity}.pem` or --key), or an account that its charter names"
        );
        Err(Refused::new(StatusCode::FORBIDDEN, "proof", &text))
    }

    pub(super) fn charter(&self, identity: &IdentityId) -> Result<Arc<Charter>, Refused> {
        let snapshot = self.lane.desk().snapshot();
        let charter = snapshot.charters.get(identity).cloned();
        charter.ok_or_else(|| {
            Refused::new(
                StatusCode::FORBIDDEN,
                "not_registered",
                &format!("`{identity}` has no charter"),
            )
        })
    }

    /// Mints a token for an open task, and records that it did; never past the task's deadline.
    async fn mint(
        &self,
        task: &Task,
        key: Option<CredentialId>,
        peer: Peer,
    ) -> Result<MintedToken, Refused> {
        let desk = self.lane.desk();
        let asked = Asked { audience: Audience::All, key, bound: None, until: None };
        let by = peer.label();
        let minted = mint_on_record(desk, &self.mint, task, asked, &by).await?;
        let token = minted.token.expose().to_owned();
        Ok(MintedToken { task: task.id.clone(), token, expires: minted.claims.expires })
    }
}
