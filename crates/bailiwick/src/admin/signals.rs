//! How those stand who are told what happens here.

use std::sync::Arc;

use axum::extract::State;

use super::{
    Admin,
    answer::{Answer, json},
};

/// `GET /api/v1/signals`
pub(super) async fn list(State(admin): State<Arc<Admin>>) -> Answer {
    json(&admin.outward.as_ref().map(|it| it.view()).unwrap_or_default())
}
