//! What clients up to 2025-11-25 said once for their whole session: how much of servers' logs they
//! hear, and which resources they follow.
//!
//! A session's id is sealed when it opens, so what is said later is known to this gateway alone. At
//! another one such a client hears more of a log, and nothing of its resources until it asks again.

use std::{
    collections::{BTreeMap, HashMap},
    sync::{Mutex, MutexGuard, PoisonError},
};

use bailiwick_model::TaskId;

use crate::{mcp::log_level::LogLevel, upstream::Following};

/// Of how many sessions of one task this is kept, and of how many in all.
const EACH: usize = 16;
const ALL: usize = 4096;
/// How many resources one session may follow.
const RESOURCES_MAX: usize = 256;

/// The sessions of legacy clients that said something.
#[derive(Debug, Default)]
pub(super) struct Sessions(Mutex<HashMap<TaskId, HashMap<Name, Kept>>>);

/// What names a session: its sealed id, where its client has one.
type Name = Option<Box<str>>;

#[derive(Debug, Default)]
struct Kept {
    level: Option<LogLevel>,
    followed: BTreeMap<Box<str>, Following>,
}

/// So much is kept that no more can be.
#[derive(Debug)]
pub(super) struct Full;

impl Sessions {
    /// Keeps how much a session hears of logs.
    pub(super) fn set_level(
        &self,
        (task, session): (&TaskId, Option<&str>),
        level: LogLevel,
        is_over: impl Fn(&TaskId) -> bool,
    ) -> Result<(), Full> {
        self.change((task, session), is_over, |it| it.level = Some(level))
    }

    /// Gives how much a session hears of logs, where it said so.
    pub(super) fn level(&self, task: &TaskId, session: Option<&str>) -> Option<LogLevel> {
        self.look(task, session, |it| it.level).flatten()
    }

    /// Has a session follow a resource.
    pub(super) fn follow(
        &self,
        (task, session): (&TaskId, Option<&str>),
        (uri, following): (&str, Following),
        is_over: impl Fn(&TaskId) -> bool,
    ) -> Result<(), Full> {
        self.change((task, session), is_over, |kept| {
            let room = kept.followed.len() < RESOURCES_MAX || kept.followed.contains_key(uri);
            if room {
                kept.followed.insert(uri.into(), following);
            }
            room.then_some(()).ok_or(Full)
        })?
    }

    /// Has a session follow a resource no more.
    pub(super) fn unfollow(&self, task: &TaskId, session: Option<&str>, uri: &str) {
        let mut sessions = self.lock();
        let kept = sessions.get_mut(task).and_then(|it| it.get_mut(&session.map(Into::into)));
        let _unfollowed = kept.and_then(|it| it.followed.remove(uri));
    }

    /// Says whether a session follows a resource.
    pub(super) fn follows(&self, task: &TaskId, session: Option<&str>, uri: &str) -> bool {
        self.look(task, session, |it| it.followed.contains_key(uri)).unwrap_or(false)
    }

    /// Forgets a session.
    pub(super) fn leave(&self, task: &TaskId, session: Option<&str>) {
        let mut sessions = self.lock();
        let Some(own) = sessions.get_mut(task) else { return };
        own.remove(&session.map(Into::into));
        if own.is_empty() {
            sessions.remove(task);
        }
    }

    fn look<T>(
        &self,
        task: &TaskId,
        session: Option<&str>,
        look: impl FnOnce(&Kept) -> T,
    ) -> Option<T> {
        self.lock().get(task)?.get(&session.map(Into::into)).map(look)
    }

    /// Changes what is kept of a session. Tasks that are over make room for it.
    fn change<T>(
        &self,
        (task, session): (&TaskId, Option<&str>),
        is_over: impl Fn(&TaskId) -> bool,
        change: impl FnOnce(&mut Kept) -> T,
    ) -> Result<T, Full> {
        let (mut sessions, session): (_, Name) = (self.lock(), session.map(Into::into));
        if !sessions.get(task).is_some_and(|it| it.contains_key(&session)) {
            sessions.retain(|it, _| !is_over(it));
            let all = sessions.values().map(HashMap::len).fold(0, usize::saturating_add);
            if ALL <= all || EACH <= sessions.get(task).map_or(0, HashMap::len) {
                return Err(Full);
            }
        }
        let own = sessions.entry(task.clone()).or_default();
        Ok(change(own.entry(session).or_default()))
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<TaskId, HashMap<Name, Kept>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ONE: &str = "task_01JD8X0000000000000000000A";
    const OTHER: &str = "task_01JD8X0000000000000000000B";

    fn level(name: &str) -> LogLevel {
        LogLevel::read(name).unwrap()
    }

    #[test]
    fn what_one_session_said_is_nothing_to_another() {
        let sessions = Sessions::default();
        let (one, other) = (ONE.parse().unwrap(), OTHER.parse().unwrap());
        sessions.set_level((&one, Some("s")), level("error"), |_| false).unwrap();
        assert_eq!(sessions.level(&one, Some("s")), Some(level("error")));
        for (task, session) in [(&one, Some("t")), (&one, None), (&other, Some("s"))] {
            assert_eq!(sessions.level(task, session), None);
        }
        sessions.leave(&one, Some("s"));
        assert!(sessions.lock().is_empty());
    }

    #[test]
    fn the_sessions_of_one_task_take_no_room_from_another_and_go_with_it() {
        let sessions = Sessions::default();
        let (one, other): (TaskId, _) = (ONE.parse().unwrap(), OTHER.parse().unwrap());
        let set = |task: &TaskId, name: usize, over: &dyn Fn(&TaskId) -> bool| {
            sessions.set_level((task, Some(&name.to_string())), level("info"), over).is_ok()
        };
        assert_eq!((0..100).filter(|it| set(&one, *it, &|_| false)).count(), EACH);
        assert!(set(&one, 0, &|_| false), "a known one may change its mind");
        assert!(set(&other, 0, &|it| *it == one));
        assert_eq!(sessions.lock().len(), 1, "nothing is kept of what is over");
    }
}
