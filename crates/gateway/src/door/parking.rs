//! Calls that wait in their middle until their clients come again with answers.
//!
//! A call is under way at its server meanwhile, on a connection that this gateway holds: no other one
//! could go on with it. Whoever does not come in time has its call cut.

use std::{
    collections::{BTreeMap, HashMap},
    fmt,
    sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError, Weak},
    time::Duration,
};

use bailiwick_connect::random_text;
use bailiwick_model::TaskId;
use serde_json::value::RawValue;
use tokio::task::JoinHandle;
use tokio_util::{
    sync::{CancellationToken, DropGuard},
    task::AbortOnDropHandle,
};

use crate::{
    lane::Stayed,
    listener::{Allowed, Notes},
    places::{Place, Places},
    room::Share,
};

/// How many calls of one task can be asked something in their middle at once, and how many of all. Any
/// more run without.
const EACH: usize = 32;
const ALL: usize = 1024;

/// A call that its server may ask something about, as its client sees it: in rounds.
#[derive(Debug)]
pub(super) struct Parked {
    /// Its place, and under what its client's answers are looked for.
    pub(super) name: Box<str>,
    /// What it comes to.
    pub(super) running: JoinHandle<Stayed>,
    /// What is said meanwhile.
    pub(super) notes: Notes,
    /// By what it was sent, once it was.
    pub(super) sent: Arc<OnceLock<Allowed>>,
    /// What was asked and not answered, by the names that answers come under.
    pub(super) open: BTreeMap<String, Box<RawValue>>,
    /// What cuts it where nobody comes for it, its place, and what its answer takes of the room.
    pub(super) _kept: (DropGuard, Place, Share),
}

/// The calls that wait for their clients.
pub(super) struct Parking {
    gateway: OnceLock<Option<String>>,
    places: Places,
    calls: Mutex<HashMap<Box<str>, Waiting>>,
}

struct Waiting {
    parked: Parked,
    _until: AbortOnDropHandle<()>,
}

impl Default for Parking {
    fn default() -> Self {
        Self { gateway: OnceLock::new(), places: Places::new(EACH, ALL), calls: Mutex::default() }
    }
}

impl Parking {
    /// Names this gateway, for as long as it runs; none without randomness.
    pub(super) fn gateway(&self) -> Option<&str> {
        self.gateway.get_or_init(|| random_text().ok()).as_deref()
    }

    /// Takes a place for one more call of `task`.
    pub(super) fn place(&self, task: &TaskId) -> Option<Place> {
        self.places.take(task)
    }

    /// Has a call wait for its client, for `wait` and until `stop`.
    pub(super) fn park(
        self: &Arc<Self>,
        parked: Parked,
        (wait, stop): (Duration, CancellationToken),
    ) {
        let (parking, name) = (Arc::downgrade(self), parked.name.clone());
        let mut calls = self.lock();
        let until = tokio::spawn(async move {
            tokio::select! {
                () = tokio::time::sleep(wait) => {}
                () = stop.cancelled() => {}
            }
            let gone = Weak::upgrade(&parking).and_then(|it| it.lock().remove(&name));
            drop(gone);
        });
        let waiting = Waiting { parked, _until: AbortOnDropHandle::new(until) };
        calls.insert(waiting.parked.name.clone(), waiting);
    }

    /// Takes a call out again; none where nobody waits there any more.
    pub(super) fn take(&self, name: &str) -> Option<Parked> {
        self.lock().remove(name).map(|it| it.parked)
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<Box<str>, Waiting>> {
        self.calls.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for Parking {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_struct("Parking").finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use bailiwick_connect::{Audience, Verified};
    use bailiwick_model::Timestamp;

    use super::*;
    use crate::{Listener, room::Room};

    const TASK: &str = "task_01JD8X0000000000000000000A";

    fn caller() -> Arc<Verified> {
        Arc::new(Verified {
            bound: None,
            exposed: false,
            task: TASK.parse().unwrap(),
            identity: "ann".parse().unwrap(),
            via: Vec::new(),
            generation: 1,
            policy: "p1".to_owned(),
            audience: Audience::All,
            issued: Timestamp::from_millis(0),
            expires: Timestamp::from_millis(1),
            credentials: std::collections::BTreeSet::new(),
        })
    }

    fn parked(parking: &Parking, name: &str) -> (Parked, CancellationToken) {
        let cut = CancellationToken::new();
        let place = parking.place(&TASK.parse().unwrap()).unwrap();
        let share = Room::new(1 << 20).share(&caller());
        let parked = Parked {
            name: name.into(),
            running: tokio::spawn(std::future::pending()),
            notes: Listener::new().1,
            sent: Arc::default(),
            open: BTreeMap::new(),
            _kept: (cut.clone().drop_guard(), place, share),
        };
        (parked, cut)
    }

    #[tokio::test]
    async fn a_call_is_taken_once_and_cut_where_nobody_comes() {
        let (parking, stop) = (Arc::new(Parking::default()), CancellationToken::new());
        let hour = Duration::from_secs(3600);
        let (call, cut) = parked(&parking, "a");
        parking.park(call, (hour, stop.clone()));
        let taken = parking.take("a").unwrap();
        assert!(parking.take("a").is_none() && parking.take("b").is_none());
        assert!(!cut.is_cancelled(), "somebody has it");
        parking.park(taken, (Duration::ZERO, stop.clone()));
        cut.cancelled().await;
        assert!(parking.take("a").is_none());

        let (call, cut) = parked(&parking, "b");
        parking.park(call, (hour, stop.clone()));
        stop.cancel();
        cut.cancelled().await;
    }

    #[tokio::test]
    async fn a_place_is_given_back_with_its_call() {
        let (parking, task) = (Parking::default(), TASK.parse().unwrap());
        let places: Vec<_> = (0..100).filter_map(|_| parking.place(&task)).collect();
        assert_eq!(places.len(), EACH);
        drop(places);
        assert!(parking.place(&task).is_some());
    }
}
