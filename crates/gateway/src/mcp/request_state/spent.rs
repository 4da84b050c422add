//! Which states were brought back, for as long as they could be brought back again.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Mutex, PoisonError},
};

use bailiwick_model::{TaskId, Timestamp};

use super::StateError;

/// How many live ones are remembered of one task.
const TASK_MAX: usize = 512;
/// How many of all tasks.
const ALL_MAX: usize = 65_536;

/// The states that were used. A full memory takes no more: forgetting one would let it be used
/// twice.
#[derive(Debug, Default)]
pub(crate) struct Spent(Mutex<Memory>);

#[derive(Debug, Default)]
struct Memory {
    tasks: BTreeMap<TaskId, BTreeSet<(Timestamp, String)>>,
    count: usize,
}

impl Spent {
    /// Uses the state `id` of `task`, which could be brought back until `expires`.
    pub(super) fn spend(
        &self,
        task: &TaskId,
        (id, expires): (&str, Timestamp),
        now: Timestamp,
    ) -> Result<(), StateError> {
        let mut memory = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let live = |memory: &Memory| memory.tasks.get(task).map_or(0, BTreeSet::len);
        if TASK_MAX <= live(&memory) || ALL_MAX <= memory.count {
            memory.forget_dead(now);
        }
        if memory.tasks.get(task).is_some_and(|it| it.contains(&(expires, id.to_owned()))) {
            return Err(StateError::Used);
        }
        if TASK_MAX <= live(&memory) || ALL_MAX <= memory.count {
            return Err(StateError::TooMany);
        }
        memory.tasks.entry(task.clone()).or_default().insert((expires, id.to_owned()));
        memory.count = memory.count.saturating_add(1);
        Ok(())
    }
}

impl Memory {
    fn forget_dead(&mut self, now: Timestamp) {
        for live in self.tasks.values_mut() {
            live.retain(|(expires, _)| now < *expires);
        }
        self.tasks.retain(|_, live| !live.is_empty());
        self.count = self.tasks.values().map(BTreeSet::len).sum();
    }
}

#[cfg(test)]
mod tests {
    use bailiwick_model::Ulid;

    use super::*;

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_millis(seconds.saturating_mul(1000))
    }

    fn task(number: u8) -> TaskId {
        TaskId::new(Ulid::new(at(0), [number; 10]))
    }

    #[test]
    fn a_state_is_used_once() {
        let spent = Spent::default();
        assert_eq!(spent.spend(&task(1), ("a", at(10)), at(0)), Ok(()));
        assert_eq!(spent.spend(&task(1), ("a", at(10)), at(9)), Err(StateError::Used));
        assert_eq!(spent.spend(&task(2), ("a", at(10)), at(9)), Ok(()));
    }

    #[test]
    fn a_full_memory_takes_no_more_until_something_in_it_is_dead() {
        let spent = Spent::default();
        for number in 0..TASK_MAX {
            spent.spend(&task(1), (&number.to_string(), at(10)), at(0)).unwrap();
        }
        assert_eq!(spent.spend(&task(1), ("more", at(10)), at(9)), Err(StateError::TooMany));
        assert_eq!(spent.spend(&task(1), ("7", at(10)), at(9)), Err(StateError::Used));
        assert_eq!(spent.spend(&task(2), ("more", at(10)), at(9)), Ok(()));
        assert_eq!(spent.spend(&task(1), ("more", at(20)), at(10)), Ok(()));
        assert_eq!(spent.0.lock().unwrap().count, 1, "the dead are forgotten, of every task");
    }
}
