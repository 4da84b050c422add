//! The only key to the way out.

use bailiwick_model::{CallDigest, Timestamp};

/// Proof that exactly one call was allowed.
///
/// Only [`crate::decide`] makes one. It cannot be cloned, and spending it uses it up, so whatever
/// takes a `Permit` cannot run before a decision:
///
/// ```compile_fail
/// let forged = bailiwick_kernel::Permit::new(todo!(), todo!(), todo!());
/// ```
///
/// ```compile_fail
/// fn twice(permit: bailiwick_kernel::Permit) -> [bailiwick_kernel::Permit; 2] {
///     [permit.clone(), permit]
/// }
/// ```
#[derive(Debug)]
#[must_use = "an unspent permit is a call that was allowed and never made"]
pub struct Permit {
    call: CallDigest,
    authority: u64,
    expires: Timestamp,
}

/// The permit does not open this way out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PermitError {
    /// The call is not the one that was decided.
    #[error("the call is not the one that was decided")]
    OtherCall,
    /// The task's authority changed after the decision.
    #[error("the task's authority changed after the decision")]
    Withdrawn,
    /// Too much time has passed since the decision.
    #[error("the decision is too old")]
    Expired,
}

impl Permit {
    pub(crate) const fn new(call: CallDigest, authority: u64, expires: Timestamp) -> Self {
        Self { call, authority, expires }
    }

    /// Spends the permit on `call`, where the task's authority has not changed: `authority` is
    /// what [`crate::TaskState::authority`] counts now.
    pub fn spend(
        self,
        call: &CallDigest,
        authority: u64,
        now: Timestamp,
    ) -> Result<(), PermitError> {
        if self.call != *call {
            return Err(PermitError::OtherCall);
        }
        if self.authority != authority {
            return Err(PermitError::Withdrawn);
        }
        if self.expires <= now {
            return Err(PermitError::Expired);
        }
        Ok(())
    }
}
