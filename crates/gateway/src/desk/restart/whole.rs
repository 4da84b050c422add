//! What the ledger does not show. The registry, which is private, keeps it, and the ledger knows
//! its keyed digest: nothing else is taken for it, and what is lost is never guessed.

use std::mem::take;

use bailiwick_model::{
    CommandRecord, Finding, Hold, HoldId, HoldStatus, Record, TaskId, Timestamp,
};
use bailiwick_store::{Ledger, Registry};

use super::Told;
use crate::{Evidence, desk::DeskError};

/// What nobody knows any more.
#[derive(Debug)]
struct Lost {
    /// Open tasks whose parameters or purpose are gone.
    tasks: Vec<TaskId>,
    /// Holds of which nobody knows what they asked for.
    holds: Vec<HoldId>,
}

impl Told {
    /// Completes what the ledger tells by what the registry keeps. Holds that were lost are void,
    /// which is recorded here; gives the tasks that must end.
    pub(super) async fn made_whole(
        &mut self,
        (ledger, registry): (&Ledger, &Registry),
        evidence: &Evidence,
        now: Timestamp,
    ) -> Result<Vec<TaskId>, DeskError> {
        let lost = self.complete(registry, evidence)?;
        let void = self.void(&lost.holds, now);
        if !void.is_empty() {
            tracing::warn!("the registry lost what some calls were held for: they are void");
            ledger.append(void).await?;
        }
        Ok(lost.tasks)
    }

    fn complete(&mut self, registry: &Registry, evidence: &Evidence) -> Result<Lost, DeskError> {
        let (mut tasks, mut holds) = take(&mut self.hidden);
        for told in self.tasks.values_mut() {
            let Some(kept) = registry.task(&told.id)? else { continue };
            if tasks.get(&kept.id).is_some_and(|it| *it == evidence.whole_task(&kept)) {
                tasks.remove(&kept.id);
                (told.purpose, told.params) = (kept.purpose, kept.params);
                for (to, from) in told.grant.layers.iter_mut().zip(kept.grant.layers) {
                    to.params = from.params;
                }
            }
        }
        for told in self.holds.values_mut() {
            let Some(kept) = registry.hold(&told.id)? else { continue };
            if holds.get(&kept.id).is_some_and(|it| *it == evidence.whole_hold(&kept)) {
                holds.remove(&kept.id);
                let status = told.status.clone();
                *told = Hold { status, ..kept };
            }
        }
        for (id, line) in &mut self.lines {
            let Some(hold) = self.holds.get(id) else { continue };
            line.action = hold.action.clone();
            line.resources.clone_from(&hold.resources);
            line.destinations.clone_from(&hold.destinations);
        }
        let open = |it: &TaskId| self.tasks.get(it).is_some_and(bailiwick_model::Task::is_open);
        let waits = |it: &HoldId| self.holds.get(it).is_some_and(|hold| open(&hold.task));
        Ok(Lost {
            tasks: tasks.into_keys().filter(open).collect(),
            // Those of a task that has ended may have left with it, and no answer to them counts.
            holds: holds.into_keys().filter(waits).collect(),
        })
    }

    /// Voids the holds that were lost, with every line that a person added for one, and gives what
    /// is to be recorded of that.
    fn void(&mut self, lost: &[HoldId], at: Timestamp) -> Vec<Record> {
        let mut records = Vec::new();
        for id in lost {
            let line = self.lines.remove(id).is_some_and(|it| at < it.until);
            let Some(hold) = self.holds.get_mut(id) else { continue };
            let live = match hold.status {
                HoldStatus::Waiting | HoldStatus::Approved { .. } => true,
                HoldStatus::Refused { .. } | HoldStatus::Used { .. } | HoldStatus::Expired => false,
            };
            if live {
                hold.status = HoldStatus::Expired;
                let (hold, by) = (Box::new(hold.clone()), "governor".to_owned());
                let command = CommandRecord::HoldChanged { hold, statement: None, whole: None };
                records.push(Record::Command { time: at, by, command });
            }
            if live || line {
                records.push(Record::Finding(lost_hold(hold, at)));
            }
        }
        records
    }
}

fn lost_hold(hold: &Hold, at: Timestamp) -> Finding {
    Finding {
        code: "hold-lost".to_owned(),
        text: format!("the registry lost what `{}` asked for, so no answer to it counts", hold.id),
        at,
        task: Some(hold.task.clone()),
        identity: Some(hold.caller.clone()),
        subject: hold.id.to_string(),
    }
}
