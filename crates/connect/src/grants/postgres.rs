//! Roles and grants of a live PostgreSQL: who is a member of what, and what each may do in one database.
//!
//! It is asked in one transaction that only reads. Any login may ask: the catalogues are open to all.

mod address;
mod held;
mod listed;

use std::time::Duration;

use bailiwick_model::Holder;
use tokio::time::timeout;

use self::held::{Link, Right, Role, holders};
pub use self::{
    address::{PostgresAddress, PostgresAddressError},
    listed::list_postgres_grants,
};
use crate::broker::postgres::looking::Looking;

/// How long all of it may take.
const PATIENCE: Duration = Duration::from_secs(180);

const WHERE: &str = "SELECT current_setting('server_version_num'), current_database()";

const ROLES: &str = "SELECT oid, rolname, rolcanlogin, rolsuper, rolcreaterole, rolcreatedb, \
rolreplication, rolbypassrls FROM pg_roles";

/// Who is a member of what: before version 16 it is the member who inherits or does not, and whoever is one may become it.
const MEMBERS: &str = "SELECT m.roleid, m.member, r.rolinherit, true, m.admin_option \
FROM pg_auth_members m JOIN pg_roles r ON r.oid = m.member";
const MEMBERS_16: &str =
    "SELECT roleid, member, inherit_option, set_option, admin_option FROM pg_auth_members";
/// Whoever owns the database belongs to a role of this name without being put there.
const OWNER: &str = " UNION ALL SELECT r.oid, d.datdba, true, true, false FROM pg_database d, \
pg_roles r WHERE d.datname = current_database() AND r.rolname = 'pg_database_owner'";

/// Whatever is of the system itself is left out: all may look at most of it.
const OURS: &str = "n.nspname !~ '^pg_' AND n.nspname <> 'information_schema'";

/// Asks for one kind of things: what it is called, who owns it, who was given what by whom it is owned.
fn rights(kind: &str, name: &str, owner: &str, acl: (&str, &str), from: &str) -> String {
    let (acl, default) = acl;
    format!(
        "SELECT {kind}, {name}, {owner}, {owner}, NULL, NULL FROM {from} UNION ALL \
         SELECT {kind}, {name}, {owner}, a.grantee, a.privilege_type, NULL FROM {from}, \
         LATERAL aclexplode(coalesce({acl}, acldefault({default}, {owner}))) a"
    )
}

fn questions() -> [String; 5] {
    let table = "quote_ident(n.nspname) || '.' || quote_ident(c.relname)";
    let relations = format!(
        "(SELECT * FROM pg_class WHERE relkind IN ('r', 'p', 'v', 'm', 'f', 'S')) c JOIN \
         (SELECT * FROM pg_namespace n WHERE {OURS}) n ON n.oid = c.relnamespace"
    );
    let functions = format!(
        "pg_proc p JOIN (SELECT * FROM pg_namespace n WHERE {OURS}) n ON n.oid = p.pronamespace"
    );
    let schemas = format!("(SELECT * FROM pg_namespace n WHERE {OURS}) n");
    let sort = "(CASE c.relkind WHEN 'S' THEN 'sequence' ELSE 'table' END)";
    let default = "(CASE c.relkind WHEN 'S' THEN 's' ELSE 'r' END)::\"char\"";
    let function = "quote_ident(n.nspname) || '.' || quote_ident(p.proname)";
    [
        rights(sort, table, "c.relowner", ("c.relacl", default), &relations),
        rights("'function'", function, "p.proowner", ("p.proacl", "'f'"), &functions),
        rights("'schema'", "quote_ident(n.nspname)", "n.nspowner", ("n.nspacl", "'n'"), &schemas),
        // The log writes a database's name as it is.
        rights(
            "'database'",
            "d.datname",
            "d.datdba",
            ("d.datacl", "'d'"),
            "(SELECT * FROM pg_database WHERE datallowconn) d",
        ),
        format!(
            "SELECT {sort}, {table}, c.relowner, a.grantee, a.privilege_type, quote_ident(t.attname) \
             FROM {relations} JOIN pg_attribute t ON t.attrelid = c.oid, LATERAL aclexplode(t.attacl) a \
             WHERE t.attacl IS NOT NULL AND NOT t.attisdropped"
        ),
    ]
}

/// A database could not be asked. No message holds a password.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{at}`: {why}")]
pub struct PostgresGrantsError {
    at: String,
    why: String,
}

/// Asks a database who may do what.
pub async fn read_postgres_grants(
    address: &PostgresAddress,
) -> Result<Vec<Holder>, PostgresGrantsError> {
    let late = || Err("it takes too long".to_owned());
    let asked = timeout(PATIENCE, asked(address)).await.unwrap_or_else(|_| late());
    asked.map_err(|why| PostgresGrantsError { at: address.to_string(), why })
}

async fn asked(address: &PostgresAddress) -> Result<Vec<Holder>, String> {
    let mut session = Looking::open(address.looked_at()).await?;
    let [version, here] = session.rows(WHERE).await?.into_iter().next().unwrap_or_default();
    let version: u32 = version.and_then(|it| it.parse().ok()).unwrap_or_default();
    // As its log calls it, whatever it was called on the way.
    let here = here.unwrap_or_else(|| address.looked_at().database.clone());
    let members = if version < 160_000 { MEMBERS } else { MEMBERS_16 };
    let roles = session.rows(ROLES).await?;
    let links = session.rows(&format!("{members}{OWNER}")).await?;
    let mut rights = Vec::new();
    for question in questions() {
        rights.extend(session.rows(&question).await?.into_iter().filter_map(Right::of));
    }
    session.close().await;
    let roles: Vec<_> = roles.into_iter().filter_map(Role::of).collect();
    let links: Vec<_> = links.into_iter().filter_map(Link::of).collect();
    Ok(holders(&here, &roles, &links, &rights))
}
