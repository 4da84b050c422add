//! So many calls of one task in so much time.

use std::{collections::BTreeSet, time::Duration};

use serde::{Serialize, Serializer, ser::SerializeStruct as _};

use super::Obligation;
use crate::format_span;

/// How many calls there may be in any span of time of this length.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Rate {
    /// Whose calls are counted together: the constraint that asks for it.
    pub name: String,
    /// How many.
    pub calls: u64,
    /// In how much time.
    pub per: Duration,
}

impl Serialize for Rate {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        let mut written = to.serialize_struct("Rate", 3)?;
        written.serialize_field("name", &self.name)?;
        written.serialize_field("calls", &self.calls)?;
        written.serialize_field("per", &format_span(self.per))?;
        written.end()
    }
}

/// Rates that must all be kept.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(transparent)]
pub struct Rates(BTreeSet<Rate>);

impl Rates {
    /// Bounds nothing.
    pub const NONE: Self = Self(BTreeSet::new());

    /// Keeps this one.
    pub fn of(rate: Rate) -> Self {
        Self([rate].into())
    }

    /// Gives them.
    pub fn each(&self) -> impl Iterator<Item = &Rate> {
        self.0.iter()
    }
}

impl Obligation for Rates {
    fn is_nothing(&self) -> bool {
        self.0.is_empty()
    }

    fn and(mut self, mut other: Self) -> Self {
        self.0.append(&mut other.0);
        self
    }

    fn text(&self) -> String {
        let each = self.0.iter();
        let each = each.map(|it| format!("{} in {} ({})", it.calls, format_span(it.per), it.name));
        each.collect::<Vec<_>>().join("; ")
    }
}
