//! Whether the gateway lives, and whether it can do its work.

use std::sync::Arc;

use axum::{extract::State, response::Response};
use bailiwick_store::LedgerHealth;
use http::StatusCode;
use serde_json::json as value;

use super::{Door, json};

/// `GET /healthz`: alive, and able to write evidence; without that every call is refused.
pub(super) async fn alive(State(door): State<Arc<Door>>) -> Response {
    match door.lane.desk().ledger().health() {
        LedgerHealth::Good => {
            json(StatusCode::OK, value!({"status": "ok"}).to_string().into_bytes())
        }
        LedgerHealth::Failed { why } => {
            let body = value!({"status": "failed", "why": format!("the evidence cannot be written: {why}")});
            json(StatusCode::SERVICE_UNAVAILABLE, body.to_string().into_bytes())
        }
    }
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
    let evidence = matches!(door.lane.desk().ledger().health(), LedgerHealth::Good);
    let status =
        if evidence && down == 0 { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    json(status, value!({"evidence": evidence, "down": down}).to_string().into_bytes())
}
