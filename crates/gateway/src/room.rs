//! How many bytes of answers are under way: of each task, and of all together.
//!
//! An answer takes its share as it comes from its server, and keeps it until the last of it is written
//! to whoever asked. It counts once, as it was sent; while it is written anew there may be two of it.

use std::{
    collections::HashMap,
    fmt,
    pin::Pin,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
    task::{Context, Poll, ready},
};

use axum::{
    body::{Body, HttpBody},
    response::Response,
};
use bailiwick_connect::Verified;
use bailiwick_model::{TaskId, format_bytes};
use bytes::Bytes;
use http::StatusCode;
use hyper::body::{Frame, SizeHint};

use crate::limits::{SHARE_OF_A_TASK, SMALL_ANSWER};

/// The room that all answers share.
#[derive(Clone, Debug)]
pub struct Room(Arc<Inside>);

#[derive(Debug)]
struct Inside {
    /// How many bytes all answers may have together.
    all: usize,
    /// How many those of one task may.
    each: usize,
    /// What all of them have, beside the lock: most of the time it is nothing.
    sum: AtomicUsize,
    tasks: Mutex<HashMap<TaskId, usize>>,
}

/// What one answer takes of the room, until nobody has anything of it any more.
#[derive(Clone, Debug)]
pub(crate) struct Share(Arc<Taken>);

#[derive(Debug)]
struct Taken {
    room: Room,
    caller: Arc<Verified>,
    bytes: AtomicUsize,
}

/// An answer finds no room.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Full {
    /// Its task has as much under way as one task may.
    OfTask(usize),
    /// All tasks together have.
    OfAll(usize),
}

impl Room {
    /// Has room for `all` bytes of answers.
    pub fn new(all: usize) -> Self {
        let each = all / SHARE_OF_A_TASK;
        Self(Arc::new(Inside { all, each, sum: AtomicUsize::new(0), tasks: Mutex::default() }))
    }

    /// Begins an answer to `caller`; none begins where there is no room for any.
    pub(crate) fn begin(&self, caller: &Arc<Verified>) -> Result<Share, Full> {
        if 0 < self.0.sum.load(Ordering::Acquire) {
            self.fits(&self.lock(), &caller.task, SMALL_ANSWER)?;
        }
        Ok(self.share(caller))
    }

    /// Begins an answer that nobody may be refused for: what it finds no room for is lost.
    pub(crate) fn share(&self, caller: &Arc<Verified>) -> Share {
        let (room, caller) = (self.clone(), Arc::clone(caller));
        Share(Arc::new(Taken { room, caller, bytes: AtomicUsize::new(0) }))
    }

    fn fits(&self, tasks: &HashMap<TaskId, usize>, task: &TaskId, more: usize) -> Result<(), Full> {
        let Inside { all, each, sum, .. } = &*self.0;
        let of_task = tasks.get(task).copied().unwrap_or_default();
        if *each < of_task.saturating_add(more) {
            return Err(Full::OfTask(*each));
        }
        if *all < sum.load(Ordering::Acquire).saturating_add(more) {
            return Err(Full::OfAll(*all));
        }
        Ok(())
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<TaskId, usize>> {
        self.0.tasks.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Share {
    /// Takes what is missing until the answer has room for `bytes`. Small ones always have.
    pub(crate) fn reach(&self, bytes: usize) -> Result<(), Full> {
        if bytes <= SMALL_ANSWER {
            return Ok(());
        }
        let Taken { room, caller, bytes: taken } = &*self.0;
        let mut tasks = room.lock();
        let more = bytes.saturating_sub(taken.load(Ordering::Acquire));
        room.fits(&tasks, &caller.task, more)?;
        if 0 < more {
            let of_task = tasks.entry(caller.task.clone()).or_default();
            *of_task = of_task.saturating_add(more);
            room.0.sum.fetch_add(more, Ordering::AcqRel);
            taken.fetch_add(more, Ordering::AcqRel);
        }
        Ok(())
    }

    /// Keeps the share until the last byte of `response` is gone.
    pub(crate) fn until_gone(&self, response: Response) -> Response {
        // Of a stream nobody knows yet how much it becomes.
        let whole = response.body().size_hint().exact().is_some();
        if whole && self.0.bytes.load(Ordering::Acquire) == 0 {
            return response;
        }
        let (head, body) = response.into_parts();
        Response::from_parts(head, Body::new(Leaving { body, share: self.clone() }))
    }
}

impl Drop for Taken {
    fn drop(&mut self) {
        let bytes = *self.bytes.get_mut();
        if bytes == 0 {
            return;
        }
        let mut tasks = self.room.lock();
        self.room.0.sum.fetch_sub(bytes, Ordering::AcqRel);
        let rest = tasks.get(&self.caller.task).copied().unwrap_or_default().saturating_sub(bytes);
        if rest == 0 {
            tasks.remove(&self.caller.task);
        } else {
            tasks.insert(self.caller.task.clone(), rest);
        }
    }
}

impl Full {
    /// Says it in HTTP, where nothing was done yet.
    pub(crate) const fn status(self) -> StatusCode {
        match self {
            Self::OfTask(_) => StatusCode::TOO_MANY_REQUESTS,
            Self::OfAll(_) => StatusCode::SERVICE_UNAVAILABLE,
        }
    }

    /// Says why an answer is not had that was on its way.
    pub(crate) fn no_answer(self) -> String {
        format!("its answer found no room: {self}")
    }
}

impl fmt::Display for Full {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::OfTask(each) => {
                let each = size(*each);
                write!(out, "the answers of one task under way have {each} together: read them")
            }
            Self::OfAll(all) => {
                let all = size(*all);
                write!(out, "all answers under way have {all} together: try again later")
            }
        }
    }
}

fn size(bytes: usize) -> String {
    format!("more than {}", format_bytes(u64::try_from(bytes).unwrap_or(u64::MAX)))
}

/// A body whose bytes keep their share wherever they lie: whoever writes them takes them out of it
/// long before they are written.
struct Leaving {
    body: Body,
    share: Share,
}

/// Bytes of an answer, with its share.
struct Piece {
    bytes: Bytes,
    _share: Share,
}

impl AsRef<[u8]> for Piece {
    fn as_ref(&self) -> &[u8] {
        &self.bytes
    }
}

impl HttpBody for Leaving {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        let frame = ready!(Pin::new(&mut self.body).poll_frame(context));
        let share = &self.share;
        let keep = |bytes| Bytes::from_owner(Piece { bytes, _share: share.clone() });
        Poll::Ready(frame.map(|it| it.map(|it| it.map_data(keep))))
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use axum::response::IntoResponse as _;
    use bailiwick_connect::Audience;
    use bailiwick_model::{Timestamp, Ulid};
    use http_body_util::BodyExt as _;
    use proptest::prelude::*;

    use super::*;

    const MIB: usize = 1 << 20;

    fn caller(number: u8) -> Arc<Verified> {
        Arc::new(Verified {
            bound: None,
            exposed: false,
            task: TaskId::new(Ulid::new(Timestamp::from_millis(0), [number; 10])),
            identity: "ann".parse().unwrap(),
            via: Vec::new(),
            generation: 1,
            policy: "p1".to_owned(),
            audience: Audience::All,
            issued: Timestamp::from_millis(0),
            expires: Timestamp::from_millis(1),
            credentials: BTreeSet::new(),
        })
    }

    fn is_empty(room: &Room) -> bool {
        room.0.sum.load(Ordering::Acquire) == 0 && room.lock().is_empty()
    }

    #[test]
    fn one_task_takes_its_share_of_the_room_and_nobody_elses() {
        let room = Room::new(16 * MIB);
        let (one, other) = (caller(1), caller(2));
        let shares: Vec<_> = (0..4).map(|_| room.begin(&one).unwrap()).collect();
        assert!(shares.iter().all(|it| it.reach(MIB).is_ok()));
        assert_eq!(room.begin(&one).unwrap_err(), Full::OfTask(4 * MIB));
        assert_eq!(shares[0].reach(MIB + 1), Err(Full::OfTask(4 * MIB)));
        assert_eq!(shares[0].reach(MIB), Ok(()), "what it has it keeps");
        assert!(room.begin(&other).unwrap().reach(4 * MIB).is_ok());
        drop(shares);
        assert!(is_empty(&room));
    }

    #[test]
    fn all_tasks_together_are_bounded() {
        let room = Room::new(16 * MIB);
        let shares: Vec<_> = (1..5).map(|it| room.begin(&caller(it)).unwrap()).collect();
        assert!(shares.iter().all(|it| it.reach(4 * MIB).is_ok()));
        let late = caller(9);
        assert_eq!(room.begin(&late).unwrap_err(), Full::OfAll(16 * MIB));
        assert_eq!(room.share(&late).reach(MIB), Err(Full::OfAll(16 * MIB)));
        assert!(room.share(&late).reach(SMALL_ANSWER).is_ok(), "small ones always have room");
        drop(shares);
        assert!(is_empty(&room) && room.begin(&late).is_ok());
    }

    #[tokio::test]
    async fn an_answer_has_its_share_until_its_last_byte_is_gone() {
        let room = Room::new(16 * MIB);
        let share = room.begin(&caller(1)).unwrap();
        share.reach(MIB).unwrap();
        let mut response = share.until_gone(vec![b'x'; MIB].into_response());
        assert_eq!(response.body().size_hint().exact(), u64::try_from(MIB).ok());
        let bytes = response.body_mut().frame().await.unwrap().unwrap().into_data().unwrap();
        drop((share, response));
        assert!(!is_empty(&room), "the bytes are somewhere still");
        let rest = bytes.slice(MIB - 1..);
        drop(bytes);
        assert!(!is_empty(&room), "and a part of them is all of them");
        drop(rest);
        assert!(is_empty(&room));
    }

    #[tokio::test]
    async fn a_stream_that_began_before_its_answer_came_has_its_share_to_the_end() {
        let room = Room::new(16 * MIB);
        let share = room.begin(&caller(1)).unwrap();
        // Nobody knows how long what is mapped will be.
        let stream = http_body_util::Full::new(Bytes::from(vec![b'x'; MIB])).map_frame(|it| it);
        assert_eq!(stream.size_hint().exact(), None);
        let response = share.until_gone(Body::new(stream).into_response());
        share.reach(MIB).unwrap();
        drop(share);
        assert!(!is_empty(&room), "nobody has read it");
        drop(response.into_body().collect().await.unwrap());
        assert!(is_empty(&room));
    }

    proptest! {
        #[test]
        fn whatever_is_asked_for_the_room_is_never_overdrawn_and_empty_at_the_end(
            wishes in proptest::collection::vec((0_u8..4, 0_usize..6 * MIB), 0..60)
        ) {
            let room = Room::new(8 * MIB);
            let mut shares = HashMap::new();
            for (who, bytes) in wishes {
                let share = shares.entry(who).or_insert_with(|| room.share(&caller(who)));
                let _had_room = share.reach(bytes);
                prop_assert!(room.0.sum.load(Ordering::Acquire) <= 8 * MIB);
                prop_assert!(room.lock().values().all(|it| *it <= 2 * MIB));
                if bytes % 3 == 0 {
                    shares.remove(&who);
                }
            }
            drop(shares);
            prop_assert!(is_empty(&room));
        }
    }
}
