//! A tolerated finding: always with an owner, a reason and an end.

use serde::{Deserialize, Serialize};

use crate::{ExceptionId, IdentityId, PersonName, Timestamp};

/// A tolerated finding. It softens the drift step and no other (law 8).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Exception {
    /// Its id.
    pub id: ExceptionId,
    /// Whose behaviour is tolerated.
    pub identity: IdentityId,
    /// The detector whose finding is tolerated.
    pub detector: String,
    /// Who answers for it.
    pub owner: PersonName,
    /// Why.
    pub reason: String,
    /// When it ends.
    pub until: Timestamp,
}
