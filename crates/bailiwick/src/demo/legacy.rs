//! An application from before there were agents: one key that lives for years, and a debug field that
//! gives it back.

use std::{io::Write as _, net::SocketAddr, path::PathBuf, sync::Arc};

use axum::{Router, extract::Path, http::HeaderMap, response::IntoResponse, routing::get};
use bailiwick_connect::{Secret, random_text};
use http::{StatusCode, header};
use serde_json::json;

/// The application, on a port of its own.
#[derive(Clone, Debug)]
pub(super) struct Legacy {
    pub(super) address: SocketAddr,
    /// Its one key.
    pub(super) key: Secret,
}

impl Legacy {
    /// Starts it. Each request that it lets in is appended to `count`.
    pub(super) async fn start(count: PathBuf) -> anyhow::Result<Self> {
        let key = Secret::new(format!("legacy-{}", random_text()?));
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
        let legacy = Self { address: listener.local_addr()?, key };
        let (shown, count) = (Arc::new(format!("Bearer {}", legacy.key.expose())), Arc::new(count));
        let invoice = move |Path(id): Path<String>, headers: HeaderMap| {
            let (shown, count) = (Arc::clone(&shown), Arc::clone(&count));
            async move { invoice(&id, &headers, (&shown, &count)) }
        };
        let routes = Router::new().route("/invoices/{id}", get(invoice));
        tokio::spawn(async move { axum::serve(listener, routes).await });
        Ok(legacy)
    }
}

fn invoice(
    id: &str,
    headers: &HeaderMap,
    (key, count): (&str, &PathBuf),
) -> impl IntoResponse + use<> {
    let shown = headers.get(header::AUTHORIZATION).and_then(|it| it.to_str().ok());
    if shown != Some(key) {
        let text = json!({"error": "no key, no invoice"}).to_string();
        return (StatusCode::UNAUTHORIZED, text);
    }
    let file = std::fs::OpenOptions::new().create(true).append(true).open(count);
    let line = format!("get_invoice {}", json!({"id": id}));
    let counted = file.and_then(|mut it| writeln!(it, "{line}"));
    if counted.is_err() {
        return (StatusCode::INTERNAL_SERVER_ERROR, String::new());
    }
    let answer = json!({"invoice": id, "amount": 120, "debug": {"authorization": shown}});
    (StatusCode::OK, answer.to_string())
}
