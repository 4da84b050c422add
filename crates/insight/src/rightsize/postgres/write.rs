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
    Found, Right,
};

/// Writes a name as SQL has it, whatever letters it is of.
pub(in crate::rightsize) fn quoted(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

fn thing(right: &Right<'_>) -> String {
    // Schemas and what is in them come quoted where they must be.
    let name = if right.kind == "database" { quoted(right.thing) } else { right.thing.to_owned() };
    format!("{} {name}", right.kind.to_ascii_uppercase())
}

fn privilege(right: &Right<'_>) -> String {
    let column = right.column.map(|it| format!(" ({it})")).unwrap_or_default();
    format!("{}{column}", right.privilege)
}

/// Writes one file that takes back what goes of all grants, one that gives it again, and how they are run.
pub(in crate::rightsize) fn write(found: &Found<'_>, left: &[Left<'_>], days: u64) -> Written {
    let role = quoted(&found.holding.id);
    let (mut revoke, mut grant) = ("BEGIN;\n".to_owned(), "BEGIN;\n".to_owned());
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
    let run = |file: &str| {
        let stop = "--set=ON_ERROR_STOP=1";
        command(&["psql", "--no-psqlrc", stop, "--dbname", found.database, "--file", file])
    };
    let stage = Stage {
        stage: "revoke",
        says: "in one transaction what is not used is taken back; PostgreSQL has no denial that ends by itself, so nothing comes back but by the command".to_owned(),
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
