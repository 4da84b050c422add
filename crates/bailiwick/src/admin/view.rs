//! What people look at: identities, servers, paths, decisions.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use axum::extract::{Path, State};
use bailiwick_gateway::Offer;
use bailiwick_model::{Charter, Digest, ServerName, Template};

use super::{
    Admin,
    answer::{Answer, Refused, json, part},
    wire::{ServerView, Servers, ToolView},
};
use crate::command::show::{explain, trace};

/// How long a look waits for a server that is starting.
pub(super) const WAIT: Duration = Duration::from_secs(5);

/// `GET /api/v1/identities`
pub(super) async fn identities(State(admin): State<Arc<Admin>>) -> Answer {
    let snapshot = admin.lane.desk().snapshot();
    let all: Vec<&Charter> = snapshot.charters.values().map(Arc::as_ref).collect();
    json(&all)
}

/// `GET /api/v1/templates`
pub(super) async fn templates(State(admin): State<Arc<Admin>>) -> Answer {
    let snapshot = admin.lane.desk().snapshot();
    let all: Vec<&Template> = snapshot.templates.values().map(Arc::as_ref).collect();
    json(&all)
}

/// `GET /api/v1/servers`
pub(super) async fn servers(State(admin): State<Arc<Admin>>) -> Answer {
    let snapshot = admin.lane.desk().snapshot();
    let mut servers = Vec::new();
    for server in admin.lane.upstreams().names() {
        let offered = admin.offer(server).await;
        let (status, offered) = match offered {
            Ok(offer) => ("up".to_owned(), offer.tools),
            Err(_) => ("down".to_owned(), BTreeMap::new()),
        };
        let pins = snapshot.pins.get(server).cloned().unwrap_or_default();
        let names: std::collections::BTreeSet<_> =
            pins.keys().chain(offered.keys()).cloned().collect();
        let tools = names.into_iter().map(|tool| {
            let state = ToolView::state(pins.get(&tool), offered.get(&tool)).to_owned();
            ToolView { state, accepted: pins.get(&tool).cloned(), tool }
        });
        servers.push(ServerView { server: server.to_string(), status, tools: tools.collect() });
    }
    json(&Servers { servers })
}

/// `GET /api/v1/servers/{server}/offer`: the digests a person is asked to sign.
pub(super) async fn offer(State(admin): State<Arc<Admin>>, Path(server): Path<String>) -> Answer {
    json(&digests(&admin.offer(&part(&server)?).await?))
}

/// Gives what a person signs to accept an offer: each tool's digest, with the program's.
pub(super) fn digests(offer: &Offer) -> BTreeMap<String, String> {
    let program = offer.executable.map(|it| it.to_string()).unwrap_or_default();
    let one = |(name, digest): (&String, &Digest)| {
        (name.clone(), format!("{digest} {program}").trim_end().to_owned())
    };
    offer.tools.iter().map(one).collect()
}

/// `GET /api/v1/paths/{task}`
pub(super) async fn path(State(admin): State<Arc<Admin>>, Path(task): Path<String>) -> Answer {
    let task = admin.task(&part(&task)?)?;
    let ledger = admin.lane.desk().ledger();
    let records = ledger.task_records(&task.id).map_err(|error| Refused::fault(&error))?;
    json(&trace(&task, records))
}

/// `GET /api/v1/decisions/{decision}`
pub(super) async fn why(State(admin): State<Arc<Admin>>, Path(decision): Path<String>) -> Answer {
    let id = part(&decision)?;
    let ledger = admin.lane.desk().ledger();
    let records = ledger.decision_records(&id).map_err(|error| Refused::fault(&error))?;
    json(&explain(&records).ok_or_else(|| Refused::unknown(&format!("decision `{id}`")))?)
}

impl Admin {
    /// Gives what a server offers at the moment.
    pub(super) async fn offer(&self, server: &ServerName) -> Result<Offer, Refused> {
        let upstreams = self.lane.upstreams();
        if upstreams.spec(server).is_none() {
            return Err(Refused::unknown(&format!("server `{server}`")));
        }
        let catalog = upstreams.catalog(server, WAIT).await.map_err(|error| {
            Refused::new(http::StatusCode::SERVICE_UNAVAILABLE, "server_down", &error.to_string())
        })?;
        Ok(bailiwick_gateway::offer_of(server, &catalog, false))
    }
}
