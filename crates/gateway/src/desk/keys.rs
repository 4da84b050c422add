//! What became of the keys that sign tokens, on record.

use bailiwick_connect::TokenKeyChange;
use bailiwick_model::CommandRecord;

use super::{Desk, DeskError, Writing};

impl Desk {
    /// Records what became of token keys.
    pub async fn token_keys_changed(
        &self,
        changes: &[TokenKeyChange],
        by: &str,
    ) -> Result<(), DeskError> {
        let mut writing = Writing::default();
        for change in changes {
            let (key, change, signs_from) = match change {
                TokenKeyChange::Published { key, signs_from } => {
                    (key, "published", Some(*signs_from))
                }
                TokenKeyChange::Signs { key } => (key, "signs", None),
                TokenKeyChange::Withdrawn { key } => (key, "withdrawn", None),
            };
            let (key, change) = (key.clone(), change.to_owned());
            let command = CommandRecord::TokenKeyChanged { key, change, signs_from };
            writing.command(self.now(), by, command);
        }
        // What happened has happened: what cannot be written now is owed.
        self.owe(writing).await
    }
}
