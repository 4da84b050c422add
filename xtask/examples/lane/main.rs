//! Measures what a call costs on its way through a real governor: `lane PROGRAM FOLDER`.
//!
//! Prints the metrics as one JSON object, and on standard error how far the runs lay apart. Peers
//! are measured in turns with what they are compared with, so that both see the same machine.

mod agent;
mod disk;
mod figures;
mod governor;
mod ledger;
mod machine;
mod rounds;
mod tool_server;
mod wire;

use std::{
    fs,
    io::Write as _,
    path::{Path, PathBuf},
    process::ExitCode,
};

use anyhow::Context as _;

fn main() -> ExitCode {
    let mut words = std::env::args_os().skip(1).map(PathBuf::from);
    let (Some(program), Some(folder)) = (words.next(), words.next()) else {
        tell("say `lane PROGRAM FOLDER`");
        return ExitCode::from(2);
    };
    match measure(&program, &folder) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            tell(&format!("lane: {error:#}"));
            ExitCode::from(1)
        }
    }
}

fn measure(program: &Path, folder: &Path) -> anyhow::Result<()> {
    let program = program.canonicalize().context("there is no such program")?;
    fs::create_dir(folder).context("the folder cannot be made")?;
    let folder = folder.canonicalize()?;
    let measured = rounds::run(&program, &folder);
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
