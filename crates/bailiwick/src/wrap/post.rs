//! One message to the governor, over its socket, and whatever comes back for it.

use std::path::Path;

use bailiwick_gateway::EventStream;
use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Method, Request, Response, StatusCode, header};
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper_util::rt::TokioIo;
use tokio::{net::UnixStream, sync::mpsc};

use super::message::on_one_line;

/// How large one answer may be; a governor sends none that is larger.
const ANSWER_MAX: usize = 64 << 20;

/// Why a message was not answered.
#[derive(Debug, thiserror::Error)]
pub(super) enum PostError {
    /// It never left.
    #[error("no governor answers: {0}")]
    NotSent(std::io::Error),
    /// The connection broke off; what became of the message is not known.
    #[error("the governor broke off, and what became of the call is not known")]
    Broken,
    /// The answer has no end.
    #[error("the answer is larger than {} MiB", ANSWER_MAX >> 20)]
    TooLarge,
}

impl From<hyper::Error> for PostError {
    fn from(_: hyper::Error) -> Self {
        Self::Broken
    }
}

/// An answer that has begun.
#[derive(Debug)]
pub(super) struct Begun {
    response: Response<Incoming>,
    driving: tokio::task::JoinHandle<()>,
}

impl Drop for Begun {
    // Whoever stops listening hangs up, and that is how a modern request is cancelled.
    fn drop(&mut self) {
        self.driving.abort();
    }
}

/// Sends `body` to `path`, with `headers`.
pub(super) async fn send(
    socket: &Path,
    (method, path): (Method, &str),
    headers: HeaderMap,
    body: Bytes,
) -> Result<Begun, PostError> {
    let stream = UnixStream::connect(socket).await.map_err(PostError::NotSent)?;
    let (mut sender, connection) =
        hyper::client::conn::http1::handshake(TokioIo::new(stream)).await?;
    let driving = tokio::spawn(async move {
        if let Err(error) = connection.await {
            tracing::debug!(%error, "a connection to the governor broke off");
        }
    });
    let mut request = Request::new(Full::new(body));
    *request.method_mut() = method;
    *request.uri_mut() = path.parse().map_err(|_| PostError::Broken)?;
    *request.headers_mut() = headers;
    let head = request.headers_mut();
    let both = HeaderValue::from_static("application/json, text/event-stream");
    head.insert(header::ACCEPT, both);
    head.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    let response = sender.send_request(request).await?;
    Ok(Begun { response, driving })
}

impl Begun {
    pub(super) fn status(&self) -> StatusCode {
        self.response.status()
    }

    pub(super) fn header(&self, name: &str) -> Option<&HeaderValue> {
        self.response.headers().get(name)
    }

    pub(super) fn is_stream(&self) -> bool {
        let kind = self.header("content-type").and_then(|it| it.to_str().ok());
        kind.is_some_and(|it| it.starts_with("text/event-stream"))
    }

    /// Passes every message of the answer on, each on a line of its own.
    pub(super) async fn pass_on(mut self, lines: &mpsc::Sender<Vec<u8>>) -> Result<(), PostError> {
        let is_stream = self.is_stream();
        let (mut events, mut whole) = (EventStream::new(ANSWER_MAX), Vec::new());
        while let Some(frame) = self.response.body_mut().frame().await {
            let Ok(piece) = frame?.into_data() else { continue };
            if is_stream {
                for event in events.feed(&piece).map_err(|_| PostError::TooLarge)? {
                    tell(lines, event).await;
                }
                continue;
            }
            whole.extend_from_slice(&piece);
            if ANSWER_MAX < whole.len() {
                return Err(PostError::TooLarge);
            }
        }
        tell(lines, whole).await;
        Ok(())
    }
}

async fn tell(lines: &mpsc::Sender<Vec<u8>>, message: Vec<u8>) {
    if !message.iter().all(u8::is_ascii_whitespace) {
        // Nobody reads any more: the relay notices by itself.
        let _deaf = lines.send(on_one_line(message)).await;
    }
}
