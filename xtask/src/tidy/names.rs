//! Types are named with the house's words: no word that says nothing, none that means another thing here.

use crate::tree::{Fault, Tree};

/// Words that no type's name has, and what to do instead.
const BANNED: &[(&str, &str)] = &[
    ("Manager", "say what it does"),
    ("Handler", "say what it does"),
    ("Helper", "say what it does"),
    ("Util", "say what it does"),
    ("Utils", "say what it does"),
    ("Utility", "say what it does"),
    ("Service", "say what it does"),
    ("User", "say identity, caller or person"),
    ("Session", "say task"),
    ("Rule", "say policy, line or threshold"),
    ("Alert", "say finding"),
    ("Incident", "say finding or containment"),
    ("Permission", "say entitlement or grant"),
];

/// Where a protocol's own word is the right one: the start of the path, and the word.
const WIRE_WORDS: &[(&str, &str)] = &[("crates/gateway/src/", "Session")];

/// What another system calls one of its permissions.
const FOREIGN_NAME: &str = "PermissionName";

/// Finds types whose name has a banned word.
pub(super) fn faults(tree: &Tree) -> Vec<Fault> {
    let mut faults = Vec::new();
    for (path, text) in tree.ending(".rs") {
        for (index, line) in text.lines().enumerate() {
            if let Some(name) = declared(line) {
                faults.extend(fault_of(path, index, name));
            }
        }
    }
    faults
}

fn fault_of(path: &str, index: usize, name: &str) -> Option<Fault> {
    let words = words_of(name);
    let (word, instead) = BANNED.iter().find(|(banned, _)| words.iter().any(|it| it == banned))?;
    let wire = WIRE_WORDS.iter().any(|(start, it)| it == word && path.starts_with(start));
    if wire || (*word == "Permission" && name.contains(FOREIGN_NAME)) {
        return None;
    }
    Some(Fault::of_line(path, index, format!("`{name}` is called a `{word}`: {instead}")))
}

/// The name of the type that a line declares, if it declares one.
fn declared(line: &str) -> Option<&str> {
    let inner = line.trim_start();
    let mut words = inner.split_whitespace().skip_while(|it| it.starts_with("pub"));
    let keyword = words.next()?;
    // An indented `type` belongs to a trait, whose author chose the name.
    let declares = match keyword {
        "struct" | "enum" | "trait" | "union" => true,
        "type" => inner.len() == line.len(),
        _ => false,
    };
    let name = words.next().filter(|_| declares)?;
    name.split(|it: char| !it.is_alphanumeric() && it != '_').next()
}

/// The words of a name in camel case; a run of capitals is one word.
fn words_of(name: &str) -> Vec<String> {
    let letters: Vec<char> = name.chars().collect();
    let mut words: Vec<String> = Vec::new();
    for (index, letter) in letters.iter().enumerate() {
        let before = index.checked_sub(1).and_then(|it| letters.get(it));
        let after = index.checked_add(1).and_then(|it| letters.get(it));
        let begins = letter.is_uppercase()
            && (before.is_none_or(|it| !it.is_uppercase())
                || after.is_some_and(|it| it.is_lowercase()));
        match words.last_mut() {
            Some(word) if !begins => word.push(*letter),
            _ => words.push(letter.to_string()),
        }
    }
    words
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(path: &str, line: &str, wanted: Option<&str>) {
        let text = format!("//! It.\n{line}\n");
        let found: Vec<String> =
            faults(&Tree::of(&[(path, &text)])).into_iter().map(|it| it.to_string()).collect();
        let wanted: Vec<String> =
            wanted.iter().map(|it| format!("{path}:2: `{it}` is called a ")).collect();
        assert_eq!(found.len(), wanted.len(), "{found:?}");
        assert!(found.iter().zip(&wanted).all(|(it, start)| it.starts_with(start)), "{found:?}");
    }

    #[test]
    fn words_that_say_nothing_are_found_in_every_kind_of_type() {
        check("a.rs", "pub struct TaskManager;", Some("TaskManager"));
        check("a.rs", "pub(crate) enum HandlerState<T> {", Some("HandlerState"));
        check("a.rs", "trait PathUtils {", Some("PathUtils"));
        check("a.rs", "type MCPService = u8;", Some("MCPService"));
        check("a.rs", "    struct UserName(String);", Some("UserName"));
    }

    #[test]
    fn parts_of_longer_words_are_fine() {
        check("a.rs", "struct Handled;", None);
        check("a.rs", "struct ServiceableUtilisation;", None);
        check("a.rs", "struct Ruler;", None);
    }

    #[test]
    fn a_trait_of_others_names_its_types_as_it_likes() {
        check("a.rs", "    type Service = u8;", None);
    }

    #[test]
    fn a_protocol_keeps_its_own_word() {
        check("crates/gateway/src/mcp/session.rs", "struct SessionId;", None);
        check("crates/store/src/a.rs", "struct SessionId;", Some("SessionId"));
        check("a.rs", "struct PermissionName;", None);
        check("a.rs", "struct Permissions;", None);
        check("a.rs", "struct Permission;", Some("Permission"));
    }

    #[test]
    fn names_fall_into_words() {
        assert_eq!(words_of("MCPServiceV2"), ["MCP", "Service", "V2"]);
        assert_eq!(words_of("TaskId"), ["Task", "Id"]);
    }
}
