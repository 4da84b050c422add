//! Measures what a call costs on its way through a real governor, and through gateways of others:
//! `lane PROGRAM FOLDER [PEER=ENVIRONMENT]...`, where a peer's environment is where it is installed.
//!
//! Prints the metrics as one JSON object, and on standard error how far the runs lay apart. Peers
//! are measured in turns with what they are compared with, so that both see the same machine.

#[path = "../shared/agent.rs"]
mod agent;
mod calls;
mod disk;
#[path = "../shared/figures.rs"]
mod figures;
#[path = "../shared/house.rs"]
mod house;
mod large;
mod ledger;
#[path = "../shared/machine.rs"]
mod machine;
mod measured;
mod peers;
#[path = "../shared/processes.rs"]
mod processes;
mod rounds;
#[path = "../shared/tool_server.rs"]
mod tool_server;
#[path = "../shared/wire.rs"]
mod wire;

use std::{ffi::OsString, fs, io::Write as _, path::Path, process::ExitCode};

use anyhow::Context as _;

use crate::peers::Wanted;

fn main() -> ExitCode {
    let words: Vec<OsString> = std::env::args_os().skip(1).collect();
    let [program, folder, wanted @ ..] = words.as_slice() else {
        tell("say `lane PROGRAM FOLDER [PEER=ENVIRONMENT]...`");
        return ExitCode::from(2);
    };
    match measure(program.as_ref(), folder.as_ref(), wanted) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            tell(&format!("lane: {error:#}"));
            ExitCode::from(1)
        }
    }
}

fn measure(program: &Path, folder: &Path, wanted: &[OsString]) -> anyhow::Result<()> {
    let wanted: Vec<Wanted> =
        wanted.iter().map(|it| Wanted::parse(it)).collect::<anyhow::Result<_>>()?;
    let program = program.canonicalize().context("there is no such program")?;
    fs::create_dir(folder).context("the folder cannot be made")?;
    let folder = folder.canonicalize()?;
    let measured = rounds::run(&program, &folder, &wanted);
    fs::remove_dir_all(&folder).context("the folder cannot be cleared away")?;
    let metrics = measured?.metrics();
    let object = figures::object(&metrics).context("a metric is no number")?;
    writeln!(std::io::stdout(), "{object}")?;
    Ok(())
}

/// Prints a line about progress.
fn tell(line: &str) {
    let _ = writeln!(std::io::stderr(), "{line}");
}
