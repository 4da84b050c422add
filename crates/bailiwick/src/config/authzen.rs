//! `[authzen]`: which enforcement points elsewhere may ask, and what they call our identities.

use std::collections::BTreeSet;

use bailiwick_policy::IdentityType;
use toml::Spanned;

use super::{
    Code,
    origin::Settings,
    read::{Field, Table},
};

/// How many there may be.
const MOST: usize = 64;

/// What `[authzen]` says.
#[derive(Debug)]
pub(super) struct Authzen {
    pub(super) peps: BTreeSet<String>,
    pub(super) identity_type: IdentityType,
}

/// Reads `[authzen]`; nobody may ask unless it is said.
pub(super) fn read(root: &Table<'_>, settings: &mut Settings<'_>) -> Option<Authzen> {
    root.section("authzen", |authzen| {
        let called = authzen.get("identity_type");
        let identity_type = match called.parsed() {
            Some(it) => it.into_inner(),
            None if called.is_given() => return None,
            None => IdentityType::default(),
        };
        settings.add("authzen.identity_type", &identity_type, called.at());
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
        Some(Authzen { peps: names, identity_type })
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
