//! Rights of a real PostgreSQL with pgaudit, taken back and given again.

use std::{
    fs,
    time::{Duration, Instant},
};

use bailiwick_testkit::real::Postgres as Server;
use serde_json::{Value, json};

use super::{House, files};

const PREPARED: &str = "
    CREATE ROLE auditor LOGIN PASSWORD 'of the auditor'; CREATE ROLE \"Ann O'Neil\" LOGIN; CREATE ROLE other LOGIN;
    CREATE ROLE boss LOGIN SUPERUSER; CREATE SCHEMA shop; GRANT USAGE ON SCHEMA shop TO PUBLIC;
    CREATE TABLE shop.\"Odd Orders\" (id int, state text); CREATE TABLE shop.seen (at int); CREATE TABLE shop.old (at int);
    CREATE TABLE shop.locked (at int); GRANT SELECT, UPDATE ON shop.locked TO \"Ann O'Neil\";
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
        (WHO, "BEGIN; LOCK TABLE shop.locked IN SHARE MODE; COMMIT"),
        ("boss", "SET ROLE \"Ann O'Neil\"; SELECT at FROM shop.old"),
        ("other", "SET application_name = 'shop'; SELECT at FROM shop.seen"),
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

/// Says what is in both files.
fn as_written(server: &Server, sql: &dyn Fn(&str) -> String) {
    let number = server.sql("SELECT system_identifier FROM pg_control_system()");
    insta::assert_snapshot!(sql("policies/Ann_O_Neil.sql").replace(&number, "NUMBER"), @r#"
    BEGIN;
    DO $check$
    BEGIN
      IF current_database() IS DISTINCT FROM 'postgres'
        OR (SELECT system_identifier::text FROM pg_control_system()) IS DISTINCT FROM 'NUMBER' THEN
        RAISE EXCEPTION 'this is not the database that these grants were listed of';
      END IF;
    END
    $check$;
    REVOKE DELETE, INSERT, TRUNCATE ON TABLE shop."Odd Orders" FROM "Ann O'Neil";
    REVOKE SELECT ON TABLE shop.locked FROM "Ann O'Neil";
    REVOKE DELETE ON TABLE shop.old FROM "Ann O'Neil";
    COMMIT;
    "#);
    let back = sql("rollback/Ann_O_Neil.sql");
    insta::assert_snapshot!(back.split("$check$;").nth(1).unwrap_or_default(), @r#"

    GRANT DELETE, INSERT, TRUNCATE ON TABLE shop."Odd Orders" TO "Ann O'Neil";
    GRANT SELECT ON TABLE shop.locked TO "Ann O'Neil";
    GRANT DELETE ON TABLE shop.old TO "Ann O'Neil" WITH GRANT OPTION;
    COMMIT;
    "#);
}

/// Runs a command of a plan, in this database or in another; says whether it was done, and what was said.
fn carried_out(server: &Server, house: &House, command: &Value, database: &str) -> (bool, String) {
    let words: Vec<_> = command.as_array().unwrap().iter().map(|it| it.as_str().unwrap()).collect();
    let ["psql", rest @ .., "--dbname", place, "--file", file] = words.as_slice() else {
        panic!("{words:?}")
    };
    // Whom the server runs as may not look into the folder of a test.
    let copy = server.folder().join("plan.sql");
    fs::copy(house.path("out").join(file), &copy).unwrap();
    let place = place.replace("dbname=postgres", &format!("dbname={database}"));
    let mut psql = server.program("psql");
    let ran = psql.args(rest).args(["--dbname", &place, "--file"]).arg(copy).output().unwrap();
    (ran.status.success(), String::from_utf8_lossy(&ran.stderr).into_owned())
}

#[test]
fn what_a_real_role_does_not_use_is_taken_back_and_given_again() {
    let Some((server, house)) = served() else { return };
    let address =
        format!("postgres://auditor:of%20the%20auditor@127.0.0.1:{}/postgres", server.port());
    let place =
        format!("host='{}' port={} user=postgres", server.folder().display(), server.port());
    let words = [WHO, "server.log", "--grants", &address, "--window", "1d", "--psql", &place];
    let ran = house.run(&[&words[..], &["--out", "out"]].concat());
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
    as_written(&server, &sql);
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
    let plan = house.read("out/plan.json");
    let run = |command, database: &str| carried_out(&server, &house, command, database);
    let (forth, back) = (&plan["stages"][1]["commands"][0], &plan["stages"][1]["rollback"][0]);
    // In another database nothing is done.
    let (done, said) = run(forth, "template1");
    assert!(
        !done && said.contains("this is not the database that these grants were listed of"),
        "{said}"
    );
    assert_eq!(table("INSERT"), "t");
    assert_eq!(run(forth, "postgres"), (true, String::new()));
    assert_eq!(
        (table("SELECT").as_str(), table("INSERT").as_str(), table("TRUNCATE").as_str()),
        ("t", "f", "f")
    );
    let (_answer, error) = server.sql_as(WHO, "SELECT id FROM shop.\"Odd Orders\"");
    assert_eq!(error, "");
    let ran = house.run(&["verify", "out/certificate.json", "server.log", "--grants", &address]);
    assert_eq!(ran.code, 1, "the grants are others now: {}", ran.stdout);
    assert_eq!(run(back, "postgres"), (true, String::new()));
    assert_eq!((table("INSERT").as_str(), table("DELETE").as_str()), ("t", "t"));
    let ran = house.run(&["verify", "out/certificate.json", "server.log", "--grants", &address]);
    assert_eq!(ran.code, 0, "they are what they were: {}{}", ran.stdout, ran.stderr);
}
