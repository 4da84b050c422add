//! All leases of which something may be alive, by id, by task, and at each target by when time next
//! matters to them.

use std::collections::{BTreeMap, BTreeSet};

use bailiwick_model::{
    Finding, Lease, LeaseCause, LeaseId, LeaseState, TargetName, TaskId, Timestamp,
};

use super::{Asking, LeaseEvent, Life};

/// What the shell must do for a lease.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LeaseEffect {
    /// Put on record how it stands.
    Write(Box<Lease>),
    /// Tell its target that it ended, and say what came of that.
    Tell(LeaseId, TargetName),
    /// Something was noticed.
    Noticed(Box<Finding>),
}

/// Every lease of which something may be alive. What is not in it is known to be gone.
#[derive(Debug, Default)]
pub struct LeaseBook {
    lives: BTreeMap<LeaseId, Life>,
    of_task: BTreeMap<TaskId, BTreeSet<LeaseId>>,
    /// At each target, who waits to be told there and who is being told.
    lines: BTreeMap<TargetName, Line>,
    /// Those whose end is not on record yet. It goes there whatever their targets are being asked.
    owed: BTreeSet<LeaseId>,
    /// How many there are in each state, in the order of the states.
    counts: [usize; 5],
}

/// How many leases one target is being told of, or is about to be. The others wait here, so that neither
/// a storm nor a target that hangs fills the memory or holds up other targets.
pub(super) const ROOM: usize = 1024;

/// What waits at one target.
#[derive(Debug, Default)]
struct Line {
    due: BTreeSet<(Timestamp, LeaseId)>,
    telling: usize,
}

impl Line {
    /// Gives when somebody in it is next to be told; none while as many are as have room.
    fn next(&self) -> Option<&(Timestamp, LeaseId)> {
        self.due.first().filter(|_| self.telling < ROOM)
    }
}

impl LeaseBook {
    /// Takes in a lease that its target is about to be asked for. Whoever asks says what came of it,
    /// and waits with asking until this is on record.
    pub fn order(&mut self, lease: Lease) -> LeaseEffect {
        let write = LeaseEffect::Write(Box::new(lease.clone()));
        self.insert(Life::begin(lease));
        write
    }

    /// Takes up a lease that another process left open.
    pub fn take_up(&mut self, lease: Lease, now: Timestamp) {
        if lease.is_open() {
            self.insert(Life::take_up(lease, now));
        }
    }

    /// Takes up what a target still has of a lease that should be gone; nothing happens to one that is
    /// known here.
    pub fn orphan(&mut self, lease: Lease, now: Timestamp) -> Option<Finding> {
        if self.lives.contains_key(&lease.id) {
            return None;
        }
        let life = Life::orphan(lease, now);
        let found = life.found(now);
        self.insert(life);
        Some(found)
    }

    /// Lets something happen to a lease. Of one that is gone nothing more is heard.
    pub fn step(&mut self, id: &LeaseId, event: LeaseEvent, now: Timestamp) -> Vec<LeaseEffect> {
        let Some(mut life) = self.remove(id) else { return Vec::new() };
        let was = life.lease.state;
        let mut effects = Vec::new();
        if life.step(event, now) {
            effects.push(LeaseEffect::Write(Box::new(life.lease.clone())));
        }
        if life.lease.state == LeaseState::Stuck && was != LeaseState::Stuck {
            effects.push(LeaseEffect::Noticed(Box::new(life.stuck(now))));
        }
        if life.lease.is_open() {
            self.insert(life);
        }
        effects
    }

    /// Accepts the end of every lease of a task. Each is due at once.
    pub fn end_task(&mut self, task: &TaskId, cause: LeaseCause, now: Timestamp) -> usize {
        let ids: Vec<_> = self.of_task.get(task).into_iter().flatten().cloned().collect();
        self.end_all(ids, cause, now)
    }

    /// Accepts the end of every lease at a target. Each is due at once.
    pub fn end_target(&mut self, target: &TargetName, cause: LeaseCause, now: Timestamp) -> usize {
        let at = self.lives.values().filter(|it| it.lease.target == *target);
        let ids = at.map(|it| it.lease.id.clone()).collect();
        self.end_all(ids, cause, now)
    }

    fn end_all(&mut self, ids: Vec<LeaseId>, cause: LeaseCause, now: Timestamp) -> usize {
        let mut count = 0_usize;
        for id in ids {
            let Some(mut life) = self.remove(&id) else { continue };
            if life.end(cause, now) {
                count = count.saturating_add(1);
            }
            self.insert(life);
        }
        count
    }

    /// Lets time pass for `most` leases that it matters to, those first that wait longest, and as many at
    /// each target as at the others.
    pub fn pass(&mut self, now: Timestamp, most: usize) -> Vec<LeaseEffect> {
        let mut effects = Vec::new();
        while effects.len() < most
            && let Some(mut life) = self.owed.first().cloned().and_then(|it| self.remove(&it))
        {
            life.owed = false;
            effects.push(LeaseEffect::Write(Box::new(life.lease.clone())));
            self.insert(life);
        }
        let left = most.saturating_sub(effects.len());
        let due = |(_, line): &(&TargetName, &Line)| line.next().is_some_and(|(at, _)| *at <= now);
        let targets: Vec<_> = self.lines.iter().filter(due).map(|it| it.0.clone()).collect();
        let share = left.checked_div(targets.len()).unwrap_or(0).max(1);
        for target in targets.into_iter().take(left) {
            for _ in 0..share {
                let next = self.lines.get(&target).and_then(Line::next);
                let Some((_, id)) = next.filter(|(at, _)| *at <= now).cloned() else { break };
                let Some(mut life) = self.remove(&id) else { break };
                if life.lease.state == LeaseState::Active {
                    life.end(LeaseCause::Expired, now);
                }
                if std::mem::take(&mut life.owed) {
                    effects.push(LeaseEffect::Write(Box::new(life.lease.clone())));
                }
                life.asking = Asking::Telling;
                effects.push(LeaseEffect::Tell(id, target.clone()));
                self.insert(life);
            }
        }
        effects
    }

    /// Gives when time next matters to one of them.
    pub fn next(&self) -> Option<Timestamp> {
        if !self.owed.is_empty() {
            return Some(Timestamp::default());
        }
        self.lines.values().filter_map(Line::next).map(|(at, _)| *at).min()
    }

    /// Gives one of them.
    pub fn get(&self, id: &LeaseId) -> Option<&Lease> {
        self.lives.get(id).map(|it| &it.lease)
    }

    /// Gives those of a task.
    pub fn of_task(&self, task: &TaskId) -> impl Iterator<Item = &Lease> {
        let ids = self.of_task.get(task).into_iter().flatten();
        ids.filter_map(|it| self.get(it))
    }

    /// Gives all of them.
    pub fn iter(&self) -> impl Iterator<Item = &Lease> {
        self.lives.values().map(|it| &it.lease)
    }

    /// Counts them by state, in the order of the states.
    pub const fn counts(&self) -> [usize; 5] {
        self.counts
    }

    /// Counts them.
    pub fn len(&self) -> usize {
        self.lives.len()
    }

    /// Says whether there are none.
    pub fn is_empty(&self) -> bool {
        self.lives.is_empty()
    }

    /// Says whether nothing at all is kept.
    #[cfg(test)]
    pub(super) fn is_bare(&self) -> bool {
        let Self { lives, of_task, lines, owed, counts } = self;
        let none = lives.is_empty() && of_task.is_empty() && lines.is_empty() && owed.is_empty();
        none && *counts == [0; 5]
    }

    fn count(&mut self, state: LeaseState, change: impl Fn(usize) -> usize) {
        let place = LeaseState::ALL.iter().position(|it| *it == state);
        if let Some(count) = place.and_then(|it| self.counts.get_mut(it)) {
            *count = change(*count);
        }
    }

    fn insert(&mut self, life: Life) {
        let id = life.lease.id.clone();
        self.count(life.lease.state, |it| it.saturating_add(1));
        if life.owed {
            self.owed.insert(id.clone());
        }
        let telling = usize::from(life.asking == Asking::Telling);
        if telling != 0 || life.due().is_some() {
            let line = self.lines.entry(life.lease.target.clone()).or_default();
            line.due.extend(life.due().map(|at| (at, id.clone())));
            line.telling = line.telling.saturating_add(telling);
        }
        self.of_task.entry(life.lease.task.clone()).or_default().insert(id.clone());
        self.lives.insert(id, life);
    }

    fn remove(&mut self, id: &LeaseId) -> Option<Life> {
        let life = self.lives.remove(id)?;
        self.count(life.lease.state, |it| it.saturating_sub(1));
        self.owed.remove(id);
        if let Some(line) = self.lines.get_mut(&life.lease.target) {
            if let Some(at) = life.due() {
                line.due.remove(&(at, id.clone()));
            }
            let telling = usize::from(life.asking == Asking::Telling);
            line.telling = line.telling.saturating_sub(telling);
            if line.due.is_empty() && line.telling == 0 {
                self.lines.remove(&life.lease.target);
            }
        }
        if let Some(others) = self.of_task.get_mut(&life.lease.task) {
            others.remove(id);
            if others.is_empty() {
                self.of_task.remove(&life.lease.task);
            }
        }
        Some(life)
    }
}
