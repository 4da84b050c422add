//! PostgreSQL: roles that come and go, and sessions that end with them.

use std::{
    process::{Child, Command, Output, Stdio},
    time::{Duration, Instant},
};

use bailiwick_connect::{
    Broker as _, BrokerError, Credential, Postgres, PostgresDefaults, PostgresTarget,
    PostgresTrust, Secret, SecretSource,
};
use bailiwick_testkit::real::Postgres as Server;

use super::{ended, field, lease, now, order};

/// What an operator sets up at the target, and a table to see by.
const PREPARED: &str = "
    CREATE ROLE gatekeeper LOGIN CREATEROLE PASSWORD 'of the gatekeeper';
    GRANT pg_signal_backend TO gatekeeper;
    CREATE ROLE readers; CREATE ROLE writers; CREATE ROLE heir;
    GRANT readers, writers, heir TO gatekeeper WITH ADMIN OPTION;
    CREATE TABLE orders AS SELECT 7 AS id; GRANT SELECT ON orders TO readers;
    CREATE TABLE seen(at timestamptz DEFAULT clock_timestamp());
    GRANT INSERT ON seen TO writers; GRANT CREATE ON SCHEMA public TO writers, heir;
";

/// Runs a test against each PostgreSQL there is.
pub(crate) fn each(test: impl AsyncFn(&mut Server)) {
    for programs in Server::installed() {
        let mut server = Server::start(&programs, &["log_statement=all", "max_connections=120"]);
        server.sql(PREPARED);
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(test(&mut server));
    }
}

fn target(server: &Server) -> PostgresTarget {
    PostgresTarget {
        host: "127.0.0.1".into(),
        port: server.port(),
        trust: None,
        database: "postgres".into(),
        login: "gatekeeper".into(),
        password: Some(SecretSource::Held(Secret::new("of the gatekeeper"))),
        groups: ["readers", "writers"].map(str::to_owned).to_vec(),
        heir: None,
        connections: 70,
        defaults: PostgresDefaults {
            statement: Some(Duration::from_secs(30)),
            idle_in_transaction: Some(Duration::from_secs(60)),
            search_path: vec!["public".into()],
        },
        longest: Duration::from_secs(3600),
        prefix: "bw_".into(),
    }
}

fn made(target: PostgresTarget) -> Postgres {
    Postgres::new("orders-db".parse().unwrap(), target).unwrap()
}

pub(crate) fn broker(server: &Server) -> Postgres {
    made(target(server))
}

/// One of the server's own programs, used with a credential.
pub(crate) fn used(server: &Server, program: &str, credential: &Credential) -> Command {
    let mut command = server.program(program);
    for (variable, name) in [
        ("PGHOST", "host"),
        ("PGPORT", "port"),
        ("PGDATABASE", "database"),
        ("PGUSER", "user"),
        ("PGPASSWORD", "password"),
        ("PGSSLMODE", "sslmode"),
    ] {
        command.env(variable, field(credential, name));
    }
    command
}

pub(crate) fn psql(server: &Server, credential: &Credential, sql: &str) -> Output {
    let mut command = used(server, "psql", credential);
    command.args(["-XAtq", "-v", "ON_ERROR_STOP=1", "-c", sql]).output().unwrap()
}

/// Clients that insert as fast as they can, each in a session of its own.
struct Clients(Child);

impl Clients {
    fn start(server: &Server, credential: &Credential, count: u32) -> Self {
        let script = server.folder().join("insert.sql");
        std::fs::write(&script, "INSERT INTO seen DEFAULT VALUES;\n").unwrap();
        let mut command = used(server, "pgbench", credential);
        command.args(["--no-vacuum", "--time=60", "--client", &count.to_string(), "--file"]);
        let child = command.arg(&script).stdout(Stdio::null()).stderr(Stdio::null()).spawn();
        let clients = Self(child.unwrap());
        wait_until(|| server.sql(&open_sessions(credential)) == count.to_string());
        wait_until(|| rows_seen(server) > 100);
        clients
    }

    fn end(mut self) {
        self.0.wait().unwrap();
    }
}

fn open_sessions(credential: &Credential) -> String {
    let role = field(credential, "user");
    format!("SELECT count(*) FROM pg_stat_activity WHERE usename = '{role}'")
}

fn rows_seen(server: &Server) -> u64 {
    server.sql("SELECT count(*) FROM seen").parse().unwrap()
}

/// Waits for what another process does; each look takes a process of its own, so this spins slowly.
fn wait_until(mut done: impl FnMut() -> bool) {
    let began = Instant::now();
    while !done() {
        assert!(began.elapsed() < Duration::from_secs(60), "it does not come");
    }
}

fn refusal(error: BrokerError) -> String {
    let BrokerError::Refused { why, .. } = error else { panic!("{error:?}") };
    why
}

#[test]
fn a_lease_reads_what_its_group_may_and_its_password_is_in_no_log() {
    each(async |server| {
        let issued = broker(server).issue(&order(1, &["readers"])).await.unwrap();
        assert_eq!(issued.called, "bw_01mcc5rm00040g2081040g2081");
        let read = psql(server, &issued.credential, "SELECT id FROM orders");
        assert_eq!(String::from_utf8_lossy(&read.stdout), "7\n", "{read:?}");
        let shown = psql(server, &issued.credential, "SHOW statement_timeout; SHOW search_path");
        assert_eq!(String::from_utf8_lossy(&shown.stdout), "30s\npublic\n", "{shown:?}");
        let wrote = psql(server, &issued.credential, "INSERT INTO seen DEFAULT VALUES");
        assert!(String::from_utf8_lossy(&wrote.stderr).contains("permission denied"), "{wrote:?}");

        let log = server.said();
        assert!(log.contains("CREATE ROLE"), "the log shows what was asked");
        let password = field(&issued.credential, "password");
        assert!(!log.contains(&password) && !format!("{issued:?}").contains(&password));
        let ends = server.sql(
            "SELECT rolvaliduntil > now() + interval '9 min' FROM pg_roles \
                               WHERE rolname LIKE 'bw\\_%'",
        );
        assert_eq!(ends, "t", "the target ends it by itself, should we never come back");
    });
}

#[test]
fn open_sessions_end_with_their_lease_and_it_can_be_ended_twice() {
    each(async |server| {
        let broker = broker(server);
        let issued = broker.issue(&order(2, &["writers"])).await.unwrap();
        let clients = Clients::start(server, &issued.credential, 64);
        assert_eq!(broker.found().await.unwrap(), [lease(2)]);

        let asked = now();
        broker.revoke(&ended(2)).await.unwrap();
        assert_eq!(server.sql(&open_sessions(&issued.credential)), "0");
        let (rows, last) = (
            rows_seen(server),
            server.sql("SELECT (extract(epoch FROM max(at)) * 1000)::bigint FROM seen"),
        );
        clients.end();
        assert_eq!(rows_seen(server), rows, "nothing was written after the revocation was done");
        let late = last.parse::<i64>().unwrap() - asked.millis();
        assert!(late < 2_000, "the last row came {late} ms after the revocation was asked for");

        let refused = psql(server, &issued.credential, "SELECT 1");
        assert!(!refused.status.success(), "{refused:?}");
        assert_eq!(server.sql("SELECT count(*) FROM pg_roles WHERE rolname LIKE 'bw\\_%'"), "0");
        assert_eq!(broker.found().await.unwrap(), []);
        broker.revoke(&ended(2)).await.unwrap();
        broker.revoke(&ended(3)).await.unwrap();
    });
}

/// The control: what this broker does more than others is what ends sessions.
#[test]
fn a_session_goes_on_where_its_role_only_may_sign_in_no_more() {
    each(async |server| {
        let broker = broker(server);
        let issued = broker.issue(&order(4, &["writers"])).await.unwrap();
        let clients = Clients::start(server, &issued.credential, 4);
        let role = issued.called;
        server.sql(&format!("ALTER ROLE {role} NOLOGIN VALID UNTIL '2020-01-01'"));
        let rows = rows_seen(server);
        wait_until(|| rows_seen(server) > rows + 100);
        broker.revoke(&ended(4)).await.unwrap();
        let rows = rows_seen(server);
        clients.end();
        assert_eq!(rows_seen(server), rows);
    });
}

#[test]
fn asked_twice_for_one_lease_only_the_later_credential_counts() {
    each(async |server| {
        let broker = broker(server);
        let first = broker.issue(&order(5, &["readers"])).await.unwrap();
        let second = broker.issue(&order(5, &["readers"])).await.unwrap();
        assert_eq!(first.called, second.called);
        assert!(!psql(server, &first.credential, "SELECT 1").status.success());
        assert!(psql(server, &second.credential, "SELECT 1").status.success());
        assert_eq!(broker.found().await.unwrap(), [lease(5)]);
    });
}

#[test]
fn what_reaches_beyond_data_is_not_given() {
    each(async |server| {
        server.sql(
            "CREATE ROLE wide; GRANT wide TO gatekeeper WITH ADMIN OPTION;
             CREATE ROLE inner_one; GRANT inner_one TO wide;",
        );
        let broker = made(PostgresTarget {
            groups: ["wide", "absent"].map(str::to_owned).to_vec(),
            ..target(server)
        });
        for (sql, undo, wanted) in [
            (
                "ALTER ROLE wide SUPERUSER",
                "ALTER ROLE wide NOSUPERUSER",
                "`wide`, which wide is or belongs to, is superuser",
            ),
            (
                "ALTER ROLE inner_one CREATEROLE",
                "ALTER ROLE inner_one NOCREATEROLE",
                "`inner_one`, which wide is or belongs to, may create roles",
            ),
            ("ALTER ROLE wide BYPASSRLS", "ALTER ROLE wide NOBYPASSRLS", "bypasses row security"),
            ("ALTER ROLE wide REPLICATION", "ALTER ROLE wide NOREPLICATION", "may replicate"),
            ("ALTER ROLE wide CREATEDB", "ALTER ROLE wide NOCREATEDB", "may create databases"),
            (
                "GRANT pg_execute_server_program TO inner_one",
                "REVOKE pg_execute_server_program FROM inner_one",
                "reaches the server itself",
            ),
            (
                "GRANT readers TO wide WITH ADMIN OPTION",
                "REVOKE readers FROM wide",
                "may be given on",
            ),
            (
                "REVOKE pg_signal_backend FROM gatekeeper",
                "GRANT pg_signal_backend TO gatekeeper",
                "run `GRANT pg_signal_backend TO gatekeeper` there",
            ),
        ] {
            server.sql(sql);
            let why = refusal(broker.issue(&order(6, &["wide"])).await.unwrap_err());
            assert!(why.contains(wanted), "{sql}: {why}");
            server.sql(undo);
        }
        let why = refusal(broker.issue(&order(6, &["absent"])).await.unwrap_err());
        assert!(why.contains("no role `absent`"), "{why}");
        for (wants, wanted) in [(&["readers"][..], "readers"), (&[], "nothing")] {
            let error = broker.issue(&order(6, wants)).await.unwrap_err();
            assert!(
                matches!(&error, BrokerError::Unfit { wanted: it, .. } if it == wanted),
                "{error}"
            );
        }
        assert_eq!(server.sql("SELECT count(*) FROM pg_roles WHERE rolname LIKE 'bw\\_%'"), "0");
        broker.issue(&order(6, &["wide"])).await.unwrap();
    });
}

#[test]
fn what_a_lease_leaves_behind_goes_to_the_heir_or_keeps_a_closed_role() {
    each(async |server| {
        let strict = broker(server);
        let issued = strict.issue(&order(7, &["writers"])).await.unwrap();
        assert!(psql(server, &issued.credential, "CREATE TABLE mine(id int)").status.success());
        let why = refusal(strict.revoke(&ended(7)).await.unwrap_err());
        assert!(why.contains("name an `heir`") && why.contains("can sign in no more"), "{why}");
        assert!(!psql(server, &issued.credential, "SELECT 1").status.success());
        assert_eq!(strict.found().await.unwrap(), [lease(7)], "it is there, and found");

        let kind = PostgresTarget { heir: Some("heir".into()), ..target(server) };
        let kind = made(kind);
        kind.revoke(&ended(7)).await.unwrap();
        let owner = server.sql("SELECT tableowner FROM pg_tables WHERE tablename = 'mine'");
        assert_eq!(owner, "heir");
        assert_eq!(kind.found().await.unwrap(), []);
    });
}

#[test]
fn only_its_own_leases_are_found() {
    each(async |server| {
        let ours = broker(server);
        let other = Postgres::new("orders-db-2".parse().unwrap(), target(server)).unwrap();
        ours.issue(&order(8, &["readers"])).await.unwrap();
        other.issue(&order(9, &["readers"])).await.unwrap();
        server.sql("CREATE ROLE bw_somebody");
        assert_eq!(ours.found().await.unwrap(), [lease(8)]);
        assert_eq!(other.found().await.unwrap(), [lease(9)]);
    });
}

#[test]
fn a_target_that_was_away_is_left_clean_when_it_is_back() {
    each(async |server| {
        let broker = broker(server);
        let issued = broker.issue(&order(10, &["readers"])).await.unwrap();
        server.stop();
        let error = broker.revoke(&ended(10)).await.unwrap_err();
        assert!(matches!(error, BrokerError::Away { .. }), "{error}");
        server.resume();
        assert!(psql(server, &issued.credential, "SELECT 1").status.success(), "it is still there");
        broker.revoke(&ended(10)).await.unwrap();
        assert!(!psql(server, &issued.credential, "SELECT 1").status.success());
    });
}

#[test]
fn a_login_with_the_wrong_password_is_refused_in_the_targets_words() {
    each(async |server| {
        let password = Some(SecretSource::Held(Secret::new("hunter2")));
        let broker = made(PostgresTarget { password, ..target(server) });
        let why = refusal(broker.found().await.unwrap_err());
        assert!(
            why.contains("password authentication failed") && !why.contains("hunter2"),
            "{why}"
        );
    });
}

#[test]
fn a_unix_socket_and_a_peer_need_no_password() {
    each(async |server| {
        let host = server.folder().display().to_string();
        let here = PostgresTarget { host, password: None, ..target(server) };
        let broker = made(here);
        broker.issue(&order(11, &["readers"])).await.unwrap();
        assert_eq!(broker.found().await.unwrap(), [lease(11)]);
    });
}

#[test]
fn with_tls_only_the_named_authority_counts() {
    let ours = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    let theirs = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    let root = tempfile::tempdir().unwrap();
    let trusting = |pem: String| {
        let path = root.path().join("ca.pem");
        std::fs::write(&path, pem).unwrap();
        Some(PostgresTrust::File(path))
    };
    for programs in Server::installed() {
        let mut server = Server::start(&programs, &[]);
        server.sql(PREPARED);
        let secured = |server: &Server, pem| PostgresTarget {
            host: "localhost".into(),
            trust: trusting(pem),
            ..target(server)
        };
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let found = |server: &Server, pem| {
            let broker = made(secured(server, pem));
            runtime.block_on(broker.found())
        };
        let why = refusal(found(&server, ours.cert.pem()).unwrap_err());
        assert!(why.contains("it has no TLS"), "{why}");

        let built = server.sql("SELECT setting FROM pg_config WHERE name = 'CONFIGURE'");
        if !built.contains("ssl") {
            // The one from PyPI was made without.
            continue;
        }
        server.sql("ALTER SYSTEM SET ssl = on");
        let write = |name, text: String| {
            let path = server.data().join(name);
            std::fs::write(&path, text).unwrap();
            Command::new("chmod").arg("600").arg(&path).status().unwrap();
            Command::new("chown").arg("--reference").arg(server.data()).arg(path).status().unwrap();
        };
        write("server.crt", ours.cert.pem());
        write("server.key", ours.signing_key.serialize_pem());
        server.stop();
        server.resume();
        assert_eq!(found(&server, ours.cert.pem()).unwrap(), []);
        let error = found(&server, theirs.cert.pem()).unwrap_err();
        assert!(
            matches!(&error, BrokerError::Away { why, .. } if why.contains("certificate")),
            "{error}"
        );
    }
}
