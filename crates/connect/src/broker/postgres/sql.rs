//! The questions that the broker has for PostgreSQL, with names and texts quoted.

use super::Defaults;

/// What a group, or one that it belongs to, may have so that no lease of it is given.
const TOO_FAR: &str = "\
CASE WHEN r.rolsuper THEN 'is superuser' \
WHEN r.rolcreaterole THEN 'may create roles' \
WHEN r.rolcreatedb THEN 'may create databases' \
WHEN r.rolreplication THEN 'may replicate' \
WHEN r.rolbypassrls THEN 'bypasses row security' \
WHEN r.rolname IN ('pg_execute_server_program', 'pg_read_server_files', \
'pg_write_server_files', 'pg_signal_backend') THEN 'reaches the server itself' \
WHEN held.admin THEN 'may be given on to others' END";

/// Quotes a name.
pub(super) fn name(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

/// Quotes a text, in the form that reads the same whatever the server is set to.
pub(super) fn text(text: &str) -> String {
    format!(" E'{}'", text.replace('\\', "\\\\").replace('\'', "''"))
}

fn names(of: &[String], quoted: fn(&str) -> String) -> String {
    of.iter().map(|it| quoted(it)).collect::<Vec<_>>().join(", ")
}

/// Bounds our own session, and lets nobody else's tables or functions stand in for the system's.
pub(super) const OURSELVES: &str = "SET search_path = pg_catalog; SET statement_timeout = '5s'; \
SET lock_timeout = '3s'; SET idle_in_transaction_session_timeout = '10s'";

/// Asks what each of the groups is and leads to: its name, and what of it goes too far.
pub(super) fn reach(groups: &[String]) -> String {
    let groups = names(groups, text);
    format!(
        "WITH RECURSIVE held(oid, admin) AS (SELECT oid, false FROM pg_roles \
         WHERE rolname IN ({groups}) UNION SELECT m.roleid, m.admin_option \
         FROM pg_auth_members m JOIN held ON m.member = held.oid) \
         SELECT r.rolname, {TOO_FAR} FROM held JOIN pg_roles r ON r.oid = held.oid"
    )
}

/// Asks whether we may end the sessions of others: `t` or `f`.
pub(super) const MAY_END: &str = "SELECT pg_has_role('pg_signal_backend', 'USAGE')";

/// Makes the role, with its bounds and its comment, as one step.
pub(super) fn create(role: &str, made: &Made<'_>) -> String {
    let (quoted, Made { verifier, until, connections, groups, comment, defaults }) =
        (name(role), made);
    let mut sql = format!(
        "CREATE ROLE {quoted} LOGIN CONNECTION LIMIT {connections} PASSWORD{} VALID UNTIL{} \
         IN ROLE {}",
        text(verifier),
        text(until),
        names(groups, name),
    );
    for (setting, value) in defaults.settings() {
        sql += &format!("; ALTER ROLE {quoted} SET {setting} = {value}");
    }
    sql + &format!("; COMMENT ON ROLE {quoted} IS{}", text(comment))
}

/// What a role is made with.
pub(super) struct Made<'m> {
    pub(super) verifier: &'m str,
    pub(super) until: &'m str,
    pub(super) connections: u16,
    pub(super) groups: &'m [String],
    pub(super) comment: &'m str,
    pub(super) defaults: &'m Defaults,
}

impl Defaults {
    fn settings(&self) -> impl Iterator<Item = (&'static str, String)> {
        let spans = [
            ("statement_timeout", self.statement),
            ("idle_in_transaction_session_timeout", self.idle_in_transaction),
        ];
        let path = (!self.search_path.is_empty()).then(|| names(&self.search_path, name));
        spans
            .into_iter()
            .filter_map(|(setting, span)| Some((setting, span?.as_millis().to_string())))
            .chain(path.map(|it| ("search_path", it)))
    }
}

/// Asks for the number of a role; no row where there is none.
pub(super) fn number(role: &str) -> String {
    format!("SELECT oid FROM pg_roles WHERE rolname ={}", text(role))
}

/// Ends the sessions of a role that are open at this moment, and counts them.
pub(super) fn end_sessions(number: u32) -> String {
    format!(
        "SELECT count(*), count(pg_terminate_backend(pid)) FROM pg_stat_activity \
         WHERE usesysid = {number}"
    )
}

/// Lets nobody sign in any more.
pub(super) fn no_login(role: &str) -> String {
    format!("ALTER ROLE {} NOLOGIN", name(role))
}

/// Hands on what the role owns in this database, and takes what it was given there.
pub(super) fn hand_on(role: &str, heir: &str) -> String {
    let (role, heir) = (name(role), name(heir));
    format!(
        "GRANT {role} TO CURRENT_USER; REASSIGN OWNED BY {role} TO {heir}; DROP OWNED BY {role}"
    )
}

/// Removes the role.
pub(super) fn drop_role(role: &str) -> String {
    format!("DROP ROLE IF EXISTS {}", name(role))
}

/// Asks for all roles with our comment.
pub(super) fn found(prefix: &str, comment: &str) -> String {
    format!(
        "SELECT r.rolname FROM pg_roles r JOIN pg_shdescription d ON d.objoid = r.oid \
         AND d.classoid = 'pg_authid'::regclass \
         WHERE starts_with(r.rolname,{}) AND starts_with(d.description,{})",
        text(prefix),
        text(comment)
    )
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn what_is_quoted_ends_where_it_should() {
        assert_eq!(name("a\"b"), "\"a\"\"b\"");
        assert_eq!(text(r"it's \'"), r" E'it''s \\'''");
    }

    #[test]
    fn a_role_is_made_by_membership_alone() {
        let made = Made {
            verifier: "SCRAM-SHA-256$…",
            until: "2026-01-01T00:00:00.000Z",
            connections: 2,
            groups: &["readers".into(), "\"odd".into()],
            comment: "bailiwick orders-db",
            defaults: &Defaults {
                statement: Some(Duration::from_secs(30)),
                idle_in_transaction: None,
                search_path: vec!["orders".into()],
            },
        };
        assert_eq!(
            create("bw_x", &made),
            "CREATE ROLE \"bw_x\" LOGIN CONNECTION LIMIT 2 PASSWORD E'SCRAM-SHA-256$…' \
             VALID UNTIL E'2026-01-01T00:00:00.000Z' IN ROLE \"readers\", \"\"\"odd\"; \
             ALTER ROLE \"bw_x\" SET statement_timeout = 30000; \
             ALTER ROLE \"bw_x\" SET search_path = \"orders\"; \
             COMMENT ON ROLE \"bw_x\" IS E'bailiwick orders-db'"
        );
    }
}
