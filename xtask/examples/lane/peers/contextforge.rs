//! `ContextForge`, by IBM: one process, its database in `SQLite`, its rate limits lifted.
//!
//! It asks for a token and checks it, as the governor does. It judges no arguments and keeps no
//! audit trail: both are off by default.

use std::{
    process::{Command, Stdio},
    str,
};

use anyhow::{Context as _, bail};

use super::{Kind, Place};
use crate::agent::{Agent, Target};

pub(super) const KIND: Kind =
    Kind { name: "contextforge", path: "/mcp/", asked: READ, prepare, command, register };

const PERSON: &str = "bench@example.com";
/// Nothing outside this machine ever takes a token that is signed with it.
const SECRET: &str = "not-a-secret-because-it-lives-for-one-benchmark";
/// Longer than any measurement.
const MINUTES: &str = "240";
const READ: &str = r#"{"name":"notes-read-note","arguments":{"path":"/team/note-{note}"}}"#;

/// What it does not start without, and what lets it reach loopback.
const SETTINGS: [(&str, &str); 9] = [
    ("JWT_SECRET_KEY", SECRET),
    ("AUTH_ENCRYPTION_SECRET", SECRET),
    ("PLATFORM_ADMIN_EMAIL", PERSON),
    ("PLATFORM_ADMIN_PASSWORD", "Not-a-Secret-1"),
    ("MCPGATEWAY_ADMIN_API_ENABLED", "true"),
    ("SSRF_ALLOW_LOCALHOST", "true"),
    ("SSRF_ALLOW_PRIVATE_NETWORKS", "true"),
    // By default in the database: this is the faster one.
    ("CACHE_TYPE", "memory"),
    ("LOG_LEVEL", "ERROR"),
];

/// Its limit of 100 calls a minute, and the account's lock that follows.
const LIFTED: [(&str, &str); 3] = [
    ("RATE_LIMITING_ENABLED", "false"),
    ("TOOL_RATE_LIMIT", "10000000"),
    ("RATE_LIMIT_LOCKOUT_ENABLED", "false"),
];

fn command(place: &Place) -> Command {
    let port = place.address.port().to_string();
    let mut command = set(place, "mcpgateway");
    command.args(["--host", "127.0.0.1", "--port", &port]);
    command
}

fn set(place: &Place, program: &str) -> Command {
    let mut command = place.command(program);
    command.env("DATABASE_URL", format!("sqlite:///{}/state.db", place.folder.display()));
    command.envs(SETTINGS).envs(LIFTED);
    command
}

/// Has a token made by its own program.
fn prepare(place: &Place) -> anyhow::Result<Option<String>> {
    let mut command = set(place, "python");
    command.args(["-m", "mcpgateway.utils.create_jwt_token"]);
    command.args(["-u", PERSON, "-s", SECRET, "-e", MINUTES]);
    let output = command.stdin(Stdio::null()).output().context("it cannot be started")?;
    let said = str::from_utf8(&output.stdout).unwrap_or_default();
    let Some(token) = said.lines().last().filter(|it| it.split('.').count() == 3) else {
        bail!("it made no token: {}", String::from_utf8_lossy(&output.stderr));
    };
    Ok(Some(token.to_owned()))
}

fn register(place: &Place, target: &Target) -> anyhow::Result<()> {
    let server = place.server;
    let body =
        format!(r#"{{"name":"notes","url":"http://{server}/mcp","transport":"STREAMABLEHTTP"}}"#);
    let admin = Target { path: "/v1/gateways".to_owned(), ..target.clone() };
    Agent::connect(&admin)?.ask(&body).map(drop)
}
