//! What tasks were found to see, kept for as long as nothing that it depends on is another.
//!
//! Neither is a promise: each list is looked up under what holds when it is asked for. Snapshots
//! and catalogs never change; a change makes new ones, so that being the same one is being equal.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError, Weak},
};

use bailiwick_kernel::{Sight, Snapshot};
use bailiwick_model::{ServerName, TaskId};
use serde_json::value::RawValue;

use crate::{mcp::Era, upstream::Catalog};

/// How many lists are kept, each a word for each tool of a server.
const LISTS_MAX: usize = 4096;

/// The lists of all tasks, and the tools of all servers as clients take them.
#[derive(Debug, Default)]
pub(super) struct Lists {
    seen: Mutex<HashMap<(TaskId, ServerName), Seen>>,
    written: Mutex<HashMap<(ServerName, Modern), Written>>,
}

/// Whether clients of the newer era are meant.
type Modern = bool;

/// Everything that a task's list of one server's tools depends on.
#[derive(Clone, Debug)]
pub(super) struct Under {
    snapshot: Weak<Snapshot>,
    catalog: Weak<Catalog>,
    sight: Sight,
}

/// What one task sees of one server.
#[derive(Debug)]
struct Seen {
    under: Under,
    tools: Arc<[bool]>,
}

/// The tools of one server, in its order.
#[derive(Debug)]
struct Written {
    catalog: Weak<Catalog>,
    tools: Tools,
}

/// Definitions as clients take them; none of a tool that is not offered to anybody.
pub(super) type Tools = Arc<[Option<Box<RawValue>>]>;

impl Under {
    /// Says that a list was made under this snapshot, of this catalog, for a task that looks so.
    pub(super) fn new(snapshot: &Arc<Snapshot>, catalog: &Arc<Catalog>, sight: Sight) -> Self {
        Self { snapshot: Arc::downgrade(snapshot), catalog: Arc::downgrade(catalog), sight }
    }
}

impl PartialEq for Under {
    fn eq(&self, other: &Self) -> bool {
        // A place that somebody still points to, however weakly, is given to nothing else.
        self.snapshot.ptr_eq(&other.snapshot)
            && self.catalog.ptr_eq(&other.catalog)
            && self.sight == other.sight
    }
}

impl Lists {
    /// Gives which tools a task sees, where that was found out under the very same.
    pub(super) fn seen(&self, of: &(TaskId, ServerName), under: &Under) -> Option<Arc<[bool]>> {
        let seen = locked(&self.seen);
        seen.get(of).filter(|it| it.under == *under).map(|it| Arc::clone(&it.tools))
    }

    /// Keeps which tools a task sees.
    pub(super) fn keep(&self, of: (TaskId, ServerName), under: Under, tools: Arc<[bool]>) {
        let mut seen = locked(&self.seen);
        if LISTS_MAX <= seen.len() && !seen.contains_key(&of) {
            // Of most lists nobody asks again once something has changed.
            seen.retain(|_, it| it.under.snapshot.ptr_eq(&under.snapshot));
            if LISTS_MAX <= seen.len() {
                seen.clear();
            }
        }
        seen.insert(of, Seen { under, tools });
    }

    /// Gives the tools of a server as clients of `era` take them, made by `write` where the catalog
    /// is another.
    pub(super) fn written(
        &self,
        (server, era): (&ServerName, Era),
        catalog: &Arc<Catalog>,
        write: impl FnOnce() -> Tools,
    ) -> Tools {
        let of = (server.clone(), era == Era::Modern);
        let same = |it: &&Written| it.catalog.ptr_eq(&Arc::downgrade(catalog));
        if let Some(found) = locked(&self.written).get(&of).filter(same) {
            return Arc::clone(&found.tools);
        }
        let tools = write();
        let written = Written { catalog: Arc::downgrade(catalog), tools: Arc::clone(&tools) };
        locked(&self.written).insert(of, written);
        tools
    }
}

/// Locks; what a panic left is whole, as nothing is changed in parts.
fn locked<T>(lock: &Mutex<T>) -> MutexGuard<'_, T> {
    lock.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use bailiwick_testkit::{Scenario, Stage};

    use super::*;

    const WORLD: &str = "charter ann templates=read servers=s\ntemplate read\n  allow s list\nopen one as ann template=read";

    fn stage() -> Stage {
        let scenario = Scenario::parse(WORLD).unwrap();
        let mut stage = Stage::new(scenario.world);
        scenario.lines.iter().for_each(|it| drop(stage.play(&it.event)));
        stage
    }

    fn sight(stage: &Stage) -> Sight {
        let (state, now) = (stage.task("one").unwrap(), stage.clock.now());
        bailiwick_kernel::sight(&stage.snapshot, state, &"s".parse().unwrap(), now)
    }

    fn catalog() -> Arc<Catalog> {
        Arc::new(Catalog {
            tools: Vec::new(),
            executable: None,
            protocol: "2025-11-25".to_owned(),
            server_info: None,
            capabilities: RawValue::from_string("{}".to_owned()).unwrap(),
            instructions: None,
        })
    }

    #[test]
    fn a_list_is_found_again_while_all_is_the_same_and_never_after() {
        let (mut stage, catalog, lists) = (stage(), catalog(), Lists::default());
        let snapshot = Arc::new(stage.snapshot.clone());
        let of = (stage.task("one").unwrap().task().id.clone(), "s".parse().unwrap());
        let under = || Under::new(&snapshot, &catalog, sight(&stage));
        assert!(lists.seen(&of, &under()).is_none());
        lists.keep(of.clone(), under(), Arc::new([true, false]));
        assert_eq!(lists.seen(&of, &under()).as_deref(), Some(&[true, false][..]));

        // Another snapshot says the same, and it is another: who knows what else it says.
        let next = Arc::new(stage.snapshot.clone());
        assert!(lists.seen(&of, &Under::new(&next, &catalog, sight(&stage))).is_none());
        let offered = self::catalog();
        assert!(lists.seen(&of, &Under::new(&snapshot, &offered, sight(&stage))).is_none());
        let before = sight(&stage);
        let end = Scenario::parse("end").unwrap();
        end.lines.iter().for_each(|it| drop(stage.play(&it.event)));
        assert_ne!(sight(&stage), before);
        assert!(lists.seen(&of, &Under::new(&snapshot, &catalog, sight(&stage))).is_none());
        let other = (of.0.clone(), "r".parse().unwrap());
        assert!(lists.seen(&other, &Under::new(&snapshot, &catalog, before)).is_none());
    }

    #[test]
    fn a_snapshot_that_is_gone_is_never_mistaken_for_a_new_one() {
        let (stage, catalog, lists) = (stage(), catalog(), Lists::default());
        let of = (stage.task("one").unwrap().task().id.clone(), "s".parse().unwrap());
        for _ in 0..64 {
            let snapshot = Arc::new(stage.snapshot.clone());
            let under = Under::new(&snapshot, &catalog, sight(&stage));
            assert!(lists.seen(&of, &under).is_none());
            lists.keep(of.clone(), under, Arc::new([true]));
        }
    }

    #[test]
    fn no_more_lists_are_kept_than_there_is_room_for() {
        let (stage, catalog, lists) = (stage(), catalog(), Lists::default());
        let task = stage.task("one").unwrap().task().id.clone();
        let snapshot = Arc::new(stage.snapshot.clone());
        let under = Under::new(&snapshot, &catalog, sight(&stage));
        for number in 0..=LISTS_MAX {
            let of = (task.clone(), format!("s{number}").parse().unwrap());
            lists.keep(of, under.clone(), Arc::new([true]));
        }
        assert!(locked(&lists.seen).len() <= LISTS_MAX);
    }

    #[test]
    fn tools_are_written_once_for_each_catalog_and_era() {
        let (lists, server) = (Lists::default(), "s".parse().unwrap());
        let (first, second) = (catalog(), catalog());
        let made = std::cell::Cell::new(0_u32);
        let write = || {
            made.set(made.get().saturating_add(1));
            Tools::from([])
        };
        for (catalog, era, times) in [
            (&first, Era::Modern, 1),
            (&first, Era::Modern, 1),
            (&first, Era::Legacy, 2),
            (&second, Era::Modern, 3),
            (&first, Era::Modern, 4),
        ] {
            lists.written((&server, era), catalog, write);
            assert_eq!(made.get(), times, "{era:?}");
        }
    }
}
