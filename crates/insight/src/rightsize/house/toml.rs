//! TOML, as plain as it can be: each value in one line, each table under its header.

use std::{collections::BTreeMap, fmt::Write as _};

use bailiwick_model::Json;

/// Writes a file.
pub(in crate::rightsize) fn written(value: &Json) -> String {
    let mut text = String::new();
    if let Json::Object(members) = value {
        table(members, "", &mut text);
    }
    text
}

fn is_table(value: &Json) -> bool {
    let is_map = |it: &Json| matches!(it, Json::Object(_));
    let is_many = matches!(value, Json::List(all) if !all.is_empty() && all.iter().all(is_map));
    is_map(value) || is_many
}

fn table(members: &BTreeMap<String, Json>, path: &str, text: &mut String) {
    for (name, value) in members.iter().filter(|it| !is_table(it.1)) {
        let _ = writeln!(text, "{} = {}", key(name), plain(value));
    }
    for (name, value) in members.iter().filter(|it| is_table(it.1)) {
        let dot = if path.is_empty() { "" } else { "." };
        let path = format!("{path}{dot}{}", key(name));
        let (all, open, close) = if let Json::List(all) = value {
            (all.as_slice(), "[[", "]]")
        } else {
            (std::slice::from_ref(value), "[", "]")
        };
        for one in all {
            let _ = writeln!(text, "\n{open}{path}{close}");
            if let Json::Object(inside) = one {
                table(inside, &path, text);
            }
        }
    }
}

fn key(name: &str) -> String {
    let is_bare = |it: char| it.is_ascii_alphanumeric() || "-_".contains(it);
    if !name.is_empty() && name.chars().all(is_bare) {
        name.to_owned()
    } else {
        plain(&Json::Text(name.to_owned()))
    }
}

/// Writes a value as JSON has it, which TOML reads alike.
fn plain(value: &Json) -> String {
    value.canonical().replace('\u{7f}', "\\u007F")
}
