//! The words that policies may use: what there is to name, and what each thing holds.

use std::{
    collections::HashMap,
    str::FromStr as _,
    sync::{LazyLock, PoisonError, RwLock},
};

use bailiwick_model::{Effect, ServerName};
use cedar_policy_core::ast::{Eid, EntityType, EntityUID};

/// The prefix of the ids of our own policies.
pub(crate) const RESERVED: &str = "bailiwick:";

/// The id of the policy that permits what the grant covers.
pub(crate) const BUILTIN_PERMIT: &str = "bailiwick:granted";

/// What it says.
pub(crate) const BUILTIN_PERMIT_TEXT: &str =
    "permit (principal, action, resource) when { context.granted };";

/// What may stand before a policy as `@name("…")`.
pub(crate) const ANNOTATIONS: &[&str] =
    &["id", "owner", "ticket", "control", "expires", "hold", "constrain", "mode", "until"];

/// The types of what policies name.
pub(crate) const TYPES: &[&str] = &["Identity", "Class", "Action", "Tool", "Server", "Resource"];

const CONTEXT: &[&str] = &[
    "task",
    "input",
    "destinations",
    "granted",
    "approval",
    "now",
    "chain",
    "depth",
    "environment",
    "facts",
    "server",
    "tool",
    "pep",
];
const TASK: &[&str] = &[
    "id",
    "template",
    "purpose",
    "params",
    "opened",
    "opened_by",
    "break_glass",
    "on_behalf_of",
    "on_behalf_issuer",
];
const APPROVAL: &[&str] = &["granted", "by"];
const PEP: &[&str] = &["supports"];
const IDENTITY: &[&str] = &["owner", "kind", "class"];
const RESOURCE: &[&str] = &["sensitivity", "sensitivity_rank", "owner", "environment"];

/// Gives what `path` holds, written `context.task`; none where that is not ours to say.
pub(crate) fn fields_of(path: &str) -> Option<&'static [&'static str]> {
    match path {
        "context" => Some(CONTEXT),
        "context.task" => Some(TASK),
        "context.approval" => Some(APPROVAL),
        "context.pep" => Some(PEP),
        "principal" => Some(IDENTITY),
        "resource" => Some(RESOURCE),
        "action" => Some(&[]),
        _ => None,
    }
}

/// Says whether some action, or a group of them, could be called `name`.
pub(crate) fn is_action(name: &str) -> bool {
    let server_fits = |server: &str| ServerName::from_str(server).is_ok();
    let of = name.strip_prefix("server:").or_else(|| name.strip_prefix("lease:"));
    match (of, name.split_once("__")) {
        (Some(server), _) => server_fits(server),
        (None, Some((server, tool))) => server_fits(server) && !tool.is_empty(),
        (None, None) => Effect::from_word(name).is_some(),
    }
}

/// Gives the known word nearest to `word`, where one is near enough to have been meant.
pub(crate) fn nearest<'a>(word: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let limit = (word.chars().count() / 3).max(1);
    known
        .into_iter()
        .map(|it| (distance(word, it), it))
        .filter(|(far, _)| *far <= limit)
        .min()
        .map(|(_, it)| it)
}

/// Counts the letters to add, drop, replace or swap with their neighbour to get from one word to
/// the other.
pub(crate) fn distance(one: &str, other: &str) -> usize {
    let other: Vec<char> = other.chars().collect();
    let mut row: Vec<usize> = (0..=other.len()).collect();
    let mut above: Option<(char, Vec<usize>)> = None;
    for (line, from) in one.chars().enumerate() {
        let mut next = vec![line.saturating_add(1)];
        for (place, to) in other.iter().enumerate() {
            let at = |row: &[usize], place: usize| row.get(place).copied().unwrap_or(usize::MAX);
            let after = place.saturating_add(1);
            let replaced = at(&row, place).saturating_add(usize::from(from != *to));
            let added = at(&next, place).saturating_add(1);
            let dropped = at(&row, after).saturating_add(1);
            let swapped = match (&above, place.checked_sub(1)) {
                (Some((earlier, row)), Some(before))
                    if earlier == to && other.get(before) == Some(&from) =>
                {
                    at(row, before).saturating_add(1)
                }
                _ => usize::MAX,
            };
            next.push(replaced.min(added).min(dropped).min(swapped));
        }
        above = Some((from, std::mem::replace(&mut row, next)));
    }
    row.last().copied().unwrap_or(0)
}

/// The types, as Cedar wants them.
#[derive(Debug)]
pub(crate) struct Types {
    identity: EntityType,
    class: EntityType,
    action: EntityType,
    tool: EntityType,
    server: EntityType,
    resource: EntityType,
}

impl Types {
    /// Gives them. None would mean that Cedar does not take its own words.
    pub(crate) fn get() -> Option<&'static Self> {
        static TYPES: LazyLock<Option<Types>> = LazyLock::new(Types::parse);
        TYPES.as_ref()
    }

    fn parse() -> Option<Self> {
        let parse = |name| EntityType::from_str(name).ok();
        Some(Self {
            identity: parse("Identity")?,
            class: parse("Class")?,
            action: parse("Action")?,
            tool: parse("Tool")?,
            server: parse("Server")?,
            resource: parse("Resource")?,
        })
    }

    pub(crate) fn identity(&self, id: &str) -> EntityUID {
        uid(&self.identity, id)
    }

    pub(crate) fn class(&self, id: &str) -> EntityUID {
        uid(&self.class, id)
    }

    pub(crate) fn action(&self, id: &str) -> EntityUID {
        uid(&self.action, id)
    }

    pub(crate) fn tool(&self, id: &str) -> EntityUID {
        uid(&self.tool, id)
    }

    pub(crate) fn server(&self, id: &str) -> EntityUID {
        uid(&self.server, id)
    }

    pub(crate) fn resource(&self, id: &str) -> EntityUID {
        uid(&self.resource, id)
    }

    pub(crate) fn is_resource(&self, uid: &EntityUID) -> bool {
        *uid.entity_type() == self.resource
    }
}

/// Says whether policies can name the type of something that others name.
pub fn is_type(name: &str) -> bool {
    type_of_others(name).is_some()
}

/// Reads the type of something that others name. Actions are no things.
pub(crate) fn type_of_others(name: &str) -> Option<EntityType> {
    const LEN_MAX: usize = 128;
    if LEN_MAX < name.len() || name.rsplit("::").next() == Some("Action") {
        return None;
    }
    if let Some(known) = KNOWN.read().unwrap_or_else(PoisonError::into_inner).get(name) {
        return Some(known.clone());
    }
    // The parser looks past blanks and remarks; two names for one type are none.
    let read = EntityType::from_str(name).ok().filter(|it| it.to_string() == name)?;
    let mut known = KNOWN.write().unwrap_or_else(PoisonError::into_inner);
    if known.len() < KNOWN_MAX {
        known.insert(name.to_owned(), read.clone());
    }
    Some(read)
}

/// How many types are kept.
const KNOWN_MAX: usize = 1024;
/// Types that were read before: a name is the same type each time, and reading it takes longer than
/// a decision.
static KNOWN: LazyLock<RwLock<HashMap<String, EntityType>>> = LazyLock::new(RwLock::default);

/// Names one thing, whatever characters its id has: the id is never parsed.
pub(crate) fn uid(of: &EntityType, id: &str) -> EntityUID {
    EntityUID::from_components(of.clone(), Eid::new(id), None)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_nearest_word_is_the_one_that_was_meant() {
        let words = ["read", "write", "egress"];
        assert_eq!(nearest("egres", words), Some("egress"));
        assert_eq!(nearest("wirte", words), Some("write"));
        assert_eq!(nearest("raed", words), Some("read"));
        assert_eq!(nearest("rode", words), None, "two letters of four are too many");
        assert_eq!(nearest("reed", words), Some("read"));
        assert_eq!(nearest("money", words), None);
        assert_eq!(nearest("", words), None);
    }

    #[test]
    fn the_distance_counts_letters() {
        for (one, other, far) in [
            ("", "", 0),
            ("", "abc", 3),
            ("abc", "", 3),
            ("kitten", "sitting", 3),
            ("nwo", "now", 1),
            ("é", "e", 1),
        ] {
            assert_eq!(distance(one, other), far, "{one} to {other}");
        }
    }

    #[test]
    fn actions_are_effects_tools_and_servers() {
        for name in ["egress", "server:files", "files__read_text_file", "files__resources/read"] {
            assert!(is_action(name), "{name}");
        }
        for name in ["egres", "server:", "server:Files", "files", "__x", "files__", "Files__x", ""]
        {
            assert!(!is_action(name), "{name}");
        }
    }

    #[test]
    fn cedar_takes_our_types() {
        assert!(Types::get().is_some());
    }
}
