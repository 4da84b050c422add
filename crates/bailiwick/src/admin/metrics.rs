//! `GET /metrics`: what is counted, for whoever watches.
//!
//! It wants a token of its own. Being on this machine is no proof where something in front passes
//! everybody on, and a scraper needs no authority over the governor.

use std::sync::Arc;

use axum::{
    Router,
    extract::State,
    middleware,
    response::{IntoResponse, Response},
    routing::get,
};
use bailiwick_connect::Secret;
use http::header;

use super::{Admin, bearer};

/// The route on the listener, for holders of the token.
pub(crate) fn on_listener(admin: &Arc<Admin>, token: Secret) -> Router {
    let token = Arc::new(token);
    routes(admin).route_layer(middleware::from_fn(move |request, next| {
        bearer((Arc::clone(&token), "metrics_token"), request, next)
    }))
}

/// The route itself.
pub(super) fn routes(admin: &Arc<Admin>) -> Router {
    Router::new().route("/metrics", get(read)).with_state(Arc::clone(admin))
}

async fn read(State(admin): State<Arc<Admin>>) -> Response {
    let text = admin.meter.read(&admin.lane).await;
    let kind = "text/plain; version=0.0.4; charset=utf-8";
    ([(header::CONTENT_TYPE, kind), (header::CACHE_CONTROL, "no-store")], text).into_response()
}
