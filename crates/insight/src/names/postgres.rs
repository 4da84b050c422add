//! Which privilege of `PostgreSQL` a command takes, by its manual (chapters 5.8, 22 and the pages of the commands).
//!
//! A log names commands. For what reads and writes rows the command is the privilege, and so it is for what alone the owner
//! of an object may do to it (`ALTER TABLE`, `DROP TABLE`). What makes objects takes a privilege on what they will lie in. A
//! statement that names no object may have been about any.

use bailiwick_model::Platform;

use super::{Certainty, Name, Native, spelt};

/// Privileges on whatever has rows.
const ON_TABLES: &[&str] =
    &["SELECT", "INSERT", "UPDATE", "DELETE", "TRUNCATE", "REFERENCES", "TRIGGER", "MAINTAIN"];
/// What a role may be besides.
const OF_ROLES: &[&str] = &["CREATEROLE", "CREATEDB", "REPLICATION", "BYPASSRLS"];
/// What anybody may do who is let in.
const FREE: &[&str] = &[
    "BEGIN",
    "START TRANSACTION",
    "COMMIT",
    "ROLLBACK",
    "SAVEPOINT",
    "RELEASE",
    "ROLLBACK TO SAVEPOINT",
    "PREPARE",
    "EXECUTE",
    "DEALLOCATE",
    "DEALLOCATE ALL",
    "DECLARE CURSOR",
    "FETCH",
    "MOVE",
    "CLOSE CURSOR",
    "CLOSE CURSOR ALL",
    "SHOW",
    "RESET",
    "DISCARD",
    "DISCARD ALL",
    "LISTEN",
    "UNLISTEN",
    "UNLISTEN *",
    "NOTIFY",
    "EXPLAIN",
];
/// Commands that make something within a schema, and need nothing but to be let into it.
const MAKES: &[&str] = &[
    "CREATE TABLE",
    "CREATE TABLE AS",
    "SELECT INTO",
    "CREATE VIEW",
    "CREATE MATERIALIZED VIEW",
    "CREATE SEQUENCE",
    "CREATE FUNCTION",
    "CREATE PROCEDURE",
    "CREATE DOMAIN",
    "CREATE COLLATION",
];

/// Names the privilege that a command took.
pub(super) fn name(native: Native<'_>) -> Name {
    let plain = |text: String, certainty| Name { text, certainty };
    let (on, operation) = (native.service, native.operation);
    let own = spelt(Platform::Postgres, on, operation);
    let Some((sort, object)) = on.split_once(' ') else {
        return match operation {
            it if on == "attribute" && OF_ROLES.contains(&it) => plain(own, Certainty::Exact),
            "CREATE ROLE" | "DROP ROLE" => attribute("CREATEROLE"),
            "CREATE DATABASE" => attribute("CREATEDB"),
            it if FREE.contains(&it) => plain(own, Certainty::Permissionless),
            _ => plain(own, Certainty::Unknown),
        };
    };
    if is_privilege(sort, operation) {
        return plain(own, Certainty::Exact);
    }
    match operation {
        it if MAKES.contains(&it) => match schema(object) {
            // What is temporary lies in no schema that anybody grants.
            Some("pg_temp") | None => plain(own, Certainty::Unknown),
            Some(schema) => plain(format!("postgres:schema {schema}:CREATE"), Certainty::Renamed),
        },
        // The objects that go with another that is dropped are not asked about.
        it => match it.strip_prefix("ALTER ").or_else(|| it.strip_prefix("DROP ")) {
            Some(what) if is_of(what, sort) => plain(own, Certainty::Exact),
            Some(_) | None => plain(own, Certainty::Unknown),
        },
    }
}

/// Names what a role may do that is on no object.
fn attribute(name: &str) -> Name {
    Name { text: spelt(Platform::Postgres, "attribute", name), certainty: Certainty::Renamed }
}

fn is_privilege(sort: &str, operation: &str) -> bool {
    match sort {
        "table" => ON_TABLES.contains(&operation),
        "sequence" => matches!(operation, "SELECT" | "UPDATE" | "USAGE"),
        "function" => operation == "EXECUTE",
        "schema" => matches!(operation, "CREATE" | "USAGE"),
        "database" => matches!(operation, "CREATE" | "CONNECT" | "TEMPORARY"),
        "role" => operation == "SET",
        "language" | "type" => operation == "USAGE",
        "tablespace" => operation == "CREATE",
        _ => operation == "USAGE" && sort.starts_with("foreign"),
    }
}

/// Says whether a command's `TABLE` is what a log calls a `table`.
fn is_of(what: &str, sort: &str) -> bool {
    match sort {
        "table" => matches!(what, "TABLE" | "VIEW" | "MATERIALIZED VIEW" | "FOREIGN TABLE"),
        "function" => matches!(what, "FUNCTION" | "PROCEDURE" | "AGGREGATE" | "ROUTINE"),
        _ => what.eq_ignore_ascii_case(sort),
    }
}

/// Gives the schema of `shop.orders`, or of `"Odd, One".orders`.
fn schema(object: &str) -> Option<&str> {
    let mut is_quoted = false;
    let dot = object.find(|letter| {
        is_quoted ^= letter == '"';
        letter == '.' && !is_quoted
    })?;
    object.get(..dot).filter(|it| !it.is_empty())
}

#[cfg(test)]
mod tests {
    use bailiwick_model::Along;

    use super::*;

    fn told(service: &str, operation: &str) -> String {
        let platform = Platform::Postgres;
        let name =
            name(Native { platform, service, operation, along: Along::NOTHING, internal: false });
        format!("{} {}", name.certainty.as_str(), name.text)
    }

    #[test]
    fn commands_are_named_by_the_privilege_they_take() {
        for (on, operation, is) in [
            ("table public.orders", "SELECT", "exact postgres:table public.orders:SELECT"),
            ("function public.f", "EXECUTE", "exact postgres:function public.f:EXECUTE"),
            ("database shop", "CONNECT", "exact postgres:database shop:CONNECT"),
            ("role readers", "SET", "exact postgres:role readers:SET"),
            ("attribute", "CREATEROLE", "exact postgres:attribute:CREATEROLE"),
            ("", "CREATE ROLE", "renamed postgres:attribute:CREATEROLE"),
            ("table \"a.b\".\"c\"\"\"", "CREATE TABLE", "renamed postgres:schema \"a.b\":CREATE"),
            (
                "table public.mv",
                "CREATE MATERIALIZED VIEW",
                "renamed postgres:schema public:CREATE",
            ),
            (
                "table public.orders",
                "ALTER TABLE",
                "exact postgres:table public.orders:ALTER TABLE",
            ),
            ("table public.v", "DROP VIEW", "exact postgres:table public.v:DROP VIEW"),
            ("table public.orders", "COMMENT", "unknown postgres:table public.orders:COMMENT"),
            ("", "COMMIT", "permissionless postgres:COMMIT"),
            // Which table it was, or which privilege, nobody said.
            ("", "SELECT", "unknown postgres:SELECT"),
            ("", "GRANT", "unknown postgres:GRANT"),
            ("role", "SET", "unknown postgres:role:SET"),
            // Any of several is enough for it.
            (
                "table a.b",
                "LOCK TABLE IN SHARE MODE",
                "unknown postgres:table a.b:LOCK TABLE IN SHARE MODE",
            ),
            ("table orders", "", "unknown postgres:table orders:"),
            ("table pg_temp.x", "CREATE TABLE", "unknown postgres:table pg_temp.x:CREATE TABLE"),
            ("index public.i", "CREATE INDEX", "unknown postgres:index public.i:CREATE INDEX"),
            // It went with a table, whose owner was asked for.
            ("index public.i", "DROP TABLE", "unknown postgres:index public.i:DROP TABLE"),
            ("table public.orders", "EXECUTE", "unknown postgres:table public.orders:EXECUTE"),
        ] {
            assert_eq!(told(on, operation), is);
        }
    }
}
