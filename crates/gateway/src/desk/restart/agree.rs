//! Whether ledger and registry agree. The ledger is written first, so what the registry lacks it
//! missed, and is given; what it has beyond the ledger is nobody's recorded word, and is refused.

use std::collections::BTreeMap;

use bailiwick_model::{
    CommandRecord, Hold, HoldId, HoldStatus, Person, Record, Task, TaskId, Timestamp,
};
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
        (ledger, registry): (&Ledger, &Registry),
        from: Option<Timestamp>,
    ) -> Result<Vec<Change>, DeskError> {
        let mut changes = Vec::new();
        let known = |at: Timestamp| from.is_some_and(|from| from <= at);
        self.tasks_missed((ledger, registry), &known, &mut changes)?;
        self.holds_missed((ledger, registry), &known, &mut changes)?;
        self.persons_missed(registry, &known, &mut changes)?;
        self.pins_missed(registry, &known, &mut changes)?;
        self.containment_missed(registry, &mut changes)?;
        Ok(changes)
    }

    fn tasks_missed(
        &self,
        (ledger, registry): (&Ledger, &Registry),
        known: &dyn Fn(Timestamp) -> bool,
        changes: &mut Vec<Change>,
    ) -> Result<(), DeskError> {
        for told in self.tasks.values() {
            match registry.task(&told.id)? {
                Some(kept) if told.generation < kept.generation => {
                    return Err(beyond::<TaskId>("task", &told.id));
                }
                Some(kept) if kept == *told => {}
                // What has ended may have left the registry.
                None if !told.is_open() => {}
                Some(_) | None => changes.push(Change::Task(Box::new(told.clone()))),
            }
        }
        let open = TaskFilter { open_only: true, ..TaskFilter::ALL };
        let latest = TaskFilter { limit: LATEST, ..TaskFilter::ALL };
        for kept in registry.tasks(open)?.into_iter().chain(registry.tasks(latest)?) {
            if self.tasks.contains_key(&kept.id) {
                continue;
            }
            let records = ledger.task_records(&kept.id)?;
            match Task::told(&kept.id, records.iter().map(|it| &it.record)) {
                Some(told) if told.generation < kept.generation => {
                    return Err(beyond::<TaskId>("task", &kept.id));
                }
                // The start has forgotten it, as it ended long ago; here it is open yet.
                Some(Task { status, generation, .. }) if kept.is_open() => {
                    changes.push(Change::Task(Box::new(Task { status, generation, ..kept })));
                }
                None if known(kept.opened) => return Err(beyond::<TaskId>("task", &kept.id)),
                Some(_) | None => {}
            }
        }
        Ok(())
    }

    fn holds_missed(
        &self,
        (ledger, registry): (&Ledger, &Registry),
        known: &dyn Fn(Timestamp) -> bool,
        changes: &mut Vec<Change>,
    ) -> Result<(), DeskError> {
        for told in self.holds.values() {
            match registry.hold(&told.id)? {
                Some(kept) if progress(&told.status) < progress(&kept.status) => {
                    return Err(beyond::<HoldId>("hold", &told.id));
                }
                Some(kept) if kept == *told => {}
                // What is over may have left the registry with its task, once that has ended.
                None if progress(&told.status) == OVER && !self.is_open(&told.task) => {}
                Some(_) | None => changes.push(Change::Hold(Box::new(told.clone()))),
            }
        }
        let open = HoldFilter { open_only: true, ..HoldFilter::ALL };
        let latest = HoldFilter { limit: LATEST, ..HoldFilter::ALL };
        for kept in registry.holds(open)?.into_iter().chain(registry.holds(latest)?) {
            if self.holds.contains_key(&kept.id) {
                continue;
            }
            let records = ledger.task_records(&kept.task)?;
            let (told, ended) = hold_told(records.iter().map(|it| &it.record), &kept);
            // What waits of a task that has ended waits in vain, whether or not that is on record.
            let in_vain = ended && kept.status == HoldStatus::Expired;
            match told {
                Some(status) if progress(&status) < progress(&kept.status) && !in_vain => {
                    return Err(beyond::<HoldId>("hold", &kept.id));
                }
                None if known(kept.opened) => return Err(beyond::<HoldId>("hold", &kept.id)),
                // The start has forgotten it, as its task ended long ago; here it is open yet.
                Some(told) if progress(&kept.status) != OVER => {
                    let status = if progress(&told) == OVER { told } else { HoldStatus::Expired };
                    changes.push(Change::Hold(Box::new(Hold { status, ..kept })));
                }
                Some(_) | None => {}
            }
        }
        Ok(())
    }

    fn is_open(&self, task: &TaskId) -> bool {
        self.tasks.get(task).is_some_and(Task::is_open)
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

/// Says how a hold stands by what is on record of its task, and whether that has ended: a decision that used
/// a yes has no record of the hold beside it.
fn hold_told<'a>(
    records: impl Iterator<Item = &'a Record>,
    kept: &Hold,
) -> (Option<HoldStatus>, bool) {
    let (mut told, mut used, mut ended) = (None, None, false);
    for record in records {
        match record {
            Record::Decision(it) if it.approval.as_ref() == Some(&kept.id) => {
                used = Some(HoldStatus::Used { decision: it.decision.clone() });
            }
            Record::Command { command: CommandRecord::HoldChanged { hold, .. }, .. }
                if hold.id == kept.id =>
            {
                told = Some(hold.status.clone());
            }
            Record::Command { command: CommandRecord::TaskEnded { task, .. }, .. } => {
                ended |= *task == kept.task;
            }
            Record::Command { .. }
            | Record::Decision(_)
            | Record::Outcome(_)
            | Record::Evaluation(_)
            | Record::Search(_)
            | Record::Finding(_)
            | Record::Lease(_) => {}
        }
    }
    (used.or(told), ended)
}

/// How many of the latest tasks and holds the ledger must know though they are over: of one that was cut
/// or exchanged, it is the latest that are missing.
const LATEST: usize = 64;
/// How far a hold has come of which nothing more will be heard.
const OVER: u8 = 2;

/// How far a hold has come; it never goes back.
const fn progress(status: &HoldStatus) -> u8 {
    match status {
        HoldStatus::Waiting => 0,
        HoldStatus::Approved { .. } => 1,
        HoldStatus::Refused { .. } | HoldStatus::Used { .. } | HoldStatus::Expired => OVER,
    }
}

fn beyond<T: std::fmt::Display + ?Sized>(what: &'static str, name: &T) -> DeskError {
    DeskError::Beyond { what, name: name.to_string() }
}
