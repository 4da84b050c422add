//! The answer to one POST: one message, or a stream of events with our answer among them.

use bytes::Bytes;
use http::{HeaderMap, Response, StatusCode, header};
use http_body_util::{BodyExt as _, Limited};
use serde::Deserialize;
use serde_json::value::RawValue;
use tokio::sync::mpsc;

use super::{
    BODY_MAX, Body, Missed,
    events::{Events, Mark},
};
use crate::{
    pieces::Pieces,
    room::Share,
    upstream::{
        error::SendError,
        incoming::{self, Incoming, Reply},
        news::Changes,
        relay::Relay,
    },
};

/// How official SDKs' servers say, with another status than the specification's, that they know
/// no such session. They look at the session first, and at nothing else then.
const FORGOTTEN: [&str; 3] = [
    "Bad Request: No valid session ID provided",
    "Bad Request: Mcp-Session-Id header is required",
    "Session not found",
];

/// How much of a server's own word is repeated.
const WORD_MAX: usize = 64;

/// A refusal, as far as it can be read.
#[derive(Debug, Default, Deserialize)]
struct Refusal {
    #[serde(default)]
    id: Option<Box<RawValue>>,
    #[serde(default)]
    error: Option<Box<RawValue>>,
}

/// What an answer is looked for, and who hears what comes before it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Asked<'a> {
    pub(super) id: u64,
    pub(super) relay: Option<&'a Relay>,
    /// What the answer takes of the room for answers.
    pub(super) share: Option<&'a Share>,
    /// What hears of changes at the server.
    pub(super) changed: &'a Changes,
    /// What answers the server's own questions goes here.
    pub(super) answers: &'a mpsc::Sender<Vec<u8>>,
}

/// Takes the answer to what was asked out of `response`.
pub(super) async fn take(
    response: Response<Body>,
    asked: Asked<'_>,
    in_session: bool,
) -> Result<Reply, Missed> {
    let (head, body) = response.into_parts();
    let kind = kind_of(&head.headers);
    if head.status.is_redirection() {
        return Err(unknown(format!("it redirects ({}), which is not followed", head.status)));
    }
    if let Some(coding) = coded(&head.headers) {
        return Err(unknown(format!(
            "it answered compressed (`{}`), which nobody asked for",
            plain(coding)
        )));
    }
    if !head.status.is_success() {
        let refusal = Refusal::read(&asked.whole(body).await?);
        if in_session && refusal.forgot_session(head.status, asked.id) {
            return Err(Missed::Session);
        }
        // Perhaps another program answers here by now, of another era: whoever looks at its tools
        // will see.
        if matches!(head.status, StatusCode::BAD_REQUEST | StatusCode::NOT_FOUND) {
            asked.changed.notify_one();
        }
        // A refusal may still carry an error that says why.
        let error = refusal.error.ok_or_else(|| unknown(format!("it answered {}", head.status)))?;
        return Ok(Reply::error(&error));
    }
    if is_stream(&head.headers) {
        return asked.among_events(body).await;
    }
    if !kind.eq_ignore_ascii_case("application/json") {
        return Err(unknown(format!(
            "it answered with `{}`, which is not understood",
            plain(kind)
        )));
    }
    match asked.mine(&asked.whole(body).await?).await {
        Some(reply) => reply,
        None => Err(unknown("it answered something that was not asked".to_owned())),
    }
}

/// Keeps of a server's word what can be shown anywhere: a few plain characters.
fn plain(word: &str) -> String {
    word.chars().filter(char::is_ascii_graphic).take(WORD_MAX).collect()
}

/// Gives the coding that an answer came in, where it came in one.
fn coded(headers: &HeaderMap) -> Option<&str> {
    let coding = headers.get(header::CONTENT_ENCODING)?.to_str().unwrap_or("?");
    (!coding.eq_ignore_ascii_case("identity")).then_some(coding)
}

impl Refusal {
    fn read(bytes: &[u8]) -> Self {
        let object = |bytes: &[u8]| bytes.trim_ascii_start().starts_with(b"{");
        if !object(bytes) {
            return Self::default();
        }
        let read: Self = serde_json::from_slice(bytes).unwrap_or_default();
        Self { error: read.error.filter(|it| object(it.get().as_bytes())), ..read }
    }

    /// Says whether it is certain that the session is not known, so that nothing was done.
    fn forgot_session(&self, status: StatusCode, asked: u64) -> bool {
        match status {
            // What names our very question answers it.
            StatusCode::NOT_FOUND => {
                self.id.as_ref().is_none_or(|it| it.get() != asked.to_string())
            }
            StatusCode::BAD_REQUEST => self.id.is_none() && self.says_forgotten(),
            _ => false,
        }
    }

    fn says_forgotten(&self) -> bool {
        #[derive(Deserialize)]
        struct Said {
            message: String,
        }
        let said = self.error.as_ref().and_then(|it| serde_json::from_str::<Said>(it.get()).ok());
        said.is_some_and(|it| FORGOTTEN.contains(&it.message.as_str()))
    }
}

impl Asked<'_> {
    async fn whole(self, body: Body) -> Result<Bytes, Missed> {
        let (mut body, mut whole) = (Limited::new(body, BODY_MAX), Pieces::None);
        while let Some(frame) = body.frame().await {
            let frame = frame.map_err(|error| unknown(format!("its answer broke off: {error}")))?;
            let Ok(piece) = frame.into_data() else { continue };
            self.takes(whole.size().saturating_add(piece.len()))?;
            whole = whole.and(piece);
        }
        Ok(whole.into_bytes())
    }

    /// Takes room for so many bytes of an answer.
    fn takes(self, bytes: usize) -> Result<(), Missed> {
        let Some(share) = self.share else { return Ok(()) };
        share.reach(bytes).map_err(|full| unknown(full.no_answer()))
    }

    pub(super) async fn among_events(self, mut body: Body) -> Result<Reply, Missed> {
        let mut events = Events::new(BODY_MAX);
        while let Some(frame) = body.frame().await {
            let frame = frame.map_err(|error| {
                broke(format!("its answer broke off: {error}"), events.mark().clone())
            })?;
            let Ok(piece) = frame.into_data() else { continue };
            let ended = events
                .feed(&piece)
                .map_err(|_| unknown(format!("one event has more than {BODY_MAX} bytes")))?;
            self.takes(events.size())?;
            for event in ended {
                self.takes(event.len())?;
                if let Some(reply) = self.mine(&event).await {
                    return reply;
                }
            }
        }
        Err(broke("its stream ended without an answer".to_owned(), events.mark().clone()))
    }

    /// Reads one message; gives the answer if it is ours.
    async fn mine(self, bytes: &[u8]) -> Option<Result<Reply, Missed>> {
        match Incoming::read(bytes) {
            Ok(Incoming::Answer { id, reply }) if id == self.id => {
                return Some(reply.map_err(|why| unknown(why.to_owned())));
            }
            Ok(Incoming::Notification { method, params }) => {
                self.told(&method, params.as_deref()).await;
            }
            Ok(Incoming::Request { id, method, params }) => {
                self.asked(id, &method, params.as_deref());
            }
            Ok(Incoming::Answer { .. } | Incoming::Stray) => {}
            Err(error) => tracing::debug!(error, "something that is no message was skipped"),
        }
        None
    }

    /// Takes a question of the server's: on the stream of a call it is meant for the caller.
    fn asked(self, id: &RawValue, method: &str, params: Option<&RawValue>) {
        let Some(asked) = self.relay.and_then(|it| it.asked(id, (method, params))) else {
            if self.answers.try_send(incoming::answer(id, method)).is_err() {
                tracing::debug!(method, "a server asks more than it takes answers for");
            }
            return;
        };
        let answers = self.answers.clone();
        tokio::spawn(async move {
            if let Some(answer) = asked.answered().await {
                // Without the connection nobody waits for it.
                let _gone = answers.send(answer).await;
            }
        });
    }

    async fn told(self, method: &str, params: Option<&RawValue>) {
        if self.changed.told(method, params) {
            return;
        }
        if let Some(relay) = self.relay {
            relay.told(self.id, (method, params)).await;
        }
    }
}

const fn broke(why: String, mark: Mark) -> Missed {
    Missed::Broke { why, mark }
}

/// Says whether an answer comes as a stream of events.
pub(super) fn is_stream(headers: &HeaderMap) -> bool {
    kind_of(headers).eq_ignore_ascii_case("text/event-stream")
}

fn kind_of(headers: &HeaderMap) -> &str {
    let kind = headers.get(header::CONTENT_TYPE).and_then(|it| it.to_str().ok());
    kind.unwrap_or_default().split(';').next().unwrap_or_default().trim()
}

pub(super) const fn unknown(why: String) -> Missed {
    Missed::Other(SendError::Unknown { why })
}
