//! The revisions of the protocol that are spoken here.

use std::fmt;

/// One revision, named by its date.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Revision {
    /// 2024-11-05
    R20241105,
    /// 2025-03-26
    R20250326,
    /// 2025-06-18
    R20250618,
    /// 2025-11-25
    R20251125,
    /// 2026-07-28
    R20260728,
}

impl Revision {
    /// All of them, the newest first.
    pub(crate) const ALL: &'static [Self] =
        &[Self::R20260728, Self::R20251125, Self::R20250618, Self::R20250326, Self::R20241105];

    /// The newest one that opens with `initialize`.
    pub(crate) const LEGACY_NEWEST: Self = Self::R20251125;

    /// Finds a revision by its date.
    pub(crate) fn from_date(date: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|it| it.as_str() == date)
    }

    /// Gives the date.
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::R20241105 => "2024-11-05",
            Self::R20250326 => "2025-03-26",
            Self::R20250618 => "2025-06-18",
            Self::R20251125 => "2025-11-25",
            Self::R20260728 => "2026-07-28",
        }
    }

    /// Says whether each request of it says everything itself.
    pub(crate) const fn is_modern(self) -> bool {
        match self {
            Self::R20260728 => true,
            Self::R20241105 | Self::R20250326 | Self::R20250618 | Self::R20251125 => false,
        }
    }

    /// Lists all dates.
    pub(crate) fn dates() -> Vec<&'static str> {
        Self::ALL.iter().map(|it| it.as_str()).collect()
    }

    /// Lists the dates of those that a request can name for itself.
    pub(crate) fn modern_dates() -> Vec<&'static str> {
        Self::ALL.iter().filter(|it| it.is_modern()).map(|it| it.as_str()).collect()
    }
}

impl fmt::Display for Revision {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(self.as_str())
    }
}
