//! The suite's scenarios for clients: the gateway is the client, of a server that the suite plays.
//!
//! `tests/real/clients/governed.py` starts a governor before that server and makes the calls that the
//! suite waits for. Authorization at servers (`auth/…`) is not there yet, so none of that is run.

use std::{
    fs,
    process::{Command, Stdio},
};

use super::{super::parts::Parts, scenario};

const OLDER: &[&str] = &[
    "tools_call",
    "elicitation-sep1034-client-defaults",
    "json-schema-2020-12-preservation",
    "sse-retry",
];

const NEWER: &[&str] = &[
    "tools_call",
    "request-metadata",
    "sep-2322-client-request-state",
    "http-standard-headers",
    "http-custom-headers",
    "http-invalid-tool-headers",
    "json-schema-ref-no-deref",
    "json-schema-2020-12-preservation",
];

#[test]
fn towards_older_servers_the_gateway_is_the_client_that_the_suite_wants() {
    for name in OLDER {
        passes(name, "2025-11-25");
    }
}

#[test]
fn towards_newer_servers_the_gateway_is_the_client_that_the_suite_wants() {
    for name in NEWER {
        passes(name, "2026-07-28");
    }
}

fn passes(name: &str, revision: &str) {
    let Some(parts) = Parts::find() else { return };
    let folder = tempfile::tempdir().unwrap();
    let script = super::super::parts::root().join("tests/real/clients/governed.py");
    let mut command = Command::new(parts.path("node"));
    command.args([parts.path("conformance"), "client", "--scenario", name]);
    command.args(["--command", &format!("python3 -B {}", script.display())]);
    command.args(["--spec-version", revision, "-o"]).arg(folder.path());
    command.env("BAILIWICK", env!("CARGO_BIN_EXE_bailiwick"));
    // What it says of the whole is less than what it writes of each check.
    let _status = command.stdout(Stdio::null()).stderr(Stdio::null()).status().unwrap();
    let results = fs::read_dir(folder.path()).unwrap().map(|it| it.unwrap().path());
    let checks: Vec<_> = results.flat_map(|it| scenario(&it)).collect();
    let bad = checks.iter().filter(|(_, it)| it.contains_key("FAILURE"));
    let bad: Vec<_> = bad.map(|(check, _)| check.as_str()).collect();
    let good = checks.iter().any(|(_, it)| it.contains_key("SUCCESS"));
    assert!(good && bad.is_empty(), "{name} of {revision}: {bad:?} of {checks:?}");
}
