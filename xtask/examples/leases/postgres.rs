//! How long a real PostgreSQL still does work of a lease that is being ended, while sixty-four sessions
//! of it write without a pause.

use std::{
    path::Path,
    process::{Child, Stdio},
    time::{Duration, Instant, SystemTime},
};

use anyhow::Context as _;
use bailiwick_connect::{
    Broker as _, Credential, EndedLease, Field, LeaseOrder, Postgres, PostgresDefaults,
    PostgresTarget,
};
use bailiwick_model::{LeaseId, TaskId, Timestamp, Ulid};
use bailiwick_testkit::real::Postgres as Server;

use crate::{
    figures::{Spread, percentile},
    tell,
};

const RUNS: usize = 5;
/// How many leases are ended in a run.
const LEASES: u8 = 9;
const SESSIONS: u16 = 64;
const PATIENCE: Duration = Duration::from_secs(30);

/// Measures from the word to the broker until the last row that the server itself dated, and until the
/// broker says that all is gone. Without a PostgreSQL there is nothing to measure.
pub(crate) async fn measure() -> anyhow::Result<Vec<(String, Spread)>> {
    let Some(programs) = Server::installed().into_iter().next() else { return Ok(Vec::new()) };
    let server = Server::start(&programs, &["max_connections=100"]);
    server.sql(
        "CREATE ROLE writers; CREATE TABLE seen(at timestamptz DEFAULT clock_timestamp()); \
         GRANT INSERT ON seen TO writers",
    );
    let broker = Postgres::new("bench".parse()?, target(&server))?;
    let (mut middle, mut most, mut longest, mut gone) =
        (Vec::new(), Vec::new(), Vec::new(), Vec::new());
    for _ in 0..RUNS {
        let (mut last, mut told) = (Vec::new(), Vec::new());
        for number in 0..LEASES {
            let (row, answer) = once(&server, &broker, number).await?;
            last.push(row);
            told.push(answer);
        }
        for (into, of, permille) in [
            (&mut middle, &last, 500),
            (&mut most, &last, 990),
            (&mut longest, &last, 1000),
            (&mut gone, &told, 500),
        ] {
            into.push(percentile(of, permille).context("nothing was measured")? / 1000.0);
        }
    }
    let mut metrics = Vec::new();
    for (name, runs) in [
        ("revoke_pg_ms_p50", middle),
        ("revoke_pg_ms_p99", most),
        ("revoke_pg_ms_max", longest),
        ("revoke_pg_gone_ms_p50", gone),
    ] {
        let spread = Spread::of(&runs).context("nothing was measured")?;
        tell(&format!("    {name}: {spread}"));
        metrics.push((name.to_owned(), spread));
    }
    Ok(metrics)
}

fn target(server: &Server) -> PostgresTarget {
    PostgresTarget {
        host: server.folder().display().to_string(),
        port: server.port(),
        trust: None,
        database: "postgres".into(),
        login: "postgres".into(),
        password: None,
        groups: vec!["writers".into()],
        heir: None,
        connections: SESSIONS,
        defaults: PostgresDefaults::default(),
        longest: Duration::from_secs(3600),
        prefix: "bw_".into(),
    }
}

async fn once(
    server: &Server,
    broker: &Postgres,
    number: u8,
) -> anyhow::Result<(Duration, Duration)> {
    let now = clock()?;
    let ulid = Ulid::new(now, [number; 10]);
    let order = LeaseOrder {
        lease: LeaseId::new(ulid),
        task: TaskId::new(ulid),
        identity: "bench".parse()?,
        on_behalf: None,
        wants: vec!["writers".into()],
        until: now.after(Duration::from_secs(600)),
        now,
    };
    let issued = broker.issue(&order).await?;
    let mut writers = writers(server, &issued.credential)?;
    let (asked, began) = (clock()?, Instant::now());
    let ended = EndedLease {
        lease: order.lease,
        called: Some(issued.called),
        keepsake: None,
        enforced: bailiwick_connect::EnforcedAs::Session,
        until: order.until,
        now: asked,
    };
    broker.revoke(&ended).await?;
    let told = began.elapsed();
    writers.wait()?;
    let last = server.sql("SELECT (extract(epoch FROM max(at)) * 1000)::bigint FROM seen");
    server.sql("TRUNCATE seen");
    Ok((Timestamp::from_millis(last.parse()?).since(asked), told))
}

/// Starts the writers, and comes back when all of them write.
fn writers(server: &Server, credential: &Credential) -> anyhow::Result<Child> {
    let script = server.folder().join("write.sql");
    std::fs::write(&script, "INSERT INTO seen DEFAULT VALUES;\n")?;
    let mut command = server.program("pgbench");
    for (name, field) in credential.fields() {
        let text = match field {
            Field::Plain(text) => text.as_str(),
            Field::Secret(secret) => secret.expose(),
        };
        let variable = match name {
            "host" => "PGHOST",
            "port" => "PGPORT",
            "database" => "PGDATABASE",
            "user" => "PGUSER",
            "password" => "PGPASSWORD",
            _ => continue,
        };
        command.env(variable, text);
    }
    command.args(["--no-vacuum", "--time=120", "--client", &SESSIONS.to_string(), "--file"]);
    let child =
        command.arg::<&Path>(&script).stdout(Stdio::null()).stderr(Stdio::null()).spawn()?;
    let began = Instant::now();
    while server.sql("SELECT count(*) > 1000 FROM seen") != "t" {
        anyhow::ensure!(began.elapsed() < PATIENCE, "nobody writes");
    }
    Ok(child)
}

pub(crate) fn clock() -> anyhow::Result<Timestamp> {
    let since = SystemTime::UNIX_EPOCH.elapsed()?;
    Ok(Timestamp::from_millis(i64::try_from(since.as_millis())?))
}
