//! pgaudit's rows as a real server writes them.

use std::time::{Duration, Instant};

use bailiwick_connect::source::{Record, read_from};
use bailiwick_testkit::real::Postgres as Server;

const PREPARED: [&str; 3] = [
    "CREATE ROLE ann LOGIN; CREATE ROLE bob LOGIN; CREATE ROLE readers; GRANT readers TO bob",
    "CREATE TABLE orders(id int, note text); CREATE VIEW seen AS SELECT 1 AS one; \
     CREATE TABLE \"Odd, One\"(x int); CREATE TABLE secrets(x int)",
    "GRANT SELECT ON orders, seen, \"Odd, One\" TO ann; GRANT INSERT ON orders TO readers",
];

/// What is done, by whom, and what the log is to say of it.
const DONE: [(&str, &str, &[&str]); 9] = [
    (
        "ann",
        "SELECT o.id\n FROM orders o -- a \"note\", and more\n JOIN seen ON note = 'x'",
        &["table public.orders:SELECT Success", "table public.seen:SELECT Success"],
    ),
    ("ann", "SELECT x FROM \"Odd, One\"", &["table public.\"Odd, One\":SELECT Success"]),
    ("ann", "DELETE\n FROM public.orders", &["table public.orders:DELETE Denied"]),
    ("ann", "SELECT * FROM secrets", &["table secrets:SELECT Denied"]),
    ("ann", "SET ROLE readers", &["role readers:SET Denied"]),
    ("ann", "CREATE ROLE x", &["attribute:CREATEROLE Denied"]),
    ("ann", "DROP TABLE orders", &["table orders:DROP TABLE Denied"]),
    ("bob", "SET ROLE readers", &["role readers:SET Success"]),
    ("nobody_here", "SELECT 1", &["database postgres:CONNECT Denied"]),
];

#[test]
fn a_real_log_says_who_did_what_and_what_was_refused() {
    let Some(programs) = Server::audited() else { return };
    for prefix in ["%m [%p] %q%u@%d ", "%t [%p]: [%l-1] user=%u,db=%d,app=%a,client=%h "] {
        let prefix = format!("log_line_prefix={prefix}");
        let settings = [
            "shared_preload_libraries=pgaudit",
            "pgaudit.log=all",
            "pgaudit.log_relation=on",
            "log_timezone=UTC",
            &prefix,
        ];
        let server = Server::start(&programs, &settings);
        for sql in PREPARED {
            server.sql(sql);
        }
        let mut wanted = Vec::new();
        for (who, sql, said) in DONE {
            let (_answer, error) = server.sql_as(who, sql);
            let refused = said.iter().any(|it| it.ends_with("Denied"));
            assert_eq!(refused, !error.is_empty(), "{sql}: {error}");
            wanted.extend(said.iter().map(|it| format!("{who} {it}")));
        }
        let log = until_said(&server, "role \"nobody_here\" does not exist");
        let mut told = Vec::new();
        let mut take = |record: Record<'_>| match record {
            Record::Exercise(_, it) if it.actor.id != "postgres" => {
                told.push(format!(
                    "{} {}:{} {:?}",
                    it.actor.id, it.service, it.operation, it.ended
                ));
            }
            Record::Exercise(..) | Record::Nothing | Record::Undated => {}
            Record::Error(error) => told.push(error.to_string()),
        };
        read_from(log.as_bytes(), None, &mut take, &|_| {}).unwrap();
        assert_eq!(told, wanted, "{log}");
    }
}

/// Gives the log once it has something: who was refused may know that before the log is read.
fn until_said(server: &Server, something: &str) -> String {
    let since = Instant::now();
    loop {
        let log = server.said();
        if log.contains(something) || Duration::from_secs(20) < since.elapsed() {
            return log;
        }
        std::thread::yield_now();
    }
}
