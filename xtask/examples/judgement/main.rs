//! Measures what judgement costs, in process beside plain Cedar: `judgement`.
//!
//! Prints the metrics as one JSON object, and on standard error how far the runs lay apart.

mod clock;
#[path = "../shared/figures.rs"]
#[cfg_attr(not(test), expect(dead_code, reason = "the other benchmark counts calls"))]
mod figures;
mod inside;
#[path = "../shared/machine.rs"]
mod machine;
mod measured;

use std::{io::Write as _, path::Path, process::ExitCode};

use anyhow::Context as _;

use crate::measured::Measured;

const ROUNDS: usize = 5;

fn main() -> ExitCode {
    match measure() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            tell(&format!("judgement: {error:#}"));
            ExitCode::from(1)
        }
    }
}

fn measure() -> anyhow::Result<()> {
    let here = Path::new(".").canonicalize()?;
    tell(&format!("    {}; load {}", machine::described(&here), machine::load()));
    let mut measured = Measured::default();
    inside::run(ROUNDS, &mut measured)?;
    for (name, spread) in measured.all() {
        tell(&format!("    {name}: {spread}"));
    }
    tell(&format!("    load {}", machine::load()));
    let object = figures::object(&measured.metrics()).context("a metric is no number")?;
    writeln!(std::io::stdout(), "{object}")?;
    Ok(())
}

/// Prints a line about progress.
fn tell(line: &str) {
    let _ = writeln!(std::io::stderr(), "{line}");
}
