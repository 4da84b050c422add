//! What was asked and not answered yet: many callers share one server.

use std::{
    collections::BTreeMap,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
};

use tokio::sync::oneshot;

use super::{error::SendError, incoming::Reply, relay::Relay};
use crate::room::{Full, Share};

/// The callers that wait, by the id of what they asked.
#[derive(Debug, Default)]
pub(super) struct Pending {
    next: AtomicU64,
    waiting: Mutex<Waiting>,
}

#[derive(Debug, Default)]
struct Waiting {
    callers: BTreeMap<u64, Caller>,
    closed: Option<String>,
}

#[derive(Debug)]
struct Caller {
    answer: oneshot::Sender<Result<Reply, String>>,
    /// Where what the server says before its answer goes; none where nobody listens.
    relay: Option<Relay>,
    /// What the answer takes of the room for answers.
    share: Option<Share>,
}

/// One caller's place; leaving it gives the place up.
#[derive(Debug)]
pub(super) struct Place {
    id: u64,
    pending: Arc<Pending>,
    answer: oneshot::Receiver<Result<Reply, String>>,
    turn: Arc<Turn>,
}

/// Settles who was first: the writer that begins a line, or the caller that gives up on it.
/// A line that was given up is never written.
#[derive(Debug, Default)]
pub(super) struct Turn(AtomicBool);

impl Turn {
    /// Says whether this is the first to take it.
    pub(super) fn take(&self) -> bool {
        !self.0.swap(true, Ordering::AcqRel)
    }
}

impl Pending {
    /// Takes a place for one question.
    pub(super) fn place(
        self: &Arc<Self>,
        relay: Option<&Relay>,
        share: Option<&Share>,
    ) -> Result<Place, SendError> {
        let id = self.next.fetch_add(1, Ordering::Relaxed).wrapping_add(1);
        let (sender, answer) = oneshot::channel();
        let caller = Caller { answer: sender, relay: relay.cloned(), share: share.cloned() };
        let mut waiting = self.lock();
        if let Some(why) = &waiting.closed {
            return Err(SendError::NotSent { why: why.clone() });
        }
        waiting.callers.insert(id, caller);
        drop(waiting);
        Ok(Place { id, pending: Arc::clone(self), answer, turn: Arc::default() })
    }

    /// Hands the answer to whoever waits for `id`; says whether anyone did.
    pub(super) fn answer(&self, id: u64, reply: Result<Reply, &'static str>) -> bool {
        let Some(Caller { answer, share, .. }) = self.lock().callers.remove(&id) else {
            return false;
        };
        let reply = reply.map_err(str::to_owned).and_then(|reply| {
            share.map_or(Ok(()), |it| it.reach(reply.size())).map_err(Full::no_answer)?;
            Ok(reply)
        });
        answer.send(reply).is_ok()
    }

    /// Ends the question `id` of nobody in particular: its server answers it no more.
    pub(super) fn take_back(&self, id: u64) {
        let nobodys = self.lock().callers.get(&id).is_some_and(|it| it.relay.is_none());
        if nobodys {
            self.answer(id, Err("it was taken back"));
        }
    }

    /// Gives the way to whoever listens while `id` is not answered.
    pub(super) fn relay(&self, id: u64) -> Option<Relay> {
        self.lock().callers.get(&id)?.relay.clone()
    }

    /// Gives the way to the only one who waits; none where several do, or nobody.
    pub(super) fn only(&self) -> Option<Relay> {
        let waiting = self.lock();
        let mut callers = waiting.callers.values();
        let only = callers.next()?;
        only.relay.clone().filter(|_| callers.next().is_none())
    }

    /// Tells everyone who waits that no answer will come, and whoever comes later as well.
    pub(super) fn close(&self, why: &str) {
        let callers = {
            let mut waiting = self.lock();
            waiting.closed.get_or_insert_with(|| why.to_owned());
            std::mem::take(&mut waiting.callers)
        };
        for (_, caller) in callers {
            // Whoever left meanwhile does not wait any more.
            let _left = caller.answer.send(Err(why.to_owned()));
        }
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Waiting> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Place {
    pub(super) const fn id(&self) -> u64 {
        self.id
    }

    pub(super) const fn turn(&self) -> &Arc<Turn> {
        &self.turn
    }

    /// Waits for the answer.
    pub(super) async fn answer(&mut self) -> Result<Reply, SendError> {
        match (&mut self.answer).await {
            Ok(Ok(reply)) => Ok(reply),
            Ok(Err(why)) => Err(self.give_up(why)),
            Err(_) => Err(self.give_up("it ended".to_owned())),
        }
    }

    /// Gives up: if the line was not begun, it never will be.
    pub(super) fn give_up(&self, why: String) -> SendError {
        if self.turn.take() { SendError::NotSent { why } } else { SendError::Unknown { why } }
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.pending.lock().callers.remove(&self.id);
    }
}

#[cfg(test)]
mod tests {
    use serde_json::value::RawValue;

    use super::*;

    fn reply() -> Reply {
        Reply::Result(RawValue::from_string("{}".to_owned()).unwrap())
    }

    #[tokio::test]
    async fn each_answer_finds_its_caller() {
        let pending = Arc::new(Pending::default());
        let (mut one, mut two) =
            (pending.place(None, None).unwrap(), pending.place(None, None).unwrap());
        assert!(one.id() < two.id());
        assert!(pending.answer(two.id(), Ok(reply())));
        assert!(pending.answer(one.id(), Ok(reply())));
        assert!(!pending.answer(one.id(), Ok(reply())), "an answer is taken once");
        assert!(!pending.answer(999, Ok(reply())), "nobody asked");
        assert!(one.answer().await.is_ok());
        assert!(two.answer().await.is_ok());
    }

    #[tokio::test]
    async fn the_end_tells_apart_what_was_begun_and_what_was_not() {
        let pending = Arc::new(Pending::default());
        let (mut begun, mut queued) =
            (pending.place(None, None).unwrap(), pending.place(None, None).unwrap());
        assert!(begun.turn().take());
        pending.close("it crashed");
        assert!(
            matches!(begun.answer().await, Err(SendError::Unknown { why }) if why == "it crashed")
        );
        assert!(matches!(queued.answer().await, Err(SendError::NotSent { .. })));
        assert!(!queued.turn().take(), "the writer must not begin it afterwards");
        assert!(matches!(pending.place(None, None), Err(SendError::NotSent { .. })));
    }

    #[tokio::test]
    async fn a_caller_that_leaves_gives_its_place_up() {
        let pending = Arc::new(Pending::default());
        let id = pending.place(None, None).unwrap().id();
        assert!(!pending.answer(id, Ok(reply())));
        assert!(pending.lock().callers.is_empty());
    }
}
