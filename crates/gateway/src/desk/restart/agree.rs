//! Whether ledger and registry agree. The ledger is written first, so what the registry lacks it
//! missed, and is given; what it has beyond the ledger is nobody's recorded word, and is refused.

use std::collections::BTreeMap;

use bailiwick_model::{HoldId, HoldStatus, Person, TaskId, Timestamp};
use bailiwick_store::{Change, HoldFilter, Ledger, Registry, TaskFilter};

use super::Told;
use crate::desk::DeskError;

impl Told {
    /// Says from when on the ledger must know everything: the first record that it keeps.
    pub(super) fn keeps_from(&self, ledger: &Ledger) -> Option<Timestamp> {
        match self.first {
            Some((1, _)) => Some(Timestamp::default()),
            Some((_, time)) => Some(time),
            // Retention may have taken every record; where none was ever written, nothing happened.
            None => (ledger.head().seq == 0).then(Timestamp::default),
        }
    }

    /// Gives what the registry missed.
    pub(super) fn repairs(
        &self,
        registry: &Registry,
        from: Option<Timestamp>,
    ) -> Result<Vec<Change>, DeskError> {
        let mut changes = Vec::new();
        let known = |at: Timestamp| from.is_some_and(|from| from <= at);
        self.tasks_missed(registry, &known, &mut changes)?;
        self.holds_missed(registry, &known, &mut changes)?;
        self.persons_missed(registry, &known, &mut changes)?;
        self.pins_missed(registry, &known, &mut changes)?;
        self.containment_missed(registry, &mut changes)?;
        Ok(changes)
    }

    fn tasks_missed(
        &self,
        registry: &Registry,
        known: &dyn Fn(Timestamp) -> bool,
        changes: &mut Vec<Change>,
    ) -> Result<(), DeskError> {
        let mut kept = BTreeMap::new();
        for task in registry.tasks(TaskFilter::ALL)? {
            let told = self.tasks.get(&task.id).map(|it| it.generation);
            if told.map_or(known(task.opened), |told| told < task.generation) {
                return Err(beyond::<TaskId>("task", &task.id));
            }
            kept.insert(task.id.clone(), task);
        }
        let missed = self.tasks.values().filter(|it| kept.get(&it.id) != Some(*it));
        changes.extend(missed.map(|it| Change::Task(Box::new(it.clone()))));
        Ok(())
    }

    fn holds_missed(
        &self,
        registry: &Registry,
        known: &dyn Fn(Timestamp) -> bool,
        changes: &mut Vec<Change>,
    ) -> Result<(), DeskError> {
        let mut kept = BTreeMap::new();
        for hold in registry.holds(HoldFilter::ALL)? {
            let told = self.holds.get(&hold.id).map(|it| progress(&it.status));
            if told.map_or(known(hold.opened), |told| told < progress(&hold.status)) {
                return Err(beyond::<HoldId>("hold", &hold.id));
            }
            kept.insert(hold.id.clone(), hold);
        }
        let missed = self.holds.values().filter(|it| kept.get(&it.id) != Some(*it));
        changes.extend(missed.map(|it| Change::Hold(Box::new(it.clone()))));
        Ok(())
    }

    /// A person never changes: one whom the ledger tells otherwise is somebody else.
    fn persons_missed(
        &self,
        registry: &Registry,
        known: &dyn Fn(Timestamp) -> bool,
        changes: &mut Vec<Change>,
    ) -> Result<(), DeskError> {
        let kept = registry.persons()?;
        let wrong = |it: &&Person| match self.persons.get(&it.name) {
            Some(told) => told != *it,
            None => known(it.added),
        };
        if let Some(person) = kept.iter().find(wrong) {
            return Err(beyond("person", &person.name));
        }
        let missed = self.persons.values().filter(|it| !kept.contains(it));
        changes.extend(missed.map(|it| Change::Person(it.clone())));
        Ok(())
    }

    fn pins_missed(
        &self,
        registry: &Registry,
        known: &dyn Fn(Timestamp) -> bool,
        changes: &mut Vec<Change>,
    ) -> Result<(), DeskError> {
        let kept = registry.pins()?;
        for (place @ (server, tool), pin) in &kept {
            let told = self.pins.get(place).map(|it| it.at);
            if told.map_or(known(pin.at), |told| told < pin.at) {
                return Err(beyond("pin", &format!("{server}__{tool}")));
            }
        }
        let missed = self.pins.iter().filter(|(place, pin)| kept.get(*place) != Some(*pin));
        changes.extend(missed.map(|((server, tool), pin)| {
            let (server, tool, pin) = (server.clone(), tool.clone(), pin.clone());
            Change::Pin { server, tool, pin }
        }));
        Ok(())
    }

    /// Withdrawn authority is withdrawn by either's word; it is given back by the ledger's alone.
    fn containment_missed(
        &self,
        registry: &Registry,
        changes: &mut Vec<Change>,
    ) -> Result<(), DeskError> {
        let kept: BTreeMap<_, _> =
            registry.load()?.contained.into_iter().map(|it| (it.subject, it.since)).collect();
        for (subject, (contained, at, why)) in &self.contained {
            let (subject, since, why) = (subject.clone(), *at, why.clone());
            match kept.get(&subject) {
                None if *contained => changes.push(Change::Contain { subject, since, why }),
                Some(since) if !contained && since <= at => {
                    changes.push(Change::Release { subject });
                }
                Some(_) | None => {}
            }
        }
        Ok(())
    }
}

/// How far a hold has come; it never goes back.
const fn progress(status: &HoldStatus) -> u8 {
    match status {
        HoldStatus::Waiting => 0,
        HoldStatus::Approved { .. } => 1,
        HoldStatus::Refused { .. } | HoldStatus::Used { .. } | HoldStatus::Expired => 2,
    }
}

fn beyond<T: std::fmt::Display + ?Sized>(what: &'static str, name: &T) -> DeskError {
    DeskError::Beyond { what, name: name.to_string() }
}
