//! Tells the person at the terminal which calls wait for somebody, and under which ticket.

use std::{
    collections::BTreeSet,
    sync::{Mutex, PoisonError},
};

use bailiwick_model::{Hold, HoldId, HoldStatus, TaskId};

use crate::{admin::wire::WaitingForPeople, client::Client, output::remark};

/// The tickets that were told already.
#[derive(Debug, Default)]
pub(super) struct Tickets(Mutex<BTreeSet<HoldId>>);

impl Tickets {
    /// Asks for the calls of `task` that wait, and tells those that are new.
    pub(super) async fn tell(&self, client: &Client, task: &TaskId) {
        // Where this fails the agent is told all the same, and it is only the terminal that is not.
        let Ok(holds) = client.get::<WaitingForPeople>("/api/v1/holds").await else { return };
        for hold in holds.holds.iter().filter(|it| it.task == *task) {
            if hold.status == HoldStatus::Waiting && self.is_new(&hold.id) {
                remark(&told(hold));
            }
        }
    }

    fn is_new(&self, hold: &HoldId) -> bool {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).insert(hold.clone())
    }
}

fn told(hold: &Hold) -> String {
    let why: Vec<_> = hold.reasons.iter().map(|it| it.text.as_str()).collect();
    format!(
        "bailiwick: {} waits for a person: {}\nbailiwick: `bailiwick hold show {}` shows it, `bailiwick hold approve {} --by PERSON` says yes",
        hold.action,
        why.join("; "),
        hold.id,
        hold.id,
    )
}
