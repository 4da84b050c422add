//! Tasks that have ended leave the registry with their holds, and a log that is long is folded while
//! others write.

use std::{collections::BTreeMap, path::Path};

use bailiwick_model::{Hold, HoldStatus, LeaseState, TaskId};
use bailiwick_store::{Change, Folding, HoldFilter, LeaseFilter, Registry, Rev, TaskFilter};

use crate::sample::{self, Dice};

fn expired(number: u64) -> Hold {
    Hold { status: HoldStatus::Expired, ..sample::hold(number) }
}

fn whole(registry: &Registry) {
    assert_eq!(registry.verify_changes().unwrap(), None);
    assert_eq!(registry.verify_rows().unwrap(), []);
}

/// Tasks of these numbers open, have a hold each that expires, and end.
async fn lives(registry: &Registry, numbers: std::ops::Range<u64>) {
    for number in numbers {
        registry.write(vec![Change::Task(Box::new(sample::task(number)))]).await.unwrap();
        // The holds of a task are those with its number before their last digit.
        let hold = Change::Hold(Box::new(expired(number * 10)));
        registry.write(vec![hold]).await.unwrap();
        registry.write(vec![Change::Task(Box::new(sample::ended(number)))]).await.unwrap();
    }
}

#[tokio::test]
async fn tasks_that_ended_leave_with_their_holds_and_what_is_open_stays() {
    let dir = sample::quick_dir();
    let path = dir.path().join("registry.db");
    let folding = Folding { after: 10, leases: 2, tasks: 3 };
    let registry = Registry::open_folding(&path, folding).unwrap();
    let first = vec![
        Change::Task(Box::new(sample::task(1))),
        Change::Hold(Box::new(expired(10))),
        Change::Hold(Box::new(sample::hold(11))),
        Change::Task(Box::new(sample::task(2))),
    ];
    registry.write(first).await.unwrap();
    for round in 1..=6 {
        lives(&registry, round * 100..round * 100 + 10).await;
        whole(&registry);
        let ended = registry.tasks(TaskFilter::ALL).unwrap().len() - 2;
        assert!((3..=9).contains(&ended), "{ended}");
        let changes = registry.changes(Rev(0), usize::MAX).unwrap().len();
        assert!(changes <= 40, "{changes}");
    }
    let open = TaskFilter { open_only: true, ..TaskFilter::ALL };
    assert_eq!(registry.tasks(open).unwrap(), [sample::task(1), sample::task(2)]);
    // A hold that is over stays as long as its task does.
    let of = HoldFilter { task: Some(sample::task_id(1)), ..HoldFilter::ALL };
    assert_eq!(registry.holds(of).unwrap(), [expired(10), sample::hold(11)]);
    let there = |it: &TaskId| registry.task(it).unwrap().is_some();
    let holds = registry.holds(HoldFilter::ALL).unwrap();
    assert!(holds.iter().all(|it| there(&it.task)), "{holds:?}");
    // Those stay that ended last, whenever they were opened.
    registry.write(vec![Change::Task(Box::new(sample::ended(2)))]).await.unwrap();
    lives(&registry, 900..902).await;
    assert!(there(&sample::task_id(2)));
    lives(&registry, 910..920).await;
    assert!(!there(&sample::task_id(2)) && there(&sample::task_id(1)));
    whole(&registry);
}

/// What must be there in the end: open tasks and leases, whatever was folded.
#[derive(Default)]
struct Model {
    tasks: BTreeMap<u64, bool>,
    leases: BTreeMap<u64, bool>,
}

impl Model {
    /// Lets something happen to one of many tasks or leases. A lease that is over is sometimes found alive.
    fn step(&mut self, dice: &mut Dice) -> Change {
        let number = u64::try_from(dice.below(3_000)).unwrap();
        if dice.below(2) == 0 {
            let open = self.tasks.entry(number).and_modify(|it| *it = false).or_insert(true);
            let task = if *open { sample::task(number) } else { sample::ended(number) };
            return Change::Task(Box::new(task));
        }
        let found = dice.below(20) == 0;
        let open = self.leases.entry(number).and_modify(|it| *it = found).or_insert(true);
        let state = if *open { LeaseState::Active } else { LeaseState::Revoked };
        Change::Lease(Box::new(sample::lease(number, state)))
    }
}

async fn folds_while_others_write(path: &Path, seed: u64) {
    let folding = Folding { after: 700, leases: 50, tasks: 50 };
    let registry = Registry::open_folding(path, folding).unwrap();
    let (mut dice, mut model) = (Dice::new(seed), Model::default());
    for _ in 0..60 {
        let changes: Vec<_> = (0..100).map(|_| model.step(&mut dice)).collect();
        registry.write(changes).await.unwrap();
    }
    whole(&registry);
    // What is left of the log tells of what there is, and of little more.
    let count = |all: &BTreeMap<u64, bool>| all.values().filter(|it| **it).count();
    let open = count(&model.tasks) + count(&model.leases);
    registry.close();
    let registry = Registry::open_read_only(path).unwrap();
    whole(&registry);
    let tasks = registry.tasks(TaskFilter { open_only: true, ..TaskFilter::ALL }).unwrap();
    let leases = registry.leases(LeaseFilter { open_only: true, ..LeaseFilter::ALL }).unwrap();
    assert_eq!((tasks.len(), leases.len()), (count(&model.tasks), count(&model.leases)));
    for (number, open) in &model.tasks {
        assert!(!open || tasks.contains(&sample::task(*number)), "task {number} is lost");
    }
    let there = registry.changes(Rev(0), usize::MAX).unwrap().len();
    assert!(there < 6_000, "{there} changes for {open} open things: nothing was folded");
}

#[tokio::test]
async fn a_long_log_is_folded_while_others_write_and_nothing_open_is_lost() {
    for seed in 1..=4 {
        let dir = sample::quick_dir();
        folds_while_others_write(&dir.path().join("registry.db"), seed).await;
    }
}
