//! What a child of 2026-07-28 says of changes: it is asked by a question whose answer is the end of that.

use std::{collections::BTreeSet, convert::Infallible, time::Instant};

use serde_json::{json, value::RawValue};

use super::{Link, Queued};
use crate::{
    jsonrpc::{RawObject, code, raw_of},
    mcp::{Era, subscription::Wanted},
    upstream::{
        error::SendError,
        incoming::Reply,
        pauses::Pauses,
        pending::Place,
        request::{self, Request},
        subscribed::Subscribed,
    },
};

impl Link {
    /// Keeps the child asked to tell of changes, for as long as it is polled. What it says then comes
    /// like everything else that it says.
    pub(in crate::upstream) async fn hear(&self, subscribed: &Subscribed) -> Infallible {
        if self.era() == Era::Legacy {
            // It says what it has to say unasked, or is asked for each resource.
            return std::future::pending().await;
        }
        let mut pauses = Pauses::default();
        loop {
            let began = Instant::now();
            let pause = match self.hear_once(subscribed).await {
                Ok(Reply::Result(_)) => pauses.after_well(),
                Ok(Reply::Error(error)) if is_unknown(&error) => std::future::pending().await,
                Ok(Reply::Error(_)) | Err(_) => pauses.after_badly(began.elapsed()),
            };
            tokio::time::sleep(pause).await;
        }
    }

    /// Asks until that is answered. Which resources are followed it is told with the question, so when
    /// these change another one takes its place; it is heard until that is there.
    async fn hear_once(&self, subscribed: &Subscribed) -> Result<Reply, SendError> {
        let mut place = self.listen(subscribed.followed()).await?;
        loop {
            tokio::select! {
                ended = place.answer() => return ended,
                () = subscribed.changed() => {}
            }
            let newer = self.listen(subscribed.followed()).await?;
            let older = std::mem::replace(&mut place, newer);
            self.tell(request::cancelled(older.id()));
        }
    }

    async fn listen(&self, uris: BTreeSet<String>) -> Result<Place, SendError> {
        let wanted = raw_of(&json!({"notifications": Wanted { uris, ..Wanted::everything() }}));
        let place = self.pending.place(None, None)?;
        let bytes = Request::listening(&wanted).line(place.id(), Era::Modern);
        let queued = Queued { bytes, turn: Some(place.turn().clone()), still: None };
        match self.lines.send(queued).await {
            Ok(()) => Ok(place),
            Err(_) => Err(place.give_up("it takes no more questions".to_owned())),
        }
    }
}

fn is_unknown(error: &RawValue) -> bool {
    let number = RawObject::read(error.get()).ok().and_then(|it| it.get("code"));
    number.is_some_and(|it| it.get() == code::METHOD_NOT_FOUND.to_string())
}
