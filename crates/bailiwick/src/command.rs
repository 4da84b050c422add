//! What each command does.

pub(crate) mod audit;
pub(crate) mod chains;
pub(crate) mod configuration;
pub(crate) mod contain;
pub(crate) mod enrol;
pub(crate) mod hold;
pub(crate) mod identity;
pub(crate) mod join;
pub(crate) mod keys;
pub(crate) mod lease;
pub(crate) mod ledger;
pub(crate) mod person;
pub(crate) mod reference;
pub(crate) mod review;
pub(crate) mod rightsize;
pub(crate) mod secret;
pub(crate) mod server;
pub(crate) mod show;
pub(crate) mod sign;
pub(crate) mod signals;
pub(crate) mod task;
pub(crate) mod template;

use std::str::FromStr;

use crate::exit::CommandError;

/// Reads one word of the command line into its type.
pub(crate) fn word<T: FromStr<Err: std::fmt::Display>>(text: &str) -> Result<T, CommandError> {
    text.parse().map_err(|error| CommandError::Words(format!("{error}")))
}
