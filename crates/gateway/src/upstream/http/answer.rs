//! The answer to one POST: one message, or a stream of events with our answer among them.

use bytes::Bytes;
use http::{Response, StatusCode, header};
use http_body_util::{BodyExt as _, Limited};
use hyper::body::Incoming as Body;
use serde::Deserialize;
use serde_json::value::RawValue;
use tokio::sync::Notify;

use super::{BODY_MAX, events::Events};
use crate::upstream::{
    error::SendError,
    incoming::{Incoming, Reply},
};

/// Takes the answer to the question `id` out of `response`.
pub(super) async fn take(
    response: Response<Body>,
    id: u64,
    changed: &Notify,
) -> Result<Reply, SendError> {
    let (head, body) = response.into_parts();
    let kind = head.headers.get(header::CONTENT_TYPE).and_then(|it| it.to_str().ok());
    let kind = kind.unwrap_or_default().split(';').next().unwrap_or_default().trim();
    if !head.status.is_success() {
        return refused(head.status, body).await;
    }
    if kind.eq_ignore_ascii_case("text/event-stream") {
        return among_events(body, id, changed).await;
    }
    if !kind.eq_ignore_ascii_case("application/json") {
        return Err(unknown(format!("it answered with `{kind}`, which is not understood")));
    }
    match mine(&whole(body).await?, id, changed) {
        Some(reply) => reply,
        None => Err(unknown("it answered something that was not asked".to_owned())),
    }
}

/// A refusal may still carry an error that says why.
async fn refused(status: StatusCode, body: Body) -> Result<Reply, SendError> {
    #[derive(Deserialize)]
    struct Refusal {
        error: Box<RawValue>,
    }
    let object = |bytes: &[u8]| bytes.trim_ascii_start().starts_with(b"{");
    if status.is_redirection() {
        return Err(unknown(format!("it redirects ({status}), which is not followed")));
    }
    let bytes = whole(body).await?;
    match serde_json::from_slice(&bytes) {
        Ok(Refusal { error }) if object(&bytes) && object(error.get().as_bytes()) => {
            Ok(Reply::Error(error))
        }
        Ok(_) | Err(_) => Err(unknown(format!("it answered {status}"))),
    }
}

/// Says whether an error is about the session, and not about what was asked in it.
pub(super) fn speaks_of_session(reply: &Reply) -> bool {
    #[derive(Deserialize)]
    struct Said {
        message: String,
    }
    let Reply::Error(error) = reply else { return false };
    serde_json::from_str::<Said>(error.get())
        .is_ok_and(|it| it.message.to_ascii_lowercase().contains("session"))
}

async fn whole(body: Body) -> Result<Bytes, SendError> {
    match Limited::new(body, BODY_MAX).collect().await {
        Ok(body) => Ok(body.to_bytes()),
        Err(error) => Err(unknown(format!("its answer broke off: {error}"))),
    }
}

async fn among_events(mut body: Body, id: u64, changed: &Notify) -> Result<Reply, SendError> {
    let mut events = Events::new(BODY_MAX);
    while let Some(frame) = body.frame().await {
        let frame = frame.map_err(|error| unknown(format!("its answer broke off: {error}")))?;
        let Ok(piece) = frame.into_data() else { continue };
        let ended = events
            .feed(&piece)
            .map_err(|_| unknown(format!("one event has more than {BODY_MAX} bytes")))?;
        if let Some(reply) = ended.iter().find_map(|it| mine(it, id, changed)) {
            return reply;
        }
    }
    Err(unknown("its stream ended without an answer".to_owned()))
}

/// Reads one message; gives the answer if it is ours.
fn mine(bytes: &[u8], id: u64, changed: &Notify) -> Option<Result<Reply, SendError>> {
    match Incoming::read(bytes) {
        Ok(Incoming::Answer { id: theirs, reply }) if theirs == id => {
            Some(reply.map_err(|why| unknown(why.to_owned())))
        }
        Ok(Incoming::Notification { method }) if method == "notifications/tools/list_changed" => {
            changed.notify_one();
            None
        }
        Ok(_) => None,
        Err(error) => {
            tracing::debug!(error, "something that is no message was skipped");
            None
        }
    }
}

pub(super) const fn unknown(why: String) -> SendError {
    SendError::Unknown { why }
}
