//! Rights of a real PostgreSQL with pgaudit, taken back and given again.

use std::{
    fs,
    time::{Duration, Instant},
};

use bailiwick_testkit::real::Postgres as Server;
use serde_json::json;

use super::{House, files};

const PREPARED: &str = "
    CREATE ROLE auditor LOGIN PASSWORD 'of the auditor'; CREATE ROLE \"Ann O'Neil\" LOGIN; CREATE ROLE other LOGIN;
    CREATE SCHEMA shop; GRANT USAGE ON SCHEMA shop TO PUBLIC;
    CREATE TABLE shop.\"Odd Orders\" (id int, state text); CREATE TABLE shop.seen (at int); CREATE TABLE shop.old (at int);
    GRANT SELECT, INSERT, DELETE, TRUNCATE ON shop.\"Odd Orders\" TO \"Ann O'Neil\";
    GRANT SELECT (at), UPDATE (at) ON shop.old TO \"Ann O'Neil\"; GRANT DELETE ON shop.old TO \"Ann O'Neil\" WITH GRANT OPTION;
    GRANT SELECT, INSERT ON shop.seen TO other;";
const WHO: &str = "Ann O'Neil";

/// Starts a server on which somebody reads one of its tables, and takes its log.
fn served() -> Option<(Server, House)> {
    let programs = Server::audited()?;
    let server = Server::start(
        &programs,
        &[
            "shared_preload_libraries=pgaudit",
            "pgaudit.log=all",
            "pgaudit.log_relation=on",
            "log_timezone=UTC",
            "log_line_prefix=%m [%p] %q%u@%d ",
        ],
    );
    server.sql(PREPARED);
    for (who, sql) in [
        (WHO, "SELECT id FROM shop.\"Odd Orders\""),
        ("other", "SELECT at FROM shop.seen"),
        ("other", "INSERT INTO shop.seen VALUES (1)"),
        ("nobody_here", "SELECT 1"),
    ] {
        server.sql_as(who, sql);
    }
    let house = House::new();
    let since = Instant::now();
    // Who was refused may know that before the log is read.
    while !server.said().contains("role \"nobody_here\" does not exist") {
        assert!(since.elapsed() < Duration::from_secs(20), "{}", server.said());
        std::thread::yield_now();
    }
    house.write("server.log", &server.said());
    Some((server, house))
}

#[test]
fn what_a_real_role_does_not_use_is_taken_back_and_given_again() {
    let Some((server, house)) = served() else { return };
    let address =
        format!("postgres://auditor:of%20the%20auditor@127.0.0.1:{}/postgres", server.port());
    let ran =
        house.run(&[WHO, "server.log", "--grants", &address, "--window", "1d", "--out", "out"]);
    assert_eq!(ran.code, 0, "{}", ran.stderr);
    assert!(!ran.stdout.contains("of the auditor"), "{}", ran.stdout);
    assert_eq!(
        files(&house.path("out")),
        [
            "certificate.json",
            "grants.json",
            "plan.json",
            "policies/Ann_O_Neil.sql",
            "rollback/Ann_O_Neil.sql"
        ]
    );
    let sql = |file: &str| fs::read_to_string(house.path("out").join(file)).unwrap();
    insta::assert_snapshot!(sql("policies/Ann_O_Neil.sql"), @r#"
    BEGIN;
    REVOKE DELETE, INSERT, TRUNCATE ON TABLE shop."Odd Orders" FROM "Ann O'Neil";
    REVOKE DELETE, SELECT (at), UPDATE (at) ON TABLE shop.old FROM "Ann O'Neil";
    COMMIT;
    "#);
    insta::assert_snapshot!(sql("rollback/Ann_O_Neil.sql"), @r#"
    BEGIN;
    GRANT DELETE, INSERT, TRUNCATE ON TABLE shop."Odd Orders" TO "Ann O'Neil";
    GRANT SELECT (at), UPDATE (at) ON TABLE shop.old TO "Ann O'Neil";
    GRANT DELETE ON TABLE shop.old TO "Ann O'Neil" WITH GRANT OPTION;
    COMMIT;
    "#);
    let certificate = house.read("out/certificate.json");
    assert_eq!(certificate["checks"]["gives_no_more"], json!(true));
    let told = format!("postgres://auditor@127.0.0.1:{}/postgres", server.port());
    assert_eq!(certificate["inputs"][0]["name"], told);
    for grants in ["out/grants.json", &address] {
        let words = ["verify", "out/certificate.json", "server.log", "--grants", grants];
        let ran = house.run(&words);
        assert_eq!(ran.code, 0, "{}{}", ran.stdout, ran.stderr);
    }
    // The server itself is the last to be asked.
    let may = |what: &str| server.sql(&format!("SELECT {what}"));
    let table = |right: &str| {
        may(&format!(
            "has_table_privilege('{}', 'shop.\"Odd Orders\"', '{right}')",
            WHO.replace('\'', "''")
        ))
    };
    server.sql(&sql("policies/Ann_O_Neil.sql"));
    assert_eq!(
        (table("SELECT").as_str(), table("INSERT").as_str(), table("TRUNCATE").as_str()),
        ("t", "f", "f")
    );
    let (_answer, error) = server.sql_as(WHO, "SELECT id FROM shop.\"Odd Orders\"");
    assert_eq!(error, "");
    let ran = house.run(&["verify", "out/certificate.json", "server.log", "--grants", &address]);
    assert_eq!(ran.code, 1, "the grants are others now: {}", ran.stdout);
    server.sql(&sql("rollback/Ann_O_Neil.sql"));
    assert_eq!((table("INSERT").as_str(), table("DELETE").as_str()), ("t", "t"));
    let ran = house.run(&["verify", "out/certificate.json", "server.log", "--grants", &address]);
    assert_eq!(ran.code, 0, "they are what they were: {}{}", ran.stdout, ran.stderr);
}
