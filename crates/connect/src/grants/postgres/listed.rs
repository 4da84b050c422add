//! What a database lists of its grants, word for word, for SQL to be written from it: by names, with who granted what.

use serde_json::{Value, json};
use tokio::time::timeout;

use super::{OURS, PATIENCE, PostgresAddress, PostgresGrantsError};
use crate::broker::postgres::looking::Looking;

/// Names the shape.
const SHAPE: &str = "bailiwick-postgres-grants/1";

const ROLES: &str = "SELECT rolname, rolcanlogin, rolsuper FROM pg_roles ORDER BY 1";
const MEMBERS: &str = "SELECT pg_get_userbyid(roleid), pg_get_userbyid(member), admin_option \
FROM pg_auth_members ORDER BY 1, 2";
/// Who owns something that uses what its owner may, whoever asks it to.
const OWNERS: &str = "SELECT DISTINCT pg_get_userbyid(o) FROM \
(SELECT relowner AS o FROM pg_class UNION SELECT proowner FROM pg_proc) x ORDER BY 1";
/// Where what is logged, or as whom somebody comes in, is set for single roles or databases.
const SETTINGS: &str = "SELECT CASE setrole WHEN 0 THEN '' ELSE pg_get_userbyid(setrole) END, \
coalesce((SELECT datname FROM pg_database WHERE oid = setdatabase), ''), s \
FROM pg_db_role_setting, unnest(setconfig) s WHERE s LIKE 'pgaudit.%' OR s LIKE 'role=%' ORDER BY 1, 2, 3";

/// What tells a server from others.
const SERVER: &str = "SELECT current_setting('port'), current_setting('cluster_name'), \
has_function_privilege('pg_control_system()', 'EXECUTE')";
/// The number that a server was given when it was made.
const SYSTEM: &str = "SELECT system_identifier FROM pg_control_system()";

/// Asks who was given what on one kind of things, by whom, and whether they may hand it on.
fn rights(kind: &str, name: &str, owner: &str, acl: (&str, &str, &str), from: &str) -> String {
    let (acl, default, column) = acl;
    let acl = if default.is_empty() {
        acl.to_owned()
    } else {
        format!("coalesce({acl}, acldefault({default}, {owner}))")
    };
    format!(
        "SELECT {kind}, {name}, pg_get_userbyid({owner})::text, \
         CASE a.grantee WHEN 0 THEN '' ELSE pg_get_userbyid(a.grantee)::text END, a.privilege_type, \
         {column}, pg_get_userbyid(a.grantor)::text, a.is_grantable \
         FROM {from}, LATERAL aclexplode({acl}) a"
    )
}

fn question() -> String {
    let table = "quote_ident(n.nspname) || '.' || quote_ident(c.relname)";
    let sort = "(CASE c.relkind WHEN 'S' THEN 'sequence' ELSE 'table' END)";
    let default = "(CASE c.relkind WHEN 'S' THEN 's' ELSE 'r' END)::\"char\"";
    let spaces = format!("(SELECT * FROM pg_namespace n WHERE {OURS}) n");
    let relations = format!(
        "(SELECT * FROM pg_class WHERE relkind IN ('r', 'p', 'v', 'm', 'f', 'S')) c JOIN {spaces} ON n.oid = c.relnamespace"
    );
    let functions = format!("pg_proc p JOIN {spaces} ON n.oid = p.pronamespace");
    let columns = format!(
        "{relations} JOIN (SELECT * FROM pg_attribute WHERE attacl IS NOT NULL AND NOT attisdropped) t ON t.attrelid = c.oid"
    );
    let function = "quote_ident(n.nspname) || '.' || quote_ident(p.proname)";
    let parts = [
        rights(sort, table, "c.relowner", ("c.relacl", default, "NULL"), &relations),
        rights(sort, table, "c.relowner", ("t.attacl", "", "quote_ident(t.attname)"), &columns),
        rights("'function'", function, "p.proowner", ("p.proacl", "'f'", "NULL"), &functions),
        rights(
            "'schema'",
            "quote_ident(n.nspname)",
            "n.nspowner",
            ("n.nspacl", "'n'", "NULL"),
            &spaces,
        ),
        rights(
            "'database'",
            "d.datname",
            "d.datdba",
            ("d.datacl", "'d'", "NULL"),
            "(SELECT * FROM pg_database WHERE datallowconn) d",
        ),
    ];
    format!("SELECT DISTINCT * FROM ({}) x ORDER BY 1, 2, 4, 5, 6, 7, 8", parts.join(" UNION ALL "))
}

/// Asks a database for all that right-sizing needs to know of its grants, as JSON.
pub async fn list_postgres_grants(
    address: &PostgresAddress,
) -> Result<String, PostgresGrantsError> {
    let late = || Err("it takes too long".to_owned());
    let asked = timeout(PATIENCE, asked(address)).await.unwrap_or_else(|_| late());
    asked.map_err(|why| PostgresGrantsError { at: address.to_string(), why })
}

async fn asked(address: &PostgresAddress) -> Result<String, String> {
    let mut session = Looking::open(address.looked_at()).await?;
    let database = session.rows::<1>("SELECT current_database()").await?;
    let database = database.into_iter().next().and_then(|[it]| it).unwrap_or_default();
    let server = session.rows::<3>(SERVER).await?;
    let [port, cluster, may_ask] = server.into_iter().next().unwrap_or_default();
    let system = if may_ask.as_deref() == Some("t") {
        session.rows::<1>(SYSTEM).await?.into_iter().next().and_then(|[it]| it)
    } else {
        None
    };
    let listed = json!({
        "shape": SHAPE,
        "database": database,
        "server": { "system": system, "port": port, "cluster": cluster },
        "roles": table(&session.rows::<3>(ROLES).await?),
        "members": table(&session.rows::<3>(MEMBERS).await?),
        "owners": table(&session.rows::<1>(OWNERS).await?),
        "settings": table(&session.rows::<3>(SETTINGS).await?),
        "rights": table(&session.rows::<8>(&question()).await?),
    });
    session.close().await;
    Ok(format!("{listed:#}\n"))
}

fn table<const N: usize>(rows: &[[Option<String>; N]]) -> Value {
    rows.iter().map(|row| row.iter().cloned().collect::<Value>()).collect()
}
