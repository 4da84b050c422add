//! What a server over HTTP says, without the secret that it was sent: looked through before anybody
//! reads it.

use std::{
    pin::Pin,
    task::{Context, Poll, ready},
};

use bytes::Bytes;
use hyper::body::{Body, Frame, Incoming, SizeHint};

use crate::web::{Scrubber, Scrubbing};

/// The body of an answer.
#[derive(Debug)]
pub(super) struct Heard {
    body: Incoming,
    /// None where nothing was sent that must not come back.
    scrubbing: Option<Scrubbing>,
}

impl Heard {
    /// Looks through `body`, where there is something to look for.
    pub(super) fn new(body: Incoming, scrubber: Option<&Scrubber>) -> Self {
        Self { body, scrubbing: scrubber.map(Scrubber::stream) }
    }
}

impl Body for Heard {
    type Data = Bytes;
    type Error = hyper::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, hyper::Error>>> {
        loop {
            let frame = ready!(Pin::new(&mut self.body).poll_frame(context));
            let Some(scrubbing) = &mut self.scrubbing else { return Poll::Ready(frame) };
            let passed = match frame {
                Some(Ok(frame)) => frame.into_data().map(|it| scrubbing.pass(&it)),
                Some(Err(error)) => return Poll::Ready(Some(Err(error))),
                None => {
                    let rest = scrubbing.end();
                    let rest = (!rest.is_empty()).then(|| Ok(Frame::data(rest.into())));
                    return Poll::Ready(rest);
                }
            };
            // Trailers are read by nobody.
            match passed {
                Ok(passed) if !passed.is_empty() => {
                    return Poll::Ready(Some(Ok(Frame::data(passed.into()))));
                }
                Ok(_) | Err(_) => {}
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        self.scrubbing.is_none() && self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        if self.scrubbing.is_none() { self.body.size_hint() } else { SizeHint::default() }
    }
}
