//! How many streams each task has open.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use bailiwick_model::TaskId;

/// How many one task may have open at once.
const EACH: usize = 8;

/// Counts the open streams of each task.
#[derive(Debug, Default)]
pub(super) struct Streams(Arc<Mutex<HashMap<TaskId, usize>>>);

/// One open stream, until it is dropped.
#[derive(Debug)]
pub(super) struct Place {
    streams: Streams,
    task: TaskId,
}

impl Streams {
    /// Takes a place for one more stream of `task`; none where it has too many.
    pub(super) fn take(&self, task: &TaskId) -> Option<Place> {
        let mut open = self.lock();
        let count = open.get(task).copied().unwrap_or_default();
        if EACH <= count {
            return None;
        }
        open.insert(task.clone(), count.saturating_add(1));
        Some(Place { streams: Self(Arc::clone(&self.0)), task: task.clone() })
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<TaskId, usize>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut open = self.streams.lock();
        match open.get(&self.task).copied().unwrap_or_default().checked_sub(1) {
            None | Some(0) => drop(open.remove(&self.task)),
            Some(rest) => drop(open.insert(self.task.clone(), rest)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_task_opens_a_bounded_number_of_streams_and_takes_none_from_another() {
        let streams = Streams::default();
        let one: TaskId = "task_01JD8X0000000000000000000A".parse().unwrap();
        let other = "task_01JD8X0000000000000000000B".parse().unwrap();
        let mut places: Vec<_> = (0..100).filter_map(|_| streams.take(&one)).collect();
        assert_eq!(places.len(), EACH);
        assert!(streams.take(&other).is_some());
        places.pop();
        assert!(streams.take(&one).is_some());
        drop(places);
        assert!(streams.lock().is_empty(), "nothing is kept of tasks without streams");
    }
}
