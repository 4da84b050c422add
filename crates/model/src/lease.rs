//! One live credential under a grant, from before it exists until it is known to be gone.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::action::words;

words! {
    /// How far a lease has come. It goes one way: nothing that was given up comes to life again.
    LeaseState {
        /// On record; its target has been asked, or is about to be.
        Minting = "minting",
        /// Its credential exists and counts.
        Active = "active",
        /// It counts no more here; its target is being told.
        Revoking = "revoking",
        /// Its target has said that it is gone, open use of it too.
        Revoked = "revoked",
        /// Its target has been told in vain and often. It is told again, for ever.
        Stuck = "stuck",
    }
}
