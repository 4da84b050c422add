//! An answer that may begin before it is known: as a stream of events, with the answer as the last.
//!
//! An answer that comes at once is plain JSON. When something is said before it, or a while has
//! passed, the response begins as `text/event-stream`. What is answered then goes on by itself: a
//! slow reader delays no outcome, and one that hangs up drops what is left of it.

use std::{
    convert::Infallible,
    fmt,
    pin::Pin,
    task::{Context, Poll},
    time::Duration,
};

use axum::{
    body::{Body, HttpBody, to_bytes},
    response::{IntoResponse, Response},
};
use bytes::Bytes;
use http::{
    StatusCode, header,
    header::{HeaderName, HeaderValue},
};
use hyper::body::Frame;
use tokio_util::task::AbortOnDropHandle;

use crate::listener::{Note, Notes};

/// How a response keeps its reader waiting.
#[derive(Clone, Copy, Debug)]
struct Pace {
    /// How long it waits for its answer before it begins.
    patience: Duration,
    /// How often a stream on which nothing is said shows that it lives.
    keep_alive: Duration,
}

const PACE: Pace = Pace { patience: Duration::from_secs(3), keep_alive: Duration::from_secs(15) };

/// By which decision a call was answered: a header, and a comment where the answer is streamed.
pub(super) static DECISION: HeaderName = HeaderName::from_static("bailiwick-decision");

/// What will be the answer.
pub(super) type Answering = Pin<Box<dyn Future<Output = Response> + Send>>;

/// Gives the answer, or begins a stream that ends with it.
pub(super) async fn answered(notes: Notes, answering: Answering) -> Response {
    at_pace(PACE, notes, answering).await
}

/// Begins a stream at once, unless there is an answer already.
pub(super) async fn begun(notes: Notes, answering: Answering) -> Response {
    at_pace(Pace { patience: Duration::ZERO, ..PACE }, notes, answering).await
}

/// Writes a whole answer as a stream of one event, for whoever prefers that.
pub(super) async fn alone(response: Response) -> Response {
    let (mut head, body) = response.into_parts();
    let plain = head.headers.get(header::CONTENT_TYPE).is_some_and(|it| it == "application/json");
    if head.status != StatusCode::OK || !plain {
        return Response::from_parts(head, body);
    }
    head.headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("text/event-stream"));
    match last(Response::from_parts(head.clone(), body)).await {
        Some(event) => Response::from_parts(head, Body::from(event)),
        None => StatusCode::INTERNAL_SERVER_ERROR.into_response(),
    }
}

async fn at_pace(pace: Pace, mut notes: Notes, mut answering: Answering) -> Response {
    let first = tokio::select! {
        // What was said before the answer is heard before it.
        biased;
        note = notes.next() => event(&note),
        response = &mut answering => match notes.waiting() {
            None => return response,
            Some(note) => {
                answering = Box::pin(std::future::ready(response));
                event(&note)
            }
        },
        () = tokio::time::sleep(pace.patience) => alive(),
    };
    Pieces::response(first, Open { pace, notes, answering: Some(by_itself(answering)) })
}

/// Lets what is answered go on whether its stream is read or not.
fn by_itself(answering: Answering) -> Answering {
    let task = AbortOnDropHandle::new(tokio::spawn(answering));
    Box::pin(async {
        match task.await {
            Ok(response) => response,
            // Whoever catches the faults of requests puts this one on record, and breaks the stream
            // off: nothing was said that could be taken for all of it.
            Err(fault) if fault.is_panic() => std::panic::resume_unwind(fault.into_panic()),
            Err(_) => StatusCode::ACCEPTED.into_response(),
        }
    })
}

/// A response that has begun.
struct Open {
    pace: Pace,
    notes: Notes,
    /// Until the answer has come.
    answering: Option<Answering>,
}

impl Open {
    /// Gives the next piece, and what comes after it; none at the end.
    async fn next(mut self) -> Option<(Bytes, Self)> {
        let answering = self.answering.as_mut()?;
        let piece = tokio::select! {
            biased;
            note = self.notes.next() => event(&note),
            response = answering => match self.notes.waiting() {
                Some(note) => {
                    self.answering = Some(Box::pin(std::future::ready(response)));
                    event(&note)
                }
                None => {
                    self.answering = None;
                    last(response).await?
                }
            },
            () = tokio::time::sleep(self.pace.keep_alive) => alive(),
        };
        Some((piece, self))
    }
}

/// Writes an answer as the last event. What was cancelled has none.
async fn last(response: Response) -> Option<Bytes> {
    if response.status() == StatusCode::ACCEPTED {
        return None;
    }
    let (head, body) = response.into_parts();
    let body = to_bytes(body, usize::MAX).await.ok()?;
    let answer = event(&Note::new(&String::from_utf8_lossy(&body)));
    let Some(decision) = head.headers.get(&DECISION).and_then(|it| it.to_str().ok()) else {
        return Some(answer);
    };
    // The stream's own head was sent before anything was decided. Clients skip comments.
    Some(Bytes::from(
        [format!(": {} {decision}\n", DECISION.as_str()).as_bytes(), &answer].concat(),
    ))
}

fn event(note: &Note) -> Bytes {
    Bytes::from(format!("data: {}\n\n", note.message()))
}

fn alive() -> Bytes {
    Bytes::from_static(b": still here\n\n")
}

/// A body that comes piece by piece.
struct Pieces {
    first: Option<Bytes>,
    next: Option<Next>,
}

type Next = Pin<Box<dyn Future<Output = Option<(Bytes, Open)>> + Send>>;

impl Pieces {
    fn response(first: Bytes, open: Open) -> Response {
        let head = [
            (header::CONTENT_TYPE, "text/event-stream"),
            (header::CACHE_CONTROL, "no-store"),
            (HeaderName::from_static("x-accel-buffering"), "no"),
        ];
        let pieces = Self { first: Some(first), next: Some(Box::pin(open.next())) };
        (StatusCode::OK, head, Body::new(pieces)).into_response()
    }
}

impl HttpBody for Pieces {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        if let Some(first) = self.first.take() {
            return Poll::Ready(Some(Ok(Frame::data(first))));
        }
        let Some(next) = self.next.as_mut() else { return Poll::Ready(None) };
        let Poll::Ready(come) = next.as_mut().poll(context) else { return Poll::Pending };
        let piece = come.map(|(piece, open)| {
            self.next = Some(Box::pin(open.next()));
            Ok(Frame::data(piece))
        });
        if piece.is_none() {
            self.next = None;
        }
        Poll::Ready(piece)
    }
}

impl fmt::Debug for Pieces {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_struct("Pieces").finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use http_body_util::BodyExt as _;
    use tokio::sync::oneshot;

    use super::*;
    use crate::{door::json, listener::Listener};

    /// An answer that comes when the test says so.
    fn later() -> (oneshot::Sender<&'static str>, Answering) {
        let (sender, receiver) = oneshot::channel();
        let answering = Box::pin(async {
            let body: &str = receiver.await.expect("nobody dropped the answer");
            json(StatusCode::OK, body.as_bytes().to_vec())
        });
        (sender, answering)
    }

    async fn piece(response: &mut Response) -> Option<String> {
        let frame = response.body_mut().frame().await?.unwrap();
        Some(String::from_utf8(frame.into_data().unwrap().to_vec()).unwrap())
    }

    fn kind(response: &Response) -> &str {
        response.headers()[header::CONTENT_TYPE].to_str().unwrap()
    }

    #[tokio::test]
    async fn an_answer_that_comes_at_once_is_plain_json() {
        let (_listener, notes) = Listener::new();
        let (answer, answering) = later();
        answer.send("{}").unwrap();
        let mut response = answered(notes, answering).await;
        assert_eq!(kind(&response), "application/json");
        assert_eq!(piece(&mut response).await.unwrap(), "{}");
    }

    #[tokio::test]
    async fn whoever_prefers_a_stream_gets_one_even_for_an_answer_that_comes_at_once() {
        let mut response = alone(json(StatusCode::OK, b"{\n}".to_vec())).await;
        assert_eq!(kind(&response), "text/event-stream");
        assert_eq!(piece(&mut response).await.unwrap(), "data: { }\n\n");
        assert_eq!(piece(&mut response).await, None);
        let refused = alone(json(StatusCode::BAD_REQUEST, b"{}".to_vec())).await;
        assert_eq!(
            (refused.status(), kind(&refused)),
            (StatusCode::BAD_REQUEST, "application/json")
        );
    }

    #[tokio::test]
    async fn what_was_said_before_the_answer_is_heard_before_it() {
        let (listener, notes) = Listener::new();
        let (answer, answering) = later();
        for said in ["1", "2"] {
            listener.pass(Note::new(said)).await;
        }
        answer.send("{\n}").unwrap();
        let mut response = answered(notes, answering).await;
        assert_eq!(kind(&response), "text/event-stream");
        assert_eq!(response.headers()["x-accel-buffering"], "no");
        for wanted in ["data: 1\n\n", "data: 2\n\n", "data: { }\n\n"] {
            assert_eq!(piece(&mut response).await.unwrap(), wanted);
        }
        assert_eq!(piece(&mut response).await, None);
    }

    #[tokio::test]
    async fn what_is_said_in_the_same_moment_as_the_answer_is_heard_before_it_as_well() {
        let (listener, notes) = Listener::new();
        let answering = Box::pin(async move {
            listener.pass(Note::new("1")).await;
            tokio::task::yield_now().await;
            listener.pass(Note::new("2")).await;
            json(StatusCode::OK, b"{}".to_vec())
        });
        let mut response = answered(notes, answering).await;
        for wanted in ["data: 1\n\n", "data: 2\n\n", "data: {}\n\n"] {
            assert_eq!(piece(&mut response).await.unwrap(), wanted);
        }
        assert_eq!(piece(&mut response).await, None);

        let (listener, notes) = Listener::new();
        let answering = Box::pin(async move {
            listener.pass(Note::new("1")).await;
            json(StatusCode::OK, b"{}".to_vec())
        });
        let mut response = answered(notes, answering).await;
        assert_eq!(piece(&mut response).await.unwrap(), "data: 1\n\n");
        assert_eq!(piece(&mut response).await.unwrap(), "data: {}\n\n");
    }

    #[tokio::test]
    async fn a_streamed_answer_says_by_which_decision_in_a_comment() {
        let (listener, notes) = Listener::new();
        listener.pass(Note::new("1")).await;
        let answering = Box::pin(async {
            let decision = HeaderValue::from_static("dec_1");
            let mut response = json(StatusCode::OK, b"{}".to_vec());
            response.headers_mut().insert(&DECISION, decision);
            response
        });
        let mut response = answered(notes, answering).await;
        assert_eq!(piece(&mut response).await.unwrap(), "data: 1\n\n");
        let last = piece(&mut response).await.unwrap();
        assert_eq!(last, ": bailiwick-decision dec_1\ndata: {}\n\n");
    }

    #[tokio::test]
    async fn an_answer_that_takes_long_is_begun_and_kept_alive() {
        let (_listener, notes) = Listener::new();
        let (answer, answering) = later();
        let short = Duration::from_millis(1);
        let pace = Pace { patience: short, keep_alive: short };
        let mut response = at_pace(pace, notes, answering).await;
        assert_eq!(kind(&response), "text/event-stream");
        let mut last = String::new();
        for _ in 0..3 {
            assert_eq!(piece(&mut response).await.unwrap(), ": still here\n\n");
        }
        answer.send("{}").unwrap();
        while let Some(piece) = piece(&mut response).await {
            assert!([": still here\n\n", "data: {}\n\n"].contains(&piece.as_str()), "{piece}");
            last = piece;
        }
        assert_eq!(last, "data: {}\n\n");
    }

    #[tokio::test]
    async fn what_was_cancelled_ends_without_an_answer() {
        let (listener, notes) = Listener::new();
        listener.pass(Note::new("1")).await;
        let answering = Box::pin(async { StatusCode::ACCEPTED.into_response() });
        let mut response = answered(notes, answering).await;
        assert_eq!(piece(&mut response).await.unwrap(), "data: 1\n\n");
        assert_eq!(piece(&mut response).await, None);
    }

    #[tokio::test]
    async fn what_is_answered_does_not_wait_for_its_reader() {
        let (listener, notes) = Listener::new();
        let (mut done, wait) = oneshot::channel::<()>();
        let answering = Box::pin(async move {
            tokio::task::yield_now().await;
            drop(wait);
            json(StatusCode::OK, Vec::new())
        });
        listener.pass(Note::new("1")).await;
        let _unread = answered(notes, answering).await;
        done.closed().await;
    }

    #[tokio::test]
    async fn an_answer_that_breaks_off_breaks_its_stream_off() {
        let (listener, notes) = Listener::new();
        listener.pass(Note::new("1")).await;
        let mut response = answered(notes, Box::pin(async { panic!("a fault") })).await;
        assert_eq!(piece(&mut response).await.unwrap(), "data: 1\n\n");
        let broke = tokio::spawn(async move { piece(&mut response).await });
        assert!(broke.await.unwrap_err().is_panic());
    }

    #[tokio::test]
    async fn hanging_up_drops_what_is_left() {
        let (listener, notes) = Listener::new();
        let (mut answer, answering) = later();
        listener.pass(Note::new("1")).await;
        let response = answered(notes, answering).await;
        drop(response);
        answer.closed().await;
        assert!(!listener.try_pass(Note::new("2")));
    }
}
