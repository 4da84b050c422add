//! How much one task may use, and what a call uses of it.

use serde::{Deserialize, Serialize};

/// What a task may use in all; `None` is no limit.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Budget {
    /// Calls.
    pub calls: Option<u64>,
    /// Bytes of arguments that are sent.
    pub bytes_out: Option<u64>,
}

/// What was used, or is about to be.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Spend {
    /// Calls.
    pub calls: u64,
    /// Bytes of arguments that are sent.
    pub bytes_out: u64,
}

impl Spend {
    /// Adds two amounts; at the end of numbers it stays there, which no budget covers.
    #[must_use]
    pub const fn plus(self, more: Self) -> Self {
        Self {
            calls: self.calls.saturating_add(more.calls),
            bytes_out: self.bytes_out.saturating_add(more.bytes_out),
        }
    }
}

impl Budget {
    /// Says whether `used` stays within the budget.
    pub fn covers(&self, used: Spend) -> bool {
        self.calls.is_none_or(|limit| used.calls <= limit)
            && self.bytes_out.is_none_or(|limit| used.bytes_out <= limit)
    }

    /// Gives what is left after `used`.
    #[must_use]
    pub fn less(&self, used: Spend) -> Self {
        Self {
            calls: self.calls.map(|limit| limit.saturating_sub(used.calls)),
            bytes_out: self.bytes_out.map(|limit| limit.saturating_sub(used.bytes_out)),
        }
    }

    /// Gives the smaller of each limit.
    #[must_use]
    pub fn and(&self, other: Self) -> Self {
        Self {
            calls: smaller(self.calls, other.calls),
            bytes_out: smaller(self.bytes_out, other.bytes_out),
        }
    }
}

fn smaller(one: Option<u64>, other: Option<u64>) -> Option<u64> {
    match (one, other) {
        (Some(one), Some(other)) => Some(one.min(other)),
        (limit, None) | (None, limit) => limit,
    }
}
