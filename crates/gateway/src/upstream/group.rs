//! Ends a child with everything it has started.

use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process_group, test_kill_process_group};
use tokio::process::Child;

/// How long a group may take to end by itself.
const GRACE: Duration = Duration::from_secs(2);
const LOOK: Duration = Duration::from_millis(10);

/// A child that leads a process group of its own.
#[derive(Debug)]
pub(super) struct Group {
    child: Child,
    leader: Option<Pid>,
}

impl Group {
    pub(super) fn new(child: Child) -> Self {
        let leader = child.id().and_then(|it| i32::try_from(it).ok()).and_then(Pid::from_raw);
        Self { child, leader }
    }

    /// Waits for the child's own end and says how it ended.
    pub(super) async fn ended(&mut self) -> String {
        match self.child.wait().await {
            Ok(status) => format!("it ended ({status})"),
            Err(error) => format!("it is gone: {error}"),
        }
    }

    /// Asks all of the group to end, and after a while does not ask any more.
    pub(super) async fn end(mut self) {
        let Some(leader) = self.leader.take() else { return };
        // An error means that the group is empty.
        if kill_process_group(leader, Signal::TERM).is_ok() {
            let gone = tokio::time::timeout(GRACE, self.gone(leader)).await;
            if gone.is_err() && kill_process_group(leader, Signal::KILL).is_err() {
                tracing::debug!("the group ended at the last moment");
            }
        }
        // Already so where the grace sufficed; a killed child still has to be reaped.
        if let Err(error) = self.child.wait().await {
            tracing::debug!(%error, "the child was gone");
        }
    }

    async fn gone(&mut self, leader: Pid) {
        while !matches!(self.child.try_wait(), Ok(Some(_)) | Err(_))
            || test_kill_process_group(leader).is_ok()
        {
            tokio::time::sleep(LOOK).await;
        }
    }
}

impl Drop for Group {
    /// Whoever drops a group instead of ending it gets no grace.
    fn drop(&mut self) {
        if let Some(leader) = self.leader
            && kill_process_group(leader, Signal::KILL).is_err()
        {
            tracing::debug!("the group had ended");
        }
    }
}
