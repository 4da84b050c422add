//! `PostgreSQL`: what is taken back of a role's own grants, as SQL.
//!
//! What a role has through others, or as everybody, stays: the others would lose it, too, and what a membership gives in
//! other databases nobody sees here. Whoever is a member of a role uses its grants under a name of their own.

mod conninfo;
mod name;
mod seen;
#[cfg(test)]
mod tests;
mod write;

use std::collections::{BTreeMap, BTreeSet};

use bailiwick_model::{Json, Platform};

pub use self::conninfo::{Conninfo, ConninfoError};
pub(super) use self::write::write;
use self::{
    name::{is_same, parts},
    seen::{locks, users},
};
use super::{
    named::{Grant, Holding, Rules},
    written::{RightsizeError, items, text},
};
use crate::{
    exercised::{Days, Deeds, Exercised},
    names::bare,
};

/// Names the shape of what a database lists.
pub const POSTGRES_GRANTS: &str = "bailiwick-postgres-grants/1";

/// What a log of `PostgreSQL` does not tell apart.
pub(super) const RULES: Rules = Rules {
    means,
    takes: |it| parted(it).is_some_and(|it| locks(it.2).is_some()),
    needs,
    is_unseen,
    manages: |_| false,
    may_be,
    alike,
};

/// One right, as the database lists it.
#[derive(Clone, Debug)]
pub(super) struct Right<'a> {
    pub(super) kind: &'a str,
    pub(super) thing: &'a str,
    owner: &'a str,
    to: &'a str,
    pub(super) privilege: &'a str,
    pub(super) column: Option<&'a str>,
    by: &'a str,
    pub(super) is_grantable: bool,
}

/// One role, and what it holds.
#[derive(Debug)]
pub(super) struct Found<'a> {
    pub(super) holding: Holding,
    pub(super) database: &'a str,
    /// What the server says of itself, as far as it was asked: what to ask for, and what it says.
    server: Vec<(&'static str, &'a str)>,
    /// What each of the first grants is made of; the others are fixed.
    pub(super) own: Vec<Vec<Right<'a>>>,
}

fn rows<'a>(listed: &'a Json, name: &str) -> impl Iterator<Item = &'a [Json]> {
    items(listed, name).iter().map(|it| if let Json::List(row) = it { row.as_slice() } else { &[] })
}

fn word(row: &[Json], place: usize) -> &str {
    row.get(place).and_then(Json::as_text).unwrap_or_default()
}

impl<'a> Right<'a> {
    fn of(row: &'a [Json]) -> Self {
        Self {
            kind: word(row, 0),
            thing: word(row, 1),
            owner: word(row, 2),
            to: word(row, 3),
            privilege: word(row, 4),
            column: row.get(5).and_then(Json::as_text),
            by: word(row, 6),
            is_grantable: word(row, 7) == "t",
        }
    }

    fn name(&self) -> String {
        format!("{} {}:{}", self.kind, self.thing, self.privilege)
    }

    /// Says whether it is written as the database writes it, so that SQL can have it word for word.
    fn is_written(&self) -> bool {
        let is_word = |it: &str| !it.is_empty() && it.chars().all(|it| it.is_ascii_alphabetic());
        let has =
            |it: &str, most: usize| parts(it).is_some_and(|it| (1..=most).contains(&it.len()));
        is_word(self.kind)
            && is_word(self.privilege)
            && (self.kind == "database" || has(self.thing, 2))
            && self.column.is_none_or(|it| has(it, 1))
    }
}

/// What a server is asked to say of itself, and the words that ask for it.
const SERVER: [(&str, &str); 3] = [
    ("system", "(SELECT system_identifier::text FROM pg_control_system())"),
    ("port", "current_setting('port')"),
    ("cluster", "current_setting('cluster_name')"),
];

/// Gives what tells the server from others: its own number, else where it listens and what it is called.
fn server(listed: &Json) -> Vec<(&'static str, &str)> {
    let Some(server) = listed.get("server") else { return Vec::new() };
    let said = |(name, asks): (&str, &'static str)| {
        Some((asks, server.get(name).and_then(Json::as_text)?))
    };
    let mut all: Vec<_> = SERVER.into_iter().map(said).collect();
    if all.first().is_some_and(Option::is_some) {
        all.truncate(1);
    }
    all.into_iter().flatten().collect()
}

/// Gives those and everybody who is reached from one of them; `from` and `to` are places in a row of memberships.
fn reached<'a>(listed: &'a Json, first: &'a str, (from, to): (usize, usize)) -> Vec<&'a str> {
    let mut found = vec![first];
    let mut at = 0;
    while let Some(here) = found.get(at).copied() {
        at = at.saturating_add(1);
        let next = rows(listed, "members").filter(|it| word(it, from) == here);
        for one in next.map(|it| word(it, to)).collect::<Vec<_>>() {
            if !found.contains(&one) {
                found.push(one);
            }
        }
    }
    found
}

/// Finds a role by its name.
pub(super) fn find<'a>(
    listed: &'a Json,
    wanted: &str,
    exercised: &Exercised,
) -> Result<Found<'a>, RightsizeError> {
    let roles = || rows(listed, "roles");
    let nobody = || RightsizeError::Nobody { whom: "role", wanted: wanted.to_owned() };
    let role = roles().find(|it| word(it, 0) == wanted).ok_or_else(nobody)?;
    let id = word(role, 0);
    if word(role, 2) == "t" {
        let why = "a superuser is asked for nothing, so no grant makes it smaller: take that away first, `ALTER ROLE … NOSUPERUSER`";
        return Err(RightsizeError::Policy { place: id.to_owned(), why: why.to_owned() });
    }
    let members = reached(listed, id, (0, 1));
    let mut found = Found {
        holding: Holding {
            platform: Platform::Postgres,
            id: id.to_owned(),
            users: users(listed, &members, exercised),
            besides: Some(seen::besides(exercised)),
            grants: Vec::new(),
            unread: Vec::new(),
            notes: vec!["no database says since when a grant is there: what is newer than `--window` is to be named with `--keep`".to_owned()],
        },
        database: text(listed, "database"),
        server: server(listed),
        own: Vec::new(),
    };
    if found.server.is_empty() {
        let note = "these grants do not say of which server they are: the SQL asks for the name of the database alone";
        found.holding.notes.push(note.to_owned());
    }
    let owner = rows(listed, "owners").map(|it| word(it, 0)).find(|it| members.contains(it));
    let unlike = rows(listed, "settings").any(|it| word(it, 2).starts_with("pgaudit."));
    let of_all = match owner {
        Some(owner) => Some(format!(
            "{owner} owns views, tables or functions, and what they use for others is logged as done by those"
        )),
        None if unlike => Some("pgaudit is set for single roles or databases: what it does not log of this one, no other's log shows".to_owned()),
        None => None,
    };
    let mut own: BTreeMap<(&str, &str), Vec<Right<'a>>> = BTreeMap::new();
    for right in rows(listed, "rights").map(Right::of).filter(|it| it.to == id && it.owner != id) {
        own.entry((right.kind, right.thing)).or_default().push(right);
    }
    for ((kind, thing), rights) in own {
        let of_another = rights.iter().find(|it| it.by != it.owner);
        let of_another = of_another.map(|it| {
            format!("{} granted it, who does not own it: only who granted it takes it back", it.by)
        });
        let is_elsewhere = kind == "database" && thing != found.database;
        let elsewhere = is_elsewhere.then(|| "its use is in that database's log".to_owned());
        let is_odd = !rights.iter().all(Right::is_written);
        let odd = is_odd.then(|| "it is not written as the database writes names".to_owned());
        let fixed = of_all.clone().or(of_another).or(elsewhere).or(odd);
        found.add(format!("GRANT ON {kind} {thing}"), &rights, fixed);
        found.own.push(rights);
    }
    for role in reached(listed, id, (1, 0)).into_iter().skip(1) {
        found.through(listed, role);
    }
    let public: Vec<_> =
        rows(listed, "rights").map(Right::of).filter(|it| it.to.is_empty()).collect();
    found.add("PUBLIC".to_owned(), &public, Some("everybody has it".to_owned()));
    Ok(found)
}

impl Found<'_> {
    /// Refuses a log of another database: what it lacks says nothing of this one. Of a log of several nothing is taken for unused.
    pub(super) fn is_logged(&self, exercised: &Exercised) -> Result<(), RightsizeError> {
        match exercised.only_account(Platform::Postgres) {
            Some(logged) if !logged.is_empty() && logged != self.database => {
                let why = format!(
                    "the log is of the database `{logged}`, and the grants are of `{}`",
                    self.database
                );
                Err(RightsizeError::Policy { place: self.holding.id.clone(), why })
            }
            Some(_) | None => Ok(()),
        }
    }

    fn add(&mut self, path: String, rights: &[Right<'_>], fixed: Option<String>) {
        let names: BTreeSet<String> = rights.iter().map(Right::name).collect();
        if names.is_empty() {
            return;
        }
        let row = |it: &Right<'_>| {
            let option = if it.is_grantable { " WITH GRANT OPTION" } else { "" };
            let column = it.column.map(|it| format!(" ({it})")).unwrap_or_default();
            Json::Text(format!("{}{column}{option} BY {}", it.name(), it.by))
        };
        let original = Json::List(rights.iter().map(row).collect());
        let names = names.into_iter().collect();
        self.holding.grants.push(Grant { path, names, since: None, fixed, original });
    }

    /// Adds what it has through a role that it is a member of.
    fn through<'a>(&mut self, listed: &'a Json, role: &'a str) {
        if role.starts_with("pg_") {
            self.holding.unread.push(format!("member of {role}"));
            return;
        }
        let theirs = rows(listed, "rights").map(Right::of);
        let theirs: Vec<_> = theirs.filter(|it| it.to == role).collect();
        let why = format!("held through {role}, and by all its members: make that role smaller");
        self.add(format!("member of {role}"), &theirs, Some(why));
    }
}

/// Takes `table shop.orders:SELECT` apart.
fn parted(name: &str) -> Option<(&str, &str, &str)> {
    let (thing, right) = name.rsplit_once(':')?;
    let (kind, thing) = thing.split_once(' ')?;
    Some((kind, thing, right))
}

/// Says whether a name of the log is one that is granted: who is refused may not have said the schema.
fn means(granted: &str, logged: &str) -> bool {
    if granted == logged {
        return true;
    }
    let (Some(granted), Some(logged)) = (parted(granted), parted(logged)) else { return false };
    (granted.0, granted.2) == (logged.0, logged.2) && is_same(granted.1, logged.1)
}

/// Says whether a statement that was let through may have taken a right that pgaudit does not name beside its command:
/// it reads what it changes, locks what it reads, and changes in several ways at once.
fn needs(name: &str, done: &BTreeSet<String>) -> bool {
    let Some((thing, right)) = name.rsplit_once(':') else { return false };
    let is_locked = |logged: &String| {
        let (Some(granted), Some(logged)) = (parted(name), parted(logged)) else { return false };
        let any = locks(logged.2).unwrap_or_default();
        granted.0 == logged.0 && any.contains(&right) && is_same(granted.1, logged.1)
    };
    if done.iter().any(is_locked) {
        return true;
    }
    let did = |all: &[&str]| all.iter().any(|it| done.contains(&format!("{thing}:{it}")));
    match right {
        "SELECT" => did(&["INSERT", "UPDATE", "DELETE"]),
        // `FOR UPDATE`, `ON CONFLICT`, `MERGE`.
        "UPDATE" => did(&["SELECT", "INSERT"]),
        "DELETE" => did(&["INSERT", "UPDATE"]),
        _ => false,
    }
}

/// A function may be made a part of the statement that calls it, and is in no log then.
fn is_unseen(name: &str) -> bool {
    let right = name.rsplit_once(':').map_or("", |it| it.1);
    let is_row = matches!(right, "SELECT" | "INSERT" | "UPDATE" | "DELETE" | "TRUNCATE");
    !((name.starts_with("table ") && is_row)
        || (name.starts_with("database ") && right == "CONNECT"))
}

/// Says whether something that no rule knows may have been this: of the same thing, or of none that was named.
fn may_be(name: &str, unknown: &str) -> bool {
    match (unknown.rsplit_once(':'), name.rsplit_once(':')) {
        (Some((thing, _)), Some((of, _))) => match (thing.split_once(' '), of.split_once(' ')) {
            (Some((kind, thing)), Some((of_kind, of))) => kind == of_kind && is_same(of, thing),
            _ => thing == of,
        },
        (None, Some((_, right))) if unknown == "SELECT" => matches!(right, "SELECT" | "UPDATE"),
        // pgaudit never says what is emptied.
        (None, Some((_, right))) if unknown == "TRUNCATE" => right == "TRUNCATE",
        _ => true,
    }
}

fn alike(name: &str) -> String {
    name.rsplit_once(':').map_or(name, |it| it.0).to_owned()
}

/// Says whether something without a name that is granted took no right to a thing. A `SELECT` that names nothing read
/// nothing, where the log of that day names what others read.
pub(super) fn is_harmless(exercised: &Exercised, name: &str, deeds: &Deeds) -> bool {
    match name {
        "SET" | "role:SET" | "DO" | "CREATE TABLE" => true,
        "SELECT" => {
            let mut named = Days::default();
            for (of, deeds) in exercised.doers().values().flat_map(|it| &it.deeds) {
                let of = bare(Platform::Postgres, of);
                if of.starts_with("table ") && of.ends_with(":SELECT") {
                    deeds.done.values().for_each(|it| named.join(&it.days));
                }
            }
            deeds.done.values().all(|it| it.days.lie_within(&named))
        }
        _ => false,
    }
}
