//! `[authzen]`: which enforcement points elsewhere may ask.

use std::collections::BTreeSet;

use toml::Spanned;

use super::{
    Code,
    origin::Settings,
    read::{Field, Table},
};

/// How many there may be.
const MOST: usize = 64;

/// Reads `[authzen]`; nobody may ask unless it is said.
pub(super) fn read(root: &Table<'_>, settings: &mut Settings<'_>) -> Option<BTreeSet<String>> {
    root.section("authzen", |authzen| {
        let peps = authzen.get("peps");
        let items = peps.items();
        if MOST < items.len() {
            peps.wrong(format!("`{}` names {MOST} at most", peps.name()));
            return None;
        }
        let mut names = BTreeSet::new();
        for item in &items {
            let name = item.made(name).map(Spanned::into_inner)?;
            if names.contains(&name) {
                twice(item, &name);
            }
            names.insert(name);
        }
        if peps.is_given() {
            let shown: Vec<&str> = names.iter().map(String::as_str).collect();
            settings.add("authzen.peps", &shown.join(", "), peps.at());
        }
        Some(names)
    })
    .flatten()
}

fn twice(item: &Field<'_>, name: &str) {
    let message = format!("enforcement point `{name}` is given twice");
    item.fault(Code::Twice, message, "once more here", None);
}

/// Takes a name that is a file's, too: the token lies under it.
fn name(text: &str) -> Result<String, String> {
    let fits = |it: char| it.is_ascii_lowercase() || it.is_ascii_digit() || it == '-';
    if (1..=64).contains(&text.len()) && text.chars().all(fits) {
        Ok(text.to_owned())
    } else {
        Err(format!(
            "`{}` is no name of an enforcement point: 1 to 64 small letters, digits, `-`",
            text.escape_debug()
        ))
    }
}
