//! How many things of one kind each task has open, and all of them together.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use bailiwick_model::TaskId;

/// Counts what each task has open.
#[derive(Clone, Debug)]
pub(crate) struct Places {
    /// How many one task may have open at once.
    each: usize,
    /// How many all of them may.
    all: usize,
    open: Arc<Mutex<Open>>,
}

#[derive(Debug, Default)]
struct Open {
    tasks: HashMap<TaskId, usize>,
    count: usize,
}

/// One open thing, until it is dropped.
#[derive(Debug)]
pub(crate) struct Place {
    places: Places,
    task: TaskId,
}

impl Places {
    /// Has room for `each` of one task, and for `all` together.
    pub(crate) fn new(each: usize, all: usize) -> Self {
        Self { each, all, open: Arc::default() }
    }

    /// Takes a place for one more of `task`; none where it has too many, or all together have.
    pub(crate) fn take(&self, task: &TaskId) -> Option<Place> {
        let mut open = self.lock();
        let count = open.tasks.get(task).copied().unwrap_or_default();
        if self.each <= count || self.all <= open.count {
            return None;
        }
        open.tasks.insert(task.clone(), count.saturating_add(1));
        open.count = open.count.saturating_add(1);
        Some(Place { places: self.clone(), task: task.clone() })
    }

    fn lock(&self) -> MutexGuard<'_, Open> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut open = self.places.lock();
        open.count = open.count.saturating_sub(1);
        let open = &mut open.tasks;
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
    fn one_task_opens_a_bounded_number_and_takes_none_from_another() {
        let places = Places::new(8, 9);
        let one: TaskId = "task_01JD8X0000000000000000000A".parse().unwrap();
        let other = "task_01JD8X0000000000000000000B".parse().unwrap();
        let mut taken: Vec<_> = (0..100).filter_map(|_| places.take(&one)).collect();
        assert_eq!(taken.len(), 8);
        let others: Vec<_> = (0..100).filter_map(|_| places.take(&other)).collect();
        assert_eq!(others.len(), 1, "there is no more room");
        drop(others);
        taken.pop();
        assert!(places.take(&one).is_some());
        drop(taken);
        let open = places.lock();
        assert!(open.tasks.is_empty() && open.count == 0, "nothing is kept of what is closed");
    }
}
