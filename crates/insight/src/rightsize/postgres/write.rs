//! The SQL that takes grants back, and that which gives them again.

use std::{collections::BTreeSet, fmt::Write as _};

use bailiwick_model::Json;

use super::{
    super::{
        Document, Plan, Stage, command,
        decide::file,
        named::{Left, Written},
        shadow,
    },
    Conninfo, Found, Right,
    name::{literal, written as quoted},
};

fn thing(right: &Right<'_>) -> String {
    // Schemas and what is in them come quoted where they must be.
    let name = if right.kind == "database" { quoted(right.thing) } else { right.thing.to_owned() };
    format!("{} {name}", right.kind.to_ascii_uppercase())
}

fn privilege(right: &Right<'_>) -> String {
    let column = right.column.map(|it| format!(" ({it})")).unwrap_or_default();
    format!("{}{column}", right.privilege)
}

/// Writes what ends a transaction that has come to another server, or to another database of it.
fn guard(found: &Found<'_>) -> String {
    let here = [("current_database()", found.database)];
    let is_other =
        |(asks, says): (&str, &str)| format!("{asks} IS DISTINCT FROM {}", literal(says));
    let server = found.server.iter().copied();
    let others: Vec<_> = here.into_iter().chain(server).map(is_other).collect();
    let why = "this is not the database that these grants were listed of";
    let body = format!(
        "BEGIN\n  IF {} THEN\n    RAISE EXCEPTION '{why}';\n  END IF;\nEND",
        others.join("\n    OR ")
    );
    // A name may hold whatever ends it.
    let mut tag = "$check$".to_owned();
    let mut number = 1_u32;
    while body.contains(&tag) {
        tag = format!("$check{number}$");
        number = number.saturating_add(1);
    }
    format!("DO {tag}\n{body}\n{tag};\n")
}

/// Writes one file that takes back what goes of all grants, one that gives it again, and how they are run.
pub(in crate::rightsize) fn write(
    found: &Found<'_>,
    left: &[Left<'_>],
    place: &Conninfo,
    days: u64,
) -> Written {
    let role = quoted(&found.holding.id);
    let begin = format!("BEGIN;\n{}", guard(found));
    let (mut revoke, mut grant) = (begin.clone(), begin);
    for (left, rights) in left.iter().zip(&found.own).filter(|it| it.0.is_changed()) {
        let goes = |it: &&Right<'_>| !left.names.contains(it.name().as_str());
        let gone: Vec<_> = rights.iter().filter(goes).collect();
        let Some(on) = gone.first().map(|it| thing(it)) else { continue };
        let all: Vec<_> = gone.iter().map(|it| privilege(it)).collect();
        let _ = writeln!(revoke, "REVOKE {} ON {on} FROM {role};", all.join(", "));
        for grantable in [false, true] {
            let back = gone.iter().filter(|it| it.is_grantable == grantable);
            let back: Vec<_> = back.map(|it| privilege(it)).collect();
            let option = if grantable { " WITH GRANT OPTION" } else { "" };
            if !back.is_empty() {
                let _ = writeln!(grant, "GRANT {} ON {on} TO {role}{option};", back.join(", "));
            }
        }
    }
    let mut written = Written::default();
    if !left.iter().any(Left::is_changed) {
        return written;
    }
    let named = |folder: &str, text: String| {
        let path = file(folder, &found.holding.id, &mut BTreeSet::new());
        let path = path.strip_suffix(".json").map_or(path.clone(), |it| format!("{it}.sql"));
        Document { file: path, json: Json::Text(text + "COMMIT;\n") }
    };
    let (revoke, grant) = (named("policies", revoke), named("rollback", grant));
    // A name alone might be read as a place.
    let place = place.within(found.database).to_string();
    let run = |file: &str| {
        let stop = "--set=ON_ERROR_STOP=1";
        command(&["psql", "--no-psqlrc", stop, "--dbname", &place, "--file", file])
    };
    let stage = Stage {
        stage: "revoke",
        says: "in one transaction that ends at once on any other server what is not used is taken back; PostgreSQL has no denial that ends by itself, so nothing comes back but by the command".to_owned(),
        days: 0,
        until: None,
        commands: vec![run(&revoke.file)],
        rollback: vec![run(&grant.file)],
    };
    let documents = |it: &Left<'_>| if it.is_changed() { vec![revoke.clone()] } else { Vec::new() };
    written.successors = left.iter().map(documents).collect();
    written.files = vec![grant];
    written.plan = Plan { stages: vec![shadow(days), stage] };
    written
}
