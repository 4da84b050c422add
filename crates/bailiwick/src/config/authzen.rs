//! `[authzen]`: which enforcement points elsewhere may ask, and what they call our identities.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::Path,
};

use bailiwick_connect::Secret;
use bailiwick_policy::IdentityType;
use toml::Spanned;

use super::{
    Code,
    origin::Settings,
    read::{Field, Table},
};

/// How many there may be.
const MOST: usize = 64;
/// How long a file is at most that is read as a token.
pub(crate) const TOKEN_MAX: u64 = 4 << 10;
/// What opens other ways in.
const OTHERS: [(&str, &str); 2] =
    [("the admin API", "admin.token"), ("`/metrics`", "metrics.token")];

/// What `[authzen]` says.
#[derive(Debug)]
pub(super) struct Authzen {
    pub(super) peps: BTreeSet<String>,
    pub(super) identity_type: IdentityType,
}

/// Reads `[authzen]`; nobody may ask unless it is said. The tokens that lie in `state` tell apart who
/// asks, so each is another one.
pub(super) fn read(
    root: &Table<'_>,
    state: Option<&Path>,
    settings: &mut Settings<'_>,
) -> Option<Authzen> {
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
        let mut tokens = Tokens::of(state);
        for item in &items {
            let name = item.made(name).map(Spanned::into_inner)?;
            if names.contains(&name) {
                twice(item, &name);
            } else if let Some(other) = tokens.same(&name) {
                let message = format!("enforcement point `{name}` has the token of {other}");
                let help = "delete its file in `state/authzen`: a start makes a token of its own";
                item.fault(Code::SameToken, message, "nobody could tell who asks", Some(help));
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

/// The tokens that lie there already.
struct Tokens<'a> {
    state: Option<&'a Path>,
    seen: BTreeMap<String, Secret>,
}

impl<'a> Tokens<'a> {
    fn of(state: Option<&'a Path>) -> Self {
        let others = OTHERS
            .iter()
            .filter_map(|(whose, file)| Some(((*whose).to_owned(), token(&state?.join(file))?)));
        Self { state, seen: others.collect() }
    }

    /// Says who has the same token as the enforcement point `name`.
    fn same(&mut self, name: &str) -> Option<String> {
        let own = token(&self.state?.join("authzen").join(format!("{name}.token")))?;
        let other = self.seen.iter().find(|(_, it)| it.matches(own.expose()));
        let other = other.map(|(whose, _)| whose.clone());
        self.seen.insert(format!("`{name}`"), own);
        other
    }
}

/// Reads a token where one lies; what is wrong with a file says the start, which needs it.
fn token(path: &Path) -> Option<Secret> {
    let found = fs::metadata(path).ok()?;
    if !found.is_file() || TOKEN_MAX < found.len() {
        return None;
    }
    let text = Secret::new(fs::read_to_string(path).ok()?);
    Some(Secret::new(text.expose().trim()))
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
