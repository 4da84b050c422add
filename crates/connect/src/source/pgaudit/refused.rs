//! What was refused, as far as the server's own words say.
//!
//! A message names what it was about, and never which privilege was wanting. Where the statement leaves one alone, that
//! is it; else it stays open.

use super::{
    object,
    row::Row,
    statement::{self, Target},
};

/// Messages of the class 28 that come before anybody is let in.
const AT_THE_DOOR: [&str; 4] =
    ["password authentication failed", "no pg_hba.conf entry", "pg_hba.conf rejects", "role \""];

/// Says whether a message is a refusal: its code says so, or, where the log has none, its words do.
pub(super) fn is_refusal(row: &Row<'_>) -> bool {
    if !matches!(&*row.severity, "ERROR" | "FATAL") && row.code.is_empty() {
        return false;
    }
    match &*row.code {
        "42501" => true,
        "" => {
            let words = &*row.message;
            words.starts_with("permission denied ")
                || words.starts_with("must be owner of ")
                || words.starts_with("must be superuser ")
                || words.starts_with("must be member of role ")
                || words.contains("violates row-level security policy")
                || is_at_the_door(row)
        }
        code => code.starts_with("28"),
    }
}

fn is_at_the_door(row: &Row<'_>) -> bool {
    let words = &*row.message;
    &*row.severity == "FATAL"
        && (AT_THE_DOOR.iter().any(|it| words.starts_with(it))
            || words.contains(" authentication failed for user "))
}

/// Gives what was refused, and the privilege that was wanting where that is beyond doubt.
pub(super) fn what(row: &Row<'_>) -> (String, String) {
    let open = || (String::new(), String::new());
    let of_role = |name: &str| ("attribute".to_owned(), name.to_owned());
    if &*row.severity == "FATAL" {
        // Nobody is in yet: it was the door that did not open.
        return (object("database", &row.database), "CONNECT".to_owned());
    }
    // Text has the place behind the message.
    let words = row.message.split(" at character ").next().unwrap_or_default();
    let quoted = |it: &'_ str| it.trim_matches('"').to_owned();
    if let Some(owned) = words.strip_prefix("must be owner of ") {
        let Some((sort, name)) = sort_and_name(owned) else { return open() };
        return (
            object(sort, &statement::written(name)),
            statement::of_owner(&row.statement, sort),
        );
    }
    if let Some(role) = words.strip_prefix("permission denied to set role ") {
        return (format!("role {}", statement::written(&quoted(role))), "SET".to_owned());
    }
    match words {
        "permission denied to create role" => return of_role("CREATEROLE"),
        "permission denied to create database" => return of_role("CREATEDB"),
        _ => {}
    }
    let Some((sort, name)) = words.strip_prefix("permission denied for ").and_then(sort_and_name)
    else {
        return open();
    };
    let name = match sort {
        "database" => quoted(name),
        _ => name.to_owned(),
    };
    privilege(row, sort, &name)
}

fn privilege(row: &Row<'_>, sort: &str, name: &str) -> (String, String) {
    let whole = |operation: &str| (object(sort, &statement::written(name)), operation.to_owned());
    match sort {
        "table" | "view" | "materialized view" | "foreign table" | "relation" => {
            // What a function did on the way is another statement, which the log does not have.
            let target = if row.context.is_empty() {
                statement::target(&row.statement)
            } else {
                Target::Open
            };
            match target {
                Target::Changes { operation, schema, table } if table == name => {
                    let schema = schema.map(|it| format!("{}.", statement::written(&it)));
                    let named =
                        format!("{}{}", schema.unwrap_or_default(), statement::written(name));
                    (object(sort, &named), operation.to_owned())
                }
                Target::Reads(words) if words.iter().any(|it| it == name) => whole("SELECT"),
                Target::Changes { .. } | Target::Reads(_) | Target::Open => whole(""),
            }
        }
        // These have but one privilege.
        "function" | "procedure" => whole("EXECUTE"),
        "language" | "type" | "foreign server" | "foreign-data wrapper" => whole("USAGE"),
        "tablespace" => whole("CREATE"),
        _ => whole(""),
    }
}

/// Takes `materialized view orders` apart.
fn sort_and_name(text: &str) -> Option<(&str, &str)> {
    const TWO: [&str; 4] =
        ["materialized view", "foreign table", "foreign server", "foreign-data wrapper"];
    for sort in TWO {
        if let Some(name) = text.strip_prefix(sort).and_then(|it| it.strip_prefix(' ')) {
            return Some((sort, name));
        }
    }
    text.split_once(' ')
}
