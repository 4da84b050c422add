//! A call that is under way when its authority is withdrawn is cut: nobody waits for its answer, and
//! its server is told that nobody does.

use std::{collections::BTreeSet, pin::pin, sync::Arc, time::Duration};

use bailiwick_connect::Verified;
use bailiwick_kernel::TaskState;
use bailiwick_model::{Action, Caller, CredentialId, Reason, ReasonCode};

use super::{Lane, caller_of};
use crate::{
    Listener,
    desk::Slot,
    upstream::{Reply, SendError},
};

/// How long a server may take to be told that nobody wants its answer.
const TOLD_WITHIN: Duration = Duration::from_secs(2);

impl Lane {
    /// Gives the place of a caller's task, where its token counts still: it counted when it was shown.
    pub(super) fn slot_of(&self, caller: &Caller) -> Result<Arc<Slot>, Reason> {
        let task = &caller.task;
        if self.desk.has_lost_key(&caller.credentials) {
            let text = "the key that signed the token was withdrawn: ask for a new token";
            return Err(Reason::new(ReasonCode::StaleToken, text, task.as_str()));
        }
        let text = || format!("there is no open task `{task}`");
        let slot = self.desk.slot(task);
        slot.ok_or_else(|| Reason::new(ReasonCode::NoSuchTask, text(), task.as_str()))
    }

    /// Makes the permit of a caller whose key went while it was decided worthless. A key that goes
    /// after this finds the permit made, and does so itself.
    pub(super) fn check_key_again(&self, credentials: &BTreeSet<CredentialId>, slot: &Slot) {
        if self.desk.has_lost_key(credentials) {
            slot.with(TaskState::withdraw_permits);
        }
    }

    /// Waits for what was sent, or cuts it, and says why it was cut. An answer that comes after that
    /// is no answer.
    pub(super) async fn unless_withdrawn(
        &self,
        sending: impl Future<Output = Result<Reply, SendError>>,
        slot: &Slot,
        holder: (&Verified, &Action),
        listener: &Listener,
    ) -> (Result<Reply, SendError>, Option<String>) {
        let mut sending = pin!(sending);
        // Heard from before it is sent: what is withdrawn until then is seen when the permit is spent.
        let mut news = pin!(slot.news());
        loop {
            tokio::select! {
                biased;
                sent = &mut sending => return (sent, None),
                () = &mut news => {}
            }
            // And from before it is looked at: what comes meanwhile is news again.
            news.set(slot.news());
            let Some(why) = self.withdrawn(slot, holder) else { continue };
            listener.cut().cancel();
            // Its server is told on the way; what it says now comes too late.
            let _late = tokio::time::timeout(TOLD_WITHIN, sending).await;
            let why = format!("cut: {why}");
            return (Err(SendError::Unknown { why: why.clone() }), Some(why));
        }
    }

    /// Says what took the authority of a call that was let through away, if anything did.
    fn withdrawn(&self, slot: &Slot, (caller, action): (&Verified, &Action)) -> Option<String> {
        if self.desk.has_lost_key(&caller.credentials) {
            return Some("the key that signed its token was withdrawn".to_owned());
        }
        let snapshot = self.desk.snapshot();
        let task = slot.lock().task().clone();
        if !task.is_open() || task.generation != caller.generation {
            return Some(format!("the task `{}` has ended", task.id));
        }
        let mut found = snapshot.contained_of_caller(&caller_of(caller));
        found.extend(snapshot.contained_of_task(&task));
        found.extend(snapshot.contained_of_action(action));
        let found: Vec<_> = found.iter().map(bailiwick_model::Subject::in_words).collect();
        (!found.is_empty()).then(|| format!("contained meanwhile: {}", found.join(", ")))
    }
}
