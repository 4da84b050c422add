//! Whose calls are under way at one server, so that what it says to nobody in particular reaches the
//! one caller whom it can concern, where there is just one.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use bailiwick_model::TaskId;
use serde_json::value::RawValue;

use super::{
    relay::{Asked, LOGGED, Relay},
    request,
};
use crate::{Listener, listener::Note};

/// How long after its end what a server says may still be about a call.
const LINGERS: Duration = Duration::from_secs(10);

/// The calls that are under way, and who left lately.
#[derive(Clone, Debug, Default)]
pub(super) struct UnderWay(Arc<Mutex<Memory>>);

#[derive(Debug, Default)]
struct Memory {
    next: u64,
    callers: BTreeMap<u64, Listener>,
    left: BTreeMap<Option<TaskId>, Instant>,
}

/// One call, until it is over.
#[derive(Debug)]
pub(crate) struct Here {
    under_way: UnderWay,
    number: u64,
}

impl UnderWay {
    /// Takes note of a call that begins.
    pub(super) fn enter(&self, listener: &Listener) -> Here {
        let mut memory = self.lock();
        let number = memory.next;
        memory.next = number.wrapping_add(1);
        memory.callers.insert(number, listener.clone());
        Here { under_way: self.clone(), number }
    }

    /// Hands a message of the server's log, which says by itself to nobody whom it concerns, to the
    /// only caller whom it can: one whose call is under way alone, and was not preceded by another
    /// task's just now.
    pub(super) fn logged(&self, params: Option<&RawValue>) {
        let Some(listener) = self.only(Instant::now()).filter(|it| it.hears_log(params)) else {
            return;
        };
        let line = request::notification(LOGGED, params);
        if !listener.try_pass(Note::new(&String::from_utf8_lossy(&line))) {
            tracing::debug!("a caller does not keep up: a note was dropped");
        }
    }

    /// Hands a question of the server's, which says by itself to nobody whom it is for, to the same
    /// caller; none where there is none, or where it cannot be asked that.
    pub(super) fn asked(&self, id: &RawValue, asked: (&str, Option<&RawValue>)) -> Option<Asked> {
        Relay::beside(self.only(Instant::now())?).asked(id, asked)
    }

    fn only(&self, now: Instant) -> Option<Listener> {
        let memory = self.lock();
        let mut callers = memory.callers.values();
        let only = callers.next().filter(|_| callers.next().is_none())?;
        let own = Some(only.task()?.clone());
        let lately = |at: &Instant| now.saturating_duration_since(*at) < LINGERS;
        let strangers = memory.left.iter().any(|(task, at)| *task != own && lately(at));
        (!strangers).then(|| only.clone())
    }

    fn lock(&self) -> MutexGuard<'_, Memory> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Here {
    fn drop(&mut self) {
        let (mut memory, now) = (self.under_way.lock(), Instant::now());
        let Some(listener) = memory.callers.remove(&self.number) else { return };
        memory.left.retain(|_, at| now.saturating_duration_since(*at) < LINGERS);
        memory.left.insert(listener.task().cloned(), now);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::mcp::log_level::Logs;

    fn of(task: &str) -> Listener {
        let task = format!("task_01JD8X0000000000000000000{task}");
        Listener::new().0.of_task(&task.parse().unwrap(), Logs::Everything)
    }

    #[test]
    fn what_is_said_to_nobody_is_for_the_only_one_whom_it_can_concern() {
        let (under_way, now) = (UnderWay::default(), Instant::now);
        assert!(under_way.only(now()).is_none());
        let one = under_way.enter(&of("A"));
        assert!(under_way.only(now()).is_some());
        let other = under_way.enter(&of("B"));
        assert!(under_way.only(now()).is_none(), "it may be for either");
        drop(other);
        assert!(under_way.only(now()).is_none(), "it may be for the one that left");
        let later = now().checked_add(LINGERS).unwrap();
        assert!(under_way.only(later).is_some());
        drop(one);
        let again = under_way.enter(&of("A"));
        drop(under_way.enter(&of("A")));
        assert!(under_way.only(later).is_some(), "its own task's calls are no strangers");
        drop(again);
        let _nobody = under_way.enter(&Listener::new().0);
        assert!(under_way.only(later).is_none(), "of this one no task is known");
    }
}
