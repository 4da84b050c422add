//! What people do: vouch, accept tools, put files in force.

use std::{collections::BTreeSet, sync::Arc};

use axum::{
    Extension,
    extract::{Path, State},
};
use bailiwick_model::{Person, PersonName, ServerName};
use bailiwick_store::TaskFilter;
use bytes::Bytes;
use http::StatusCode;
use serde_json::json as value;

use super::{
    Admin, Peer,
    answer::{Answer, Refused, body, json, part},
    wire::{Accepted, AddPerson, SignedWord},
};
use crate::command::sign::GOVERNOR;

/// `GET /api/v1/persons`
pub(super) async fn list(State(admin): State<Arc<Admin>>) -> Answer {
    json(&admin.lane.desk().people())
}

/// `POST /api/v1/persons`: the first person starts the chain; every other is vouched for.
pub(super) async fn add(
    State(admin): State<Arc<Admin>>,
    Extension(peer): Extension<Peer>,
    bytes: Bytes,
) -> Answer {
    let wish: AddPerson = body(&bytes)?;
    let _one_by_one = admin.people.lock().await;
    let known = admin.lane.desk().people();
    if known.iter().any(|it| it.name == wish.name) {
        let text = format!("`{}` is registered already", wish.name);
        return Err(Refused::new(StatusCode::CONFLICT, "person", &text));
    }
    let voucher = admin.voucher(&wish, &known)?;
    if voucher.is_none() {
        admin.first_person(&wish.name, peer).await?;
    }
    let added = admin.lane.desk().now();
    let by = voucher.as_ref().map(|it| it.0.clone());
    let person = Person { name: wish.name, key: wish.key, added, by };
    let statement = voucher.map(|it| it.1);
    admin.lane.desk().add_person(&person, &peer.label(), statement).await?;
    json(&person)
}

impl Admin {
    /// Lets somebody be the first person while nothing was done yet, and says so where people
    /// look: nobody vouches for the first, so it must not be an agent that came before everyone.
    async fn first_person(&self, name: &PersonName, peer: Peer) -> Result<(), Refused> {
        let desk = self.lane.desk();
        let one = TaskFilter { limit: 1, ..TaskFilter::ALL };
        let tasks = desk.registry().tasks(one).map_err(|error| Refused::fault(&error))?;
        if !tasks.is_empty() {
            let text = "tasks were opened already, so anybody could be the first person by now: start with a new `[state] dir` and add the first person before any task opens, as `bailiwick init` says";
            return Err(Refused::new(StatusCode::FORBIDDEN, "not_first", text));
        }
        let text = format!("`{name}` is added as the first person, by `{}`", peer.label());
        Ok(desk.notice("first-person", text, name.as_str()).await?)
    }

    /// Checks that a registered person vouches for this very key.
    fn voucher(
        &self,
        wish: &AddPerson,
        known: &[Person],
    ) -> Result<Option<(PersonName, String)>, Refused> {
        match &wish.voucher {
            None if known.is_empty() => Ok(None),
            None => Err(Refused::new(
                StatusCode::FORBIDDEN,
                "voucher",
                "a registered person must vouch for the next: use --by",
            )),
            Some(word) => {
                let statement = self.signed(word, (&["add-person"], wish.name.as_str()))?;
                if statement.details.get("key") != Some(&wish.key) {
                    let text = "the signed statement is about another key";
                    return Err(Refused::new(StatusCode::FORBIDDEN, "statement", text));
                }
                Ok(Some((word.by.clone(), word.signed.clone())))
            }
        }
    }
}

/// `POST /api/v1/servers/{server}/accept`: the person signed the digests they accept, and only
/// what is offered with just these digests is accepted.
pub(super) async fn accept(
    State(admin): State<Arc<Admin>>,
    Path(server): Path<String>,
    bytes: Bytes,
) -> Answer {
    let server: ServerName = part(&server)?;
    let word: SignedWord = body(&bytes)?;
    let mut offer = admin.offer(&server).await?;
    let statement = admin.signed(&word, (&["accept-tools"], server.as_str()))?;
    let seen: BTreeSet<_> =
        statement.details.keys().filter(|it| *it != GOVERNOR).cloned().collect();
    let shown = super::view::digests(&offer);
    if let Some(tool) = seen.iter().find(|it| shown.get(*it) != statement.details.get(*it)) {
        let text = format!("`{tool}` is no longer what was signed: look at it again");
        return Err(Refused::new(StatusCode::CONFLICT, "changed", &text));
    }
    offer.tools.retain(|name, _| seen.contains(name));
    let tools = admin.lane.desk().accept(&offer, None, (&word.by, word.signed)).await?;
    if let Ok(catalog) = admin.lane.upstreams().catalog(&server, super::view::WAIT).await {
        admin.reload.offered(admin.lane.desk(), (&server, &catalog)).await;
    }
    json(&Accepted { server: server.to_string(), tools })
}

/// `POST /api/v1/reload`
pub(super) async fn reload(
    State(admin): State<Arc<Admin>>,
    Extension(peer): Extension<Peer>,
) -> Answer {
    match admin.reload.run(admin.lane.desk(), &peer.label()).await {
        Ok(changed) => {
            admin.end_keys_without_charter(&peer.label()).await?;
            json(&value!({"changed": changed}))
        }
        Err(error) => {
            Err(Refused::new(StatusCode::BAD_REQUEST, "configuration", &format!("{error:#}")))
        }
    }
}
