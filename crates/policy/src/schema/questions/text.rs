//! What is declared, in Cedar's own form.

use std::collections::{BTreeMap, BTreeSet};

use super::{Property, PropertyKind, Questions};
use crate::IdentityType;

/// What charters say of identities.
pub(super) const OURS: [&str; 3] = ["owner", "kind", "class"];

/// Writes all of it.
pub(super) fn whole(questions: &Questions, identities: &IdentityType) -> String {
    // Each type stands in its own namespace.
    let mut spaces: BTreeMap<String, String> = BTreeMap::new();
    let mut add = |name: &str, rest: &str| {
        let (space, base) = split(name);
        let out = spaces.entry(space.to_owned()).or_default();
        out.push_str(&format!("entity {base}{rest};\n"));
    };
    for (name, it) in &questions.types {
        let fields = fields(&it.properties, "id: __cedar::String, ");
        add(name, &format!("{} {{ {fields} }}", within(&it.within)));
    }
    let ours: String = OURS.map(|it| format!("{it}: __cedar::String, ")).concat();
    add(identities.as_str(), &format!(" {{ id: __cedar::String, {ours} }}"));
    let actions = spaces.entry(String::new()).or_default();
    for (name, it) in &questions.actions {
        let context = fields(
            &it.context,
            "approval: { granted: __cedar::Bool, by?: __cedar::String }, now: __cedar::datetime, \
             facts: Set<__cedar::String>, ",
        );
        actions.push_str(&format!(
            "action {} appliesTo {{ principal: [{}], resource: [{}], context: {{ {context} }} }};\n",
            quoted(name),
            listed(&it.subjects),
            listed(&it.resources)
        ));
    }
    let space = |(name, text): (String, String)| {
        if name.is_empty() { text } else { format!("namespace {name} {{\n{text}}}\n") }
    };
    spaces.into_iter().map(space).collect()
}

fn split(name: &str) -> (&str, &str) {
    name.rsplit_once("::").unwrap_or(("", name))
}

fn within(types: &BTreeSet<String>) -> String {
    if types.is_empty() { String::new() } else { format!(" in [{}]", listed(types)) }
}

fn listed(types: &BTreeSet<String>) -> String {
    types.iter().map(String::as_str).collect::<Vec<_>>().join(", ")
}

/// Writes what is said, behind what always is.
fn fields(said: &BTreeMap<String, Property>, always: &str) -> String {
    let mut out = always.to_owned();
    for (name, Property { kind, optional }) in said {
        let mark = if *optional { "?" } else { "" };
        let of = match kind {
            PropertyKind::Text => "__cedar::String",
            PropertyKind::Whole => "__cedar::Long",
            PropertyKind::Decimal => "__cedar::decimal",
            PropertyKind::Truth => "__cedar::Bool",
            PropertyKind::Texts => "Set<__cedar::String>",
        };
        out.push_str(&format!("{}{mark}: {of}, ", quoted(name)));
    }
    out
}

fn quoted(name: &str) -> String {
    format!("\"{}\"", name.escape_debug())
}
