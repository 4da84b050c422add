//! PostgreSQL: what its roles are granted, asked of the server itself.

use bailiwick_connect::{
    Secret,
    grants::{PostgresAddress, read_postgres_grants},
};
use bailiwick_model::{Holder, Patterns};
use bailiwick_testkit::real::Postgres as Server;

const PREPARED: &str = "
    CREATE ROLE auditor LOGIN PASSWORD 'of the auditor';
    CREATE ROLE ann LOGIN; CREATE ROLE bob LOGIN NOINHERIT CREATEDB; CREATE ROLE readers; CREATE ROLE writers;
    GRANT readers TO ann; GRANT writers TO bob; GRANT pg_read_all_data TO writers;
    CREATE SCHEMA shop; GRANT USAGE ON SCHEMA shop TO readers;
    CREATE TABLE shop.\"Odd Orders\" (id int, state text); CREATE TABLE shop.seen (at int); CREATE SEQUENCE shop.ids;
    ALTER TABLE shop.seen OWNER TO ann;
    GRANT SELECT ON shop.\"Odd Orders\" TO readers; GRANT UPDATE (state) ON shop.\"Odd Orders\" TO ann;
    GRANT INSERT ON shop.\"Odd Orders\" TO writers; GRANT USAGE ON SEQUENCE shop.ids TO writers;
    CREATE FUNCTION shop.pay() RETURNS int LANGUAGE sql AS 'SELECT 1';
    REVOKE ALL ON FUNCTION shop.pay() FROM PUBLIC; GRANT EXECUTE ON FUNCTION shop.pay() TO readers;
    CREATE FUNCTION shop.free() RETURNS int LANGUAGE sql AS 'SELECT 1';
";

/// Tells what one holds in a database, or in all of them: a line for each way, with a `?` where something more must hold.
fn told(holders: &[Holder], id: &str, account: &str) -> Vec<String> {
    let mut lines = Vec::new();
    let holders = holders.iter().filter(|it| it.id == id && it.account == account);
    for policy in holders.flat_map(|it| &it.policies) {
        let statement = &policy.statements[0];
        let Patterns::Only(names) = &statement.actions else { panic!("{policy:?}") };
        let mark = if statement.conditional { "?" } else { "" };
        lines.push(format!("{}{mark}: {}", policy.path, names.join(", ")));
    }
    lines
}

#[test]
fn a_live_server_says_who_may_do_what_and_by_which_way() {
    for programs in Server::installed() {
        let server = Server::start(&programs, &[]);
        server.sql(PREPARED);
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let address = format!("postgres://auditor@127.0.0.1:{}/postgres", server.port());
        let read = |password: &str| {
            let address = PostgresAddress::parse(&address, Some(Secret::new(password))).unwrap();
            runtime.block_on(read_postgres_grants(&address))
        };
        let holders = read("of the auditor").unwrap();
        assert_eq!(
            told(&holders, "ann", "postgres"),
            [
                "GRANT UPDATE (state)?: table shop.\"Odd Orders\":UPDATE",
                "owner: table shop.seen:ALTER*, table shop.seen:DELETE, table shop.seen:DROP*, \
                 table shop.seen:INSERT, table shop.seen:REFERENCES, table shop.seen:SELECT, \
                 table shop.seen:TRIGGER, table shop.seen:TRUNCATE, table shop.seen:UPDATE",
                "member of readers › GRANT EXECUTE: function shop.pay:EXECUTE",
                "member of readers › GRANT SELECT: table shop.\"Odd Orders\":SELECT",
                "member of readers › GRANT USAGE: schema shop:USAGE",
            ]
        );
        assert_eq!(
            told(&holders, "bob", "postgres"),
            [
                "SET ROLE writers › GRANT INSERT?: table shop.\"Odd Orders\":INSERT",
                "SET ROLE writers › GRANT USAGE?: sequence shop.ids:USAGE",
            ]
        );
        assert_eq!(
            told(&holders, "bob", ""),
            [
                "SET ROLE writers › member of pg_read_all_data?: table *:SELECT, sequence *:SELECT, schema *:USAGE",
                "CREATEDB: attribute:CREATEDB",
            ]
        );
        assert_eq!(told(&holders, "postgres", ""), ["superuser: *"]);
        assert_eq!(
            told(&holders, "*", "template1"),
            ["PUBLIC › GRANT CONNECT: database template1:CONNECT"]
        );
        let everybody = told(&holders, "*", "postgres").join("\n");
        assert!(
            everybody.contains("PUBLIC › GRANT CONNECT: database postgres:CONNECT"),
            "{everybody}"
        );
        assert!(everybody.contains("function shop.free:EXECUTE"), "{everybody}");
        assert!(
            !everybody.contains("shop.pay") && !everybody.contains("pg_catalog"),
            "{everybody}"
        );
        let error = read("of nobody").unwrap_err().to_string();
        assert!(
            error.starts_with(&format!("`{address}`: ")) && !error.contains("of nobody"),
            "{error}"
        );
    }
}
