//! Who follows a task is told when what the task may do has perhaps changed.

use bailiwick_model::TaskId;
use tokio::sync::broadcast;

use super::Desk;

/// How many changes wait for a follower; one that is late looks at everything once.
const KEPT: usize = 64;

/// What has perhaps changed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Changed {
    /// What everyone is judged by.
    Everything,
    /// What one task may do.
    Task(TaskId),
}

/// Tells followers, if there are any.
#[derive(Clone, Debug)]
pub(super) struct Changes(broadcast::Sender<Changed>);

impl Default for Changes {
    fn default() -> Self {
        Self(broadcast::channel(KEPT).0)
    }
}

impl Changes {
    pub(super) fn tell(&self, changed: Changed) {
        // Mostly nobody follows.
        let _followers = self.0.send(changed);
    }
}

impl Desk {
    /// Follows what changes from now on.
    pub(crate) fn changes(&self) -> broadcast::Receiver<Changed> {
        self.changes.0.subscribe()
    }
}
