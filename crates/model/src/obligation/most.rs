//! At most so many of something: rows, bytes.

use serde::{Deserialize, Serialize};

use super::Obligation;

/// An upper bound; none bounds nothing.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Most(Option<u64>);

impl Most {
    /// Bounds nothing.
    pub const NONE: Self = Self(None);

    /// Bounds by `limit`.
    pub const fn of(limit: u64) -> Self {
        Self(Some(limit))
    }

    /// Gives the bound.
    pub const fn limit(self) -> Option<u64> {
        self.0
    }

    /// Says whether `count` is within the bound.
    pub fn covers(self, count: usize) -> bool {
        self.0.is_none_or(|limit| u64::try_from(count).is_ok_and(|it| it <= limit))
    }
}

impl Obligation for Most {
    fn is_nothing(&self) -> bool {
        self.0.is_none()
    }

    fn and(self, other: Self) -> Self {
        match (self.0, other.0) {
            (Some(one), Some(other)) => Self(Some(one.min(other))),
            (limit, None) | (None, limit) => Self(limit),
        }
    }

    fn text(&self) -> String {
        self.0.map_or_else(|| "any".to_owned(), |it| format!("at most {it}"))
    }
}
