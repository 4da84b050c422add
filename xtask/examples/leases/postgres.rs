//! A real PostgreSQL, and sessions that write rows without a pause.

use std::{
    path::Path,
    process::{Child, Stdio},
    time::{Duration, Instant},
};

use anyhow::Context as _;
use bailiwick_connect::{
    Broker, Credential, Field, Postgres as Roles, PostgresDefaults, PostgresTarget,
};
use bailiwick_model::Timestamp;
use bailiwick_testkit::real::Postgres as Server;

use crate::sessions::{PATIENCE, SESSIONS, Target};

/// The server, and who makes roles there.
pub(crate) struct Postgres {
    server: Server,
    broker: Roles,
}

impl Postgres {
    /// Starts one; nothing where none is installed.
    pub(crate) fn start() -> anyhow::Result<Option<Self>> {
        let Some(programs) = Server::installed().into_iter().next() else { return Ok(None) };
        let server = Server::start(&programs, &["max_connections=100"]);
        server.sql(
            "CREATE ROLE writers; \
             CREATE TABLE seen(at timestamptz DEFAULT clock_timestamp(), \
                               session int DEFAULT pg_backend_pid()); \
             GRANT INSERT ON seen TO writers",
        );
        let broker = Roles::new("bench".parse()?, target(&server)?)?;
        Ok(Some(Self { server, broker }))
    }
}

fn target(server: &Server) -> anyhow::Result<PostgresTarget> {
    Ok(PostgresTarget {
        host: server.folder().display().to_string(),
        port: server.port(),
        trust: None,
        database: "postgres".into(),
        login: "postgres".into(),
        password: None,
        groups: vec!["writers".into()],
        heir: None,
        connections: SESSIONS.try_into()?,
        defaults: PostgresDefaults::default(),
        longest: Duration::from_secs(3600),
        prefix: "bw_".into(),
    })
}

impl Target for Postgres {
    const NAME: &'static str = "pg";
    const LEASES: usize = 9;
    type Open = Writers;

    fn broker(&self) -> &dyn Broker {
        &self.broker
    }

    fn wants(&self) -> Vec<String> {
        vec!["writers".into()]
    }

    fn open(&mut self, credential: &Credential) -> anyhow::Result<Writers> {
        let script = self.server.folder().join("write.sql");
        std::fs::write(&script, "INSERT INTO seen DEFAULT VALUES;\n")?;
        let mut command = self.server.program("pgbench");
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
        command.args(["--no-vacuum", "--time=600", "--client", &SESSIONS.to_string(), "--file"]);
        command.arg::<&Path>(&script).stdout(Stdio::null()).stderr(Stdio::null());
        let writers = Writers(command.spawn().context("pgbench cannot be started")?);
        let began = Instant::now();
        let all = format!("SELECT count(DISTINCT session) = {SESSIONS} FROM seen");
        while self.server.sql(&all) != "t" {
            anyhow::ensure!(began.elapsed() < PATIENCE, "not every session writes");
        }
        Ok(writers)
    }

    fn closed(&mut self, mut open: Writers) -> anyhow::Result<Vec<Timestamp>> {
        open.0.wait()?;
        let last = self
            .server
            .sql("SELECT (extract(epoch FROM max(at)) * 1000)::bigint FROM seen GROUP BY session");
        self.server.sql("TRUNCATE seen");
        last.lines().map(|it| Ok(Timestamp::from_millis(it.parse()?))).collect()
    }
}

/// The program that writes, in all sessions.
pub(crate) struct Writers(Child);

impl Drop for Writers {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ended = (self.0.kill(), self.0.wait());
    }
}
