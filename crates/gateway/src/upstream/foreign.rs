//! What servers say, as foreign bytes: single messages, lines and streams of events.

use std::{
    borrow::Cow,
    pin::pin,
    task::{Context, Poll, Waker},
};

use bailiwick_model::ServerName;

use super::{
    EventStream, Lines, Reply, catalog, discovery,
    handshake::{self, Listing},
    incoming::Incoming,
    news, relay,
};
use crate::mcp::ours::unforged;

/// One message of a server, read as the answer to whatever it might be an answer to.
pub(crate) fn answer(bytes: &[u8]) {
    match Incoming::read(bytes) {
        Ok(Incoming::Answer { reply: Ok(reply), .. }) => read_as_everything(&reply),
        Ok(Incoming::Notification { method, params }) => {
            let _question = relay::of_progress(&method, params.as_deref());
        }
        Ok(Incoming::Request { .. } | Incoming::Stray | Incoming::Answer { .. }) | Err(_) => {}
    }
}

fn read_as_everything(reply: &Reply) {
    let (Reply::Result(said) | Reply::Error(said)) = reply;
    assert!(matches!(unforged(said), Cow::Borrowed(_)), "it says something in our name");
    let _discovered = discovery::read(Ok(reply.clone()));
    if let Ok(opened) = handshake::read(Ok(reply.clone())) {
        let _told = news::are_told(&opened.capabilities);
    }
    let Ok(server) = "files".parse::<ServerName>() else { return };
    if let Ok(Some(offered)) = Listing::default().take(Ok(reply.clone())) {
        let count = offered.len();
        let tools = catalog::read(&server, offered);
        assert!(tools.len() <= count, "more tools than were offered");
    }
}

/// A stream of events: it says the same however it is cut, and keeps no more than it may.
pub(crate) fn events(bytes: &[u8]) {
    const MAX: usize = 512;
    let mut once = EventStream::new(MAX);
    let Ok(whole) = once.feed(bytes) else { return };
    for step in [1, 7] {
        let mut stream = EventStream::new(MAX);
        let cut: Result<Vec<_>, _> = bytes.chunks(step).map(|it| stream.feed(it)).collect();
        assert_eq!(cut.map(|it| it.concat()), Ok(whole.clone()), "cut into pieces of {step}");
        assert_eq!(stream.mark(), once.mark(), "cut into pieces of {step}");
    }
    assert!(whole.iter().all(|it| it.len() <= MAX), "an event beyond the limit");
}

/// Lines on a child's standard output.
pub(crate) fn lines(bytes: &[u8]) {
    const MAX: usize = 64;
    let mut lines = Lines::new(bytes, MAX);
    // Bytes that are there are never waited for.
    while let Poll::Ready(Ok(Some(line))) = now(lines.strict()) {
        assert!(line.len() <= MAX && !line.contains(&b'\n'), "no line within the limit");
    }
    let mut lines = Lines::new(bytes, MAX);
    let mut count = 0_usize;
    while let Poll::Ready(Ok(Some(line))) = now(lines.cut()) {
        assert!(line.len() <= MAX, "a line beyond the limit");
        count = count.saturating_add(1);
    }
    assert!(count <= bytes.len(), "lines out of nothing");
}

fn now<F: Future>(waiting: F) -> Poll<F::Output> {
    pin!(waiting).poll(&mut Context::from_waker(Waker::noop()))
}
