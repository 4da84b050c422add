//! Measures how fast authority ends: `leases PROGRAM FOLDER`.
//!
//! The lease engine is measured in this process, over a real ledger and a real registry, at a target in
//! memory; sessions at a real PostgreSQL, a real OpenSSH and a server of OpenSSL's; requests and calls that
//! are under way at the program.
//!
//! Prints the metrics as one JSON object, and on standard error how far the runs lay apart.

mod admin;
#[path = "../shared/agent.rs"]
#[cfg_attr(not(test), expect(dead_code, reason = "the other measurements use what is left"))]
mod agent;
mod cut;
#[path = "../shared/figures.rs"]
mod figures;
mod governor;
#[path = "../shared/house.rs"]
#[expect(dead_code, reason = "the other measurements use what is left")]
mod house;
mod mtls;
mod postgres;
#[path = "../shared/processes.rs"]
#[cfg_attr(not(test), expect(dead_code, reason = "the other measurements use what is left"))]
mod processes;
mod pushed;
mod revoked;
mod rows;
mod sessions;
mod ssh;
mod storm;
#[path = "../shared/tool_server.rs"]
#[cfg_attr(not(test), expect(dead_code, reason = "the other measurements use what is left"))]
mod tool_server;
mod upstream;
#[path = "../shared/wire.rs"]
mod wire;

use std::{ffi::OsString, fs, io::Write as _, path::Path, process::ExitCode};

use anyhow::Context as _;

use crate::sessions::Target;

/// What is measured, in this order; named behind the folder, these alone.
const PARTS: [&str; 7] = ["storm", "process", "pushed", "cut", "pg", "ssh", "mtls"];

fn main() -> ExitCode {
    let words: Vec<OsString> = std::env::args_os().skip(1).collect();
    let [program, folder, only @ ..] = words.as_slice() else {
        tell(&format!("say `leases PROGRAM FOLDER [PART]...`; the parts are {}", PARTS.join(", ")));
        return ExitCode::from(2);
    };
    match measure(program.as_ref(), folder.as_ref(), only) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            tell(&format!("leases: {error:#}"));
            ExitCode::from(1)
        }
    }
}

fn measure(program: &Path, folder: &Path, only: &[OsString]) -> anyhow::Result<()> {
    let program = program.canonicalize().context("there is no such program")?;
    fs::create_dir(folder).context("the folder cannot be made")?;
    let folder = folder.canonicalize()?;
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let mut metrics = Vec::new();
    for part in PARTS.into_iter().filter(|it| only.is_empty() || only.iter().any(|of| of == it)) {
        tell(&format!("  {part}"));
        metrics.extend(runtime.block_on(one(part, &program, &folder)).context(part)?);
    }
    fs::remove_dir_all(&folder).context("the folder cannot be cleared away")?;
    let object = figures::object(&metrics).context("a metric is no number")?;
    writeln!(std::io::stdout(), "{object}")?;
    Ok(())
}

/// Measures one part; what is not installed is left out.
async fn one(
    part: &str,
    program: &Path,
    folder: &Path,
) -> anyhow::Result<Vec<(String, figures::Spread)>> {
    match part {
        "storm" => storm::measure(folder).await,
        "process" => revoked::measure(folder).await,
        "pushed" => pushed::measure(folder).await,
        "cut" => cut::measure(program, folder),
        "pg" => at(postgres::Postgres::start()?).await,
        "ssh" => at(ssh::Ssh::start(folder)?).await,
        _ => at(mtls::Mtls::start(folder)?).await,
    }
}

/// Measures at a real system, if there is one.
async fn at<T: Target>(target: Option<T>) -> anyhow::Result<Vec<(String, figures::Spread)>> {
    match target {
        Some(target) => sessions::measure(target).await,
        None => Ok(Vec::new()),
    }
}

/// Prints a line about progress.
fn tell(line: &str) {
    let _ = writeln!(std::io::stderr(), "{line}");
}
