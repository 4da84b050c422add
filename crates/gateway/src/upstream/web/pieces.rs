//! An answer in pieces: as they come on one side, a body on the other.

use std::{
    io,
    pin::Pin,
    task::{Context, Poll, ready},
};

use bytes::Bytes;
use hyper::body::{Body, Frame, SizeHint};
use tokio::sync::mpsc;

/// How many pieces wait for a slow reader.
const WAITING: usize = 2;

/// Where the pieces come from.
#[derive(Debug)]
pub(super) struct Sender(mpsc::Sender<Option<Bytes>>);

/// What whoever asked reads. Where no end was told, what came was not all of it.
#[derive(Debug)]
pub(super) struct Pieces {
    waiting: mpsc::Receiver<Option<Bytes>>,
    left: Option<u64>,
    ended: bool,
}

/// Makes both ends; `length` is how many bytes there will be, where that is known.
pub(super) fn pieces(length: Option<u64>) -> (Sender, Pieces) {
    let (sender, waiting) = mpsc::channel(WAITING);
    (Sender(sender), Pieces { waiting, left: length, ended: false })
}

impl Sender {
    /// Passes a piece; says whether anybody reads still.
    pub(super) async fn send(&self, piece: Bytes) -> bool {
        self.0.send(Some(piece)).await.is_ok()
    }

    /// Says that this was all.
    pub(super) async fn end(&self) {
        // Whoever had all the bytes it was promised does not wait for the end.
        let _told = self.0.send(None).await;
    }
}

impl Body for Pieces {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, io::Error>>> {
        if self.ended {
            return Poll::Ready(None);
        }
        let next = ready!(self.waiting.poll_recv(context));
        Poll::Ready(match next {
            Some(Some(piece)) => {
                let length = u64::try_from(piece.len()).unwrap_or(u64::MAX);
                self.left = self.left.map(|it| it.saturating_sub(length));
                Some(Ok(Frame::data(piece)))
            }
            Some(None) => {
                self.ended = true;
                None
            }
            None => {
                self.ended = true;
                Some(Err(io::Error::new(io::ErrorKind::UnexpectedEof, "the answer broke off")))
            }
        })
    }

    fn is_end_stream(&self) -> bool {
        self.ended || self.left == Some(0)
    }

    fn size_hint(&self) -> SizeHint {
        self.left.map_or_else(SizeHint::default, SizeHint::with_exact)
    }
}
