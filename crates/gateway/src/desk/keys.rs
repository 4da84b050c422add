//! What became of the keys that sign tokens: in force for whoever is in already, and on record.

use std::{collections::BTreeSet, sync::PoisonError};

use bailiwick_connect::TokenKeyChange;
use bailiwick_model::{CommandRecord, CredentialId};

use super::{Changed, Desk, DeskError, Writing};

impl Desk {
    /// Says whether the key of a token, whose credentials these are, was withdrawn since the token was
    /// verified. Whoever comes later is refused by the key set itself, as is everybody after a start.
    pub(crate) fn has_lost_key(&self, credentials: &BTreeSet<CredentialId>) -> bool {
        let gone = self.gone_keys.read().unwrap_or_else(PoisonError::into_inner);
        !gone.is_disjoint(credentials)
    }

    /// Shuts out whoever was let in by these keys: calls that were decided and not sent stay behind,
    /// those that are under way are cut, and who waits or listens is woken.
    fn lose_keys(&self, keys: BTreeSet<CredentialId>) {
        if keys.is_empty() {
            return;
        }
        self.gone_keys.write().unwrap_or_else(PoisonError::into_inner).extend(keys.clone());
        for slot in self.slots() {
            slot.with(bailiwick_kernel::TaskState::withdraw_permits);
        }
        self.shelf.end_shown(&keys, self.now());
        self.changes.tell(Changed::Everything);
        self.waits.wake_all();
    }

    /// Shuts out whoever was let in by tokens that were asked for with these keys, which prove nobody
    /// any more.
    pub fn shut_out(&self, keys: impl IntoIterator<Item = CredentialId>) {
        self.lose_keys(keys.into_iter().collect());
    }

    /// Takes what became of token keys into account, and records it.
    pub async fn token_keys_changed(
        &self,
        changes: &[TokenKeyChange],
        by: &str,
    ) -> Result<(), DeskError> {
        let gone = changes.iter().filter_map(|it| match it {
            TokenKeyChange::Withdrawn { key } => key.parse().ok(),
            TokenKeyChange::Published { .. } | TokenKeyChange::Signs { .. } => None,
        });
        self.lose_keys(gone.collect());
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
