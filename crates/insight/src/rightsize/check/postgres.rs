//! Rights as a database reads them: the SQL that was written is done to what the database listed.
//!
//! Nothing but the taking back of one role's own grants is let pass, so that nothing can be given.

use std::collections::BTreeSet;

use bailiwick_model::Json;

use super::{
    named::{Weighed, Weights},
    policy::NoPolicy,
    verify::Used,
};

/// Kind and thing, privilege, column.
type Right = (String, String, Option<String>);

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

/// Gives a role and all who are members of it, by whatever way.
pub(super) fn users(listed: &Json, id: &str) -> Vec<String> {
    closure(listed, id, (0, 1))
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
    let column = Some(at(row, 5)).filter(|it| !it.is_empty()).map(str::to_owned);
    (format!("{} {}", at(row, 0), at(row, 1)), at(row, 4).to_owned(), column)
}

fn name((thing, privilege, _): &Right) -> String {
    format!("{thing}:{privilege}")
}

/// Reads `VERB a, b (c) ON KIND thing FROM "role"` with what may stand behind.
fn statement(line: &str, verb: &str, to: &str, role: &str) -> Option<(Vec<Right>, bool)> {
    let rest = line.strip_prefix(verb)?.strip_suffix(';')?;
    let (rest, can_grant) = match rest.strip_suffix(" WITH GRANT OPTION") {
        Some(rest) => (rest, true),
        None => (rest, false),
    };
    let quoted = format!("{to}\"{}\"", role.replace('"', "\"\""));
    let (privileges, on) = rest.strip_suffix(&quoted)?.split_once(" ON ")?;
    let (kind, thing) = on.split_once(' ')?;
    let thing = match (kind, thing.strip_prefix('"').and_then(|it| it.strip_suffix('"'))) {
        ("DATABASE", Some(inside)) => inside.replace("\"\"", "\""),
        _ => thing.to_owned(),
    };
    let thing = format!("{} {thing}", kind.to_ascii_lowercase());
    let mut all = Vec::new();
    for one in privileges.trim().split(", ") {
        let (privilege, column) = match one.split_once(" (") {
            Some((privilege, column)) => (privilege, Some(column.strip_suffix(')')?.to_owned())),
            None => (one, None),
        };
        all.push((thing.clone(), privilege.to_owned(), column));
    }
    Some((all, can_grant))
}

/// Reads a file of such statements; another statement is a fault.
fn statements(
    text: &str,
    (verb, to): (&str, &str),
    role: &str,
) -> Result<Vec<(Right, bool)>, String> {
    let mut all = Vec::new();
    for line in text.lines().filter(|it| !matches!(*it, "BEGIN;" | "COMMIT;")) {
        let read = statement(line, verb, to, role);
        let (rights, can_grant) =
            read.ok_or_else(|| format!("this does something else: {line}"))?;
        all.extend(rights.into_iter().map(|it| (it, can_grant)));
    }
    Ok(all)
}

/// Gives all that a command may have asked for: what it changes it reads, what it reads it may lock, and one statement may
/// insert, update and delete.
fn asked(command: &str) -> &'static [&'static str] {
    match command {
        "SELECT" => &["SELECT", "UPDATE"],
        "INSERT" => &["INSERT", "SELECT", "UPDATE", "DELETE"],
        "UPDATE" => &["UPDATE", "SELECT", "DELETE"],
        "DELETE" => &["DELETE", "SELECT"],
        _ => &[],
    }
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
        match statements(text, ("REVOKE ", " FROM "), id) {
            Ok(all) => taken.extend(all.into_iter().map(|it| it.0)),
            Err(fault) => told.gives_more.push(fault),
        }
    }
    for gone in &taken {
        if !before.contains(gone) {
            told.files.push(format!("it takes back what is not there: {}", name(gone)));
        }
        // What goes for the whole goes for each column.
        left.retain(|it| it != gone && !(gone.2.is_none() && name(it) == name(gone)));
    }
    told.files.extend(way_back(weights, &own, &taken));
    for it in used {
        told.replay.asked = told.replay.asked.saturating_add(1);
        let Some((thing, command)) = it.action.rsplit_once(':') else { continue };
        let is_asked = |right: &&Right| {
            right.0 == thing && (right.1 == command || asked(command).contains(&right.1.as_str()))
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
    let others: BTreeSet<String> = others.map(|it| name(&right(it))).collect();
    let names = |of: &BTreeSet<Right>| {
        of.iter().map(name).chain(others.iter().cloned()).collect::<BTreeSet<_>>()
    };
    told.given.before = names(&before).into_iter().map(|it| (it, None)).collect();
    told.given.after = names(&left);
    Ok(told)
}

/// Says whether the way back gives again all that is taken, and nothing else.
fn way_back(weights: &Weights<'_>, own: &[&Vec<&str>], taken: &BTreeSet<Right>) -> Vec<String> {
    let mut given = BTreeSet::new();
    let mut faults = Vec::new();
    for file in weights.certificate.files.iter().filter(|it| it.file.starts_with("rollback/")) {
        let text = weights.documents.get(&file.file).and_then(Json::as_text).unwrap_or_default();
        match statements(text, ("GRANT ", " TO "), &weights.certificate.identity) {
            Ok(all) => given.extend(all),
            Err(fault) => faults.push(fault),
        }
    }
    let was = own.iter().map(|it| (right(it), at(it, 7) == "t"));
    let was: BTreeSet<_> = was.filter(|it| taken.contains(&it.0)).collect();
    if was != given {
        faults.push("the way back gives something else than is taken".to_owned());
    }
    faults
}
