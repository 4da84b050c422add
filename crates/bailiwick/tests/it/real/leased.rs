//! Situation 13: a task ends, and what its credentials opened at real targets ends with it.

use std::{
    fs,
    os::unix::fs::PermissionsExt as _,
    process::{Child, Command, Stdio},
};

use bailiwick_testkit::real::Postgres;
use serde_json::{Value, json};

use crate::{
    doctor::look,
    governor::{Governor, NOTES, until},
};

/// What an operator sets up at the target, and a table to see by.
const PREPARED: &str = "
    CREATE ROLE gatekeeper LOGIN CREATEROLE PASSWORD 'hunter2-of-the-gatekeeper';
    GRANT pg_signal_backend TO gatekeeper;
    CREATE ROLE writers; GRANT writers TO gatekeeper WITH ADMIN OPTION;
    CREATE TABLE seen(at timestamptz DEFAULT clock_timestamp()); GRANT INSERT ON seen TO writers;
";

/// Prepares a house whose target `orders-db` is this server.
fn house(server: &Postgres) -> Governor {
    let governor = Governor::prepare(NOTES);
    let password = governor.path("secret/orders-db");
    fs::create_dir_all(password.parent().unwrap()).unwrap();
    fs::write(&password, "hunter2-of-the-gatekeeper\n").unwrap();
    fs::set_permissions(&password, fs::Permissions::from_mode(0o600)).unwrap();
    let toml = fs::read_to_string(governor.path("bailiwick.toml")).unwrap();
    governor.write(
        "bailiwick.toml",
        &format!(
            "{toml}\n[[target]]\nname = \"orders-db\"\nkind = \"postgres\"\n[target.postgres]\n\
             host = \"127.0.0.1\"\ntls = false\nport = {}\ndatabase = \"postgres\"\n\
             login = \"gatekeeper\"\npassword_file = \"secret/orders-db\"\ngroups = [\"writers\"]\n\
             connections = 9\n",
            server.port()
        ),
    );
    let reader = NOTES.iter().find(|it| it.0 == "charters/reader.toml").unwrap().1;
    let reader = reader.replace("\"asking\"]", "\"asking\", \"report\"]");
    governor.write("charters/reader.toml", &format!("targets = [\"orders-db\"]\n{reader}"));
    governor.write(
        "templates/report.toml",
        "name = \"report\"\nowner = \"team-test\"\npurpose = \"Report on orders\"\n\
         [window]\nmax = \"1h\"\n[[lease]]\ntarget = \"orders-db\"\nwants = [\"writers\"]\n",
    );
    governor
}

/// A program of PostgreSQL's that uses a credential as its holder got it.
fn used(server: &Postgres, program: &str, credential: &Value) -> Command {
    let mut command = server.program(program);
    for (variable, name) in [
        ("PGHOST", "host"),
        ("PGPORT", "port"),
        ("PGDATABASE", "database"),
        ("PGUSER", "user"),
        ("PGPASSWORD", "password"),
        ("PGSSLMODE", "sslmode"),
    ] {
        command.env(variable, credential[name].as_str().unwrap_or_default());
    }
    command
}

/// Eight sessions that write until somebody ends them.
fn writers(server: &Postgres, credential: &Value) -> Child {
    let script = server.folder().join("write.sql");
    fs::write(&script, "INSERT INTO seen DEFAULT VALUES;\n").unwrap();
    let mut command = used(server, "pgbench", credential);
    command.args(["--no-vacuum", "--time=120", "--client=8", "--file"]).arg(&script);
    let child = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    until("rows of the writers", || rows(server) > 100);
    child
}

fn rows(server: &Postgres) -> u64 {
    server.sql("SELECT count(*) FROM seen").parse().unwrap()
}

#[test]
fn database_sessions_die_with_their_task_and_the_proof_says_when() {
    let Some(programs) = Postgres::installed().into_iter().next() else { return };
    let server = Postgres::start(&programs, &["log_statement=all"]);
    server.sql(PREPARED);
    let mut governor = house(&server);
    governor.serve();
    let (task, token) = governor.open("reader", "report", &[]);
    let answer = governor.post("/leases/orders-db", &token, &[], "{}");
    assert_eq!(answer.status, 200, "{answer:?}");
    let lease = answer.json();
    assert_eq!(lease["enforced"], "session");
    let credential = &lease["credential"];
    let mut open = writers(&server, credential);

    let ended = governor.json(&["task", "end", &task]);
    let after = rows(&server);
    assert_eq!(ended["leases"][0]["state"], "revoked", "{ended}");
    assert!(ended["leases"][0]["gone"].is_string(), "{ended}");
    open.wait().unwrap();
    assert_eq!(rows(&server), after, "nothing is written once the end has been told");
    let mut again = used(&server, "psql", credential);
    assert!(!again.args(["-c", "SELECT 1"]).output().unwrap().status.success());
    let left = "SELECT count(*) FROM pg_roles WHERE rolname LIKE 'bw\\_%'";
    assert_eq!(server.sql(left), "0");

    // The password of the lease is with its holder alone, and that of our login nowhere.
    governor.stop();
    let password = credential["password"].as_str().unwrap();
    let whole = governor.records().iter().map(Value::to_string).collect::<String>();
    for secret in [password, "hunter2"] {
        assert!(!whole.contains(secret), "it is in the ledger");
    }
    assert!(!server.said().contains(password), "it is in the target's log");
}

#[test]
fn a_process_that_died_leaves_no_session_behind() {
    let Some(programs) = Postgres::installed().into_iter().next() else { return };
    let server = Postgres::start(&programs, &[]);
    server.sql(PREPARED);
    let mut governor = house(&server);
    governor.serve();
    let (task, token) = governor.open("reader", "report", &[]);
    let lease = governor.post("/leases/orders-db", &token, &[], &json!({}).to_string()).json();
    let mut open = writers(&server, &lease["credential"]);
    governor.kill();
    governor.serve();
    governor.json(&["task", "end", &task]);
    open.wait().unwrap();
    let left = "SELECT count(*) FROM pg_roles WHERE rolname LIKE 'bw\\_%'";
    until("the end of the role", || server.sql(left) == "0");
}

#[test]
fn a_canary_proves_the_target_and_leaves_nothing_there() {
    let Some(programs) = Postgres::installed().into_iter().next() else { return };
    let server = Postgres::start(&programs, &[]);
    server.sql(PREPARED);
    let mut governor = house(&server);
    let toml = fs::read_to_string(governor.path("bailiwick.toml")).unwrap();
    let toml = toml.replace("kind = \"postgres\"", "kind = \"postgres\"\ncanary = \"1m\"");
    governor.write("bailiwick.toml", &toml);
    governor.serve();
    let target = |governor: &Governor| governor.json(&["lease", "targets"])["targets"][0].clone();
    until("the first canary", || target(&governor)["canary"]["proven"].is_string());
    let left = "SELECT count(*) FROM pg_roles WHERE rolname LIKE 'bw\\_%'";
    assert_eq!(server.sql(left), "0");
    let lease = governor.json(&["lease", "list", "--all"])["leases"][0].clone();
    assert_eq!(
        (&lease["identity"], &lease["state"], &lease["ended"]["cause"]),
        (&json!("bailiwick.canary"), &json!("revoked"), &json!("canary"))
    );
    assert!(governor.run(&["lease", "list", "--all"]).stdout.contains("(canary)"));
    let health =
        format!("GET /healthz HTTP/1.1\r\nHost: {}\r\nConnection: close\r\n\r\n", governor.host());
    let health = governor.raw(health.as_bytes()).json();
    assert_eq!(health["canaries"], json!({"proven": 1, "failing": 0, "waiting": 0}));
    governor.stop();
    // Somebody takes from the login what it needs, and nobody would notice until a task does.
    server.sql("REVOKE writers FROM gatekeeper");
    governor.serve();
    until("a canary that fails", || target(&governor)["canary"]["failing"].is_object());
    let found = look(&governor).1;
    assert!(found.iter().any(|it| it["code"] == "canary-failing"), "{found:?}");
    assert!(governor.records().iter().any(|it| it["code"] == "canary-failed"));
    assert_eq!(server.sql(left), "0");
}
