//! Calls that are under way, by the names their clients gave them, so that they can be cancelled.
//!
//! Until 2025-11-25 a client cancels by the id of its request, and hanging up says nothing. An id
//! is unique within one session of one task at best, so that is where it is looked for.

use std::{
    collections::HashMap,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
};

use bailiwick_model::TaskId;
use serde_json::value::RawValue;
use tokio_util::sync::CancellationToken;

/// How many calls of one task can be cancelled by name; any more run without.
const EACH: usize = 256;

/// The calls of legacy clients that are under way.
#[derive(Debug, Default)]
pub(super) struct Running {
    next: AtomicU64,
    tasks: Mutex<HashMap<TaskId, Vec<Call>>>,
}

#[derive(Debug)]
struct Call {
    number: u64,
    name: CallName,
    cut: CancellationToken,
}

/// What a client calls one of its requests.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct CallName {
    session: Option<Box<str>>,
    id: Box<str>,
}

/// A call's place among those that are under way, until it is dropped.
#[derive(Debug)]
pub(super) struct Place {
    running: Arc<Running>,
    task: TaskId,
    number: u64,
}

impl CallName {
    /// Names a request as its client spells it, or spelled otherwise.
    pub(super) fn new(session: Option<&str>, id: &RawValue) -> Self {
        let text = id.get();
        let spelled = text.starts_with('"').then(|| serde_json::from_str::<String>(text).ok());
        let id = spelled.flatten().map_or_else(|| text.to_owned(), |id| format!("\"{id}"));
        Self { session: session.map(Into::into), id: id.into() }
    }
}

impl Running {
    /// Takes a place for a call that `cut` ends; none where there are too many.
    pub(super) fn enter(
        self: &Arc<Self>,
        task: &TaskId,
        name: CallName,
        cut: CancellationToken,
    ) -> Option<Place> {
        let number = self.next.fetch_add(1, Ordering::Relaxed);
        let mut tasks = self.lock();
        let calls = tasks.entry(task.clone()).or_default();
        if EACH <= calls.len() {
            tracing::debug!(%task, "too many calls at once: one cannot be cancelled by its name");
            return None;
        }
        calls.push(Call { number, name, cut });
        Some(Place { running: Arc::clone(self), task: task.clone(), number })
    }

    /// Cuts a call. Whoever gave two of its calls one name cancels both.
    pub(super) fn cancel(&self, task: &TaskId, name: &CallName) {
        let tasks = self.lock();
        let calls = tasks.get(task).into_iter().flatten();
        for call in calls.filter(|it| it.name == *name) {
            call.cut.cancel();
        }
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<TaskId, Vec<Call>>> {
        self.tasks.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut tasks = self.running.lock();
        let Some(calls) = tasks.get_mut(&self.task) else { return };
        calls.retain(|it| it.number != self.number);
        if calls.is_empty() {
            tasks.remove(&self.task);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ONE: &str = "task_01JD8X0000000000000000000A";
    const OTHER: &str = "task_01JD8X0000000000000000000B";

    fn name(session: Option<&str>, id: &str) -> CallName {
        CallName::new(session, &RawValue::from_string(id.to_owned()).unwrap())
    }

    #[test]
    fn only_the_named_call_of_this_task_and_session_is_cut() {
        let running = Arc::new(Running::default());
        let enter = |task: &str, session, id| {
            let cut = CancellationToken::new();
            let place =
                running.enter(&task.parse().unwrap(), name(session, id), cut.clone()).unwrap();
            (cut, place)
        };
        let (meant, place) = enter(ONE, Some("s"), r#""a1""#);
        let others = [
            enter(ONE, Some("s"), "1"),
            enter(ONE, Some("t"), r#""a1""#),
            enter(ONE, None, r#""a1""#),
            enter(OTHER, Some("s"), r#""a1""#),
        ];
        running.cancel(&ONE.parse().unwrap(), &name(Some("s"), r#""\u00611""#));
        assert!(meant.is_cancelled());
        assert!(others.iter().all(|(cut, _)| !cut.is_cancelled()));
        drop((place, others));
        assert!(running.lock().is_empty(), "nothing is kept of calls that are over");
    }

    #[test]
    fn a_number_and_the_same_digits_as_a_text_are_two_names() {
        assert_ne!(name(None, "1"), name(None, r#""1""#));
    }

    #[test]
    fn one_task_takes_a_bounded_number_of_places_from_nobody_else() {
        let running = Arc::new(Running::default());
        let enter = |task: &str| {
            running.enter(&task.parse().unwrap(), name(None, "1"), CancellationToken::new())
        };
        let places: Vec<_> = (0..1000).filter_map(|_| enter(ONE)).collect();
        assert_eq!(places.len(), EACH);
        assert!(enter(OTHER).is_some());
    }
}
