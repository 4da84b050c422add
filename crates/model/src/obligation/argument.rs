//! Arguments that are sent as a limit wants them: clamped, fixed, or one of a few.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
    str::FromStr,
};

use serde::{Serialize, Serializer, ser::SerializeStruct as _};

use super::Obligation;
use crate::Json;

/// How deep an argument may lie.
const DEPTH_MAX: usize = 8;

/// An argument, or a member of one: `limit`, `filter.limit`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct ArgumentPath(Vec<Box<str>>);

/// The text is not the path of an argument or a field.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PathError {
    /// There is a name without a letter.
    #[error("a path is names with dots between them, such as `customer.email`")]
    Empty,
    /// Too many names.
    #[error("a path may not have more than {most} names")]
    TooDeep {
        /// How many it may have.
        most: usize,
    },
    /// A name that would be read as part of the path's own signs.
    #[error("`[`, `]` and `$` mean nothing here: lists are looked through by themselves")]
    Sign,
}

/// Reads names with dots between them.
pub(super) fn names(text: &str, most: usize) -> Result<Vec<Box<str>>, PathError> {
    if text.contains(['[', ']', '$']) {
        return Err(PathError::Sign);
    }
    let names: Vec<Box<str>> = text.split('.').map(Into::into).collect();
    if names.iter().any(|it| it.trim().is_empty()) {
        return Err(PathError::Empty);
    }
    if most < names.len() {
        return Err(PathError::TooDeep { most });
    }
    Ok(names)
}

impl FromStr for ArgumentPath {
    type Err = PathError;

    fn from_str(text: &str) -> Result<Self, PathError> {
        names(text, DEPTH_MAX).map(Self)
    }
}

impl fmt::Display for ArgumentPath {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(&self.0.join("."))
    }
}

impl Serialize for ArgumentPath {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.collect_str(self)
    }
}

impl ArgumentPath {
    /// Gives the names on the way to it.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.0.iter().map(|it| &**it)
    }

    /// Says whether `other` is a part of it.
    fn holds(&self, other: &Self) -> bool {
        self.0.len() < other.0.len() && other.0.starts_with(&self.0)
    }

    /// Finds it; says why where it cannot be there.
    fn within<'j>(&self, arguments: &'j Json) -> Result<Option<&'j Json>, String> {
        let mut at = arguments;
        for name in &self.0 {
            let Json::Object(members) = at else {
                return Err(format!("`{self}` cannot be limited: what it lies in is no object"));
            };
            match members.get(&**name) {
                Some(below) => at = below,
                None => return Ok(None),
            }
        }
        Ok(Some(at))
    }
}

/// What one argument may be.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ArgumentLimit {
    /// Not below this number.
    pub min: Option<i64>,
    /// Not above this number.
    pub max: Option<i64>,
    /// One of these, in canonical JSON.
    pub one_of: Option<BTreeSet<String>>,
}

impl ArgumentLimit {
    /// Wants it to be exactly `value`.
    pub fn fixed(value: &Json) -> Self {
        Self { one_of: Some([value.canonical()].into()), ..Self::default() }
    }

    fn and(self, other: Self) -> Self {
        let picked = |one: Option<i64>, other: Option<i64>, pick: fn(i64, i64) -> i64| {
            one.zip(other).map(|(one, other)| pick(one, other)).or(one).or(other)
        };
        let one_of = match (self.one_of, other.one_of) {
            (Some(one), Some(other)) => Some(one.intersection(&other).cloned().collect()),
            (limit, None) | (None, limit) => limit,
        };
        Self {
            min: picked(self.min, other.min, i64::max),
            max: picked(self.max, other.max, i64::min),
            one_of,
        }
    }

    /// Says whether a number is within the bounds. What is no number is only where there are none.
    fn bounds(&self, value: &Json) -> bool {
        let (min, max) = (self.min.map(i128::from), self.max.map(i128::from));
        match value {
            Json::Int(it) => min.is_none_or(|min| min <= *it) && max.is_none_or(|max| *it <= max),
            Json::Float(it) => {
                // Toward nought and back is exact where the number is small enough to be read.
                let (low, high) = (floor(*it), ceil(*it));
                min.is_none_or(|min| min <= low) && max.is_none_or(|max| high <= max)
            }
            Json::Null | Json::Bool(_) | Json::Text(_) | Json::List(_) | Json::Object(_) => {
                min.is_none() && max.is_none()
            }
        }
    }

    /// Gives the values that are left of those it may be; none where any may be left.
    fn left(&self) -> Option<Vec<&String>> {
        let fits = |text: &&String| {
            let limits = crate::JsonLimits::default();
            Json::parse(text.as_bytes(), limits).is_ok_and(|it| self.bounds(&it))
        };
        self.one_of.as_ref().map(|all| all.iter().filter(fits).collect())
    }

    fn is_empty(&self) -> bool {
        let crossed = self.min.zip(self.max).is_some_and(|(min, max)| max < min);
        crossed || self.left().is_some_and(|it| it.is_empty())
    }

    /// Says what to send in place of `given`: nothing where it is sent as it is.
    fn instead(&self, name: &ArgumentPath, given: Option<&Json>) -> Result<Option<String>, String> {
        if let Some(left) = self.left() {
            if given.is_some_and(|it| left.contains(&&it.canonical())) {
                return Ok(None);
            }
            return match left.as_slice() {
                [only] => Ok(Some((*only).clone())),
                _ => Err(format!("`{name}` must be {}", self.text())),
            };
        }
        // What is left out is for the server to choose, and it may choose more.
        let Some(given) = given.filter(|it| **it != Json::Null) else {
            return Ok(self.max.or(self.min).map(|it| it.to_string()));
        };
        if self.bounds(given) {
            return Ok(None);
        }
        let below = |it: f64| self.min.is_some_and(|min| floor(it) < i128::from(min));
        let nearest = match given {
            Json::Int(it) if self.min.is_some_and(|min| *it < i128::from(min)) => self.min,
            Json::Float(it) if below(*it) => self.min,
            Json::Int(_) | Json::Float(_) => self.max,
            Json::Null | Json::Bool(_) | Json::Text(_) | Json::List(_) | Json::Object(_) => None,
        };
        nearest.map(|it| Some(it.to_string())).ok_or_else(|| {
            format!("`{name}` must be {}, and what was sent is no number", self.text())
        })
    }

    fn text(&self) -> String {
        let listed = self.one_of.iter().map(|all| {
            let all: Vec<&str> = all.iter().map(String::as_str).collect();
            if all.is_empty() { "none of all".to_owned() } else { all.join(" or ") }
        });
        let least = self.min.iter().map(|it| format!("at least {it}"));
        let most = self.max.iter().map(|it| format!("at most {it}"));
        listed.chain(least).chain(most).collect::<Vec<_>>().join(", ")
    }
}

/// The whole number that is not above `number`; numbers that are read are smaller than 2^53.
#[expect(
    clippy::cast_possible_truncation,
    reason = "a number that is read fits, and others saturate"
)]
const fn floor(number: f64) -> i128 {
    number.floor() as i128
}

/// The whole number that is not below `number`.
#[expect(
    clippy::cast_possible_truncation,
    reason = "a number that is read fits, and others saturate"
)]
const fn ceil(number: f64) -> i128 {
    number.ceil() as i128
}

impl Serialize for ArgumentLimit {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        let mut written = to.serialize_struct("ArgumentLimit", 3)?;
        let read = |it: &String| serde_json::from_str::<serde_json::Value>(it).unwrap_or_default();
        match self.min {
            Some(min) => written.serialize_field("min", &min)?,
            None => written.skip_field("min")?,
        }
        match self.max {
            Some(max) => written.serialize_field("max", &max)?,
            None => written.skip_field("max")?,
        }
        match &self.one_of {
            Some(all) => {
                written.serialize_field("one_of", &all.iter().map(read).collect::<Vec<_>>())?;
            }
            None => written.skip_field("one_of")?,
        }
        written.end()
    }
}

/// The limits of a call's arguments.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(transparent)]
pub struct Arguments(BTreeMap<ArgumentPath, ArgumentLimit>);

/// An argument that is sent otherwise than it came.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Change {
    /// Which.
    pub path: ArgumentPath,
    /// What is sent, in canonical JSON.
    pub value: String,
}

impl Arguments {
    /// Limits nothing.
    pub const NONE: Self = Self(BTreeMap::new());

    /// Limits these.
    pub fn of(limits: impl IntoIterator<Item = (ArgumentPath, ArgumentLimit)>) -> Self {
        limits
            .into_iter()
            .fold(Self::NONE, |all, (path, limit)| all.and(Self(BTreeMap::from([(path, limit)]))))
    }

    /// Says what of `arguments` is sent otherwise, and as what; or why they cannot be sent.
    pub fn changes(&self, arguments: &Json) -> Result<Vec<Change>, String> {
        let mut changes = Vec::new();
        for (path, limit) in &self.0 {
            if let Some(value) = limit.instead(path, path.within(arguments)?)? {
                changes.push(Change { path: path.clone(), value });
            }
        }
        Ok(changes)
    }
}

impl Obligation for Arguments {
    fn is_nothing(&self) -> bool {
        self.0.is_empty()
    }

    fn and(mut self, other: Self) -> Self {
        for (path, limit) in other.0 {
            let both = self.0.remove(&path).unwrap_or_default().and(limit);
            self.0.insert(path, both);
        }
        self
    }

    fn contradictions(&self) -> Vec<String> {
        let empty = self.0.iter().filter(|(_, limit)| limit.is_empty());
        let empty = empty.map(|(path, limit)| {
            format!("no value of `{path}` is left that it may have: {}", limit.text())
        });
        let inside = |path: &ArgumentPath| {
            let within = self.0.keys().find(|it| path.holds(it));
            within.map(|it| format!("`{path}` and its part `{it}` cannot both be limited"))
        };
        empty.chain(self.0.keys().filter_map(inside)).collect()
    }

    fn text(&self) -> String {
        let each = self.0.iter().map(|(path, limit)| format!("{path}: {}", limit.text()));
        each.collect::<Vec<_>>().join("; ")
    }
}
