//! How a command reaches the running server: HTTP over `state/admin.sock`.

use std::{
    path::{Path, PathBuf},
    time::Duration,
};

use bytes::Bytes;
use http::{Method, Request, StatusCode};
use http_body_util::{BodyExt, Full};
use hyper_util::rt::TokioIo;
use serde::{Serialize, de::DeserializeOwned};
use tokio::net::UnixStream;

use crate::{admin::wire::Problem, exit::CommandError};

/// How long a command waits for its answer.
const PATIENCE: Duration = Duration::from_secs(60);

/// The socket of a state directory.
pub(crate) fn socket(state: &Path) -> PathBuf {
    state.join("admin.sock")
}

/// Asks the running server of one state directory.
#[derive(Clone, Debug)]
pub(crate) struct Client {
    socket: PathBuf,
}

impl Client {
    /// Reaches the server that owns `state`; none where nothing listens there.
    pub(crate) async fn reach(state: &Path) -> Option<Self> {
        let socket = socket(state);
        UnixStream::connect(&socket).await.ok().map(|_| Self { socket })
    }

    /// Reaches the server, or says that a server is needed.
    pub(crate) async fn need(state: &Path) -> Result<Self, CommandError> {
        Self::reach(state).await.ok_or_else(|| {
            CommandError::Unreachable(format!(
                "nothing serves `{}`: start it with `bailiwick serve`",
                state.display()
            ))
        })
    }

    /// Asks for `path`.
    pub(crate) async fn get<A: DeserializeOwned>(&self, path: &str) -> Result<A, CommandError> {
        self.ask(Method::GET, path, Bytes::new()).await
    }

    /// Sends `body` to `path`.
    pub(crate) async fn post<B: Serialize, A: DeserializeOwned>(
        &self,
        path: &str,
        body: &B,
    ) -> Result<A, CommandError> {
        let body = serde_json::to_vec(body).map_err(anyhow::Error::from)?;
        self.ask(Method::POST, path, body.into()).await
    }

    async fn ask<A: DeserializeOwned>(
        &self,
        method: Method,
        path: &str,
        body: Bytes,
    ) -> Result<A, CommandError> {
        let answer = tokio::time::timeout(PATIENCE, self.exchange(method, path, body));
        let (status, body) = answer
            .await
            .map_err(|_| CommandError::Unreachable("the server does not answer".to_owned()))?
            .map_err(|error| CommandError::Unreachable(format!("the server broke off: {error}")))?;
        if status.is_success() {
            return Ok(serde_json::from_slice(&body).map_err(anyhow::Error::from)?);
        }
        Err(refused(status, &body))
    }

    async fn exchange(
        &self,
        method: Method,
        path: &str,
        body: Bytes,
    ) -> anyhow::Result<(StatusCode, Bytes)> {
        let stream = UnixStream::connect(&self.socket).await?;
        let (mut sender, connection) =
            hyper::client::conn::http1::handshake(TokioIo::new(stream)).await?;
        let driving = tokio::spawn(connection);
        let request = Request::builder()
            .method(method)
            .uri(path)
            .header(http::header::HOST, "admin.sock")
            .header(http::header::CONTENT_TYPE, "application/json")
            .body(Full::new(body))?;
        let answer = sender.send_request(request).await?;
        let status = answer.status();
        let body = answer.into_body().collect().await?.to_bytes();
        driving.abort();
        Ok((status, body))
    }
}

/// Turns the server's no into the command's.
fn refused(status: StatusCode, body: &[u8]) -> CommandError {
    let Ok(problem) = serde_json::from_slice::<Problem>(body) else {
        return CommandError::Fault(anyhow::anyhow!("the server answered {status}"));
    };
    let mut text = problem.title;
    for reason in &problem.reasons {
        text.push_str(&format!("\n  {} [{}]", reason.text, reason.source));
    }
    match status {
        StatusCode::BAD_REQUEST => CommandError::Words(text),
        StatusCode::SERVICE_UNAVAILABLE => CommandError::Unreachable(text),
        StatusCode::INTERNAL_SERVER_ERROR => CommandError::Fault(anyhow::anyhow!(text)),
        _ => CommandError::No(text),
    }
}
