//! Measures what judgement costs, in process beside plain Cedar and over HTTP beside Cerbos:
//! `judgement PROGRAM FOLDER [cerbos=PROGRAM]`.
//!
//! Prints the metrics as one JSON object, and on standard error how far the runs lay apart.

#[path = "../shared/agent.rs"]
mod agent;
mod asked;
mod cerbos;
mod clock;
#[path = "../shared/figures.rs"]
mod figures;
#[path = "../shared/house.rs"]
mod house;
mod inside;
mod listing;
#[path = "../shared/machine.rs"]
mod machine;
mod measured;
mod outside;
mod point;
mod policies;
#[path = "../shared/processes.rs"]
mod processes;
#[path = "../shared/tool_server.rs"]
mod tool_server;
mod validated;
#[path = "../shared/wire.rs"]
mod wire;

use std::{ffi::OsString, fs, io::Write as _, path::Path, process::ExitCode};

use anyhow::Context as _;

use crate::{measured::Measured, outside::Places};

const ROUNDS: usize = 5;

fn main() -> ExitCode {
    let words: Vec<OsString> = std::env::args_os().skip(1).collect();
    let [program, folder, wanted @ ..] = words.as_slice() else {
        tell("say `judgement PROGRAM FOLDER [cerbos=PROGRAM]`");
        return ExitCode::from(2);
    };
    match measure(program.as_ref(), folder.as_ref(), wanted) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            tell(&format!("judgement: {error:#}"));
            ExitCode::from(1)
        }
    }
}

fn measure(program: &Path, folder: &Path, wanted: &[OsString]) -> anyhow::Result<()> {
    let cerbos =
        wanted.first().and_then(|it| it.to_str()).and_then(|it| it.strip_prefix("cerbos="));
    let program = program.canonicalize().context("there is no such program")?;
    fs::create_dir(folder).context("the folder cannot be made")?;
    let folder = folder.canonicalize()?;
    tell(&format!("    {}; load {}", machine::described(&folder), machine::load()));
    let mut measured = Measured::default();
    let server = tool_server::start(listing::MORE_TOOLS)?;
    let cerbos = cerbos.map(Into::into);
    let places = Places { program: &program, folder: &folder, server, cerbos };
    let done = inside::run(ROUNDS, &mut measured)
        .and_then(|()| outside::run(&places, ROUNDS, &mut measured));
    for (name, spread) in measured.all() {
        tell(&format!("    {name}: {spread}"));
    }
    tell(&format!("    load {}", machine::load()));
    fs::remove_dir_all(&folder).context("the folder cannot be cleared away")?;
    done?;
    let object = figures::object(&measured.metrics()).context("a metric is no number")?;
    writeln!(std::io::stdout(), "{object}")?;
    Ok(())
}

/// Prints a line about progress.
fn tell(line: &str) {
    let _ = writeln!(std::io::stderr(), "{line}");
}
