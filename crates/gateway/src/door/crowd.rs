//! How many requests are under way at this door, and how many bytes of them are kept: of each task,
//! and of all. Whoever sends more is told so at once, and nobody else pays for it.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use bailiwick_model::TaskId;
use http::StatusCode;

use crate::{
    jsonrpc::{Refused, code::INVALID_REQUEST},
    limits::{
        REQUEST_BYTES, REQUEST_BYTES_OF_A_TASK, REQUESTS_UNDER_WAY, REQUESTS_UNDER_WAY_OF_A_TASK,
    },
};

/// The requests that are under way.
#[derive(Clone, Debug, Default)]
pub(super) struct Crowd(Arc<Mutex<Inside>>);

#[derive(Debug, Default)]
struct Inside {
    all: Load,
    tasks: HashMap<TaskId, Load>,
}

/// What is under way, and kept of it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Load {
    requests: usize,
    bytes: usize,
}

/// One request's place, until it is dropped.
#[derive(Debug)]
pub(super) struct Seat {
    crowd: Crowd,
    task: TaskId,
    bytes: usize,
}

impl Load {
    const fn and(self, requests: usize, bytes: usize) -> Self {
        Self {
            requests: self.requests.saturating_add(requests),
            bytes: self.bytes.saturating_add(bytes),
        }
    }

    const fn without(self, requests: usize, bytes: usize) -> Self {
        Self {
            requests: self.requests.saturating_sub(requests),
            bytes: self.bytes.saturating_sub(bytes),
        }
    }
}

impl Crowd {
    /// Lets one more request of `task` in.
    pub(super) fn enter(&self, task: &TaskId) -> Result<Seat, Refused> {
        let mut inside = self.lock();
        if REQUESTS_UNDER_WAY_OF_A_TASK <= inside.of(task).requests {
            let text = format!(
                "this task has {REQUESTS_UNDER_WAY_OF_A_TASK} requests under way: wait for one of them"
            );
            return Err(Refused::new(StatusCode::TOO_MANY_REQUESTS, INVALID_REQUEST, text));
        }
        if REQUESTS_UNDER_WAY <= inside.all.requests {
            return Err(busy("so many requests are under way that no more is taken: try again"));
        }
        inside.add(task, 1, 0);
        Ok(Seat { crowd: self.clone(), task: task.clone(), bytes: 0 })
    }

    fn lock(&self) -> MutexGuard<'_, Inside> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Seat {
    /// Takes room for more bytes.
    pub(super) fn keep(&mut self, bytes: usize) -> Result<(), Refused> {
        let mut inside = self.crowd.lock();
        if REQUEST_BYTES_OF_A_TASK < inside.of(&self.task).bytes.saturating_add(bytes) {
            let text = format!(
                "the requests that this task has under way have more than {REQUEST_BYTES_OF_A_TASK} bytes"
            );
            return Err(Refused::new(StatusCode::TOO_MANY_REQUESTS, INVALID_REQUEST, text));
        }
        if REQUEST_BYTES < inside.all.bytes.saturating_add(bytes) {
            return Err(busy("so much is sent at once that no more is taken: try again"));
        }
        inside.add(&self.task, 0, bytes);
        self.bytes = self.bytes.saturating_add(bytes);
        Ok(())
    }
}

impl Inside {
    fn of(&self, task: &TaskId) -> Load {
        self.tasks.get(task).copied().unwrap_or_default()
    }

    fn add(&mut self, task: &TaskId, requests: usize, bytes: usize) {
        self.all = self.all.and(requests, bytes);
        let load = self.tasks.entry(task.clone()).or_default();
        *load = load.and(requests, bytes);
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        let mut inside = self.crowd.lock();
        inside.all = inside.all.without(1, self.bytes);
        let rest = inside.of(&self.task).without(1, self.bytes);
        if rest == Load::default() {
            inside.tasks.remove(&self.task);
        } else {
            inside.tasks.insert(self.task.clone(), rest);
        }
    }
}

fn busy(text: &str) -> Refused {
    Refused::new(StatusCode::SERVICE_UNAVAILABLE, INVALID_REQUEST, text)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn task(number: usize) -> TaskId {
        format!("task_01JD8X00000000000000{number:06}").parse().unwrap()
    }

    #[test]
    fn one_task_takes_its_own_places_and_bytes_and_nobody_elses() {
        let crowd = Crowd::default();
        let mut seats: Vec<_> = (0..1000).map_while(|_| crowd.enter(&task(1)).ok()).collect();
        assert_eq!(seats.len(), REQUESTS_UNDER_WAY_OF_A_TASK);
        let refused = crowd.enter(&task(1)).unwrap_err();
        assert_eq!(refused.http_status, StatusCode::TOO_MANY_REQUESTS);
        let mut kept = 0;
        while seats[0].keep(1 << 20).is_ok() {
            kept += 1 << 20;
        }
        assert_eq!(kept, REQUEST_BYTES_OF_A_TASK);
        let mut other = crowd.enter(&task(2)).unwrap();
        other.keep(1 << 20).unwrap();
        seats.pop();
        assert!(crowd.enter(&task(1)).is_ok(), "what is over makes room");
        drop((seats, other));
        let inside = crowd.lock();
        assert!(inside.tasks.is_empty() && inside.all == Load::default(), "{inside:?}");
    }

    #[test]
    fn all_tasks_together_are_bounded() {
        let crowd = Crowd::default();
        let enter = |number: usize| crowd.enter(&task(number / REQUESTS_UNDER_WAY_OF_A_TASK));
        let mut seats: Vec<_> = (0..10_000).map_while(|it| enter(it).ok()).collect();
        assert_eq!(seats.len(), REQUESTS_UNDER_WAY);
        let refused = enter(20_000).unwrap_err();
        assert_eq!(refused.http_status, StatusCode::SERVICE_UNAVAILABLE);
        let kept: usize =
            seats.iter_mut().map(|it| if it.keep(1 << 20).is_ok() { 1 << 20 } else { 0 }).sum();
        assert!(kept <= REQUEST_BYTES, "{kept}");
    }
}
