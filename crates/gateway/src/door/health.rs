//! Whether the gateway lives, and whether it can do its work.

use std::sync::Arc;

use axum::{extract::State, response::Response};
use bailiwick_store::{LedgerHealth, RegistryHealth};
use http::StatusCode;
use serde_json::json as value;

use super::{Door, json};

/// `GET /healthz`: alive, able to write evidence, without which every call is refused, and able to
/// write state, without which nothing opens and a restart has more to make good.
pub(super) async fn alive(State(door): State<Arc<Door>>) -> Response {
    let desk = door.lane.desk();
    let (status, body) = match failure(desk.ledger().health(), desk.registry().health()) {
        None => (StatusCode::OK, value!({"status": "ok"})),
        Some(why) => (StatusCode::SERVICE_UNAVAILABLE, value!({"status": "failed", "why": why})),
    };
    json(status, body.to_string().into_bytes())
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
    fn whatever_cannot_be_written_is_told() {
        let full = || "the disk is full".to_owned();
        assert_eq!(failure(LedgerHealth::Good, RegistryHealth::Good), None);
        let said = failure(LedgerHealth::Good, RegistryHealth::Failed { why: full() }).unwrap();
        assert_eq!(said, "the registry cannot be written: the disk is full");
        let failed = LedgerHealth::Failed { why: full() };
        let said = failure(failed, RegistryHealth::Failed { why: full() }).unwrap();
        assert!(said.starts_with("the evidence cannot be written") && said.contains("registry"));
    }
}
