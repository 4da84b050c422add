//! The life of tasks: what may happen next, decided from what is known now.

mod permit;

pub use permit::{Permit, PermitError};
