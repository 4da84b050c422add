//! Measures what tokens cost: `tokens PROGRAM FOLDER`.
//!
//! In process it is the very code that the program runs; over HTTP it is the program. Prints the metrics as
//! one JSON object, and on standard error how far the runs lay apart.

#[path = "../judgement/clock.rs"]
mod clock;
#[path = "../shared/figures.rs"]
#[cfg_attr(not(test), expect(dead_code, reason = "the other measurements use what is left"))]
mod figures;
#[path = "../shared/house.rs"]
#[expect(dead_code, reason = "the other measurements use what is left")]
mod house;
mod inside;
mod outside;
#[path = "../shared/processes.rs"]
#[cfg_attr(not(test), expect(dead_code, reason = "the other measurements use what is left"))]
mod processes;
mod proof;
#[path = "../leases/rows.rs"]
#[cfg_attr(not(test), expect(dead_code, reason = "the other measurements use what is left"))]
mod rows;
#[path = "../shared/wire.rs"]
#[cfg_attr(not(test), expect(dead_code, reason = "the other measurements use what is left"))]
mod wire;

use std::{ffi::OsString, fs, io::Write as _, path::Path};

use anyhow::Context as _;

use crate::rows::Rows;

const ROUNDS: usize = 7;

fn main() -> anyhow::Result<()> {
    let words: Vec<OsString> = std::env::args_os().skip(1).collect();
    let [program, folder, ..] = words.as_slice() else {
        anyhow::bail!("say `tokens PROGRAM FOLDER`");
    };
    let program = Path::new(program).canonicalize().context("there is no such program")?;
    fs::create_dir(folder).context("the folder cannot be made")?;
    let folder = Path::new(folder).canonicalize()?;
    let mut rows = Rows::default();
    for round in 0..ROUNDS {
        for (name, figure) in inside::round(&folder.join(round.to_string()))? {
            rows.add(name, figure);
        }
        outside::round(&program, &folder.join(format!("house-{round}")), &mut rows)?;
    }
    fs::remove_dir_all(&folder).context("the folder cannot be cleared away")?;
    let object = figures::object(&rows.told()?).context("a metric is no number")?;
    writeln!(std::io::stdout(), "{object}")?;
    Ok(())
}

/// Prints a line about progress.
fn tell(line: &str) {
    let _ = writeln!(std::io::stderr(), "{line}");
}
