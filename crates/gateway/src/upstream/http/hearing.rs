//! What a server says by itself, on a stream that the gateway opens and keeps open.

use std::{
    collections::BTreeSet,
    convert::Infallible,
    sync::{Weak, atomic::Ordering},
    time::Instant,
};

use bytes::Bytes;
use http::{Method, Response, StatusCode, header};
use http_body_util::BodyExt as _;
use serde_json::json;
use tokio::sync::mpsc;

use super::{ASIDE, BODY_MAX, Body, Link, Missed, events::Events};
use crate::{
    jsonrpc::raw_of,
    mcp::{Era, subscription::Wanted},
    upstream::{
        incoming::{self, Incoming},
        pauses::Pauses,
        relay,
        request::Request,
        subscribed::Subscribed,
    },
};

/// How a try to listen went.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Went {
    /// The server said something before the stream ended.
    Well,
    /// Nothing was said.
    Badly,
    /// The server has no such streams.
    NotOffered,
}

/// Sends what answers a server's own questions, one after the other, as long as there is a `link`.
pub(super) async fn answer(link: Weak<Link>, mut answers: mpsc::Receiver<Vec<u8>>) {
    while let Some(answer) = answers.recv().await {
        let Some(link) = link.upgrade() else { return };
        let session = link.session();
        let sent = link.send(Method::POST, Bytes::from(answer), &session.headers);
        if !matches!(tokio::time::timeout(ASIDE, sent).await, Ok(Ok(_))) {
            tracing::debug!(server = %link.spec.name, "it did not take the answer to its question");
        }
    }
}

impl Link {
    /// Hears what the server says of changes, for as long as it is polled.
    pub(in crate::upstream) async fn hear(&self, subscribed: &Subscribed) -> Infallible {
        let mut pauses = Pauses::default();
        loop {
            let began = Instant::now();
            let pause = match self.hear_once(subscribed).await {
                Went::Well => pauses.after_well(),
                Went::Badly => pauses.after_badly(began.elapsed()),
                Went::NotOffered => std::future::pending().await,
            };
            tokio::time::sleep(pause).await;
        }
    }

    /// Hears one stream to its end. A newer server is told with the stream itself which resources are
    /// followed, so another one takes its place when these change; it is heard until that is there.
    async fn hear_once(&self, subscribed: &Subscribed) -> Went {
        let mut hearing = match self.begin(subscribed).await {
            Ok(body) => Box::pin(self.hear_out(body)),
            Err(went) => return went,
        };
        loop {
            let anew = async {
                match self.era() {
                    Era::Legacy => std::future::pending().await,
                    Era::Modern => subscribed.changed().await,
                }
                self.begin(subscribed).await
            };
            let anew = tokio::select! {
                went = &mut hearing => return went,
                anew = anew => anew,
            };
            match anew {
                Ok(body) => hearing = Box::pin(self.hear_out(body)),
                Err(went) => return went,
            }
        }
    }

    async fn begin(&self, subscribed: &Subscribed) -> Result<Body, Went> {
        let Ok(response) = self.listen(&subscribed.followed()).await else {
            return Err(Went::Badly);
        };
        let (head, body) = response.into_parts();
        let kind = head.headers.get(header::CONTENT_TYPE).and_then(|it| it.to_str().ok());
        match head.status {
            StatusCode::METHOD_NOT_ALLOWED => Err(Went::NotOffered),
            StatusCode::NOT_FOUND if self.era() == Era::Modern => Err(Went::NotOffered),
            it if it.is_success() && kind.is_some_and(|it| it.starts_with("text/event-stream")) => {
                Ok(body)
            }
            _ => Err(Went::Badly),
        }
    }

    /// Asks to be told of changes, as servers of each era want to be asked.
    async fn listen(&self, followed: &BTreeSet<String>) -> Result<Response<Body>, Missed> {
        match self.era() {
            Era::Legacy => self.send(Method::GET, Bytes::new(), &self.session().headers).await,
            Era::Modern => {
                let wanted = Wanted { uris: followed.clone(), ..Wanted::everything() };
                let wanted = raw_of(&json!({ "notifications": wanted }));
                let asked = Request::listening(&wanted);
                let body = asked.line(self.next.fetch_add(1, Ordering::Relaxed), Era::Modern);
                self.send(Method::POST, Bytes::from(body), &asked.mirrored()).await
            }
        }
    }

    async fn hear_out(&self, mut body: Body) -> Went {
        let (mut events, mut went) = (Events::new(BODY_MAX), Went::Badly);
        while let Some(Ok(frame)) = body.frame().await {
            let Ok(piece) = frame.into_data() else { continue };
            let Ok(ended) = events.feed(&piece) else { break };
            for event in ended {
                went = Went::Well;
                self.heard(&event);
            }
        }
        went
    }

    fn heard(&self, event: &[u8]) {
        match Incoming::read(event) {
            Ok(Incoming::Notification { method, params }) => {
                let params = params.as_deref();
                if method == relay::LOGGED {
                    self.changed.under_way.logged(params);
                } else if !self.changed.told(&method, params) {
                    tracing::trace!(server = %self.spec.name, method, "a notification was dropped");
                }
            }
            Ok(Incoming::Request { id, method, params }) => {
                if let Some(asked) = self.changed.under_way.asked(id, (&method, params.as_deref()))
                {
                    let answers = self.answers.clone();
                    tokio::spawn(async move {
                        if let Some(answer) = asked.answered().await {
                            // Without the connection nobody waits for it.
                            let _gone = answers.send(answer).await;
                        }
                    });
                } else if self.answers.try_send(incoming::answer(id, &method)).is_err() {
                    tracing::debug!(server = %self.spec.name, "it asks more than it takes answers for");
                }
            }
            Ok(Incoming::Answer { .. } | Incoming::Stray) => {}
            Err(error) => tracing::debug!(error, "something that is no message was skipped"),
        }
    }
}
