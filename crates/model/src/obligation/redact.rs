//! Fields of a result that are shown to nobody.

use std::{collections::BTreeSet, fmt, str::FromStr};

use serde::{Deserialize, Serialize};

use super::{Obligation, PathError};

/// How many fields one obligation names at most, and how deep one of them lies.
const FIELDS_MAX: usize = 256;
const DEPTH_MAX: usize = 16;

/// Where a field is: `customer.email` wherever a result has a `customer` with an `email`,
/// `$.customer.email` only at its top. `*` is any name. Lists are looked through.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct FieldPath {
    from_top: bool,
    names: Vec<Box<str>>,
}

impl FromStr for FieldPath {
    type Err = PathError;

    fn from_str(text: &str) -> Result<Self, PathError> {
        let (from_top, rest) = match text.strip_prefix("$.") {
            Some(rest) => (true, rest),
            None => (false, text),
        };
        Ok(Self { from_top, names: super::argument::names(rest, DEPTH_MAX)? })
    }
}

impl fmt::Display for FieldPath {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{}{}", if self.from_top { "$." } else { "" }, self.names.join("."))
    }
}

impl Serialize for FieldPath {
    fn serialize<S: serde::Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for FieldPath {
    fn deserialize<D: serde::Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        String::deserialize(from)?.parse().map_err(serde::de::Error::custom)
    }
}

/// The fields that are shown to nobody.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Redact(BTreeSet<FieldPath>);

impl Redact {
    /// Hides nothing.
    pub const NONE: Self = Self(BTreeSet::new());

    /// Hides these fields.
    pub fn of(fields: impl IntoIterator<Item = FieldPath>) -> Self {
        Self(fields.into_iter().collect())
    }

    /// Gives the fields.
    pub fn fields(&self) -> impl Iterator<Item = &FieldPath> {
        self.0.iter()
    }

    /// Begins at the top of a value.
    pub(super) fn top(&self) -> Trail<'_> {
        Trail(self.0.iter().map(|it| (it, 0)).collect())
    }
}

impl Obligation for Redact {
    fn is_nothing(&self) -> bool {
        self.0.is_empty()
    }

    fn and(mut self, mut other: Self) -> Self {
        self.0.append(&mut other.0);
        self
    }

    /// Looking for very many fields in every value would never end.
    fn contradictions(&self) -> Vec<String> {
        let many = FIELDS_MAX < self.0.len();
        let text = || format!("`redact` names {} fields, {FIELDS_MAX} at most", self.0.len());
        many.then(text).into_iter().collect()
    }

    fn text(&self) -> String {
        self.0.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
    }
}

/// How far each path has been followed on the way down to one value.
#[derive(Clone, Debug)]
pub(super) struct Trail<'p>(Vec<(&'p FieldPath, usize)>);

impl Trail<'_> {
    /// Follows the member `name`; none where that is a field that nobody is shown.
    pub(super) fn below(&self, name: &str) -> Option<Self> {
        let mut next = Vec::new();
        for (path, followed) in &self.0 {
            // A path that may begin anywhere begins below as well.
            if *followed == 0 && !path.from_top {
                next.push((*path, 0));
            }
            if path.names.get(*followed).is_some_and(|it| **it == *name || **it == *"*") {
                let followed = followed.saturating_add(1);
                if followed == path.names.len() {
                    return None;
                }
                next.push((*path, followed));
            }
        }
        Some(Self(next))
    }

    /// Says whether nothing below is hidden.
    pub(super) const fn is_cold(&self) -> bool {
        self.0.is_empty()
    }
}
