//! `[server.tool.NAME]`: what the operator says of one tool; it wins over every suggestion.

use std::collections::BTreeSet;

use bailiwick_model::{Effect, Reach, Sensitivity};
use toml::Spanned;

use crate::config::read::{Table, filled};

/// The operator's word on one tool; what is not said here is suggested from its schema.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct ToolWord {
    /// What it does to the world.
    pub(crate) effects: Option<BTreeSet<Effect>>,
    /// Which argument names the resource, in braces: `{path}`.
    pub(crate) resource: Option<String>,
    /// Which arguments say where data goes.
    pub(crate) destinations: Option<Vec<String>>,
    /// How sensitive what it returns is.
    pub(crate) sensitivity: Option<Sensitivity>,
    /// May values from its results steer later calls?
    pub(crate) results_trusted: Option<bool>,
    /// Can it be undone?
    pub(crate) reversible: Option<bool>,
    /// How far it reaches.
    pub(crate) reach: Option<Reach>,
}

/// Reads the word on one tool.
pub(in crate::config) fn read(table: &Table<'_>) -> ToolWord {
    ToolWord {
        effects: effects(table),
        resource: table.get("resource").made(argument).map(Spanned::into_inner),
        destinations: destinations(table),
        sensitivity: table.get("sensitivity").word(Sensitivity::ALL, Sensitivity::as_str),
        results_trusted: table
            .get("results")
            .word(&["trusted", "untrusted"], |it| it)
            .map(|word| word == "trusted"),
        reversible: table.get("reversible").truth().map(Spanned::into_inner),
        reach: table.get("reach").word(Reach::ALL, Reach::as_str),
    }
}

fn effects(table: &Table<'_>) -> Option<BTreeSet<Effect>> {
    let field = table.get("effects");
    if field.is_empty_list() {
        field.wrong(format!("`{}` names no effect: what only looks has `read`", field.name()));
    }
    let items = field.items();
    let effects = items.iter().filter_map(|it| it.word(Effect::ALL, Effect::as_str)).collect();
    field.is_given().then_some(effects)
}

fn destinations(table: &Table<'_>) -> Option<Vec<String>> {
    let field = table.get("destinations");
    let names = field.items();
    let names = names.iter().filter_map(|it| it.made(filled)).map(Spanned::into_inner).collect();
    field.is_given().then_some(names)
}

/// Takes a text with at least one argument's name in braces: `{path}`, `{owner}/{repo}`.
fn argument(text: &str) -> Result<String, String> {
    let wrong = || format!("`{text}` names no argument: write it like `{{path}}`");
    let mut rest = text;
    while let Some((plain, after)) = rest.split_once('{') {
        let (name, later) = after.split_once('}').ok_or_else(wrong)?;
        if plain.contains('}') || name.contains('{') || name.trim().is_empty() {
            return Err(wrong());
        }
        rest = later;
    }
    if rest.len() == text.len() || rest.contains('}') { Err(wrong()) } else { Ok(text.to_owned()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn resources_are_named_by_one_argument_or_more() {
        for text in ["{path}", "{owner}/{repo}", "table:{t}", "{a}{b}c"] {
            assert_eq!(argument(text).as_deref(), Ok(text));
        }
        for text in ["", "path", "{}", "{ }", "{a", "a}", "{a}}", "{{a}}", "{a}{", "}{a}"] {
            assert!(argument(text).is_err(), "{text}");
        }
    }
}
