//! Whether the gateway lives, and whether it can do its work.

use std::sync::Arc;

use axum::{extract::State, response::Response};
use bailiwick_store::{LedgerHealth, RegistryHealth};
use http::StatusCode;
use serde_json::json as value;

use super::{Door, json};
use crate::Canary;

/// `GET /healthz`: alive, able to write evidence, without which every call is refused, and able to
/// write state, without which nothing opens and a restart has more to make good.
pub(super) async fn alive(State(door): State<Arc<Door>>) -> Response {
    let desk = door.lane.desk();
    let (status, mut body) = match failure(desk.ledger().health(), desk.registry().health()) {
        None => (StatusCode::OK, value!({"status": "ok"})),
        Some(why) => (StatusCode::SERVICE_UNAVAILABLE, value!({"status": "failed", "why": why})),
    };
    let engine = door.lane.upstreams().lender();
    let detail = engine.and_then(|it| canaries(it.canaries().into_values()));
    if let Some((detail, body)) = detail.zip(body.as_object_mut()) {
        body.insert("canaries".to_owned(), detail);
    }
    json(status, body.to_string().into_bytes())
}

/// Counts the targets that canaries prove. They do not say that the gateway is unwell, and anybody may ask:
/// so which ones is not told.
fn canaries(known: impl Iterator<Item = Canary>) -> Option<serde_json::Value> {
    let [mut proven, mut failing, mut waiting] = [0_u32; 3];
    for canary in known {
        let count = match (&canary.failing, canary.proven) {
            (Some(_), _) => &mut failing,
            (None, Some(_)) => &mut proven,
            (None, None) => &mut waiting,
        };
        *count = count.saturating_add(1);
    }
    let any = 0 < proven.max(failing).max(waiting);
    any.then(|| value!({"proven": proven, "failing": failing, "waiting": waiting}))
}

/// Says what cannot be written.
fn failure(ledger: LedgerHealth, registry: RegistryHealth) -> Option<String> {
    let evidence = match ledger {
        LedgerHealth::Good => None,
        LedgerHealth::Failed { why } => Some(format!("the evidence cannot be written: {why}")),
    };
    let state = match registry {
        RegistryHealth::Good => None,
        RegistryHealth::ReadOnly => Some("the registry is only read".to_owned()),
        RegistryHealth::Full { why } => {
            Some(format!("the registry has no room and waits for it: {why}"))
        }
        RegistryHealth::Failed { why } => Some(format!("the registry cannot be written: {why}")),
    };
    let all: Vec<_> = evidence.into_iter().chain(state).collect();
    (!all.is_empty()).then(|| all.join("; "))
}

/// `GET /readyz`: able to write evidence, and every server answers. It says how many do not, and
/// not which: anybody may ask.
pub(super) async fn ready(State(door): State<Arc<Door>>) -> Response {
    let upstreams = door.lane.upstreams();
    let mut down = 0_usize;
    for server in upstreams.names() {
        if upstreams.catalog(server, std::time::Duration::ZERO).await.is_err() {
            down = down.saturating_add(1);
        }
    }
    let desk = door.lane.desk();
    let evidence = matches!(desk.ledger().health(), LedgerHealth::Good);
    let registry = matches!(desk.registry().health(), RegistryHealth::Good);
    let status = if evidence && registry && down == 0 {
        StatusCode::OK
    } else {
        StatusCode::SERVICE_UNAVAILABLE
    };
    json(
        status,
        value!({"evidence": evidence, "registry": registry, "down": down}).to_string().into_bytes(),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn canaries_are_counted_and_not_named() {
        let now = bailiwick_model::Timestamp::from_millis(0);
        let failing = crate::Failing { since: now, times: 1, why: "orders-db".to_owned() };
        let canary = |proven, failing| Canary { every: "1h".to_owned(), proven, failing };
        let all = [canary(None, None), canary(Some(now), None), canary(Some(now), Some(failing))];
        let told = canaries(all.into_iter()).unwrap();
        assert_eq!(told, value!({"proven": 1, "failing": 1, "waiting": 1}));
        assert_eq!(canaries(std::iter::empty()), None);
    }

    #[test]
    fn whatever_cannot_be_written_is_told() {
        let full = || "the disk is full".to_owned();
        assert_eq!(failure(LedgerHealth::Good, RegistryHealth::Good), None);
        let said = failure(LedgerHealth::Good, RegistryHealth::Failed { why: full() }).unwrap();
        assert_eq!(said, "the registry cannot be written: the disk is full");
        let said = failure(LedgerHealth::Good, RegistryHealth::Full { why: full() }).unwrap();
        assert_eq!(said, "the registry has no room and waits for it: the disk is full");
        let failed = LedgerHealth::Failed { why: full() };
        let said = failure(failed, RegistryHealth::Failed { why: full() }).unwrap();
        assert!(said.starts_with("the evidence cannot be written") && said.contains("registry"));
    }
}
