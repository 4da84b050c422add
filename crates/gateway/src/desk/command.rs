//! Commands that change nothing of the desk's own, and are on record before they happen.

use bailiwick_model::CommandRecord;

use super::{Desk, DeskError, Writing};

impl Desk {
    /// Puts a command on record. Whoever gives it acts afterwards.
    pub async fn command(&self, command: CommandRecord, by: &str) -> Result<(), DeskError> {
        let mut writing = Writing::default();
        writing.command(self.now(), by, command);
        self.record(writing).await
    }
}
