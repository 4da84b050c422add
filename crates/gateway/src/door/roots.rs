//! Clients up to 2025-11-25 whose roots have changed: the servers that may ask for them are told so, and
//! may ask for a while, on the stream that such a client keeps open.
//!
//! Since 2026-07-28 nobody tells: a server that wants roots asks for them with each call.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use bailiwick_model::TaskId;

use super::ask::Asked;
use crate::Listener;

/// How a client tells it.
pub(super) const CHANGED: &str = "notifications/roots/list_changed";
const ASKED: &str = "roots/list";

/// The streams on which clients can be asked something beside their calls, one of each session.
#[derive(Debug, Default)]
pub(super) struct Ears(Mutex<HashMap<Name, (u64, Listener)>>);

type Name = (TaskId, Option<Box<str>>);

/// One stream, until it is dropped.
#[derive(Debug)]
pub(super) struct Ear {
    ears: Arc<Ears>,
    name: Name,
    number: u64,
}

impl Ears {
    /// Takes the place of the stream that the session opened before.
    pub(super) fn open(self: &Arc<Self>, name: Name, listener: Listener) -> Ear {
        let mut ears = self.lock();
        let number = ears.get(&name).map_or(0, |(number, _)| number.wrapping_add(1));
        ears.insert(name.clone(), (number, listener));
        drop(ears);
        Ear { ears: Arc::clone(self), name, number }
    }

    fn of(&self, name: &Name) -> Option<Listener> {
        self.lock().get(name).map(|(_, listener)| listener.clone())
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<Name, (u64, Listener)>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Ear {
    fn drop(&mut self) {
        let mut ears = self.ears.lock();
        if ears.get(&self.name).is_some_and(|(number, _)| *number == self.number) {
            ears.remove(&self.name);
        }
    }
}

impl Asked<'_> {
    /// Tells the servers here that may ask this client for its roots that these have changed.
    pub(super) fn roots_changed(&self) {
        if !self.askable().covers(ASKED) || !self.counts() {
            return;
        }
        let (task, ear) = (&self.caller.task, self.door.ears.of(&self.session_name()));
        let upstreams = self.door.lane.upstreams();
        let may_ask =
            |it: &_| upstreams.spec(it).is_some_and(|it| it.extra_methods.contains(ASKED));
        for server in upstreams.names().filter(|it| may_ask(it) && self.is_here(it)) {
            if self.reaches(server) {
                upstreams.roots_changed(server, CHANGED, (task, ear.as_ref()));
            }
        }
    }

    /// Has what servers ask reach this client on the stream that it opened, until what this gives is
    /// dropped.
    pub(super) fn can_be_asked(&self) -> Ear {
        let listener = self.listener.clone().of_task(&self.caller.task, self.logs());
        self.door.ears.open(self.session_name(), listener.with_client(self.client()))
    }

    fn session_name(&self) -> Name {
        (self.caller.task.clone(), self.session_id().map(Into::into))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_stream_that_was_opened_last_is_the_one_and_goes_when_it_ends() {
        let ears = Arc::<Ears>::default();
        let name =
            || -> Name { ("task_01JD8X0000000000000000000A".parse().unwrap(), Some("s".into())) };
        let other: Name = (name().0, None);
        let first = ears.open(name(), Listener::new().0);
        let second = ears.open(name(), Listener::new().0);
        assert!(ears.of(&other).is_none(), "another session of the task hears nothing of it");
        drop(first);
        assert!(ears.of(&name()).is_some());
        drop(second);
        assert!(ears.lock().is_empty());
    }
}
