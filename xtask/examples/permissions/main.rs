//! Measures what it costs to read logs and to hold grants beside them:
//! `permissions PROGRAM FOLDER [duckdb=ENVIRONMENT] [trailscraper=ENVIRONMENT]`.
//!
//! Prints the metrics as one JSON object, and on standard error how far the runs lay apart. The events are made in
//! `FOLDER` of the data that `BAILIWICK_DATA` names, by default `../shared/data`.

mod child;
mod events;
#[path = "../shared/figures.rs"]
#[cfg_attr(
    not(test),
    expect(dead_code, reason = "times are no figures here, and other benchmarks have them")
)]
mod figures;
#[path = "../shared/machine.rs"]
mod machine;
mod rounds;
mod unused;

use std::{ffi::OsString, fs, io::Write as _, path::Path, process::ExitCode};

use anyhow::Context as _;

fn main() -> ExitCode {
    let words: Vec<OsString> = std::env::args_os().skip(1).collect();
    let done = match words.as_slice() {
        [unused, events, patterns] if unused == "--unused" => {
            unused::measure(events.as_ref(), patterns.as_ref())
        }
        [program, folder, peers @ ..] => measure(program.as_ref(), folder.as_ref(), peers),
        _ => {
            tell(
                "say `permissions PROGRAM FOLDER [duckdb=ENVIRONMENT] [trailscraper=ENVIRONMENT]`",
            );
            return ExitCode::from(2);
        }
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            tell(&format!("permissions: {error:#}"));
            ExitCode::from(1)
        }
    }
}

fn measure(program: &Path, folder: &Path, peers: &[OsString]) -> anyhow::Result<()> {
    let program = program.canonicalize().context("there is no such program")?;
    fs::create_dir(folder).context("the folder cannot be made")?;
    let folder = folder.canonicalize()?;
    tell(&format!("    {}; load {}", machine::described(&folder), machine::load()));
    let measured = rounds::run(&program, &folder, peers);
    fs::remove_dir_all(&folder).context("the folder cannot be cleared away")?;
    let measured = measured?;
    for (name, spread) in &measured {
        tell(&format!("    {name}: {spread}"));
    }
    tell(&format!("    load {}", machine::load()));
    let metrics: Vec<_> =
        measured.into_iter().filter(|(name, _)| rounds::METRICS.contains(&name.as_str())).collect();
    let object = figures::object(&metrics).context("a metric is no number")?;
    Ok(writeln!(std::io::stdout(), "{object}")?)
}

/// Prints a line about progress.
fn tell(line: &str) {
    let _ = writeln!(std::io::stderr(), "{line}");
}
