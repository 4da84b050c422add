//! Who waits at the desk for an answer to a hold: woken when there is news, never asking again and
//! again.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use bailiwick_model::{HoldId, TaskId};
use tokio::sync::watch;

use super::{Desk, Slot};
use crate::Clock;

/// How many callers of one task may wait at once.
const TASK_MAX: usize = 32;
/// How many of all tasks.
const ALL_MAX: usize = 4096;

/// The callers that wait.
#[derive(Debug, Default)]
pub(super) struct Waits(Mutex<Rooms>);

#[derive(Debug, Default)]
struct Rooms {
    all: usize,
    tasks: BTreeMap<TaskId, usize>,
    /// Where the news of each hold is told, while somebody listens.
    holds: BTreeMap<HoldId, watch::Sender<()>>,
}

/// A caller's place. News that come after it was taken are not missed; dropping it leaves it.
#[derive(Debug)]
pub(crate) struct Place {
    waits: Arc<Waits>,
    slot: Arc<Slot>,
    clock: Clock,
    task: TaskId,
    hold: HoldId,
    news: watch::Receiver<()>,
}

/// There is nowhere to wait.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum NoPlace {
    /// So many wait already.
    Full,
    /// The task is no longer at the desk.
    Gone,
}

impl Desk {
    /// Takes a place where `hold` of `task` is waited for. Whoever takes it asks once more how
    /// things stand before waiting. While it is taken the task is not idle.
    pub(crate) fn place_at(&self, task: &TaskId, hold: &HoldId) -> Result<Place, NoPlace> {
        let slot = self.slot(task).ok_or(NoPlace::Gone)?;
        let news = self.waits.enter(task, hold).ok_or(NoPlace::Full)?;
        slot.with(bailiwick_kernel::stay);
        let (waits, clock) = (Arc::clone(&self.waits), self.clock.clone());
        Ok(Place { waits, slot, clock, task: task.clone(), hold: hold.clone(), news })
    }

    /// Counts the callers that wait.
    pub fn waiting(&self) -> usize {
        self.waits.rooms().all
    }
}

impl Place {
    /// Waits until there is news: of the hold, or of what every decision looks at.
    pub(crate) async fn news(&mut self) {
        // The other end lives as long as this place does.
        let _told = self.news.changed().await;
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.slot.with(|state| bailiwick_kernel::observe(state, self.clock.now()));
        self.waits.leave(&self.task, &self.hold);
    }
}

impl Waits {
    fn rooms(&self) -> MutexGuard<'_, Rooms> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn enter(&self, task: &TaskId, hold: &HoldId) -> Option<watch::Receiver<()>> {
        let mut rooms = self.rooms();
        let here = rooms.tasks.get(task).copied().unwrap_or(0);
        if ALL_MAX <= rooms.all || TASK_MAX <= here {
            return None;
        }
        rooms.all = rooms.all.saturating_add(1);
        rooms.tasks.insert(task.clone(), here.saturating_add(1));
        let teller = rooms.holds.entry(hold.clone()).or_insert_with(|| watch::Sender::new(()));
        Some(teller.subscribe())
    }

    fn leave(&self, task: &TaskId, hold: &HoldId) {
        let mut rooms = self.rooms();
        rooms.all = rooms.all.saturating_sub(1);
        if let Some(here) = rooms.tasks.get_mut(task) {
            *here = here.saturating_sub(1);
            if *here == 0 {
                rooms.tasks.remove(task);
            }
        }
        // Whoever leaves still listens.
        if rooms.holds.get(hold).is_some_and(|it| it.receiver_count() <= 1) {
            rooms.holds.remove(hold);
        }
    }

    /// Wakes whoever waits for `hold`.
    pub(super) fn wake(&self, hold: &HoldId) {
        if let Some(teller) = self.rooms().holds.get(hold) {
            teller.send_replace(());
        }
    }

    /// Wakes everybody: what every decision looks at has changed.
    pub(super) fn wake_all(&self) {
        for teller in self.rooms().holds.values() {
            teller.send_replace(());
        }
    }
}

#[cfg(test)]
mod tests {
    use bailiwick_model::{Timestamp, Ulid};

    use super::*;

    fn task(number: u8) -> TaskId {
        TaskId::new(Ulid::new(Timestamp::default(), [number; 10]))
    }

    fn hold(number: u8) -> HoldId {
        HoldId::new(Ulid::new(Timestamp::default(), [number; 10]))
    }

    /// Says whether news have come.
    fn told(news: &watch::Receiver<()>) -> bool {
        news.has_changed().unwrap()
    }

    #[test]
    fn news_reach_those_who_wait_for_that_hold_and_nobody_else() {
        let waits = Waits::default();
        let (one, same) = (waits.enter(&task(1), &hold(1)), waits.enter(&task(1), &hold(1)));
        let (one, same) = (one.unwrap(), same.unwrap());
        let other = waits.enter(&task(1), &hold(2)).unwrap();
        waits.wake(&hold(1));
        assert!(told(&one) && told(&same) && !told(&other));
        waits.wake_all();
        assert!(told(&other));
    }

    #[test]
    fn whoever_left_is_forgotten_and_the_others_still_hear() {
        let waits = Waits::default();
        let (gone, stays) = (waits.enter(&task(1), &hold(1)), waits.enter(&task(1), &hold(1)));
        waits.leave(&task(1), &hold(1));
        drop(gone);
        waits.wake(&hold(1));
        let stays = stays.unwrap();
        assert!(told(&stays));
        waits.leave(&task(1), &hold(1));
        let rooms = waits.rooms();
        assert!(rooms.all == 0 && rooms.tasks.is_empty() && rooms.holds.is_empty(), "{rooms:?}");
    }

    #[test]
    fn one_task_cannot_take_the_places_of_the_others() {
        let waits = Waits::default();
        let mine: Vec<_> = (0..TASK_MAX).map(|_| waits.enter(&task(1), &hold(1))).collect();
        assert!(mine.iter().all(Option::is_some));
        assert!(waits.enter(&task(1), &hold(2)).is_none());
        assert!(waits.enter(&task(2), &hold(3)).is_some());
        waits.leave(&task(1), &hold(1));
        assert!(waits.enter(&task(1), &hold(2)).is_some());
    }

    #[test]
    fn there_are_so_many_places_and_no_more() {
        let waits = Waits::default();
        waits.rooms().all = ALL_MAX;
        assert!(waits.enter(&task(1), &hold(1)).is_none());
    }
}
