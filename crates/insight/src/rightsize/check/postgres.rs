//! Rights as a database reads them: the SQL that was written is done to what the database listed.
//!
//! Nothing but the taking back of one role's own grants is let pass, so that nothing can be given, and nothing of that
//! before the SQL has asked where it is.

use std::collections::{BTreeMap, BTreeSet};

use bailiwick_model::{Json, Platform};

use super::{
    named::{Weighed, Weights},
    policy::NoPolicy,
    sql::{self, Token},
    verify::Used,
};
use crate::{
    exercised::{Days, Doer, SystemIdentity},
    names::bare,
};

/// One right. Names are as they are, without quotes.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Right {
    kind: String,
    /// Empty where the list does not write it as a database would.
    thing: Vec<String>,
    privilege: String,
    column: Option<String>,
    /// As certificates have it.
    name: String,
}

fn rows<'a>(listed: &'a Json, name: &str) -> Vec<Vec<&'a str>> {
    let Some(Json::List(all)) = listed.get(name) else { return Vec::new() };
    let row = |it: &'a Json| {
        let row: &[Json] = if let Json::List(row) = it { row } else { &[] };
        row.iter().map(|it| it.as_text().unwrap_or_default()).collect()
    };
    all.iter().map(row).collect()
}

fn at<'a>(row: &[&'a str], place: usize) -> &'a str {
    row.get(place).copied().unwrap_or_default()
}

/// Gives a role, all who are members of it, and all who became one of them: their own names stay in the log.
pub(super) fn users(listed: &Json, id: &str, all: &BTreeMap<SystemIdentity, Doer>) -> Vec<String> {
    let members = closure(listed, id, (0, 1));
    let roles = rows(listed, "roles");
    let is_plain = |who: &str| roles.iter().any(|it| at(it, 0) == who && at(it, 2) != "t");
    let mut found: BTreeSet<String> = members.iter().cloned().collect();
    for (who, doer) in all.iter().filter(|it| it.0.platform == Platform::Postgres) {
        for (name, _) in doer.deeds.iter().filter(|it| !it.1.done.is_empty()) {
            let name = bare(Platform::Postgres, name);
            let role = name.strip_prefix("role ").and_then(|it| it.strip_suffix(":SET"));
            let is_one = match role.and_then(sql::parts) {
                Some(role) => members.iter().any(|it| [it.as_str()] == *role),
                // A superuser may become anybody.
                None => name == "role:SET" && !is_plain(&who.id),
            };
            if is_one {
                found.insert(who.id.clone());
            }
        }
    }
    for row in rows(listed, "settings") {
        let is_one =
            at(&row, 2).strip_prefix("role=").is_some_and(|it| members.iter().any(|of| of == it));
        let whom =
            roles.iter().map(|it| at(it, 0)).filter(|it| is_one && ["", it].contains(&at(&row, 0)));
        found.extend(whom.map(str::to_owned));
    }
    found.into_iter().collect()
}

/// Gives the days on which a log has both what pgaudit logs as `misc_set` and as `misc`: whoever becomes somebody else is in the
/// one, whoever locks tables in the other.
pub(super) fn besides(all: &BTreeMap<SystemIdentity, Doer>) -> Days {
    const SHOWS: &str = "|ANALYZE|BEGIN|CHECKPOINT|CLOSE CURSOR|CLOSE CURSOR ALL|COMMIT|DEALLOCATE|DEALLOCATE ALL|DISCARD|DISCARD ALL|FETCH|LISTEN|LOCK TABLE|MOVE|NOTIFY|RELEASE|ROLLBACK|ROLLBACK TO SAVEPOINT|SAVEPOINT|SHOW|START TRANSACTION|UNLISTEN|UNLISTEN *|VACUUM|";
    let (mut sets, mut others) = (Days::default(), Days::default());
    let ours = all.iter().filter(|it| it.0.platform == Platform::Postgres);
    for (name, deeds) in ours.flat_map(|it| &it.1.deeds) {
        let name = bare(Platform::Postgres, name);
        let shown = if ["SET", "RESET"].contains(&name) {
            &mut sets
        } else if SHOWS.contains(&format!("|{name}|")) || name.contains(":LOCK TABLE IN ") {
            &mut others
        } else {
            continue;
        };
        deeds.done.values().for_each(|it| shown.join(&it.days));
    }
    sets.keep(&others);
    sets
}

/// Gives the locks of tables that somebody took: no permission's name, and a use all the same.
pub(super) fn locked(doers: &[Doer]) -> Vec<Used> {
    let mut all = Vec::new();
    for (name, deeds) in doers.iter().flat_map(|it| &it.deeds) {
        let action = bare(Platform::Postgres, name);
        if action.contains(":LOCK TABLE IN ") {
            all.extend(deeds.done.iter().map(|(resource, tally)| Used {
                action: action.to_owned(),
                resource: resource.clone(),
                count: tally.count,
            }));
        }
    }
    all
}

fn closure(listed: &Json, id: &str, (from, to): (usize, usize)) -> Vec<String> {
    let members = rows(listed, "members");
    let mut found = BTreeSet::from([id]);
    loop {
        let next: Vec<_> = members
            .iter()
            .filter(|it| found.contains(at(it, from)) && !found.contains(at(it, to)))
            .map(|it| at(it, to))
            .collect();
        if next.is_empty() {
            break;
        }
        found.extend(next);
    }
    found.into_iter().map(str::to_owned).collect()
}

fn right(row: &[&str]) -> Right {
    let (kind, thing, privilege) = (at(row, 0), at(row, 1), at(row, 4));
    let parts = if kind == "database" { Some(vec![thing.to_owned()]) } else { sql::parts(thing) };
    let column = Some(at(row, 5)).filter(|it| !it.is_empty());
    let column_is = column.and_then(sql::parts).and_then(|it| <[String; 1]>::try_from(it).ok());
    // What nobody can read is never the one that is taken.
    let is_read = column.is_none() || column_is.is_some();
    Right {
        kind: kind.to_owned(),
        thing: parts.filter(|_| is_read).unwrap_or_default(),
        privilege: privilege.to_owned(),
        column: column_is.map_or_else(|| column.map(str::to_owned), |[it]| Some(it)),
        name: format!("{kind} {thing}:{privilege}"),
    }
}

/// Says whether a name of the log is one that is granted, however either is quoted; the log's may lack the schema.
pub(super) fn is_same(granted: &str, logged: &str) -> bool {
    if granted == logged {
        return true;
    }
    // Most differ in what is done, which needs no reading.
    let right = |it: &'_ str| it.rsplit_once(':').map(|it| it.1.to_owned());
    if right(granted) != right(logged) {
        return false;
    }
    let parted = |it: &str| {
        let (thing, right) = it.rsplit_once(':')?;
        let (kind, thing) = thing.split_once(' ')?;
        Some((kind.to_owned(), right.to_owned(), sql::parts(thing)?))
    };
    let (Some(granted), Some(logged)) = (parted(granted), parted(logged)) else { return false };
    (&granted.0, &granted.1) == (&logged.0, &logged.1) && is_thing(&granted.2, &logged.2)
}

fn is_thing(granted: &[String], logged: &[String]) -> bool {
    granted == logged || (logged.len() == 1 && granted.last() == logged.last())
}

/// Reads `VERB a, b (c) ON KIND thing FROM "role"` with what may stand behind.
fn statement(tokens: &[Token], (verb, to): (&str, &str), role: &str) -> Option<(Vec<Right>, bool)> {
    let rest = tokens.strip_prefix(&[Token::Word(verb.to_owned())])?;
    let on = rest.iter().position(|it| it.is("on"))?;
    let (privileges, behind) = rest.split_at_checked(on)?;
    let (kind, rest) = behind.split_first()?.1.split_first()?;
    let Token::Word(kind) = kind else { return None };
    let (thing, rest) = sql::dotted(rest)?;
    let rest = rest.strip_prefix(&[Token::Word(to.to_owned()), Token::Name(role.to_owned())])?;
    let can_grant = match rest {
        [] => false,
        [with, grant, option] if with.is("with") && grant.is("grant") && option.is("option") => {
            true
        }
        _ => return None,
    };
    let mut all = Vec::new();
    for one in privileges.split(|it| *it == Token::Mark(',')) {
        let (privilege, column) = match one {
            [Token::Word(privilege)] => (privilege, None),
            [Token::Word(privilege), Token::Mark('('), column, Token::Mark(')')] => {
                (privilege, Some(column.name()?.to_owned()))
            }
            _ => return None,
        };
        all.push(Right {
            kind: kind.clone(),
            thing: thing.clone(),
            privilege: privilege.to_ascii_uppercase(),
            column,
            name: String::new(),
        });
    }
    Some((all, can_grant))
}

/// Reads a file that asks where it is and then has such statements alone; anything else is a fault.
fn statements(
    text: &str,
    (verb, to): (&str, &str),
    (role, listed): (&str, &Json),
) -> Result<Vec<(Right, bool)>, String> {
    let odd = |it: &[Token]| format!("this does something else: {}", sql::told(it));
    let tokens = sql::tokens(text).ok_or("this is SQL of another kind than is written here")?;
    let (last, tokens) = tokens.split_last().ok_or("it is empty")?;
    let all: Vec<&[Token]> = tokens.split(|it| *it == Token::Mark(';')).collect();
    let [[begin], guard, inside @ .., [commit]] = all.as_slice() else {
        return Err("it is not one transaction that asks where it is".to_owned());
    };
    if !begin.is("begin") || !commit.is("commit") || *last != Token::Mark(';') {
        return Err("it is not one transaction that asks where it is".to_owned());
    }
    match guard {
        [word, Token::Body(body)] if word.is("do") => is_here(body, listed)?,
        other => return Err(odd(other)),
    }
    let mut all = Vec::new();
    for one in inside {
        let (rights, can_grant) = statement(one, (verb, to), role).ok_or_else(|| odd(one))?;
        all.extend(rights.into_iter().map(|it| (it, can_grant)));
    }
    Ok(all)
}

/// Says whether a block ends the transaction on every other server, and in every other database: it compares all that is
/// known of this one, and does nothing else.
fn is_here(body: &str, listed: &Json) -> Result<(), String> {
    let said = |name: &str| {
        let of = listed.get("server").and_then(|it| it.get(name));
        of.and_then(Json::as_text).map(str::to_owned)
    };
    let database = listed.get("database").and_then(Json::as_text).unwrap_or_default();
    let mut wanted = vec![("current_database()", database.to_owned())];
    match (said("system"), said("port"), said("cluster")) {
        (Some(system), _, _) => {
            wanted.push(("(select system_identifier::text from pg_control_system())", system));
        }
        (None, port, cluster) => {
            wanted.extend(port.map(|it| ("current_setting('port')", it)));
            wanted.extend(cluster.map(|it| ("current_setting('cluster_name')", it)));
        }
    }
    let mut expected = sql::tokens("begin if").unwrap_or_default();
    for (place, (asks, says)) in wanted.into_iter().enumerate() {
        let or = if place == 0 { "" } else { "or " };
        let asked = sql::tokens(&format!("{or}{asks} is distinct from"));
        expected.extend(asked.unwrap_or_default());
        expected.push(Token::Text(says));
    }
    expected.extend(sql::tokens("then raise exception").unwrap_or_default());
    let read = sql::tokens(body).unwrap_or_default();
    let end = sql::tokens("; end if; end").unwrap_or_default();
    let is_so = match read.strip_prefix(expected.as_slice()) {
        // A `%` in it asks for more than is there.
        Some([Token::Text(why), rest @ ..]) => rest == end && !why.contains('%'),
        _ => false,
    };
    if is_so {
        Ok(())
    } else {
        Err("it does not ask whether it is where these grants are".to_owned())
    }
}

/// Gives all that a command may have asked for: what it changes it reads, what it reads it may lock, and one statement may
/// insert, update and delete.
fn asked(command: &str) -> &'static [&'static str] {
    match command {
        // Any one of these is enough for a lock, and which one it was nobody says.
        "LOCK TABLE IN ACCESS SHARE MODE" => {
            &["SELECT", "INSERT", "UPDATE", "DELETE", "TRUNCATE", "MAINTAIN"]
        }
        "LOCK TABLE IN ROW SHARE MODE" | "LOCK TABLE IN ROW EXCLUSIVE MODE" => {
            &["INSERT", "UPDATE", "DELETE", "TRUNCATE", "MAINTAIN"]
        }
        it if it.starts_with("LOCK TABLE IN ") => &["UPDATE", "DELETE", "TRUNCATE", "MAINTAIN"],
        "SELECT" => &["SELECT", "UPDATE"],
        "INSERT" => &["INSERT", "SELECT", "UPDATE", "DELETE"],
        "UPDATE" => &["UPDATE", "SELECT", "DELETE"],
        "DELETE" => &["DELETE", "SELECT"],
        _ => &[],
    }
}

/// Reads what the documents take back, each once.
fn taken(weights: &Weights<'_>, before: &BTreeSet<Right>, told: &mut Weighed) -> BTreeSet<Right> {
    let (listed, id) = (weights.grants, weights.certificate.identity.as_str());
    let (mut taken, mut met) = (BTreeSet::new(), BTreeSet::new());
    for wanted in weights.certificate.decisions.iter().flat_map(|it| &it.documents) {
        if !met.insert(&wanted.file) {
            continue;
        }
        let text = weights.documents.get(&wanted.file);
        if text.map(super::digest_of) != Some(wanted.sha256) {
            told.files.push(format!("`{}` was changed, or is not there", wanted.file));
        }
        let text = text.and_then(Json::as_text).unwrap_or_default();
        match statements(text, ("revoke", "from"), (id, listed)) {
            Ok(all) => {
                for (wanted, _) in all {
                    match find(before, &wanted) {
                        Some(right) => {
                            taken.insert(right.clone());
                        }
                        None => told.files.push(format!(
                            "it takes back what is not there: {} on {} {}",
                            wanted.privilege,
                            wanted.kind,
                            wanted.thing.join(".")
                        )),
                    }
                }
            }
            Err(fault) => told.gives_more.push(fault),
        }
    }
    taken
}

/// Holds what is left against what was there, and against what was used.
pub(super) fn weigh(weights: &Weights<'_>, used: &[Used]) -> Result<Weighed, NoPolicy> {
    let (listed, id) = (weights.grants, weights.certificate.identity.as_str());
    if rows(listed, "roles").iter().any(|it| at(it, 0) == id && at(it, 2) == "t") {
        return Err(NoPolicy("it is a superuser, of whom no grant is asked"));
    }
    let mut told = Weighed::default();
    let all = rows(listed, "rights");
    let own: Vec<_> = all.iter().filter(|it| at(it, 3) == id && at(it, 2) != id).collect();
    let before: BTreeSet<Right> = own.iter().map(|it| right(it)).collect();
    let mut left = before.clone();
    let taken = taken(weights, &before, &mut told);
    for gone in &taken {
        // What goes for the whole goes for each column.
        left.retain(|it| it != gone && !(gone.column.is_none() && it.name == gone.name));
    }
    told.files.extend(way_back(weights, &own, &taken));
    for it in used {
        told.replay.asked = told.replay.asked.saturating_add(1);
        let Some((thing, command)) = it.action.rsplit_once(':') else { continue };
        let (kind, thing) = thing.split_once(' ').unwrap_or((thing, ""));
        let logged =
            if kind == "database" { Some(vec![thing.to_owned()]) } else { sql::parts(thing) };
        let is_asked = |right: &&Right| {
            right.kind == kind
                && logged.as_ref().is_some_and(|it| is_thing(&right.thing, it))
                && (right.privilege == command
                    || asked(command).contains(&right.privilege.as_str()))
        };
        let gave: Vec<_> = before.iter().filter(is_asked).collect();
        if gave.is_empty() {
            told.replay.given_otherwise = told.replay.given_otherwise.saturating_add(1);
        }
        if !gave.into_iter().all(|it| left.contains(it)) {
            told.replay.lost.push(it.clone());
        }
    }
    let above = closure(listed, id, (1, 0));
    let others = all.iter().filter(|it| {
        let to = at(it, 3);
        to.is_empty() || (to != id && !to.starts_with("pg_") && above.iter().any(|it| it == to))
    });
    let others: BTreeSet<String> = others.map(|it| right(it).name).collect();
    let names = |of: &BTreeSet<Right>| {
        of.iter().map(|it| it.name.clone()).chain(others.iter().cloned()).collect::<BTreeSet<_>>()
    };
    told.given.before = names(&before).into_iter().map(|it| (it, None)).collect();
    told.given.after = names(&left);
    Ok(told)
}

/// Finds the right that a statement means.
fn find<'r>(all: &'r BTreeSet<Right>, wanted: &Right) -> Option<&'r Right> {
    all.iter().find(|it| {
        (&it.kind, &it.thing) == (&wanted.kind, &wanted.thing)
            && (&it.privilege, &it.column) == (&wanted.privilege, &wanted.column)
    })
}

/// Says whether the way back gives again all that is taken, and nothing else.
fn way_back(weights: &Weights<'_>, own: &[&Vec<&str>], taken: &BTreeSet<Right>) -> Vec<String> {
    let mut given = BTreeSet::new();
    let mut faults = Vec::new();
    for file in weights.certificate.files.iter().filter(|it| it.file.starts_with("rollback/")) {
        let text = weights.documents.get(&file.file).and_then(Json::as_text).unwrap_or_default();
        match statements(text, ("grant", "to"), (&weights.certificate.identity, weights.grants)) {
            Ok(all) => given.extend(all),
            Err(fault) => faults.push(fault),
        }
    }
    let was = own.iter().map(|it| (right(it), at(it, 7) == "t"));
    let was = was.filter(|it| taken.contains(&it.0));
    let was: BTreeSet<_> =
        was.map(|(it, can)| (Right { name: String::new(), ..it }, can)).collect();
    if was != given {
        faults.push("the way back gives something else than is taken".to_owned());
    }
    faults
}
